#include "num/kolmogorov.h"

#include "num/drift.h"
#include "oracle.h"

static struct arena *arena;
static struct op op;
static const struct json *oracle;

static void one_sample_law_agrees(void **state)
{
    (void)state;
    const struct json *t = json_get(oracle, "kstwo");
    assert_true(t && t->len > 300);
    for (size_t i = 0; i < t->len; i++) {
        const struct json *row = &t->items[i];
        char what[96];
        snprintf(what, sizeof what, "kstwo.sf(n=%.0f, x=%.17g)", num_at(row, 0), num_at(row, 1));
        near_rel(what, kolmogorov_sf((uint64_t)num_at(row, 0), num_at(row, 1)), num_at(row, 2), 1e-9, 1e-300);
    }
}

static void one_sided_law_agrees(void **state)
{
    (void)state;
    const struct json *t = json_get(oracle, "smirnov");
    for (size_t i = 0; i < t->len; i++) {
        const struct json *row = &t->items[i];
        char what[96];
        snprintf(what, sizeof what, "smirnov(n=%.0f, x=%g)", num_at(row, 0), num_at(row, 1));
        near_rel(what, kolmogorov_smirnov_sf((uint64_t)num_at(row, 0), num_at(row, 1)), num_at(row, 2), 1e-9, 1e-300);
    }
}

static void two_sample_test_agrees(void **state)
{
    (void)state;
    const struct json *t = json_get(oracle, "ks_2samp");
    assert_true(t->len >= 10);
    for (size_t i = 0; i < t->len; i++) {
        const struct json *row = &t->items[i];
        size_t n, m;
        double *x = series_of(&row->items[0], &n), *y = series_of(&row->items[1], &m);
        n = drift_prepare(x, n);
        m = drift_prepare(y, m);
        struct drift_test ks = drift_ks(x, n, y, m);
        char what[64];
        snprintf(what, sizeof what, "ks_2samp case %zu", i);
        near_rel(what, ks.statistic, num_at(row, 2), 1e-15, 0);
        near_rel(what, ks.p, num_at(row, 3), 1e-9, 1e-300);
        /* Symmetric in its samples. */
        near_rel("swapped", drift_ks(y, m, x, n).p, ks.p, 1e-11, 1e-300);
        free(x);
        free(y);
    }
}

static void edges_of_the_domain(void **state)
{
    (void)state;
    assert_true(isnan(kolmogorov_sf(0, 0.5)) && isnan(kolmogorov_sf(5, NAN)));
    assert_true(kolmogorov_sf(5, -1) == 1 && kolmogorov_sf(5, 2) == 0);
    assert_true(kolmogorov_smirnov_sf(5, 0) == 1 && kolmogorov_smirnov_sf(5, 1) == 0);
    assert_true(kolmogorov_two_sample_sf(10, 10, 0) == 1);
    /* D = 1 with n = m = 3: 2 of C(6,3) = 20 orders. */
    near_rel("all apart", kolmogorov_two_sample_sf(3, 3, 1), 0.1, 1e-14, 0);
    /* n = 2, m = 3, D = 1: 2 of 10 orders. */
    near_rel("all apart", kolmogorov_two_sample_sf(2, 3, 1), 0.2, 1e-14, 0);
    /* The law falls with x, across all branch boundaries. */
    for (uint64_t n = 100; n <= 20000; n *= 2) {
        double before = 1;
        for (double x = 0.0005; x < 1; x *= 1.02) {
            double p = kolmogorov_sf(n, x);
            assert_true(p <= before + 1e-5 && p >= 0);
            before = p;
        }
    }
}

int main(void)
{
    arena = arena_create(LIMIT_MIB(64));
    op_init(&op, arena);
    oracle = oracle_load(&op, "kolmogorov.json");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_sample_law_agrees),
        cmocka_unit_test(one_sided_law_agrees),
        cmocka_unit_test(two_sample_test_agrees),
        cmocka_unit_test(edges_of_the_domain),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_destroy(arena);
    return failed;
}
