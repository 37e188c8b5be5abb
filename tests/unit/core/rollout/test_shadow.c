#include "core/rollout/shadow.h"

#include "rollout_fixture.h"

#define SHADOW STR("delay")

static struct rollout_plan shadow_plan(void)
{
    struct rollout_plan p;
    rollout_plan_default_of(ROLLOUT_SHADOW, &p);
    p.min_step_us = 1;
    p.min_labels = 300;
    p.min_agreement = 0.9;
    p.max_latency_ratio = 1.5;
    return p;
}

/* One request answered by both: the candidate's log-odds are moved by `bias`, its time is `slower` times the control's. */
static void pair_up(struct fixture *f, struct rollout_shadow *s, double bias, double slower, double fails)
{
    float a, b;
    bool label;
    struct rng same = f->rng;
    draw_request(&f->rng, 0, &a, &label);
    draw_request(&same, bias, &b, &label);
    double us = 200 * exp(0.3 * rng_normal(&f->rng));
    struct rollout_pair p = {.control_ok = true, .candidate_ok = rng_f64(&f->rng) >= fails, .control_us = (uint32_t)us,
                             .candidate_us = (uint32_t)(us * slower * exp(0.2 * rng_normal(&f->rng))), .control_out = &a, .candidate_out = &b, .outputs = 1};
    rollout_shadow_add(s, &p, 0.5, 0);
    if (p.candidate_ok)
        rollout_shadow_label(s, (double)a, (double)b, label, 0.5);
}

static struct rollout_decision decide(const struct rollout_plan *p, const struct rollout_shadow *s, int64_t lasted_us)
{
    struct rollout_position pos = {0, T0};
    struct rollout_decision d = {0};
    rollout_shadow_decide(p, &pos, s, T0 + lasted_us, &d);
    return d;
}

static void pairs_decide(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    static const struct {
        double bias, slower, fails;
        enum rollout_verdict verdict;
        const char *reason;
    } cases[] = {
        {0.05, 1, 0, ROLLOUT_PAUSE, "passed"},    {1.5, 1, 0, ROLLOUT_ROLLBACK, "worse"},
        {0.05, 2, 0, ROLLOUT_ROLLBACK, "latency"}, {0.05, 1, 0.02, ROLLOUT_ROLLBACK, "errors"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rollout_shadow *s = op_new(&f.op, struct rollout_shadow);
        struct rollout_plan p = shadow_plan();
        for (int k = 0; k < 3000; k++)
            pair_up(&f, s, cases[i].bias, cases[i].slower, cases[i].fails);
        struct rollout_decision d = decide(&p, s, 5);
        if (d.verdict != cases[i].verdict || strcmp(d.reason, cases[i].reason))
            fail_msg("case %zu: %s %s", i, rollout_verdict_name(d.verdict), d.reason);
        p.on_win = ROLLOUT_ON_WIN_PROMOTE;
        if (cases[i].verdict == ROLLOUT_PAUSE)
            assert_int_equal(decide(&p, s, 5).verdict, ROLLOUT_PROMOTE);
        p.min_agreement = 0.999999;
        p.on_inconclusive = ROLLOUT_ON_INCONCLUSIVE_ROLLBACK;
        if (cases[i].verdict == ROLLOUT_PAUSE) {
            assert_string_equal(decide(&p, s, 5).reason, "agreement");
            assert_int_equal(decide(&p, s, 8 * DAY).verdict, ROLLOUT_ROLLBACK);
            assert_int_equal(decide(&p, s, 0).verdict, ROLLOUT_HOLD);
        }
    }
    fixture_close(&f);
}

/* Looking after every 10 pairs: an equal candidate is rolled back in at most alpha of the runs; a worse one soon. */
static void simulated_error_rates(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    static const struct {
        double bias, slower, margin;
        int runs, least, most;
    } cases[] = {{0, 1, 0, 100, 0, 5}, {0.6, 1, 0, 40, 38, 40}, {0, 1.15, 0, 40, 38, 40}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int rolled_back = 0;
        double pairs = 0;
        struct rollout_shadow *s = op_new(&f.op, struct rollout_shadow);
        struct rollout_plan p = shadow_plan();
        p.margin = cases[i].margin;
        p.max_latency_ratio = 1;
        for (int run = 0; run < cases[i].runs; run++) {
            memset(s, 0, sizeof *s);
            for (int k = 1; k <= 6000; k++) {
                pair_up(&f, s, cases[i].bias, cases[i].slower, 0);
                /* The candidate's time has the mean logarithm 0 (the noise is symmetric) but for truncation to whole microseconds. */
                if (k % 10 == 0 && decide(&p, s, 0).verdict == ROLLOUT_ROLLBACK) {
                    rolled_back++;
                    pairs += k;
                    break;
                }
            }
        }
        printf("shadow simulation: log-odds +%.1f, time x%.2f, margin 0, 600 looks, %d runs: rolled back %.1f %%, after %.0f pairs\n", cases[i].bias,
               cases[i].slower, cases[i].runs, 100.0 * rolled_back / cases[i].runs, rolled_back ? pairs / rolled_back : 0);
        assert_in_range(rolled_back, cases[i].least, cases[i].most);
    }
    fixture_close(&f);
}

/* From the pick to the verdict, through memory and database, and again from the log. */
static void a_life_in_the_database(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct rollout_plan plan = shadow_plan();
    struct rollout_live *live = rollout_live_create();
    struct rollout_weights w;
    struct rollout_decision d;
    int64_t id;
    assert_ok(&f, rollout_live_flush(&f.op, f.db, live, SHADOW, T0, &d));
    assert_int_equal(d.verdict, ROLLOUT_NO_ROLLOUT);
    assert_ok(&f, rollout_start(&f.op, f.db, SHADOW, 1, 2, &plan, T0, 7, &id));
    assert_ok(&f, rollout_weights_load(&f.op, f.db, SHADOW, &w));
    assert_true(w.active && w.shadow == 2 && w.shadow_permille == 1000 && w.permille == 0 && w.id == id);
    uint8_t *labels = calloc(2000, 1);
    int64_t *ids = calloc(2000, sizeof *ids);
    for (int day = 0; day < 2; day++) {
        for (int i = 0; i < 2000; i++) {
            float a, b;
            bool label;
            struct rng same = f.rng;
            draw_request(&f.rng, 0, &a, &label);
            draw_request(&same, 0.02, &b, &label);
            labels[i] = label;
            ids[i] = day * 10000 + i;
            struct rollout_pair p = {.id = ids[i], .event_us = T0 + i, .control_ok = true, .candidate_ok = true, .control_us = 100, .candidate_us = 101,
                                     .control_out = &a, .candidate_out = &b, .outputs = 1};
            rollout_pair_record(live, SHADOW, &w, &p);
        }
        rollout_pair_dropped(live, SHADOW, &w, 3);
        assert_ok(&f, rollout_live_flush(&f.op, f.db, live, SHADOW, T0, &d)); /* pairs without labels: nothing to say yet */
        assert_int_equal(d.verdict, ROLLOUT_HOLD);
        assert_int_equal(rollout_live_labels(live, SHADOW, ids, labels, 2000), 2000);
        assert_int_equal(rollout_live_labels(live, SHADOW, ids, labels, 2000), 0); /* once */
        assert_ok(&f, rollout_live_flush(&f.op, f.db, live, SHADOW, T0 + (day + 1) * DAY, &d));
        assert_true(day ? d.verdict == ROLLOUT_HOLD && !strcmp(d.reason, "paused") : d.verdict == ROLLOUT_PAUSE && !strcmp(d.reason, "passed"));
    }
    assert_ok(&f, rollout_resume(&f.op, f.db, SHADOW, STR("look again"), T0 + 2 * DAY, &d));
    assert_err(&f, rollout_resume(&f.op, f.db, SHADOW, STR(""), T0 + 2 * DAY, &d), E_CONFLICT);
    assert_ok(&f, rollout_pause(&f.op, f.db, SHADOW, STR(""), T0 + 2 * DAY, &d));
    assert_ok(&f, rollout_finish(&f.op, f.db, SHADOW, true, STR("good"), T0 + 2 * DAY, &d));
    assert_int_equal(d.verdict, ROLLOUT_PROMOTE);
    size_t n = 0;
    assert_ok(&f, rollout_replay(&f.op, f.db, id, &n));
    assert_int_equal(n, 5);
    AUTO(buf) struct buf b;
    buf_init(&b, LIMIT_MIB(4));
    struct json_out out;
    json_out_init(&out, &b, 0);
    assert_ok(&f, rollout_list_json(&f.op, f.db, SHADOW, NULL, &out));
    struct json *j;
    assert_ok(&f, json_parse(&f.op, buf_str(&b), JSON_STRICT, &j));
    const struct json *ev = json_get(&j->items[0], "evidence");
    assert_true(json_get(ev, "pairs")->i == 4000 && json_get(ev, "dropped")->i == 6 && json_get(ev, "labels")->i == 4000);
    free(labels);
    free(ids);
    rollout_live_destroy(live);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pairs_decide), cmocka_unit_test(simulated_error_rates), cmocka_unit_test(a_life_in_the_database)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
