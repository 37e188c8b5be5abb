/* table_contract.c - the contract of the table port as tests. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/time.h"
#include "contract/table_contract.h"

static table_contract_make make_engine;
static const char *folder;

struct fix {
    struct arena *arena;
    struct op op;
    struct table_engine *t;
};

static int setup(void **state)
{
    struct fix *f = calloc(1, sizeof *f);
    f->arena = arena_create(LIMIT_MIB(256));
    op_init(&f->op, f->arena);
    f->t = make_engine(&f->op);
    *state = f;
    return f->t ? 0 : -1;
}

static int teardown(void **state)
{
    struct fix *f = *state;
    table_engine_close(f->t);
    arena_destroy(f->arena);
    free(f);
    return 0;
}

static struct str in_folder(struct fix *f, const char *name)
{
    return str_from(op_printf(&f->op, "%s/%s", folder, name));
}

static struct frame *load(struct fix *f, const char *sql)
{
    struct frame *fr = NULL;
    enum err e = frame_load(&f->op, f->t, str_from(sql), LIMIT_MIB(512), &fr);
    if (e)
        print_error("%s\n", f->op.msg);
    assert_int_equal(e, OK);
    return fr;
}

static enum err load_error(struct fix *f, const char *sql)
{
    struct frame *fr = NULL;
    op_clear(&f->op);
    enum err e = frame_load(&f->op, f->t, str_from(sql), LIMIT_MIB(512), &fr);
    assert_null(fr);
    if (e)
        assert_non_null(f->op.msg);
    return e;
}

/* Every width and kind comes as one of the six types, nulls marked. */
static void test_types(void **state)
{
    struct fix *f = *state;
    struct frame *r = load(f,
        "SELECT true AS b, CAST(-3 AS TINYINT) AS i8, CAST(4000000000 AS UINTEGER) AS u32, CAST(7 AS HUGEINT) AS h, "
        "CAST(1.5 AS FLOAT) AS f, CAST(0.1 AS DOUBLE) AS d, CAST(2.25 AS DECIMAL(9, 3)) AS dec, "
        "DATE '2001-04-01' AS day, TIMESTAMP '2001-04-01 13:05:00.000001' AS ts, "
        "TIMESTAMPTZ '2001-04-01 13:05:00+02' AS tz, 'short' AS s, 'longer than twelve bytes' AS l, "
        "CAST(NULL AS BIGINT) AS n, CAST(NULL AS VARCHAR) AS ns, CAST(NULL AS DOUBLE) AS nd, [1, 2] AS list, NULL AS nothing;  ");
    static const enum table_type want[] = {
        TABLE_BOOL, TABLE_I64, TABLE_I64, TABLE_I64, TABLE_F32, TABLE_F64, TABLE_F64, TABLE_TIMESTAMP, TABLE_TIMESTAMP,
        TABLE_TIMESTAMP, TABLE_STRING, TABLE_STRING, TABLE_I64, TABLE_STRING, TABLE_F64, TABLE_STRING};
    assert_int_equal(r->rows, 1);
    assert_int_equal(r->len, 17);
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_int_equal(r->cols[i].type, want[i]);
    assert_int_equal(r->cols[0].i64[0], 1);
    assert_int_equal(r->cols[1].i64[0], -3);
    assert_int_equal(r->cols[2].i64[0], 4000000000LL);
    assert_int_equal(r->cols[3].i64[0], 7);
    assert_true(r->cols[4].f64[0] == 1.5 && r->cols[5].f64[0] == 0.1 && r->cols[6].f64[0] == 2.25);
    int64_t day = 0, ts = 0, tz = 0;
    assert_true(time_parse(STR("2001-04-01"), &day) && time_parse(STR("2001-04-01T13:05:00.000001Z"), &ts) &&
                time_parse(STR("2001-04-01T11:05:00Z"), &tz));
    assert_int_equal(r->cols[7].i64[0], day);
    assert_int_equal(r->cols[8].i64[0], ts);
    assert_int_equal(r->cols[9].i64[0], tz);
    assert_true(str_eqc(r->cols[10].dict[r->cols[10].code[0]], "short"));
    assert_true(str_eqc(r->cols[11].dict[r->cols[11].code[0]], "longer than twelve bytes"));
    assert_int_equal(r->cols[12].i64[0], INT64_MIN);
    assert_int_equal(r->cols[13].code[0], UINT32_MAX);
    assert_true(isnan(r->cols[14].f64[0]));
    assert_int_equal(r->cols[12].null_count, 1);
    assert_true(str_eqc(r->cols[15].dict[r->cols[15].code[0]], "[1, 2]"));
    frame_destroy(r);
}

static void test_chunks_keep_order(void **state)
{
    struct fix *f = *state;
    struct table_scan *s = NULL;
    const struct table_schema *schema = NULL;
    assert_int_equal(table_scan_open(&f->op, f->t, STR("SELECT range AS i, CAST(range % 7 AS VARCHAR) AS s FROM range(300000)"), &s, &schema), OK);
    assert_int_equal(schema->len, 2);
    assert_true(str_eqc(schema->fields[0].name, "i"));
    int64_t at = 0;
    for (;;) {
        const struct table_chunk *c = NULL;
        assert_int_equal(table_next(&f->op, f->t, s, &c), OK);
        if (!c)
            break;
        assert_true(c->rows > 0 && c->rows <= TABLE_CHUNK_ROWS);
        for (size_t i = 0; i < c->rows; i++, at++) {
            assert_int_equal(((const int64_t *)c->cols[0].data)[i], at);
            struct str v = ((const struct str *)c->cols[1].data)[i];
            assert_true(v.len == 1 && v.p[0] == '0' + at % 7);
        }
    }
    assert_int_equal(at, 300000);
    table_scan_close(f->t, s);
}

static void test_close_early(void **state)
{
    struct fix *f = *state;
    struct table_scan *s = NULL;
    const struct table_schema *schema = NULL;
    const struct table_chunk *c = NULL;
    assert_int_equal(table_scan_open(&f->op, f->t, STR("SELECT range FROM range(10000000)"), &s, &schema), OK);
    assert_int_equal(table_next(&f->op, f->t, s, &c), OK);
    assert_non_null(c);
    table_scan_close(f->t, s);
    table_scan_close(f->t, NULL);
}

/* What is written comes back bit for bit, nulls included, and only under its final name. */
static void test_round_trip(void **state)
{
    struct fix *f = *state;
    struct frame *a = load(f,
        "SELECT range AS i, range % 2 = 0 AS b, CAST(range AS FLOAT) / 3 AS f, "
        "CASE WHEN range % 5 = 0 THEN NULL ELSE range / 7.0 END AS d, TIMESTAMP '2001-01-01' + to_minutes(range) AS t, "
        "CASE WHEN range % 11 = 0 THEN NULL ELSE 'text number ' || range END AS s, '' AS \"em\"\"pty\" FROM range(5000)");
    struct str path = in_folder(f, "it's a file.parquet");
    assert_int_equal(frame_save(&f->op, f->t, a, path), OK);
    struct str source = {0};
    assert_int_equal(table_source_sql(&f->op, path, false, &source), OK);
    struct frame *b = load(f, op_printf(&f->op, "SELECT * FROM %.*s", STR_FMT(source)));
    assert_int_equal(b->rows, a->rows);
    assert_int_equal(b->len, a->len);
    for (size_t c = 0; c < a->len; c++) {
        assert_int_equal(a->cols[c].type, b->cols[c].type);
        assert_int_equal(a->cols[c].null_count, b->cols[c].null_count);
        assert_true(str_eq(a->cols[c].name, b->cols[c].name));
        for (size_t i = 0; i < a->rows; i++) {
            if (a->cols[c].type == TABLE_STRING) {
                uint32_t x = a->cols[c].code[i], y = b->cols[c].code[i];
                assert_int_equal(x == UINT32_MAX, y == UINT32_MAX);
                if (x != UINT32_MAX)
                    assert_true(str_eq(a->cols[c].dict[x], b->cols[c].dict[y]));
            } else if (a->cols[c].type == TABLE_F32 || a->cols[c].type == TABLE_F64) {
                assert_true(a->cols[c].f64[i] == b->cols[c].f64[i] || (isnan(a->cols[c].f64[i]) && isnan(b->cols[c].f64[i])));
            } else {
                assert_int_equal(a->cols[c].i64[i], b->cols[c].i64[i]);
            }
        }
    }
    frame_destroy(a);
    frame_destroy(b);
}

static void test_row_number(void **state)
{
    struct fix *f = *state;
    struct frame *a = load(f, "SELECT 1000 - range AS i FROM range(1000)");
    struct str path = in_folder(f, "numbered.parquet"), source = {0};
    assert_int_equal(frame_save(&f->op, f->t, a, path), OK);
    assert_int_equal(table_source_sql(&f->op, path, true, &source), OK);
    struct frame *b = load(f, op_printf(&f->op, "SELECT file_row_number, i FROM %.*s WHERE i %% 3 = 0", STR_FMT(source)));
    assert_int_equal(b->rows, 333);
    for (size_t i = 0; i < b->rows; i++)
        assert_int_equal(b->cols[0].i64[i], 1000 - b->cols[1].i64[i]);
    frame_destroy(a);
    frame_destroy(b);
    assert_int_equal(table_source_sql(&f->op, STR("x.exe"), false, &source), E_INVALID);
}

static void test_discard_leaves_nothing(void **state)
{
    struct fix *f = *state;
    struct table_writer *w = NULL;
    struct table_field field = {STR("x"), TABLE_I64};
    struct str path = in_folder(f, "never.parquet");
    assert_int_equal(table_writer_open(&f->op, f->t, path, &(struct table_schema){&field, 1}, &w), OK);
    int64_t v[2] = {1, 2};
    struct table_column col = {.type = TABLE_I64, .data = v};
    assert_int_equal(table_append(&f->op, f->t, w, &(struct table_chunk){2, 1, &col}), OK);
    table_discard(f->t, w);
    table_discard(f->t, NULL);
    assert_int_not_equal(access(str_cstr(f->op.arena, path), F_OK), 0);
}

static void test_writer_errors(void **state)
{
    struct fix *f = *state;
    struct table_writer *w = NULL;
    struct table_field twice[2] = {{STR("x"), TABLE_I64}, {STR("x"), TABLE_I64}};
    assert_int_equal(table_writer_open(&f->op, f->t, in_folder(f, "e.parquet"), &(struct table_schema){twice, 2}, &w), E_INVALID);
    op_clear(&f->op);
    assert_int_equal(table_writer_open(&f->op, f->t, in_folder(f, "e.parquet"), &(struct table_schema){twice, 0}, &w), E_INVALID);
    op_clear(&f->op);
    struct table_field text = {STR("x"), TABLE_STRING};
    assert_int_equal(table_writer_open(&f->op, f->t, in_folder(f, "e.parquet"), &(struct table_schema){&text, 1}, &w), OK);
    struct str bad = STR("\xff\xfe");
    struct table_column col = {.type = TABLE_STRING, .data = &bad};
    assert_int_equal(table_append(&f->op, f->t, w, &(struct table_chunk){1, 1, &col}), E_INVALID);
    table_discard(f->t, w);
    op_clear(&f->op);
    /* A folder that is not there. */
    assert_int_equal(table_writer_open(&f->op, f->t, in_folder(f, "no/such/e.parquet"), &(struct table_schema){twice, 1}, &w), OK);
    assert_int_not_equal(table_finish(&f->op, f->t, w, NULL), OK);
}

static void test_zero_rows(void **state)
{
    struct fix *f = *state;
    struct frame *a = load(f, "SELECT range AS i, 'x' AS s FROM range(0)");
    assert_int_equal(a->rows, 0);
    struct str path = in_folder(f, "zero.parquet"), source = {0};
    assert_int_equal(frame_save(&f->op, f->t, a, path), OK);
    assert_int_equal(table_source_sql(&f->op, path, false, &source), OK);
    struct frame *b = load(f, op_printf(&f->op, "SELECT * FROM %.*s", STR_FMT(source)));
    assert_int_equal(b->rows, 0);
    assert_int_equal(b->len, 2);
    frame_destroy(a);
    frame_destroy(b);
}

static void write_bytes(const char *path, const char *p, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    fclose(f);
}

/* Bad input: one clear line, and the engine goes on. */
static void test_errors(void **state)
{
    struct fix *f = *state;
    assert_int_equal(load_error(f, "SELEC 1"), E_INVALID);
    assert_null(strchr(f->op.msg, '\n'));
    assert_int_equal(load_error(f, "SELECT no_such_column FROM range(3)"), E_INVALID);
    assert_non_null(strstr(f->op.msg, "no_such_column"));
    assert_int_equal(load_error(f, "SELECT * FROM read_parquet('/no/such/file.parquet')"), E_NOT_FOUND);
    assert_int_equal(load_error(f, "CREATE TABLE t (i INTEGER)"), E_INVALID);
    assert_int_equal(load_error(f, "SELECT 1; SELECT 2"), E_INVALID);
    assert_int_equal(load_error(f, ""), E_INVALID);
    assert_int_equal(load_error(f, "SELECT CAST(18446744073709551615 AS UBIGINT) AS u"), E_INVALID);
    assert_int_equal(load_error(f, "SELECT CAST('x' || range AS BIGINT) FROM range(5000)"), E_INVALID);
    struct frame *r = load(f, "SELECT 1 AS one");
    assert_int_equal(r->cols[0].i64[0], 1);
    frame_destroy(r);
}

static void test_truncated_file(void **state)
{
    struct fix *f = *state;
    struct frame *a = load(f, "SELECT range AS i, hash(range) % 1000000 AS h FROM range(50000)");
    struct str path = in_folder(f, "whole.parquet");
    assert_int_equal(frame_save(&f->op, f->t, a, path), OK);
    frame_destroy(a);
    FILE *in = fopen(str_cstr(f->op.arena, path), "rb");
    static char bytes[1 << 20];
    size_t n = fread(bytes, 1, sizeof bytes, in);
    fclose(in);
    assert_true(n > 1000 && n < sizeof bytes);
    char *cut = str_cstr(f->op.arena, in_folder(f, "cut.parquet"));
    const char *sql = op_printf(&f->op, "SELECT * FROM read_parquet('%s')", cut);
    for (size_t keep = 0; keep < n; keep += n / 7) {
        write_bytes(cut, bytes, keep);
        assert_int_equal(load_error(f, sql), E_INVALID);
        assert_null(strchr(f->op.msg, '\n'));
    }
    /* Bytes changed in the middle: an error or wrong numbers, never a crash. */
    for (size_t at = 4; at < n; at += n / 13) {
        bytes[at] ^= 0x55;
        write_bytes(cut, bytes, n);
        struct frame *r = NULL;
        op_clear(&f->op);
        if (frame_load(&f->op, f->t, str_from(sql), LIMIT_MIB(64), &r) == OK)
            frame_destroy(r);
        bytes[at] ^= 0x55;
    }
}

static void test_frame_limit(void **state)
{
    struct fix *f = *state;
    struct frame *r = NULL;
    op_clear(&f->op);
    assert_int_equal(frame_load(&f->op, f->t, STR("SELECT range AS i FROM range(1000000)"), LIMIT_MIB(1), &r), E_TOO_LARGE);
    assert_null(r);
    op_clear(&f->op);
    assert_int_equal(frame_load(&f->op, f->t, STR("SELECT 'some longer text ' || range AS s FROM range(1000000)"), LIMIT_MIB(8), &r), E_TOO_LARGE);
    assert_null(r);
}

static void test_deadline(void **state)
{
    struct fix *f = *state;
    op_clear(&f->op);
    f->op.deadline_ms = time_mono_ms() - 1;
    assert_int_equal(load_error(f, "SELECT range FROM range(1000000)"), E_TIMEOUT);
}

int table_contract_run(table_contract_make make, const char *dir)
{
    make_engine = make;
    folder = dir;
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_types), T(test_chunks_keep_order), T(test_close_early), T(test_round_trip), T(test_row_number),
        T(test_discard_leaves_nothing), T(test_writer_errors), T(test_zero_rows), T(test_errors),
        T(test_truncated_file), T(test_frame_limit), T(test_deadline),
    };
#undef T
    return cmocka_run_group_tests_name("table contract", tests, NULL, NULL);
}
