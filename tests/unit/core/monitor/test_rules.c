#include "core/monitor/rules.h"

#include "monitor_fixture.h"

static struct arena *arena;
static struct op op;
static struct monitor_config config;
static struct reference ref = {.features = 1, .auc = 0.72, .accuracy = 0.80, .logloss = 0.44};

/* A healthy window; tests change what they need. */
static struct monitor_window healthy(struct monitor_feature_figures *f)
{
    *f = (struct monitor_feature_figures){.name = STR("hour"), .ks_d = 0.02, .ks_p = 0.5, .psi = 0.01};
    return (struct monitor_window){.start_us = T0, .end_us = T0 + DAY, .predictions = 1000, .labelled = 1000, .auc = 0.72, .accuracy = 0.80,
                                   .logloss = 0.44, .ece = 0.01, .p95_us = 500, .error_rate = 0, .features = f, .feature_count = 1,
                                   .score = {.name = STR("score"), .ks_d = 0.02, .ks_p = 0.5, .psi = 0.01}};
}

static struct rules_outcome step(struct rule_state *s, const struct monitor_window *w)
{
    struct rules_outcome out;
    assert_int_equal(rules_step(&op, &config, &ref, w, s, 1, &out), OK);
    return out;
}

static bool has(const struct rules_outcome *o, const char *rule, bool firing)
{
    for (size_t i = 0; i < o->alert_count; i++)
        if (!strcmp(o->alerts[i].rule, rule) && o->alerts[i].firing == firing)
            return true;
    return false;
}

static void each_rule_fires_at_its_limit(void **state)
{
    (void)state;
    struct monitor_feature_figures f;
    struct monitor_window good = healthy(&f), w;
    struct {
        const char *rule;
        struct monitor_window bad;
        int windows;
        bool retrain;
    } cases[] = {{"p95_latency", good, 1, false}, {"error_rate", good, 1, false},  {"accuracy_drop", good, 2, true},
                 {"auc_drop", good, 2, true},     {"logloss_rise", good, 2, true}, {"calibration", good, 2, true},
                 {"score_ks", good, 2, false},    {"score_psi", good, 2, false}};
    cases[0].bad.p95_us = 100001;
    cases[1].bad.error_rate = 0.0101;
    cases[2].bad.accuracy = 0.7599;
    cases[3].bad.auc = 0.6839;
    cases[4].bad.logloss = 0.4841;
    cases[5].bad.ece = 0.1001;
    cases[6].bad.score.ks_p = 0.049;
    cases[6].bad.score.ks_d = 0.1;
    cases[7].bad.score.psi = 0.201;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rule_state s[32] = {{0}};
        struct rules_outcome o = {0};
        for (int n = 1; n <= cases[i].windows; n++) {
            o = step(s, &cases[i].bad);
            assert_int_equal(has(&o, cases[i].rule, true), n == cases[i].windows);
        }
        assert_int_equal(o.alert_count, 1);
        assert_int_equal(o.wants_retrain, cases[i].retrain);
        o = step(s, &cases[i].bad); /* still firing: no news, but the wish stands */
        assert_true(o.alert_count == 0 && o.wants_retrain == cases[i].retrain);
    }
    /* On the limit is not over it. */
    struct rule_state s[32] = {{0}};
    w = good;
    w.p95_us = 100000;
    w.error_rate = 0.01;
    w.score.ks_p = 0.0001; /* significant, but small: no effect */
    assert_int_equal(step(s, &w).alert_count, 0);
    assert_int_equal(step(s, &w).alert_count, 0);
}

static void two_of_three_and_back(void **state)
{
    (void)state;
    struct monitor_feature_figures f, g;
    struct monitor_window good = healthy(&f), bad = healthy(&g);
    g.ks_d = 0.3;
    g.ks_p = 1e-9;
    struct rule_state s[32] = {{0}};
    assert_int_equal(step(s, &bad).alert_count, 0);
    assert_int_equal(step(s, &good).alert_count, 0);
    struct rules_outcome o = step(s, &bad); /* bad, good, bad */
    assert_true(has(&o, "feature_ks", true) && str_eqc(o.alerts[0].subject, "hour") && o.alerts[0].value == 0.3);
    assert_int_equal(step(s, &bad).alert_count, 0); /* good, bad, bad: fires on */
    assert_int_equal(step(s, &good).alert_count, 0); /* bad, bad, good */
    o = step(s, &good);                              /* bad, good, good */
    assert_true(has(&o, "feature_ks", false) && o.alert_count == 1);
}

static void silence_is_no_evidence(void **state)
{
    (void)state;
    struct monitor_feature_figures f;
    struct monitor_window bad = healthy(&f), silent = healthy(&f);
    bad.auc = 0.5;
    silent.auc = NAN;
    silent.labelled = 10;
    silent.logloss = 9; /* below min_labels: says nothing */
    silent.p95_us = NAN;
    struct rule_state s[32] = {{0}};
    (void)step(s, &bad);
    assert_int_equal(step(s, &silent).alert_count, 0);
    struct rules_outcome o = step(s, &bad);
    assert_true(has(&o, "auc_drop", true) && !has(&o, "logloss_rise", true));
    o = step(s, &silent);
    assert_true(o.alert_count == 0 && o.wants_retrain);
    assert_int_equal(rules_step(&op, &config, NULL, &bad, (struct rule_state[32]){{0}}, 1, &o), OK);
    assert_int_equal(o.alert_count, 0); /* no reference: quality cannot have dropped */
}

static void slots_have_stable_names(void **state)
{
    (void)state;
    struct str names[2] = {STR_INIT("a"), STR_INIT("b")};
    size_t slots = rules_slots(2);
    assert_int_equal(slots - rules_slots(1), 2);
    assert_true(str_eqc(rules_slot_name(&op, 0, names, 2), "p95_latency"));
    assert_true(str_eqc(rules_slot_name(&op, slots - 1, names, 2), "feature_psi/b"));
    assert_true(str_eqc(rules_slot_name(&op, slots - 4, names, 2), "feature_ks/a"));
    AUTO(buf) struct buf b;
    buf_init(&b, LIMIT_KIB(64));
    struct json_out w;
    json_out_init(&w, &b, 0);
    monitor_rules_json(&w);
    struct json *j;
    assert_int_equal(json_parse(&op, buf_str(&b), JSON_STRICT, &j), OK);
    assert_int_equal(j->len, 11);
}

int main(void)
{
    arena = arena_create(LIMIT_MIB(16));
    op_init(&op, arena);
    monitor_config_default(&config);
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_rule_fires_at_its_limit), cmocka_unit_test(two_of_three_and_back),
                                       cmocka_unit_test(silence_is_no_evidence), cmocka_unit_test(slots_have_stable_names)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_destroy(arena);
    return failed;
}
