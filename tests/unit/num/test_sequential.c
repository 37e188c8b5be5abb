#include "num/sequential.h"

#include "num/rng.h"
#include "oracle.h"

static struct arena *arena;
static struct op op;
static const struct json *oracle;

static struct moments moments_of(const struct json *spec)
{
    size_t n;
    double *x = series_of(spec, &n);
    struct moments whole = {0}, half[2] = {{0}, {0}};
    for (size_t i = 0; i < n; i++) {
        moments_add(&whole, x[i]);
        moments_add(&half[i > n / 3], x[i]);
    }
    moments_merge(&half[0], &half[1]);
    near_rel("merged mean", half[0].mean, whole.mean, 1e-13, 0);
    near_rel("merged variance", moments_variance(&half[0]), moments_variance(&whole), 1e-12, 0);
    free(x);
    return whole;
}

static void fixed_horizon_tests_agree(void **state)
{
    (void)state;
    const struct json *t = json_get(oracle, "welch");
    for (size_t i = 0; i < t->len; i++) {
        const struct json *row = &t->items[i];
        struct moments a = moments_of(&row->items[0]), b = moments_of(&row->items[1]);
        struct two_sample w = sequential_welch(&a, &b, 0.05);
        near_rel("welch t", w.statistic, num_at(row, 2), 1e-11, 0);
        near_rel("welch p", w.p, num_at(row, 3), 1e-9, 0);
        near_rel("welch lo", w.lo, num_at(row, 4), 1e-9, 0);
        near_rel("welch hi", w.hi, num_at(row, 5), 1e-9, 0);
    }
    t = json_get(oracle, "proportion");
    for (size_t i = 0; i < t->len; i++) {
        const struct json *row = &t->items[i];
        struct two_sample p = sequential_two_proportion((uint64_t)num_at(row, 0), (uint64_t)num_at(row, 1), (uint64_t)num_at(row, 2),
                                                        (uint64_t)num_at(row, 3), 0.05);
        near_rel("z", p.statistic, num_at(row, 4), 1e-12, 0);
        near_rel("p", p.p, num_at(row, 5), 1e-11, 0);
    }
    t = json_get(oracle, "srm");
    for (size_t i = 0; i < t->len; i++) {
        const struct json *row = &t->items[i];
        uint64_t counts[4];
        double shares[4];
        size_t arms = row->items[0].len;
        for (size_t k = 0; k < arms; k++) {
            counts[k] = (uint64_t)num_at(&row->items[0], k);
            shares[k] = num_at(&row->items[1], k);
        }
        near_rel("srm", sequential_srm_p(counts, shares, arms), num_at(row, 2), 1e-11, 0);
    }
    near_rel("n per arm", sequential_sample_size(0.25, 0.02, 0.05, 0.8), 9811.099657, 1e-6, 0);
}

static void any_time_formulae_agree(void **state)
{
    (void)state;
    const struct json *t = json_get(oracle, "rate");
    for (size_t i = 0; i < t->len; i++) {
        const struct json *row = &t->items[i];
        double got = sequential_rate_log_e((uint64_t)num_at(row, 0), (uint64_t)num_at(row, 1), num_at(row, 2), num_at(row, 3), num_at(row, 4));
        near_rel("rate", got, num_at(row, 5), 1e-9, 1e-10);
    }
    t = json_get(oracle, "width");
    for (size_t i = 0; i < t->len; i++) {
        const struct json *row = &t->items[i];
        near_rel("width", sequential_half_width(num_at(row, 0), num_at(row, 1), num_at(row, 2), num_at(row, 3)), num_at(row, 4), 1e-13, 0);
    }
    /* One-sided is tighter than two-sided, and both are wider than the fixed-horizon 1.645 se and 1.96 se. */
    double one = sequential_half_width_one_sided(3000, 0.01, 0.05, 5000), two = sequential_half_width(3000, 0.01, 0.05, 5000);
    assert_true(one < two && one > 0.01645 && two > 0.0196);
    /* mSPRT: the closed form at V = 4, n = 10, tau2 = 0.5, d = 0.9. */
    double v = 4, n = 10, tau2 = 0.5, d = 0.9;
    double want = sqrt(v / (v + n * tau2)) * exp(n * n * tau2 * d * d / (2 * v * (v + n * tau2)));
    near_rel("msprt", sequential_msprt(d, sqrt(v / n), tau2), want, 1e-13, 0);
}

/* The promise itself: looking after every observation, a true null is rejected in at most alpha of the runs. */
static void looking_always_keeps_alpha(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 20010401);
    int wrong_rate = 0, wrong_mean = 0, found = 0;
    for (int run = 0; run < 400; run++) {
        uint64_t k = 0;
        bool hit = false;
        for (uint64_t n = 1; n <= 600 && !hit; n++) {
            k += rng_f64(&rng) < 0.05;
            hit = sequential_rate_log_e(k, n, 0.05, 1, 1) >= log(1 / 0.05);
        }
        wrong_rate += hit;
        struct moments m = {0}, shifted = {0};
        bool out = false, seen = false;
        for (uint64_t n = 1; n <= 2000; n++) {
            double x = rng_normal(&rng);
            moments_add(&m, x);
            moments_add(&shifted, x + 0.2);
            if (n < 100)
                continue;
            double se = sqrt(moments_variance(&m) / (double)n);
            double half = sequential_half_width_one_sided((double)n, se, 0.05, 1000);
            out = out || m.mean > half;
            seen = seen || shifted.mean > half;
        }
        wrong_mean += out;
        found += seen;
    }
    assert_in_range(wrong_rate, 0, 32); /* 20 + 2.7 standard deviations of Binomial(400, 0.05) */
    assert_in_range(wrong_mean, 0, 32);
    assert_in_range(found, 396, 400);
}

static void undefined_is_nan(void **state)
{
    (void)state;
    struct moments none = {0}, one = {.n = 1, .mean = 2};
    assert_true(isnan(moments_variance(&none)) && isnan(moments_variance(&one)));
    assert_true(isnan(sequential_welch(&none, &one, 0.05).p) && isnan(sequential_welch(&one, &one, 0.05).p));
    assert_true(isnan(sequential_two_proportion(0, 0, 1, 2, 0.05).p) && isnan(sequential_msprt(1, 0, 1)));
    assert_true(isnan(sequential_rate_log_e(3, 2, 0.1, 1, 1)) && isnan(sequential_half_width(0, 1, 0.05, 100)));
    uint64_t zero[2] = {0, 0};
    double even[2] = {1, 1};
    assert_true(isnan(sequential_srm_p(zero, even, 2)));
}

int main(void)
{
    arena = arena_create(LIMIT_MIB(64));
    op_init(&op, arena);
    oracle = oracle_load(&op, "sequential.json");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_horizon_tests_agree),
        cmocka_unit_test(any_time_formulae_agree),
        cmocka_unit_test(looking_always_keeps_alpha),
        cmocka_unit_test(undefined_is_nan),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_destroy(arena);
    return failed;
}
