#include "app/run_watcher.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/run_tracked.h"
#include "base/limits.h"

#define GRACE_MS 10000                 /* from SIGTERM to SIGKILL */
#define RUNS (LIMIT_RUNNER_JOBS + 1)   /* and that of the pipeline */

/* What goes through the pipe; writes of up to PIPE_BUF bytes arrive whole. */
struct message {
    char run_id[64], spool[2048];
    int64_t from, process;
    bool ended;
};
static_assert(sizeof(struct message) <= PIPE_BUF, "a message is one write");

struct watched {
    struct message m;
    int pidfd; /* -1: none yet */
};

/* The group is stopped only while its leader lives: a pid that was given anew is never hit. */
static void group_stop(const struct watched *w, int sig, int wait_ms)
{
    struct pollfd p = {.fd = w->pidfd, .events = POLLIN};
    if (w->pidfd >= 0 && poll(&p, 1, wait_ms) == 0)
        kill((pid_t)-w->m.process, sig);
}

static void watched_update(struct watched *list, size_t *len, const struct message *m)
{
    size_t i = 0;
    while (i < *len && strcmp(list[i].m.run_id, m->run_id))
        i++;
    if (i == *len) {
        if (m->ended || *len == RUNS)
            return;
        list[(*len)++] = (struct watched){.pidfd = -1};
    }
    if (m->ended) {
        if (list[i].pidfd >= 0)
            close(list[i].pidfd);
        list[i] = list[--*len];
        return;
    }
    list[i].m = *m;
    if (m->process > 0 && list[i].pidfd < 0)
        list[i].pidfd = (int)syscall(SYS_pidfd_open, (pid_t)m->process, 0);
}

static void take_over(const struct watched *list, size_t len, const struct tracked_config *config)
{
    for (size_t i = 0; i < len; i++)
        group_stop(&list[i], SIGTERM, 0);
    for (size_t i = 0; i < len; i++)
        group_stop(&list[i], SIGKILL, GRACE_MS);
    for (size_t i = len; i > 0; i--) { /* the pipeline's own run, which came first, ends last */
        struct op op;
        op_init(&op, arena_create(LIMIT_COMMAND_ARENA));
        tracked_take_over(&op, config, str_from(list[i - 1].m.run_id), list[i - 1].m.spool, list[i - 1].m.from);
        arena_destroy(op.arena);
    }
}

static void watcher_main(int fd, const struct tracked_config *config)
{
    struct watched *list = calloc(RUNS, sizeof *list);
    struct message m;
    size_t len = 0;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; i < 3 && null >= 0; i++)
        dup2(null, i); /* whoever reads our caller's output must not wait for us */
    setsid();
    for (;;) {
        ssize_t n = read(fd, &m, sizeof m);
        if (n < 0 && errno == EINTR)
            continue;
        if (n != (ssize_t)sizeof m)
            break;
        if (list)
            watched_update(list, &len, &m);
    }
    if (len)
        take_over(list, len, config);
    _exit(0);
}

void run_watcher_start(struct run_watcher *w, const struct tracked_config *config)
{
    int fds[2];
    *w = (struct run_watcher){.fd = -1};
    if (pipe2(fds, O_CLOEXEC))
        return;
    w->pid = fork();
    if (w->pid == 0) {
        close(fds[1]);
        watcher_main(fds[0], config);
    }
    close(fds[0]);
    w->fd = fds[1];
}

static void message_send(struct run_watcher *w, struct str run_id, const char *spool, int64_t from, int64_t process, bool ended)
{
    struct message m = {.from = from, .process = process, .ended = ended};
    if (!w || w->fd < 0 || w->pid <= 0)
        return;
    snprintf(m.run_id, sizeof m.run_id, "%.*s", STR_FMT(run_id));
    snprintf(m.spool, sizeof m.spool, "%s", spool);
    ssize_t n = write(w->fd, &m, sizeof m);
    (void)n; /* it may be gone, which changes nothing here: SIGPIPE is ignored by those who have one */
}

void run_watcher_tell(struct run_watcher *w, struct str run_id, const char *spool, int64_t from, int64_t process)
{
    message_send(w, run_id, spool, from, process, false);
}

void run_watcher_forget(struct run_watcher *w, struct str run_id)
{
    message_send(w, run_id, "", 0, 0, true);
}

void run_watcher_stop(struct run_watcher *w)
{
    if (w->fd < 0)
        return;
    close(w->fd);
    w->fd = -1;
    while (w->pid > 0 && waitpid(w->pid, NULL, 0) < 0 && errno == EINTR) {
    }
}
