#include "core/monitor/monitor.h"

#include <pthread.h>

#include "core/audit/audit.h"
#include "monitor_fixture.h"

struct collected {
    uint64_t rows, labelled, batches, with_features;
    size_t features;
    bool names_ok;
};

static enum err collect(void *arg, struct op *op, const struct monitor_batch *b)
{
    (void)op;
    struct collected *c = arg;
    c->batches++;
    c->rows += b->rows;
    c->features = b->features;
    c->names_ok = b->features == FEATURES && str_eqc(b->names[2], "moving") && str_eqc(b->endpoint, "delay");
    for (size_t i = 0; i < b->rows; i++) {
        c->labelled += b->label[i] >= 0;
        c->with_features += isnan(b->feature[0][i]) ? 0 : 1;
    }
    return OK;
}

/* `n` requests of one day to the monitor; their labels wait in the arrays. */
struct day {
    int64_t ids[4000], times[4000];
    uint8_t labels[4000];
    size_t n;
};

static void live(struct fixture *f, struct monitor *m, int day, size_t n, double shift, double bias, struct day *d)
{
    d->n = n;
    for (size_t i = 0; i < n; i++) {
        float x[FEATURES];
        struct prediction p = {.id = (int64_t)day * 10000 + (int64_t)i, .event_us = T0 + day * DAY + (int64_t)i, .version = 1, .latency_us = 300,
                               .arm = ROLLOUT_ARM_NONE, .ok = true, .features = x, .feature_count = FEATURES};
        bool label;
        draw_features(&f->rng, shift, x);
        draw_request(&f->rng, bias, &p.score, &label);
        monitor_record(m, STR("delay"), &p);
        d->ids[i] = p.id;
        d->times[i] = p.event_us + DAY;
        d->labels[i] = label;
    }
}

static struct monitor_report *post(struct fixture *f, struct monitor *m, const struct day *d, int watermark_day)
{
    struct monitor_report *r = NULL;
    assert_ok(f, monitor_labels(&f->op, m, STR("delay"), d->ids, d->labels, d->times, d->n, T0 + watermark_day * DAY, &r));
    return r;
}

static bool alerted(const struct monitor_report *r, const char *rule, const char *subject, bool firing)
{
    for (size_t i = 0; i < r->alert_count; i++)
        if (!strcmp(r->alerts[i].rule, rule) && str_eqc(r->alerts[i].subject, subject) && r->alerts[i].firing == firing)
            return true;
    return false;
}

/* A new process remembers what fires: the next healthy windows resolve it, and nothing fires twice. */
static void restart_remembers(struct fixture *f, const struct monitor_config *config, const struct reference_data *ref, struct day *d)
{
    struct monitor *m = monitor_create(f->db, NULL);
    assert_ok(f, monitor_set_config(&f->op, m, STR("delay"), config));
    assert_ok(f, monitor_set_reference(&f->op, m, STR("delay"), &ref->ref));
    live(f, m, 9, 2000, 0, 0, d);
    struct monitor_report *r = post(f, m, d, 11);
    assert_true(r->window_count == 1 && !alerted(r, "feature_ks", "moving", false)); /* bad, bad, good */
    live(f, m, 10, 2000, 0, 0, d);
    r = post(f, m, d, 12);
    assert_true(alerted(r, "feature_ks", "moving", false) && alerted(r, "logloss_rise", "", false));
    AUTO(buf) struct buf b;
    buf_init(&b, LIMIT_MIB(8));
    struct json_out w;
    json_out_init(&w, &b, 0);
    json_begin_array(&w);
    assert_ok(f, monitor_windows_json(&f->op, f->db, STR("delay"), T0, &w));
    assert_ok(f, monitor_alerts_json(&f->op, f->db, STR("delay"), false, &w));
    assert_ok(f, monitor_alerts_json(&f->op, f->db, STR("delay"), true, &w));
    monitor_report_json(&w, r);
    json_end_array(&w);
    struct json *j;
    assert_ok(f, json_parse(&f->op, buf_str(&b), JSON_STRICT, &j));
    assert_int_equal(j->items[0].len, 10);
    assert_true(j->items[1].len >= 2 && j->items[2].len == 0);
    assert_true(json_get(&j->items[3], "windows")->len == 1);
    monitor_destroy(m);
}

static void the_whole_story(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct collected c = {0};
    struct prediction_sink sink = {&c, collect};
    struct monitor *m = monitor_create(f.db, &sink);
    struct reference_data ref;
    reference_make(&f.rng, 5000, &ref);
    struct monitor_config config;
    monitor_config_default(&config);
    config.cooldown_windows = 3;
    assert_ok(&f, monitor_set_config(&f.op, m, STR("delay"), &config));
    assert_ok(&f, monitor_set_reference(&f.op, m, STR("delay"), &ref.ref));
    struct day *days = calloc(9, sizeof *days);
    struct monitor_report *r;
    int retrains = 0;
    for (int d = 0; d < 9; d++) {
        /* From day 3 one feature moves and the model loses its calibration. */
        live(&f, m, d, 2000, d >= 3 ? 1.0 : 0, d >= 3 ? 1.5 : 0, &days[d]);
        if (d == 0) {
            assert_ok(&f, monitor_labels(&f.op, m, STR("delay"), NULL, NULL, NULL, 0, T0 + DAY, &r));
            assert_true(r->window_count == 0 && r->joined == 0);
            continue;
        }
        r = post(&f, m, &days[d - 1], d + 1);
        assert_true(r->joined == 2000 && r->window_count == 1 && r->windows[0].start_us == T0 + (d - 1) * DAY && r->windows[0].labelled == 2000);
        assert_true(r->rollout.verdict == ROLLOUT_NO_ROLLOUT);
        bool drifting = d - 1 >= 3;
        assert_true(drifting == r->windows[0].features[2].drifted);
        assert_true(alerted(r, "feature_ks", "moving", true) == (d - 1 == 4));
        assert_true(alerted(r, "logloss_rise", "", true) == (d - 1 == 4));
        retrains += (int)r->trigger_count;
        assert_true(r->trigger_count == (d - 1 == 4 || d - 1 == 7)); /* at once, then after the cool-down */
    }
    assert_int_equal(retrains, 2);
    /* Again the same labels: their windows are gone. Half known, half not. */
    r = post(&f, m, &days[0], 9);
    assert_true(r->unmatched == 2000 && r->joined == 0);
    days[8].n = 10;
    r = post(&f, m, &days[8], 9);
    assert_int_equal(r->joined, 10);
    r = post(&f, m, &days[8], 9);
    assert_true(r->duplicates == 10 && r->joined == 0);
    struct monitor_stats s;
    assert_true(monitor_stats(m, STR("delay"), &s));
    assert_true(s.recorded == 18000 && s.open_rows == 2000 && s.labels_pending == 1990 && s.dropped == 0 && s.closed_until_us == T0 + 8 * DAY);
    assert_true(s.watermark_us == T0 + 9 * DAY && s.latest_event_us == T0 + 8 * DAY + 1999 && s.latency_p95_us > 295 && s.latency_p95_us < 305);
    assert_true(c.rows == 16000 && c.labelled == 16000 && c.with_features == 16000 && c.names_ok);
    assert_ok(&f, monitor_flush(&f.op, m));
    assert_true(c.rows == 18000 && c.labelled == 16010);
    struct audit_filter filter = {.verb = STR("retrain_wanted")};
    struct audit_row *rows;
    size_t n = 0;
    assert_ok(&f, audit_list(&f.op, f.db, &filter, &rows, &n));
    assert_int_equal(n, 2);
    monitor_destroy(m);

    restart_remembers(&f, &config, &ref, &days[0]);
    free(days);
    reference_free(&ref);
    fixture_close(&f);
}

/* The longest windows and the longest cool-down that a configuration may name: 32 million years. */
static void the_longest_cool_down_holds(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct monitor *m = monitor_create(f.db, NULL);
    struct reference_data ref;
    reference_make(&f.rng, 1000, &ref);
    struct monitor_config config;
    struct json *j;
    assert_ok(&f, json_parse(&f.op, STR("{\"window_us\": 32000000000000, \"cooldown_windows\": 1000000}"), JSON_STRICT, &j));
    assert_ok(&f, monitor_config_parse(&f.op, j, &config));
    assert_ok(&f, monitor_set_config(&f.op, m, STR("delay"), &config));
    assert_ok(&f, monitor_set_reference(&f.op, m, STR("delay"), &ref.ref));
    struct day *d = calloc(1, sizeof *d);
    size_t windows = 0, triggers = 0;
    for (int year = 0; year < 5; year++) {
        live(&f, m, 371 * year, 1000, 1.0, 1.5, d);
        struct monitor_report *r = post(&f, m, d, 371 * year + 372);
        windows += r->window_count;
        triggers += r->trigger_count;
    }
    assert_int_equal(windows, 5);
    assert_int_equal(triggers, 1);
    free(d);
    monitor_destroy(m);
    reference_free(&ref);
    fixture_close(&f);
}

static void bad_calls_are_refused(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct monitor *m = monitor_create(f.db, NULL);
    struct monitor_report *r;
    int64_t id = 1, at = T0;
    uint8_t label = 1;
    assert_err(&f, monitor_labels(&f.op, m, STR("delay"), &id, &label, &at, 1, T0, &r), E_NOT_FOUND);
    struct monitor_config config;
    monitor_config_default(&config);
    assert_err(&f, monitor_set_config(&f.op, m, STR(""), &config), E_INVALID);
    assert_err(&f, monitor_set_config(&f.op, m, STR("\xff"), &config), E_INVALID);
    assert_ok(&f, monitor_set_config(&f.op, m, STR("delay"), &config));
    assert_err(&f, monitor_labels(&f.op, m, STR("delay"), &id, &label, &at, 1, INT64_MIN, &r), E_INVALID);
    label = 7;
    assert_err(&f, monitor_labels(&f.op, m, STR("delay"), &id, &label, &at, 1, T0, &r), E_INVALID);
    assert_err(&f, monitor_labels(&f.op, m, STR("delay"), &id, &label, &at, LIMIT_MONITOR_LABELS + 1, T0, &r), E_TOO_LARGE);
    label = 1;
    assert_ok(&f, monitor_labels(&f.op, m, STR("delay"), &id, &label, &at, 1, T0, &r));
    assert_int_equal(r->unmatched, 1);
    struct monitor_stats s;
    assert_false(monitor_stats(m, STR("unknown"), &s));
    monitor_destroy(m);
    monitor_destroy(NULL);
    fixture_close(&f);
}

/* A canary through the monitor: the candidate is bad, and one day of labels sends it back. */
static void labels_move_the_rollout(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct monitor *m = monitor_create(f.db, NULL);
    struct rollout_plan plan;
    rollout_plan_default(&plan);
    plan.steps_permille[0] = 400;
    plan.steps_permille[1] = 1000;
    plan.step_count = 2;
    int64_t id;
    assert_ok(&f, rollout_start(&f.op, f.db, STR("delay"), 1, 2, &plan, T0, 5, &id));
    struct rollout_weights w;
    assert_ok(&f, rollout_weights_load(&f.op, f.db, STR("delay"), &w));
    struct day *d = calloc(1, sizeof *d);
    d->n = 4000;
    for (size_t i = 0; i < d->n; i++) {
        char text[24];
        int arm;
        bool label;
        struct prediction p = {.id = (int64_t)i, .event_us = T0 + (int64_t)i, .latency_us = 300, .ok = true};
        p.version = rollout_pick(&w, (struct str){text, (size_t)snprintf(text, sizeof text, "%zu", i)}, &arm);
        p.arm = (uint8_t)arm;
        draw_request(&f.rng, p.version == 2 ? 2.5 : 0, &p.score, &label);
        monitor_record(m, STR("delay"), &p);
        d->ids[i] = p.id;
        d->times[i] = p.event_us + DAY;
        d->labels[i] = label;
    }
    struct monitor_report *r = post(&f, m, d, 2);
    assert_true(r->rollout.verdict == ROLLOUT_ROLLBACK && !strcmp(r->rollout.reason, "worse") && r->rollout.labels_candidate > 1000);
    assert_ok(&f, rollout_weights_load(&f.op, f.db, STR("delay"), &w));
    assert_false(w.active);
    size_t replayed;
    assert_ok(&f, rollout_replay(&f.op, f.db, id, &replayed));
    free(d);
    monitor_destroy(m);
    fixture_close(&f);
}

/* Labels never come: ticks close what is overdue, and a failing candidate goes back without a single label. */
static void ticks_need_no_labels(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct collected c = {0};
    struct prediction_sink sink = {&c, collect};
    struct monitor *m = monitor_create(f.db, &sink);
    struct monitor_report *r;
    assert_err(&f, monitor_tick(&f.op, m, STR("delay"), &r), E_NOT_FOUND);
    struct reference_data ref;
    reference_make(&f.rng, 1000, &ref);
    assert_ok(&f, monitor_set_reference(&f.op, m, STR("delay"), &ref.ref));
    assert_ok(&f, monitor_tick(&f.op, m, STR("delay"), &r)); /* nothing was ever recorded */
    assert_true(r->window_count == 0);
    struct day *d = calloc(1, sizeof *d);
    for (int day = 0; day < 12; day++)
        live(&f, m, day, 300, 1.0, 0, d);
    assert_ok(&f, monitor_tick(&f.op, m, STR("delay"), &r));
    /* The newest event is of day 11: windows up to day 11 - 7 days of grace - 1 of delay are overdue. */
    assert_true(r->window_count == 3 && r->windows[0].labelled == 0 && isnan(r->windows[0].auc) && r->windows[0].features[2].drifted);
    assert_true(alerted(r, "feature_ks", "moving", true) && r->rollout.verdict == ROLLOUT_NO_ROLLOUT);
    struct monitor_stats s;
    assert_true(monitor_stats(m, STR("delay"), &s) && s.watermark_us == INT64_MIN && s.closed_until_us == T0 + 3 * DAY && s.open_windows == 9);
    assert_ok(&f, monitor_tick(&f.op, m, STR("delay"), &r));
    assert_true(r->window_count == 0);
    struct rollout_plan plan;
    rollout_plan_default(&plan);
    int64_t id;
    assert_ok(&f, rollout_start(&f.op, f.db, STR("delay"), 1, 2, &plan, T0 + 11 * DAY, 5, &id));
    size_t replayed = 9;
    for (int i = 0; i < 60; i++) {
        struct prediction p = {.id = i, .event_us = T0 + 11 * DAY + i, .version = 1 + i % 2, .arm = (uint8_t)(i % 2), .latency_us = 100,
                               .ok = i % 2 == 0 || i < 30, .score = 0.2f};
        monitor_record(m, STR("delay"), &p);
        if (i == 20) {
            assert_ok(&f, monitor_tick(&f.op, m, STR("delay"), &r));
            assert_true(r->rollout.verdict == ROLLOUT_HOLD && r->rollout.seq == 0); /* no row for every tick */
            assert_ok(&f, rollout_replay(&f.op, f.db, id, &replayed));
            assert_int_equal(replayed, 0);
        }
    }
    assert_ok(&f, monitor_tick(&f.op, m, STR("delay"), &r));
    assert_true(r->rollout.verdict == ROLLOUT_ROLLBACK && !strcmp(r->rollout.reason, "errors") && r->rollout.seq == 1);
    assert_ok(&f, rollout_replay(&f.op, f.db, id, &replayed));
    assert_int_equal(replayed, 1);
    free(d);
    reference_free(&ref);
    monitor_destroy(m);
    fixture_close(&f);
}

/* Recording from four threads while labels close windows: nothing is lost, nothing is counted twice. */
struct recorder {
    struct monitor *m;
    int thread;
};
enum { PER_THREAD = 40000, THREADS = 4 };

static void *record_thread(void *arg)
{
    struct recorder *r = arg;
    float x[FEATURES] = {1, 2, 3};
    for (int i = 0; i < PER_THREAD; i++) {
        struct prediction p = {.id = (int64_t)r->thread * PER_THREAD + i, .event_us = T0 + (int64_t)i * (4 * DAY / PER_THREAD), .version = 1, .score = 0.3f,
                               .latency_us = 5, .arm = ROLLOUT_ARM_NONE, .ok = true, .features = x, .feature_count = FEATURES};
        monitor_record(r->m, STR("delay"), &p);
    }
    return NULL;
}

static void recording_runs_beside_labels(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct collected c = {0};
    struct prediction_sink sink = {&c, collect};
    struct monitor *m = monitor_create(f.db, &sink);
    struct reference_data ref;
    reference_make(&f.rng, 300, &ref);
    assert_ok(&f, monitor_set_reference(&f.op, m, STR("delay"), &ref.ref));
    pthread_t threads[THREADS];
    struct recorder recorders[THREADS];
    int64_t begin = time_mono_ns();
    for (int t = 0; t < THREADS; t++) {
        recorders[t] = (struct recorder){m, t};
        pthread_create(&threads[t], NULL, record_thread, &recorders[t]);
    }
    uint64_t joined = 0, predictions = 0;
    for (int round = 0; round < 20; round++) {
        int64_t ids[100], times[100] = {0};
        uint8_t labels[100] = {0};
        for (int i = 0; i < 100; i++)
            ids[i] = round * 100 + i;
        struct monitor_report *r;
        assert_ok(&f, monitor_labels(&f.op, m, STR("delay"), ids, labels, times, 100, T0 + DAY * (round / 4), &r));
        joined += r->joined;
        for (size_t i = 0; i < r->window_count; i++)
            predictions += r->windows[i].predictions;
    }
    for (int t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    printf("monitor: %.0f ns per recorded prediction (%d threads, %d features, labels beside)\n",
           (double)(time_mono_ns() - begin) / (PER_THREAD * THREADS), THREADS, FEATURES);
    assert_ok(&f, monitor_flush(&f.op, m));
    struct monitor_stats s;
    assert_true(monitor_stats(m, STR("delay"), &s));
    assert_true(s.recorded + s.dropped == PER_THREAD * THREADS && s.dropped == 0 && c.rows == s.recorded && c.labelled == joined);
    assert_true(c.with_features == c.rows && predictions <= c.rows);
    monitor_destroy(m);
    reference_free(&ref);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_whole_story), cmocka_unit_test(the_longest_cool_down_holds),
                                       cmocka_unit_test(bad_calls_are_refused),
                                       cmocka_unit_test(labels_move_the_rollout), cmocka_unit_test(ticks_need_no_labels),
                                       cmocka_unit_test(recording_runs_beside_labels)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
