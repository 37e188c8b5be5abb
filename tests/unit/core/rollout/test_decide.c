#include "core/rollout/decide.h"

#include "rollout_fixture.h"

/* Both arms with n labels of the given mean losses and deviation 0.55, as flights have. */
static struct rollout_evidence evidence(uint64_t n, double control, double candidate)
{
    struct rollout_evidence ev = {0};
    for (int arm = 0; arm < 2; arm++) {
        double var = 0.55 * 0.55;
        ev.arm[arm] = (struct rollout_arm_sums){.requests = n, .step_labels = n,
                                                .loss = {.n = n, .mean = arm ? candidate : control, .m2 = n ? var * (double)(n - 1) : 0}};
    }
    return ev;
}

static struct rollout_decision decide(const struct rollout_plan *plan, int step, int64_t lasted_us, struct rollout_evidence ev)
{
    struct rollout_position pos = {step, T0};
    struct rollout_decision d = {0};
    rollout_decide(plan, &pos, &ev, T0 + lasted_us, &d);
    return d;
}

static void expect(struct rollout_decision d, enum rollout_verdict v, const char *reason, int to)
{
    if (d.verdict != v || strcmp(d.reason, reason) || d.to_permille != to)
        fail_msg("%s: %s -> %d, wanted %s: %s -> %d", rollout_verdict_name(d.verdict), d.reason, d.to_permille, rollout_verdict_name(v), reason, to);
}

static void loss_decides(void **state)
{
    (void)state;
    struct rollout_plan p;
    rollout_plan_default(&p);
    expect(decide(&p, 0, 2 * DAY, evidence(5000, 0.45, 0.44)), ROLLOUT_ADVANCE, "not_worse", 100);
    expect(decide(&p, 3, 2 * DAY, evidence(5000, 0.45, 0.44)), ROLLOUT_ADVANCE, "not_worse", 1000);
    expect(decide(&p, 4, 2 * DAY, evidence(5000, 0.45, 0.44)), ROLLOUT_PROMOTE, "held", 1000);
    expect(decide(&p, 0, 2 * DAY, evidence(5000, 0.45, 0.60)), ROLLOUT_ROLLBACK, "worse", 0);
    /* Worse is worse at once, before the step's time is over; good has to wait for it. */
    expect(decide(&p, 0, DAY / 2, evidence(5000, 0.45, 0.60)), ROLLOUT_ROLLBACK, "worse", 0);
    expect(decide(&p, 0, DAY / 2, evidence(5000, 0.45, 0.44)), ROLLOUT_HOLD, "min_time", 50);
    /* Too few: neither. */
    struct rollout_decision d = decide(&p, 0, 2 * DAY, evidence(299, 0.45, 2.0));
    expect(d, ROLLOUT_HOLD, "samples", 50);
    assert_true(isnan(d.lo) && isnan(d.hi) && fabs(d.diff - 1.55) < 1e-12);
    expect(decide(&p, 0, 2 * DAY, evidence(0, 0, 0)), ROLLOUT_HOLD, "samples", 50);
    expect(decide(&p, 0, 2 * DAY, evidence(300, 0.45, 2.0)), ROLLOUT_ROLLBACK, "worse", 0);
    /* The cumulative evidence may be there while this step's labels are not. */
    struct rollout_evidence ev = evidence(5000, 0.45, 0.44);
    ev.arm[ROLLOUT_ARM_CONTROL].step_labels = 10;
    expect(decide(&p, 1, 2 * DAY, ev), ROLLOUT_HOLD, "samples", 100);
    expect(decide(&p, 4, 2 * DAY, ev), ROLLOUT_PROMOTE, "held", 1000); /* no control group at 1000 */
    ev.arm[ROLLOUT_ARM_CANDIDATE].step_labels = 10;
    expect(decide(&p, 4, 2 * DAY, ev), ROLLOUT_HOLD, "samples", 1000);
}

static void undecided_follows_the_plan(void **state)
{
    (void)state;
    struct rollout_plan p;
    rollout_plan_default(&p);
    struct rollout_evidence near_margin = evidence(1000, 0.45, 0.49), above = evidence(1000, 0.45, 0.52);
    expect(decide(&p, 0, 2 * DAY, near_margin), ROLLOUT_HOLD, "inconclusive", 50);
    expect(decide(&p, 0, 8 * DAY, near_margin), ROLLOUT_HOLD, "inconclusive", 50);
    p.on_inconclusive = ROLLOUT_ON_INCONCLUSIVE_ROLLBACK;
    expect(decide(&p, 0, 2 * DAY, near_margin), ROLLOUT_HOLD, "inconclusive", 50);
    expect(decide(&p, 0, 8 * DAY, near_margin), ROLLOUT_ROLLBACK, "inconclusive", 0);
    p.on_inconclusive = ROLLOUT_ON_INCONCLUSIVE_ADVANCE;
    expect(decide(&p, 0, 8 * DAY, near_margin), ROLLOUT_ADVANCE, "inconclusive", 100);
    expect(decide(&p, 0, 8 * DAY, above), ROLLOUT_HOLD, "inconclusive", 50);
    expect(decide(&p, 0, 8 * DAY, evidence(10, 0.4, 0.4)), ROLLOUT_HOLD, "samples", 50);
}

static void guardrails_decide(void **state)
{
    (void)state;
    struct rollout_plan p;
    rollout_plan_default(&p);
    struct rollout_evidence ev = evidence(0, 0, 0);
    ev.arm[0].requests = ev.arm[1].requests = 40;
    ev.arm[1].errors = 1;
    expect(decide(&p, 0, 0, ev), ROLLOUT_HOLD, "min_time", 50);
    ev.arm[1].errors = 5;
    expect(decide(&p, 0, 0, ev), ROLLOUT_ROLLBACK, "errors", 0);
    ev.arm[0].errors = 5; /* the control fails just as often */
    expect(decide(&p, 0, 0, ev), ROLLOUT_HOLD, "min_time", 50);
    ev = evidence(1000, 0.45, 0.45);
    ev.arm[1].slow = 50; /* p95 exactly at the limit */
    expect(decide(&p, 0, 0, ev), ROLLOUT_HOLD, "min_time", 50);
    ev.arm[1].slow = 100;
    expect(decide(&p, 0, 0, ev), ROLLOUT_ROLLBACK, "latency", 0);
    ev.arm[0].slow = 100;
    expect(decide(&p, 0, 0, ev), ROLLOUT_HOLD, "min_time", 50);
    /* At 1000 there is no control: the limit stands alone. */
    ev.arm[0].requests = ev.arm[0].slow = 0;
    expect(decide(&p, 4, 0, ev), ROLLOUT_ROLLBACK, "latency", 0);
}

/* Latencies of a service: log-normal with the given spread around `middle` us. */
static void draw_latencies(struct rng *rng, struct latency_hist *h, int n, double middle, double spread)
{
    for (int i = 0; i < n; i++)
        latency_hist_add(h, (uint32_t)(middle * exp(spread * rng_normal(rng))));
}

static void a_quantile_decides(void **state)
{
    (void)state;
    struct rollout_plan p;
    struct rng rng;
    rng_seed(&rng, 5);
    rollout_plan_default(&p);
    p.latency_quantile = 0.95;
    struct rollout_evidence ev = evidence(0, 0, 0);
    ev.arm[0].requests = ev.arm[1].requests = 20000;
    draw_latencies(&rng, &ev.arm[0].latency, 20000, 1000, 0.5);
    draw_latencies(&rng, &ev.arm[1].latency, 20000, 1000, 0.5);
    expect(decide(&p, 0, 0, ev), ROLLOUT_HOLD, "min_time", 50);
    ev.arm[1].latency = (struct latency_hist){0};
    draw_latencies(&rng, &ev.arm[1].latency, 20000, 1000, 1.0); /* the median is the same, the tail is 2.3 times as long */
    expect(decide(&p, 0, 0, ev), ROLLOUT_ROLLBACK, "latency_quantile", 0);
    p.latency_max_ratio = 3;
    expect(decide(&p, 0, 0, ev), ROLLOUT_HOLD, "min_time", 50);
    p.latency_max_ratio = 1.25;
    p.latency_quantile = 0.99; /* too few to say it of the 99th percentile */
    expect(decide(&p, 0, 0, ev), ROLLOUT_HOLD, "min_time", 50);
    p.latency_quantile = 0;
    expect(decide(&p, 0, 0, ev), ROLLOUT_HOLD, "min_time", 50);
    p.latency_quantile = 0.95;
    ev.arm[0].latency = (struct latency_hist){0}; /* nobody to compare with */
    expect(decide(&p, 0, 0, ev), ROLLOUT_HOLD, "min_time", 50);
}

/* A look after every 500 requests of each arm. */
static void simulated_quantiles(void **state)
{
    (void)state;
    static const struct {
        double quantile, ratio, candidate_middle;
        int runs, looks, least, most;
    } cases[] = {{0.95, 1.0, 1000, 200, 60, 0, 3}, {0.99, 1.0, 1000, 12, 300, 0, 1}, {0.95, 1.25, 1200, 60, 60, 0, 1},
                 {0.95, 1.25, 2000, 40, 60, 40, 40}, {0.99, 1.25, 3000, 6, 300, 6, 6}};
    struct rng rng;
    rng_seed(&rng, 77);
    struct rollout_plan p;
    rollout_plan_default(&p);
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        int broken = 0;
        double requests = 0;
        p.latency_quantile = cases[c].quantile;
        p.latency_max_ratio = cases[c].ratio;
        for (int run = 0; run < cases[c].runs; run++) {
            static struct latency_hist arm[2];
            bool shown = false;
            memset(arm, 0, sizeof arm);
            for (int look = 0; look < cases[c].looks && !shown; look++) {
                draw_latencies(&rng, &arm[0], 500, 1000, 0.6);
                draw_latencies(&rng, &arm[1], 500, cases[c].candidate_middle, 0.6);
                shown = rollout_quantile_broken(&p, &arm[1], &arm[0], rollout_latency_alpha(&p));
            }
            broken += shown;
            requests += shown ? (double)arm[0].n : 0;
        }
        printf("latency simulation: p%.0f, ratio allowed %.2f, true %.2f, %d looks at 500 requests, %d runs: rolled back %.1f %%, after %.0f requests per arm\n",
               100 * cases[c].quantile, cases[c].ratio, cases[c].candidate_middle / 1000, cases[c].looks, cases[c].runs,
               100.0 * broken / cases[c].runs, broken ? requests / broken : 0);
        assert_in_range(broken, cases[c].least, cases[c].most);
    }
}

/* Blue-green watches a day, hour by hour, with a tenth of the units held back; 700 requests an hour. Which errors and which losses end it. */
static void simulated_blue_green(void **state)
{
    (void)state;
    static const struct {
        double errors, control_errors, bias;
        int runs, least, most;
    } cases[] = {{0.01, 0.01, 0, 200, 0, 6}, {0.03, 0.03, 0, 60, 0, 60}, {0.03, 0.002, 0, 60, 57, 60}, {0.002, 0.002, 2.5, 40, 36, 40}};
    struct rng rng;
    rng_seed(&rng, 31);
    struct rollout_plan p;
    rollout_plan_default_of(ROLLOUT_BLUE_GREEN, &p);
    p.hold_back_permille = 100;
    p.steps_permille[0] = 900;
    p.min_step_us = DAY;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        int back = 0, kept = 0;
        double hours = 0;
        for (int run = 0; run < cases[c].runs; run++) {
            struct rollout_evidence ev = {0};
            struct rollout_position pos = {0, T0};
            struct rollout_decision d = {0};
            int hour = 1;
            for (; hour <= 24; hour++) {
                for (int i = 0; i < 140; i++) { /* two slices of a tenth */
                    int arm = i & 1;
                    float score;
                    bool label;
                    draw_request(&rng, arm ? cases[c].bias : 0, &score, &label);
                    ev.arm[arm].requests++;
                    ev.arm[arm].errors += rng_f64(&rng) < (arm ? cases[c].errors : cases[c].control_errors);
                    moments_add(&ev.arm[arm].loss, metrics_logloss_one((double)score, label));
                }
                rollout_decide(&p, &pos, &ev, T0 + hour * (DAY / 24), &d);
                if (d.verdict != ROLLOUT_HOLD)
                    break;
            }
            back += d.verdict == ROLLOUT_ROLLBACK;
            kept += d.verdict == ROLLOUT_PROMOTE;
            hours += d.verdict == ROLLOUT_ROLLBACK ? hour : 0;
        }
        printf("blue-green simulation: errors %.1f %% against %.1f %%, log-odds moved by %.1f, a look an hour, %d runs: back %.1f %%, after %.1f hours; kept %.1f %%\n",
               100 * cases[c].errors, 100 * cases[c].control_errors, cases[c].bias, cases[c].runs, 100.0 * back / cases[c].runs,
               back ? hours / back : 0, 100.0 * kept / cases[c].runs);
        assert_in_range(back, cases[c].least, cases[c].most);
        assert_int_equal(back + kept, cases[c].runs);
    }
}

static void evidence_round_trips(void **state)
{
    (void)state;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(4));
    struct op op;
    op_init(&op, arena);
    struct rollout_evidence ev = evidence(12345, 1.0 / 3, 0.1 + 0.2), back;
    ev.arm[1].brier_sum = 0.1;
    ev.arm[0].positives = 7;
    for (uint32_t v = 1; v < UINT32_MAX / 3; v *= 3)
        latency_hist_add(&ev.arm[1].latency, v);
    latency_hist_add(&ev.arm[1].latency, UINT32_MAX);
    AUTO(buf) struct buf b;
    buf_init(&b, LIMIT_KIB(16));
    struct json_out w;
    json_out_init(&w, &b, 0);
    rollout_evidence_json(&w, &ev);
    struct json *j = NULL;
    assert_int_equal(json_parse(&op, buf_str(&b), JSON_STRICT, &j), OK);
    assert_int_equal(rollout_evidence_parse(&op, j, &back), OK);
    assert_memory_equal(&ev, &back, sizeof ev);
    assert_int_equal(json_parse(&op, STR("{\"control\":{},\"candidate\":{}}"), JSON_STRICT, &j), OK);
    assert_int_equal(rollout_evidence_parse(&op, j, &back), E_CORRUPT);
    op_clear(&op);
    assert_int_equal(json_parse(&op, STR("[]"), JSON_STRICT, &j), OK);
    assert_int_equal(rollout_evidence_parse(&op, j, &back), E_CORRUPT);
}

/* ---- what the judge does over many rollouts ----
 * Every day `rate` labels per arm come in, cut into `looks` looks. Each run draws its own traffic. */
struct outcome {
    int rollbacks, promotions;
    double days, labels; /* sums over the runs that ended */
};

static struct outcome simulate(struct rng *rng, double bias, int runs, double margin, int looks)
{
    struct outcome out = {0};
    struct rollout_plan p;
    rollout_plan_default(&p);
    p.margin = margin;
    for (int run = 0; run < runs; run++) {
        struct rollout_evidence ev = {0};
        struct rollout_position pos = {0, T0};
        enum rollout_verdict end = ROLLOUT_HOLD;
        uint64_t labels = 0;
        int look = 1;
        for (; look <= 30 * looks && (end == ROLLOUT_HOLD || end == ROLLOUT_ADVANCE); look++) {
            int permille = p.steps_permille[pos.step];
            int rate = 16 * permille / looks; /* 16,000 a day in all */
            for (int i = 0; i < rate; i++) {
                for (int arm = permille == 1000; arm < 2; arm++) {
                    float score;
                    bool label;
                    draw_request(rng, arm ? bias : 0, &score, &label);
                    ev.arm[arm].requests++;
                    ev.arm[arm].step_labels++;
                    if (permille < 1000)
                        moments_add(&ev.arm[arm].loss, metrics_logloss_one((double)score, label));
                }
            }
            labels += (uint64_t)rate;
            struct rollout_decision d = {0};
            rollout_decide(&p, &pos, &ev, T0 + look * (DAY / looks), &d);
            end = d.verdict;
            if (end == ROLLOUT_ADVANCE) {
                pos = (struct rollout_position){pos.step + 1, d.at_us};
                ev.arm[0].step_labels = ev.arm[1].step_labels = 0;
            }
        }
        out.rollbacks += end == ROLLOUT_ROLLBACK;
        out.promotions += end == ROLLOUT_PROMOTE;
        if (end == ROLLOUT_ROLLBACK || end == ROLLOUT_PROMOTE) {
            out.days += (double)(look - 1) / looks;
            out.labels += (double)labels;
        }
    }
    int ended = out.rollbacks + out.promotions;
    out.days /= ended ? ended : 1;
    out.labels /= ended ? ended : 1;
    return out;
}

/* The mean log-loss that a bias costs, by sampling. */
static double cost_of(struct rng *rng, double bias)
{
    struct moments m = {0};
    for (int i = 0; i < 200000; i++) {
        float score, moved;
        bool label;
        struct rng same = *rng;
        draw_request(rng, 0, &score, &label);
        draw_request(&same, bias, &moved, &label);
        moments_add(&m, metrics_logloss_one((double)moved, label) - metrics_logloss_one((double)score, label));
    }
    return m.mean;
}

static void simulated_error_rates(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 20010401);
    static const struct {
        double bias, margin;
        int looks, runs, max_rollbacks, min_rollbacks;
    } cases[] = {
        {0, 0.05, 1, 150, 2, 0},   /* equal models, a look a day */
        {0, 0.0, 8, 150, 7, 0},    /* no margin: the bare test on equal models, 8 looks a day */
        {0.9, 0.05, 1, 60, 60, 0}, /* a little over the margin */
        {1.5, 0.05, 1, 100, 100, 99},
        {2.5, 0.05, 1, 100, 100, 100},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct outcome o = simulate(&rng, cases[i].bias, cases[i].runs, cases[i].margin, cases[i].looks);
        printf("rollout simulation: loss +%.3f, margin %.2f, %d looks a day, %d runs: rolled back %.1f %%, promoted %.1f %%, "
               "ended after %.1f days and %.0f candidate labels on average\n",
               cases[i].bias != 0 ? cost_of(&rng, cases[i].bias) : 0.0, cases[i].margin, cases[i].looks, cases[i].runs,
               100.0 * o.rollbacks / cases[i].runs, 100.0 * o.promotions / cases[i].runs, o.days, o.labels);
        assert_in_range(o.rollbacks, cases[i].min_rollbacks, cases[i].max_rollbacks);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_decides),       cmocka_unit_test(undecided_follows_the_plan), cmocka_unit_test(guardrails_decide),
        cmocka_unit_test(evidence_round_trips), cmocka_unit_test(simulated_error_rates), cmocka_unit_test(a_quantile_decides), cmocka_unit_test(simulated_quantiles),
        cmocka_unit_test(simulated_blue_green),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
