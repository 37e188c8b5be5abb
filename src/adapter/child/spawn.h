/* spawn.h - starts this program again as a child that has nothing of the server but what it is given. Internal to adapter/child. Thread-safe.
 *
 * The child's descriptors: 0 /dev/null, 1 and 2 the server's standard error, 3 and 4 what the caller hands over; all others must be close-on-exec.
 * Its environment is a short list (the server's holds secrets), its signals are the usual ones, and it is a process group of its own. */
#ifndef INGOT_ADAPTER_CHILD_SPAWN_H
#define INGOT_ADAPTER_CHILD_SPAWN_H

#include <sys/types.h>

enum { SPAWN_FD_A = 3, SPAWN_FD_B = 4, SPAWN_KEPT_FDS = 5 };

/* 0 or an errno. `argv` ends with NULL; `fd_a` and `fd_b` stay the caller's and are 5 or more. The caller reaps *ret_pid. */
int spawn_self(char *const *argv, int fd_a, int fd_b, pid_t *ret_pid);

#endif
