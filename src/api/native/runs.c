#include "core/track/run.h"

#include <math.h>

#include "api/native/native.h"
#include "api/services.h"
#include "base/limits.h"
#include "core/track/run_keys.h"
#include "core/track/run_window.h"

/* ---- POST /runs/search, POST /runs/tops ---- */

/* "3" or 3, absent or empty: all. */
static enum err read_experiments(struct op *op, const struct json *body, struct run_query *q)
{
    const struct json *list = json_get(body, "experiments");
    q->all_experiments = !list || list->type == JSON_NULL || (list->type == JSON_ARRAY && list->len == 0);
    if (q->all_experiments)
        return OK;
    if (list->type != JSON_ARRAY || list->len > LIMIT_TRACK_SEARCH_EXPERIMENTS)
        return op_fail_field(op, "experiments", "'experiments' must be an array of at most %d experiments", LIMIT_TRACK_SEARCH_EXPERIMENTS);
    int64_t *ids = arena_array(op->arena, list->len + 1, int64_t);
    if (!ids)
        return op_fail(op, E_TOO_LARGE, "'experiments' is too long");
    for (size_t i = 0; i < list->len; i++) {
        const struct json *j = &list->items[i];
        if (j->type == JSON_STRING ? !str_parse_i64(j->s, &ids[i]) : !json_as_i64(j, &ids[i]))
            return op_fail_field(op, op_printf(op, "experiments[%zu]", i), "'experiments[%zu]' must be the number of an experiment", i);
    }
    q->experiments = ids;
    q->experiment_count = list->len;
    return OK;
}

/* A list of texts, absent: none. */
static enum err read_texts(struct op *op, const struct json *body, const char *key, size_t max, struct str **ret, size_t *ret_len)
{
    size_t n = SIZE_MAX;
    *ret_len = 0;
    if (!native_get(body, key))
        return OK;
    enum err e = native_str_column(op, body, key, &n, ret);
    if (!e && n > max)
        return op_fail_field(op, key, "'%s' has more than %zu texts", key, max);
    for (size_t i = 0; !e && i < n; i++)
        if (!(*ret)[i].p)
            return op_fail_field(op, op_printf(op, "%s[%zu]", key, i), "'%s[%zu]' must be a text", key, i);
    if (!e)
        *ret_len = n;
    return e;
}

static enum err read_view(struct op *op, const struct json *body, enum track_view *ret)
{
    static const char *const names[] = {[TRACK_VIEW_ACTIVE] = "active", [TRACK_VIEW_DELETED] = "deleted", [TRACK_VIEW_ALL] = "all"};
    struct str view;
    enum err e = json_opt_str(op, body, "view", STR("active"), &view);
    for (size_t i = 1; !e && i < ARRAY_LEN(names); i++) {
        if (str_eqc(view, names[i])) {
            *ret = (enum track_view)i;
            return OK;
        }
    }
    return e ? e : op_fail_field(op, "view", "'view' must be \"active\", \"deleted\" or \"all\", not \"%.*s\"", STR_FMT(view));
}

/* A column of the answer: metrics.<key>, params.<key> or tags.<key>. */
struct column {
    char kind; /* m, p, t */
    struct str key;
};

static enum err read_columns(struct op *op, const struct str *texts, size_t n, struct run_query *q, struct column **ret)
{
    struct column *columns = arena_array(op->arena, n + 1, struct column);
    struct run_columns *some = op_new(op, struct run_columns);
    if (!columns)
        return op_fail(op, E_TOO_LARGE, "'columns' is too long");
    for (size_t i = 0; i < n; i++) {
        static const char *const kinds[] = {"metrics.", "params.", "tags."};
        size_t k = 0;
        while (k < ARRAY_LEN(kinds) && !str_starts(texts[i], str_from(kinds[k])))
            k++;
        if (k == ARRAY_LEN(kinds))
            return op_fail_field(op, op_printf(op, "columns[%zu]", i), "'%.*s' must begin with metrics., params. or tags.", STR_FMT(texts[i]));
        columns[i] = (struct column){kinds[k][0], str_sub(texts[i], strlen(kinds[k]), texts[i].len)};
        if (str_eqc(columns[i].key, "*"))
            return op_fail_field(op, op_printf(op, "columns[%zu]", i), "'%.*s': name the columns", STR_FMT(texts[i]));
    }
    q->columns = some;
    *ret = columns;
    return run_columns_parse(op, texts, n, some);
}

static void write_value(struct json_out *w, const struct track_run *r, const struct column *c)
{
    if (c->kind == 'm') {
        for (size_t i = 0; i < r->metric_count; i++) {
            if (str_eq(r->metrics[i].key, c->key)) {
                if (isnan(r->metrics[i].value))
                    json_cstr(w, "NaN"); /* null: it has none */
                else
                    json_f64(w, r->metrics[i].value);
                return;
            }
        }
        json_null(w);
        return;
    }
    const struct track_kvs *kvs = c->kind == 'p' ? &r->params : &r->tags;
    for (size_t i = 0; i < kvs->len; i++) {
        if (str_eq(kvs->p[i].key, c->key)) {
            json_str(w, kvs->p[i].value);
            return;
        }
    }
    json_null(w);
}

static void write_run(struct json_out *w, const struct track_run *r, const struct column *columns, size_t n)
{
    if (!r->row) {
        json_null(w);
        return;
    }
    json_begin_object(w);
    json_kv_str(w, "id", r->run_id);
    json_kv_str(w, "name", r->name);
    json_kv_cstr(w, "status", track_run_status_name(r->status));
    json_kv_i64(w, "experiment", r->experiment_id);
    json_kv_str(w, "user", r->user_id);
    json_kv_i64(w, "start_ms", r->start_ms);
    if (r->has_end)
        json_kv_i64(w, "end_ms", r->end_ms);
    if (r->deleted)
        json_kv_bool(w, "deleted", true);
    json_key(w, "values");
    json_begin_array(w);
    for (size_t i = 0; i < n; i++)
        write_value(w, r, &columns[i]);
    json_end_array(w);
    json_end_object(w);
}

enum err native_runs_search(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct run_window_query q = {.search.index = s->run_index};
    struct run_window window;
    struct json *body = NULL;
    struct str *order = NULL, *texts = NULL;
    struct column *columns = NULL;
    size_t n = 0;
    enum err e = native_body(op, req, &body);
    if (e || (e = read_experiments(op, body, &q.search)) || (e = json_opt_str(op, body, "filter", STR(""), &q.search.filter)) ||
        (e = read_texts(op, body, "sort", LIMIT_TRACK_ORDER_BY, &order, &q.search.order_count)) ||
        (e = read_texts(op, body, "columns", LIMIT_TRACK_SEARCH_COLUMNS, &texts, &n)) || (e = read_columns(op, texts, n, &q.search, &columns)) ||
        (e = read_view(op, body, &q.search.view)) || (e = json_opt_i64(op, body, "offset", 0, INT32_MAX, 0, &q.offset)) ||
        (e = json_opt_i64(op, body, "limit", 1, LIMIT_TRACK_WINDOW_ROWS, 100, &q.search.max_results)) ||
        (e = json_opt_i64(op, body, "version", 0, INT64_MAX, RUN_WINDOW_NEWEST, &q.version)))
        return e;
    q.search.order_by = order;
    e = run_window_get(op, s->db, s->run_windows, &q, &window);
    if (e)
        return e;
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    json_kv_i64(&w, "total", window.total);
    json_kv_i64(&w, "version", window.version);
    json_kv_i64(&w, "offset", q.offset);
    json_key(&w, "rows");
    json_begin_array(&w);
    for (size_t i = 0; i < window.len; i++)
        write_run(&w, &window.runs[i], columns, n);
    json_end_array(&w);
    json_end_object(&w);
    return OK;
}

enum err native_runs_tops(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct run_query q = {.index = s->run_index};
    struct run_top *tops = NULL;
    struct json *body = NULL;
    struct str *metrics = NULL;
    struct json_out w;
    size_t n = 0;
    enum err e = native_body(op, req, &body);
    if (e || (e = read_experiments(op, body, &q)) || (e = json_opt_str(op, body, "filter", STR(""), &q.filter)) || (e = read_view(op, body, &q.view)) ||
        (e = read_texts(op, body, "metrics", LIMIT_TRACK_WINDOW_TOPS, &metrics, &n)) || (e = run_window_tops(op, s->db, &q, metrics, n, &tops)))
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "tops");
    json_begin_object(&w);
    for (size_t i = 0; tops && i < n; i++) {
        if (!tops[i].any)
            continue;
        json_key_str(&w, metrics[i]);
        json_begin_array(&w);
        json_f64(&w, tops[i].min);
        json_f64(&w, tops[i].max);
        json_end_array(&w);
    }
    json_end_object(&w);
    json_end_object(&w);
    return OK;
}

/* ---- GET /runs/columns, GET /experiments ---- */

static void write_keys(struct json_out *w, const char *name, const struct run_key_list *list)
{
    json_key(w, name);
    json_begin_array(w);
    for (size_t i = 0; i < list->len; i++) {
        const struct run_key *k = &list->p[i];
        json_begin_object(w);
        json_kv_str(w, "key", k->key);
        json_kv_i64(w, "runs", k->count);
        if (k->value_count) {
            json_kv_i64(w, "distinct", k->distinct);
            json_key(w, "values");
            json_begin_array(w);
            for (size_t v = 0; v < k->value_count; v++)
                json_str(w, k->values[v].text);
            json_end_array(w);
        }
        json_end_object(w);
    }
    json_end_array(w);
}

/* "1,2" */
static enum err query_experiments(struct op *op, struct http_req *req, int64_t *ids, size_t max, size_t *ret)
{
    struct str text, part;
    *ret = 0;
    if (!http_query_get(op, req, "experiments", &text))
        return OK;
    while (text.len) {
        size_t n = 0;
        while (n < text.len && text.p[n] != ',')
            n++;
        part = str_sub(text, 0, n);
        text = str_sub(text, n + 1, text.len);
        if (*ret == max || !str_parse_i64(part, &ids[*ret]))
            return op_fail_field(op, "experiments", "query parameter 'experiments' must be at most %zu numbers with commas between", max);
        ++*ret;
    }
    return OK;
}

enum err native_runs_columns(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    int64_t ids[LIMIT_TRACK_DATASET_EXPERIMENTS];
    size_t n = 0;
    struct run_keys *k = op_new(op, struct run_keys);
    enum err e = query_experiments(op, req, ids, ARRAY_LEN(ids), &n);
    if (!e)
        e = run_keys_list(op, s->db, ids, n, k);
    if (e)
        return e;
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    json_kv_i64(&w, "runs", k->runs);
    json_kv_bool(&w, "whole", k->whole);
    write_keys(&w, "metrics", &k->metrics);
    write_keys(&w, "params", &k->params);
    write_keys(&w, "tags", &k->tags);
    json_kv_bool(&w, "more", k->metrics.more || k->params.more || k->tags.more);
    json_end_object(&w);
    return OK;
}

enum err native_experiment_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)req;
    struct run_count *c = NULL;
    size_t n = 0;
    enum err e = run_counts_list(op, s->db, s->run_index, &c, &n);
    if (e)
        return e;
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "experiments");
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++) {
        json_begin_object(&w);
        json_kv_i64(&w, "id", c[i].experiment);
        json_kv_str(&w, "name", c[i].name);
        json_kv_bool(&w, "deleted", c[i].deleted);
        json_kv_i64(&w, "created_ms", c[i].created_ms);
        json_kv_i64(&w, "runs", c[i].runs);
        json_kv_i64(&w, "running", c[i].running);
        if (c[i].runs)
            json_kv_i64(&w, "last_ms", c[i].last_ms);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    return OK;
}
