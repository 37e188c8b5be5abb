/* main.c - the program's entry: signals that must not kill it, fault points for tests, then the command line. */
#include <locale.h>
#include <signal.h>

#include "app/command.h"
#include "base/fault.h"

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    setlocale(LC_ALL, "C");
    fault_setup();
    return command_main(argc - 1, argv + 1);
}
