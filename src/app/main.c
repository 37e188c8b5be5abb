/* main.c - the program's entry: signals that must not kill it, fault points for tests, then the command line,
 * unless this process was started to host an engine. */
#include <locale.h>
#include <signal.h>

#include "adapter/child/child.h"
#include "app/backends.h"
#include "app/command.h"
#include "base/fault.h"

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    setlocale(LC_ALL, "C");
    fault_setup();
    if (child_is_host(argc, argv))
        return child_host_main(argc, argv, backend_guests);
    return command_main(argc - 1, argv + 1);
}
