/* What follows from a report: each wish to retrain is handed on once, a decision becomes weights, a failure is the answer. */
#include "core/serve/react.h"
#include "serve_fixture.h"

struct wishes {
    int asked, busy_from, fail_at; /* from which wish on one runs already; which one fails, 0: none */
};

static enum err wish(void *arg, struct op *op, struct str endpoint, const struct monitor_trigger *why, bool *ret_started)
{
    struct wishes *w = arg;
    w->asked++;
    assert_true(str_eqc(endpoint, "a") && why->window_end_us == T0 + w->asked);
    if (w->asked == w->fail_at)
        return op_fail(op, E_IO, "no child can be started");
    *ret_started = w->asked < w->busy_from;
    return OK;
}

static void wishes_are_handed_on(void **state)
{
    struct fixture *f = *state;
    struct monitor_trigger triggers[] = {{.rule = "auc_drop", .window_end_us = T0 + 1}, {.rule = "auc_drop", .window_end_us = T0 + 2}};
    struct monitor_report report = {.triggers = triggers, .trigger_count = 2};
    struct wishes w = {.busy_from = 2};
    struct retrainer r = {.arg = &w, .trigger = wish};
    size_t started = 9;
    assert_int_equal(fixture_put(f, "a", FIXTURE_CONFIG, 3), OK);
    assert_int_equal(serve_react(&f->op, f->serve, &r, STR("a"), &report, &started), OK);
    assert_true(w.asked == 2 && started == 1);
    w = (struct wishes){.busy_from = 9, .fail_at = 1};
    started = 9;
    assert_int_equal(serve_react(&f->op, f->serve, &r, STR("a"), &report, &started), E_IO);
    assert_true(w.asked == 1 && started == 9);
    op_clear(&f->op);
    r.trigger = NULL; /* a server that retrains nothing */
    assert_int_equal(serve_react(&f->op, f->serve, &r, STR("a"), &report, &started), OK);
    assert_int_equal(started, 0);
}

/* A decision that cannot be applied is the answer, and the wishes of the same report are handed on all the same. */
static void a_failed_decision_stops_no_wish(void **state)
{
    struct fixture *f = *state;
    struct monitor_trigger triggers[] = {{.rule = "auc_drop", .window_end_us = T0 + 1}, {.rule = "auc_drop", .window_end_us = T0 + 2}};
    struct monitor_report report = {.triggers = triggers, .trigger_count = 2, .rollout = {.verdict = ROLLOUT_PROMOTE}};
    struct wishes w = {.busy_from = 2};
    struct retrainer r = {.arg = &w, .trigger = wish};
    size_t started = 9;
    assert_int_equal(serve_react(&f->op, f->serve, &r, STR("a"), &report, &started), E_NOT_FOUND); /* nobody made the endpoint */
    assert_non_null(strstr(f->op.msg, "there is no endpoint"));
    assert_int_equal(w.asked, 2);
}

static struct serve_info info_of(struct fixture *f)
{
    struct serve_endpoint *e = NULL;
    assert_int_equal(serve_acquire(&f->op, f->serve, STR("a"), &e), OK);
    struct serve_info i = *serve_endpoint_info(e);
    serve_release(e);
    return i;
}

static void a_decision_becomes_weights(void **state)
{
    struct fixture *f = *state;
    const struct retrainer nobody = {0};
    struct monitor_report report = {0};
    int64_t id;
    size_t started;
    assert_int_equal(fixture_put(f, "a", FIXTURE_CONFIG, 3), OK);
    assert_int_equal(serve_start_rollout(&f->op, f->serve, STR("a"), 4, NULL, T0, &id), OK);
    assert_int_equal(rollout_finish(&f->op, f->db, STR("a"), true, STR("test"), T0 + 1, &report.rollout), OK);
    assert_true(info_of(f).live == 3 && info_of(f).weights.active);
    assert_int_equal(serve_react(&f->op, f->serve, &nobody, STR("a"), &report, &started), OK);
    assert_true(info_of(f).live == 4 && !info_of(f).weights.active);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(wishes_are_handed_on, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_failed_decision_stops_no_wish, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_decision_becomes_weights, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
