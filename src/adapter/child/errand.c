/* The answer is one byte, an enum err, the length of the text in eight, and the text. An answer that is shorter than it says comes of a child that died.
 * Nothing is trusted on the way back: the length is checked against the reader's own limit, and of the errors only those that a file can cause. */
#include "adapter/child/errand.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapter/child/jail.h"
#include "adapter/child/spawn.h"
#include "base/limits.h"
#include "base/time.h"

enum { LOOK_MS = 100 /* between two looks at who asked */, HEAD_BYTES = 9 };

#define FILE_PATH "/proc/self/fd/4" /* SPAWN_FD_B, as a path */

struct answer_head {
    unsigned char bytes[HEAD_BYTES];
    size_t got;
};

/* ---- the gate ---- */

void errand_gate_init(struct errand_gate *g, unsigned max_running, unsigned max_waiting, int64_t wait_ms)
{
    *g = (struct errand_gate){.max_running = max_running, .max_waiting = max_waiting, .wait_ms = wait_ms};
    mutex_init(&g->lock);
    cond_init(&g->changed);
}

void errand_gate_clear(struct errand_gate *g)
{
    cond_clear(&g->changed);
    mutex_clear(&g->lock);
}

static enum err gate_enter(struct op *op, struct errand_gate *g)
{
    LOCK(&g->lock);
    if (g->running >= g->max_running && g->waiting >= g->max_waiting)
        return op_fail(op, E_BUSY, "%u files are being read and %u wait already: try again", g->running, g->waiting);
    int64_t until_ms = time_mono_ms() + g->wait_ms;
    if (op->deadline_ms && op->deadline_ms < until_ms)
        until_ms = op->deadline_ms;
    enum err e = OK;
    g->waiting++;
    while (!e && g->running >= g->max_running) {
        int64_t left_ms = until_ms - time_mono_ms();
        if (op_is_gone(op))
            e = op_fail(op, E_CANCELLED, "nobody waits for the answer");
        else if (left_ms <= 0)
            e = op_fail(op, E_BUSY, "%u files are being read, and none was done in time: try again", g->running);
        else
            (void)cond_wait_ms(&g->changed, &g->lock, left_ms < LOOK_MS ? left_ms : LOOK_MS);
    }
    g->waiting--;
    if (!e)
        g->running++;
    return e;
}

static void gate_leave(struct errand_gate *g)
{
    LOCK(&g->lock);
    g->running--;
    cond_signal(&g->changed);
}

/* ---- the server's side ---- */

static enum err start(struct op *op, const struct errand *e, int *ret_pipe, pid_t *ret_pid)
{
    char program[] = "ingot", word[] = "errand", kind[32], parent[16], memory[24], a[24], b[24];
    char *argv[] = {program, word, kind, parent, memory, a, b, NULL};
    snprintf(kind, sizeof kind, "%s", e->kind);
    snprintf(parent, sizeof parent, "%d", getpid());
    snprintf(memory, sizeof memory, "%zu", e->memory_bytes);
    snprintf(a, sizeof a, "%lld", (long long)e->a);
    snprintf(b, sizeof b, "%lld", (long long)e->b);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return op_fail_errno(op, "a pipe");
    int out = fcntl(ends[1], F_DUPFD_CLOEXEC, 10), file = fcntl(e->file_fd, F_DUPFD_CLOEXEC, 10); /* out of the way of 3 and 4 */
    int failed = out < 0 || file < 0 ? errno : spawn_self(argv, out, file, ret_pid);
    close(ends[1]);
    if (out >= 0)
        close(out);
    if (file >= 0)
        close(file);
    if (failed) {
        close(ends[0]);
        errno = failed;
        return op_fail_errno(op, "start a process that reads the file");
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    *ret_pipe = ends[0];
    return OK;
}

static size_t head_length(const struct answer_head *h)
{
    uint64_t n = 0;
    memcpy(&n, h->bytes + 1, sizeof n);
    return n > SIZE_MAX / 2 ? SIZE_MAX / 2 : (size_t)n;
}

/* Reads what is there. Returns false at the end of the pipe. */
static bool pipe_read(int fd, struct answer_head *h, struct buf *ret)
{
    char text[16384];
    ssize_t n = read(fd, text, sizeof text);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    size_t used = 0;
    for (; h->got < HEAD_BYTES && used < (size_t)n; used++)
        h->bytes[h->got++] = (unsigned char)text[used];
    buf_add(ret, text + used, (size_t)n - used);
    return n > 0;
}

static enum err answer_wait(struct op *op, const struct errand *e, int fd, size_t before, struct answer_head *h, struct buf *ret)
{
    int64_t until_ms = time_mono_ms() + e->timeout_ms;
    if (op->deadline_ms && op->deadline_ms < until_ms)
        until_ms = op->deadline_ms;
    for (;;) {
        int64_t left_ms = until_ms - time_mono_ms();
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (left_ms <= 0)
            return op_fail(op, E_TIMEOUT, "the file took longer than %lld ms to read", (long long)e->timeout_ms);
        if (op_is_gone(op))
            return op_fail(op, E_CANCELLED, "nobody waits for the answer");
        int n = poll(&p, 1, (int)(left_ms < LOOK_MS ? left_ms : LOOK_MS));
        if (n > 0 && !pipe_read(fd, h, ret))
            return OK;
        if (h->got == HEAD_BYTES && !ret->failed && ret->len - before == head_length(h))
            return OK;
        if (ret->failed || (h->got == HEAD_BYTES && ret->len - before > head_length(h)))
            return op_fail(op, E_TOO_LARGE, "these rows are too large: ask for fewer");
    }
}

/* What the child says, or how it died. `text` is all that came after the head. */
static enum err answer_judge(struct op *op, const struct answer_head *h, struct str text, int status)
{
    static const enum err possible[] = {E_INVALID, E_NOT_FOUND, E_TOO_LARGE, E_UNSUPPORTED};
    if (h->got < HEAD_BYTES || text.len < head_length(h)) {
        if (WIFSIGNALED(status))
            return op_fail(op, E_INVALID, "the file ended the process that read it (signal %d)", WTERMSIG(status));
        return op_fail(op, E_INVALID, "the file ended the process that read it (status %d)", WEXITSTATUS(status));
    }
    if (!h->bytes[0])
        return OK;
    for (size_t i = 0; i < ARRAY_LEN(possible); i++)
        if (possible[i] == (enum err)h->bytes[0])
            return op_fail(op, possible[i], "%.*s", STR_FMT(str_sub(text, 0, LIMIT_KIB(4))));
    return op_fail(op, E_IO, "the process that reads the file: %.*s", STR_FMT(str_sub(text, 0, LIMIT_KIB(4))));
}

static enum err run(struct op *op, const struct errand *e, struct buf *ret)
{
    struct answer_head head = {.got = 0};
    size_t before = ret->len;
    pid_t pid = 0, reaped;
    int fd = -1, status = 0;
    enum err failed = start(op, e, &fd, &pid);
    if (failed)
        return failed;
    failed = answer_wait(op, e, fd, before, &head, ret);
    close(fd);
    kill(pid, SIGKILL); /* it has said all that it will; what it died of before stays its status */
    do {
        reaped = waitpid(pid, &status, 0);
    } while (reaped < 0 && errno == EINTR);
    if (!failed)
        failed = answer_judge(op, &head, str_sub(buf_str(ret), before, SIZE_MAX), status);
    if (failed && !ret->failed)
        ret->len = before;
    return failed;
}

enum err errand_run(struct op *op, struct errand_gate *g, const struct errand *e, struct buf *ret)
{
    enum err failed = gate_enter(op, g);
    if (failed)
        return failed;
    failed = run(op, e, ret);
    gate_leave(g);
    return failed;
}

/* ---- the child's side ---- */

bool errand_is(int argc, char **argv)
{
    return argc == 7 && strcmp(argv[1], "errand") == 0;
}

static bool write_all(const void *p, size_t n)
{
    const char *at = p;
    while (n) {
        ssize_t done = write(SPAWN_FD_A, at, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        at += done;
        n -= (size_t)done;
    }
    return true;
}

static _Noreturn void answer(enum err e, struct str text)
{
    unsigned char head[HEAD_BYTES] = {(unsigned char)e};
    uint64_t n = text.len;
    memcpy(head + 1, &n, sizeof n);
    bool told = write_all(head, sizeof head) && write_all(text.p, text.len);
    _exit(told ? 0 : 1); /* no destructor of a foreign library runs */
}

int errand_main(int argc, char **argv, const struct errand_kind *kinds)
{
    struct op op;
    int64_t parent = 0, a = 0, b = 0;
    uint64_t memory = 0;
    struct buf out;
    op_init(&op, arena_create(LIMIT_COMMAND_ARENA));
    while (errand_is(argc, argv) && kinds->name && strcmp(kinds->name, argv[2]) != 0)
        kinds++;
    if (!errand_is(argc, argv) || !kinds->name || !str_parse_i64(str_from(argv[3]), &parent) || !str_parse_u64(str_from(argv[4]), &memory) ||
        !str_parse_i64(str_from(argv[5]), &a) || !str_parse_i64(str_from(argv[6]), &b)) {
        fputs("errand is started by the server, not by hand\n", stderr);
        arena_destroy(op.arena);
        return 2;
    }
    prctl(PR_SET_NAME, "ingot-errand", 0, 0, 0);
    enum err e = jail_enter(&op, (int)parent, SPAWN_KEPT_FDS, (size_t)memory);
    if (!e && kinds->prepare)
        e = kinds->prepare(&op, FILE_PATH);
    buf_init(&out, LIMIT_ERRAND_ANSWER_BYTES);
    jail_keep_file(SPAWN_FD_B);
    if (!e)
        e = kinds->run(&op, FILE_PATH, a, b, &out);
    if (!e && out.failed)
        e = op_fail(&op, E_TOO_LARGE, "these rows are too large: ask for fewer");
    answer(e, e ? str_from(op.msg) : buf_str(&out));
}
