/* test_rule.c - what a rule may say, who is told, adding, removing, audit. */
#include "core/alert/rule.h"

#include "core/audit/audit.h"
#include "unit/core/alert/alert_fixture.h"

static void names_and_texts(void **state)
{
    struct world *w = *state;
    struct op *op = world_op(w);
    for (unsigned i = 0; i < ALERT_KINDS; i++) {
        enum alert_kind k;
        assert_true(alert_kind_parse(str_from(alert_kind_name((enum alert_kind)i)), &k) && k == i);
    }
    for (unsigned i = 0; i < ALERT_COMPARISONS; i++) {
        enum alert_comparison c;
        assert_true(alert_comparison_parse(str_from(alert_comparison_text((enum alert_comparison)i)), &c) && c == i);
    }
    enum alert_kind k;
    assert_false(alert_kind_parse(STR("loud"), &k));
    struct alert_rule r = {.kind = ALERT_METRIC, .metric = STR("loss"), .comparison = ALERT_GT, .threshold = 5, .points = 3};
    assert_str(alert_rule_text(op, &r), "loss > 5.0 for 3 points");
    r.points = 1;
    assert_str(alert_rule_text(op, &r), "loss > 5.0");
    r.kind = ALERT_NAN, r.metric = STR("");
    assert_str(alert_rule_text(op, &r), "any metric is NaN");
    r.kind = ALERT_STALE, r.span_us = 90000000;
    assert_str(alert_rule_text(op, &r), "no point of any metric for 90 s");
    static const struct {
        enum alert_comparison c;
        bool below, at, above;
    } rows[] = {{ALERT_GT, false, false, true}, {ALERT_GE, false, true, true}, {ALERT_LT, true, false, false},
                {ALERT_LE, true, true, false},  {ALERT_EQ, false, true, false}, {ALERT_NE, true, false, true}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct alert_rule x = {.comparison = rows[i].c, .threshold = 2};
        assert_true(alert_rule_holds(&x, 1) == rows[i].below && alert_rule_holds(&x, 2) == rows[i].at && alert_rule_holds(&x, 3) == rows[i].above);
    }
}

static void a_rule_lives(void **state)
{
    struct world *w = *state;
    struct op *op = world_op(w);
    struct alert_rule r = world_rule(w, (struct alert_rule){.name = STR("loss-high"), .metric = STR("loss"), .threshold = 5.5, .points = 3,
                                                            .experiment = 0, .filter = STR("tags.team = 'a'")}, "http://127.0.0.1:1/x");
    assert_true(r.own_webhook && r.webhook && r.webhook_id.len == 36 && r.threshold == 5.5 && r.points == 3);
    struct webhook_page page;
    assert_ok(op, webhook_list(op, w->h.hooks, 0, STR(""), &page));
    assert_int_equal(page.len, 0); /* MLflow's clients do not see it */
    struct webhook hook = hooks_register(&w->h, "registry", WEBHOOK_MODEL_CREATED, NULL);
    struct alert_rule nan = {.name = STR("nan"), .kind = ALERT_NAN, .experiment = ALERT_ALL_EXPERIMENTS, .points = 1}, made;
    assert_ok(op, alert_rule_add(op, w->alerts, &nan, &(struct alert_receiver){.webhook_id = hook.id}, &made));
    assert_true(!made.own_webhook && str_eq(made.webhook_id, hook.id));
    struct alert_rule *rules = NULL;
    size_t n = 0;
    assert_ok(op, alert_rule_list(op, w->alerts, &rules, &n));
    assert_int_equal(n, 2);
    assert_str(rules[0].name, "loss-high");
    assert_str(rules[0].filter, "tags.team = 'a'");
    assert_fails(op, alert_rule_add(op, w->alerts, &nan, &(struct alert_receiver){0}, &made), E_EXISTS, "there is an alert rule 'nan' already");
    assert_ok(op, alert_rule_remove(op, w->alerts, STR("loss-high")));
    struct webhook gone;
    assert_fails(op, webhook_get(op, w->h.hooks, r.webhook_id, &gone), E_NOT_FOUND, "not found"); /* went with it */
    assert_ok(op, alert_rule_remove(op, w->alerts, STR("nan")));
    assert_ok(op, webhook_get(op, w->h.hooks, hook.id, &gone)); /* stays */
    assert_fails(op, alert_rule_remove(op, w->alerts, STR("nan")), E_NOT_FOUND, "there is no alert rule 'nan'");
    struct audit_row *rows = NULL;
    assert_ok(op, audit_list(op, w->h.f.db, &(struct audit_filter){.kind = STR("alert_rule")}, &rows, &n));
    assert_int_equal(n, 4);
}

static void bad_rules_are_refused(void **state)
{
    struct world *w = *state;
    struct op *op = world_op(w);
    struct alert_rule good = {.name = STR("r"), .metric = STR("loss"), .threshold = 1, .points = 1}, made;
    const struct {
        struct alert_rule r;
        const char *text;
        enum err e;
    } rows[] = {
        {{.name = STR(""), .metric = STR("m"), .points = 1}, "name", E_INVALID},
        {{.name = STR("a b"), .metric = STR("m"), .points = 1}, "name", E_INVALID},
        {{.name = STR("r"), .metric = STR(""), .points = 1}, "needs a metric", E_INVALID},
        {{.name = STR("r"), .metric = STR("m"), .points = 0}, "'points' must be", E_INVALID},
        {{.name = STR("r"), .metric = STR("m"), .points = 1, .threshold = (double)INFINITY}, "finite", E_INVALID},
        {{.name = STR("r"), .kind = ALERT_STALE, .points = 1}, "needs a time of silence", E_INVALID},
        {{.name = STR("r"), .kind = ALERT_FAILED, .metric = STR("m"), .points = 1}, "looks at no metric", E_INVALID},
        {{.name = STR("r"), .metric = STR("m"), .points = 1, .filter = STR("nonsense ~ 1")}, "", E_INVALID},
        {{.name = STR("r"), .metric = STR("m"), .points = 1, .experiment = 77}, "77", E_NOT_FOUND},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_fails(op, alert_rule_add(op, w->alerts, &rows[i].r, &(struct alert_receiver){0}, &made), rows[i].e, rows[i].text);
    assert_fails(op, alert_rule_add(op, w->alerts, &good, &(struct alert_receiver){.url = STR("ftp://8.8.8.8")}, &made), E_INVALID, "scheme");
    assert_fails(op, alert_rule_add(op, w->alerts, &good, &(struct alert_receiver){.webhook_id = STR("none")}, &made), E_NOT_FOUND, "Webhook with ID none");
    assert_fails(op, alert_rule_add(op, w->alerts, &good, &(struct alert_receiver){.webhook_id = STR("x"), .url = STR("http://8.8.8.8")}, &made), E_INVALID, "either");
    assert_fails(op, alert_rule_add(op, w->alerts, &good, &(struct alert_receiver){.secret = STR("x")}, &made), E_INVALID, "goes with an 'url'");
    struct alert_rule *rules = NULL;
    size_t n = 9;
    assert_ok(op, alert_rule_list(op, w->alerts, &rules, &n));
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(names_and_texts),
        world_test(a_rule_lives),
        world_test(bad_rules_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
