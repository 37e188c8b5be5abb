/* test_overview.c - every list against rows made by the areas' own functions. */
#include "core/overview/overview.h"

#include <math.h>

#include "unit/core/alert/alert_fixture.h"

#include "base/limits.h"
#include "core/audit/audit.h"
#include "core/registry/model.h"
#include "core/registry/move.h"
#include "core/registry/policy.h"
#include "sql_gen.h"

static struct overview world_overview(struct world *w)
{
    struct overview o;
    assert_ok(world_op(w), overview_read(world_op(w), w->h.f.db, &o));
    return o;
}

static void an_empty_server_has_empty_lists(void **state)
{
    struct overview o = world_overview(*state);
    assert_int_equal(o.running_count + (int64_t)(o.running_len + o.newest_len + o.approvals_len + o.endpoint_alerts_len + o.run_alerts_len + o.rollouts_len + o.pipelines_len), 0);
}

static void runs_newest_first_and_counted(void **state)
{
    struct world *w = *state;
    struct str ids[LIMIT_OVERVIEW_ROWS + 5];
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        ids[i] = world_run(w, 0);
    struct overview o = world_overview(w);
    assert_int_equal(o.running_count, ARRAY_LEN(ids));
    assert_int_equal(o.running_len, LIMIT_OVERVIEW_ROWS);
    assert_int_equal(o.newest_len, LIMIT_OVERVIEW_ROWS);
    assert_true(str_eq(o.running[0].id, ids[ARRAY_LEN(ids) - 1]) && str_eq(o.running[1].id, ids[ARRAY_LEN(ids) - 2]));
    assert_int_equal(o.running[0].status, TRACK_RUN_RUNNING);
    assert_int_equal(o.running[0].experiment, 0);
    assert_true(o.running[0].experiment_name.len > 0);
}

static void firing_alerts_stand_there_and_resolved_ones_do_not(void **state)
{
    struct world *w = *state;
    struct alert_rule rule = {.name = STR("high"), .metric = STR("loss"), .comparison = ALERT_GT, .threshold = 5, .points = 1, .experiment = ALERT_ALL_EXPERIMENTS};
    world_rule(w, rule, NULL);
    struct str run = world_run(w, 0);
    world_log(w, run, "loss", 9, 0, 0);
    world_look(w);
    struct overview o = world_overview(w);
    assert_int_equal(o.run_alerts_len, 1);
    assert_str(o.run_alerts[0].rule, "high");
    assert_true(str_eq(o.run_alerts[0].run_id, run) && o.run_alerts[0].run_name.len > 0);
    world_log(w, run, "loss", 1, 1, 1);
    world_look(w);
    assert_int_equal(world_overview(w).run_alerts_len, 0);
}

static void a_request_that_waits_stands_there_until_it_expires(void **state)
{
    struct world *w = *state;
    struct op *op = world_op(w);
    struct db *db = w->h.f.db;
    struct registry_model m;
    struct registry_version v;
    struct str names[] = {STR("champion")};
    struct registry_policy p = {.aliases = names, .alias_count = 1, .ttl_us = 1000000};
    struct registry_version_new in = {.name = STR("m"), .source = STR("s3://b/x")};
    struct registry_move move = {.model = STR("m"), .alias = STR("champion"), .version = 1};
    assert_ok(op, registry_model_create(op, db, in.name, (struct str){0}, NULL, 0, &m));
    assert_ok(op, registry_version_create(op, db, &in, &v));
    assert_ok(op, registry_policy_set(op, db, in.name, &p));
    assert_int_equal(registry_move(op, db, &move), E_DENIED);
    op_clear(op);
    struct overview o = world_overview(w);
    assert_int_equal(o.approvals_len, 1);
    assert_str(o.approvals[0].model, "m");
    assert_str(o.approvals[0].subject, "champion");
    assert_int_equal(o.approvals[0].version, 1);
    assert_true(o.changes_len >= 1);
    for (size_t i = 1; i < o.changes_len; i++)
        assert_true(o.changes[i].seq < o.changes[i - 1].seq);
    op->now_us += 2000000;
    assert_int_equal(world_overview(w).approvals_len, 0);
}

static enum err rows_make(struct op *op, struct db_tx *tx, void *arg)
{
    (void)arg;
    struct str none = STR("");
    enum err e = db_exec(op, tx, &sql_rollout_insert, DB_ARGS(DB_TEXT(STR("e")), DB_I64(1), DB_I64(2), DB_I64(7), DB_TEXT(STR("{}")), DB_I64(5), DB_TEXT(STR("{}"))), NULL);
    if (e || (e = db_exec(op, tx, &sql_pipeline_run_insert, DB_ARGS(DB_TEXT(STR("e")), DB_TEXT(STR("/w")), DB_TEXT(STR("drift")), DB_TEXT(none), DB_I64(9), DB_TEXT(STR("p")), DB_TEXT(STR("me"))), NULL)))
        return e;
    if ((e = audit_append(op, tx, STR("promote"), STR("endpoint"), STR("e"), STR("{\"version\":2}"))) ||
        (e = audit_append(op, tx, STR("alert_firing"), STR("endpoint"), STR("e"), none)) || (e = audit_append(op, tx, STR("create"), STR("run"), STR("r"), none)))
        return e;
    return db_exec(op, tx, &sql_monitor_alert_fire, DB_ARGS(DB_TEXT(STR("e")), DB_TEXT(STR("feature_psi")), DB_TEXT(STR("f")), DB_F64(0.5), DB_NULL, DB_I64(3)), NULL);
}

static void rollouts_pipelines_and_alerts_of_endpoints(void **state)
{
    struct world *w = *state;
    assert_ok(world_op(w), db_write(world_op(w), w->h.f.db, rows_make, NULL));
    struct overview o = world_overview(w);
    assert_int_equal(o.rollouts_len, 1);
    assert_true(o.rollouts[0].candidate == 2 && o.rollouts[0].verdict.len == 0 && o.rollouts[0].paused.len == 0);
    assert_int_equal(o.pipelines_len, 1);
    assert_str(o.pipelines[0].state, "queued");
    assert_int_equal(o.endpoint_alerts_len, 1);
    assert_int_equal(o.changes_len, 1); /* neither the alert nor the run */
    assert_str(o.changes[0].verb, "promote");
    assert_str(o.changes[0].detail, "{\"version\":2}");
    assert_true(o.endpoint_alerts[0].value == 0.5 && isnan(o.endpoint_alerts[0].bound));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(an_empty_server_has_empty_lists), world_test(runs_newest_first_and_counted), world_test(firing_alerts_stand_there_and_resolved_ones_do_not),
        world_test(a_request_that_waits_stands_there_until_it_expires), world_test(rollouts_pipelines_and_alerts_of_endpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
