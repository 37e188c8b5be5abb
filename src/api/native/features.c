/* features.c - online features over JSON columns: {"ids": [...], "keys": {"origin": [...]}, "available_at_us": [...], "labels": [...]}. */
#include "api/native/native.h"
#include "api/services.h"
#include "core/feature/online.h"

static enum err table_of(struct op *op, struct services *s, struct http_req *req, struct feature_table **ret)
{
    *ret = feature_online_find(s->features, req->path_args[0]);
    return *ret ? OK : op_fail(op, E_NOT_FOUND, "no feature view '%.*s'", STR_FMT(req->path_args[0]));
}

/* What forms need: the columns that a read asks for, and what each feature is. */
static void columns_write(struct json_out *w, const struct feature_view *v)
{
    static const char *const kinds[] = {[FEATURE_COUNT] = "count", [FEATURE_RATE] = "rate", [FEATURE_HOUR] = "hour", [FEATURE_WEEKDAY] = "weekday", [FEATURE_NUMBER] = "request"};
    json_key(w, "entities");
    json_begin_array(w);
    for (size_t i = 0; i < v->entity_len; i++) {
        json_begin_object(w);
        json_kv_str(w, "name", v->entities[i].name);
        json_key(w, "keys");
        json_begin_array(w);
        for (size_t k = 0; k < v->entities[i].key_len; k++)
            json_str(w, v->keys[v->entities[i].keys[k]]);
        json_end_array(w);
        json_end_object(w);
    }
    json_end_array(w);
    json_key(w, "columns");
    json_begin_array(w);
    for (size_t i = 0; i < v->len; i++) {
        const struct feature_def *f = &v->features[i];
        json_begin_object(w);
        json_kv_str(w, "name", f->name);
        json_kv_cstr(w, "type", "float32");
        json_kv_cstr(w, "kind", kinds[f->kind]);
        if (f->kind == FEATURE_COUNT || f->kind == FEATURE_RATE) {
            json_kv_str(w, "entity", v->entities[f->entity].name);
            json_kv_str(w, "window", v->windows[f->window].name);
        }
        json_end_object(w);
    }
    json_end_array(w);
    json_key(w, "numbers");
    json_begin_array(w);
    for (size_t i = 0; i < v->number_len; i++)
        json_str(w, v->numbers[i]);
    json_end_array(w);
}

static void table_write(struct json_out *w, struct feature_table *t)
{
    const struct feature_view *v = feature_table_view(t);
    struct feature_table_info info;
    feature_table_info_get(t, &info);
    json_begin_object(w);
    json_kv_str(w, "name", v->name);
    json_kv_cstr(w, "digest", v->digest);
    json_kv_str(w, "description", v->description);
    json_kv_bool(w, "online", v->online);
    json_kv_i64(w, "ttl_us", v->ttl_us);
    json_kv_str(w, "source", v->source_path);
    columns_write(w, v);
    json_key(w, "keys");
    json_begin_array(w);
    for (size_t i = 0; i < v->key_len; i++)
        json_str(w, v->keys[i]);
    json_end_array(w);
    json_key(w, "features");
    json_begin_array(w);
    for (size_t i = 0; i < v->len; i++)
        json_str(w, v->features[i].name);
    json_end_array(w);
    json_kv_i64(w, "events", (int64_t)info.events);
    json_kv_i64(w, "entity_keys", (int64_t)info.keys);
    json_kv_i64(w, "memory_bytes", (int64_t)info.memory_bytes);
    if (info.newest_us != INT64_MIN) {
        json_kv_i64(w, "newest_us", info.newest_us);
        json_kv_i64(w, "oldest_read_us", info.oldest_read_us);
    }
    json_kv_str(w, "definition", v->text);
    json_end_object(w);
}

enum err native_view_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)req;
    struct feature_table *const *tables = NULL;
    size_t n = feature_online_list(op, s->features, &tables);
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "views");
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++)
        table_write(&w, tables[i]);
    json_end_array(&w);
    json_end_object(&w);
    return OK;
}

enum err native_view_put(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json *body = NULL;
    struct str text;
    struct feature_view *parsed = NULL;
    struct feature_table *t = NULL;
    enum err e = native_body(op, req, &body);
    if (e || (e = json_want_str(op, body, "definition", &text)) || (e = feature_view_parse(op, text, &parsed)))
        return e;
    if (!str_eq(parsed->name, req->path_args[0]))
        return op_fail_field(op, "definition", "the definition is of view '%.*s', the path names '%.*s'", STR_FMT(parsed->name),
                             STR_FMT(req->path_args[0]));
    if ((e = feature_online_apply(op, s->features, text, &t)))
        return e;
    struct json_out w;
    native_reply(res, &w);
    table_write(&w, t);
    return OK;
}

enum err native_view_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct feature_table *t = NULL;
    enum err e = table_of(op, s, req, &t);
    if (e)
        return e;
    struct json_out w;
    native_reply(res, &w);
    table_write(&w, t);
    return OK;
}

/* The key columns in the view's order. */
static enum err keys_read(struct op *op, const struct feature_view *v, const struct json *body, size_t *n, struct str ***ret)
{
    const struct json *keys = NULL;
    struct str **out = arena_array(op->arena, v->key_len + 1, struct str *);
    enum err e = out ? json_want_object(op, body, "keys", &keys) : op_fail(op, E_TOO_LARGE, "no memory for the keys");
    for (size_t i = 0; !e && i < v->key_len; i++)
        e = native_str_column(op, keys, str_cstr(op->arena, v->keys[i]), n, &out[i]);
    if (!e && keys->len != v->key_len)
        e = op_fail_field(op, "keys", "'keys' must have exactly the view's %zu key columns", v->key_len);
    if (!e)
        *ret = out;
    return e;
}

enum err native_view_push(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct feature_table *t = NULL;
    struct json *body = NULL;
    struct feature_push_result result;
    int64_t *ids = NULL, *at = NULL;
    uint8_t *labels = NULL;
    struct str **keys = NULL;
    size_t n = SIZE_MAX;
    enum err e = table_of(op, s, req, &t);
    if (e || (e = native_body(op, req, &body)) || (e = native_i64_column(op, body, "available_at_us", &n, &at)) ||
        (e = native_label_column(op, body, "labels", &n, &labels)) || (e = keys_read(op, feature_table_view(t), body, &n, &keys)))
        return e;
    if (feature_table_view(t)->id_field.len && (e = native_i64_column(op, body, "ids", &n, &ids)))
        return e;
    struct feature_events events = {
        .n = n, .ids = ids, .keys = (const struct str *const *)keys, .available_at_us = at, .labels = labels};
    if ((e = feature_online_push(op, s->features, t, &events, &result)))
        return e;
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    json_kv_i64(&w, "accepted", (int64_t)result.accepted);
    json_kv_i64(&w, "duplicate", (int64_t)result.duplicate);
    json_kv_i64(&w, "expired", (int64_t)result.expired);
    json_end_object(&w);
    return OK;
}

static void row_write(struct json_out *w, const float *values, size_t n)
{
    json_begin_array(w);
    for (size_t i = 0; i < n; i++)
        json_f32(w, values[i]);
    json_end_array(w);
}

enum err native_view_read(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct feature_table *t = NULL;
    struct json *body = NULL;
    const struct json *numbers_obj = NULL;
    struct str **keys = NULL;
    int64_t *times = NULL;
    size_t n = SIZE_MAX;
    enum err e = table_of(op, s, req, &t);
    if (e || (e = native_body(op, req, &body)) || (e = native_i64_column(op, body, "time_us", &n, &times)) ||
        (e = keys_read(op, feature_table_view(t), body, &n, &keys)))
        return e;
    const struct feature_view *v = feature_table_view(t);
    double *numbers[FEATURE_NUMBERS_MAX] = {0};
    if (v->number_len && (e = json_want_object(op, body, "numbers", &numbers_obj)))
        return e;
    for (size_t i = 0; i < v->number_len; i++)
        if ((e = native_f64_column(op, numbers_obj, str_cstr(op->arena, v->numbers[i]), &n, &numbers[i])))
            return e;
    float *out = arena_array(op->arena, v->len + 1, float);
    if (!out)
        return op_fail(op, E_TOO_LARGE, "no memory for a row of %zu features", v->len);
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "features");
    json_begin_array(&w);
    for (size_t i = 0; i < v->len; i++)
        json_str(&w, v->features[i].name);
    json_end_array(&w);
    json_key(&w, "rows");
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++) {
        struct str row_keys[FEATURE_KEYS_MAX];
        double row_numbers[FEATURE_NUMBERS_MAX];
        for (size_t k = 0; k < v->key_len; k++)
            row_keys[k] = keys[k][i];
        for (size_t k = 0; k < v->number_len; k++)
            row_numbers[k] = numbers[k][i];
        struct feature_row row = {.t_us = times[i], .keys = row_keys, .numbers = row_numbers};
        if ((e = feature_online_get(op, t, &row, out)))
            return e;
        row_write(&w, out, v->len);
    }
    json_end_array(&w);
    json_end_object(&w);
    return OK;
}
