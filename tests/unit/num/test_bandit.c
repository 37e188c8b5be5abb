#include "num/bandit.h"

#include "num/special.h"
#include "oracle.h"

static void variates_have_their_moments(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 3);
    static const double shapes[][2] = {{0.5, 0.5}, {1, 1}, {2, 5}, {300, 700}};
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        double p = shapes[i][0], q = shapes[i][1], sum = 0, square = 0, below = 0;
        enum { N = 20000 };
        for (int k = 0; k < N; k++) {
            double v = bandit_draw_beta(&rng, p, q);
            assert_true(v >= 0 && v <= 1);
            sum += v;
            square += v * v;
            below += v <= p / (p + q);
        }
        double mean = sum / N, var = square / N - mean * mean, want = p * q / ((p + q) * (p + q) * (p + q + 1));
        near_rel("mean", mean, p / (p + q), 0, 4 * sqrt(want / N));
        near_rel("variance", var, want, 0.06, 0);
        near_rel("law", below / N, special_beta_i(p, q, p / (p + q)), 0, 0.015);
    }
}

static void shares_follow_the_rules(void **state)
{
    (void)state;
    struct bandit_config c;
    bandit_config_default(&c);
    struct bandit_sums s[3] = {{100, 50, 50}, {100, 60, 60}, {100, 40, 40}};
    double share[3], best[3], again[3];
    c.floor = 0;
    c.rule = BANDIT_EPSILON_GREEDY;
    bandit_shares(&c, s, NULL, 3, 1, share, best);
    near_rel("greedy", share[1], 0.9 + 0.1 / 3, 1e-12, 0);
    assert_true(isnan(best[0]));
    c.rule = BANDIT_UCB1;
    bandit_shares(&c, s, NULL, 3, 1, share, NULL);
    assert_true(share[1] == 1);
    s[2] = (struct bandit_sums){0}; /* untried goes first */
    bandit_shares(&c, s, NULL, 3, 1, share, NULL);
    assert_true(share[2] == 1);
    s[2] = (struct bandit_sums){100, 40, 40};
    c.rule = BANDIT_THOMPSON_BETA;
    c.draws = 20000;
    bandit_shares(&c, s, NULL, 3, 1, share, best);
    /* P(B > A) of Beta(61,41) and Beta(51,51) is 0.9244; the third hardly matters. */
    assert_true(share[1] > 0.90 && share[1] < 0.94 && share[0] > 0.05 && share[2] < 0.02);
    bandit_shares(&c, s, NULL, 3, 1, again, NULL);
    assert_memory_equal(share, again, sizeof share); /* the seed decides */
    c.rule = BANDIT_THOMPSON_NORMAL;
    bandit_shares(&c, s, NULL, 3, 1, again, NULL);
    assert_true(fabs(again[1] - share[1]) < 0.03);
    c.rule = BANDIT_TOP_TWO_BETA;
    bandit_shares(&c, s, NULL, 3, 1, again, best);
    assert_true(again[1] > 0.4 && again[1] < 0.6 && again[0] > 0.3 && fabs(again[0] + again[1] + again[2] - 1) < 1e-12);
    c.floor = 0.05;
    bool barred[3] = {false, true, false};
    bandit_shares(&c, s, barred, 3, 1, again, best);
    assert_true(again[1] == 0 && again[2] >= 0.05 && fabs(again[0] + again[2] - 1) < 1e-12);
    bool all[3] = {true, true, true};
    bandit_shares(&c, s, all, 3, 1, again, NULL);
    assert_true(again[0] == 1 && again[1] == 0);
    for (int rule = BANDIT_EPSILON_GREEDY; rule <= BANDIT_TOP_TWO_NORMAL; rule++) {
        const char *name = bandit_rule_name((enum bandit_rule)rule);
        assert_int_equal(bandit_rule_find(name, strlen(name)), rule);
    }
    assert_int_equal(bandit_rule_find("ucb", 3), -1);
}

static void windows_forget(void **state)
{
    (void)state;
    struct bandit_window w = {0};
    for (int64_t slice = 1; slice <= 40; slice++)
        bandit_window_add(&w, slice, (double)slice);
    struct bandit_sums s = bandit_window_sums(&w, 40);
    assert_true(s.n == 16 && s.sum == (25 + 40) * 8);
    bandit_window_add(&w, 20, 1000); /* too late */
    bandit_window_add(&w, 30, 5);    /* late, but within */
    s = bandit_window_sums(&w, 40);
    assert_true(s.n == 17 && s.sum == (25 + 40) * 8 + 5);
    assert_true(bandit_window_sums(&w, 45).n == 11 + 0 + (30 > 45 - 16)); /* 30..40 and the late one */
    bandit_window_add(&w, 100000, 1);
    assert_true(bandit_window_sums(&w, 100000).n == 1);
    struct bandit_sums d = {10, 5, 5};
    bandit_discount(&d, 0.5);
    assert_true(d.n == 5 && bandit_mean(&d) == 0.5 && isnan(bandit_mean(&(struct bandit_sums){0})));
}

/* Regret over a horizon, rewards in batches of 100 that come before the next update. */
static double regret_of(struct bandit_config c, bool uniform, int runs, double *ret_best_share)
{
    static const double p[4] = {0.30, 0.36, 0.33, 0.28};
    double regret = 0, best = 0;
    for (int run = 0; run < runs; run++) {
        struct rng rng;
        rng_seed(&rng, 900 + (uint64_t)run);
        struct bandit_sums s[4] = {{0}};
        for (int batch = 0; batch < 200; batch++) {
            double share[4] = {0.25, 0.25, 0.25, 0.25};
            if (!uniform)
                bandit_shares(&c, s, NULL, 4, (uint64_t)(run * 1000 + batch), share, NULL);
            for (int i = 0; i < 100; i++) {
                double u = rng_f64(&rng);
                int arm = 0;
                while (arm < 3 && u >= share[arm])
                    u -= share[arm++];
                bandit_add(&s[arm], rng_f64(&rng) < p[arm]);
                regret += p[1] - p[arm];
                best += arm == 1;
            }
        }
    }
    *ret_best_share = best / (runs * 20000.0);
    return regret / runs;
}

static void learning_beats_not_learning(void **state)
{
    (void)state;
    struct bandit_config c;
    double best, uniform = regret_of((struct bandit_config){0}, true, 10, &best);
    printf("bandits, rewards 0.30 0.36 0.33 0.28, 200 batches of 100, 10 runs: uniform loses %.0f\n", uniform);
    for (int rule = BANDIT_EPSILON_GREEDY; rule <= BANDIT_TOP_TWO_NORMAL; rule++) {
        bandit_config_default(&c);
        c.rule = (enum bandit_rule)rule;
        c.draws = 256;
        double regret = regret_of(c, false, 10, &best);
        printf("  %-16s loses %4.0f, %2.0f %% of uniform; %2.0f %% of the traffic to the best arm\n", bandit_rule_name(c.rule), regret,
               100 * regret / uniform, 100 * best);
        assert_true(regret < (rule >= BANDIT_TOP_TWO_BETA ? 0.8 : 0.75) * uniform && best > 0.25);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variates_have_their_moments), cmocka_unit_test(shares_follow_the_rules),
        cmocka_unit_test(windows_forget),              cmocka_unit_test(learning_beats_not_learning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
