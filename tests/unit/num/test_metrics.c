#include "num/metrics.h"

#include "num/sort.h"
#include "oracle.h"

static void check_interval(const char *what, struct interval got, const struct json *want)
{
    near_rel(what, got.value, num_at(want, 0), 1e-12, 1e-15);
    near_rel(what, got.lo, num_at(want, 1), 1e-10, 1e-14);
    near_rel(what, got.hi, num_at(want, 2), 1e-10, 1e-14);
}

static void one_case(const struct json *c)
{
    int64_t seed = 0, rows = 0, modulus = 0;
    assert_true(json_as_i64(json_get(c, "seed"), &seed) && json_as_i64(json_get(c, "n"), &rows) &&
                json_as_i64(json_get(c, "modulus"), &modulus));
    size_t n = (size_t)rows;
    double *s = series_make((uint64_t)seed, n, (uint64_t)modulus, 1, 0);
    double *u = series_make((uint64_t)seed + 50, n, 65537, 1, 0);
    uint8_t *y = calloc(n, 1);
    for (size_t i = 0; i < n; i++) {
        s[i] /= (double)modulus;
        y[i] = u[i] / 65537 < 0.2 + 0.5 * s[i];
    }
    check_interval("auc", metrics_auc_ci(s, y, n, 0.95), json_get(c, "auc"));
    near_rel("auc", metrics_auc(s, y, n), num_at(json_get(c, "auc"), 0), 1e-13, 0);
    check_interval("logloss", metrics_logloss_ci(s, y, n, 0.95), json_get(c, "logloss"));
    near_rel("logloss", metrics_logloss(s, y, n), num_at(json_get(c, "logloss"), 0), 1e-13, 0);
    check_interval("brier", metrics_brier_ci(s, y, n, 0.95), json_get(c, "brier"));
    check_interval("accuracy", metrics_accuracy_ci(s, y, n, 0.3, 0.95), json_get(c, "accuracy"));
    double ece = 0;
    assert_true(json_as_f64(json_get(c, "ece"), &ece));
    near_rel("ece", metrics_ece(s, y, n), ece, 1e-12, 1e-15);
    struct interval ci = metrics_ece_ci(s, y, n, 0.95, 200, 7);
    assert_true(ci.value == metrics_ece(s, y, n) && ci.lo <= ci.hi && ci.lo >= 0);
    struct interval again = metrics_ece_ci(s, y, n, 0.95, 200, 7);
    assert_true(ci.lo == again.lo && ci.hi == again.hi);
    sort_f64(s, n);
    const struct json *q = json_get(c, "quantiles");
    for (size_t i = 0; i < q->len; i++)
        near_rel("quantile", metrics_quantile_sorted(s, n, num_at(&q->items[i], 0)), num_at(&q->items[i], 1), 1e-15, 0);
    free(s);
    free(u);
    free(y);
}

static void agrees_with_scikit_learn(void **state)
{
    (void)state;
    struct arena *arena = arena_create(LIMIT_MIB(64));
    struct op op;
    op_init(&op, arena);
    const struct json *t = oracle_load(&op, "metrics.json");
    assert_true(t->len >= 5);
    for (size_t i = 0; i < t->len; i++)
        one_case(&t->items[i]);
    arena_destroy(arena);
}

static void what_is_not_defined_is_nan(void **state)
{
    (void)state;
    double s[] = {0.1, 0.9};
    uint8_t same[] = {1, 1}, both[] = {0, 1};
    assert_true(isnan(metrics_auc(s, same, 2)) && isnan(metrics_auc(s, both, 0)) && isnan(metrics_auc_ci(s, same, 2, 0.9).lo));
    assert_true(isnan(metrics_logloss(s, both, 0)) && isnan(metrics_ece(s, both, 0)) && isnan(metrics_brier(s, both, 0)));
    assert_true(isnan(metrics_accuracy(s, both, 0, 0.5)) && isnan(metrics_base_rate(both, 0)));
    assert_true(isnan(metrics_proportion_ci(0, 0, 0.95).value) && isnan(metrics_logloss_ci(s, both, 1, 0.95).lo));
    double bad[] = {NAN, 0.5};
    assert_true(isnan(metrics_auc(bad, both, 2)));
    assert_true(metrics_auc(s, both, 2) == 1);
    /* Certain and wrong is large, not infinite. */
    double certain[] = {1.0, 0.0};
    near_rel("clipped", metrics_logloss(certain, both, 2), 36.04365338911715, 1e-12, 0);
    assert_true(metrics_logloss_one(1.0, true) < 1e-15);
}

static void latencies_keep_their_error(void **state)
{
    (void)state;
    struct latency_hist *h = calloc(3, sizeof *h);
    assert_non_null(h);
    assert_true(latency_hist_quantile(h, 0.5) == 0);
    for (uint64_t v = 1; v < UINT32_MAX; v += v / 7 + 1) {
        *h = (struct latency_hist){0};
        latency_hist_add(h, (uint32_t)v);
        near_rel("bucket", latency_hist_quantile(h, 0.5), (double)v, v < 128 ? 0 : LATENCY_REL_ERROR / 2, 0);
    }
    *h = (struct latency_hist){0};
    for (uint32_t v = 1; v <= 10000; v++) {
        latency_hist_add(h, v);
        latency_hist_add(h + 1, v + 10000);
    }
    near_rel("p95", latency_hist_quantile(h, 0.95), 9500, LATENCY_REL_ERROR, 0);
    double lo = -1, hi = -1; /* 10,000 values 0..9999: bounds that hold the truth, at the outer edges of buckets */
    latency_hist_quantile_bounds(h, 0.95, 0.01, &lo, &hi);
    assert_true(lo <= 9400 && lo > 9400 * (1 - 2 * LATENCY_REL_ERROR) && hi >= 9600 && hi < 9600 * (1 + 2 * LATENCY_REL_ERROR));
    latency_hist_quantile_bounds(h, 0.95, 0.051, &lo, &hi);
    assert_true(isinf(hi) && lo > 8700);
    latency_hist_quantile_bounds(h, 0.02, 0.03, &lo, &hi);
    assert_true(lo == 0 && hi >= 500);
    latency_hist_quantile_bounds(h + 2, 0.5, 0.1, &lo, &hi);
    assert_true(lo == 0 && isinf(hi));
    latency_hist_merge(h, h + 1);
    assert_true(h->n == 20000);
    near_rel("p50", latency_hist_quantile(h, 0.5), 10000, LATENCY_REL_ERROR, 0);
    near_rel("above", (double)latency_hist_above(h, 15000), 5000, 0.04, 0);
    latency_hist_add(h, UINT32_MAX);
    near_rel("max", latency_hist_quantile(h, 1), (double)UINT32_MAX, LATENCY_REL_ERROR, 0);
    free(h);
}

static void calibration_curve(void **state)
{
    (void)state;
    double s[] = {0.05, 0.15, 0.15, 0.95, 1.0, 0.0};
    uint8_t y[] = {0, 1, 0, 1, 1, 0};
    struct calibration_bin bins[10];
    metrics_calibration(s, y, 6, 10, bins);
    assert_true(bins[0].n == 2 && bins[1].n == 2 && bins[9].n == 2 && bins[5].n == 0);
    assert_true(bins[1].mean_label == 0.5 && bins[9].mean_label == 1 && bins[9].hi == 1);
    near_rel("mean", bins[0].mean_score, 0.025, 1e-15, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_scikit_learn),
        cmocka_unit_test(what_is_not_defined_is_nan),
        cmocka_unit_test(latencies_keep_their_error),
        cmocka_unit_test(calibration_curve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
