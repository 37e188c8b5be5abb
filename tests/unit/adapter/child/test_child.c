/* Hosted engines: answers come through, deaths are told and mended, nobody else notices. The engines are this test's own, so that they
 * can be told to crash; ONNX Runtime in a child: tests/e2e/test_onnx.py. This program is its own host. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "adapter/child/child.h"
#include "adapter/child/jail.h"
#include "adapter/child/keeper.h"
#include "base/buf.h"
#include "base/thread.h"
#include "base/time.h"

/* ---- an engine that does what its input says: doubles numbers, or dies, hangs, fails ---- */
enum { DIE = 666, HANG = 777, FAIL = 888, JAIL = 999 };

static const struct tensor_spec inputs[2] = {{.name = STR_INIT("x"), .type = TENSOR_FP32, .rank = 1, .shape = {-1}},
                                             {.name = STR_INIT("t"), .type = TENSOR_BYTES, .rank = 1, .shape = {-1}, .optional = true}};
static const struct str labels[2] = {STR_INIT("no"), STR_INIT("yes")};
static const struct tensor_spec outputs[2] = {{.name = STR_INIT("y"), .type = TENSOR_FP32, .rank = 1, .shape = {-1}, .labels = labels, .label_count = 2},
                                              {.name = STR_INIT("u"), .type = TENSOR_BYTES, .rank = 1, .shape = {-1}}};
static const struct engine_fact facts[1] = {{STR_INIT("made by"), STR_INIT("a \"test\"")}};
static const struct engine_info info = {.format = STR_INIT("puppet"), .inputs_spec = inputs, .outputs_spec = outputs, .input_count = 2, .output_count = 2,
                                        .joins = true, .facts = facts, .fact_count = 1};

/* As without a sanitizer, which would report and exit. */
static void crash(void)
{
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
}

static bool puppet_accepts(struct str bytes)
{
    return str_starts(bytes, STR("puppet"));
}

static enum err puppet_load(struct op *op, struct str bytes, void **ret)
{
    static int nothing;
    if (str_find(bytes, STR("refuse")) != SIZE_MAX)
        return op_fail(op, E_UNSUPPORTED, "the puppet does not like it");
    if (str_find(bytes, STR("die")) != SIZE_MAX)
        crash();
    *ret = &nothing;
    return OK;
}

static void puppet_unload(void *m)
{
    (void)m;
}

static const struct engine_info *puppet_info(const void *m)
{
    (void)m;
    return &info;
}

/* Bits of what is forbidden here; 0 when everything is as it should be. */
static float jail_holes(void)
{
    float holes = 0;
    if (!jail_filters())
        return 0; /* a kernel without filters */
    holes += socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 1 : 0;
    holes += open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 ? 2 : 0;
    holes += open("/tmp/ingot-jail", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0 ? 4 : 0;
    holes += fork() >= 0 ? 8 : 0;
    holes += kill(getppid(), 0) == 0 ? 16 : 0;
    holes += getenv("INGOT_SECRET") ? 32 : 0;
    for (int fd = 6; fd < 64; fd++) /* 0..2, the channel, and the descriptor of our own statm */
        holes += fcntl(fd, F_GETFD) >= 0 ? 64 : 0;
    /* Without the filter these fail in another way, or not at all. */
    holes += ioctl(0, TIOCSTI, "x") == 0 || errno != EPERM ? 4096 : 0;
    holes += ioctl(0, FIONREAD, &(int){0}) && errno == EPERM ? 8192 : 0; /* others are free */
    holes += shmget(IPC_PRIVATE, 4096, 0600) >= 0 ? 16384 : 0;
    struct {
        unsigned bytes;
        int type;
    } no_handle = {~0u, 0}; /* for root: too long */
    holes += syscall(SYS_open_by_handle_at, AT_FDCWD, &no_handle, O_RDONLY) >= 0 || errno != EPERM ? 32768 : 0;
    return holes;
}

static enum err puppet_run(struct op *op, const void *m, const struct tensor *in, const bool *wanted, struct tensor *ret)
{
    (void)m;
    const float *x = in[0].data;
    float *y = arena_alloc(op->arena, in[0].count * sizeof *y + 1);
    for (size_t i = 0; i < in[0].count; i++) {
        if (x[i] == DIE)
            crash();
        while (x[i] == HANG)
            pause();
        if (x[i] == FAIL)
            return op_fail(op, E_INVALID, "the puppet fails");
        y[i] = x[i] == JAIL ? jail_holes() : x[i] * 2;
    }
    ret[0] = (struct tensor){.type = TENSOR_FP32, .rank = 1, .shape = {(int64_t)in[0].count}, .count = in[0].count, .data = y};
    if (!wanted || wanted[1]) {
        ret[1] = (struct tensor){.type = TENSOR_BYTES, .rank = 1};
        if (in[1].type != TENSOR_TYPE_COUNT)
            ret[1] = in[1];
    }
    return OK;
}

static const struct engine_ops puppet = {
    .name = "puppet", .accepts = puppet_accepts, .load = puppet_load, .unload = puppet_unload, .info = puppet_info, .run = puppet_run};

/* A row model: two features, their sum. */
static const struct engine_info row_info = {.format = STR_INIT("rows"), .features = 2, .outputs = 1};
static const struct engine_info *rows_info(const void *m)
{
    (void)m;
    return &row_info;
}
static void rows_predict(const void *m, const float *rows, size_t n, float *out)
{
    (void)m;
    for (size_t i = 0; i < n; i++)
        out[i] = rows[2 * i] + rows[2 * i + 1];
}
static const struct engine_ops rows_engine = {
    .name = "rows", .accepts = puppet_accepts, .load = puppet_load, .unload = puppet_unload, .info = rows_info, .predict = rows_predict};

CHILD_ENGINE(hosted_puppet, "puppet", puppet);
CHILD_ENGINE(hosted_rows, "rows", rows_engine);
static const struct child_guest guests[] = {{&puppet, NULL}, {&rows_engine, NULL}, {0}};

/* ---- the tests ---- */
struct fixture {
    struct arena *arena;
    struct op op;
    void *model;
};

static int up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->arena = arena_create(LIMIT_MIB(256));
    op_init(&f->op, f->arena);
    if (hosted_puppet.load(&f->op, STR("puppet"), &f->model))
        fail_msg("%s", f->op.msg);
    *state = f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;
    if (f->model)
        hosted_puppet.unload(f->model);
    arena_destroy(f->arena);
    free(f);
    return 0;
}

static enum err ask(struct op *op, void *model, float x, float *ret)
{
    struct tensor in[2] = {{.name = STR("x"), .type = TENSOR_FP32, .rank = 1, .shape = {1}, .count = 1, .data = &x}, {.type = TENSOR_TYPE_COUNT}}, out[2];
    const bool wanted[2] = {true, false};
    op_clear(op);
    enum err e = hosted_puppet.run(op, model, in, wanted, out);
    if (!e) {
        assert_int_equal(out[0].count, 1);
        assert_true(str_eqc(out[0].name, "y"));
        assert_null(out[1].texts);
        *ret = *(const float *)out[0].data;
    }
    return e;
}

/* Asks until it is no longer being started again. */
static enum err ask_patiently(struct op *op, void *model, float x, float *ret)
{
    enum err e = E_BUSY;
    for (int i = 0; i < 400 && e == E_BUSY; i++) {
        e = ask(op, model, x, ret);
        if (e == E_BUSY)
            time_sleep_ms(25);
    }
    return e;
}

static void answers_come_through(void **state)
{
    struct fixture *f = *state;
    const struct engine_info *i = hosted_puppet.info(f->model);
    float y = 0;
    assert_true(str_eqc(i->format, "puppet") && i->joins && i->input_count == 2 && i->inputs_spec[1].optional);
    assert_true(str_eqc(i->outputs_spec[0].labels[1], "yes") && str_eqc(i->facts[0].value, "a \"test\""));
    assert_int_equal(ask(&f->op, f->model, 21, &y), OK);
    assert_true(y == 42);
    assert_int_equal(ask(&f->op, f->model, FAIL, &y), E_INVALID);
    assert_string_equal(f->op.msg, "the puppet fails");
    op_clear(&f->op);
    const struct str texts[3] = {STR_INIT("a"), {"b\0c", 3}, {"", 0}};
    const float x[3] = {1, 2, 3};
    struct tensor in[2] = {{.type = TENSOR_FP32, .rank = 1, .shape = {3}, .count = 3, .data = x},
                           {.type = TENSOR_BYTES, .rank = 1, .shape = {3}, .count = 3, .texts = texts}}, out[2];
    assert_int_equal(hosted_puppet.run(&f->op, f->model, in, NULL, out), OK);
    assert_true(((const float *)out[0].data)[2] == 6);
    for (size_t k = 0; k < 3; k++)
        assert_true(str_eq(out[1].texts[k], texts[k]));
    assert_int_not_equal(child_pid(f->model), getpid());
}

/* Asked without waiting: the answer, a death and a deadline come to whoever waits in the end; one that is forgotten frees its slot. */
static void the_rest_is_waited_for(void **state)
{
    struct fixture *f = *state;
    void *pending = NULL;
    float x = 8, y = 0;
    struct tensor in[2] = {{.type = TENSOR_FP32, .rank = 1, .shape = {1}, .count = 1, .data = &x}, {.type = TENSOR_TYPE_COUNT}}, out[2];
    const bool wanted[2] = {true, false};
    assert_true(hosted_puppet.is_apart(f->model));
    assert_int_equal(hosted_puppet.run_start(&f->op, f->model, in, wanted, 60000, out, &pending), OK);
    assert_null(pending);
    assert_true(*(const float *)out[0].data == 16);
    x = HANG;
    f->op.deadline_ms = time_mono_ms() + 100;
    assert_int_equal(hosted_puppet.run_start(&f->op, f->model, in, wanted, 1, out, &pending), OK);
    assert_non_null(pending);
    assert_int_equal(hosted_puppet.run_finish(&f->op, f->model, pending, out), E_TIMEOUT);
    f->op.deadline_ms = 0;
    op_clear(&f->op);
    assert_int_equal(hosted_puppet.run_start(&f->op, f->model, in, wanted, 1, out, &pending), OK);
    assert_non_null(pending);
    const int pid = child_pid(f->model);
    kill(pid, SIGKILL);
    assert_int_equal(hosted_puppet.run_finish(&f->op, f->model, pending, out), E_IO);
    assert_int_equal(ask_patiently(&f->op, f->model, 4, &y), OK);
    for (int i = 0; i < 3 * LIMIT_CHILD_SLOTS; i++) { /* more than there are slots */
        op_clear(&f->op);
        x = (float)i;
        enum err e = hosted_puppet.run_start(&f->op, f->model, in, wanted, 0, out, &pending);
        if (e == E_BUSY) /* all slots are still being worked on */
            time_sleep_ms(5);
        else
            assert_int_equal(e, OK);
        if (!e && pending)
            hosted_puppet.run_forget(f->model, pending);
    }
    op_clear(&f->op);
    assert_int_equal(ask(&f->op, f->model, 5, &y), OK);
    assert_true(y == 10);
}

static void a_large_question(void **state)
{
    struct fixture *f = *state;
    size_t n = 4000000; /* 16 MB: its memory goes back */
    float *x = malloc(n * sizeof *x), y = 0;
    assert_non_null(x);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(i % 600);
    struct tensor in[2] = {{.type = TENSOR_FP32, .rank = 1, .shape = {(int64_t)n}, .count = n, .data = x}, {.type = TENSOR_TYPE_COUNT}}, out[2];
    assert_int_equal(hosted_puppet.run(&f->op, f->model, in, NULL, out), OK);
    for (size_t i = 0; i < n; i++)
        if (((const float *)out[0].data)[i] != (float)(i % 600) * 2)
            fail_msg("value %zu", i);
    free(x);
    assert_int_equal(ask(&f->op, f->model, 4, &y), OK);
    assert_true(y == 8);
}

static void a_crash_is_mended(void **state)
{
    struct fixture *f = *state;
    void *other = NULL;
    float y = 0;
    assert_int_equal(hosted_puppet.load(&f->op, STR("puppet two"), &other), OK);
    int first = child_pid(f->model), others = child_pid(other);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(ask_patiently(&f->op, f->model, DIE, &y), E_IO);
        assert_non_null(strstr(f->op.msg, "signal 11"));
        assert_int_equal(ask(&f->op, other, 5, &y), OK); /* nobody else notices */
        assert_true(y == 10);
        assert_int_equal(ask_patiently(&f->op, f->model, 5, &y), OK);
        assert_true(y == 10);
    }
    assert_int_not_equal(child_pid(f->model), first);
    kill(child_pid(f->model), SIGKILL); /* and from outside, while nobody asks */
    int64_t until = time_mono_ms() + 5000;
    while (ask(&f->op, f->model, 6, &y) != OK && time_mono_ms() < until)
        time_sleep_ms(10);
    assert_int_equal(ask_patiently(&f->op, f->model, 6, &y), OK);
    assert_true(y == 12);
    assert_int_equal(child_pid(other), others);
    struct child_figure figures[LIMIT_CHILDREN];
    size_t n = child_figures(figures, LIMIT_CHILDREN);
    assert_true(n >= 2 && figures[0].pid == others && figures[0].starts == 1 && figures[0].deaths == 0 && figures[0].ready);
    assert_true(figures[1].pid == child_pid(f->model) && figures[1].starts == 5 && figures[1].deaths == 4 && figures[1].number < figures[0].number);
    assert_true(figures[0].rss_bytes > 100000 && !strcmp(figures[0].engine, "puppet"));
    assert_int_equal(child_figures(figures, 1), 1);
    hosted_puppet.unload(other);
}

static void a_deadline_frees_the_asker(void **state)
{
    struct fixture *f = *state;
    struct child_stats before, after;
    float y = 0;
    child_stats(&before);
    f->op.deadline_ms = time_mono_ms() + 100;
    int64_t start = time_mono_ms();
    assert_int_equal(ask(&f->op, f->model, HANG, &y), E_TIMEOUT);
    assert_true(time_mono_ms() - start < 3000);
    f->op.deadline_ms = 0;
    assert_int_equal(ask(&f->op, f->model, 3, &y), OK); /* by another thread of the child */
    assert_true(y == 6);
    int hung = child_pid(f->model);
    int64_t until = time_mono_ms() + LIMIT_CHILD_HANG_MS + 8000;
    while (child_pid(f->model) == hung && time_mono_ms() < until)
        time_sleep_ms(50);
    assert_int_not_equal(child_pid(f->model), hung);
    child_stats(&after);
    assert_int_equal(after.hangs, before.hangs + 1);
    assert_int_equal(ask_patiently(&f->op, f->model, 3, &y), OK);
}

static void loading_may_fail(void **state)
{
    struct fixture *f = *state;
    void *m = NULL;
    assert_int_equal(hosted_puppet.load(&f->op, STR("puppet refuse"), &m), E_UNSUPPORTED);
    assert_non_null(strstr(f->op.msg, "does not like it"));
    op_clear(&f->op);
    assert_int_equal(hosted_puppet.load(&f->op, STR("puppet die"), &m), E_IO);
    assert_non_null(strstr(f->op.msg, "while it loaded the model"));
    assert_null(m);
}

static void a_child_is_jailed(void **state)
{
    struct fixture *f = *state;
    float holes = -1;
    assert_int_equal(ask(&f->op, f->model, JAIL, &holes), OK);
    assert_int_equal((int)holes, 0);
}

static void rows_as_tensors(void **state)
{
    struct fixture *f = *state;
    void *m = NULL;
    const float x[4] = {1, 2, 3, 4};
    struct tensor in = {.type = TENSOR_FP32, .rank = 2, .shape = {2, 2}, .count = 4, .data = x}, out;
    assert_int_equal(hosted_rows.load(&f->op, STR("puppet"), &m), OK);
    const struct engine_info *i = hosted_rows.info(m);
    assert_true(i->joins && str_eqc(i->inputs_spec[0].name, "features") && i->inputs_spec[0].shape[1] == 2);
    assert_int_equal(hosted_rows.run(&f->op, m, &in, NULL, &out), OK);
    assert_true(out.count == 2 && ((const float *)out.data)[1] == 7);
    in.shape[1] = 1;
    in.count = 2;
    assert_int_equal(hosted_rows.run(&f->op, m, &in, NULL, &out), E_INVALID);
    hosted_rows.unload(m);
}

struct asker {
    void *model;
    int number, *bad;
    struct mutex *lock;
};

static void *ask_often(void *arg)
{
    struct asker *k = arg;
    struct arena *a = arena_create(LIMIT_MIB(4));
    int bad = 0;
    for (int i = 0; i < 300; i++) {
        struct op op;
        float y = 0, x = (float)(k->number * 1000 + i);
        op_init(&op, a);
        bad += x != DIE && x != HANG && x != FAIL && x != JAIL && (ask(&op, k->model, x, &y) || y != x * 2);
        arena_reset(a);
    }
    arena_destroy(a);
    LOCK(k->lock);
    *k->bad += bad;
    return NULL;
}

/* The process that keeps it is killed: the child is gone too. */
static void a_child_dies_with_its_server(void **state)
{
    struct fixture *f = *state;
    int ends[2], child = 0;
    (void)f;
    assert_int_equal(pipe(ends), 0);
    pid_t server = fork();
    if (server == 0) {
        /* A fork has no keeper: the program is started anew, as a server that hosts one model. */
        char out[16];
        snprintf(out, sizeof out, "%d", ends[1]);
        execl("/proc/self/exe", "server", "serve-one", out, (char *)NULL);
        _exit(9);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &child, sizeof child), sizeof child);
    close(ends[0]);
    assert_int_equal(kill(child, 0), 0);
    kill(server, SIGKILL);
    assert_int_equal(waitpid(server, NULL, 0), server);
    int64_t until = time_mono_ms() + 5000;
    char path[64], state_line[256] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", child);
    for (bool alive = true; alive && time_mono_ms() < until; time_sleep_ms(10)) {
        FILE *stat = fopen(path, "re");
        alive = stat && fgets(state_line, sizeof state_line, stat) && !strstr(state_line, ") Z ");
        if (stat)
            fclose(stat);
        state_line[0] = alive ? state_line[0] : 0;
    }
    assert_int_equal(state_line[0], 0);
}

static int serve_one(int out)
{
    struct arena *a = arena_create(LIMIT_MIB(16));
    struct op op;
    void *m = NULL;
    op_init(&op, a);
    if (hosted_puppet.load(&op, STR("puppet"), &m))
        return 1;
    int pid = child_pid(m);
    if (write(out, &pid, sizeof pid) != sizeof pid)
        return 1;
    for (;;)
        pause();
}

/* More askers than slots. */
static void many_askers(void **state)
{
    struct fixture *f = *state;
    enum { ASKERS = 24 };
    pthread_t threads[ASKERS];
    struct asker askers[ASKERS];
    struct mutex lock;
    int bad = 0;
    mutex_init(&lock);
    for (int i = 0; i < ASKERS; i++) {
        askers[i] = (struct asker){f->model, i + 1, &bad, &lock};
        threads[i] = thread_start("asker", ask_often, &askers[i]);
    }
    for (int i = 0; i < ASKERS; i++)
        thread_join(threads[i]);
    assert_int_equal(bad, 0);
    mutex_clear(&lock);
}

static void in_this_process_by_wish(void **state)
{
    struct fixture *f = *state;
    void *m = NULL;
    float y = 0;
    enum child_isolate word = CHILD_ISOLATE_AUTO;
    assert_true(child_isolate_parse(STR("never"), &word) && word == CHILD_ISOLATE_NEVER);
    assert_false(child_isolate_parse(STR("maybe"), &word));
    child_setup(CHILD_ISOLATE_NEVER, 0);
    assert_int_equal(hosted_puppet.load(&f->op, STR("puppet"), &m), OK);
    child_setup(CHILD_ISOLATE_AUTO, 0);
    assert_int_equal(child_pid(m), 0);
    struct child_stats stats;
    child_stats(&stats);
    assert_int_equal(stats.children, 1);
    const float x = 2;
    struct tensor in[2] = {{.type = TENSOR_FP32, .rank = 1, .shape = {1}, .count = 1, .data = &x}, {.type = TENSOR_TYPE_COUNT}}, out[2];
    assert_int_equal(hosted_puppet.run(&f->op, m, in, NULL, out), OK);
    y = *(const float *)out[0].data;
    assert_true(y == 4);
    hosted_puppet.unload(m);
}

int main(int argc, char **argv)
{
    if (child_is_host(argc, argv))
        return child_host_main(argc, argv, guests);
    if (argc == 3 && strcmp(argv[1], "serve-one") == 0)
        return serve_one((int)strtol(argv[2], NULL, 10));
    setenv("INGOT_SECRET", "not for engines", 1);
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, up, down)
    const struct CMUnitTest tests[] = {
        TEST(answers_come_through), TEST(a_large_question), TEST(a_crash_is_mended), TEST(loading_may_fail),        TEST(a_child_is_jailed),
        TEST(the_rest_is_waited_for),
        TEST(rows_as_tensors),      TEST(many_askers),      TEST(in_this_process_by_wish), TEST(a_child_dies_with_its_server), TEST(a_deadline_frees_the_asker),
    };
    return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
