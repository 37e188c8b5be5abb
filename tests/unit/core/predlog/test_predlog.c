#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "adapter/duckdb/duckdb.h"
#include "adapter/localfs/localfs.h"
#include "adapter/sqlite/sqlite.h"
#include "contract/scratch.h"
#include "core/predlog/predlog.h"

static enum err open_tables(void *arg, struct op *op, struct table_engine **ret)
{
    (void)op;
    *ret = arg;
    return OK;
}

enum { ROWS = 5000 };

struct columns {
    int64_t id[ROWS], event_us[ROWS], version[ROWS], label_us[ROWS];
    float score[ROWS], feature[ROWS];
    uint32_t latency[ROWS];
    uint8_t arm[ROWS], ok[ROWS];
    int8_t label[ROWS];
};

static struct columns *columns_make(void)
{
    struct columns *c = calloc(1, sizeof *c);
    for (int i = 0; i < ROWS; i++) {
        c->id[i] = i * 3;
        c->event_us[i] = 1000000LL * i;
        c->version[i] = 1 + i % 2;
        c->feature[i] = i % 7 ? (float)i / 3 : NAN;
        c->score[i] = i % 11 ? (float)i / ROWS : NAN;
        c->latency[i] = 4294967295u - (uint32_t)i;
        c->arm[i] = (uint8_t)(i % 3);
        c->ok[i] = i % 11 != 0;
        c->label[i] = (int8_t)(i % 5 ? i % 2 : -1);
        c->label_us[i] = i % 5 ? 7000000LL * i : INT64_MIN;
    }
    return c;
}

static double cell(const struct frame *f, const char *name, size_t row)
{
    const struct frame_column *c = frame_column(f, str_from(name));
    assert_non_null(c);
    return c->type == TABLE_F32 || c->type == TABLE_F64 ? c->f64[row] : c->i64[row] == INT64_MIN ? (double)NAN : (double)c->i64[row];
}

static void same(double got, double want)
{
    assert_true((isnan(got) && isnan(want)) || got == want);
}

/* What goes in comes out of the named blob as Parquet, nulls included. */
static void a_window_becomes_a_file(void **state)
{
    (void)state;
    struct scratch s;
    struct db *db = NULL;
    struct blob_store *blobs = NULL;
    struct table_engine *tables = NULL;
    scratch_init(&s);
    struct op *op = &s.op;
    assert_int_equal(sqlite_open(op, ":memory:", &db), OK);
    assert_int_equal(localfs_open(op, s.dir, &blobs), OK);
    assert_int_equal(duckdb_engine_open(op, &(struct duckdb_config){.threads = 1}, &tables), OK);
    struct predlog_tables opener = {tables, open_tables};
    struct predlog *log = predlog_create(db, blobs, &opener, str_from(s.dir));
    struct prediction_sink sink = predlog_sink(log);
    struct columns *c = columns_make();
    const float *features[] = {c->feature};
    const struct str names[] = {STR_INIT("x")};
    struct monitor_batch batch = {.endpoint = STR("e"), .start_us = 0, .end_us = 100, .rows = ROWS, .features = 1, .names = names, .id = c->id, .event_us = c->event_us,
                                  .version = c->version, .score = c->score, .latency_us = c->latency, .arm = c->arm, .ok = c->ok, .label = c->label,
                                  .label_us = c->label_us, .feature = features};
    assert_int_equal(sink.fn(sink.arg, op, &batch), OK);
    struct log_file *entries = NULL, one;
    size_t n = 0;
    assert_int_equal(log_files_list(op, db, &predlog_files, STR("e"), 0, 10, &entries, &n), OK);
    assert_true(n == 1 && entries[0].rows == ROWS && entries[0].end_us == 100);
    assert_int_equal(log_files_get(op, db, &predlog_files, STR("e"), entries[0].seq, &one), OK);
    assert_int_equal(log_files_get(op, db, &predlog_files, STR("other"), entries[0].seq, &one), E_NOT_FOUND);
    op_clear(op);
    struct str path;
    struct frame *f = NULL;
    assert_int_equal(blob_local_path(op, blobs, &entries[0].blob, &path), OK);
    assert_int_equal(frame_load(op, tables, str_from(op_printf(op, "SELECT * FROM read_parquet('%.*s')", STR_FMT(path))), (size_t)64 << 20, &f), OK);
    assert_int_equal(f->rows, ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        same(cell(f, "id", i), (double)c->id[i]);
        same(cell(f, "event_time", i), (double)c->event_us[i]);
        same(cell(f, "x", i), (double)c->feature[i]);
        same(cell(f, "score", i), (double)c->score[i]);
        same(cell(f, "version", i), (double)c->version[i]);
        same(cell(f, "arm", i), c->arm[i]);
        same(cell(f, "ok", i), c->ok[i]);
        same(cell(f, "latency_us", i), c->latency[i]);
        same(cell(f, "label", i), c->label[i] < 0 ? (double)NAN : c->label[i]);
        same(cell(f, "label_time", i), c->label_us[i] == INT64_MIN ? (double)NAN : (double)c->label_us[i]);
    }
    frame_destroy(f);
    free(c);
    predlog_destroy(log);
    table_engine_close(tables);
    blob_store_close(blobs);
    db_close(db);
    scratch_clear(&s);
}

/* Inputs of a model that are called like the log's own columns, or alike but for their case. */
static void features_may_be_called_anything(void **state)
{
    (void)state;
    struct scratch s;
    struct db *db = NULL;
    struct blob_store *blobs = NULL;
    struct table_engine *tables = NULL;
    scratch_init(&s);
    struct op *op = &s.op;
    assert_int_equal(sqlite_open(op, ":memory:", &db), OK);
    assert_int_equal(localfs_open(op, s.dir, &blobs), OK);
    assert_int_equal(duckdb_engine_open(op, &(struct duckdb_config){.threads = 1}, &tables), OK);
    struct predlog_tables opener = {tables, open_tables};
    struct predlog *log = predlog_create(db, blobs, &opener, str_from(s.dir));
    struct prediction_sink sink = predlog_sink(log);
    struct columns *c = columns_make();
    const float *features[] = {c->feature, c->feature, c->feature, c->feature, c->feature};
    const struct str names[] = {STR_INIT("score"), STR_INIT("ID"), STR_INIT("feature_score"), STR_INIT("a"), STR_INIT("A")};
    static const char *const want[] = {"feature_score", "feature_ID", "feature_feature_score", "a", "feature_A"};
    struct monitor_batch batch = {.endpoint = STR("e"), .start_us = 0, .end_us = 100, .rows = ROWS, .features = 5, .names = names, .id = c->id, .event_us = c->event_us,
                                  .version = c->version, .score = c->score, .latency_us = c->latency, .arm = c->arm, .ok = c->ok, .label = c->label,
                                  .label_us = c->label_us, .feature = features};
    if (sink.fn(sink.arg, op, &batch) != OK)
        fail_msg("%s", op->msg);
    struct log_file *entries = NULL;
    size_t n = 0;
    assert_int_equal(log_files_list(op, db, &predlog_files, STR("e"), 0, 10, &entries, &n), OK);
    struct str path;
    struct frame *f = NULL;
    assert_int_equal(blob_local_path(op, blobs, &entries[0].blob, &path), OK);
    assert_int_equal(frame_load(op, tables, str_from(op_printf(op, "SELECT * FROM read_parquet('%.*s')", STR_FMT(path))), (size_t)64 << 20, &f), OK);
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        same(cell(f, want[i], 1), (double)c->feature[1]);
    same(cell(f, "score", 1), (double)c->score[1]);
    same(cell(f, "id", 1), (double)c->id[1]);
    frame_destroy(f);
    /* Thousands of one name, which took as many bytes as the cube of them and ended the server. */
    enum { ALIKE = 3000 };
    struct str *alike = arena_alloc(op->arena, ALIKE * sizeof *alike);
    const float **columns = arena_alloc(op->arena, ALIKE * sizeof *columns);
    for (size_t i = 0; i < ALIKE; i++)
        alike[i] = i ? STR("f") : STR(""), columns[i] = c->feature;
    batch.features = ALIKE, batch.names = alike, batch.feature = columns, batch.rows = 3;
    if (sink.fn(sink.arg, op, &batch) != OK)
        fail_msg("%s", op->msg);
    free(c);
    predlog_destroy(log);
    table_engine_close(tables);
    blob_store_close(blobs);
    db_close(db);
    scratch_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_window_becomes_a_file), cmocka_unit_test(features_may_be_called_anything)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
