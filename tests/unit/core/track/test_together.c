#include "unit/core/track/fixture.h"

#include "core/track/together.h"

#include <math.h>

#define STRETCHES 4

/* A stretch with `n` points whose sum is given, `nan` of them NaN. */
static struct sample_bucket stretch(size_t n, size_t nan, double x, double sum)
{
    return (struct sample_bucket){.count = n, .nan_count = nan, .x = x, .sum = sum};
}

static void mean_of_means(void **state)
{
    struct fixture *f = *state;
    struct sample_bucket runs[3][STRETCHES] = {
        {stretch(2, 0, 10, 6), stretch(1, 1, 20, 0), stretch(0, 0, 0, 0), stretch(1, 0, 41, 5)},
        {stretch(4, 2, 9, 10), stretch(2, 2, 19, 0), stretch(0, 0, 0, 0), stretch(0, 0, 0, 0)},
        {stretch(1, 0, 11, 1), stretch(0, 0, 0, 0), stretch(0, 0, 0, 0), stretch(0, 0, 0, 0)},
    };
    struct together sums[STRETCHES] = {0};
    struct compare_line line = {0};
    for (size_t i = 0; i < 3; i++)
        together_add(sums, runs[i], STRETCHES);
    assert_true(together_line(&f->op, sums, STRETCHES, &line));
    assert_int_equal(line.len, 3); /* a stretch that nobody has is left out */
    assert_true(line.x[0] == 9 && line.x[1] == 19 && line.x[2] == 41);
    assert_true(line.mean[0] == 3 && line.min[0] == 1 && line.max[0] == 5 && line.count[0] == 3); /* 3, 5 and 1 */
    assert_true(fabs(line.std[0] - 2) < 1e-15 && fabs(line.stderr_[0] - 2 / sqrt(3)) < 1e-15);
    assert_true(isnan(line.mean[1]) && isnan(line.min[1]) && line.count[1] == 0); /* only NaN: a gap, not nothing */
    assert_true(line.mean[2] == 5 && isnan(line.std[2]) && line.count[2] == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(mean_of_means, fixture_open, fixture_close)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
