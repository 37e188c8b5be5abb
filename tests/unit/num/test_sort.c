#include "num/sort.h"

#include "num/rng.h"
#include "oracle.h"

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void sorts_like_qsort(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 1);
    static const size_t lengths[] = {0, 1, 2, 47, 48, 49, 1000, 70000};
    for (size_t l = 0; l < ARRAY_LEN(lengths); l++) {
        for (int kind = 0; kind < 4; kind++) {
            size_t n = lengths[l];
            double *x = calloc(n + 1, sizeof *x), *y = calloc(n + 1, sizeof *y);
            for (size_t i = 0; i < n; i++) {
                double v = rng_normal(&rng);
                x[i] = kind == 0 ? v : kind == 1 ? (double)(float)v : kind == 2 ? floor(v * 5) : ldexp(v, (int)rng_below(&rng, 2000) - 1000);
                y[i] = x[i];
            }
            if (n > 10) {
                x[3] = y[3] = INFINITY;
                x[7] = y[7] = -INFINITY;
            }
            sort_f64(x, n);
            if (n)
                qsort(y, n, sizeof *y, by_value);
            for (size_t i = 0; i < n; i++)
                assert_true(x[i] == y[i]);
            free(x);
            free(y);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sorts_like_qsort)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
