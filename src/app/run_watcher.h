/* run_watcher.h - a process that outlives us: when we are gone without having said so, by SIGKILL or a crash, it stops what we had
 * started, sends what was printed and not yet sent, and ends the runs as KILLED. It learns of our end from a pipe that the kernel
 * closes, so there is nothing that we could forget to do. One thread. */
#ifndef INGOT_APP_RUN_WATCHER_H
#define INGOT_APP_RUN_WATCHER_H

#include <sys/types.h>

#include "base/op.h"

struct tracked_config;
struct run_watcher {
    int fd; /* our end of the pipe, or -1: there is none, and runs go on all the same */
    pid_t pid;
};
/* Forks, so before any thread, client or library was begun. `config` and its texts stand from now on. */
void run_watcher_start(struct run_watcher *w, const struct tracked_config *config);
/* A run that is ours to end. Told again with what is known by then: `spool` "" and `process` 0 until it has them. `w` NULL: nothing happens. */
void run_watcher_tell(struct run_watcher *w, struct str run_id, const char *spool, int64_t from, int64_t process);
/* It has ended. */
void run_watcher_forget(struct run_watcher *w, struct str run_id);
/* We end in good order. */
void run_watcher_stop(struct run_watcher *w);

#endif
