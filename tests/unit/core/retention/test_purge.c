#include "core/retention/purge.h"

#include <sqlite3.h>

#include "core/registry/model.h"
#include "core/registry/version.h"
#include "core/track/artifact.h"
#include "core/track/console.h"
#include "core/track/experiment.h"
#include "core/track/history.h"
#include "core/track/input.h"
#include "core/track/logged_model.h"
#include "core/track/metric.h"
#include "core/track/run.h"
#include "sql_gen.h"
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
    struct console_state console;
    assert_ok(op, console_append(op, f->db, run.run_id, 0, STR("what it prints\n"), &console));
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
    assert_int_equal(purge(f, &(struct purge_plan){.before_ms = INT64_MAX}).runs, 0); /* its mark, which goes now, is no run */
    assert_fails(op, purge_run(op, f->db, &(struct purge_plan){.runs = &run.run_id, .run_count = 1}, &(struct purge_report){0}), E_CONFLICT, "is not deleted");
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

/* What the registry does not take any more, but an import may bring: a version in a run's files that names no run. */
static enum err nameless_version_tx(struct op *op, struct db_tx *tx, void *arg)
{
    const struct db_val *v = arg;
    struct db_val none = DB_TEXT(STR(""));
    return db_exec(op, tx, &sql_import_version_insert,
                   DB_ARGS(v[0], DB_I64(5), DB_I64(1), DB_I64(1), DB_NULL, none, DB_I64(0), v[1], none, none, none, none, none, none, DB_I64(0)), NULL);
}

static void files_of_a_version_without_a_run_are_kept(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct str run = run_with_points(f, 0, 1000);
    struct registry_model m;
    assert_ok(op, registry_model_create(op, f->db, STR("risk"), STR(""), NULL, 0, &m));
    struct db_val v[] = {DB_I64(m.row), DB_TEXT(str_from(op_printf(op, "mlflow-artifacts:/0/%.*s/artifacts/m", STR_FMT(run))))};
    assert_ok(op, db_write(op, f->db, nameless_version_tx, v));
    assert_ok(op, track_run_delete(op, f->db, run));
    struct purge_report r = purge(f, &(struct purge_plan){.before_ms = INT64_MAX});
    assert_true(r.runs == 0 && r.kept == 1);
    assert_non_null(strstr(op_printf(op, "%.*s", STR_FMT(r.kept_why[0])), "version 5 of 'risk'"));
}

/* More models than fit in a page, the first of them in use: those behind it must go all the same. */
static void models_behind_one_in_use_go(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    int64_t id = 0;
    struct logged_model first, model;
    struct registry_model m;
    struct registry_version v;
    assert_ok(op, experiment_create(op, f->db, STR("x"), STR(""), NULL, 0, &id));
    for (int i = 0; i < 250; i++)
        assert_ok(op, logged_model_create(op, f->db, &(struct logged_model_new){.experiment_id = id, .name = STR("net")}, i ? &model : &first));
    assert_ok(op, registry_model_create(op, f->db, STR("risk"), STR(""), NULL, 0, &m));
    struct registry_version_new made = {.name = STR("risk"), .source = str_from(op_printf(op, "models:/%.*s", STR_FMT(first.model_id))), .model_id = first.model_id};
    assert_ok(op, registry_version_create(op, f->db, &made, &v));
    assert_ok(op, experiment_delete(op, f->db, id));
    assert_int_equal(purge(f, &(struct purge_plan){.before_ms = INT64_MAX}).experiments, 1);
    assert_ok(op, logged_model_get(op, f->db, first.model_id, true, &first));
    assert_fails(op, logged_model_get(op, f->db, model.model_id, true, &model), E_NOT_FOUND, "not found");
    assert_int_equal(purge(f, &(struct purge_plan){.before_ms = INT64_MAX}).experiments, 0); /* once is enough */
}

static void a_dry_run_tells_what_would_be(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    int64_t id = 0;
    assert_ok(op, experiment_create(op, f->db, STR("x"), STR(""), NULL, 0, &id));
    struct str held = run_with_points(f, id, 1000);
    run_with_points(f, id, 1000);
    assert_ok(op, track_run_set_tag(op, f->db, held, STR(PURGE_HOLD_TAG), STR("true")));
    assert_ok(op, experiment_delete(op, f->db, id));
    struct purge_report dry = purge(f, &(struct purge_plan){.before_ms = INT64_MAX, .dry_run = true});
    struct purge_report done = purge(f, &(struct purge_plan){.before_ms = INT64_MAX});
    assert_true(dry.runs == 1 && dry.experiments == 0 && dry.kept == 2);
    assert_true(done.runs == dry.runs && done.experiments == dry.experiments && done.kept == dry.kept);
}

/* A table that comes to hold rows of a run must be known to the purge, or no run with such rows can go. */
static void every_table_with_rows_of_a_run_is_known(void **state UNUSED)
{
    static const char *const known[] = {"track_series", "track_param", "track_tag", "track_input", "track_run_model", "track_console", "track_console_piece"};
    sqlite3 *db = NULL;
    sqlite3_stmt *tables = NULL;
    size_t n = 0;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    for (int i = 0; i < sql_migration_count; i++)
        assert_int_equal(sqlite3_exec(db, sql_migrations[i].text, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT DISTINCT t.name FROM sqlite_schema t, pragma_foreign_key_list(t.name) k WHERE t.type = 'table' AND k.\"table\" = 'track_run'", -1,
                                        &tables, NULL), SQLITE_OK);
    while (sqlite3_step(tables) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(tables, 0);
        size_t i = 0;
        while (i < ARRAY_LEN(known) && strcmp(known[i], name) != 0)
            i++;
        if (i == ARRAY_LEN(known))
            fail_msg("table '%s' has rows of runs: purge.c must delete them, and run_with_points() of this test make some", name);
        n++;
    }
    sqlite3_finalize(tables);
    sqlite3_close(db);
    assert_int_equal(n, ARRAY_LEN(known));
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(a_deleted_run_goes_whole_and_others_stay), fixture_test(ids_never_come_again), fixture_test(what_is_used_or_held_is_kept),
                                       fixture_test(only_what_is_named_and_deleted),
                                       fixture_test(files_of_a_version_without_a_run_are_kept), fixture_test(models_behind_one_in_use_go),
                                       fixture_test(a_dry_run_tells_what_would_be), fixture_test(every_table_with_rows_of_a_run_is_known)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
