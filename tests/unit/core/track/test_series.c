#include "unit/core/track/fixture.h"

#include "core/track/series.h"
#include "core/track/store.h"

#include <math.h>
#include <stdlib.h>

static void op_open(struct op *op)
{
    op_init(op, arena_create(LIMIT_MIB(16)));
}

static struct page_point point(int64_t t, int64_t step, double v)
{
    return (struct page_point){t, step, isnan(v) ? 0 : store_from_f64(v), isnan(v)};
}

static void add(struct op *op, struct series *s, int64_t t, int64_t step, double v)
{
    struct page_point p = point(t, step, v);
    assert_ok(op, series_add(op, s, &p));
}

static void narrow_and_wide(void **state)
{
    (void)state;
    struct op op;
    op_open(&op);
    static const int64_t t[] = {1700000000000, 1700000000000 + UINT32_MAX, 1700000000001 + UINT32_MAX, INT64_MAX};
    static const int64_t steps[] = {0, -2000000000, 2000000000, INT64_MIN};
    for (size_t n = 1; n <= ARRAY_LEN(t); n++) {
        struct series s;
        assert_ok(&op, series_create(&op, 1, &s));
        for (size_t i = 0; i < n; i++)
            add(&op, &s, t[i], steps[i], i == 1 ? (double)NAN : -0.0);
        assert_true(s.block->wide == (n > 2));
        for (size_t i = 0; i < n; i++) {
            assert_true(series_time_ms(&s, i) == t[i] && series_step(&s, i) == steps[i]);
            assert_true(i == 1 ? isnan(series_value(&s, i)) : signbit(series_value(&s, i)));
            struct page_point p = series_point(&s, i), want = point(t[i], steps[i], i == 1 ? (double)NAN : -0.0);
            assert_memory_equal(&p, &want, sizeof p);
            assert_int_equal(series_until(&s, &p), i + 1);
        }
        series_release(&s);
    }
    arena_destroy(op.arena);
}

/* A view keeps its points whatever is appended behind it, in place or in another block. */
static void views_stand(void **state)
{
    (void)state;
    struct op op;
    op_open(&op);
    struct series s;
    assert_ok(&op, series_create(&op, 4, &s));
    add(&op, &s, 1, 1, 1);
    add(&op, &s, 2, 2, 2);
    struct series early = series_ref(&s);
    for (int i = 3; i < 100; i++)
        add(&op, &s, i, i, i);
    assert_int_equal(early.len, 2);
    assert_true(series_value(&early, 1) == 2 && series_time_ms(&early, 0) == 1);
    assert_int_equal(s.len, 99);
    struct series copy;
    assert_ok(&op, series_copy(&op, &s, 50, 60, &copy));
    series_release(&s);
    assert_true(copy.len == 50 && series_value(&copy, 49) == 50 && copy.by_step);
    series_release(&copy);
    series_release(&early);
    arena_destroy(op.arena);
}

static const struct series *compared;
static int by_step(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int64_t d = series_step(compared, x) - series_step(compared, y);
    return d ? (d > 0) - (d < 0) : (x > y) - (x < y);
}

static void order_of(struct op *op, struct series *s)
{
    uint32_t *want = calloc(s->len, sizeof *want);
    for (uint32_t i = 0; i < s->len; i++)
        want[i] = i;
    compared = s;
    qsort(want, s->len, sizeof *want, by_step);
    assert_ok(op, series_sort(op, s));
    for (size_t i = 0; i < s->len; i++)
        assert_int_equal(series_ranked(s, i), want[i]);
    free(want);
}

/* Sorted whole, extended, and for a view that is shorter than what is known. */
static void order(void **state)
{
    (void)state;
    struct op op;
    op_open(&op);
    struct series s;
    uint64_t x = 88172645463325252u;
    assert_ok(&op, series_create(&op, 16, &s));
    struct series views[3];
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < 700 + k; i++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            add(&op, &s, 1000 * k + i, (int64_t)(x % 50), i);
        }
        views[k] = series_ref(&s);
        assert_false(views[k].by_step);
        order_of(&op, &views[k]);
    }
    struct series early = series_ref(&views[0]);
    order_of(&op, &early);
    series_release(&early);
    for (int k = 0; k < 3; k++)
        series_release(&views[k]);
    series_release(&s);
    arena_destroy(op.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(narrow_and_wide), cmocka_unit_test(views_stand), cmocka_unit_test(order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
