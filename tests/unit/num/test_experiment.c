#include "num/experiment.h"

#include "num/rng.h"
#include "num/special.h"
#include "oracle.h"

static struct arena *arena;
static struct op op;
static const struct json *oracle;

/* The script's covariate_arm: seed of x, seed of the noise, n, shift; for ratios 1 is added to x. */
static struct moments2 arm_of(const struct json *spec, double add_x)
{
    size_t n = (size_t)num_at(spec, 2);
    double *x = series_make((uint64_t)num_at(spec, 0), n, 997, 1.0 / 997, 0);
    double *noise = series_make((uint64_t)num_at(spec, 1), n, 1009, 0.3 / 1009, num_at(spec, 3));
    struct moments2 part[2] = {{0}, {0}};
    for (size_t i = 0; i < n; i++)
        moments2_add(&part[i > n / 3], x[i] / 2 + noise[i], x[i] + add_x);
    moments2_merge(&part[0], &part[1]);
    free(x);
    free(noise);
    return part[0];
}

static void adjusted_differences_agree(void **state)
{
    (void)state;
    const struct json *t = json_get(oracle, "cuped");
    for (size_t i = 0; i < t->len; i++) {
        const struct json *row = &t->items[i];
        struct moments2 a = arm_of(&row->items[0], 0), b = arm_of(&row->items[1], 0);
        double theta;
        struct two_sample w = experiment_cuped(&a, &b, 0.05, &theta);
        near_rel("theta", theta, num_at(row, 2), 1e-10, 0);
        near_rel("cuped diff", w.diff, num_at(row, 3), 1e-9, 0);
        near_rel("cuped lo", w.lo, num_at(row, 4), 1e-8, 0);
        near_rel("cuped hi", w.hi, num_at(row, 5), 1e-8, 0);
        near_rel("cuped p", w.p, num_at(row, 6), 1e-7, 0);
    }
    t = json_get(oracle, "ratio");
    for (size_t i = 0; i < t->len; i++) {
        const struct json *row = &t->items[i];
        struct moments2 a = arm_of(&row->items[0], 1), b = arm_of(&row->items[1], 1);
        struct two_sample w = experiment_ratio(&a, &b, 0.05);
        near_rel("ratio diff", w.diff, num_at(row, 2), 1e-9, 0);
        near_rel("ratio se", w.se, num_at(row, 3), 1e-9, 0);
        near_rel("ratio lo", w.lo, num_at(row, 4), 1e-8, 0);
        near_rel("ratio hi", w.hi, num_at(row, 5), 1e-8, 0);
        near_rel("ratio p", w.p, num_at(row, 6), 1e-8, 0);
    }
    struct moments2 flat = {0}, one = {0};
    for (int i = 0; i < 10; i++)
        moments2_add(&flat, i, 3);
    double theta = 9;
    assert_true(isfinite(experiment_cuped(&flat, &flat, 0.05, &theta).se) && theta == 0);
    moments2_add(&one, 1, 1);
    assert_true(isnan(experiment_ratio(&one, &flat, 0.05).diff));
}

static void confidence_sequences_agree(void **state)
{
    (void)state;
    const struct json *t = json_get(oracle, "sequence");
    for (size_t i = 0; i < t->len; i++) {
        const struct json *row = &t->items[i];
        size_t n[2] = {(size_t)num_at(row, 0), (size_t)num_at(row, 1)};
        struct moments m[2] = {{0}, {0}};
        for (int arm = 0; arm < 2; arm++) {
            double *x = series_make((uint64_t)arm + 1, n[arm], 1000, 0.001, arm ? 0.01 : 0);
            for (size_t k = 0; k < n[arm]; k++)
                moments_add(&m[arm], x[k]);
            free(x);
        }
        double na = (double)n[0], nb = (double)n[1], se = sqrt(moments_variance(&m[0]) / na + moments_variance(&m[1]) / nb);
        double half = sequential_half_width(na + nb, se, num_at(row, 3), num_at(row, 2)), d = m[1].mean - m[0].mean;
        near_rel("sequence lo", d - half, num_at(row, 4), 1e-9, 0);
        near_rel("sequence hi", d + half, num_at(row, 5), 1e-9, 0);
    }
}

static void plans_agree(void **state)
{
    (void)state;
    const struct json *t = json_get(oracle, "planning");
    for (size_t i = 0; i < t->len; i++) {
        const struct json *row = &t->items[i];
        struct experiment_design d = {.sd_a = num_at(row, 0), .sd_b = num_at(row, 1), .delta = num_at(row, 2), .alpha = num_at(row, 3),
                                      .power = num_at(row, 4), .ratio = num_at(row, 5), .one_sided = num_at(row, 6) > 0, .comparisons = 1};
        double n = experiment_size(&d);
        assert_true(fabs(n - ceil(num_at(row, 7))) <= 1);
        near_rel("power", experiment_power(&d, 500), num_at(row, 8), 1e-9, 0);
        assert_true(experiment_power(&d, n) >= d.power - 1e-12 && experiment_power(&d, n - 2) < d.power);
        near_rel("detectable", experiment_detectable(&d, n), d.delta, 2e-2, 0);
        double always = experiment_size_any_time(&d, 2 * n);
        assert_true(always > n && always < 6 * n);
        d.covariate_r = 0.6;
        near_rel("cuped size", experiment_size(&d), n * 0.64, 5e-2, 1);
        d.covariate_r = 0;
        d.comparisons = 3;
        assert_true(experiment_size(&d) > n);
    }
    struct experiment_design bad = {.sd_a = 1, .sd_b = 1, .delta = 0, .alpha = 0.05, .power = 0.8, .ratio = 1, .comparisons = 1};
    assert_true(isnan(experiment_size(&bad)) && isnan(experiment_size_any_time(&bad, 5000)));
}

static void corrections_agree(void **state)
{
    (void)state;
    const struct json *t = json_get(oracle, "adjust");
    for (size_t i = 0; i < t->len; i++) {
        const struct json *row = &t->items[i];
        double holm[8], bh[8];
        size_t n = row->items[0].len;
        for (size_t k = 0; k < n; k++)
            holm[k + 1] = bh[k + 1] = num_at(&row->items[0], k);
        holm[0] = bh[0] = NAN; /* a metric without data stays out of the family */
        experiment_holm(holm, n + 1);
        experiment_benjamini_hochberg(bh, n + 1);
        assert_true(isnan(holm[0]) && isnan(bh[0]));
        for (size_t k = 0; k < n; k++) {
            near_rel("holm", holm[k + 1], num_at(&row->items[1], k), 1e-12, 0);
            near_rel("benjamini-hochberg", bh[k + 1], num_at(&row->items[2], k), 1e-12, 0);
        }
    }
    t = json_get(oracle, "mcnemar");
    for (size_t i = 0; i < t->len; i++) {
        const struct json *row = &t->items[i];
        struct mcnemar m = experiment_mcnemar((uint64_t)num_at(row, 0), (uint64_t)num_at(row, 1));
        near_rel("mcnemar p", m.p, num_at(row, 2), 1e-10, 0);
        near_rel("mcnemar chi2", m.chi2, num_at(row, 3), 1e-12, 0);
        near_rel("mcnemar chi2 p", m.chi2_p, num_at(row, 4), 1e-10, 0);
    }
}

/* The values, then the promise: looking after every unit, a fair split is called unfair in at most alpha of the runs, a crooked one soon. */
static void sample_ratio_at_any_time(void **state)
{
    (void)state;
    const struct json *t = json_get(oracle, "srm");
    for (size_t i = 0; i < t->len; i++) {
        const struct json *row = &t->items[i];
        uint64_t counts[4];
        double shares[4];
        size_t arms = row->items[0].len;
        for (size_t k = 0; k < arms; k++) {
            counts[k] = (uint64_t)num_at(&row->items[0], k);
            shares[k] = num_at(&row->items[1], k);
        }
        near_rel("srm", experiment_srm_log_e(counts, shares, arms, num_at(row, 2)), num_at(row, 3), 1e-8, 1e-9);
    }
    struct rng rng;
    rng_seed(&rng, 7);
    int alarms[2] = {0, 0};
    double shares[2] = {0.5, 0.5}, units = 0;
    for (int run = 0; run < 400; run++) {
        bool crooked = run >= 200;
        uint64_t counts[2] = {0, 0};
        for (int i = 0; i < 20000; i++) {
            counts[rng_f64(&rng) < (crooked ? 0.53 : 0.5)]++;
            if (i % 20 == 0 && experiment_srm_log_e(counts, shares, 2, 10000) >= log(20)) {
                alarms[crooked]++;
                units += crooked ? i : 0;
                break;
            }
        }
    }
    printf("sample ratio mismatch, alpha 0.05, looks every 20 of 20000 units: 50:50 alarmed in %.1f %%, 53:47 in %.1f %% after %.0f units\n",
           alarms[0] / 2.0, alarms[1] / 2.0, units / alarms[1]);
    assert_true(alarms[0] <= 10 && alarms[1] >= 190);
}

static int setup(void **state)
{
    (void)state;
    arena = arena_create(LIMIT_MIB(64));
    op_init(&op, arena);
    oracle = oracle_load(&op, "experiment.json");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_destroy(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adjusted_differences_agree), cmocka_unit_test(confidence_sequences_agree), cmocka_unit_test(plans_agree),
        cmocka_unit_test(corrections_agree),          cmocka_unit_test(sample_ratio_at_any_time),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
