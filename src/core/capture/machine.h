/* machine.h - what a machine is: facts that do not change while a run goes on. Reads /proc and /etc/os-release; what cannot be
 * read is "" or 0. Texts live in op's arena. Never fails. */
#ifndef INGOT_CORE_CAPTURE_MACHINE_H
#define INGOT_CORE_CAPTURE_MACHINE_H

#include "base/op.h"

struct capture_machine {
    struct str host;      /* its name */
    struct str os;        /* "Debian GNU/Linux 12 (bookworm)" */
    struct str kernel;    /* "Linux 6.1.0 x86_64" */
    struct str cpu;       /* "Intel(R) Xeon(R) ..." */
    int cpus;             /* that this process may use */
    int64_t memory_bytes;
};
/* `root` is "" but in tests: a folder that holds proc/ and etc/. */
void capture_machine_read(struct op *op, const char *root, struct capture_machine *ret);

#endif
