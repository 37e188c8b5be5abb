/* Processes that do one thing: what they answer, how they die, what they may not do, and how many there are. */
#include <fcntl.h>
#include <linux/landlock.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "adapter/child/errand.h"
#include "adapter/child/spawn.h"
#include "base/limits.h"
#include "base/thread.h"
#include "base/time.h"

enum { LONG_MS = 120000 }; /* what ends sooner ends for another reason */

/* ---- what the children do ---- */

static enum err echo_run(struct op *op, const char *path, int64_t a, int64_t b, struct buf *out)
{
    char text[64] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof text - 1) < 0)
        return op_fail_errno(op, "the file");
    close(fd);
    buf_addf(out, "%s %lld %lld", text, (long long)a, (long long)b);
    return OK;
}

static enum err refuse_run(struct op *op, const char *path, int64_t a, int64_t b, struct buf *out)
{
    (void)path, (void)b, (void)out;
    return op_fail(op, (enum err)a, "not this one");
}

static enum err crash_run(struct op *op, const char *path, int64_t a, int64_t b, struct buf *out)
{
    (void)op, (void)path, (void)b, (void)out;
    if (a)
        _exit((int)a);
    signal(SIGABRT, SIG_DFL);
    abort();
}

static _Noreturn enum err hang_run(struct op *op, const char *path, int64_t a, int64_t b, struct buf *out)
{
    (void)op, (void)path, (void)a, (void)b, (void)out;
    for (;;)
        pause();
}

static enum err large_run(struct op *op, const char *path, int64_t a, int64_t b, struct buf *out)
{
    (void)op, (void)path, (void)b;
    for (int64_t i = 0; i < a; i++)
        buf_add_char(out, 'x');
    return OK;
}

/* Answers behind the back of its host: `a` is the code, `b` the length it tells, and 3 bytes follow. */
static enum err lie_run(struct op *op, const char *path, int64_t a, int64_t b, struct buf *out)
{
    (void)op, (void)path, (void)out;
    unsigned char head[12] = {(unsigned char)a, 0, 0, 0, 0, 0, 0, 0, 0, 'a', 'b', 'c'};
    memcpy(head + 1, &b, sizeof b);
    _exit(write(SPAWN_FD_A, head, sizeof head) < 0);
}

/* What it may still do: a letter each. */
static enum err reach_run(struct op *op, const char *path, int64_t a, int64_t b, struct buf *out)
{
    char memory[64];
    (void)op, (void)path, (void)b;
    snprintf(memory, sizeof memory, "/proc/%d/mem", (int)a);
    const char *const files[] = {"/etc/passwd", memory, "/proc/self/maps"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (open(files[i], O_RDONLY | O_CLOEXEC) >= 0)
            buf_add_char(out, (char)('0' + (char)i));
    if (open("/tmp/errand-written", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0)
        buf_add_char(out, 'w');
    if (syscall(SYS_socket, 2, 1, 0) >= 0)
        buf_add_char(out, 's');
    if (getenv("INGOT_SECRET"))
        buf_add_char(out, 'e');
    if (fcntl(5, F_GETFD) >= 0 || fcntl(10, F_GETFD) >= 0)
        buf_add_char(out, 'f');
    return OK;
}

static enum err no_library(struct op *op, const char *path)
{
    (void)path;
    return op_fail(op, E_UNSUPPORTED, "no library");
}

static const struct errand_kind kinds[] = {
    {"echo", NULL, echo_run},   {"refuse", NULL, refuse_run}, {"crash", NULL, crash_run}, {"hang", NULL, hang_run},      {"large", NULL, large_run},
    {"lie", NULL, lie_run},     {"reach", NULL, reach_run},   {"bare", no_library, echo_run}, {0},
};

/* ---- the tests ---- */

struct fixture {
    struct op op;
    struct errand_gate gate;
    struct buf out;
    int fd;
};

static int up(void **state)
{
    static struct fixture f;
    char name[] = "/tmp/errand-XXXXXX";
    op_init(&f.op, arena_create(LIMIT_MIB(1)));
    errand_gate_init(&f.gate, 2, 1, LONG_MS);
    buf_init(&f.out, LIMIT_KIB(64));
    f.fd = mkostemp(name, O_CLOEXEC);
    assert_true(f.fd >= 0 && write(f.fd, "hello", 5) == 5);
    unlink(name);
    *state = &f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(f->gate.running, 0);
    assert_int_equal(f->gate.waiting, 0);
    errand_gate_clear(&f->gate);
    buf_clear(&f->out);
    close(f->fd);
    arena_destroy(f->op.arena);
    return 0;
}

static enum err ask(struct fixture *f, const char *kind, int64_t a, int64_t b, int64_t timeout_ms)
{
    op_clear(&f->op);
    return errand_run(&f->op, &f->gate, &(struct errand){.kind = kind, .file_fd = f->fd, .a = a, .b = b, .timeout_ms = timeout_ms, .memory_bytes = LIMIT_MIB(256)}, &f->out);
}

static void it_answers(void **state)
{
    struct fixture *f = *state;
    buf_add_cstr(&f->out, "before ");
    assert_int_equal(ask(f, "echo", -7, INT64_MAX, LONG_MS), OK);
    assert_true(str_eqc(buf_str(&f->out), "before hello -7 9223372036854775807"));
    assert_int_equal(ask(f, "refuse", E_NOT_FOUND, 0, LONG_MS), E_NOT_FOUND);
    assert_string_equal(f->op.msg, "not this one");
    assert_int_equal(ask(f, "refuse", E_DENIED, 0, LONG_MS), E_IO); /* nothing that a file can cause */
    assert_int_equal(ask(f, "bare", 0, 0, LONG_MS), E_UNSUPPORTED);
    assert_int_equal(ask(f, "nobody", 0, 0, LONG_MS), E_INVALID); /* the child knows no such kind, and ends */
    assert_true(str_eqc(buf_str(&f->out), "before hello -7 9223372036854775807")); /* failures leave nothing */
}

static void it_dies(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "crash", 0, 0, LONG_MS), E_INVALID);
    assert_non_null(strstr(f->op.msg, "signal 6"));
    assert_int_equal(ask(f, "crash", 9, 0, LONG_MS), E_INVALID);
    assert_int_equal(ask(f, "hang", 0, 0, 200), E_TIMEOUT);
    int gone = 1;
    f->op.gone = &gone;
    assert_int_equal(ask(f, "hang", 0, 0, LONG_MS), E_CANCELLED);
    f->op.gone = NULL;
    f->op.deadline_ms = time_mono_ms() + 100;
    assert_int_equal(ask(f, "hang", 0, 0, LONG_MS), E_TIMEOUT);
    f->op.deadline_ms = 0;
    assert_int_equal(ask(f, "echo", 1, 2, LONG_MS), OK);
}

static void its_answer_is_bounded(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "large", LIMIT_KIB(64) - 1, 0, LONG_MS), OK);
    f->out.len = 0;
    assert_int_equal(ask(f, "large", LIMIT_KIB(64) + 1, 0, LONG_MS), E_TOO_LARGE);
    buf_clear(&f->out);
    buf_init(&f->out, LIMIT_KIB(64));
    assert_int_equal(ask(f, "large", LIMIT_ERRAND_ANSWER_BYTES + 1, 0, LONG_MS), E_TOO_LARGE); /* the child's own limit */
}

static void it_may_lie(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "lie", 0, 3, LONG_MS), OK);
    assert_true(str_eqc(buf_str(&f->out), "abc"));
    assert_int_equal(ask(f, "lie", 0, 4, LONG_MS), E_INVALID);
    assert_int_equal(ask(f, "lie", 0, -1, LONG_MS), E_INVALID);
    assert_int_equal(ask(f, "lie", 0, 2, LONG_MS), E_TOO_LARGE);
    assert_int_equal(ask(f, "lie", 255, 3, LONG_MS), E_IO);
}

static void it_reaches_nothing(void **state)
{
    struct fixture *f = *state;
    bool landlock = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
    assert_int_equal(ask(f, "reach", getpid(), 0, LONG_MS), OK);
    if (landlock)
        assert_true(str_eqc(buf_str(&f->out), ""));
    else
        print_message("needs Landlock: other files can be read here\n");
    assert_int_equal(str_find(buf_str(&f->out), STR("w")), SIZE_MAX);
    assert_int_equal(str_find(buf_str(&f->out), STR("s")), SIZE_MAX);
    assert_int_equal(str_find(buf_str(&f->out), STR("e")), SIZE_MAX);
}

struct asker {
    struct fixture *f;
    struct op op;
    int gone;
    enum err e;
};

static void *asker_main(void *arg)
{
    struct asker *a = arg;
    struct buf out;
    buf_init(&out, LIMIT_KIB(1));
    a->e = errand_run(&a->op, &a->f->gate, &(struct errand){.kind = "hang", .file_fd = a->f->fd, .timeout_ms = LONG_MS}, &out);
    buf_clear(&out);
    return NULL;
}

static void until(struct errand_gate *g, unsigned running, unsigned waiting)
{
    LOCK(&g->lock);
    while (g->running != running || g->waiting != waiting)
        (void)cond_wait_ms(&g->changed, &g->lock, 5);
}

/* Two run, one waits, the next is refused at once; who leaves makes room; who waits too long is told so. */
static void few_at_a_time(void **state)
{
    struct fixture *f = *state;
    struct asker askers[3];
    pthread_t threads[3];
    for (unsigned i = 0; i < 3; i++) {
        askers[i] = (struct asker){.f = f, .gone = 0};
        op_init(&askers[i].op, arena_create(LIMIT_KIB(64)));
        askers[i].op.gone = &askers[i].gone;
        threads[i] = thread_start("asker", asker_main, &askers[i]);
        until(&f->gate, i < 2 ? i + 1 : 2, i < 2 ? 0 : 1);
    }
    assert_int_equal(ask(f, "echo", 0, 0, LONG_MS), E_BUSY);
    __atomic_store_n(&askers[2].gone, 1, __ATOMIC_RELAXED); /* the one that waits leaves */
    thread_join(threads[2]);
    assert_int_equal(askers[2].e, E_CANCELLED);
    f->gate.wait_ms = 1;
    assert_int_equal(ask(f, "echo", 0, 0, LONG_MS), E_BUSY);
    assert_non_null(strstr(f->op.msg, "none was done in time"));
    __atomic_store_n(&askers[0].gone, 1, __ATOMIC_RELAXED);
    thread_join(threads[0]);
    assert_int_equal(ask(f, "echo", 0, 0, LONG_MS), OK); /* beside the one that still hangs */
    __atomic_store_n(&askers[1].gone, 1, __ATOMIC_RELAXED);
    thread_join(threads[1]);
    for (size_t i = 0; i < 3; i++)
        arena_destroy(askers[i].op.arena);
}

int main(int argc, char **argv)
{
    if (errand_is(argc, argv))
        return errand_main(argc, argv, kinds);
    setenv("INGOT_SECRET", "not for errands", 1);
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, up, down)
    const struct CMUnitTest tests[] = {
        TEST(it_answers), TEST(it_dies), TEST(its_answer_is_bounded), TEST(it_may_lie), TEST(it_reaches_nothing), TEST(few_at_a_time),
    };
    return cmocka_run_group_tests_name("errand", tests, NULL, NULL);
}
