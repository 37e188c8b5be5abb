/* jail.h - what a child gives up before it reads a model: other files than the two it was given, more memory than it is allowed,
 * the network, writing files, starting programs, looking into other processes, and living longer than the server. */
#ifndef INGOT_ADAPTER_CHILD_JAIL_H
#define INGOT_ADAPTER_CHILD_JAIL_H

#include "base/op.h"

/* For the calling process, for good. `parent_pid`: the server's; `keep_fds`: descriptors 0 .. keep_fds - 1 stay open. memory_bytes: of
 * private memory; 0 = no limit. E_IO: the kernel refuses the base of it; a kernel without seccomp is passed over. */
MUST_USE enum err jail_enter(struct op *op, int parent_pid, int keep_fds, size_t memory_bytes);
/* No file is opened any more: after the engine's library was loaded, before the model is. */
void jail_close_files(void);
/* No file is opened any more but the one open at `fd`, and that for reading (Landlock; a kernel without it is passed over). Of the calling
 * thread and those that it starts later: before a library makes threads. True when it holds. */
bool jail_keep_file(int fd);
/* True when system calls are filtered. */
bool jail_filters(void);

#endif
