/* local_runner.c - children by posix_spawn, waited for through pidfds (Linux 5.3).
 *
 * posix_spawn (vfork inside) costs the same whatever the size of our address space, and reports a failed
 * exec or chdir as an errno to the parent. A pidfd becomes readable when the child ends, so any number of
 * children are one poll(2), and there is no SIGCHLD handler to share with the rest of the process.
 *
 * Invariant: a pid is signalled only under the handle's lock and before it was reaped. The zombie keeps the
 * pid and the process group id from being reused until wait4, so no signal can reach a stranger. */
#include "adapter/local/local_runner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/thread.h"
#include "base/time.h"

/* A cancel from another thread is noticed by the waiting one within this time. */
#define POLL_SLICE_MS 100
/* Between the SIGTERM of a timeout and its SIGKILL. */
#define TIMEOUT_GRACE_MS 2000

struct child {
    struct mutex lock; /* guards what follows up to `status` */
    pid_t pid;
    int pidfd;
    bool reaped, timed_out, stopping;
    int64_t kill_at_ms; /* 0: no SIGKILL is due */
    struct runner_status status;
    int64_t started_ns;
    int64_t deadline_ms; /* 0: none; fixed at the start */
};

static char **strings_dup(struct op *op, const struct str *items, size_t n)
{
    char **list = arena_array(op->arena, n + 1, char *);
    if (!list)
        return NULL;
    for (size_t i = 0; i < n; i++)
        list[i] = str_cstr(op->arena, items[i]);
    return list;
}

static int actions_fill(posix_spawn_file_actions_t *fa, const char *cwd, int log_fd)
{
    int rc = posix_spawn_file_actions_addopen(fa, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!rc)
        rc = posix_spawn_file_actions_adddup2(fa, log_fd, STDOUT_FILENO);
    if (!rc)
        rc = posix_spawn_file_actions_adddup2(fa, log_fd, STDERR_FILENO);
    if (!rc && cwd)
        rc = posix_spawn_file_actions_addchdir_np(fa, cwd);
    return rc;
}

/* Own process group, default signal actions, nothing blocked: the child must not inherit how a server
 * treats SIGPIPE or SIGTERM. */
static int attr_fill(posix_spawnattr_t *attr)
{
    sigset_t all, none;
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    sigemptyset(&none);
    int rc = posix_spawnattr_setpgroup(attr, 0);
    if (!rc)
        rc = posix_spawnattr_setsigdefault(attr, &all);
    if (!rc)
        rc = posix_spawnattr_setsigmask(attr, &none);
    if (!rc)
        rc = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    return rc;
}

static enum err spawn(struct op *op, const struct runner_job *job, int log_fd, pid_t *ret_pid)
{
    char **argv = strings_dup(op, job->argv, job->argc);
    char **env = strings_dup(op, job->env, job->env_len);
    if (!argv || !env)
        return op_fail(op, E_TOO_LARGE, "job '%.*s': too many arguments", STR_FMT(job->name));
    const char *cwd = job->cwd.len ? str_cstr(op->arena, job->cwd) : NULL;
    posix_spawn_file_actions_t fa;
    posix_spawnattr_t attr;
    posix_spawn_file_actions_init(&fa);
    posix_spawnattr_init(&attr);
    int rc = actions_fill(&fa, cwd, log_fd);
    if (!rc)
        rc = attr_fill(&attr);
    if (!rc)
        rc = posix_spawnp(ret_pid, argv[0], &fa, &attr, argv, env);
    posix_spawn_file_actions_destroy(&fa);
    posix_spawnattr_destroy(&attr);
    if (!rc)
        return OK;
    errno = rc;
    return op_fail_errno(op, "start '%s' in '%s'", argv[0], cwd ? cwd : ".");
}

/* Never one of the three standard descriptors, which a parent may have closed: the child opens those anew, in this order. */
static int log_open(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0 || fd > STDERR_FILENO)
        return fd;
    int high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), saved = errno;
    close(fd);
    errno = saved;
    return high;
}

static enum err local_submit(void *self, struct op *op, const struct runner_job *job, void **ret_handle)
{
    (void)self;
    const char *log = job->log_path.len ? str_cstr(op->arena, job->log_path) : "/dev/null";
    int log_fd = log_open(log);
    if (log_fd < 0)
        return op_fail_errno(op, "open log '%s'", log);
    struct child *c = calloc(1, sizeof(*c));
    if (!c)
        abort();
    c->started_ns = time_mono_ns();
    enum err e = spawn(op, job, log_fd, &c->pid);
    close(log_fd);
    if (e) {
        free(c);
        return e;
    }
    mutex_init(&c->lock);
    c->deadline_ms = job->timeout_ms ? time_mono_ms() + job->timeout_ms : 0;
    c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
    if (c->pidfd < 0) {
        int saved = errno;
        kill(-c->pid, SIGKILL);
        while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        mutex_clear(&c->lock);
        free(c);
        errno = saved;
        return op_fail_errno(op, "watch job '%.*s'", STR_FMT(job->name));
    }
    *ret_handle = c;
    return OK;
}

static int64_t timeval_us(struct timeval t)
{
    return (int64_t)t.tv_sec * TIME_US_PER_S + (int64_t)t.tv_usec;
}

/* Takes the exit status of a child that ended (or waits for it). The lock is held. */
static void child_reap(struct child *c)
{
    int st = 0;
    struct rusage ru = {0};
    if (c->stopping || c->timed_out)
        kill(-c->pid, SIGKILL); /* the rest of a group whose leader gave in to SIGTERM */
    pid_t got;
    while ((got = wait4(c->pid, &st, 0, &ru)) < 0 && errno == EINTR) {
    }
    c->reaped = true;
    struct runner_status *s = &c->status;
    s->wall_us = (time_mono_ns() - c->started_ns) / 1000;
    s->cpu_us = timeval_us(ru.ru_utime) + timeval_us(ru.ru_stime);
    s->max_rss_bytes = (int64_t)ru.ru_maxrss * 1024;
    if (got < 0) {
        s->state = RUNNER_LOST; /* somebody else reaped it */
    } else if (c->timed_out) {
        s->state = RUNNER_TIMED_OUT;
        s->code = SIGTERM;
    } else if (WIFSIGNALED(st)) {
        s->state = RUNNER_SIGNALLED;
        s->code = WTERMSIG(st);
    } else {
        s->state = RUNNER_EXITED;
        s->code = WEXITSTATUS(st);
    }
}

/* Signals that are due by now; returns when the next one will be (INT64_MAX: none). */
static int64_t child_tick(struct child *c, int64_t now_ms)
{
    LOCK(&c->lock);
    if (c->reaped)
        return INT64_MAX;
    if (c->deadline_ms && !c->timed_out && !c->stopping && now_ms >= c->deadline_ms) {
        c->timed_out = true;
        c->kill_at_ms = now_ms + TIMEOUT_GRACE_MS;
        kill(-c->pid, SIGTERM);
    }
    if (c->kill_at_ms && now_ms >= c->kill_at_ms) {
        c->kill_at_ms = 0;
        kill(-c->pid, SIGKILL);
    }
    if (c->kill_at_ms)
        return c->kill_at_ms;
    return c->deadline_ms && !c->timed_out && !c->stopping ? c->deadline_ms : INT64_MAX;
}

static bool child_take(struct child *c, bool ended, struct runner_status *ret)
{
    LOCK(&c->lock);
    if (!c->reaped && ended)
        child_reap(c);
    if (c->reaped)
        *ret = c->status;
    return c->reaped;
}

static enum err local_wait_any(void *self, struct op *op, void **handles, size_t n, int64_t timeout_ms,
                               size_t *ret_index, struct runner_status *ret)
{
    (void)self;
    struct pollfd fds[LIMIT_RUNNER_JOBS];
    if (n > LIMIT_RUNNER_JOBS)
        return op_fail(op, E_TOO_LARGE, "%zu jobs are too many to wait for; at most %d", n, LIMIT_RUNNER_JOBS);
    for (size_t i = 0; i < n; i++)
        fds[i] = (struct pollfd){.fd = ((struct child *)handles[i])->pidfd, .events = POLLIN};
    int64_t end_ms = timeout_ms > INT64_MAX / 2 ? INT64_MAX : time_mono_ms() + timeout_ms;
    for (;;) {
        int64_t now_ms = time_mono_ms();
        int64_t next_ms = now_ms + POLL_SLICE_MS < end_ms ? now_ms + POLL_SLICE_MS : end_ms;
        for (size_t i = 0; i < n; i++) {
            int64_t due_ms = child_tick(handles[i], now_ms);
            next_ms = due_ms < next_ms ? due_ms : next_ms;
        }
        int wait_ms = next_ms > now_ms ? (int)(next_ms - now_ms) : 0;
        if (poll(fds, (nfds_t)n, wait_ms) < 0 && errno != EINTR)
            return op_fail_errno(op, "wait for %zu jobs", n);
        for (size_t i = 0; i < n; i++) {
            if (child_take(handles[i], fds[i].revents != 0, ret)) {
                *ret_index = i;
                return OK;
            }
        }
        if (time_mono_ms() >= end_ms || op_check_deadline(op)) {
            *ret_index = SIZE_MAX;
            return op->err;
        }
    }
}

static void local_cancel(void *self, void *handle, int64_t grace_ms)
{
    (void)self;
    struct child *c = handle;
    LOCK(&c->lock);
    if (c->reaped)
        return;
    c->stopping = true;
    c->kill_at_ms = time_mono_ms() + grace_ms;
    kill(-c->pid, grace_ms > 0 ? SIGTERM : SIGKILL);
}

static void local_release(void *self, void *take_handle)
{
    (void)self;
    struct child *c = take_handle;
    mutex_lock(&c->lock);
    if (!c->reaped) {
        c->stopping = true;
        child_reap(c);
    }
    mutex_unlock(&c->lock);
    close(c->pidfd);
    mutex_clear(&c->lock);
    free(c);
}

static void local_close(void *self)
{
    (void)self;
}

static int64_t local_process(void *self, void *handle)
{
    (void)self;
    const struct child *c = handle;
    return c->pid; /* never changes once the handle is there */
}

static const struct runner_ops local_ops = {
    .name = "local",
    .submit = local_submit,
    .wait_any = local_wait_any,
    .cancel = local_cancel,
    .release = local_release,
    .close = local_close,
    .process = local_process,
};

struct runner local_runner(void)
{
    return (struct runner){.ops = &local_ops, .self = NULL};
}
