#include "core/monitor/monitor.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/log.h"
#include "core/monitor/close.h"
#include "core/monitor/watched.h"
#include "sql_gen.h"

#define LABEL_TIME_MAX 4000000000000000000

/* Endpoints are only added while the monitor lives, so readers need no lock: an entry is complete before the count shows it. */
struct monitor {
    struct db *db;
    struct prediction_sink sink;
    uint64_t seed;
    struct mutex add;
    struct watched *watched[LIMIT_MONITOR_ENDPOINTS];
    _Atomic size_t count;
    _Atomic uint64_t refused; /* predictions for endpoints that found no place */
};

struct monitor *monitor_create(struct db *db, const struct prediction_sink *sink)
{
    struct monitor *m = calloc(1, sizeof *m);
    if (!m) {
        fputs("ingot: out of memory\n", stderr);
        abort();
    }
    m->db = db;
    if (sink)
        m->sink = *sink;
    hash_random(&m->seed, sizeof m->seed);
    mutex_init(&m->add);
    return m;
}

void monitor_destroy(struct monitor *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < atomic_load(&m->count); i++)
        watched_destroy(m->watched[i]);
    mutex_clear(&m->add);
    free(m);
}

static struct watched *find(struct monitor *m, struct str endpoint)
{
    size_t n = atomic_load_explicit(&m->count, memory_order_acquire);
    for (size_t i = 0; i < n; i++) {
        struct watched *e = m->watched[i];
        if (e->name_len == endpoint.len && memcmp(e->name, endpoint.p, endpoint.len) == 0)
            return e;
    }
    return NULL;
}

/* NULL: a bad name, no place or no memory. */
static struct watched *find_or_add(struct monitor *m, struct str endpoint)
{
    struct watched *e = find(m, endpoint);
    if (e || !endpoint.len || endpoint.len > LIMIT_MONITOR_ENDPOINT_NAME)
        return e;
    LOCK(&m->add);
    e = find(m, endpoint);
    size_t n = atomic_load(&m->count);
    if (e || n == LIMIT_MONITOR_ENDPOINTS)
        return e;
    e = watched_create(endpoint);
    if (e) {
        m->watched[n] = e;
        atomic_store_explicit(&m->count, n + 1, memory_order_release);
    }
    return e;
}

void monitor_record_many(struct monitor *m, struct str endpoint, const struct prediction *p, size_t n)
{
    struct watched *e = find_or_add(m, endpoint);
    if (e)
        watched_record(e, p, n);
    else if (atomic_fetch_add(&m->refused, n) == 0)
        log_at(LOG_WARN, "monitor.refused", {"endpoint", LOG_S(endpoint)}, {"limit", LOG_I(LIMIT_MONITOR_ENDPOINTS)});
}

void monitor_record(struct monitor *m, struct str endpoint, const struct prediction *p)
{
    monitor_record_many(m, endpoint, p, 1);
}

static enum err endpoint_want(struct op *op, struct monitor *m, struct str endpoint, struct watched **ret)
{
    if (!endpoint.len || endpoint.len > LIMIT_MONITOR_ENDPOINT_NAME || !str_is_utf8(endpoint) || memchr(endpoint.p, 0, endpoint.len))
        return op_fail_field(op, "endpoint", "an endpoint's name has 1 to %d bytes of UTF-8", LIMIT_MONITOR_ENDPOINT_NAME);
    *ret = find_or_add(m, endpoint);
    return *ret ? OK : op_fail(op, E_TOO_LARGE, "the monitor watches %d endpoints, the limit", LIMIT_MONITOR_ENDPOINTS);
}

enum err monitor_set_config(struct op *op, struct monitor *m, struct str endpoint, const struct monitor_config *config)
{
    struct watched *w;
    enum err e = endpoint_want(op, m, endpoint, &w);
    if (e)
        return e;
    assert(config->window_us > 0 && config->label_delay_us >= 0);
    LOCK(&w->labels);
    w->config = *config;
    mutex_lock(&w->record);
    w->window_us = config->window_us;
    mutex_unlock(&w->record);
    return OK;
}

enum err monitor_set_reference(struct op *op, struct monitor *m, struct str endpoint, const struct monitor_reference *ref)
{
    struct watched *w;
    struct reference *fresh;
    enum err e = endpoint_want(op, m, endpoint, &w);
    if (!e)
        e = reference_create(op, ref, &fresh);
    if (e)
        return e;
    LOCK(&w->labels);
    if (!watched_fit_states(w, fresh->names, fresh->features)) {
        reference_destroy(fresh);
        return op_fail(op, E_TOO_LARGE, "the rules for %zu features find no room", fresh->features);
    }
    e = close_load(op, m->db, w);
    if (e) {
        reference_destroy(fresh);
        return e;
    }
    reference_destroy(w->reference);
    w->reference = fresh;
    mutex_lock(&w->record);
    w->features = fresh->features;
    mutex_unlock(&w->record);
    return OK;
}

enum err monitor_labels(struct op *op, struct monitor *m, struct str endpoint, const int64_t *ids, const uint8_t *labels,
                        const int64_t *label_us, size_t n, int64_t watermark_us, struct monitor_report **ret)
{
    struct watched *w = find(m, endpoint);
    if (!w)
        return op_fail(op, E_NOT_FOUND, "no endpoint '%.*s' is watched", STR_FMT(endpoint));
    if (n > LIMIT_MONITOR_LABELS)
        return op_fail(op, E_TOO_LARGE, "%zu labels in one call; the limit is %d", n, LIMIT_MONITOR_LABELS);
    if (watermark_us > LABEL_TIME_MAX || watermark_us < -LABEL_TIME_MAX)
        return op_fail_field(op, "watermark_us", "the watermark %lld us is out of range", (long long)watermark_us);
    LOCK(&w->labels);
    enum err e = close_load(op, m->db, w);
    if (e)
        return e;
    struct label_batch batch = {ids, labels, label_us, n, watermark_us, true};
    return close_labels(op, m->db, w, &m->sink, m->seed, &batch, ret);
}

enum err monitor_tick(struct op *op, struct monitor *m, struct str endpoint, struct monitor_report **ret)
{
    struct watched *w = find(m, endpoint);
    if (!w)
        return op_fail(op, E_NOT_FOUND, "no endpoint '%.*s' is watched", STR_FMT(endpoint));
    LOCK(&w->labels);
    enum err e = close_load(op, m->db, w);
    if (e)
        return e;
    mutex_lock(&w->record);
    int64_t newest = w->latest_event_us, known = w->watermark_us;
    mutex_unlock(&w->record);
    int64_t overdue = newest == INT64_MIN ? -LABEL_TIME_MAX : newest - w->config.label_grace_us;
    struct label_batch batch = {.watermark_us = overdue > known ? overdue : known};
    return close_labels(op, m->db, w, &m->sink, m->seed, &batch, ret);
}

enum err monitor_flush(struct op *op, struct monitor *m)
{
    enum err first = OK;
    for (size_t i = 0; i < atomic_load(&m->count); i++) {
        LOCK(&m->watched[i]->labels);
        enum err e = close_flush(op, m->watched[i], &m->sink);
        first = first ? first : e;
    }
    return first;
}

bool monitor_stats(struct monitor *m, struct str endpoint, struct monitor_stats *ret)
{
    struct watched *w = find(m, endpoint);
    if (!w)
        return false;
    LOCK(&w->record);
    *ret = w->counts;
    ret->open_rows = w->open_rows;
    ret->open_windows = w->open_count;
    ret->labels_pending = w->open_rows;
    for (size_t i = 0; i < w->open_count; i++)
        ret->labels_pending -= predbuf_labelled(w->open[i]);
    ret->closed_until_us = w->closed_until_us;
    ret->watermark_us = w->watermark_us;
    ret->latest_event_us = w->latest_event_us;
    ret->latency_p50_us = latency_hist_quantile(&w->latency, 0.50);
    ret->latency_p95_us = latency_hist_quantile(&w->latency, 0.95);
    ret->latency_p99_us = latency_hist_quantile(&w->latency, 0.99);
    return true;
}

/* ---- JSON ---- */
static void alert_json(struct json_out *w, const struct monitor_alert *a)
{
    json_begin_object(w);
    json_kv_cstr(w, "rule", a->rule);
    json_kv_str(w, "subject", a->subject);
    json_kv_cstr(w, "state", a->firing ? "firing" : "resolved");
    json_kv_f64(w, "value", a->value);
    json_kv_f64(w, "limit", a->limit);
    json_kv_i64(w, "at_us", a->at_us);
    json_end_object(w);
}

void monitor_report_json(struct json_out *w, const struct monitor_report *r)
{
    enum json_nonfinite before = w->nonfinite;
    w->nonfinite = JSON_NONFINITE_NULL;
    json_begin_object(w);
    json_kv_i64(w, "joined", (int64_t)r->joined);
    json_kv_i64(w, "duplicates", (int64_t)r->duplicates);
    json_kv_i64(w, "unmatched", (int64_t)r->unmatched);
    json_key(w, "windows");
    json_begin_array(w);
    for (size_t i = 0; i < r->window_count; i++)
        figures_json(w, &r->windows[i]);
    json_end_array(w);
    json_key(w, "alerts");
    json_begin_array(w);
    for (size_t i = 0; i < r->alert_count; i++)
        alert_json(w, &r->alerts[i]);
    json_end_array(w);
    json_key(w, "triggers");
    json_begin_array(w);
    for (size_t i = 0; i < r->trigger_count; i++) {
        const struct monitor_trigger *t = &r->triggers[i];
        json_begin_object(w);
        json_kv_cstr(w, "rule", t->rule);
        json_kv_str(w, "subject", t->subject);
        json_kv_f64(w, "value", t->value);
        json_kv_f64(w, "limit", t->limit);
        json_kv_i64(w, "window_start_us", t->window_start_us);
        json_kv_i64(w, "window_end_us", t->window_end_us);
        json_end_object(w);
    }
    json_end_array(w);
    json_key(w, "rollout");
    rollout_decision_json(w, &r->rollout);
    json_end_object(w);
    w->nonfinite = before;
}

struct list_args {
    struct str endpoint;
    int64_t from_us;
    bool firing_only;
    struct json_out *w;
};

static enum err windows_read(struct op *op, struct db_tx *tx, void *arg)
{
    struct list_args *a = arg;
    struct db_rows *rows;
    enum err e = db_query(op, tx, &sql_monitor_window_list, DB_ARGS(DB_TEXT(a->endpoint), DB_I64(a->from_us), DB_I64(LIMIT_MONITOR_PAGE)), &rows);
    if (e)
        return e;
    bool row;
    json_begin_array(a->w);
    while (!(e = db_step(op, tx, rows, &row)) && row)
        json_raw(a->w, db_col_str(tx, rows, 0));
    json_end_array(a->w);
    db_end(tx, rows);
    return e;
}

enum err monitor_windows_json(struct op *op, struct db *db, struct str endpoint, int64_t from_us, struct json_out *w)
{
    struct list_args a = {.endpoint = endpoint, .from_us = from_us, .w = w};
    return db_read(op, db, windows_read, &a);
}

static void column_or_null(struct json_out *w, const char *key, struct db_tx *tx, struct db_rows *rows, int i, bool real)
{
    json_key(w, key);
    if (db_col_null(tx, rows, i))
        json_null(w);
    else if (real)
        json_f64(w, db_col_f64(tx, rows, i));
    else
        json_i64(w, db_col_i64(tx, rows, i));
}

static enum err alerts_read(struct op *op, struct db_tx *tx, void *arg)
{
    struct list_args *a = arg;
    struct db_rows *rows;
    enum err e = db_query(op, tx, &sql_monitor_alert_list,
                          DB_ARGS(DB_TEXT(a->endpoint), DB_I64(a->firing_only), DB_I64(LIMIT_MONITOR_PAGE)), &rows);
    if (e)
        return e;
    bool row;
    json_begin_array(a->w);
    while (!(e = db_step(op, tx, rows, &row)) && row) {
        json_begin_object(a->w);
        json_kv_i64(a->w, "id", db_col_i64(tx, rows, 0));
        json_kv_str(a->w, "rule", db_col_str(tx, rows, 1));
        json_kv_str(a->w, "subject", db_col_str(tx, rows, 2));
        json_kv_str(a->w, "state", db_col_str(tx, rows, 3));
        column_or_null(a->w, "value", tx, rows, 4, true);
        column_or_null(a->w, "limit", tx, rows, 5, true);
        json_kv_i64(a->w, "fired_us", db_col_i64(tx, rows, 6));
        column_or_null(a->w, "resolved_us", tx, rows, 7, false);
        json_end_object(a->w);
    }
    json_end_array(a->w);
    db_end(tx, rows);
    return e;
}

enum err monitor_alerts_json(struct op *op, struct db *db, struct str endpoint, bool firing_only, struct json_out *w)
{
    struct list_args a = {.endpoint = endpoint, .firing_only = firing_only, .w = w};
    return db_read(op, db, alerts_read, &a);
}
