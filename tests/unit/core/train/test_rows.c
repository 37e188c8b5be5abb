/* Frames from Parquet into rows: columns found by name and type, split by time, labels checked with their row. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "adapter/duckdb/duckdb.h"
#include "base/limits.h"
#include "core/train/rows.h"

struct fixture {
    struct arena *arena;
    struct op op;
    struct table_engine *tables;
    char path[64];
    struct train_params params;
};

static int setup(void **state)
{
    static struct fixture f;
    f.arena = arena_create(LIMIT_MIB(256));
    op_init(&f.op, f.arena);
    if (duckdb_engine_open(&f.op, &(struct duckdb_config){.threads = 1}, &f.tables) != OK)
        fail_msg("%s", f.op.msg);
    snprintf(f.path, sizeof(f.path), "/tmp/ingot-rows-%d.parquet", (int)getpid());
    f.params = (struct train_params){.id = STR("flight"), .time = STR("date"), .label = STR("label"), .segment_column = STR("origin")};
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

/* Six rows, not in order of time; `spoil` changes one cell. */
enum spoil { NOTHING, NULL_LABEL, NAN_LABEL, BIG_LABEL, NULL_TIME, NULL_ID, LONG_SEGMENT };
static void frame_write(struct fixture *f, enum spoil spoil)
{
    struct table_field fields[] = {{STR("flight"), TABLE_I64}, {STR("date"), TABLE_TIMESTAMP}, {STR("origin"), TABLE_STRING},
                                   {STR("u"), TABLE_F32},      {STR("note"), TABLE_F64},       {STR("v"), TABLE_F32},
                                   {STR("label"), TABLE_F32}};
    const struct table_schema schema = {fields, ARRAY_LEN(fields)};
    int64_t id[] = {10, 11, 12, 13, 14, 15}, t[] = {100, 300, 200, 300, 50, 400};
    struct str origin[] = {STR("A"), STR("B"), STR("A"), STR("C"), STR("A"), STR("B")};
    float u[] = {1, 2, 3, 4, 5, 6}, v[] = {0.5f, NAN, 2.5f, 3.5f, 4.5f, 5.5f}, label[] = {0, 1, 0, 1, 1, 0};
    double note[] = {9, 9, 9, 9, 9, 9};
    uint64_t all = 0x3f, not3 = 0x3f & ~(1u << 3), u_valid = 0x3f & ~1u;
    if (spoil == NAN_LABEL)
        label[3] = NAN;
    char text[300];
    memset(text, 'x', sizeof(text));
    if (spoil == LONG_SEGMENT)
        origin[3] = (struct str){text, sizeof(text)};
    if (spoil == BIG_LABEL)
        label[3] = 2;
    struct table_column cols[] = {
        {TABLE_I64, id, spoil == NULL_ID ? &not3 : &all}, {TABLE_TIMESTAMP, t, spoil == NULL_TIME ? &not3 : &all},
        {TABLE_STRING, origin, NULL},                     {TABLE_F32, u, &u_valid},
        {TABLE_F64, note, NULL},                          {TABLE_F32, v, NULL},
        {TABLE_F32, label, spoil == NULL_LABEL ? &not3 : &all}};
    const struct table_chunk chunk = {.rows = 6, .len = ARRAY_LEN(cols), .cols = cols};
    struct table_writer *w;
    uint64_t rows = 0;
    if (table_writer_open(&f->op, f->tables, str_from(f->path), &schema, &w) != OK || table_append(&f->op, f->tables, w, &chunk) != OK ||
        table_finish(&f->op, f->tables, w, &rows) != OK)
        fail_msg("%s", f->op.msg);
    assert_int_equal(rows, 6);
}

static enum err load(struct fixture *f, int64_t from, int64_t to, struct train_rows **ret)
{
    op_clear(&f->op);
    return train_rows_load(&f->op, f->tables, str_from(f->path), &f->params, from, to, true, ret);
}

static void test_rows_are_sorted_and_split(void **state)
{
    struct fixture *f = *state;
    struct train_rows *r;
    frame_write(f, NOTHING);
    if (load(f, 100, 400, &r) != OK)
        fail_msg("%s", f->op.msg);
    assert_int_equal(r->rows, 4);
    assert_int_equal(r->cols, 2); /* u and v; note is no FLOAT, label is the label */
    assert_true(str_eqc(r->names[0], "u") && str_eqc(r->names[1], "v"));
    const int64_t ids[] = {10, 12, 11, 13};
    assert_memory_equal(r->id, ids, sizeof(ids));
    assert_true(isnan(r->x[0]) && r->x[1] == 0.5f && r->x[2] == 3 && isnan(r->x[5]));
    assert_true(r->y[0] == 0 && r->y[3] == 1);
    assert_true(str_eqc(r->segments[r->segment[0]], "A") && str_eqc(r->segments[r->segment[3]], "C"));
    struct train_rows v = train_rows_between(r, 200, 300);
    assert_int_equal(v.rows, 1);
    assert_int_equal(v.id[0], 12);
    assert_true(v.x[0] == 3);
    v = train_rows_between(r, 300, INT64_MAX);
    assert_int_equal(v.rows, 2);
    assert_int_equal(v.id[1], 13);
    assert_int_equal(train_rows_between(r, 301, 302).rows, 0);
    train_rows_destroy(r);
}

static void test_named_features(void **state)
{
    struct fixture *f = *state;
    struct train_rows *r;
    struct str features[] = {STR("note"), STR("u")};
    frame_write(f, NOTHING);
    f->params.features = features;
    f->params.feature_len = 2;
    assert_int_equal(load(f, INT64_MIN, INT64_MAX, &r), OK);
    assert_int_equal(r->rows, 6);
    assert_true(r->cols == 2 && r->x[0] == 9 && r->x[1] == 5);
    train_rows_destroy(r);
    features[1] = STR("origin");
    assert_int_equal(load(f, 0, 1, &r), E_INVALID);
    assert_non_null(strstr(f->op.msg, "origin"));
}

static void test_refusals(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum spoil spoil;
        const char *want;
    } cases[] = {{NULL_LABEL, "row 3 (flight 13): its label is missing"}, {NAN_LABEL, "row 3 (flight 13): its label is missing"},
                 {BIG_LABEL, "its label is 2"}, {NULL_TIME, "row 3 has no time"}, {NULL_ID, "row 3 has no id"}};
    struct train_rows *r;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        frame_write(f, cases[i].spoil);
        enum err e = load(f, INT64_MIN, INT64_MAX, &r);
        if (e != E_INVALID || !strstr(f->op.msg, cases[i].want))
            fail_msg("%s: \"%s\"", cases[i].want, e ? f->op.msg : "OK");
    }
    frame_write(f, LONG_SEGMENT);
    assert_int_equal(load(f, INT64_MIN, INT64_MAX, &r), E_TOO_LARGE);
    assert_non_null(strstr(f->op.msg, "column \"origin\" holds a text of 300 bytes"));
    /* A quote in the path is a part of the name, not the end of it. */
    frame_write(f, NOTHING);
    char quoted[128];
    snprintf(quoted, sizeof(quoted), "%s'); DROP x --.parquet", f->path);
    assert_int_equal(rename(f->path, quoted), 0);
    op_clear(&f->op);
    assert_int_equal(train_rows_load(&f->op, f->tables, str_from(quoted), &f->params, 0, 1000, true, &r), OK);
    train_rows_destroy(r);
    unlink(quoted);
    frame_write(f, NOTHING);
    const struct train_params good = f->params;
    f->params.time = STR("u");
    assert_int_equal(load(f, 0, 1, &r), E_INVALID);
    f->params = good;
    f->params.label = STR("y");
    assert_int_equal(load(f, 0, 1, &r), E_INVALID);
    f->params = good;
    f->params.id = STR("origin");
    assert_int_equal(load(f, 0, 1, &r), E_INVALID);
    f->params = good;
    f->params.segment_column = STR("u");
    assert_int_equal(load(f, 0, 1, &r), E_INVALID);
    f->params = good;
    assert_int_equal(truncate(f->path, 200), 0);
    enum err e = load(f, 0, 1, &r);
    assert_true(e == E_INVALID || e == E_IO);
    assert_null(strchr(f->op.msg, '\n'));
    unlink(f->path);
    assert_int_equal(load(f, 0, 1, &r), E_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows_are_sorted_and_split, setup, teardown),
        cmocka_unit_test_setup_teardown(test_named_features, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
    };
    return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
