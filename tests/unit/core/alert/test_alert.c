/* test_alert.c - the list of alerts: pages, states, one rule's. */
#include "core/alert/alert.h"

#include "unit/core/alert/alert_fixture.h"

static void lists_are_narrowed_and_paged(void **state)
{
    struct world *w = *state;
    struct op *op = world_op(w);
    for (int i = 0; i < 2; i++)
        world_rule(w, (struct alert_rule){.name = i ? STR("b") : STR("a"), .metric = STR("m"), .comparison = ALERT_GT, .threshold = i}, NULL);
    struct str run = world_run(w, 0), other = world_run(w, 0);
    world_log(w, run, "m", 9, 1, 1);
    world_log(w, other, "m", 1, 1, 1); /* a only */
    world_look(w);
    world_log(w, other, "m", 0, 2, 2);
    world_look(w);
    struct alert *rows = NULL;
    size_t n = 0;
    assert_int_equal(world_alerts(w, ALERTS_ALL, &rows), 3);
    assert_true(rows[0].row > rows[1].row && rows[1].row > rows[2].row);
    int64_t middle = rows[1].row;
    assert_int_equal(world_alerts(w, ALERTS_FIRING, &rows), 2);
    assert_int_equal(world_alerts(w, ALERTS_RESOLVED, &rows), 1);
    assert_true(str_eq(rows[0].run_id, other) && rows[0].resolved_us >= rows[0].fired_us);
    assert_ok(op, alert_list(op, w->alerts, STR("b"), ALERTS_ALL, 0, 10, &rows, &n));
    assert_int_equal(n, 1);
    assert_ok(op, alert_list(op, w->alerts, STR(""), ALERTS_ALL, middle, 10, &rows, &n));
    assert_int_equal(n, 1);
    assert_ok(op, alert_list(op, w->alerts, STR(""), ALERTS_ALL, 0, 2, &rows, &n));
    assert_int_equal(n, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {world_test(lists_are_narrowed_and_paged)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
