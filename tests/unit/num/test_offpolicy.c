#include "num/offpolicy.h"

#include "num/rng.h"
#include "oracle.h"

static void formulae(void **state)
{
    (void)state;
    struct offpolicy s = {0};
    assert_true(isnan(offpolicy_ips(&s).value) && isnan(offpolicy_snips(&s).value) && isnan(offpolicy_dr(&s).value));
    offpolicy_add(&s, 1, 0.5, 1, 0, 0);   /* w 2, w r 2 */
    offpolicy_add(&s, 0, 0.5, 7, 0, 0);   /* 0 */
    offpolicy_add(&s, 1, 0.25, 0.5, 0, 0); /* w 4, w r 2 */
    near_rel("ips", offpolicy_ips(&s).value, 4.0 / 3, 1e-15, 0);
    near_rel("ips se", offpolicy_ips(&s).se, sqrt((2 * 4.0 / 9 + 16.0 / 9) / 2 / 3), 1e-14, 0);
    near_rel("snips", offpolicy_snips(&s).value, 4.0 / 6, 1e-15, 0);
    near_rel("dr without a model", offpolicy_dr(&s).value, 4.0 / 3, 1e-15, 0);
    near_rel("effective n", offpolicy_effective_n(&s), 36.0 / 20, 1e-15, 0);
}

/* Rewards depend on a context and the arm; the log prefers arm 0, the policy judged prefers arm 1. */
static void estimates_cover_the_truth(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 17);
    int covered[3] = {0}, runs = 300;
    double se[3] = {0}, bias[3] = {0}, truth = 0.2 * (0.3 + 0.2 * 0.5) + 0.8 * (0.3 + 0.4 * 0.5);
    for (int run = 0; run < runs; run++) {
        struct offpolicy half[2] = {{{0}, {0}, 0, 0, 0}, {{0}, {0}, 0, 0, 0}};
        for (int i = 0; i < 1000; i++) {
            double x = rng_f64(&rng), p1 = 0.1 + 0.2 * x;
            int arm = rng_f64(&rng) < p1;
            double mean[2] = {0.3 + 0.2 * x, 0.3 + 0.4 * x}, reward = rng_f64(&rng) < mean[arm];
            offpolicy_add(&half[i & 1], arm ? 0.8 : 0.2, arm ? p1 : 1 - p1, reward, mean[arm] + 0.02, 0.2 * mean[0] + 0.8 * mean[1] + 0.02);
        }
        offpolicy_merge(&half[0], &half[1]);
        struct offpolicy_value v[3] = {offpolicy_ips(&half[0]), offpolicy_snips(&half[0]), offpolicy_dr(&half[0])};
        for (int k = 0; k < 3; k++) {
            covered[k] += fabs(v[k].value - truth) <= 1.96 * v[k].se;
            se[k] += v[k].se / runs;
            bias[k] += (v[k].value - truth) / runs;
        }
    }
    printf("off-policy value %.2f: IPS se %.4f, SNIPS %.4f, DR %.4f; 95 %% intervals cover %.0f %%, %.0f %%, %.0f %%\n", truth, se[0], se[1], se[2],
           100.0 * covered[0] / runs, 100.0 * covered[1] / runs, 100.0 * covered[2] / runs);
    for (int k = 0; k < 3; k++)
        assert_true(covered[k] >= 0.9 * runs && fabs(bias[k]) < 4 * se[k] / sqrt(runs));
    assert_true(se[2] < se[1] && se[1] < se[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(formulae), cmocka_unit_test(estimates_cover_the_truth)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
