#include "core/monitor/close.h"

#include <math.h>
#include <stdio.h>

#include "base/buf.h"
#include "core/audit/audit.h"
#include "core/event/note.h"
#include "sql_gen.h"

#define CLOSE_WINDOW_ARENA LIMIT_MIB(8192)

struct joined_row {
    struct predbuf *window;
    size_t row;
};

/* Everything that one label call has in hand. */
struct work {
    struct watched *e;
    const struct label_batch *batch;
    struct monitor_report *report;
    struct joined_row *joined;      /* report->joined of them: to undo */
    struct rollout_outcome *outcomes;
    size_t outcome_count;
    struct due due;
    struct rule_state *states;      /* the rules' memory after this call */
    int64_t last_trigger_us, closed_until_us;
};

/* ---- what the database remembers ---- */
struct load_args {
    struct watched *e;
    struct db_val row[3];
    bool found;
};

static enum err load_read(struct op *op, struct db_tx *tx, void *arg)
{
    struct load_args *a = arg;
    enum err e = db_query_one(op, tx, &sql_monitor_state_get, DB_ARGS(DB_TEXT(watched_name(a->e))), a->row, 3);
    if (e == E_NOT_FOUND) {
        op_clear(op);
        return OK;
    }
    a->found = !e;
    return e;
}

static enum err states_parse(struct op *op, struct str text, struct watched *e)
{
    struct json *j = NULL;
    enum err err = json_parse(op, text, JSON_STRICT, &j);
    if (err)
        return op_context(op, "stored monitor state of '%.*s'", STR_FMT(watched_name(e)));
    size_t slots = rules_slots(e->state_features);
    for (size_t slot = 0; slot < slots; slot++) {
        const struct json *v = json_get_str(j, rules_slot_name(op, slot, e->state_names, e->state_features));
        int64_t history = 0;
        if (!v || v->type != JSON_ARRAY || v->len != 2 || !json_as_i64(&v->items[0], &history) || v->items[1].type != JSON_BOOL)
            continue; /* a rule or feature of another release: it starts anew */
        e->states[slot] = (struct rule_state){(uint32_t)history, v->items[1].boolean};
    }
    return OK;
}

enum err close_load(struct op *op, struct db *db, struct watched *e)
{
    if (e->loaded)
        return OK;
    struct load_args a = {.e = e};
    enum err err = db_read(op, db, load_read, &a);
    if (!err && a.found)
        err = states_parse(op, a.row[2].s, e);
    if (err)
        return err;
    if (a.found) {
        e->last_trigger_us = a.row[1].type == DB_TYPE_I64 ? a.row[1].i : INT64_MIN;
        LOCK(&e->record);
        e->closed_until_us = a.row[0].i;
    }
    e->loaded = true;
    return OK;
}

static enum err states_text(struct op *op, const struct work *w, struct str *ret)
{
    AUTO(buf) struct buf b;
    buf_init(&b, LIMIT_JSON_BYTES);
    struct json_out out;
    json_out_init(&out, &b, 0);
    json_begin_object(&out);
    size_t slots = rules_slots(w->e->state_features);
    for (size_t slot = 0; slot < slots; slot++) {
        if (!w->states[slot].history && !w->states[slot].firing)
            continue;
        json_key_str(&out, rules_slot_name(op, slot, w->e->state_names, w->e->state_features));
        json_begin_array(&out);
        json_i64(&out, w->states[slot].history);
        json_bool(&out, w->states[slot].firing);
        json_end_array(&out);
    }
    json_end_object(&out);
    if (b.failed)
        return op_fail(op, E_TOO_LARGE, "the monitor's memory does not fit");
    *ret = str_dup(op->arena, buf_str(&b));
    return OK;
}

/* ---- joining ---- */
static void keep_outcome(struct work *w, const struct joined_row *j, uint8_t label)
{
    struct prediction p;
    predbuf_get(j->window, j->row, &p);
    if (p.arm > ROLLOUT_ARM_CANDIDATE)
        return;
    w->outcomes[w->outcome_count++] = (struct rollout_outcome){
        .event_us = p.event_us, .version = p.version, .arm = p.arm, .ok = p.ok, .label = label != 0, .score = p.score};
}

static void join_one(struct work *w, const struct due *open, size_t i)
{
    bool seen = false;
    for (size_t k = 0; k < open->count; k++) {
        struct joined_row j = {open->windows[k], predbuf_find(open->windows[k], w->batch->ids[i])};
        if (j.row == SIZE_MAX)
            continue;
        seen = true;
        if (predbuf_label(j.window, j.row) >= 0)
            continue;
        predbuf_set_label(j.window, j.row, (int8_t)w->batch->labels[i], w->batch->label_us[i]);
        w->joined[w->report->joined++] = j;
        keep_outcome(w, &j, w->batch->labels[i]);
        return;
    }
    if (seen)
        w->report->duplicates++;
    else
        w->report->unmatched++;
}

static enum err join_labels(struct op *op, struct work *w, uint64_t seed)
{
    size_t n = w->batch->n;
    for (size_t i = 0; i < n; i++)
        if (w->batch->labels[i] > 1)
            return op_fail_field(op, "labels", "label %zu is %d; only 0 and 1 are labels", i, w->batch->labels[i]);
    if (!n)
        return OK;
    w->joined = arena_array(op->arena, n, struct joined_row);
    w->outcomes = arena_array(op->arena, n, struct rollout_outcome);
    if (!w->joined || !w->outcomes)
        return op_fail(op, E_TOO_LARGE, "%zu labels find no room in one call", n);
    struct due open;
    watched_look(w->e, &open);
    for (size_t k = 0; k < open.count; k++)
        if (!predbuf_index(open.windows[k], open.rows[k], seed))
            return op_fail(op, E_TOO_LARGE, "the index of %zu predictions finds no room in memory", open.rows[k]);
    for (size_t i = 0; i < n; i++)
        join_one(w, &open, i);
    return OK;
}

static void undo(struct work *w)
{
    for (size_t i = 0; i < w->report->joined; i++)
        predbuf_set_label(w->joined[i].window, w->joined[i].row, -1, INT64_MIN);
    watched_put_back(w->e, &w->due);
    watched_restore_requests(w->e);
}

/* ---- one window out of the buffers ---- */
static enum err batch_names(struct op *op, const struct watched *e, struct arena *a, struct monitor_batch *batch)
{
    if (e->reference && e->reference->features == batch->features) {
        batch->names = e->reference->names;
        return OK;
    }
    struct str *names = arena_array(a, batch->features + 1, struct str);
    if (!names)
        return op_fail(op, E_TOO_LARGE, "the names of %zu features find no room", batch->features);
    for (size_t f = 0; f < batch->features; f++) {
        char text[32];
        int n = snprintf(text, sizeof text, "feature_%zu", f);
        names[f] = str_dup(a, (struct str){text, (size_t)n});
    }
    batch->names = names;
    return OK;
}

/* Columns of the window to the sink, and (when `ret` is given) its figures. */
static enum err window_out(struct op *op, const struct watched *e, const struct predbuf *b, size_t rows, int64_t revision,
                           const struct prediction_sink *sink, struct monitor_window *ret)
{
    AUTO(arena) struct arena *a = arena_create(CLOSE_WINDOW_ARENA);
    struct monitor_batch batch;
    enum err err = predbuf_columns(op, b, rows, a, &batch);
    if (err)
        return err;
    batch.endpoint = watched_name(e);
    batch.revision = revision;
    err = batch_names(op, e, a, &batch);
    if (!err && ret)
        err = figures_compute(op, &batch, e->reference, &e->config, ret);
    if (!err && sink && sink->fn && rows) {
        err = sink->fn(sink->arg, op, &batch);
        if (err)
            (void)op_context(op, "prediction log of '%.*s'", STR_FMT(batch.endpoint));
    }
    return err;
}

struct revision_args {
    struct str endpoint;
    int64_t start_us, revision;
};

static enum err revision_read(struct op *op, struct db_tx *tx, void *arg)
{
    struct revision_args *a = arg;
    struct db_val count;
    enum err e = db_query_one(op, tx, &sql_monitor_window_revisions, DB_ARGS(DB_TEXT(a->endpoint), DB_I64(a->start_us)), &count, 1);
    if (!e)
        a->revision = count.i;
    return e;
}

static enum err windows_out(struct op *op, struct db *db, struct work *w, const struct prediction_sink *sink)
{
    struct monitor_report *r = w->report;
    r->windows = arena_array(op->arena, w->due.count + 1, struct monitor_window);
    r->triggers = arena_array(op->arena, w->due.count + 1, struct monitor_trigger);
    r->alerts = arena_array(op->arena, w->due.count * rules_slots(w->e->state_features) + 1, struct monitor_alert);
    if (!r->windows || !r->triggers || !r->alerts)
        return op_fail(op, E_TOO_LARGE, "%zu windows find no room in one call", w->due.count);
    for (size_t i = 0; i < w->due.count; i++) {
        struct revision_args a = {.endpoint = watched_name(w->e), .start_us = predbuf_start(w->due.windows[i])};
        enum err err = db_read(op, db, revision_read, &a);
        /* Two windows of one start may close in one call when rows came while the first was being closed. */
        for (size_t k = 0; k < i; k++)
            a.revision += predbuf_start(w->due.windows[k]) == a.start_us;
        if (!err)
            err = window_out(op, w->e, w->due.windows[i], w->due.rows[i], a.revision, sink, &r->windows[i]);
        if (err)
            return err;
        r->window_count++;
    }
    return OK;
}

/* ---- the transaction ---- */
static struct db_val number_or_null(double v)
{
    return isfinite(v) ? DB_F64(v) : DB_NULL;
}

static enum err audit_note(struct op *op, struct db_tx *tx, struct str endpoint, const char *verb, const char *rule, struct str subject,
                           double value, double limit, int64_t at_us)
{
    AUTO(buf) struct buf b;
    buf_init(&b, LIMIT_KIB(16));
    struct json_out out;
    json_out_init(&out, &b, 0);
    out.nonfinite = JSON_NONFINITE_NULL;
    json_begin_object(&out);
    json_kv_cstr(&out, "rule", rule);
    json_kv_str(&out, "subject", subject);
    json_kv_f64(&out, "value", value);
    json_kv_f64(&out, "limit", limit);
    json_kv_i64(&out, "window_end_us", at_us);
    json_end_object(&out);
    return audit_append(op, tx, str_from(verb), STR("endpoint"), endpoint, buf_str(&b));
}

static enum err write_alert(struct op *op, struct db_tx *tx, struct str endpoint, const struct monitor_alert *a)
{
    struct str rule = str_from(a->rule);
    enum err e;
    if (a->firing)
        e = db_exec(op, tx, &sql_monitor_alert_fire,
                    DB_ARGS(DB_TEXT(endpoint), DB_TEXT(rule), DB_TEXT(a->subject), number_or_null(a->value), number_or_null(a->limit), DB_I64(a->at_us)),
                    NULL);
    else
        e = db_exec(op, tx, &sql_monitor_alert_resolve, DB_ARGS(DB_TEXT(endpoint), DB_TEXT(rule), DB_TEXT(a->subject), DB_I64(a->at_us)), NULL);
    return e ? e : audit_note(op, tx, endpoint, a->firing ? "alert_firing" : "alert_resolved", a->rule, a->subject, a->value, a->limit, a->at_us);
}

static enum err write_trigger(struct op *op, struct db_tx *tx, struct str endpoint, const struct monitor_trigger *t)
{
    enum err e = db_exec(op, tx, &sql_monitor_trigger_insert,
                         DB_ARGS(DB_TEXT(endpoint), DB_TEXT(str_from(t->rule)), DB_TEXT(t->subject), number_or_null(t->value),
                                 number_or_null(t->limit), DB_I64(t->window_start_us), DB_I64(t->window_end_us)),
                         NULL);
    return e ? e : audit_note(op, tx, endpoint, "retrain_wanted", t->rule, t->subject, t->value, t->limit, t->window_end_us);
}

static enum err write_window(struct op *op, struct db_tx *tx, struct str endpoint, const struct monitor_window *window)
{
    AUTO(buf) struct buf b;
    AUTO(buf) struct buf shapes;
    buf_init(&b, LIMIT_JSON_BYTES);
    buf_init(&shapes, LIMIT_JSON_BYTES);
    struct json_out out;
    json_out_init(&out, &b, 0);
    figures_json(&out, window);
    json_out_init(&out, &shapes, 0);
    figures_shapes_json(&out, window);
    if (b.failed || shapes.failed)
        return op_fail(op, E_TOO_LARGE, "the figures of a window do not fit");
    enum err e = db_exec(op, tx, &sql_monitor_window_insert,
                         DB_ARGS(DB_TEXT(endpoint), DB_I64(window->start_us), DB_I64(window->revision), DB_I64(window->end_us),
                                 DB_I64((int64_t)window->predictions), DB_I64((int64_t)window->labelled), DB_TEXT(buf_str(&b)),
                                 DB_TEXT(buf_str(&shapes))),
                         NULL);
    return e ? e : event_note(op, tx, EVENT_WINDOW, endpoint);
}

/* A wish to retrain counts when none was uttered within the cool-down and no rollout is on its way already. */
static bool trigger_allowed(const struct work *w, const struct monitor_trigger *t)
{
    const struct monitor_config *c = &w->e->config;
    if (w->report->rollout.verdict != ROLLOUT_NO_ROLLOUT)
        return false;
    if (w->last_trigger_us == INT64_MIN)
        return true;
    /* Divided, not multiplied: the longest cool-down of the longest windows exceeds 64 bits. */
    int64_t since_us = t->window_end_us - w->last_trigger_us;
    return since_us >= 0 && since_us / c->window_us >= c->cooldown_windows;
}

static enum err judge_window(struct op *op, struct db_tx *tx, struct work *w, const struct monitor_window *window)
{
    struct monitor_report *r = w->report;
    struct str endpoint = watched_name(w->e);
    struct rules_outcome out = {0};
    enum err e = write_window(op, tx, endpoint, window);
    if (e || window->revision > 0)
        return e; /* latecomers are shown, but their window was judged already */
    e = rules_step(op, &w->e->config, w->e->reference, window, w->states, w->e->state_features, &out);
    for (size_t i = 0; !e && i < out.alert_count; i++) {
        e = write_alert(op, tx, endpoint, &out.alerts[i]);
        r->alerts[r->alert_count++] = out.alerts[i];
    }
    if (!e && out.wants_retrain && trigger_allowed(w, &out.trigger)) {
        e = write_trigger(op, tx, endpoint, &out.trigger);
        r->triggers[r->trigger_count++] = out.trigger;
        w->last_trigger_us = out.trigger.window_end_us;
    }
    return e;
}

static enum err close_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct work *w = arg;
    struct rollout_requests requests[LIMIT_ROLLOUT_ARMS];
    size_t n = 0;
    for (int i = 0; i < LIMIT_ROLLOUT_ARMS; i++) {
        const struct watched_requests *q = w->e->spare.slot[i];
        if (q && q->n)
            requests[n++] = (struct rollout_requests){.rollout = q->rollout, .version = q->version, .n = q->n, .errors = q->errors, .latency = &q->latency,
                                                      .unnamed = q->unnamed, .units = &q->units};
    }
    struct str endpoint = watched_name(w->e);
    enum err e = rollout_advance(op, tx, endpoint, w->outcomes, w->outcome_count, requests, n, w->batch->watermark_us, &w->report->rollout);
    for (size_t i = 0; !e && i < w->report->window_count; i++)
        e = judge_window(op, tx, w, &w->report->windows[i]);
    struct str histories;
    if (!e)
        e = states_text(op, w, &histories);
    if (e)
        return e;
    return db_exec(op, tx, &sql_monitor_state_put,
                   DB_ARGS(DB_TEXT(endpoint), DB_I64(w->closed_until_us), w->last_trigger_us == INT64_MIN ? DB_NULL : DB_I64(w->last_trigger_us),
                           DB_TEXT(histories), DB_I64((int64_t)w->report->window_count)),
                   NULL);
}

static void commit_memory(struct work *w)
{
    struct watched *e = w->e;
    memcpy(e->states, w->states, rules_slots(e->state_features) * sizeof *e->states);
    e->last_trigger_us = w->last_trigger_us;
    watched_forget_requests(e);
    for (size_t i = 0; i < w->due.count; i++)
        predbuf_destroy(w->due.windows[i]);
    LOCK(&e->record);
    e->closed_until_us = w->closed_until_us;
    if (w->batch->labels_came && w->batch->watermark_us > e->watermark_us)
        e->watermark_us = w->batch->watermark_us;
    e->counts.labels_joined += w->report->joined;
    e->counts.labels_duplicate += w->report->duplicates;
    e->counts.labels_unmatched += w->report->unmatched;
}

/* The event time up to which windows are due, and where that puts the end of the last whole window. */
static int64_t due_until(const struct watched *e, int64_t watermark_us, int64_t closed_until_us, int64_t *ret_closed)
{
    int64_t until = watermark_us - e->config.label_delay_us;
    int64_t rest = until % e->config.window_us;
    int64_t whole = until - (rest < 0 ? rest + e->config.window_us : rest);
    *ret_closed = whole > closed_until_us ? whole : closed_until_us;
    return until;
}

enum err close_labels(struct op *op, struct db *db, struct watched *e, const struct prediction_sink *sink, uint64_t seed,
                      const struct label_batch *batch, struct monitor_report **ret)
{
    struct work w = {.e = e, .batch = batch, .report = op_new(op, struct monitor_report), .last_trigger_us = e->last_trigger_us};
    size_t slots = rules_slots(e->state_features);
    w.states = arena_array(op->arena, slots, struct rule_state);
    if (!w.states)
        return op_fail(op, E_TOO_LARGE, "the monitor's rules find no room in one call");
    memcpy(w.states, e->states, slots * sizeof *w.states);
    w.report->rollout.reason = "";
    enum err err = join_labels(op, &w, seed);
    if (!err) {
        int64_t until = due_until(e, batch->watermark_us, e->closed_until_us, &w.closed_until_us);
        watched_detach(e, until, &w.due);
        watched_drain_requests(e);
        err = windows_out(op, db, &w, sink);
    }
    if (!err)
        err = db_write(op, db, close_tx, &w);
    if (err) {
        undo(&w);
        return err;
    }
    commit_memory(&w);
    *ret = w.report;
    return OK;
}

enum err close_flush(struct op *op, struct watched *e, const struct prediction_sink *sink)
{
    struct due due;
    watched_detach(e, INT64_MAX, &due);
    for (size_t i = 0; i < due.count; i++) {
        enum err err = window_out(op, e, due.windows[i], due.rows[i], INT64_MIN, sink, NULL);
        if (err) {
            struct due left = {.count = due.count - i};
            memcpy(left.windows, &due.windows[i], left.count * sizeof *left.windows);
            memcpy(left.rows, &due.rows[i], left.count * sizeof *left.rows);
            watched_put_back(e, &left);
            return err;
        }
        predbuf_destroy(due.windows[i]);
    }
    return OK;
}
