#include "unit/core/dataset/data_fixture.h"

#include "core/dataset/profile.h"

static struct profile *profile(struct data *f, const char *path)
{
    struct profile *p = NULL;
    must(f, profile_run(&f->op, f->tables, str_from(path), &p));
    struct buf b; /* the document must be JSON */
    struct json_out w;
    struct json *j = NULL;
    buf_init(&b, LIMIT_MIB(4));
    json_out_init(&w, &b, 0);
    profile_write(p, &w);
    must(f, json_parse(&f->op, str_dup(f->op.arena, buf_str(&b)), JSON_STRICT, &j));
    buf_clear(&b);
    assert_int_equal(json_get(j, "rows")->i, (int64_t)p->rows);
    return p;
}

static void test_columns(void **state)
{
    struct data *f = *state;
    data_write(f, "SELECT range AS n, range % 4 AS small, CASE WHEN range % 5 = 0 THEN NULL ELSE range / 2.0 END AS half, "
                  "CASE WHEN range < 600 THEN 'b' WHEN range < 900 THEN 'a' ELSE 'c' END AS s, TIMESTAMP '2001-01-01' + to_hours(range) AS t, "
                  "NULL::DOUBLE AS nothing, range > 500 AS flag FROM range(1001)");
    struct profile *p = profile(f, f->path);
    assert_int_equal(p->rows, 1001);
    const struct profile_column *c = p->columns;
    assert_int_equal(c[0].distinct, 1001);
    assert_true(str_eqc(c[0].min, "0") && str_eqc(c[0].max, "1000"));
    assert_true(c[0].mean == 500 && fabs(c[0].stdev - 289.10811126635656) < 1e-9); /* sqrt(1001 * 1002 / 12) */
    assert_true(c[0].quantiles[0] == 10 && c[0].quantiles[3] == 500 && c[0].quantiles[6] == 990);
    assert_int_equal(c[1].distinct, 4);
    assert_int_equal(c[1].top_len, 4);
    assert_true(str_eqc(c[1].top[0].text, "0") && c[1].top[0].count == 251);
    assert_int_equal(c[2].nulls, 201);
    assert_true(str_eqc(c[2].min, "0.5") && str_eqc(c[2].max, "499.5"));
    assert_true(str_eqc(c[3].min, "\"a\"") && str_eqc(c[3].max, "\"c\""));
    assert_true(str_eqc(c[3].top[0].text, "\"b\"") && c[3].top[0].count == 600);
    assert_true(str_eqc(c[4].min, "\"2001-01-01T00:00:00Z\""));
    assert_int_equal(c[5].nulls, 1001);
    assert_true(str_eqc(c[5].min, "null") && isnan(c[5].mean) && c[5].distinct == 0);
    assert_true(c[6].type == TABLE_BOOL && c[6].distinct == 2);
}

/* Long texts, each greater than the one before: what is kept of them stays small. */
static void test_long_texts_are_cut(void **state)
{
    struct data *f = *state;
    data_write(f, "SELECT lpad(range::VARCHAR, 9, '0') || repeat('\u00e9', 10000) AS s FROM range(5000)");
    size_t before = arena_used(f->arena);
    struct profile *p = profile(f, f->path);
    assert_true(arena_used(f->arena) - before < LIMIT_MIB(16));
    const struct profile_column *c = &p->columns[0];
    assert_true(c->distinct == 5000 && !c->distinct_capped);
    assert_true(str_starts(c->min, STR("\"000000000\u00e9")) && str_starts(c->max, STR("\"000004999\u00e9")));
    assert_int_equal(c->min.len, 9 + 246 + 2); /* whole characters only */
    assert_true(str_is_utf8(c->min) && str_is_utf8(c->top[0].text));
}

static void test_flights(void **state)
{
    struct data *f = *state;
    struct profile *p = profile(f, FLIGHTS);
    assert_int_equal(p->rows, 3000000);
    assert_true(p->columns[0].distinct_capped); /* date: more than the limit */
    assert_int_equal(p->columns[0].top_len, 0);
    assert_int_equal(p->columns[3].distinct, 229); /* origins, as SELECT count(DISTINCT origin) says */
    assert_true(fabs(p->columns[1].mean - 6.667867666666667) < 1e-9);
    assert_true(str_eqc(p->columns[1].min, "-1116") && str_eqc(p->columns[1].max, "1688"));
    assert_true(fabs(p->columns[1].quantiles[3]) <= 2); /* the median delay, from the sample */
}

static void test_errors(void **state)
{
    struct data *f = *state;
    struct profile *p = NULL;
    assert_int_equal(profile_run(&f->op, f->tables, STR("/no/such.parquet"), &p), E_NOT_FOUND);
    op_clear(&f->op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_columns), cmocka_unit_test(test_long_texts_are_cut), cmocka_unit_test(test_flights), cmocka_unit_test(test_errors)};
    return cmocka_run_group_tests(tests, data_setup, data_teardown);
}
