/* What is refused before anything runs; with a server all of it is watched in tests/e2e/test_capture.py. */
#include "unit/app/scratch_git.h"

#include "adapter/local/local_runner.h"
#include "app/run_tracked.h"

#define NOBODY "http://127.0.0.1:1"

static int run_exec(const struct scratch_git *g, const char *interval, const char *wait, const char *server)
{
    char marker[128];
    snprintf(marker, sizeof marker, "%s/marker", g->dir);
    char line[12][128] = {"run", "exec", "--interval", "", "--wait", "", "--server", "", "--", "touch", ""};
    char *argv[12];
    snprintf(line[3], sizeof line[3], "%s", interval);
    snprintf(line[5], sizeof line[5], "%s", wait);
    snprintf(line[7], sizeof line[7], "%s", server);
    snprintf(line[10], sizeof line[10], "%s", marker);
    for (int i = 0; i < 11; i++)
        argv[i] = line[i];
    int code = command_main(11, argv);
    assert_int_not_equal(access(marker, F_OK), 0);
    return code;
}

static void nothing_runs_unrecorded(void **state)
{
    const struct scratch_git *g = *state;
    assert_int_equal(run_exec(g, "10", "1", NOBODY), 1);
    assert_int_equal(run_exec(g, "0.01", "1", NOBODY), 1);
    assert_int_equal(run_exec(g, "nan", "1", NOBODY), 2);
    assert_int_equal(run_exec(g, "-1", "1", NOBODY), 1);
    assert_int_equal(run_exec(g, "10", "-1", NOBODY), 1);
}

static void a_stage_fails_when_its_run_cannot_be_made(void **state)
{
    struct scratch_git *g = *state;
    const struct tracked_config config = {.url = STR(NOBODY), .experiment = STR("x"), .wait_ms = 100};
    struct runner inner = local_runner(), r = tracked_runner(&g->op, &inner, &config, STR(""));
    struct str argv[] = {STR("/bin/sh"), STR("-c"), STR("echo ran")};
    const struct runner_job job = {.name = STR("stage"), .argv = argv, .argc = 3, .cwd = str_from(g->dir), .log_path = str_from(op_printf(&g->op, "%s/log", g->dir))};
    void *handle = NULL;
    struct op op;
    op_init(&op, g->op.arena);
    assert_int_equal(runner_submit(&op, &r, &job, &handle), E_IO);
    assert_non_null(strstr(op.msg, "127.0.0.1"));
    assert_int_equal(g->op.err, OK);
    assert_int_not_equal(access(str_cstr(op.arena, job.log_path), F_OK), 0);
    runner_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_runs_unrecorded, scratch_git_open, scratch_git_close),
        cmocka_unit_test_setup_teardown(a_stage_fails_when_its_run_cannot_be_made, scratch_git_open, scratch_git_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
