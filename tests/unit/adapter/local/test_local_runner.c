#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "adapter/local/local_runner.h"
#include "base/limits.h"
#include "base/thread.h"
#include "base/time.h"

struct fixture {
    struct arena *arena;
    struct op op;
    struct runner r;
    char log[40];
};

static int up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->arena = arena_create(LIMIT_MIB(64));
    op_init(&f->op, f->arena);
    f->r = local_runner();
    snprintf(f->log, sizeof(f->log), "/tmp/ingot-runner-XXXXXX");
    int fd = mkstemp(f->log);
    assert_true(fd >= 0);
    close(fd);
    *state = f;
    return 0;
}

/* No test may leave a child behind, not even a zombie. */
static int down(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    unlink(f->log);
    arena_destroy(f->arena);
    free(f);
    return 0;
}

static enum err submit(struct fixture *f, const char *cmd, int64_t timeout_ms, void **ret)
{
    struct str *argv = arena_alloc(f->arena, 3 * sizeof(*argv)), *env = arena_alloc(f->arena, 2 * sizeof(*env));
    argv[0] = STR("/bin/sh");
    argv[1] = STR("-c");
    argv[2] = str_from(cmd);
    env[0] = STR("PATH=/usr/bin:/bin");
    env[1] = STR("V=value");
    struct runner_job job = {.name = STR("job"), .argv = argv, .argc = 3, .cwd = STR("/"), .env = env, .env_len = 2,
                             .log_path = str_from(f->log), .timeout_ms = timeout_ms};
    return runner_submit(&f->op, &f->r, &job, ret);
}

static struct runner_status wait_for(struct fixture *f, void *handle)
{
    struct runner_status st = {0};
    size_t index;
    assert_int_equal(runner_wait_any(&f->op, &f->r, &handle, 1, 20000, &index, &st), OK);
    assert_int_equal(index, 0);
    return st;
}

static void exit_code_log_and_environment(void **state)
{
    struct fixture *f = *state;
    void *h;
    char text[100] = {0};
    assert_int_equal(submit(f, "echo out $V $(pwd) ${HOME-none}; echo err >&2; read x || exit 7", 0, &h), OK);
    struct runner_status st = wait_for(f, h);
    runner_release(&f->r, h);
    assert_int_equal(st.state, RUNNER_EXITED);
    assert_int_equal(st.code, 7);
    assert_true(st.wall_us > 0 && st.cpu_us > 0 && st.max_rss_bytes > 100000);
    FILE *log = fopen(f->log, "re");
    assert_non_null(log);
    assert_true(fread(text, 1, sizeof(text) - 1, log) > 0);
    fclose(log);
    assert_string_equal(text, "out value / none\nerr\n");
}

/* A daemon without a standard input: the log must not take its place. */
static void a_closed_stdin_costs_no_log(void **state)
{
    struct fixture *f = *state;
    void *h;
    char text[20] = {0};
    int in = dup(0);
    close(0);
    enum err e = submit(f, "echo out", 0, &h);
    if (in >= 0) {
        dup2(in, 0);
        close(in);
    }
    assert_int_equal(e, OK);
    assert_int_equal(wait_for(f, h).code, 0);
    runner_release(&f->r, h);
    FILE *log = fopen(f->log, "re");
    assert_non_null(log);
    assert_true(fread(text, 1, sizeof(text) - 1, log) > 0);
    fclose(log);
    assert_string_equal(text, "out\n");
}

/* The server blocks SIGTERM in all of its threads; its children must hear it. */
static void blocked_signals_are_not_inherited(void **state)
{
    struct fixture *f = *state;
    void *h;
    sigset_t ends, before;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, &before);
    enum err e = submit(f, "kill -TERM $$; sleep 5", 0, &h);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    assert_int_equal(e, OK);
    struct runner_status st = wait_for(f, h);
    runner_release(&f->r, h);
    assert_int_equal(st.state, RUNNER_SIGNALLED);
    assert_int_equal(st.code, SIGTERM);
}

static void what_cannot_start_says_why(void **state)
{
    struct fixture *f = *state;
    void *h;
    struct str argv = STR("/no/such/program");
    struct runner_job job = {.name = STR("j"), .argv = &argv, .argc = 1, .cwd = STR("/")};
    assert_int_equal(runner_submit(&f->op, &f->r, &job, &h), E_NOT_FOUND);
    op_clear(&f->op);
    argv = STR("/bin/true");
    job.cwd = STR("/no/such/folder");
    assert_int_equal(runner_submit(&f->op, &f->r, &job, &h), E_NOT_FOUND);
    op_clear(&f->op);
    job.cwd = STR("/");
    job.log_path = STR("/no/such/folder/log");
    assert_int_equal(runner_submit(&f->op, &f->r, &job, &h), E_NOT_FOUND);
}

static void a_timeout_takes_the_whole_group(void **state)
{
    struct fixture *f = *state;
    void *h;
    assert_int_equal(submit(f, "sleep 50 & sleep 50", 100, &h), OK);
    int64_t begin_ms = time_mono_ms();
    struct runner_status st = wait_for(f, h);
    runner_release(&f->r, h);
    assert_int_equal(st.state, RUNNER_TIMED_OUT);
    assert_true(time_mono_ms() - begin_ms < 2000);
}

static void who_ignores_sigterm_is_killed(void **state)
{
    struct fixture *f = *state;
    void *h;
    struct runner_status st;
    size_t index;
    assert_int_equal(submit(f, "trap '' TERM; echo ready; while :; do sleep 0.05; done", 0, &h), OK);
    assert_int_equal(runner_wait_any(&f->op, &f->r, &h, 1, 200, &index, &st), OK);
    assert_true(index == SIZE_MAX);
    int64_t begin_ms = time_mono_ms();
    runner_cancel(&f->r, h, 300);
    st = wait_for(f, h);
    assert_true(time_mono_ms() - begin_ms >= 290);
    assert_int_equal(st.state, RUNNER_SIGNALLED);
    assert_int_equal(st.code, 9);
    runner_cancel(&f->r, h, 0); /* too late: nothing happens */
    runner_release(&f->r, h);
}

static void release_ends_what_runs(void **state)
{
    struct fixture *f = *state;
    void *h;
    assert_int_equal(submit(f, "sleep 50", 0, &h), OK);
    int64_t begin_ms = time_mono_ms();
    runner_release(&f->r, h);
    assert_true(time_mono_ms() - begin_ms < 2000);
}

static void many_at_once(void **state)
{
    struct fixture *f = *state;
    enum { N = 60 };
    void *handles[N];
    bool ended[N] = {false};
    for (int i = 0; i < N; i++)
        assert_int_equal(submit(f, op_printf(&f->op, "sleep 0.0%d; exit %d", i % 10, i), 0, &handles[i]), OK);
    void *open[N];
    int number[N];
    size_t n = N;
    for (int i = 0; i < N; i++) {
        open[i] = handles[i];
        number[i] = i;
    }
    while (n) {
        struct runner_status st;
        size_t hit;
        assert_int_equal(runner_wait_any(&f->op, &f->r, open, n, 10000, &hit, &st), OK);
        assert_true(hit < n);
        assert_int_equal(st.code, number[hit]);
        assert_false(ended[number[hit]]);
        ended[number[hit]] = true;
        runner_release(&f->r, open[hit]);
        open[hit] = open[--n];
        number[hit] = number[n];
    }
}

static void *cancel_later(void *arg)
{
    struct runner r = local_runner();
    time_sleep_ms(100);
    runner_cancel(&r, arg, 1000);
    return NULL;
}

static void another_thread_cancels(void **state)
{
    struct fixture *f = *state;
    void *h;
    assert_int_equal(submit(f, "sleep 50", 0, &h), OK);
    pthread_t t = thread_start("cancel", cancel_later, h);
    struct runner_status st = wait_for(f, h);
    thread_join(t);
    assert_int_equal(st.state, RUNNER_SIGNALLED);
    assert_int_equal(st.code, 15);
    runner_release(&f->r, h);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, up, down)
    const struct CMUnitTest tests[] = {
        T(exit_code_log_and_environment), T(a_closed_stdin_costs_no_log), T(blocked_signals_are_not_inherited),
        T(what_cannot_start_says_why), T(a_timeout_takes_the_whole_group), T(who_ignores_sigterm_is_killed),
        T(release_ends_what_runs), T(many_at_once), T(another_thread_cancels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
