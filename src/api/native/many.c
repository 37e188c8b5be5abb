/* Answers about very many runs: long arrays, in binary where a browser draws from them. */
#include "core/track/many.h"

#include <math.h>
#include <string.h>

#include "api/native/columns.h"
#include "api/services.h"
#include "base/limits.h"
#include "base/map.h"
#include "core/track/crowd.h"
#include "core/track/overlay.h"

/* ---- which runs ---- */

/* The runs of a search: all experiments, unless some are named. */
static enum err read_search(struct op *op, struct services *s, const struct json *body, struct run_query *q)
{
    size_t n = SIZE_MAX, orders = SIZE_MAX;
    int64_t *experiments = NULL, runs = 0;
    struct str *order = NULL;
    *q = (struct run_query){.view = TRACK_VIEW_ACTIVE, .index = s->run_index, .all_experiments = !native_get(body, "experiments")};
    enum err e = q->all_experiments ? OK : native_i64_column(op, body, "experiments", &n, &experiments);
    if (!e && !q->all_experiments)
        q->experiments = experiments, q->experiment_count = n;
    if (!e)
        e = json_opt_str(op, body, "filter", STR(""), &q->filter);
    if (!e && native_get(body, "order_by"))
        e = native_str_column(op, body, "order_by", &orders, &order);
    for (size_t i = 0; !e && order && i < orders; i++)
        if (!order[i].p)
            e = op_fail_field(op, "order_by", "'order_by[%zu]' must be a text, not null", i);
    q->order_by = order;
    q->order_count = order ? orders : 0;
    if (!e)
        e = json_opt_i64(op, body, "runs", 1, LIMIT_TRACK_OVERLAY_RUNS, LIMIT_TRACK_OVERLAY_RUNS, &runs);
    q->max_results = runs;
    return e;
}

static enum err read_many(struct op *op, struct services *s, const struct json *body, struct many_query *q)
{
    struct run_query *found = op_new(op, struct run_query);
    enum err e = read_search(op, s, body, found); /* also where it is not made use of, so that a wrong type is refused */
    if (!e && native_get(body, "run_ids"))
        return native_read_runs(op, body, &q->run_ids, &q->run_count);
    q->search = found;
    return e;
}

/* ---- POST /metrics/overlay ---- */

/* What lines and groups have in common, the group in *c. */
static enum err read_picture(struct op *op, struct services *s, const struct json *body, struct compare_chart *c, struct overlay_query *q)
{
    int64_t points = 0;
    bool grouped = native_get(body, "group_by");
    enum err e = read_many(op, s, body, &q->runs);
    if (!e)
        e = json_want_str(op, body, "metric", &q->metric);
    if (!e)
        e = json_opt_i64(op, body, "points", grouped ? 1 : 4, LIMIT_TRACK_CHART_POINTS, grouped ? 500 : 32, &points);
    q->points = (size_t)points;
    if (!e)
        e = native_read_axis(op, body, c);
    if (!e)
        e = native_read_range(op, body, c);
    if (!e)
        e = native_read_group(op, body, c);
    if (!e)
        e = json_opt_f64(op, body, "smoothing", 0, &q->smoothing);
    q->axis = c->axis;
    q->log = c->log;
    q->limited = c->limited;
    q->from = c->from;
    q->to = c->to;
    return e;
}

/* What both forms begin with. */
static void overlay_head(struct json_out *w, const struct overlay_query *q, const struct overlay *o)
{
    json_begin_object(w);
    json_kv_str(w, "metric", q->metric);
    json_kv_cstr(w, "x_axis", native_axes[q->axis]);
    json_kv_f64(w, "from", o->from);
    json_kv_f64(w, "to", o->to);
    native_write_texts(w, "run_ids", o->run_ids, o->lines);
    native_write_texts(w, "names", o->names, o->lines);
    json_key(w, "start");
    json_begin_array(w);
    for (size_t i = 0; i <= o->lines; i++)
        json_u64(w, o->start[i]);
    json_end_array(w);
}

static void pad(struct buf *b, size_t to)
{
    while (b->len % to && !b->failed)
        buf_add_char(b, ' ');
}

/* Length of the JSON (8 bytes, little endian), the JSON filled up with spaces to a multiple of 8, then x and y as doubles, little endian: a
 * browser takes them without reading them one by one. */
static enum err overlay_binary(struct op *op, const struct overlay_query *q, const struct overlay *o, struct http_res *res)
{
    struct json_out w;
    struct buf *b = &res->body;
    uint64_t length = 0;
    buf_add(b, &length, sizeof length);
    json_out_init(&w, b, 0);
    w.nonfinite = JSON_NONFINITE_NULL;
    overlay_head(&w, q, o);
    json_end_object(&w);
    pad(b, sizeof length);
    if (b->failed)
        return op_fail(op, E_TOO_LARGE, "the answer is too large: ask for fewer runs");
    length = b->len - sizeof length;
    memcpy(b->p, &length, sizeof length);
    buf_add(b, o->x, o->points * sizeof *o->x);
    buf_add(b, o->y, o->points * sizeof *o->y);
    http_set_type(res, "application/octet-stream");
    return OK;
}

static enum err answer_lines(struct op *op, struct services *s, struct http_req *req, const struct overlay_query *q, bool binary, struct http_res *res)
{
    struct overlay o;
    struct json_out w;
    enum err e = overlay_read(op, s->db, s->series, q, &o);
    if (e || binary)
        return e ? e : overlay_binary(op, q, &o, res);
    native_reply(res, &w);
    overlay_head(&w, q, &o);
    native_write_numbers(&w, "x", o.x, o.points);
    native_write_numbers(&w, "y", o.y, o.points);
    json_end_object(&w);
    return native_finish_columns(op, req, res);
}

static enum err answer_groups(struct op *op, struct services *s, struct http_req *req, const struct crowd_query *q, struct http_res *res)
{
    struct crowd c;
    struct json_out w;
    enum err e = crowd_read(op, s->db, s->series, q, &c);
    if (e)
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    json_kv_str(&w, "metric", q->metric);
    json_kv_cstr(&w, "x", native_axes[q->axis]);
    json_kv_f64(&w, "from", c.from);
    json_kv_f64(&w, "to", c.to);
    json_kv_i64(&w, "groups", (int64_t)c.groups);
    json_kv_i64(&w, "runs", (int64_t)c.runs);
    json_key(&w, "lines");
    json_begin_array(&w);
    for (size_t i = 0; i < c.len; i++)
        native_write_line(&w, &c.lines[i], true);
    json_end_array(&w);
    json_end_object(&w);
    return native_finish_columns(op, req, res);
}

enum err native_metrics_overlay(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json *body = NULL;
    struct compare_chart c = {0};
    struct overlay_query q = {0};
    bool binary = false;
    enum err e = native_body(op, req, &body);
    if (!e)
        e = read_picture(op, s, body, &c, &q);
    if (!e)
        e = json_opt_bool(op, body, "binary", false, &binary);
    if (e)
        return e;
    struct crowd_query groups = {q.runs, q.metric, q.axis, q.log, q.limited, q.from, q.to, q.points, q.smoothing, c.group, c.group_key};
    return c.group == COMPARE_NO_GROUPS ? answer_lines(op, s, req, &q, binary, res) : answer_groups(op, s, req, &groups, res);
}

/* ---- POST /runs/values ---- */

static enum err read_columns(struct op *op, const struct json *body, struct run_columns *c)
{
    size_t n = SIZE_MAX;
    struct str *texts = NULL;
    *c = (struct run_columns){0};
    enum err e = native_get(body, "columns") ? native_str_column(op, body, "columns", &n, &texts) : OK;
    if (e || !texts)
        return e;
    if (n > LIMIT_TRACK_CROWD_COLUMNS)
        return op_fail_field(op, "columns", "'columns' has more than %d texts", LIMIT_TRACK_CROWD_COLUMNS);
    for (size_t i = 0; i < n; i++)
        if (!texts[i].p)
            return op_fail_field(op, "columns", "'columns[%zu]' must be a text, not null", i);
    e = run_columns_parse(op, texts, n, c);
    if (!e && (c->metrics || c->params || c->tags || c->inputs || c->outputs))
        e = op_fail_field(op, "columns", "'columns' must name keys: metrics.<key>, params.<key> or tags.<key>");
    return e;
}

static const struct track_metric *metric_of(const struct track_run *r, struct str key)
{
    for (size_t i = 0; i < r->metric_count; i++)
        if (str_eq(r->metrics[i].key, key))
            return &r->metrics[i];
    return NULL;
}

static struct str text_of(const struct track_kvs *kvs, struct str key)
{
    for (size_t i = 0; i < kvs->len; i++)
        if (str_eq(kvs->p[i].key, key))
            return kvs->p[i].value.len ? kvs->p[i].value : STR("");
    return (struct str){0};
}

static void write_metric_column(struct json_out *w, struct str key, const struct many_runs *m)
{
    json_begin_object(w);
    json_kv_str(w, "key", key);
    json_key(w, "values");
    json_begin_array(w);
    for (size_t i = 0; i < m->len; i++) {
        const struct track_metric *v = metric_of(&m->runs[i], key);
        if (v && isnan(v->value))
            json_cstr(w, "NaN"); /* null: it has none */
        else
            json_f64(w, v ? v->value : (double)NAN);
    }
    json_end_array(w);
    json_end_object(w);
}

/* Each different text once, and for every run which of them it has. */
static enum err write_text_column(struct op *op, struct json_out *w, struct str key, const struct many_runs *m, bool tags)
{
    struct map known;
    struct str *texts = arena_array(op->arena, m->len + 1, struct str);
    size_t *at = arena_array(op->arena, m->len + 1, size_t), n = 0;
    if (!texts || !at)
        return op_fail(op, E_TOO_LARGE, "the answer is too large: ask for fewer runs");
    map_init(&known, op->arena);
    for (size_t i = 0; i < m->len; i++) {
        struct str s = text_of(tags ? &m->runs[i].tags : &m->runs[i].params, key);
        struct str *seen = s.p ? map_find(&known, s) : NULL;
        if (s.p && !seen) {
            seen = &texts[n++];
            *seen = s;
            if (!map_put(&known, s, seen))
                return op_fail(op, E_TOO_LARGE, "the answer is too large: ask for fewer runs");
        }
        at[i] = seen ? (size_t)(seen - texts) : SIZE_MAX;
    }
    json_begin_object(w);
    json_kv_str(w, "key", key);
    native_write_texts(w, "texts", texts, n);
    json_key(w, "at");
    json_begin_array(w);
    for (size_t i = 0; i < m->len; i++) {
        if (at[i] == SIZE_MAX)
            json_null(w);
        else
            json_u64(w, at[i]);
    }
    json_end_array(w);
    json_end_object(w);
    return OK;
}

static void write_attributes(struct json_out *w, const struct many_runs *m)
{
    json_key(w, "run_ids");
    json_begin_array(w);
    for (size_t i = 0; i < m->len; i++)
        json_str(w, m->runs[i].run_id);
    json_end_array(w);
    json_key(w, "names");
    json_begin_array(w);
    for (size_t i = 0; i < m->len; i++)
        json_str(w, m->runs[i].name);
    json_end_array(w);
    json_key(w, "start_ms");
    json_begin_array(w);
    for (size_t i = 0; i < m->len; i++)
        json_i64(w, m->runs[i].start_ms);
    json_end_array(w);
    json_key(w, "end_ms");
    json_begin_array(w);
    for (size_t i = 0; i < m->len; i++) {
        if (m->runs[i].has_end)
            json_i64(w, m->runs[i].end_ms);
        else
            json_null(w);
    }
    json_end_array(w);
}

enum err native_runs_values(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json *body = NULL;
    struct many_query q = {0};
    struct run_columns c;
    struct many_runs m;
    struct json_out w;
    enum err e = native_body(op, req, &body);
    if (!e)
        e = read_many(op, s, body, &q);
    if (!e)
        e = read_columns(op, body, &c);
    if (!e)
        e = many_load(op, s->db, &q, &c, &m);
    if (e)
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    write_attributes(&w, &m);
    json_key(&w, "metrics");
    json_begin_array(&w);
    for (size_t i = 0; i < c.metric_count; i++)
        write_metric_column(&w, c.some_metrics[i], &m);
    json_end_array(&w);
    for (int tags = 0; tags < 2; tags++) {
        size_t n = tags ? c.tag_count : c.param_count;
        json_key(&w, tags ? "tags" : "params");
        json_begin_array(&w);
        for (size_t i = 0; !e && i < n; i++)
            e = write_text_column(op, &w, (tags ? c.some_tags : c.some_params)[i], &m, tags);
        json_end_array(&w);
    }
    json_end_object(&w);
    return e ? e : native_finish_columns(op, req, res);
}
