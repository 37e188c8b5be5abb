#include "unit/core/track/fixture.h"

#include "core/track/sample.h"
#include "core/track/store.h"

#include <math.h>

static void op_open(struct op *op)
{
    op_init(op, arena_create(LIMIT_MIB(16)));
}

static void add(struct op *op, struct series *s, int64_t t, int64_t step, double v)
{
    struct page_point p = {t, step, isnan(v) ? 0 : store_from_f64(v), isnan(v)};
    assert_ok(op, series_add(op, s, &p));
}

static void rows_want(struct op *op, struct series *s, struct sample_range r, size_t max, const char *want)
{
    size_t at[64], n = 0;
    char *got = op_printf(op, "%s", "");
    assert_ok(op, sample_rows(op, s, r, max, at, &n));
    for (size_t i = 0; i < n; i++)
        got = op_printf(op, "%s%lld ", got, (long long)series_step(s, at[i]));
    assert_string_equal(got, want);
}

/* What SQLite's ntile() and MLflow 3.17's rule for the last row give for ten rows. */
static void rows(void **state)
{
    (void)state;
    struct op op;
    op_open(&op);
    struct sample_range all = {0};
    for (int reverse = 0; reverse < 2; reverse++) {
        struct series s;
        assert_ok(&op, series_create(&op, 10, &s));
        for (int i = 0; i < 10; i++)
            add(&op, &s, i, reverse ? 9 - i : i, i);
        rows_want(&op, &s, all, 1, "9 ");
        rows_want(&op, &s, all, 2, "0 9 ");
        rows_want(&op, &s, all, 3, "0 4 9 ");
        rows_want(&op, &s, all, 4, "0 3 6 9 ");
        rows_want(&op, &s, all, 5, "0 2 4 6 9 ");
        rows_want(&op, &s, all, 7, "0 2 4 6 7 8 9 ");
        rows_want(&op, &s, all, 10, "0 1 2 3 4 5 6 7 8 9 ");
        rows_want(&op, &s, all, 64, "0 1 2 3 4 5 6 7 8 9 ");
        rows_want(&op, &s, (struct sample_range){true, 3, 6}, 2, "3 6 ");
        rows_want(&op, &s, (struct sample_range){true, 3, 3}, 9, "3 ");
        rows_want(&op, &s, (struct sample_range){true, 20, 30}, 9, "");
        rows_want(&op, &s, (struct sample_range){true, INT64_MIN, INT64_MAX}, 3, "0 4 9 ");
        series_release(&s);
    }
    struct series none = {.by_step = true};
    rows_want(&op, &none, all, 5, "");
    arena_destroy(op.arena);
}

static void buckets(void **state)
{
    (void)state;
    struct op op;
    op_open(&op);
    struct series s;
    assert_ok(&op, series_create(&op, 8, &s));
    static const double v[] = {1, 5, -2, NAN, 4, 4, 3, 100};
    for (int i = 0; i < 8; i++)
        add(&op, &s, 1000 + 10 * i, i, v[i]);
    double from = INFINITY, to = -INFINITY;
    assert_true(sample_extent(&s, SAMPLE_STEP, false, &from, &to));
    assert_true(from == 0 && to == 7);
    struct sample_bucket b[4];
    struct sample_buckets plan = {.axis = SAMPLE_STEP, .from = 0, .to = 7, .len = 2};
    assert_ok(&op, sample_fill(&op, &s, &plan, b));
    assert_true(b[0].count == 4 && b[0].nan_count == 1 && b[0].first.y == 1 && b[0].last.y == -2 && b[0].min.x == 2 && b[0].max.x == 1 && b[0].sum == 4);
    assert_true(b[1].count == 4 && b[1].max.y == 100 && b[1].max.x == 7 && b[1].min.x == 6 && b[1].first.x == 4);
    assert_true(sample_edge(&plan, 1) == 3.5 && sample_edge(&plan, 2) == 7);
    /* A log axis from 1 to 8 (2^3) in three: [1,2) [2,4) [4,8]; step 0 has no logarithm. */
    plan = (struct sample_buckets){.axis = SAMPLE_STEP, .from = 1, .to = 8, .log = true, .len = 3};
    assert_ok(&op, sample_fill(&op, &s, &plan, b));
    assert_true(b[0].count == 1 && b[0].first.y == 5 && b[1].count == 2 && b[1].nan_count == 1 && b[2].count == 4 && b[2].min.x == 6);
    assert_true(fabs(sample_edge(&plan, 2) - 4) < 1e-12);
    /* Relative time, all in one place. */
    plan = (struct sample_buckets){.axis = SAMPLE_RELATIVE, .from = 10, .to = 10, .len = 4};
    assert_ok(&op, sample_fill(&op, &s, &plan, b));
    assert_true(b[0].count == 1 && b[0].first.y == 5 && b[0].first.x == 10 && b[3].count == 0);
    from = INFINITY, to = -INFINITY;
    assert_true(sample_extent(&s, SAMPLE_TIME, false, &from, &to) && from == 1000 && to == 1070);
    series_release(&s);
    arena_destroy(op.arena);
}

static void ranges(void **state)
{
    (void)state;
    struct op op;
    op_init(&op, arena_create(LIMIT_MIB(1)));
    assert_int_equal(sample_range_check(&op, -1, -1, false), OK);
    assert_int_equal(sample_range_check(&op, 1e-300, 2, true), OK);
    const double bad[][3] = {{2, 1, 0}, {(double)NAN, 1, 0}, {0, (double)NAN, 0}, {0, (double)INFINITY, 0}, {-(double)INFINITY, 0, 0}, {0, 1, 1}, {-1, 1, 1}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(sample_range_check(&op, bad[i][0], bad[i][1], bad[i][2] != 0), E_INVALID);
        op_clear(&op);
    }
    arena_destroy(op.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows), cmocka_unit_test(buckets), cmocka_unit_test(ranges)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
