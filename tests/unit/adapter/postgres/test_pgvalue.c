/* test_pgvalue.c - the wire forms, against bytes that a PostgreSQL 15 sent (its int8send, float8send, numeric_send ...). */
#include "adapter/postgres/pgvalue.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "contract/scratch.h"

struct bytes {
    const char *p;
    size_t len;
};
#define BYTES(lit) {("" lit), sizeof(lit) - 1}

/* SELECT encode(numeric_send(x), 'hex') of a PostgreSQL 15. */
static void numerics_are_read(void **state UNUSED)
{
    static const struct {
        struct bytes in;
        enum db_type type;
        int64_t i;
        double f;
    } rows[] = {
        {BYTES("\0\0\0\0\0\0\0\0"), DB_TYPE_I64, 0, 0},
        {BYTES("\0\1\0\0\0\0\0\0\0\1"), DB_TYPE_I64, 1, 0},
        {BYTES("\0\1\0\0\x40\0\0\0\0\1"), DB_TYPE_I64, -1, 0},
        {BYTES("\0\1\0\1\0\0\0\0\0\1"), DB_TYPE_I64, 10000, 0}, /* the trailing zero digit is not sent */
        {BYTES("\0\5\0\4\0\0\0\0\x03\x9a\x0d\x2c\x01\x70\x15\x65\x16\xaf"), DB_TYPE_I64, INT64_MAX, 0},
        {BYTES("\0\1\0\4\x40\0\0\0\x27\x0f"), DB_TYPE_F64, 0, -9999e16},
        {BYTES("\0\2\0\0\0\0\0\1\0\1\x13\x88"), DB_TYPE_F64, 0, 1.5},
        {BYTES("\0\0\0\0\xd0\0\0\0"), DB_TYPE_F64, 0, INFINITY},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct db_val v = DB_NULL;
        assert_true(pgvalue_decode(PGTYPE_NUMERIC, rows[i].in.p, rows[i].in.len, &v));
        assert_int_equal(v.type, rows[i].type);
        if (v.type == DB_TYPE_I64)
            assert_true(v.i == rows[i].i);
        else
            assert_true(v.f == rows[i].f || fabs(v.f / rows[i].f - 1) < 1e-15);
    }
}

static void bytes_of_another_type_are_refused(void **state UNUSED)
{
    static const struct {
        unsigned type;
        struct bytes in;
    } rows[] = {
        {PGTYPE_INT8, BYTES("1234567")},     {PGTYPE_INT4, BYTES("")},
        {PGTYPE_INT2, BYTES("123")},         {PGTYPE_BOOL, BYTES("")},
        {PGTYPE_FLOAT8, BYTES("1234")},      {PGTYPE_NUMERIC, BYTES("\0\1\0\0\0\0\0")},
        {PGTYPE_NUMERIC, BYTES("\0\2\0\0\0\0\0\0\0\1")}, {PGTYPE_NUMERIC, BYTES("\0\1\0\0\0\0\0\0\x27\x10")},
        {PGTYPE_NUMERIC, BYTES("\0\0\0\0\xc0\0\0\0")},   {600, BYTES("1234")},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct db_val v;
        assert_false(pgvalue_decode(rows[i].type, rows[i].in.p, rows[i].in.len, &v));
    }
}

static struct db_val round_trip(struct scratch *s, struct db_val in, unsigned type)
{
    struct pgvalue_param p;
    struct db_val out = DB_NULL;
    assert_int_equal(pgvalue_encode(&s->op, "test", &in, type, &p), OK);
    assert_int_equal(p.format, 1);
    assert_true(pgvalue_decode(type, p.p, (size_t)p.len, &out));
    if (out.type == DB_TYPE_TEXT || out.type == DB_TYPE_BLOB)
        out.s = str_dup(s->arena, out.s);
    return out;
}

static void values_come_back(void **state)
{
    struct scratch *s = *state;
    static const int64_t ints[] = {0, 1, -1, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < ARRAY_LEN(ints); i++)
        assert_true(round_trip(s, DB_I64(ints[i]), PGTYPE_INT8).i == ints[i]);
    static const double doubles[] = {0.0, -0.0, 5e-324, -DBL_MAX, INFINITY, -INFINITY, 0.1};
    for (size_t i = 0; i < ARRAY_LEN(doubles); i++) {
        struct db_val v = round_trip(s, DB_F64(doubles[i]), PGTYPE_FLOAT8);
        assert_memory_equal(&v.f, &doubles[i], sizeof(double));
    }
    assert_true(round_trip(s, DB_I64(-7), PGTYPE_INT4).i == -7);
    assert_true(round_trip(s, DB_I64(-7), PGTYPE_INT2).i == -7);
    assert_true(round_trip(s, DB_I64(3), PGTYPE_FLOAT8).f == 3.0);
    assert_true(round_trip(s, DB_F64(3), PGTYPE_INT8).i == 3);
    assert_true(str_eq(round_trip(s, DB_TEXT(STR("Zürich")), PGTYPE_TEXT).s, STR("Zürich")));
    assert_true(str_eq(round_trip(s, DB_BLOB(STR("a\0b")), PGTYPE_BYTEA).s, STR("a\0b")));
    struct pgvalue_param p;
    assert_int_equal(pgvalue_encode(&s->op, "test", &DB_NULL, PGTYPE_INT8, &p), OK);
    assert_null(p.p);
    struct db_val empty = DB_TEXT(((struct str){NULL, 0}));
    assert_int_equal(pgvalue_encode(&s->op, "test", &empty, PGTYPE_TEXT, &p), OK);
    assert_non_null(p.p); /* an empty text is not NULL */
}

static void what_does_not_fit_is_an_error(void **state)
{
    struct scratch *s = *state;
    const struct {
        struct db_val v;
        unsigned type;
        enum err want;
    } rows[] = {
        {DB_F64(NAN), PGTYPE_FLOAT8, E_INVALID},
        {DB_TEXT(STR("a\0b")), PGTYPE_TEXT, E_INVALID},
        {DB_I64(INT64_MAX), PGTYPE_INT4, E_INVALID},
        {DB_I64(40000), PGTYPE_INT2, E_INVALID},
        {DB_F64(1.5), PGTYPE_INT8, E_INTERNAL},
        {DB_F64(1e300), PGTYPE_INT8, E_INTERNAL},
        {DB_I64(1), PGTYPE_BYTEA, E_INTERNAL},
        {DB_TEXT(STR("1")), PGTYPE_INT8, E_INTERNAL},
        {DB_BLOB(STR("1")), PGTYPE_TEXT, E_INTERNAL},
        {DB_BLOB(((struct str){"x", (size_t)1 << 30})), PGTYPE_BYTEA, E_TOO_LARGE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pgvalue_param p;
        assert_int_equal(pgvalue_encode(&s->op, "test", &rows[i].v, rows[i].type, &p), rows[i].want);
        op_clear(&s->op);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numerics_are_read),
        cmocka_unit_test(bytes_of_another_type_are_refused),
        cmocka_unit_test_setup_teardown(values_come_back, scratch_set_up, scratch_tear_down),
        cmocka_unit_test_setup_teardown(what_does_not_fit_is_an_error, scratch_set_up, scratch_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
