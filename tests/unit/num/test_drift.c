#include "num/drift.h"

#include "oracle.h"

static void distances_agree_with_evidently(void **state)
{
    (void)state;
    struct arena *arena = arena_create(LIMIT_MIB(64));
    struct op op;
    op_init(&op, arena);
    const struct json *t = oracle_load(&op, "drift.json");
    assert_true(t->len >= 8);
    for (size_t i = 0; i < t->len; i++) {
        const struct json *row = &t->items[i];
        size_t n, m;
        double *x = series_of(&row->items[0], &n), *y = series_of(&row->items[1], &m);
        n = drift_prepare(x, n);
        m = drift_prepare(y, m);
        char what[64];
        snprintf(what, sizeof what, "psi case %zu", i);
        near_rel(what, drift_psi(x, n, y, m), num_at(row, 2), 1e-12, 1e-15);
        near_rel("jensenshannon", drift_jensenshannon(x, n, y, m), num_at(row, 3), 1e-10, 1e-12);
        near_rel("wasserstein", drift_wasserstein(x, n, y, m), num_at(row, 4), 1e-11, 1e-12);
        near_rel("wasserstein_norm", drift_wasserstein_norm(x, n, y, m), num_at(row, 5), 1e-11, 1e-12);
        free(x);
        free(y);
    }
    arena_destroy(arena);
}

static void prepare_drops_what_is_no_number(void **state)
{
    (void)state;
    double x[] = {3, NAN, -INFINITY, -0.0, 1, INFINITY, 0.0, -2};
    assert_int_equal(drift_prepare(x, 8), 5);
    assert_true(x[0] == -2 && x[1] == 0 && x[2] == 0 && x[3] == 1 && x[4] == 3);
    assert_false(signbit(x[1]));
    assert_int_equal(drift_prepare(x, 0), 0);
    double one[] = {1};
    assert_true(isnan(drift_ks(one, 0, one, 1).p) && isnan(drift_psi(one, 1, one, 0)) && isnan(drift_wasserstein(one, 0, one, 1)));
    assert_true(drift_ks(one, 1, one, 1).p == 1 && drift_psi(one, 1, one, 1) == 0);
}

static void fixed_bins_merge(void **state)
{
    (void)state;
    double *ref = series_make(1, 5000, 65537, 1, 0), *cur = series_make(2, 3000, 65537, 1, 6000);
    size_t n = drift_prepare(ref, 5000);
    struct drift_bins b;
    drift_bins_init(&b, ref, n);
    assert_int_equal(b.bins, DRIFT_BINS);
    struct drift_counts whole = {0}, left = {0}, right = {0};
    for (size_t i = 0; i < 3000; i++) {
        drift_counts_add(&b, &whole, cur[i]);
        drift_counts_add(&b, i < 1000 ? &left : &right, cur[i]);
    }
    struct drift_counts sorted = {0};
    double *in_order = series_make(2, 3000, 65537, 1, 6000);
    drift_counts_add_sorted(&b, &sorted, in_order, drift_prepare(in_order, 3000));
    assert_memory_equal(&sorted, &whole, sizeof whole);
    free(in_order);
    drift_counts_add(&b, &left, NAN);
    drift_counts_merge(&left, &right);
    assert_true(left.n == whole.n && left.missing == 1);
    assert_true(drift_bins_psi(&b, &left) == drift_bins_psi(&b, &whole));
    assert_true(drift_bins_psi(&b, &whole) > 0.01);
    /* Against the definition, with numpy's decile edges and right-closed bins. */
    double psi = 0;
    for (size_t i = 0; i < b.bins; i++) {
        double lo = i ? b.edge[i - 1] : -INFINITY, hi = i + 1 < b.bins ? b.edge[i] : INFINITY;
        double r = 0, c = 0;
        for (size_t k = 0; k < n; k++)
            r += ref[k] > lo && ref[k] <= hi;
        for (size_t k = 0; k < 3000; k++)
            c += cur[k] > lo && cur[k] <= hi;
        psi += (r / (double)n - c / 3000) * log(r / (double)n / (c / 3000));
    }
    near_rel("bins psi", drift_bins_psi(&b, &whole), psi, 1e-12, 0);
    /* The same sample gives 0; nothing counted gives no answer. */
    struct drift_counts same = {0}, none = {0};
    for (size_t i = 0; i < n; i++)
        drift_counts_add(&b, &same, ref[i]);
    assert_true(drift_bins_psi(&b, &same) == 0);
    assert_true(isnan(drift_bins_psi(&b, &none)));
    free(ref);
    free(cur);
}

static void few_values_collapse_bins(void **state)
{
    (void)state;
    double ref[100];
    for (int i = 0; i < 100; i++)
        ref[i] = i < 95 ? 0 : 1;
    struct drift_bins b;
    drift_bins_init(&b, ref, 100);
    assert_int_equal(b.bins, 2);
    assert_true(b.ref[0] == 95 && b.ref[1] == 5);
    double constant[3] = {7, 7, 7};
    drift_bins_init(&b, constant, 3);
    assert_true(b.bins == 1 && b.ref[0] == 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_agree_with_evidently),
        cmocka_unit_test(prepare_drops_what_is_no_number),
        cmocka_unit_test(fixed_bins_merge),
        cmocka_unit_test(few_values_collapse_bins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
