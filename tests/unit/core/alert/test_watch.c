/* test_watch.c - every kind of rule on runs as they change, in one look and in many; what is told, and once. */
#include "core/alert/watch.h"

#include "unit/core/alert/alert_fixture.h"

#define SECOND_US 1000000LL

static struct alert_rule loss_high(int64_t points)
{
    return (struct alert_rule){.name = STR("high"), .metric = STR("loss"), .comparison = ALERT_GT, .threshold = 5, .points = points,
                               .experiment = ALERT_ALL_EXPERIMENTS};
}

static void a_threshold_for_some_points_in_a_row(void **state)
{
    struct world *w = *state;
    struct alert_rule r = world_rule(w, loss_high(3), "http://127.0.0.1:1/x");
    struct str run = world_run(w, 0);
    struct alert *a = NULL;
    static const double values[] = {9, 9, 1, 9, NAN, 9, 9, 9};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        world_log(w, run, "loss", values[i], (int64_t)i, (int64_t)i);
        struct alert_look l = world_look(w);
        assert_int_equal(l.fired, i == 6); /* 9 9 1 | 9 (NaN) 9 9 */
        assert_int_equal(l.resolved, 0);
    }
    assert_int_equal(world_alerts(w, ALERTS_FIRING, &a), 1);
    assert_str(a[0].rule, "high");
    assert_true(str_eq(a[0].run_id, run) && a[0].has_value && a[0].value == 9 && a[0].step == 6 && a[0].resolved_us == 0);
    assert_str(a[0].reason, "loss > 5.0 for 3 points: loss is 9.0 at step 6");
    assert_int_equal(hooks_waiting(&w->h, r.webhook_id), 1);
    world_log(w, run, "loss", 2, 100, 100);
    assert_int_equal(world_look(w).resolved, 1);
    assert_int_equal(world_alerts(w, ALERTS_FIRING, &a), 0);
    assert_int_equal(world_alerts(w, ALERTS_RESOLVED, &a), 1);
    assert_true(a[0].resolved_us != 0);
    assert_int_equal(hooks_waiting(&w->h, r.webhook_id), 2);
    struct alert_look l = world_look(w); /* nothing new: nothing is told */
    assert_true(l.fired == 0 && l.resolved == 0);
}

static void one_look_tells_of_one_crossing(void **state)
{
    struct world *w = *state;
    world_rule(w, loss_high(1), NULL);
    struct str run = world_run(w, 0);
    struct alert *a = NULL;
    for (int i = 0; i < 100; i++)
        world_log(w, run, "loss", i % 2 ? 9 : 1, i, i); /* ends above */
    struct alert_look l = world_look(w);
    assert_true(l.fired == 1 && l.resolved == 0);
    for (int i = 100; i < 200; i++)
        world_log(w, run, "loss", i % 2 ? 9 : 1, i, i); /* above again */
    l = world_look(w);
    assert_true(l.fired == 0 && l.resolved == 0);
    world_log(w, run, "loss", 1, 200, 200);
    l = world_look(w);
    assert_true(l.fired == 0 && l.resolved == 1);
    world_log(w, run, "loss", 9, 201, 201); /* up and down between two looks is not lost */
    world_log(w, run, "loss", 1, 202, 202);
    l = world_look(w);
    assert_true(l.fired == 1 && l.resolved == 1);
    assert_int_equal(world_alerts(w, ALERTS_ALL, &a), 2);
    assert_true(!a[0].firing && a[0].step == 201);
}

static void late_points_are_judged_where_they_belong(void **state)
{
    struct world *w = *state;
    world_rule(w, loss_high(3), NULL);
    struct str run = world_run(w, 0);
    world_log(w, run, "loss", 9, 10, 1);
    world_log(w, run, "loss", 9, 30, 3);
    assert_int_equal(world_look(w).fired, 0);
    world_log(w, run, "loss", 9, 20, 2); /* between the two */
    assert_int_equal(world_look(w).fired, 1);
    world_log(w, run, "loss", 9, 20, 2); /* an exact duplicate is no point */
    struct alert_look l = world_look(w);
    assert_true(l.fired == 0 && l.resolved == 0);
}

static void nan_of_any_metric(void **state)
{
    struct world *w = *state;
    world_rule(w, (struct alert_rule){.name = STR("nan"), .kind = ALERT_NAN, .experiment = ALERT_ALL_EXPERIMENTS}, NULL);
    struct str run = world_run(w, 0);
    struct alert *a = NULL;
    world_log(w, run, "loss", 1, 1, 1);
    world_log(w, run, "acc", NAN, 1, 1);
    assert_int_equal(world_look(w).fired, 1);
    assert_int_equal(world_alerts(w, ALERTS_FIRING, &a), 1);
    assert_str(a[0].metric, "acc");
    assert_true(isnan(a[0].value));
    world_log(w, run, "loss", NAN, 2, 2);
    world_log(w, run, "acc", 1, 2, 2);
    struct alert_look l = world_look(w);
    assert_true(l.fired == 1 && l.resolved == 1);
}

static void finish(struct world *w, struct str run)
{
    const enum track_run_status finished = TRACK_RUN_FINISHED;
    const int64_t end_ms = 99;
    struct track_run r;
    assert_ok(world_op(w), track_run_update(world_op(w), w->h.f.db, run, &finished, &end_ms, STR(""), &r));
}

static void a_run_that_is_over_is_not_told_again(void **state)
{
    struct world *w = *state;
    struct op *op = world_op(w);
    world_rule(w, (struct alert_rule){.name = STR("nan"), .kind = ALERT_NAN, .experiment = ALERT_ALL_EXPERIMENTS}, NULL);
    struct str run = world_run(w, 0), quick = world_run(w, 0);
    world_log(w, run, "loss", NAN, 1, 1);
    world_log(w, run, "loss", 1, 2, 2);
    world_log(w, run, "acc", 1, 1, 1);
    world_look(w);
    finish(w, run);
    world_log(w, quick, "loss", NAN, 1, 1); /* begun and over between two looks */
    finish(w, quick);
    struct alert_look l = world_look(w);
    assert_true(l.fired == 1 && l.resolved == 0);
    assert_ok(op, track_run_set_tag(op, w->h.f.db, run, STR("k"), STR("v")));
    assert_ok(op, track_run_set_tag(op, w->h.f.db, quick, STR("k"), STR("v")));
    l = world_look(w);
    assert_true(l.fired == 0 && l.resolved == 0);
    world_log(w, run, "acc", 2, 2, 2); /* points after the end: the old NaN was told of */
    l = world_look(w);
    assert_true(l.fired == 0 && l.resolved == 0);
    world_log(w, run, "acc", NAN, 3, 3);
    world_log(w, quick, "loss", 1, 2, 2);
    l = world_look(w);
    assert_true(l.fired == 1 && l.resolved == 1);
    struct alert *a = NULL;
    assert_int_equal(world_alerts(w, ALERTS_FIRING, &a), 1);
    assert_str(a[0].metric, "acc");
    assert_int_equal(a[0].step, 3);
}

static void experiments_and_filters_narrow(void **state)
{
    struct world *w = *state;
    struct op *op = world_op(w);
    int64_t mine = 0;
    assert_ok(op, experiment_create(op, w->h.f.db, STR("mine"), STR(""), NULL, 0, &mine));
    struct alert_rule r = loss_high(1);
    r.experiment = mine;
    r.filter = STR("tags.team = 'a' AND params.depth != '1'");
    world_rule(w, r, NULL);
    struct str other = world_run(w, 0), untagged = world_run(w, mine), tagged = world_run(w, mine);
    struct track_kv depth = {STR("depth"), STR("2")};
    struct track_batch b = {.run_id = tagged, .params = &depth, .param_count = 1};
    assert_ok(op, metric_log_batch(op, w->h.f.db, &b));
    assert_ok(op, track_run_set_tag(op, w->h.f.db, tagged, STR("team"), STR("a")));
    world_log(w, other, "loss", 9, 1, 1);
    world_log(w, untagged, "loss", 9, 1, 1);
    world_log(w, tagged, "loss", 9, 1, 1);
    struct alert *a = NULL;
    assert_int_equal(world_look(w).fired, 1);
    assert_int_equal(world_alerts(w, ALERTS_FIRING, &a), 1);
    assert_true(str_eq(a[0].run_id, tagged));
    assert_ok(op, track_run_set_tag(op, w->h.f.db, tagged, STR("team"), STR("b"))); /* it leaves the rule's view */
    assert_int_equal(world_look(w).resolved, 1);
    assert_ok(op, track_run_set_tag(op, w->h.f.db, untagged, STR("team"), STR("a"))); /* without the parameter != finds nothing */
    assert_int_equal(world_look(w).fired, 0);
}

static void silence_of_a_run_that_goes_on(void **state)
{
    struct world *w = *state;
    struct op *op = world_op(w);
    struct str before = world_run(w, 0); /* runs when the rule comes */
    world_rule(w, (struct alert_rule){.name = STR("hangs"), .kind = ALERT_STALE, .span_us = 60 * SECOND_US, .experiment = ALERT_ALL_EXPERIMENTS}, NULL);
    struct str run = world_run(w, 0);
    struct alert *a = NULL;
    assert_int_equal(world_look(w).fired, 0);
    op->now_us += 59 * SECOND_US;
    world_log(w, run, "loss", 1, 1, 1);
    assert_int_equal(world_look(w).fired, 0);
    op->now_us += 2 * SECOND_US;
    assert_int_equal(world_look(w).fired, 1);
    assert_int_equal(world_alerts(w, ALERTS_FIRING, &a), 1);
    assert_true(str_eq(a[0].run_id, before));
    assert_int_equal(world_look(w).fired, 0); /* said once */
    op->now_us += 60 * SECOND_US;
    assert_int_equal(world_look(w).fired, 1);
    world_log(w, run, "loss", 1, 2, 2);
    assert_int_equal(world_look(w).resolved, 1);
    const enum track_run_status finished = TRACK_RUN_FINISHED;
    struct track_run r;
    assert_ok(op, track_run_update(op, w->h.f.db, before, &finished, NULL, STR(""), &r));
    assert_int_equal(world_look(w).resolved, 1); /* the end of a run ends its silence */
    op->now_us += 600 * SECOND_US;
    assert_int_equal(world_look(w).fired, 1); /* `run` again */
    assert_ok(op, track_run_delete(op, w->h.f.db, run));
    assert_int_equal(world_look(w).resolved, 1);
    assert_int_equal(world_alerts(w, ALERTS_FIRING, &a), 0);
}

/* A server that was away cannot tell silence from its own absence. */
static void silence_counts_from_the_start(void **state)
{
    struct world *w = *state;
    struct op *op = world_op(w);
    world_rule(w, (struct alert_rule){.name = STR("hangs"), .kind = ALERT_STALE, .span_us = 60 * SECOND_US, .experiment = ALERT_ALL_EXPERIMENTS}, NULL);
    world_run(w, 0);
    world_look(w);
    op->now_us += 3600 * SECOND_US;
    struct alert_look l;
    assert_ok(op, alert_look(op, w->alerts, op->now_us - 59 * SECOND_US, &l));
    assert_int_equal(l.fired, 0);
    assert_ok(op, alert_look(op, w->alerts, op->now_us - 60 * SECOND_US, &l));
    assert_int_equal(l.fired, 1);
}

static void a_run_that_failed(void **state)
{
    struct world *w = *state;
    struct op *op = world_op(w);
    world_rule(w, (struct alert_rule){.name = STR("broken"), .kind = ALERT_FAILED, .experiment = ALERT_ALL_EXPERIMENTS}, NULL);
    const enum track_run_status failed = TRACK_RUN_FAILED, finished = TRACK_RUN_FINISHED, running = TRACK_RUN_RUNNING;
    struct str a = world_run(w, 0), b = world_run(w, 0);
    struct track_run r;
    struct alert *rows = NULL;
    assert_ok(op, track_run_update(op, w->h.f.db, a, &failed, NULL, STR(""), &r));
    assert_ok(op, track_run_update(op, w->h.f.db, b, &finished, NULL, STR(""), &r));
    assert_int_equal(world_look(w).fired, 1);
    assert_int_equal(world_alerts(w, ALERTS_FIRING, &rows), 1);
    assert_true(str_eq(rows[0].run_id, a) && str_eqc(rows[0].reason, "the run ended as FAILED"));
    world_log(w, a, "x", 1, 1, 1);
    assert_int_equal(world_look(w).fired, 0);
    assert_ok(op, track_run_update(op, w->h.f.db, a, &running, NULL, STR(""), &r)); /* taken up again */
    assert_int_equal(world_look(w).resolved, 1);
}

static void a_new_rule_looks_at_what_runs(void **state)
{
    struct world *w = *state;
    struct op *op = world_op(w);
    struct str run = world_run(w, 0), over = world_run(w, 0);
    const enum track_run_status finished = TRACK_RUN_FINISHED;
    struct track_run r;
    world_log(w, run, "loss", 9, 1, 1);
    world_log(w, over, "loss", 9, 1, 1);
    assert_ok(op, track_run_update(op, w->h.f.db, over, &finished, NULL, STR(""), &r));
    world_rule(w, loss_high(1), NULL);
    assert_int_equal(world_look(w).fired, 1);
    world_rule(w, (struct alert_rule){.name = STR("second"), .metric = STR("loss"), .comparison = ALERT_GE, .threshold = 9}, NULL);
    assert_int_equal(world_look(w).fired, 1);
    assert_ok(op, alert_rule_remove(op, w->alerts, STR("high")));
    assert_ok(op, alert_rule_remove(op, w->alerts, STR("second")));
    struct alert *rows = NULL;
    assert_int_equal(world_alerts(w, ALERTS_FIRING, &rows), 0);
    assert_int_equal(world_alerts(w, ALERTS_ALL, &rows), 2);
    world_log(w, run, "loss", 9, 2, 2);
    assert_int_equal(world_look(w).fired, 0);
}

/* Two servers look at the same changes: one stores, the other comes again and finds nothing to do. */
static void two_lookers_tell_once(void **state)
{
    struct world *w = *state;
    struct op *op = world_op(w);
    struct alert_rule r = world_rule(w, loss_high(1), "http://127.0.0.1:1/x");
    struct alerts *other = alerts_create(w->h.f.db, w->h.hooks);
    struct alert_look l;
    world_look(w);
    for (int i = 0; i < 20; i++) {
        struct str run = world_run(w, 0);
        world_log(w, run, "loss", 9, 1, 1);
        assert_ok(op, alert_look(op, i % 2 ? other : w->alerts, 0, &l));
        assert_ok(op, alert_look(op, i % 2 ? w->alerts : other, 0, &l));
        assert_int_equal(l.fired, 0);
    }
    assert_int_equal(hooks_waiting(&w->h, r.webhook_id), 20);
    alerts_destroy(other);
}

static void a_look_that_fails_is_repeated(void **state)
{
    struct world *w = *state;
    struct op *op = world_op(w);
    struct alert_rule r = world_rule(w, loss_high(1), "http://127.0.0.1:1/x");
    struct webhook hook;
    world_look(w);
    world_log(w, world_run(w, 0), "loss", 9, 1, 1);
    assert_ok(op, webhook_get(op, w->h.hooks, r.webhook_id, &hook));
    assert_ok(op, webhook_delete(op, w->h.hooks, hook.id)); /* the receiver goes: the alert is kept all the same */
    assert_int_equal(world_look(w).fired, 1);
    struct alert *rows = NULL;
    assert_int_equal(world_alerts(w, ALERTS_FIRING, &rows), 1);
    int64_t counts[OUTBOX_STATES];
    assert_ok(op, outbox_counts(op, w->h.hooks, counts));
    assert_int_equal(counts[OUTBOX_WAITING], 0);
}

static void many_runs_take_more_than_one_look(void **state)
{
    struct world *w = *state;
    struct op *op = world_op(w);
    world_rule(w, loss_high(1), NULL);
    struct alert_look l;
    world_look(w);
    for (int i = 0; i < LIMIT_ALERT_RUNS + 5; i++)
        world_log(w, world_run(w, 0), "loss", 9, 1, 1);
    assert_ok(op, alert_look(op, w->alerts, 0, &l));
    assert_true(l.more && l.fired == LIMIT_ALERT_RUNS);
    assert_int_equal(world_look(w).fired, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(a_threshold_for_some_points_in_a_row),
        world_test(one_look_tells_of_one_crossing),
        world_test(late_points_are_judged_where_they_belong),
        world_test(nan_of_any_metric),
        world_test(a_run_that_is_over_is_not_told_again),
        world_test(experiments_and_filters_narrow),
        world_test(silence_of_a_run_that_goes_on),
        world_test(silence_counts_from_the_start),
        world_test(a_run_that_failed),
        world_test(a_new_rule_looks_at_what_runs),
        world_test(two_lookers_tell_once),
        world_test(a_look_that_fails_is_repeated),
        world_test(many_runs_take_more_than_one_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
