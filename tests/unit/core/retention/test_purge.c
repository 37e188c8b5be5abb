#include "core/retention/purge.h"

#include "core/registry/version.h"
#include "core/registry/model.h"
#include "core/track/artifact.h"
#include "core/track/experiment.h"
#include "core/track/history.h"
#include "core/track/input.h"
#include "core/track/logged_model.h"
#include "core/track/metric.h"
#include "core/track/run.h"
#include "unit/core/track/fixture.h"

static struct str run_with_points(struct fixture *f, int64_t experiment, int64_t points)
{
    struct op *op = &f->op;
    struct track_run run;
    assert_ok(op, track_run_create(op, f->db, experiment, STR("r"), STR("u"), 1, &(struct track_kv){STR("t"), STR("v")}, 1, &run));
    for (int64_t at = 0; at < points; at += 1000) {
        struct track_metric *m = arena_array(op->arena, 1000, struct track_metric);
        for (int64_t i = 0; i < 1000; i++)
            m[i] = (struct track_metric){.key = STR("loss"), .value = 1, .time_ms = at + i, .step = at + i};
        assert_ok(op, metric_log_batch(op, f->db, &(struct track_batch){.run_id = run.run_id, .metrics = m, .metric_count = 1000}));
    }
    assert_ok(op, metric_log_batch(op, f->db, &(struct track_batch){.run_id = run.run_id, .params = &(struct track_kv){STR("p"), STR("1")}, .param_count = 1}));
    struct track_dataset d = {.name = STR("d"), .digest = STR("1"), .source_type = STR("s"), .source = STR("x")};
    assert_ok(op, input_log(op, f->db, run.run_id, &d, 1, NULL, 0));
    struct blob_id id = {{7}};
    assert_ok(op, artifact_put(op, f->db, str_from(op_printf(op, "%lld/%.*s/artifacts/m/f", (long long)experiment, STR_FMT(run.run_id))), &id, 3));
    return run.run_id;
}

static struct purge_report purge(struct fixture *f, const struct purge_plan *plan)
{
    struct purge_report r;
    assert_ok(&f->op, purge_run(&f->op, f->db, plan, &r));
    return r;
}

static void a_deleted_run_goes_whole_and_others_stay(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct str gone = run_with_points(f, 0, 45000), deleted_later, stays = run_with_points(f, 0, 1000);
    deleted_later = run_with_points(f, 0, 1000);
    assert_ok(op, track_run_delete(op, f->db, gone));
    struct purge_plan plan = {.before_ms = op->now_us / 1000, .dry_run = true};
    op->now_us += 5000000;
    assert_ok(op, track_run_delete(op, f->db, deleted_later));
    struct purge_report r = purge(f, &plan);
    assert_true(r.runs == 1 && r.points == 0);
    plan.dry_run = false;
    r = purge(f, &plan);
    assert_int_equal(r.runs, 1);
    assert_int_equal(r.points, 45000);
    assert_int_equal(r.artifacts, 1);
    struct track_run run;
    assert_fails(op, track_run_get(op, f->db, gone, &run), E_NOT_FOUND, "not found");
    assert_fails(op, track_run_restore(op, f->db, gone), E_NOT_FOUND, "not found");
    assert_ok(op, track_run_get(op, f->db, stays, &run));
    assert_int_equal(run.metric_count, 1);
    assert_int_equal(run.dataset_count, 1);
    assert_ok(op, track_run_restore(op, f->db, deleted_later));
    r = purge(f, &plan);
    assert_int_equal(r.runs, 0);
}

/* Ids are held by caches, links and indexes: the one of a purged run must not come again. */
static void ids_never_come_again(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct track_run run;
    int64_t id = 0, again = 0, last;
    assert_ok(op, track_run_get(op, f->db, run_with_points(f, 0, 1000), &run));
    last = run.row;
    assert_ok(op, track_run_delete(op, f->db, run.run_id));
    assert_int_equal(purge(f, &(struct purge_plan){.before_ms = INT64_MAX}).runs, 1);
    assert_ok(op, track_run_get(op, f->db, run_with_points(f, 0, 1000), &run));
    assert_int_equal(run.row, last + 1);
    assert_int_equal(purge(f, &(struct purge_plan){.before_ms = INT64_MAX}).runs, 1); /* its mark, which goes now */
    assert_int_equal(purge(f, &(struct purge_plan){.before_ms = INT64_MAX}).runs, 0);
    assert_ok(op, experiment_create(op, f->db, STR("x"), STR(""), NULL, 0, &id));
    assert_ok(op, experiment_delete(op, f->db, id));
    assert_int_equal(purge(f, &(struct purge_plan){.before_ms = INT64_MAX}).experiments, 1);
    assert_ok(op, experiment_create(op, f->db, STR("x"), STR(""), NULL, 0, &again)); /* the name is free */
    assert_int_equal(again, id + 1);
    struct experiment x;
    assert_fails(op, experiment_get(op, f->db, id, &x), E_NOT_FOUND, "exists");
}

static void what_is_used_or_held_is_kept(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    int64_t id = 0;
    assert_ok(op, experiment_create(op, f->db, STR("x"), STR(""), NULL, 0, &id));
    struct str used = run_with_points(f, id, 1000), held = run_with_points(f, id, 1000), free_one = run_with_points(f, id, 1000);
    struct registry_model m;
    struct registry_version v;
    assert_ok(op, registry_model_create(op, f->db, STR("risk"), STR(""), NULL, 0, &m));
    struct registry_version_new made = {.name = STR("risk"), .run_id = used,
                                        .source = str_from(op_printf(op, "mlflow-artifacts:/%lld/%.*s/artifacts/m", (long long)id, STR_FMT(used)))};
    assert_ok(op, registry_version_create(op, f->db, &made, &v));
    assert_ok(op, track_run_set_tag(op, f->db, held, STR(PURGE_HOLD_TAG), STR("true")));
    assert_ok(op, experiment_delete(op, f->db, id));
    struct purge_report r = purge(f, &(struct purge_plan){.before_ms = INT64_MAX});
    assert_true(r.runs == 1 && r.experiments == 0 && r.kept == 3);
    assert_non_null(strstr(op_printf(op, "%.*s", STR_FMT(r.kept_why[0])), "made version 1 of 'risk'"));
    struct track_run run;
    assert_ok(op, track_run_get(op, f->db, used, &run));
    assert_fails(op, track_run_get(op, f->db, free_one, &run), E_NOT_FOUND, "not found");
    assert_ok(op, registry_version_delete(op, f->db, STR("risk"), 1));
    assert_ok(op, experiment_restore(op, f->db, id));
    assert_ok(op, track_run_delete_tag(op, f->db, held, STR(PURGE_HOLD_TAG)));
    assert_ok(op, experiment_set_tag(op, f->db, id, STR(PURGE_HOLD_TAG), STR("true")));
    assert_ok(op, experiment_delete(op, f->db, id));
    r = purge(f, &(struct purge_plan){.before_ms = INT64_MAX});
    assert_true(r.runs == 0 && r.experiments == 0);
}

static void only_what_is_named_and_deleted(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct purge_report r;
    struct str one = run_with_points(f, 0, 1000), two = run_with_points(f, 0, 1000), none = STR("00000000000000000000000000000000");
    struct purge_plan plan = {.runs = &one, .run_count = 1};
    assert_fails(op, purge_run(op, f->db, &plan, &r), E_CONFLICT, "is not deleted");
    assert_ok(op, track_run_delete(op, f->db, one));
    assert_ok(op, track_run_delete(op, f->db, two));
    assert_int_equal(purge(f, &plan).runs, 1);
    plan.runs = &none;
    assert_fails(op, purge_run(op, f->db, &plan, &r), E_NOT_FOUND, "not found");
    struct track_run run;
    assert_ok(op, track_run_get(op, f->db, two, &run));
    int64_t id = 0;
    struct logged_model model;
    assert_ok(op, experiment_create(op, f->db, STR("e"), STR(""), NULL, 0, &id));
    run_with_points(f, id, 1000);
    assert_ok(op, logged_model_create(op, f->db, &(struct logged_model_new){.experiment_id = id, .name = STR("net"), .params = &(struct track_kv){STR("a"), STR("b")}, .param_count = 1}, &model));
    plan = (struct purge_plan){.experiments = &id, .experiment_count = 1};
    assert_fails(op, purge_run(op, f->db, &plan, &r), E_CONFLICT, "is not deleted");
    assert_ok(op, experiment_delete(op, f->db, id));
    r = purge(f, &plan);
    assert_true(r.runs == 1 && r.experiments == 1);
    assert_fails(op, logged_model_get(op, f->db, model.model_id, true, &model), E_NOT_FOUND, "not found");
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(a_deleted_run_goes_whole_and_others_stay), fixture_test(ids_never_come_again), fixture_test(what_is_used_or_held_is_kept),
                                       fixture_test(only_what_is_named_and_deleted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
