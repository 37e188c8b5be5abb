/* main.c - the program's entry: signals that must not kill it, fault points for tests, then the command line,
 * unless this process was started to host an engine or to run an errand. */
#include <locale.h>
#include <signal.h>

#include "adapter/child/child.h"
#include "adapter/child/errand.h"
#include "app/backends.h"
#include "app/command.h"
#include "app/rows_reader.h"
#include "base/fault.h"

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    setlocale(LC_ALL, "C");
    fault_setup();
    if (child_is_host(argc, argv))
        return child_host_main(argc, argv, backend_guests);
    if (errand_is(argc, argv))
        return errand_main(argc, argv, backend_errands);
    return command_main(argc - 1, argv + 1);
}
