/* Charts go out as columns: a few long arrays are smaller than thousands of objects, and are what chart libraries take. */
#include "core/track/compare.h"

#include <math.h>
#include <string.h>

#include "api/native/columns.h"
#include "api/services.h"
#include "base/limits.h"

/* ---- requests ---- */

enum err native_read_runs(struct op *op, const struct json *body, const struct str **ret, size_t *ret_len)
{
    struct str *ids = NULL;
    *ret_len = SIZE_MAX;
    enum err e = native_str_column(op, body, "run_ids", ret_len, &ids);
    for (size_t i = 0; !e && i < *ret_len; i++)
        if (!ids[i].p)
            e = op_fail_field(op, "run_ids", "'run_ids[%zu]' must be a text, not null", i);
    *ret = ids;
    return e;
}

const char *const native_axes[] = {[SAMPLE_STEP] = "step", [SAMPLE_TIME] = "time", [SAMPLE_RELATIVE] = "relative"};

enum err native_read_axis(struct op *op, const struct json *body, struct compare_chart *c)
{
    struct str x;
    enum err e = json_opt_str(op, body, "x", STR("step"), &x);
    for (size_t i = 0; !e && i < ARRAY_LEN(native_axes); i++) {
        if (str_eqc(x, native_axes[i])) {
            c->axis = (enum sample_axis)i;
            return json_opt_bool(op, body, "log", false, &c->log);
        }
    }
    return e ? e : op_fail_field(op, "x", "'x' must be \"step\", \"time\" or \"relative\", not \"%.*s\"", STR_FMT(x));
}

enum err native_read_range(struct op *op, const struct json *body, struct compare_chart *c)
{
    const struct json *range = json_get(body, "range");
    if (!range || range->type == JSON_NULL)
        return OK;
    c->limited = true;
    if (range->type != JSON_ARRAY || range->len != 2 || !json_as_f64(&range->items[0], &c->from) || !json_as_f64(&range->items[1], &c->to))
        return op_fail_field(op, "range", "'range' must be two numbers, the smaller one first");
    return OK;
}

static enum err read_smoothing(struct op *op, const struct json *body, struct compare_chart *c)
{
    static const struct {
        const char *kind, *strength;
        enum compare_smoothing smoothing;
    } kinds[] = {
        {"ema", "weight", COMPARE_EMA},
        {"ema_axis", "half_life", COMPARE_EMA_AXIS},
        {"mean", "window", COMPARE_MEAN},
        {"gaussian", "sigma", COMPARE_GAUSSIAN},
    };
    const struct json *s = json_get(body, "smoothing");
    struct str kind;
    if (!s || s->type == JSON_NULL)
        return OK;
    if (s->type != JSON_OBJECT)
        return op_fail_field(op, "smoothing", "'smoothing' must be an object, not %s", json_type_name(s->type));
    enum err e = json_want_str(op, s, "kind", &kind);
    for (size_t i = 0; !e && i < ARRAY_LEN(kinds); i++) {
        if (str_eqc(kind, kinds[i].kind)) {
            c->smoothing = kinds[i].smoothing;
            return json_want_f64(op, s, kinds[i].strength, &c->strength);
        }
    }
    return e ? e : op_fail_field(op, "smoothing.kind", "'kind' must be \"ema\", \"ema_axis\", \"mean\" or \"gaussian\", not \"%.*s\"", STR_FMT(kind));
}

enum err native_read_group(struct op *op, const struct json *body, struct compare_chart *c)
{
    const struct json *g = json_get(body, "group_by");
    if (!g || g->type == JSON_NULL)
        return OK;
    bool param = json_get(g, "param"), tag = json_get(g, "tag");
    if (g->type != JSON_OBJECT || param == tag)
        return op_fail_field(op, "group_by", "'group_by' must be {\"param\": name} or {\"tag\": name}");
    c->group = param ? COMPARE_BY_PARAM : COMPARE_BY_TAG;
    enum err e = json_want_str(op, g, param ? "param" : "tag", &c->group_key);
    if (!e && memchr(c->group_key.p, 0, c->group_key.len))
        e = op_fail_field(op, "group_by", "the name in 'group_by' must not hold a NUL character");
    return e;
}

static enum err read_chart(struct op *op, struct http_req *req, struct compare_chart *c)
{
    struct json *body = NULL;
    int64_t points = 0;
    enum err e = native_body(op, req, &body);
    if (!e)
        e = native_read_runs(op, body, &c->run_ids, &c->run_count);
    if (!e)
        e = json_want_str(op, body, "metric", &c->metric);
    if (!e)
        e = json_opt_i64(op, body, "points", 1, LIMIT_TRACK_CHART_POINTS, 500, &points);
    c->points = (size_t)points;
    if (!e)
        e = native_read_axis(op, body, c);
    if (!e)
        e = native_read_range(op, body, c);
    if (!e)
        e = read_smoothing(op, body, c);
    return e ? e : native_read_group(op, body, c);
}

/* ---- answers ---- */

void native_write_text(struct json_out *w, struct str s)
{
    if (s.p)
        json_str(w, s);
    else
        json_null(w);
}

void native_write_texts(struct json_out *w, const char *key, const struct str *p, size_t n)
{
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < n; i++)
        native_write_text(w, p[i]);
    json_end_array(w);
}

void native_write_numbers(struct json_out *w, const char *key, const double *p, size_t n)
{
    if (!p)
        return;
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < n; i++)
        json_f64(w, p[i]);
    json_end_array(w);
}

/* null: the run has not got the metric; "NaN": it is that. */
static void write_metric(struct json_out *w, const struct compare_row *r, size_t runs)
{
    json_key(w, "values");
    json_begin_array(w);
    for (size_t i = 0; i < runs; i++) {
        if (!r->has[i] || !isnan(r->numbers[i]))
            json_f64(w, r->has[i] ? r->numbers[i] : (double)NAN);
        else
            json_cstr(w, "NaN");
    }
    json_end_array(w);
    if (!r->extremes)
        return;
    json_key(w, "extremes");
    json_begin_array(w);
    for (size_t i = 0; i < runs; i++) {
        const struct compare_extreme *x = &r->extremes[i];
        json_begin_object(w);
        json_kv_i64(w, "points", (int64_t)x->points);
        if (x->any) {
            json_kv_f64(w, "min", x->min);
            json_kv_i64(w, "min_step", x->min_step);
            json_kv_f64(w, "max", x->max);
            json_kv_i64(w, "max_step", x->max_step);
        }
        json_end_object(w);
    }
    json_end_array(w);
}

static void write_rows(struct json_out *w, const char *key, const struct compare_rows *rows, size_t runs, bool differing)
{
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < rows->len; i++) {
        const struct compare_row *r = &rows->p[i];
        if (differing && !r->differs)
            continue;
        json_begin_object(w);
        json_kv_str(w, "key", r->key);
        json_kv_bool(w, "differs", r->differs);
        if (r->texts)
            native_write_texts(w, "values", r->texts, runs);
        else
            write_metric(w, r, runs);
        json_end_object(w);
    }
    json_end_array(w);
}

enum err native_finish_columns(struct op *op, struct http_req *req, struct http_res *res)
{
    res->no_compress = req->peer_loopback;
    return res->body.failed ? op_fail(op, E_TOO_LARGE, "the answer is too large: ask for fewer runs or points") : OK;
}

enum err native_runs_compare(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json *body = NULL;
    const struct str *ids = NULL;
    struct compare_table t;
    size_t n = 0;
    bool differing = false, extremes = false;
    enum err e = native_body(op, req, &body);
    if (!e)
        e = native_read_runs(op, body, &ids, &n);
    if (!e)
        e = json_opt_bool(op, body, "only_differing", false, &differing);
    if (!e)
        e = json_opt_bool(op, body, "extremes", false, &extremes);
    if (!e)
        e = extremes ? compare_runs_extremes(op, s->db, s->series, ids, n, &t) : compare_runs(op, s->db, ids, n, &t);
    if (e)
        return e;
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "runs");
    json_begin_array(&w);
    for (size_t i = 0; i < t.run_count; i++) {
        const struct track_run *r = &t.runs[i];
        json_begin_object(&w);
        json_kv_str(&w, "run_id", r->run_id);
        json_kv_str(&w, "name", r->name);
        json_kv_i64(&w, "experiment_id", r->experiment_id);
        json_kv_cstr(&w, "status", track_run_status_name(r->status));
        json_kv_i64(&w, "start_ms", r->start_ms);
        if (r->has_end)
            json_kv_i64(&w, "end_ms", r->end_ms);
        json_kv_bool(&w, "deleted", r->deleted);
        json_end_object(&w);
    }
    json_end_array(&w);
    write_rows(&w, "params", &t.params, t.run_count, differing);
    write_rows(&w, "tags", &t.tags, t.run_count, differing);
    write_rows(&w, "metrics", &t.metrics, t.run_count, differing);
    write_rows(&w, "code", &t.code, t.run_count, differing);
    write_rows(&w, "datasets", &t.datasets, t.run_count, differing);
    json_end_object(&w);
    return native_finish_columns(op, req, res);
}

void native_write_line(struct json_out *w, const struct compare_line *l, bool group)
{
    json_begin_object(w);
    if (group) {
        json_key(w, "group");
        native_write_text(w, l->group);
        if (l->run_ids)
            native_write_texts(w, "run_ids", l->run_ids, l->run_count);
        else
            json_kv_i64(w, "runs", (int64_t)l->run_count);
    } else {
        json_kv_str(w, "run_id", l->run_id);
        json_kv_str(w, "name", l->name);
    }
    native_write_numbers(w, "x", l->x, l->len);
    native_write_numbers(w, "mean", l->mean, l->len);
    native_write_numbers(w, "min", l->min, l->len);
    native_write_numbers(w, "max", l->max, l->len);
    native_write_numbers(w, "first", l->first, l->len);
    native_write_numbers(w, "last", l->last, l->len);
    native_write_numbers(w, "std", l->std, l->len);
    native_write_numbers(w, "stderr", l->stderr_, l->len);
    native_write_numbers(w, "smooth", l->smooth, l->len);
    json_key(w, "count");
    json_begin_array(w);
    for (size_t i = 0; i < l->len; i++)
        json_u64(w, l->count[i]);
    json_end_array(w);
    json_end_object(w);
}

enum err native_metrics_chart(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct compare_chart c = {0};
    struct compare_lines lines;
    enum err e = read_chart(op, req, &c);
    if (!e)
        e = compare_chart(op, s->db, s->series, &c, &lines);
    if (e)
        return e;
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    json_kv_str(&w, "metric", c.metric);
    json_kv_cstr(&w, "x", native_axes[c.axis]);
    json_kv_f64(&w, "from", lines.from);
    json_kv_f64(&w, "to", lines.to);
    json_key(&w, "lines");
    json_begin_array(&w);
    for (size_t i = 0; i < lines.len; i++)
        native_write_line(&w, &lines.p[i], c.group != COMPARE_NO_GROUPS);
    json_end_array(&w);
    json_end_object(&w);
    return native_finish_columns(op, req, res);
}
