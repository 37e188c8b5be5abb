#include "core/transfer/import.h"

#include <math.h>

#include "adapter/mem/mem.h"
#include "core/registry/model.h"
#include "core/retention/purge.h"
#include "core/track/experiment.h"
#include "core/track/metric.h"
#include "core/track/run.h"
#include "core/transfer/importing.h"
#include "unit/adapter/mlflow/origin_fixture.h"

static struct import_report import(struct fixture *f, struct origin *o, struct blob_store *blobs)
{
    struct import_options options = {.origin = o, .source = STR("sqlite:///there"), .db = f->db, .blobs = blobs};
    struct import_report report;
    assert_ok(&f->op, import_run(&f->op, &options, &report));
    return report;
}

static void what_is_there_comes_once(void **state)
{
    struct fixture *f = *state;
    char path[64];
    struct origin o = origin_fixture_open(&f->op, "", path);
    struct blob_store *blobs = mem_blobs_create(0);
    struct import_report r = import(f, &o, blobs);
    assert_true(import_complete(&r));
    assert_int_equal(r.counts[IMPORT_RUNS].added, 2);
    assert_int_equal(r.counts[IMPORT_POINTS].added, 3);
    assert_int_equal(r.counts[IMPORT_VERSIONS].added, 2);
    assert_int_equal(r.traces, 1);
    struct track_run run;
    assert_ok(&f->op, track_run_get(&f->op, f->db, STR(R1), &run));
    assert_int_equal(run.experiment_id, 7);
    assert_str(run.artifact_uri, "mlflow-artifacts:/7/" R1 "/artifacts");
    assert_true(run.metric_count == 1 && isnan(run.metrics[0].value) && run.metrics[0].step == 2);
    assert_str(run.outputs[0].model_id, M1);
    assert_ok(&f->op, track_run_get(&f->op, f->db, STR(R2), &run));
    assert_str(run.name, "two");
    assert_true(run.deleted && !run.has_end);
    struct registry_version v;
    assert_ok(&f->op, registry_alias_resolve(&f->op, f->db, STR("risk"), STR("champion"), &v));
    assert_str(v.source, "mlflow-artifacts:/7/" R1 "/artifacts/model");
    assert_fails(&f->op, registry_version_get(&f->op, f->db, STR("risk"), 2, &v), E_NOT_FOUND, "not found");

    r = import(f, &o, blobs);
    for (size_t k = 0; k < IMPORT_KINDS; k++)
        assert_int_equal(r.counts[k].added, 0);
    blob_store_close(blobs);
    origin_fixture_close(&o, path);
}

static void names_and_numbers_that_are_taken(void **state)
{
    struct fixture *f = *state;
    char path[64];
    int64_t id = 0;
    struct registry_model model;
    struct registry_version version;
    struct registry_version_new mine = {.name = STR("risk"), .source = STR("s3://mine/model")};
    for (int i = 0; i < 7; i++) /* ids 1 to 7 */
        assert_ok(&f->op, experiment_create(&f->op, f->db, str_from(op_printf(&f->op, "mine %d", i)), STR(""), NULL, 0, &id));
    assert_ok(&f->op, registry_model_create(&f->op, f->db, STR("risk"), STR("mine"), NULL, 0, &model));
    assert_ok(&f->op, registry_version_create(&f->op, f->db, &mine, &version));
    struct origin o = origin_fixture_open(&f->op, "", path);
    struct blob_store *blobs = mem_blobs_create(0);
    struct import_report r = import(f, &o, blobs);
    assert_false(import_complete(&r));
    assert_int_equal(r.counts[IMPORT_VERSIONS].failed, 1); /* version 1 is ours; version 2 was free */
    assert_int_equal(r.counts[IMPORT_VERSIONS].added, 1);
    struct track_run run;
    assert_ok(&f->op, track_run_get(&f->op, f->db, STR(R1), &run));
    assert_int_equal(run.experiment_id, 8);
    assert_ok(&f->op, registry_version_get(&f->op, f->db, STR("risk"), 1, &version));
    assert_str(version.source, "s3://mine/model");
    assert_ok(&f->op, registry_model_get(&f->op, f->db, STR("risk"), &model));
    assert_str(model.description, "mine");
    assert_int_equal(model.alias_count, 0);
    blob_store_close(blobs);
    origin_fixture_close(&o, path);
}

static void one_bad_run_does_not_stop_the_others(void **state)
{
    struct fixture *f = *state;
    char path[64];
    struct origin o = origin_fixture_open(&f->op,
                                          "INSERT INTO runs VALUES ('00000000000000000000000000000003', 0, 'x', 'u', 'DANCING', 1, 2, 'active', NULL, ''),"
                                          " ('00000000000000000000000000000004', 99, 'x', 'u', 'FINISHED', 1, 2, 'active', NULL, '');"
                                          "UPDATE latest_metrics SET step = 3;",
                                          path);
    struct blob_store *blobs = mem_blobs_create(0);
    struct import_report r = import(f, &o, blobs);
    assert_false(import_complete(&r));
    assert_int_equal(r.counts[IMPORT_RUNS].failed, 2);
    assert_int_equal(r.counts[IMPORT_RUNS].added, 2);
    assert_int_equal(r.wrong_latest, 1);
    assert_true(r.note_count >= 3);
    blob_store_close(blobs);
    origin_fixture_close(&o, path);
}

/* What was purged is no longer marked as imported: it comes whole, not without the points that "are here already". */
static void what_was_purged_comes_again_whole(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    char path[64];
    struct origin o = origin_fixture_open(op, "", path);
    struct blob_store *blobs = mem_blobs_create(0);
    struct str one = STR(R1);
    struct track_run run;
    struct purge_report purged;
    (void)import(f, &o, blobs);
    assert_ok(op, registry_version_delete(op, f->db, STR("risk"), 1));
    assert_ok(op, track_run_delete(op, f->db, one));
    assert_ok(op, purge_run(op, f->db, &(struct purge_plan){.runs = &one, .run_count = 1}, &purged));
    assert_int_equal(purged.runs, 1);
    struct import_report r = import(f, &o, blobs);
    assert_int_equal(r.counts[IMPORT_RUNS].added, 1);
    assert_int_equal(r.counts[IMPORT_RUNS].failed, 0);
    assert_int_equal(r.counts[IMPORT_POINTS].added, 3);
    assert_int_equal(r.wrong_latest, 0);
    assert_ok(op, track_run_get(op, f->db, one, &run));
    assert_int_equal(run.metric_count, 1);

    assert_ok(op, track_run_delete(op, f->db, one)); /* its experiment is deleted there, and so here */
    assert_ok(op, registry_version_delete(op, f->db, STR("risk"), 1));
    assert_ok(op, purge_run(op, f->db, &(struct purge_plan){.experiments = &run.experiment_id, .experiment_count = 1}, &purged));
    assert_int_equal(purged.experiments, 1);
    int64_t before = run.experiment_id;
    r = import(f, &o, blobs); /* under another id: the old one may be in somebody's link */
    assert_int_equal(r.counts[IMPORT_EXPERIMENTS].added, 1);
    assert_int_equal(r.counts[IMPORT_RUNS].failed, 0);
    assert_int_equal(r.counts[IMPORT_POINTS].added, 3);
    assert_ok(op, track_run_get(op, f->db, one, &run));
    assert_int_not_equal(run.experiment_id, before);
    blob_store_close(blobs);
    origin_fixture_close(&o, path);
}

static void locations_are_joined(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    assert_str(import_location(op, STR("mlflow-artifacts:/7/"), false, STR("r")), "mlflow-artifacts:/7/r/artifacts");
    assert_str(import_location(op, STR("s3://b"), true, STR("m-1")), "s3://b/models/m-1/artifacts");
    assert_string_equal(import_kind_name(IMPORT_LOGGED_MODELS), "logged models");
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(what_is_there_comes_once), fixture_test(names_and_numbers_that_are_taken),
                                       fixture_test(one_bad_run_does_not_stop_the_others), fixture_test(what_was_purged_comes_again_whole),
                                       fixture_test(locations_are_joined)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
