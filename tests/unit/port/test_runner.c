/* The wrappers of port/runner check what no back-end needs to check again; the local back-end stands behind them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapter/local/local_runner.h"
#include "base/limits.h"

static void bad_jobs_are_refused(void **state)
{
    (void)state;
    struct arena *a = arena_create(LIMIT_MIB(1));
    struct op op;
    op_init(&op, a);
    struct runner r = local_runner();
    void *h = NULL;
    struct str argv = STR("/bin/true");
    struct runner_job job = {.name = STR("empty")};
    assert_int_equal(runner_submit(&op, &r, &job, &h), E_INVALID);
    op_clear(&op);
    job = (struct runner_job){.name = STR("back"), .argv = &argv, .argc = 1, .timeout_ms = -1};
    assert_int_equal(runner_submit(&op, &r, &job, &h), E_INVALID);
    op_clear(&op);
    assert_null(h);
    job.timeout_ms = 0;
    assert_int_equal(runner_submit(&op, &r, &job, &h), OK);
    size_t index;
    struct runner_status st;
    assert_int_equal(runner_wait_any(&op, &r, &h, 1, 10000, &index, &st), OK);
    assert_int_equal(st.state, RUNNER_EXITED);
    runner_release(&r, h);
    runner_release(&r, NULL);
    runner_close(&r);
    arena_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bad_jobs_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
