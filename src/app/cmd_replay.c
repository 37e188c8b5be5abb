/* cmd_replay.c - `ingot replay`: recorded events against a live server, in event time.
 *
 * Event time is cut into blocks. Of each block first everything that became known in it is pushed (the server
 * answers "as of t", so pushing a landing before a request that must not see it yet is harmless), then every event
 * of the block is asked for a prediction. At each event day's end the labels that are due are posted; if that started a
 * retraining, event time stands still until it is done. */
#include "app/commands.h"
#include "app/backends.h"
#include "app/remote.h"
#include "app/replay_client.h"
#include "app/replay_events.h"
#include "base/limits.h"
#include "base/time.h"
#include "core/pipeline/fspath.h"

#define PUSH_ROWS 16384
#define PENDING_POLL_MS 200
#define CALL_PAUSE_MS 100
#define SPAN_MAX_US (36525 * TIME_US_PER_DAY)

struct replay {
    struct op *op;
    struct command_ctx *ctx;
    struct client *client;
    struct replay_client *fast;
    struct replay_events *ev;
    struct str push_path, labels_path, endpoint_path;
    int64_t start_us, end_us, labels_from_us, block_us;
    size_t batch, first;          /* first: row of the present block */
    size_t block_rows;
    uint64_t pushed, duplicates, labels, requests, repeated; /* repeated: calls that met no server */
    int64_t push_us, infer_us, labels_us, pending_us;
    uint64_t feature_alerts;      /* alerts of single features that fired */
    struct replay_stats stats;
    struct json_out *out;
};

static const char *time_text(struct op *op, int64_t us)
{
    char text[32];
    text[time_format(us, text)] = '\0';
    return op_printf(op, "%s", text);
}

static enum err duration_parse(struct op *op, const char *option, struct str s, int64_t *ret_us)
{
    if (time_parse_span(s, SPAN_MAX_US, ret_us))
        return OK;
    return op_fail(op, E_INVALID, "--%s '%.*s': expected a number with s, m, h, d or w", option, STR_FMT(s));
}

/* One call of the native API. A server that is away is waited for: pushes and labels may be repeated, because a known
 * id counts once. */
static enum err call(struct replay *r, const char *method, struct str path, struct str body, struct json **ret)
{
    int64_t end_ms = time_mono_ms() + LIMIT_REPLAY_SILENCE_MS;
    for (;;) {
        enum err e = client_json(r->op, r->client, method, path, body, ret);
        if ((e != E_IO && e != E_BUSY) || time_mono_ms() >= end_ms)
            return e;
        op_clear(r->op);
        r->repeated++;
        time_sleep_ms(CALL_PAUSE_MS);
    }
}

/* Pushes rows by_known[a .. b). */
static enum err push(struct replay *r, size_t a, size_t b)
{
    struct op *op = r->op;
    int64_t begin_ns = time_mono_ns();
    enum err e = OK;
    AUTO(buf) struct buf body;
    buf_init(&body, LIMIT_HTTP_BODY_BYTES);
    for (; !e && a < b; a += PUSH_ROWS) {
        struct json *answer;
        int64_t duplicates = 0;
        size_t n = b - a < PUSH_ROWS ? b - a : PUSH_ROWS;
        buf_reset(&body);
        replay_push_body(r->ev, r->ev->by_known + a, n, &body);
        e = call(r, "POST", r->push_path, buf_str(&body), &answer);
        if (!e)
            e = json_opt_i64(op, answer, "duplicate", 0, INT64_MAX, 0, &duplicates);
        r->pushed += n;
        r->duplicates += (uint64_t)duplicates;
    }
    r->push_us += (time_mono_ns() - begin_ns) / 1000;
    return e ? op_context(op, "push") : OK;
}

static void body_of(void *arg, size_t index, struct buf *out)
{
    struct replay *r = arg;
    size_t from = index * r->batch, n = r->block_rows - from < r->batch ? r->block_rows - from : r->batch;
    replay_infer_body(r->ev, r->first + from, n, out);
}

static enum err ask(struct replay *r, size_t first, size_t end)
{
    int64_t begin_ns = time_mono_ns();
    r->first = first;
    r->block_rows = end - first;
    size_t n = (r->block_rows + r->batch - 1) / r->batch;
    enum err e = replay_client_run(r->op, r->fast, n, body_of, r, &r->stats);
    r->requests += n;
    r->infer_us += (time_mono_ns() - begin_ns) / 1000;
    return e;
}

/* --- what the server did with the labels --- */

static struct str text_of(const struct json *obj, const char *key)
{
    const struct json *j = json_get(obj, key);
    return j && j->type == JSON_STRING ? j->s : STR("");
}

static double number_of(const struct json *obj, const char *key)
{
    const struct json *j = json_get(obj, key);
    double v = 0;
    return j && json_as_f64(j, &v) ? v : 0;
}

/* One line per alert of the endpoint; those of single features are many, so the summary counts them. */
static void say_alerts(struct replay *r, const char *day, const struct json *list)
{
    for (uint32_t i = 0; list && list->type == JSON_ARRAY && i < list->len; i++) {
        const struct json *a = &list->items[i];
        bool on = str_eqc(text_of(a, "state"), "firing");
        if (str_starts(text_of(a, "rule"), STR("feature_")))
            r->feature_alerts += on;
        else
            command_say(r->ctx, "%s  alert %s: %.*s %.4g (limit %.4g)", day, on ? "fires" : "resolved", STR_FMT(text_of(a, "rule")),
                        number_of(a, "value"), number_of(a, "limit"));
    }
}

static void say_report(struct replay *r, int64_t now_us, const struct json *report)
{
    const char *day = time_text(r->op, now_us);
    say_alerts(r, day, json_get(report, "alerts"));
    const struct json *list = json_get(report, "triggers");
    for (uint32_t i = 0; list && list->type == JSON_ARRAY && i < list->len; i++) {
        const struct json *t = &list->items[i];
        command_say(r->ctx, "%s  retraining wanted: %.*s %.*s %.4g (limit %.4g)", day, STR_FMT(text_of(t, "rule")),
                    STR_FMT(text_of(t, "subject")), number_of(t, "value"), number_of(t, "limit"));
    }
    const struct json *d = json_get(report, "rollout");
    struct str verdict = text_of(d, "verdict");
    if (verdict.len && number_of(d, "to_permille") != number_of(d, "from_permille"))
        command_say(r->ctx, "%s  rollout of version %.0f: %.*s, %.0f -> %.0f permille: %.*s", day, number_of(d, "candidate"),
                    STR_FMT(verdict), number_of(d, "from_permille"), number_of(d, "to_permille"), STR_FMT(text_of(d, "reason")));
}

static bool is_pending(const struct json *answer)
{
    const struct json *p = json_get(answer, "pending");
    return p && p->type == JSON_BOOL && p->boolean;
}

/* Event time stands still while a retraining runs. */
static enum err wait_pending(struct replay *r, int64_t now_us)
{
    int64_t begin_ms = time_mono_ms();
    command_say(r->ctx, "%s  a retraining runs; event time waits", time_text(r->op, now_us));
    for (;;) {
        struct json *answer;
        enum err e = call(r, "GET", r->endpoint_path, (struct str){0}, &answer);
        int64_t waited_ms = time_mono_ms() - begin_ms;
        if (e)
            return e;
        if (!is_pending(answer)) {
            r->pending_us += waited_ms * 1000;
            command_say(r->ctx, "%s  retraining ended after %.1f s", time_text(r->op, now_us), (double)waited_ms / 1000);
            return OK;
        }
        if (waited_ms > LIMIT_REPLAY_PENDING_MS)
            return op_fail(r->op, E_TIMEOUT, "the retraining of %.*s did not end within %d s", STR_FMT(r->endpoint_path),
                           LIMIT_REPLAY_PENDING_MS / 1000);
        time_sleep_ms(PENDING_POLL_MS);
    }
}

/* Labels with from < label_at <= now of rows that were asked, then the watermark. */
static enum err post_labels(struct replay *r, int64_t from_us, int64_t now_us)
{
    struct replay_events *ev = r->ev;
    int64_t begin_ns = time_mono_ns();
    size_t a = replay_lower_bound(ev->label_at, ev->by_label, ev->rows, from_us + 1);
    size_t b = replay_lower_bound(ev->label_at, ev->by_label, ev->rows, now_us + 1), n = 0;
    uint32_t *rows = arena_array(r->op->arena, b - a + 1, uint32_t);
    if (!rows)
        return op_fail(r->op, E_TOO_LARGE, "too many labels of one day");
    for (; a < b; a++) {
        if (ev->t[ev->by_label[a]] >= r->labels_from_us)
            rows[n++] = ev->by_label[a];
    }
    AUTO(buf) struct buf body;
    buf_init(&body, LIMIT_HTTP_BODY_BYTES);
    replay_labels_body(ev, rows, n, now_us, &body);
    struct json *answer;
    enum err e = call(r, "POST", r->labels_path, buf_str(&body), &answer);
    if (e)
        return op_context(r->op, "labels");
    r->labels += n;
    r->labels_us += (time_mono_ns() - begin_ns) / 1000;
    const struct json *report = json_get(answer, "report");
    json_begin_object(r->out);
    json_kv_cstr(r->out, "day", time_text(r->op, now_us));
    json_kv_i64(r->out, "labels", (int64_t)n);
    json_kv_f64(r->out, "retrains_started", number_of(answer, "retrains_started"));
    json_key(r->out, "report");
    if (report) {
        say_report(r, now_us, report);
        json_value(r->out, report);
    } else {
        json_null(r->out);
    }
    json_end_object(r->out);
    return is_pending(answer) ? wait_pending(r, now_us) : OK;
}

/* --- the run --- */

static int64_t day_floor(int64_t us)
{
    int64_t rest = us % TIME_US_PER_DAY;
    return us - (rest < 0 ? rest + TIME_US_PER_DAY : rest);
}

static enum err run_blocks(struct replay *r, size_t known)
{
    struct replay_events *ev = r->ev;
    size_t at = replay_lower_bound(ev->t, NULL, ev->rows, r->start_us);
    int64_t labelled_us = r->start_us;
    enum err e = OK;
    for (int64_t b = r->start_us; !e && b < r->end_us;) {
        int64_t next = b + r->block_us, day_end = day_floor(b) + TIME_US_PER_DAY;
        next = next < day_end ? next : day_end;
        next = next < r->end_us ? next : r->end_us;
        size_t known_end = replay_lower_bound(ev->known, ev->by_known, ev->rows, next);
        size_t rows_end = replay_lower_bound(ev->t, NULL, ev->rows, next);
        e = push(r, known, known_end);
        if (!e)
            e = ask(r, at, rows_end);
        if (!e && next == day_end) {
            e = post_labels(r, labelled_us, next);
            labelled_us = next;
        }
        known = known_end;
        at = rows_end;
        b = next;
        command_progress(r->ctx, "replay", (uint64_t)((b - r->start_us) / TIME_US_PER_S), (uint64_t)((r->end_us - r->start_us) / TIME_US_PER_S));
    }
    if (e || !command_flag(r->ctx, "flush"))
        return e;
    /* After the last event the days go on until every window's labels were due. */
    int64_t last = ev->rows ? ev->label_at[ev->by_label[ev->rows - 1]] : r->end_us, delay_us = 0;
    if ((e = duration_parse(r->op, "label-delay", command_str(r->ctx, "label-delay"), &delay_us)))
        return e;
    int64_t until = day_floor(r->end_us - 1) + TIME_US_PER_DAY + delay_us;
    until = until > last ? until : last;
    while (!e && labelled_us < until) {
        int64_t next = day_floor(labelled_us) + TIME_US_PER_DAY;
        e = post_labels(r, labelled_us, next);
        labelled_us = next;
    }
    return e;
}

/* What windows at the start can still see. */
static enum err warm(struct replay *r, size_t *ret_known)
{
    struct replay_events *ev = r->ev;
    int64_t width_us = ev->view->windows[ev->view->window_len - 1].width_us;
    size_t from = replay_lower_bound(ev->known, ev->by_known, ev->rows, r->start_us - width_us + 1);
    *ret_known = replay_lower_bound(ev->known, ev->by_known, ev->rows, r->start_us);
    if (command_flag(r->ctx, "no-warm"))
        return OK;
    enum err e = push(r, from, *ret_known);
    if (!e)
        command_say(r->ctx, "pushed %zu earlier events in %.1f s", *ret_known - from, (double)r->push_us / 1e6);
    return e;
}

static void summary(struct replay *r, int64_t wall_us)
{
    struct json_out *w = r->out;
    const struct replay_stats *s = &r->stats;
    double p50 = latency_hist_quantile(&s->latency, 0.5), p95 = latency_hist_quantile(&s->latency, 0.95);
    double p99 = latency_hist_quantile(&s->latency, 0.99), rate = r->infer_us ? (double)r->requests * 1e6 / (double)r->infer_us : 0;
    json_kv_i64(w, "requests", (int64_t)r->requests);
    json_kv_i64(w, "ok", (int64_t)s->ok);
    json_kv_i64(w, "failed", (int64_t)s->failed);
    json_kv_cstr(w, "first_error", s->failed ? s->first_error : NULL);
    json_kv_i64(w, "reconnects", (int64_t)s->reconnects);
    json_kv_i64(w, "repeated_calls", (int64_t)r->repeated);
    json_kv_i64(w, "pushed", (int64_t)r->pushed);
    json_kv_i64(w, "push_duplicates", (int64_t)r->duplicates);
    json_kv_i64(w, "labels", (int64_t)r->labels);
    json_kv_i64(w, "feature_alerts", (int64_t)r->feature_alerts);
    json_kv_f64(w, "requests_per_s", rate);
    json_key(w, "latency_us");
    json_begin_object(w);
    json_kv_f64(w, "p50", p50);
    json_kv_f64(w, "p95", p95);
    json_kv_f64(w, "p99", p99);
    json_kv_i64(w, "max", s->max_us);
    json_end_object(w);
    json_kv_f64(w, "wall_s", (double)wall_us / 1e6);
    json_kv_f64(w, "infer_s", (double)r->infer_us / 1e6);
    json_kv_f64(w, "push_s", (double)r->push_us / 1e6);
    json_kv_f64(w, "labels_s", (double)r->labels_us / 1e6);
    json_kv_f64(w, "pending_s", (double)r->pending_us / 1e6);
    command_say(r->ctx, "%llu requests in %.1f s (%.0f/s), %llu failed; p50 %.0f us, p95 %.0f us, p99 %.0f us; %llu events pushed, %llu labels",
                (unsigned long long)r->requests, (double)r->infer_us / 1e6, rate, (unsigned long long)s->failed, p50, p95, p99,
                (unsigned long long)r->pushed, (unsigned long long)r->labels);
    if (r->feature_alerts)
        command_say(r->ctx, "%llu alerts of single features fired", (unsigned long long)r->feature_alerts);
    if (s->failed)
        command_say(r->ctx, "first failure: %s", s->first_error);
}

static enum err times_read(struct op *op, struct command_ctx *ctx, struct replay *r, int64_t *ret_delay_us)
{
    enum err e = command_time(op, ctx, "start", 0, &r->start_us);
    if (!e)
        e = command_time(op, ctx, "end", 0, &r->end_us);
    if (!e)
        e = command_time(op, ctx, "labels-from", r->start_us, &r->labels_from_us);
    if (!e)
        e = duration_parse(op, "block", command_str(ctx, "block"), &r->block_us);
    if (!e)
        e = duration_parse(op, "label-delay", command_str(ctx, "label-delay"), ret_delay_us);
    if (!e && (r->end_us <= r->start_us || r->block_us <= 0 || r->labels_from_us > r->start_us))
        e = op_fail(op, E_INVALID, "--end must lie behind --start, --labels-from not behind it, and --block be positive");
    int64_t batch = command_int(ctx, "batch");
    if (!e && (batch < 1 || batch > 4096))
        e = op_fail(op, E_INVALID, "--batch must be 1 to 4096");
    r->batch = (size_t)batch;
    return e;
}

static enum err save(struct op *op, struct command_ctx *ctx, struct str document)
{
    return command_has(ctx, "out") ? fspath_write(op, command_str(ctx, "out"), document, true) : OK;
}

static enum err replay_with(struct op *op, struct command_ctx *ctx, struct replay *r, struct buf *document)
{
    int64_t delay_us = 0, begin_ns = time_mono_ns();
    struct feature_view *view;
    enum err e = times_read(op, ctx, r, &delay_us);
    if (e || (e = feature_view_load(op, str_cstr(op->arena, command_str(ctx, "view")), &view)))
        return e;
    AUTO(table_engine) struct table_engine *tables = NULL;
    AUTO(client) struct client *client = NULL;
    AUTO(replay_client) struct replay_client *fast = NULL;
    AUTO(replay_events) struct replay_events *ev = NULL;
    if ((e = backend_tables_open(op, &tables)) || (e = remote_open(op, ctx, &client)) ||
        (e = replay_events_load(op, tables, view, command_str(ctx, "data"), r->labels_from_us, r->end_us, delay_us, &ev)))
        return e;
    const char *name = str_cstr(op->arena, command_str(ctx, "endpoint"));
    struct replay_target target = {.base_url = remote_url(ctx), .bearer_token = remote_token(ctx)};
    target.path = str_from(op_printf(op, "/v2/models/%.*s/infer", STR_FMT(http_percent_encode(op->arena, str_from(name), true))));
    target.connections = (int)command_int(ctx, "connections");
    target.depth = (int)command_int(ctx, "depth");
    if ((e = replay_client_create(op, &target, &fast)))
        return e;
    r->client = client;
    r->fast = fast;
    r->ev = ev;
    r->push_path = remote_path(op, "features", str_cstr(op->arena, view->name), "push", NULL);
    r->endpoint_path = remote_path(op, "endpoints", name, NULL);
    r->labels_path = remote_path(op, "endpoints", name, "labels", NULL);
    struct json_out *w = r->out;
    size_t known;
    json_begin_object(w);
    json_kv_cstr(w, "start", time_text(op, r->start_us));
    json_kv_cstr(w, "end", time_text(op, r->end_us));
    json_kv_str(w, "endpoint", str_from(name));
    json_kv_i64(w, "batch", (int64_t)r->batch);
    json_kv_i64(w, "connections", target.connections);
    json_kv_i64(w, "depth", target.depth);
    json_key(w, "days");
    json_begin_array(w);
    e = warm(r, &known);
    if (!e)
        e = run_blocks(r, known);
    if (e)
        return e;
    json_end_array(w);
    summary(r, (time_mono_ns() - begin_ns) / 1000);
    json_end_object(w);
    if (document->failed)
        return op_fail(op, E_TOO_LARGE, "the report of the replay grows too large");
    json_raw(command_out(ctx), buf_str(document));
    return save(op, ctx, buf_str(document));
}

static enum err replay_run(struct op *op, struct command_ctx *ctx)
{
    AUTO(buf) struct buf document;
    struct json_out w;
    buf_init(&document, LIMIT_MIB(256));
    json_out_init(&w, &document, 1);
    w.nonfinite = JSON_NONFINITE_NULL;
    struct replay *r = op_new(op, struct replay);
    *r = (struct replay){.op = op, .ctx = ctx, .out = &w};
    return replay_with(op, ctx, r, &document);
}

static const struct option_row replay_options[] = {
    REMOTE_OPTIONS,
    {"view", OPTION_STRING, "FILE", "the feature view: columns, when an event becomes known, its label", NULL, true},
    {"data", OPTION_STRING, "FILE", "recorded events; else the view's source", NULL, false},
    {"endpoint", OPTION_STRING, "NAME", "the endpoint to ask", NULL, true},
    {"start", OPTION_STRING, "TIME", "first event time", NULL, true},
    {"end", OPTION_STRING, "TIME", "event time to stop before", NULL, true},
    {"label-delay", OPTION_STRING, "SPAN", "how long after its event a label arrives", "1d", false},
    {"labels-from", OPTION_STRING, "TIME", "post labels of events since then; else --start (for a replay in parts)", NULL, false},
    {"block", OPTION_STRING, "SPAN", "event time between two pushes", "1h", false},
    {"batch", OPTION_INT, "N", "rows per request", "1", false},
    {"connections", OPTION_INT, "N", "keep-alive connections", "4", false},
    {"depth", OPTION_INT, "N", "requests in flight on each", "8", false},
    {"flush", OPTION_FLAG, NULL, "after the end go on posting labels until every window can close", NULL, false},
    {"no-warm", OPTION_FLAG, NULL, "do not push what windows at the start still see (an earlier part did)", NULL, false},
    {"out", OPTION_STRING, "FILE", "write the whole report as JSON", NULL, false},
    {0},
};

const struct command replay_commands[] = {
    {"replay", "", 0, 0, "replay recorded events against a live endpoint, in event time",
     "Pushes what became known, asks for a prediction per event, posts labels when they are due, and waits while the\n"
     "server retrains. Prints a line per alert, retraining and rollout step.",
     "  ingot replay --view features.yaml --endpoint flights-delay --start 2001-04-01 --end 2001-07-01 --flush --out replay.json",
     replay_options, replay_run},
    {0},
};
