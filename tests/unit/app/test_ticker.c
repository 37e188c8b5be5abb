/* The ticker on a real monitor and serve: overdue windows close and ask for a retraining, a failing candidate is taken back, and it
 * stops at once however long its interval is. */
#include "app/ticker.h"

#include <stdatomic.h>

#include "unit/core/serve/serve_fixture.h"

enum { FEATURES = 3, DAY_ROWS = 300, PATIENCE_MS = 20000 };

static const char config_text[] = "{\"model\":\"m\",\"monitor\":{\"min_rows\":100},\"rollout\":{\"max_error_rate\":0.01}}";

struct wishes {
    _Atomic int asked;
    _Atomic int64_t window_end_us;
};

static enum err wish(void *arg, struct op *op, struct str endpoint, const struct monitor_trigger *why, bool *ret_started)
{
    struct wishes *w = arg;
    assert_true(str_eqc(endpoint, "a") && str_eqc(op->actor.name, "ticker"));
    atomic_store(&w->window_end_us, why->window_end_us);
    atomic_fetch_add(&w->asked, 1);
    *ret_started = true;
    return OK;
}

static struct ticker *start(struct fixture *f, struct wishes *w, int64_t interval_ms)
{
    const struct ticker_config c = {.serve = f->serve, .monitor = f->monitor, .retrainer = {.arg = w, .trigger = wish}, .interval_ms = interval_ms};
    return ticker_start(&c);
}

/* Three features that live traffic has left behind. */
static void reference_put(struct fixture *f)
{
    static float x[FEATURES][1000], scores[1000];
    static const struct str names[FEATURES] = {STR("origin_count_1h"), STR("origin_rate_1h"), STR("distance")};
    const float *columns[FEATURES];
    for (int i = 0; i < 1000; i++)
        scores[i] = (float)i / 1000;
    for (int k = 0; k < FEATURES; k++) {
        memcpy(x[k], scores, sizeof scores);
        columns[k] = x[k];
    }
    const struct monitor_reference ref = {.features = FEATURES, .names = names, .rows = 1000, .columns = columns, .scores = scores, .auc = NAN,
                                          .accuracy = NAN, .logloss = NAN, .brier = NAN, .ece = NAN};
    assert_int_equal(monitor_set_reference(&f->op, f->monitor, STR("a"), &ref), OK);
}

static void live_day(struct fixture *f, int day)
{
    for (int i = 0; i < DAY_ROWS; i++) {
        const float x[FEATURES] = {5 + (float)i / DAY_ROWS, 6, 7};
        const struct prediction p = {.id = day * 1000 + i, .event_us = T0 + day * DAY_US + i, .version = 3, .arm = ROLLOUT_ARM_NONE,
                                     .latency_us = 100, .ok = true, .score = 0.5f, .features = x, .feature_count = FEATURES};
        monitor_record(f->monitor, STR("a"), &p);
    }
}

static void overdue_windows_close_and_ask_for_a_retraining(void **state)
{
    struct fixture *f = *state;
    struct wishes w = {0};
    assert_int_equal(fixture_put(f, "a", config_text, 3), OK);
    assert_int_equal(fixture_put(f, "never-asked", config_text, 3), OK);
    reference_put(f);
    for (int day = 0; day < 12; day++)
        live_day(f, day);
    struct ticker *t = start(f, &w, 1);
    for (int64_t end = time_mono_ms() + PATIENCE_MS; !atomic_load(&w.asked) && time_mono_ms() < end;)
        time_sleep_ms(1);
    ticker_stop(t);
    /* Windows up to day 11 - 7 days of grace - 1 of delay are overdue; a cool-down lets one wish through. */
    assert_int_equal(atomic_load(&w.asked), 1);
    assert_true(atomic_load(&w.window_end_us) > T0 && atomic_load(&w.window_end_us) <= T0 + 3 * DAY_US);
    struct monitor_stats s;
    assert_true(monitor_stats(f->monitor, STR("a"), &s));
    assert_true(s.closed_until_us == T0 + 3 * DAY_US && s.open_windows == 9 && s.watermark_us == INT64_MIN);
}

static struct serve_info info_of(struct fixture *f)
{
    struct serve_endpoint *e = NULL;
    assert_int_equal(serve_acquire(&f->op, f->serve, STR("a"), &e), OK);
    struct serve_info i = *serve_endpoint_info(e);
    serve_release(e);
    return i;
}

static void a_failing_candidate_is_taken_back(void **state)
{
    struct fixture *f = *state;
    struct wishes w = {0};
    int64_t id;
    assert_int_equal(fixture_put(f, "a", config_text, 3), OK);
    assert_int_equal(serve_start_rollout(&f->op, f->serve, STR("a"), 4, NULL, T0, &id), OK);
    struct ticker *t = start(f, &w, 1);
    for (int i = 0; i < 400; i++) {
        const struct prediction p = {.id = i, .event_us = T0 + i, .version = 3 + i % 2, .arm = (uint8_t)(i % 2), .latency_us = 100, .ok = i % 2 == 0};
        monitor_record(f->monitor, STR("a"), &p);
    }
    for (int64_t end = time_mono_ms() + PATIENCE_MS; info_of(f).weights.active && time_mono_ms() < end;)
        time_sleep_ms(1);
    ticker_stop(t);
    assert_true(!info_of(f).weights.active && info_of(f).live == 3); /* what serves, not only what the rows say */
    assert_int_equal(atomic_load(&w.asked), 0);
}

static void it_stops_at_once(void **state)
{
    struct fixture *f = *state;
    struct wishes w = {0};
    int64_t begin = time_mono_ms();
    ticker_stop(start(f, &w, LIMIT_MONITOR_TICK_MS));
    assert_true(time_mono_ms() - begin < LIMIT_MONITOR_TICK_MS / 2);
    ticker_stop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(overdue_windows_close_and_ask_for_a_retraining, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_failing_candidate_is_taken_back, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(it_stops_at_once, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
