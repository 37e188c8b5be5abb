#include "app/export.h"

#include "adapter/mem/mem.h"
#include "adapter/mlflow/origin_folder.h"
#include "base/buf.h"
#include "base/file.h"
#include "contract/scratch.h"
#include "core/track/artifact.h"
#include "core/track/metric.h"
#include "unit/core/track/fixture.h"

static enum err count_points(void *arg, const struct origin_point *points, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_true(points[i].step >= 0 && points[i].key.len == 1);
    *(size_t *)arg += n;
    return OK;
}

static enum err take(void *arg, const void *p, size_t n)
{
    buf_add(arg, p, n);
    return OK;
}

/* Two runs; one metric has more points than a line holds. */
static struct str fill(struct fixture *f, struct blob_store *blobs)
{
    struct op *op = &f->op;
    struct track_run run;
    struct track_metric *points = arena_array(op->arena, 1000, struct track_metric);
    struct blob_id id;
    assert_ok(op, track_run_create(op, f->db, 0, STR("other"), STR("u"), 1, NULL, 0, &run));
    assert_ok(op, track_run_create(op, f->db, 0, STR("one"), STR("u"), 2, NULL, 0, &run));
    for (int64_t from = 0; from < 12000; from += 1000) {
        for (int64_t i = 0; i < 1000; i++)
            points[i] = (struct track_metric){.key = STR("a"), .value = (double)i / 3, .time_ms = from + i, .step = from + i};
        assert_ok(op, metric_log_batch(op, f->db, &(struct track_batch){.run_id = run.run_id, .metrics = points, .metric_count = 1000}));
    }
    points[0].key = STR("b");
    assert_ok(op, metric_log_batch(op, f->db, &(struct track_batch){.run_id = run.run_id, .metrics = points, .metric_count = 1}));
    assert_ok(op, blob_put(op, blobs, STR("hello"), &id));
    assert_ok(op, artifact_put(op, f->db, str_from(op_printf(op, "0/%.*s/artifacts/a/b.txt", STR_FMT(run.run_id))), &id, 5));
    return run.run_id;
}

static void what_was_written_is_read_back(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct scratch s;
    struct export_report report;
    scratch_init(&s);
    struct blob_store *blobs = mem_blobs_create(0);
    struct str run_id = fill(f, blobs);
    assert_ok(op, export_write(op, f->db, blobs, s.dir, &report));
    assert_int_equal(report.counts[EXPORT_RUNS], 2);
    assert_int_equal(report.counts[EXPORT_POINTS], 12001);
    assert_int_equal(report.bytes, 5);
    assert_fails(op, export_write(op, f->db, blobs, s.dir, &report), E_EXISTS, "already");
    assert_string_equal(export_kind_name(EXPORT_LOGGED_MODELS), "logged_models");

    struct origin o;
    struct str cursor = STR("");
    struct origin_run *runs;
    struct origin_file *files;
    size_t n = 0, points = 0;
    assert_ok(op, mlflow_folder_origin(op, str_from(s.dir), &o));
    assert_ok(op, o.ops->runs(o.self, op, &cursor, &runs, &n));
    assert_int_equal(n, 2);
    assert_true(str_eq(runs[1].run_id, run_id));
    assert_ok(op, o.ops->points(o.self, op, &runs[1], count_points, &points));
    assert_int_equal(points, 12001);
    points = 0;
    assert_ok(op, o.ops->points(o.self, op, &runs[0], count_points, &points));
    assert_int_equal(points, 0);
    struct origin_place at = {.uri = runs[1].artifact_uri, .run_id = run_id};
    struct buf bytes;
    buf_init(&bytes, 100);
    cursor = STR("");
    assert_ok(op, o.ops->files(o.self, op, &at, &cursor, &files, &n));
    assert_int_equal(n, 1);
    assert_str(files[0].path, "a/b.txt");
    assert_ok(op, o.ops->file(o.self, op, &at, files[0].path, take, &bytes));
    assert_str(buf_str(&bytes), "hello");
    assert_fails(op, o.ops->file(o.self, op, &at, STR("../../../etc/passwd"), take, &bytes), E_NOT_FOUND, "not in the export");
    buf_clear(&bytes);
    origin_close(&o);
    blob_store_close(blobs);
    scratch_clear(&s);
}

static void a_folder_that_is_no_export_is_refused(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    struct scratch s;
    struct origin o;
    scratch_init(&s);
    static const char *const bad[][2] = {
        {"manifest.json", "{\"format\": \"ingot-export\", \"version\": 2}"},
        {"manifest.json", "[]"},
        {"points.jsonl", "{\"run_id\": 1"},
        {"artifacts.jsonl", "{\"path\": \"a\", \"sha256\": \"../../x\"}\n"},
        {"artifacts.jsonl", "{\"path\": \"b\", \"sha256\": \"0000000000000000000000000000000000000000000000000000000000000000\"}\n"
                            "{\"path\": \"a\", \"sha256\": \"0000000000000000000000000000000000000000000000000000000000000000\"}\n"},
    };
    assert_fails(op, mlflow_folder_origin(op, str_from(s.dir), &o), E_INVALID, "no whole export");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        for (int k = 0; k < EXPORT_KINDS; k++)
            assert_ok(op, file_write(op, op_printf(op, "%s/%s.jsonl", s.dir, export_kind_name((enum export_kind)k)), STR("")));
        assert_ok(op, file_write(op, op_printf(op, "%s/manifest.json", s.dir), STR("{\"format\": \"ingot-export\", \"version\": 1}")));
        assert_ok(op, mlflow_folder_origin(op, str_from(s.dir), &o));
        origin_close(&o);
        assert_ok(op, file_write(op, op_printf(op, "%s/%s", s.dir, bad[i][0]), str_from(bad[i][1])));
        assert_int_equal(mlflow_folder_origin(op, str_from(s.dir), &o), E_INVALID);
        op_clear(op);
    }
    scratch_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(what_was_written_is_read_back), fixture_test(a_folder_that_is_no_export_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
