#include "num/sketch.h"

#include "num/drift.h"
#include "num/rng.h"
#include "oracle.h"

static struct sketch a, b; /* too large for the stack of a test */

static void keys_rise_and_hold_their_values(void **state)
{
    (void)state;
    int before = -1;
    for (int key = 0; key < SKETCH_KEYS; key++) {
        double v = sketch_value(key);
        int back = sketch_key(v);
        assert_in_range(back, key > 0 ? key - 1 : 0, key + 1); /* the one cell around 1/2 and the ends may share a neighbour */
        assert_true(back >= before);
        before = back;
    }
    static const double edges[] = {-INFINITY, -1e9, -1, -0.0, 0, 1e-12, 0.1, 0.5, 0.500001, 0.9, 0.999999, 1, 1.000001, 2, 100, 1e9, INFINITY};
    before = -1;
    for (size_t i = 0; i < ARRAY_LEN(edges); i++) {
        int key = sketch_key(edges[i]);
        assert_in_range(key, before < 0 ? 0 : before, SKETCH_KEYS - 1);
        before = key;
    }
    assert_true(sketch_key(0) == sketch_key(-0.0) && sketch_key(0.9) < sketch_key(0.99) && sketch_key(0.99) < sketch_key(0.999));
    for (double v = 1e-6; v < 1e7; v *= 1.37)
        assert_true(fabs(sketch_value(sketch_key(v)) - v) <= 0.04 * v);
}

static void quantiles_and_distances_agree(void **state)
{
    (void)state;
    struct arena *arena = arena_create(LIMIT_MIB(64));
    struct op op;
    op_init(&op, arena);
    const struct json *t = json_get(oracle_load(&op, "experiment.json"), "sketch");
    for (size_t i = 0; i < t->len; i++) {
        const struct json *row = &t->items[i];
        size_t n, m;
        double *x = series_of(&row->items[0], &n), *y = series_of(&row->items[3], &m);
        struct sketch *s[2] = {&a, &b};
        memset(&a, 0, sizeof a);
        memset(&b, 0, sizeof b);
        for (size_t k = 0; k < n; k++)
            sketch_add(&a, x[k]);
        for (size_t k = 0; k < m; k++)
            sketch_add(&b, y[k]);
        for (size_t k = 0; k < row->items[1].len; k++) {
            double q = num_at(&row->items[1], k), want = num_at(&row->items[2], k);
            double near_one = fabs(1 - want), scale = fabs(want) > 0.5 && fabs(want) < 2 ? near_one + 0.01 : fabs(want);
            near_rel("quantile", sketch_quantile(&a, q), want, 0, 0.04 * scale + 0.002);
            struct sketch_bounds bounds = sketch_quantile_bounds(&a, q, sketch_dkw(a.n, 0.05));
            assert_true(bounds.lo <= bounds.value && bounds.value <= bounds.hi);
        }
        double want = num_at(row, 4), got = sketch_distance(&a, &b);
        assert_true(got <= want + 1e-12 && got >= want - 0.08);
        assert_true(sketch_psi(&a, &a) < 1e-12 && sketch_psi(&a, &b) >= 0);
        uint64_t total = s[0]->n + s[1]->n;
        sketch_merge(&a, &b);
        assert_true(a.n == total);
        free(x);
        free(y);
    }
    arena_destroy(arena);
    memset(&a, 0, sizeof a);
    sketch_add(&a, NAN);
    assert_true(a.n == 0 && a.missing == 1 && isnan(sketch_quantile(&a, 0.5)) && isnan(sketch_psi(&a, &b)) && isnan(sketch_distance(&a, &b)));
}

/* A normal sample moved by half a deviation against the stability index of the samples themselves. */
static void stability_index_is_near_the_exact_one(void **state)
{
    (void)state;
    struct rng rng;
    enum { N = 20000 };
    double *x = calloc(N, sizeof *x), *y = calloc(N, sizeof *y);
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    rng_seed(&rng, 11);
    for (int i = 0; i < N; i++) {
        x[i] = 1 / (1 + exp(-rng_normal(&rng)));
        y[i] = 1 / (1 + exp(-rng_normal(&rng) - 0.5));
        sketch_add(&a, x[i]);
        sketch_add(&b, y[i]);
    }
    struct drift_bins bins;
    struct drift_counts counts = {0};
    size_t n = drift_prepare(x, N);
    drift_bins_init(&bins, x, n);
    for (int i = 0; i < N; i++)
        drift_counts_add(&bins, &counts, y[i]);
    near_rel("psi", sketch_psi(&a, &b), drift_bins_psi(&bins, &counts), 0.05, 0);
    free(x);
    free(y);
}

/* Looking after every value, the true 90 % quantile leaves the any-time bounds in at most alpha of the runs. */
static void bounds_hold_at_every_look(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 5);
    const double truth = -log(0.1);
    int any_time = 0, fixed = 0;
    for (int run = 0; run < 200; run++) {
        memset(&a, 0, sizeof a);
        bool left = false, left_fixed = false;
        double below = 0;
        for (int n = 1; n <= 3000; n++) {
            double v = -log(1 - rng_f64(&rng));
            below += v <= truth;
            double off = fabs(below / n - 0.9);
            left = left || off > sketch_dkw_any_time((uint64_t)n, 0.05);
            left_fixed = left_fixed || off > sketch_dkw((uint64_t)n, 0.05);
        }
        any_time += left;
        fixed += left_fixed;
    }
    printf("bounds of a quantile, alpha 0.05, 3000 looks: any-time left in %.1f %% of 200 runs, one-look bounds in %.1f %%\n", any_time / 2.0, fixed / 2.0);
    assert_true(any_time <= 10);
    assert_true(isnan(sketch_dkw(0, 0.05)) && sketch_dkw_any_time(1000, 0.05) > sketch_dkw(1000, 0.05));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_rise_and_hold_their_values), cmocka_unit_test(quantiles_and_distances_agree),
        cmocka_unit_test(stability_index_is_near_the_exact_one), cmocka_unit_test(bounds_hold_at_every_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
