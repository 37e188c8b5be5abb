/* From a request that is told to the Parquet file that the blob store holds, over the real parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adapter/duckdb/duckdb.h"
#include "adapter/localfs/localfs.h"
#include "adapter/sqlite/sqlite.h"
#include "base/time.h"
#include "contract/scratch.h"
#include "core/payload/payload.h"
#include "core/payload/rows.h"
#include "core/payload/store.h"

static enum err open_tables(void *arg, struct op *op, struct table_engine **ret)
{
    (void)op;
    *ret = arg;
    return OK;
}

struct world {
    struct scratch s;
    struct db *db;
    struct blob_store *blobs;
    struct table_engine *tables;
    struct payload *payload;
};

static int up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    scratch_init(&w->s);
    struct op *op = &w->s.op;
    assert_int_equal(sqlite_open(op, ":memory:", &w->db), OK);
    assert_int_equal(localfs_open(op, w->s.dir, &w->blobs), OK);
    assert_int_equal(duckdb_engine_open(op, &(struct duckdb_config){.threads = 1}, &w->tables), OK);
    w->payload = payload_create(&(struct payload_parts){.db = w->db, .blobs = w->blobs, .tables = {w->tables, open_tables}, .tmp_dir = str_from(w->s.dir)});
    *state = w;
    return 0;
}

static int down(void **state)
{
    struct world *w = *state;
    payload_destroy(w->payload);
    table_engine_close(w->tables);
    blob_store_close(w->blobs);
    db_close(w->db);
    scratch_clear(&w->s);
    free(w);
    return 0;
}

static struct payload_config config_of(struct op *op, const char *text)
{
    struct json *j = NULL;
    struct payload_config c;
    assert_int_equal(json_parse(op, str_from(text), 0, &j), OK);
    assert_int_equal(payload_config_parse(op, STR("e"), j, &c), OK);
    return c;
}

/* Two rows of a matrix with named features, a text per row, and an output of two values. */
static void tell(struct world *w, const struct payload_config *c, int64_t id)
{
    static const float x[] = {1, 2, 3, (float)(0.0 / 0.0), 5, 6};
    static const struct str names[] = {STR_INIT("age"), STR_INIT("ssn"), STR_INIT("Time")}, cities[] = {STR_INIT("Bern"), STR_INIT("K\xf6ln")};
    static const double p[] = {0.25, 0.75, 0.5, 0.5};
    const struct tensor in[] = {{.name = STR("x"), .type = TENSOR_FP32, .rank = 2, .shape = {2, 3}, .count = 6, .data = x},
                                {.name = STR("city"), .type = TENSOR_BYTES, .rank = 1, .shape = {2}, .count = 2, .texts = cities}};
    const struct tensor out[] = {{.name = STR("p"), .type = TENSOR_FP64, .rank = 2, .shape = {2, 2}, .count = 4, .data = p}};
    const int64_t ids[] = {id, id + 1};
    payload_tell(w->payload, &(struct payload_note){.config = c, .endpoint = STR("e"), .request_id = STR("r"), .version = 3, .time_us = time_now_us(), .latency_us = 7,
                                                    .propensity = 1, .rows = 2, .ids = ids, .inputs = in, .input_count = 2, .outputs = out, .output_count = 1,
                                                    .features = names, .feature_count = 3});
}

static struct frame *load(struct world *w, size_t at, size_t *ret_files)
{
    struct op *op = &w->s.op;
    struct log_file *list = NULL;
    struct frame *f = NULL;
    struct str path;
    assert_int_equal(log_files_list(op, w->db, &payload_files, STR("e"), 0, 100, &list, ret_files), OK);
    assert_true(*ret_files > at);
    assert_int_equal(blob_local_path(op, w->blobs, &list[at].blob, &path), OK);
    assert_int_equal(frame_load(op, w->tables, str_from(op_printf(op, "SELECT * FROM read_parquet('%.*s') ORDER BY id", STR_FMT(path))), (size_t)64 << 20, &f), OK);
    assert_int_equal(f->rows, list[at].rows);
    return f;
}

static struct str text_of(const struct frame *f, const char *name, size_t row)
{
    const struct frame_column *c = frame_column(f, str_from(name));
    assert_non_null(c);
    return c->code[row] == UINT32_MAX ? STR("<null>") : c->dict[c->code[row]];
}

/* Names as long and as alike as a model likes: what does not fit is dropped and counted, the rest has a column each. */
static void names_may_be_anything(void **state)
{
    struct world *w = *state;
    struct op *op = &w->s.op;
    size_t files = 0;
    static float x[2000];
    static struct str names[2000];
    const double p[64] = {0.5};
    struct payload_stats stats;
    struct payload_config c = config_of(op, "{\"payload_log\": {\"sample\": 1}}");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        names[i] = i % 2 ? STR("Same") : STR("same");
    char *longest = arena_alloc(op->arena, LIMIT_MIB(3));
    memset(longest, 'n', LIMIT_MIB(3));
    const struct tensor in = {.name = STR("x"), .type = TENSOR_FP32, .rank = 2, .shape = {1, 2000}, .count = 2000, .data = x};
    struct tensor out = {.name = {longest, LIMIT_MIB(3)}, .type = TENSOR_FP64, .rank = 2, .shape = {1, 64}, .count = 64, .data = p};
    struct payload_note n = {.config = &c, .endpoint = STR("e"), .version = 3, .time_us = time_now_us(), .propensity = 1, .rows = 1, .inputs = &in, .input_count = 1,
                             .outputs = &out, .output_count = 1, .features = names, .feature_count = 2000};
    payload_tell(w->payload, &n); /* 64 names of 3 MiB and as many times */
    out.name.len = 1000;
    payload_tell(w->payload, &n);
    assert_int_equal(payload_flush(op, w->payload), OK);
    payload_stats(w->payload, &stats);
    assert_int_equal(stats.requests + stats.dropped_requests, 2);
    struct frame *f = load(w, 0, &files);
    assert_true(frame_column(f, STR("in_same")) && frame_column(f, STR("in_Same_")));
    assert_int_equal(f->len, 15 + 2000 + 64);
    frame_destroy(f);
}

static void rows_become_a_file(void **state)
{
    struct world *w = *state;
    struct op *op = &w->s.op;
    size_t files = 0;
    struct payload_config c = config_of(op, "{\"payload_log\": {\"sample\": 1, \"redact\": [\"ssn\"]}}");
    for (int64_t i = 0; i < 3000; i++)
        tell(w, &c, 2 * i);
    assert_int_equal(payload_flush(op, w->payload), OK);
    struct frame *f = load(w, 0, &files);
    assert_int_equal(f->rows, 6000);
    assert_true(frame_column(f, STR("id"))->i64[5999] == 5999);
    assert_true(frame_column(f, STR("in_age"))->f64[0] == 1 && frame_column(f, STR("in_Time"))->f64[1] == 6);
    assert_true(frame_column(f, STR("in_age"))->f64[1] != frame_column(f, STR("in_age"))->f64[1]); /* NaN is null */
    assert_true(str_eqc(text_of(f, "in_ssn", 0), "<null>"));
    assert_true(str_eqc(text_of(f, "in_city", 0), "Bern") && str_eqc(text_of(f, "in_city", 1), "K?ln"));
    assert_true(frame_column(f, STR("out_p_1"))->f64[0] == 0.75);
    assert_true(frame_column(f, STR("version"))->i64[0] == 3 && frame_column(f, STR("ok"))->i64[0] == 1 && str_eqc(text_of(f, "arm", 0), "<null>"));
    frame_destroy(f);
    struct payload_stats s;
    payload_stats(w->payload, &s);
    assert_true(s.requests == 3000 && s.rows == 6000 && s.files == files && !s.dropped_requests);
}

static void only_chosen_columns(void **state)
{
    struct world *w = *state;
    struct op *op = &w->s.op;
    size_t files = 0;
    struct payload_config c = config_of(op, "{\"payload_log\": {\"sample\": 1, \"columns\": [\"age\", \"p\"]}}");
    tell(w, &c, 1);
    assert_int_equal(payload_flush(op, w->payload), OK);
    struct frame *f = load(w, 0, &files);
    assert_non_null(frame_column(f, STR("in_age")));
    assert_non_null(frame_column(f, STR("out_p_0")));
    assert_null(frame_column(f, STR("in_city")));
    assert_null(frame_column(f, STR("in_ssn")));
    frame_destroy(f);
}

/* What is redacted is nowhere: not when its tensor is chosen as a whole, nor in a row that is one JSON text, nor in what a refusal quotes. */
static void redacted_values_are_nowhere(void **state)
{
    struct world *w = *state;
    struct op *op = &w->s.op;
    size_t files = 0;
    struct payload_config c = config_of(op, "{\"payload_log\": {\"sample\": 1, \"columns\": [\"x\", \"p\", \"wide\"], \"redact\": [\"ssn\", \"p_1\", \"wide_1\", \"wide_99\", \"wide_100\"]}}");
    tell(w, &c, 1);
    assert_int_equal(payload_flush(op, w->payload), OK);
    struct frame *f = load(w, 0, &files);
    assert_true(frame_column(f, STR("in_age"))->f64[0] == 1 && frame_column(f, STR("out_p_0"))->f64[0] == 0.25);
    assert_true(str_eqc(text_of(f, "in_ssn", 0), "<null>") && str_eqc(text_of(f, "in_ssn", 1), "<null>"));
    assert_true(str_eqc(text_of(f, "out_p_1", 0), "<null>"));
    frame_destroy(f);
    static int8_t wide[200];
    for (size_t i = 0; i < ARRAY_LEN(wide); i++)
        wide[i] = 7;
    const struct tensor in = {.name = STR("wide"), .type = TENSOR_INT8, .rank = 2, .shape = {2, 100}, .count = 200, .data = wide};
    payload_tell(w->payload, &(struct payload_note){.config = &c, .endpoint = STR("e"), .time_us = time_now_us(), .rows = 2, .inputs = &in, .input_count = 1, .err = E_INVALID,
                                                    .error = STR("column \"ssn\", row 0: \"123-45\" is too long")});
    assert_int_equal(payload_flush(op, w->payload), OK);
    f = load(w, files, &files);
    for (size_t row = 0; row < 2; row++) {
        assert_true(str_starts(text_of(f, "in_wide", row), STR("[7,null,7,")) && str_ends(text_of(f, "in_wide", row), STR(",7,null]")));
        assert_string_equal(str_cstr(op->arena, text_of(f, "error", row)), "INVALID");
    }
    frame_destroy(f);
}

/* Who was asked about is nowhere either, if the configuration says so. */
static void redacted_ids_are_nowhere(void **state)
{
    struct world *w = *state;
    struct op *op = &w->s.op;
    size_t files = 0;
    const int64_t ids[] = {4711, 4712};
    const struct tensor in[] = {{.name = STR("customer"), .type = TENSOR_INT64, .rank = 1, .shape = {2}, .count = 2, .data = ids},
                                {.name = STR("age"), .type = TENSOR_INT64, .rank = 1, .shape = {2}, .count = 2, .data = ids}};
    for (int hide = 0; hide < 2; hide++) {
        struct payload_config c = config_of(op, hide ? "{\"payload_log\": {\"sample\": 1, \"redact_ids\": true, \"redact\": [\"ssn\"]}}" : "{\"payload_log\": {\"sample\": 1}}");
        payload_tell(w->payload, &(struct payload_note){.config = &c, .endpoint = STR("e"), .time_us = time_now_us(), .rows = 2, .ids = ids, .unit_id = STR("4711"),
                                                        .id_field = STR("customer"), .inputs = in, .input_count = 2, .err = E_INVALID,
                                                        .error = STR("input \"customer\": 4711 is wrong")});
        assert_int_equal(payload_flush(op, w->payload), OK);
        struct frame *f = load(w, files, &files);
        const struct frame_column *id = frame_column(f, STR("id")), *customer = frame_column(f, STR("in_customer"));
        assert_true(id && customer && f->rows == 2);
        assert_true(str_eqc(text_of(f, "unit_id", 0), hide ? "<null>" : "4711"));
        assert_true(str_eqc(text_of(f, "error", 1), hide ? "INVALID" : "input \"customer\": 4711 is wrong"));
        assert_true(id->null_count == (hide ? 2 : 0) && customer->null_count == id->null_count);
        assert_int_equal(frame_column(f, STR("in_age"))->null_count, 0);
        frame_destroy(f);
    }
}

/* A request without known rows, a tensor that does not fit them, a wide one, and whole numbers that fit no signed column. */
static void odd_requests_are_kept_too(void **state)
{
    struct world *w = *state;
    struct op *op = &w->s.op;
    size_t files = 0;
    static int8_t wide[200];
    wide[0] = -1;
    const uint64_t big[] = {UINT64_MAX, 2};
    const struct tensor in[] = {{.name = STR("wide"), .type = TENSOR_INT8, .rank = 2, .shape = {2, 100}, .count = 200, .data = wide},
                                {.name = STR("big"), .type = TENSOR_UINT64, .rank = 1, .shape = {2}, .count = 2, .data = big},
                                {.name = STR("odd"), .type = TENSOR_UINT64, .rank = 1, .shape = {1}, .count = 1, .data = big}};
    struct payload_config c = config_of(op, "{\"payload_log\": {\"sample\": 1}}");
    payload_tell(w->payload, &(struct payload_note){.config = &c, .endpoint = STR("e"), .time_us = time_now_us(), .rows = 2, .inputs = in, .input_count = 3});
    assert_int_equal(payload_flush(op, w->payload), OK);
    struct frame *f = load(w, 0, &files);
    assert_true(str_starts(text_of(f, "in_wide", 0), STR("[-1,0,")) || str_starts(text_of(f, "in_wide", 1), STR("[-1,0,")));
    assert_true(str_eqc(text_of(f, "in_big", 0), "18446744073709551615") || str_eqc(text_of(f, "in_big", 1), "18446744073709551615"));
    frame_destroy(f);
    payload_tell(w->payload, &(struct payload_note){.config = &c, .endpoint = STR("e"), .time_us = time_now_us(), .err = E_INVALID, .error = STR("wrong"),
                                                    .inputs = in, .input_count = 2});
    assert_int_equal(payload_flush(op, w->payload), OK);
    f = load(w, files, &files);
    assert_true(f->rows == 1 && str_eqc(text_of(f, "error", 0), "wrong") && str_eqc(text_of(f, "in_big", 0), "[18446744073709551615,2]"));
    frame_destroy(f);
}

static void too_large_is_dropped_and_counted(void **state)
{
    struct world *w = *state;
    struct op *op = &w->s.op;
    struct payload_config c = config_of(op, "{\"payload_log\": {\"sample\": 1}}");
    const size_t n = LIMIT_PAYLOAD_REQUEST_BYTES;
    uint8_t *data = calloc(n, 1);
    const struct tensor in = {.name = STR("x"), .type = TENSOR_UINT8, .rank = 1, .shape = {(int64_t)n}, .count = n, .data = data};
    payload_tell(w->payload, &(struct payload_note){.config = &c, .endpoint = STR("e"), .rows = 1, .inputs = &in, .input_count = 1});
    struct payload_stats s;
    payload_stats(w->payload, &s);
    assert_true(s.dropped_requests == 1);
    free(data);
    assert_int_equal(payload_flush(op, w->payload), OK);
}

static void nothing_is_kept_that_is_not_sampled(void **state)
{
    struct world *w = *state;
    struct op *op = &w->s.op;
    struct payload_config none = config_of(op, "{}"), half = config_of(op, "{\"payload_log\": {\"sample\": 0.5}}");
    assert_true(payload_config_is_off(&none));
    for (int i = 0; i < 2000; i++) {
        tell(w, &none, i);
        tell(w, &half, i);
    }
    assert_int_equal(payload_flush(op, w->payload), OK);
    struct payload_stats s;
    payload_stats(w->payload, &s);
    assert_in_range(s.requests, 1000 - 135, 1000 + 135); /* six sigma of 2000 throws */
}

static void files_expire(void **state)
{
    struct world *w = *state;
    struct op *op = &w->s.op;
    struct log_file *list = NULL;
    size_t n = 0;
    int64_t gone = -1;
    struct payload_config c = config_of(op, "{\"payload_log\": {\"sample\": 1, \"keep_days\": 1}}"), forever = config_of(op, "{\"payload_log\": {\"sample\": 1}}");
    tell(w, &c, 1);
    assert_int_equal(payload_flush(op, w->payload), OK);
    tell(w, &forever, 1);
    assert_int_equal(payload_flush(op, w->payload), OK);
    assert_int_equal(payload_expire(op, w->db, &gone), OK);
    assert_int_equal(gone, 0);
    op->now_us = time_now_us() + 2 * TIME_US_PER_DAY;
    assert_int_equal(payload_expire(op, w->db, &gone), OK);
    assert_int_equal(gone, 1);
    assert_int_equal(log_files_list(op, w->db, &payload_files, STR("e"), 0, 10, &list, &n), OK);
    assert_true(n == 1 && list[0].expires_us == 0);
}

static void stopping_writes_what_is_kept(void **state)
{
    struct world *w = *state;
    struct op *op = &w->s.op;
    struct log_file *list = NULL;
    size_t n = 0;
    struct payload_config c = config_of(op, "{\"payload_log\": {\"sample\": 1}}");
    tell(w, &c, 1);
    payload_destroy(w->payload);
    w->payload = NULL;
    assert_int_equal(log_files_list(op, w->db, &payload_files, STR("e"), 0, 10, &list, &n), OK);
    assert_true(n == 1 && list[0].rows == 2);
}

#define WORLD(fn) cmocka_unit_test_setup_teardown(fn, up, down)
int main(void)
{
    const struct CMUnitTest tests[] = {WORLD(names_may_be_anything), WORLD(rows_become_a_file), WORLD(only_chosen_columns), WORLD(redacted_values_are_nowhere), WORLD(redacted_ids_are_nowhere), WORLD(odd_requests_are_kept_too), WORLD(too_large_is_dropped_and_counted),
                                       WORLD(nothing_is_kept_that_is_not_sampled), WORLD(files_expire), WORLD(stopping_writes_what_is_kept)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
