/* Raw columns in the order of the rows, and a transform fitted on one part of them and applied to all. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "adapter/duckdb/duckdb.h"
#include "base/limits.h"
#include "core/train/raw.h"

struct fixture {
    struct arena *arena;
    struct op op;
    struct table_engine *tables;
    char path[64];
    struct train_params params;
};

/* Six rows, not in order of time. */
static void frame_write(struct fixture *f)
{
    struct table_field fields[] = {{STR("date"), TABLE_TIMESTAMP}, {STR("n"), TABLE_F64}, {STR("i"), TABLE_I64}, {STR("t"), TABLE_STRING}, {STR("label"), TABLE_F32}};
    const struct table_schema schema = {fields, ARRAY_LEN(fields)};
    int64_t t[] = {500, 300, 200, 300, 100, 400}, whole[] = {50, 30, 20, 31, 10, 40};
    double n[] = {100, 6, 4, 8, 2, 100};
    struct str text[] = {STR("z"), STR("b"), STR("a"), STR("a"), STR(""), STR("b")};
    float label[] = {0, 1, 0, 1, 1, 0};
    uint64_t not2 = 0x3f & ~(1u << 2);
    struct table_column cols[] = {{TABLE_TIMESTAMP, t, NULL}, {TABLE_F64, n, &not2}, {TABLE_I64, whole, NULL}, {TABLE_STRING, text, NULL}, {TABLE_F32, label, NULL}};
    const struct table_chunk chunk = {.rows = 6, .len = ARRAY_LEN(cols), .cols = cols};
    struct table_writer *w;
    uint64_t rows = 0;
    if (table_writer_open(&f->op, f->tables, str_from(f->path), &schema, &w) != OK || table_append(&f->op, f->tables, w, &chunk) != OK ||
        table_finish(&f->op, f->tables, w, &rows) != OK)
        fail_msg("%s", f->op.msg);
}

static int setup(void **state)
{
    static struct fixture f;
    f.arena = arena_create(LIMIT_MIB(256));
    op_init(&f.op, f.arena);
    if (duckdb_engine_open(&f.op, &(struct duckdb_config){.threads = 1}, &f.tables) != OK)
        fail_msg("%s", f.op.msg);
    snprintf(f.path, sizeof(f.path), "/tmp/ingot-raw-%d.parquet", (int)getpid());
    f.params = (struct train_params){.time = STR("date"), .label = STR("label"), .fit_start_us = 200, .fit_end_us = 400, .valid_end_us = 600};
    frame_write(&f);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    unlink(f->path);
    table_engine_close(f->tables);
    arena_destroy(f->arena);
    return 0;
}

static enum err raw_load(struct fixture *f, const char *a, const char *b, struct train_raw **ret)
{
    const struct str names[] = {str_from(a), str_from(b)};
    op_clear(&f->op);
    return train_raw_load(&f->op, f->tables, str_from(f->path), &f->params, names, 2, 200, 501, ret);
}

static void test_load(void **state)
{
    struct fixture *f = *state;
    struct train_raw *r = NULL;
    if (raw_load(f, "t", "i", &r))
        fail_msg("%s", f->op.msg);
    assert_int_equal(r->rows, 5);
    static const double want[] = {20, 30, 31, 40, 50}; /* by time; of one time as in the file */
    assert_memory_equal(r->numbers[1], want, sizeof(want));
    assert_null(r->numbers[0]);
    assert_true(str_eqc(r->texts[0][0], "a") && str_eqc(r->texts[0][4], "z"));
    assert_ptr_equal(r->texts[0][0].p, r->texts[0][2].p); /* one copy of each text */
    train_raw_destroy(r);
    r = NULL;
    assert_int_equal(raw_load(f, "t", "absent", &r), E_INVALID);
    assert_int_equal(raw_load(f, "date", "t", &r), E_INVALID);
    assert_null(r);
    train_raw_destroy(NULL);
}

static void test_fit_and_apply(void **state)
{
    struct fixture *f = *state;
    AUTO(train_rows) struct train_rows *rows = NULL, *again = NULL;
    struct transform *t = NULL;
    struct json *plan = NULL;
    op_clear(&f->op);
    assert_int_equal(json_parse(&f->op, STR("{\"columns\":[{\"column\":\"n\",\"steps\":[{\"kind\":\"impute\"},{\"kind\":\"scale\",\"method\":\"maxabs\"}]},"
                                            "{\"column\":\"t\",\"steps\":[{\"kind\":\"onehot\"}]}]}"), JSON_STRICT, &plan), OK);
    f->params.transform = plan;
    if (train_rows_load(&f->op, f->tables, str_from(f->path), &f->params, 200, 600, true, &rows) ||
        train_transform_fit(&f->op, f->tables, str_from(f->path), &f->params, rows, 200, 600, &t))
        fail_msg("%s", f->op.msg);
    /* Fitted on the rows at 200 and 300: mean of 6 and 8 is 7, the largest 8; categories a and b. */
    static const float want[] = {0.875F, 1, 0, 0.75F, 0, 1, 1, 1, 0, 12.5F, 0, 1, 12.5F, 0, 0};
    assert_int_equal(rows->cols, 3);
    assert_memory_equal(rows->x, want, sizeof(want));
    assert_true(str_eqc(rows->names[2], "t_b"));
    if (train_rows_load(&f->op, f->tables, str_from(f->path), &f->params, 400, 600, true, &again) ||
        train_transform_apply(&f->op, f->tables, str_from(f->path), &f->params, t, again, 400, 600))
        fail_msg("%s", f->op.msg);
    assert_int_equal(again->rows, 2);
    assert_memory_equal(again->x, want + 9, 6 * sizeof(float));
    assert_int_equal(train_transform_apply(&f->op, f->tables, str_from(f->path), &f->params, t, again, 200, 600), E_CONFLICT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_load, setup, teardown), cmocka_unit_test_setup_teardown(test_fit_and_apply, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
