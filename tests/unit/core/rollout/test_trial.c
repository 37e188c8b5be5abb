#include "core/rollout/trial.h"

#include "rollout_fixture.h"

static struct rollout_plan plan_of(struct fixture *f, const char *text)
{
    struct rollout_plan p;
    struct json *j = NULL;
    assert_ok(f, json_parse(&f->op, str_from(text), JSON_STRICT, &j));
    assert_ok(f, rollout_plan_parse(&f->op, j, &p));
    return p;
}

/* One labelled request of arm `i`, a version whose log-odds are moved by `bias`. */
static void serve_one(struct fixture *f, struct rollout_trial *t, const struct rollout_plan *p, int i, double bias)
{
    float score;
    bool label;
    draw_request(&f->rng, bias, &score, &label);
    t->arm[i].requests++;
    t->arm[i].units++;
    rollout_trial_label(&t->arm[i], p, (double)score, label);
}

static struct rollout_decision decide(const struct rollout_plan *p, const struct rollout_trial *t, int64_t lasted_us, int *permille)
{
    struct rollout_position pos = {0, T0};
    struct rollout_decision d = {0};
    rollout_trial_decide(p, &pos, t, 5, T0 + lasted_us, &d, permille);
    return d;
}

static void expect(struct rollout_decision d, enum rollout_verdict v, const char *reason)
{
    if (d.verdict != v || strcmp(d.reason, reason))
        fail_msg("%s: %s, wanted %s: %s", rollout_verdict_name(d.verdict), d.reason, rollout_verdict_name(v), reason);
}

static void tests_decide(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct rollout_trial *t = op_new(&f.op, struct rollout_trial), *back = op_new(&f.op, struct rollout_trial);
    struct rollout_plan p = plan_of(&f, "{\"kind\":\"ab\",\"versions\":[9],\"min_step_us\":1,\"on_win\":\"promote\",\"metrics\":[\"brier\",\"accuracy\"]}");
    rollout_trial_init(t, &p, 1, 2, T0);
    assert_true(t->arms == 3 && t->arm[2].version == 9 && t->permille[0] == 334);
    expect(decide(&p, t, 5, NULL), ROLLOUT_HOLD, "samples");
    for (int i = 0; i < 9000; i++)
        serve_one(&f, t, &p, i % 3, i % 3 == 2 ? 0 : 1.2); /* the third arm is better than the other two */
    struct rollout_decision d = decide(&p, t, 5, NULL);
    expect(d, ROLLOUT_PROMOTE, "won");
    assert_true(d.candidate == 9 && d.hi < 0);
    expect(decide(&p, t, 0, NULL), ROLLOUT_HOLD, "min_time");
    p.on_win = ROLLOUT_ON_WIN_PAUSE;
    expect(decide(&p, t, 5, NULL), ROLLOUT_PAUSE, "won");
    p.test = ROLLOUT_TEST_FIXED; /* one look at the horizon */
    p.samples_per_arm = 3001;
    expect(decide(&p, t, 5, NULL), ROLLOUT_HOLD, "samples");
    p.samples_per_arm = 3000;
    expect(decide(&p, t, 5, NULL), ROLLOUT_PAUSE, "won");
    t->arm[1].requests = 40000; /* few units ask much: that is no wrong split */
    expect(decide(&p, t, 5, NULL), ROLLOUT_PAUSE, "won");
    t->arm[1].unnamed = 1000; /* the split is not the planned one */
    expect(decide(&p, t, 5, NULL), ROLLOUT_PAUSE, "srm");
    t->arm[1].unnamed = 0;
    t->arm[1].requests = 3000;
    t->arm[1].errors = 300;
    expect(decide(&p, t, 5, NULL), ROLLOUT_ROLLBACK, "errors");
    /* And back from JSON, bit for bit. */
    AUTO(buf) struct buf b;
    struct json_out w;
    struct json *j = NULL;
    buf_init(&b, LIMIT_ROLLOUT_EVIDENCE);
    json_out_init(&w, &b, 0);
    rollout_trial_json(&w, t);
    assert_ok(&f, json_parse(&f.op, buf_str(&b), JSON_STRICT, &j));
    assert_ok(&f, rollout_trial_parse(&f.op, j, back));
    assert_memory_equal(t, back, sizeof *t);
    buf_reset(&b);
    json_out_init(&w, &b, 0);
    rollout_trial_report_json(&w, &p, t, 5);
    assert_ok(&f, json_parse(&f.op, buf_str(&b), JSON_STRICT, &j));
    assert_int_equal(json_get(j, "comparisons")->len, 4);
    assert_ok(&f, json_parse(&f.op, STR("{\"arms\":[]}"), JSON_STRICT, &j));
    assert_err(&f, rollout_trial_parse(&f.op, j, back), E_CORRUPT);
    fixture_close(&f);
}

/* A look after every 50 labels of an arm. Equal arms: wins and losses together at most alpha; a better one wins, and when. */
static void simulated_error_rates(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    static const struct {
        double control, candidate;
        int runs, least_won, most_won, most_lost;
    } cases[] = {{0, 0, 150, 0, 4, 4}, {0.8, 0, 40, 36, 40, 0}, {0, 0.8, 40, 0, 0, 40}};
    struct rollout_plan p = plan_of(&f, "{\"kind\":\"ab\",\"min_step_us\":0,\"on_win\":\"promote\"}");
    struct rollout_trial *t = op_new(&f.op, struct rollout_trial);
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        int won = 0, lost = 0;
        double labels = 0;
        for (int run = 0; run < cases[c].runs; run++) {
            rollout_trial_init(t, &p, 1, 2, T0);
            enum rollout_verdict v = ROLLOUT_HOLD;
            for (int i = 1; i <= 12000 && v == ROLLOUT_HOLD; i++) {
                serve_one(&f, t, &p, 0, cases[c].control);
                serve_one(&f, t, &p, 1, cases[c].candidate);
                if (i % 50 == 0)
                    v = decide(&p, t, 1, NULL).verdict;
                labels += v != ROLLOUT_HOLD ? i : 0;
            }
            won += v == ROLLOUT_PROMOTE;
            lost += v == ROLLOUT_ROLLBACK;
        }
        printf("A/B simulation: log-odds control %+.1f, candidate %+.1f, 240 looks, %d runs: won %.1f %%, lost %.1f %%, after %.0f labels per arm\n",
               cases[c].control, cases[c].candidate, cases[c].runs, 100.0 * won / cases[c].runs, 100.0 * lost / cases[c].runs,
               won + lost ? labels / (won + lost) : 0);
        assert_in_range(won, cases[c].least_won, cases[c].most_won);
        assert_in_range(lost, 0, cases[c].most_lost);
    }
    fixture_close(&f);
}

static void bandits_learn(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct rollout_plan p = plan_of(&f, "{\"kind\":\"bandit\",\"versions\":[3],\"reward\":\"reward\",\"min_step_us\":10,\"floor\":0.02,\"stop_at\":0.99}");
    struct rollout_trial *t = op_new(&f.op, struct rollout_trial);
    rollout_trial_init(t, &p, 1, 2, T0);
    int permille[LIMIT_ROLLOUT_ARMS], again[LIMIT_ROLLOUT_ARMS];
    static const int hits[3] = {50, 56, 40};
    for (int arm = 0; arm < 3; arm++)
        for (int i = 0; i < 100; i++)
            assert_true(rollout_trial_reward(&t->arm[arm], &p, i < hits[arm], 0, 1.0 / 3));
    assert_false(rollout_trial_reward(&t->arm[0], &p, NAN, 0, 1));
    assert_false(rollout_trial_reward(&t->arm[0], &p, 1, 0, 0));
    expect(decide(&p, t, 5, permille), ROLLOUT_HOLD, "min_time");
    struct rollout_decision d = decide(&p, t, 10, permille);
    expect(d, ROLLOUT_SHIFT, "learned");
    assert_true(permille[0] + permille[1] + permille[2] == 1000 && permille[1] > 600 && permille[2] >= 20 && d.to_permille == 1000 - permille[0]);
    decide(&p, t, 10, again);
    assert_memory_equal(permille, again, 3 * sizeof *again);
    t->arm[1].requests = 100; /* the leader breaks: barred at once, whatever the time */
    t->arm[1].errors = 40;
    d = decide(&p, t, 1, permille);
    expect(d, ROLLOUT_SHIFT, "barred");
    assert_true(permille[1] == 0 && permille[0] + permille[2] == 1000);
    t->arm[2] = (struct rollout_trial_arm){.version = 3, .requests = 100, .errors = 40};
    expect(decide(&p, t, 1, permille), ROLLOUT_ROLLBACK, "errors");
    t->arm[1].errors = t->arm[2].errors = 0;
    for (int i = 0; i < 2000; i++) {
        rollout_trial_reward(&t->arm[1], &p, i % 10 < 6, 0, 0.5);
        rollout_trial_reward(&t->arm[0], &p, i % 10 < 5, 0, 0.5);
        rollout_trial_reward(&t->arm[2], &p, i % 10 < 4, 0, 0.5);
    }
    d = decide(&p, t, 10, permille);
    expect(d, ROLLOUT_PAUSE, "won");
    assert_int_equal(d.candidate, 2);
    p.half_life_us = 100;
    double n = t->arm[1].learned.n;
    rollout_trial_age(t, &p, T0 + 200);
    assert_true(fabs(t->arm[1].learned.n - n / 4) < 1e-6);
    fixture_close(&f);
}

/* Picks, notes, late rewards, shares in the database, and the whole again from the log. */
static void a_bandit_in_the_database(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct rollout_plan p = plan_of(&f, "{\"kind\":\"bandit\",\"reward\":\"reward\",\"versions\":[3],\"min_step_us\":1,\"stop_at\":0.995,\"on_win\":\"promote\"}");
    struct rollout_live *live = rollout_live_create();
    struct rollout_weights w;
    struct rollout_decision d = {0};
    int64_t id;
    uint64_t counted = 0;
    assert_ok(&f, rollout_start(&f.op, f.db, STR("shop"), 1, 2, &p, T0, 7, &id));
    static const double rate[] = {0, 0.30, 0.32, 0.42};
    struct rollout_given *given = calloc(500, sizeof *given);
    int batch = 0, shifts = 0;
    for (; batch < 60 && d.verdict != ROLLOUT_PROMOTE; batch++) {
        assert_ok(&f, rollout_weights_load(&f.op, f.db, STR("shop"), &w));
        assert_true(w.active && w.arm_count == 3);
        for (int i = 0; i < 500; i++) {
            struct rollout_pick pick;
            char text[32];
            struct str unit = {text, (size_t)snprintf(text, sizeof text, "u%d", (int)rng_below(&f.rng, 100000))};
            rollout_choose(&w, unit, &pick);
            given[i] = (struct rollout_given){.id = batch * 1000 + i, .reward = rng_f64(&f.rng) < rate[pick.version]};
            rollout_note(live, STR("shop"), &w, given[i].id, T0 + batch, &pick);
        }
        assert_ok(&f, rollout_reward(&f.op, f.db, live, STR("shop"), given, 500, T0 + batch * 10, &counted, &d));
        assert_int_equal(counted, 500);
        shifts += d.verdict == ROLLOUT_SHIFT;
    }
    assert_true(d.verdict == ROLLOUT_PROMOTE && d.candidate == 3 && shifts > 0);
    assert_ok(&f, rollout_weights_load(&f.op, f.db, STR("shop"), &w));
    assert_false(w.active);
    assert_ok(&f, rollout_reward(&f.op, f.db, live, STR("shop"), given, 500, T0 + 999, &counted, &d));
    assert_true(counted == 0 && d.verdict == ROLLOUT_NO_ROLLOUT);
    size_t n = 0;
    assert_ok(&f, rollout_replay(&f.op, f.db, id, &n));
    assert_int_equal(n, batch);
    free(given);
    rollout_live_destroy(live);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tests_decide), cmocka_unit_test(simulated_error_rates), cmocka_unit_test(bandits_learn),
                                       cmocka_unit_test(a_bandit_in_the_database)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
