/* The line that is fitted through what runs took. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/serve/cost.h"

static void near(double got, double want, double share)
{
    if (fabs(got - want) > share * want)
        fail_msg("%g, not %g", got, want);
}

static void test_fit(void **state)
{
    (void)state;
    struct cost c;
    cost_init(&c);
    assert_true(cost_of(&c, 1) > 1e9); /* not known: dear */
    static const size_t sizes[] = {1, 8, 64};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        cost_add(&c, sizes[i], 1000 + 50 * (double)sizes[i]);
    near(cost_of(&c, 1), 1050, 0.01);
    near(cost_of(&c, 1000), 51000, 0.01);
    near(cost_fixed(&c), 1000, 0.02);
    assert_int_equal(cost_batch(&c, 128), 128); /* a tenth of fixed by row is at 200 */
    assert_true(cost_batch(&c, 4096) >= 195 && cost_batch(&c, 4096) <= 205);
    cost_clear(&c);
}

/* One outlier is not believed; a model that became slower is, after some runs; then quick again. */
static void test_follows(void **state)
{
    (void)state;
    struct cost c;
    cost_init(&c);
    for (int i = 0; i < 50; i++)
        cost_add(&c, (size_t)(1 + i % 20), 1000 + 100 * (1 + i % 20));
    cost_add(&c, 1, 1e9);
    assert_true(cost_of(&c, 1) < 2500);
    for (int i = 0; i < 400; i++)
        cost_add(&c, (size_t)(1 + i % 20), 10 * (1000 + 100 * (1 + i % 20)));
    near(cost_of(&c, 10), 20000, 0.05);
    for (int i = 0; i < 400; i++)
        cost_add(&c, 4, 1400); /* one size: the whole line comes down */
    near(cost_of(&c, 4), 1400, 0.05);
    assert_true(cost_of(&c, 40) > cost_of(&c, 4) && cost_fixed(&c) >= 0);
    cost_clear(&c);
}

static void test_edges(void **state)
{
    (void)state;
    struct cost c;
    cost_init(&c);
    cost_add(&c, 1, 700);
    near(cost_of(&c, 1), 700, 0.01); /* one run of one size: every row costs the same */
    near(cost_of(&c, 10), 7000, 0.01);
    assert_int_equal(cost_batch(&c, 128), 1);
    cost_clear(&c);
    cost_init(&c);
    for (int i = 0; i < 30; i++)
        cost_add(&c, (size_t)(i % 2 ? 64 : 1), 5000); /* rows are free */
    near(cost_of(&c, 1), 5000, 0.02);
    near(cost_of(&c, 1000), 5000, 0.05);
    assert_int_equal(cost_batch(&c, 128), 128);
    cost_clear(&c);
    cost_init(&c);
    cost_add(&c, 1, 100);
    cost_add(&c, 100, 20000); /* dearer than in proportion: no negative fixed part */
    assert_true(cost_fixed(&c) >= 0 && cost_of(&c, 1) > 0);
    cost_add(&c, 0, 0);
    assert_true(isfinite(cost_of(&c, 7)));
    cost_clear(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fit), cmocka_unit_test(test_follows), cmocka_unit_test(test_edges)};
    return cmocka_run_group_tests_name("cost", tests, NULL, NULL);
}
