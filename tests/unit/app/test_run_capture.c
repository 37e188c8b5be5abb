/* What a capture does when nobody answers; with a server it is watched in tests/e2e/test_capture.py. */
#include "unit/app/scratch_git.h"

#include "app/run_capture.h"
#include "base/time.h"

#define NOBODY "http://127.0.0.1:1"

static void nobody_answers(void **state)
{
    struct scratch_git *g = *state;
    struct run_capture *c = NULL;
    struct run_capture_report r;
    const char *spool = op_printf(&g->op, "%s/spool", g->dir);
    assert_int_equal(file_write_unsynced(&g->op, spool, STR("before|hello")), OK);
    const struct run_capture_config config = {.url = STR(NOBODY), .run_id = STR("r"), .spool = spool, .from = 7, .interval_ms = 20};
    assert_int_equal(run_capture_start(&g->op, &config, &c), OK);
    time_sleep_ms(400);
    int64_t at_ms = time_mono_ms();
    run_capture_stop(c, 300, &r);
    assert_true(time_mono_ms() - at_ms < 5000);
    assert_int_equal(r.console_bytes, 5);
    assert_int_equal(r.sent_bytes, 0);
    assert_true(r.samples == 0 && r.samples_lost > 0);
    assert_true(r.error[0] && !r.console_unknown);
}

static void nothing_to_send(void **state)
{
    struct scratch_git *g = *state;
    struct run_capture *c = NULL;
    struct run_capture_report r;
    const struct run_capture_config config = {.url = STR(NOBODY), .run_id = STR("r"), .spool = op_printf(&g->op, "%s/absent", g->dir)};
    assert_int_equal(run_capture_start(&g->op, &config, &c), OK);
    int64_t at_ms = time_mono_ms();
    run_capture_stop(c, 60000, &r); /* has nothing to wait for */
    assert_true(time_mono_ms() - at_ms < 5000);
    assert_int_equal(r.console_bytes + r.samples + r.samples_lost, 0);
    assert_false(r.error[0]);
    run_capture_stop(NULL, 60000, &r);
    assert_int_equal(r.console_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_answers, scratch_git_open, scratch_git_close),
        cmocka_unit_test_setup_teardown(nothing_to_send, scratch_git_open, scratch_git_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
