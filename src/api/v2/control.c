#include "api/v2/control.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/ask.h"
#include "api/memory.h"
#include "api/settings.h"
#include "base/seal.h"

/* The body as an object; NULL for an empty one. */
static enum err body_read(struct op *op, const struct http_req *req, const struct json **ret)
{
    struct json *doc = NULL;
    *ret = NULL;
    if (!str_trim(req->body).len)
        return OK;
    enum err e = json_parse(op, req->body, JSON_STRICT, &doc);
    if (e)
        return op_context(op, "request body");
    if (doc->type != JSON_OBJECT)
        return op_fail(op, E_INVALID, "request body: it is %s, not an object", json_type_name(doc->type));
    *ret = doc;
    return OK;
}

/* ---- repository ---- */

enum err v2_repository_index(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    const struct json *doc = NULL;
    struct serve_index_row *rows = NULL;
    struct json_out w;
    bool ready = false;
    size_t n = 0;
    enum err e = body_read(op, req, &doc);
    if (!e && doc)
        e = json_opt_bool(op, doc, "ready", false, &ready);
    if (!e)
        e = serve_index(op, s->serve, &rows, &n);
    if (e)
        return e;
    ask_reply(res, &w);
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++) {
        char version[24];
        if (ready && !rows[i].ready)
            continue;
        snprintf(version, sizeof(version), "%" PRId64, rows[i].version);
        json_begin_object(&w);
        json_kv_str(&w, "name", rows[i].name);
        if (rows[i].version)
            json_kv_cstr(&w, "version", version);
        json_kv_cstr(&w, "state", rows[i].ready ? "READY" : "UNAVAILABLE");
        if (!rows[i].ready)
            json_kv_str(&w, "reason", rows[i].reason);
        json_end_object(&w);
    }
    json_end_array(&w);
    return OK;
}

/* What a load brings: the configuration as text, files ("file:1/model.onnx") in base64. */
struct load {
    struct json *config;
    struct serve_upload *files;
    size_t file_count;
};

static enum err file_take(struct op *op, const struct json_member *m, struct serve_upload *ret)
{
    const struct str text = m->value.type == JSON_STRING ? m->value.s : STR("");
    size_t n = text.len / 4 * 3;
    for (size_t i = text.len; i > 0 && text.len - i < 2 && text.p[i - 1] == '='; i--)
        n--;
    uint8_t *bytes = m->value.type == JSON_STRING ? arena_array(op->arena, n + 1, uint8_t) : NULL;
    if (m->value.type != JSON_STRING || (bytes && !seal_unbase64(text, bytes, n)))
        return op_fail(op, E_INVALID, "parameter \"%.*s\" is not a text in base64", STR_FMT(m->key));
    if (!bytes)
        return op_fail(op, E_TOO_LARGE, "no memory for a file of %zu bytes", n);
    *ret = (struct serve_upload){.path = str_sub(m->key, sizeof("file:") - 1, SIZE_MAX), .bytes = {(const char *)bytes, n}};
    return OK;
}

static enum err load_read(struct op *op, const struct json *doc, struct load *ret)
{
    const struct json *parameters = doc ? json_get(doc, "parameters") : NULL;
    enum err e = OK;
    if (!parameters || parameters->type == JSON_NULL)
        return OK;
    if (parameters->type != JSON_OBJECT)
        return op_fail(op, E_INVALID, "parameters is %s, not an object", json_type_name(parameters->type));
    ret->files = arena_array(op->arena, (size_t)parameters->len + 1, struct serve_upload);
    if (!ret->files)
        return op_fail(op, E_TOO_LARGE, "no memory for %" PRIu32 " parameters", parameters->len);
    for (uint32_t i = 0; !e && i < parameters->len; i++) {
        const struct json_member *m = &parameters->members[i];
        if (str_starts(m->key, STR("file:")))
            e = file_take(op, m, &ret->files[ret->file_count++]);
        if (e || !str_eqc(m->key, "config"))
            continue;
        if (m->value.type != JSON_STRING)
            return op_fail(op, E_INVALID, "parameter \"config\" is not a text");
        if (json_parse(op, m->value.s, JSON_STRICT, &ret->config))
            return op_context(op, "parameter \"config\"");
    }
    return e;
}

static enum err done(struct http_res *res)
{
    http_set_type(res, "application/json");
    buf_add_cstr(&res->body, "{}");
    return OK;
}

enum err v2_repository_load(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    const struct json *doc = NULL;
    struct load load = {0};
    enum err e = body_read(op, req, &doc);
    if (!e)
        e = load_read(op, doc, &load);
    if (!e)
        e = serve_repository_load_files(op, s->serve, req->path_args[0], load.config, load.files, load.file_count);
    return e ? e : done(res);
}

enum err v2_repository_unload(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    const struct json *doc = NULL;
    bool members = false;
    enum err e = body_read(op, req, &doc);
    if (!e && doc)
        e = json_opt_bool(op, json_get(doc, "parameters"), "unload_dependents", false, &members);
    if (!e)
        e = members ? serve_repository_unload_members(op, s->serve, req->path_args[0]) : serve_repository_unload(op, s->serve, req->path_args[0]);
    return e ? e : done(res);
}

/* ---- settings ---- */

static void setting_write(struct json_out *w, const struct setting *v)
{
    json_key_str(w, v->name);
    if (v->kind == SETTING_BOOL)
        json_bool(w, v->number);
    else if (v->kind == SETTING_UINT)
        json_u64(w, v->number);
    else if (v->kind == SETTING_TEXT)
        json_str(w, v->text);
    else if (str_eqc(v->name, "trace_level")) {
        json_begin_array(w);
        for (size_t i = 0; i < v->list_len; i++)
            json_str(w, v->list[i]);
        json_end_array(w);
    } else {
        json_str(w, v->list_len ? v->list[0] : STR(""));
    }
}

static void settings_write(struct http_res *res, const struct setting *all, size_t n)
{
    struct json_out w;
    ask_reply(res, &w);
    json_begin_object(&w);
    for (size_t i = 0; i < n; i++)
        setting_write(&w, &all[i]);
    json_end_object(&w);
}

/* Tracing takes a text or a list of texts, null for the default; numbers as texts. */
static enum err trace_value(struct op *op, const struct json *j, struct setting *ret)
{
    uint32_t n = j->type == JSON_ARRAY ? j->len : j->type == JSON_NULL ? 0 : 1;
    struct str *list = arena_array(op->arena, (size_t)n + 1, struct str);
    if (!list)
        return op_fail(op, E_TOO_LARGE, "no memory for a setting");
    for (uint32_t i = 0; i < n; i++) {
        const struct json *v = j->type == JSON_ARRAY ? &j->items[i] : j;
        if (v->type == JSON_INT)
            list[i] = str_from(op_printf(op, "%" PRId64, v->i));
        else if (v->type == JSON_STRING)
            list[i] = v->s;
        else
            return op_fail(op, E_INVALID, "setting \"%.*s\" is not a text", STR_FMT(ret->name));
    }
    ret->kind = SETTING_LIST;
    ret->list = list;
    ret->list_len = n;
    return OK;
}

static enum err log_value(struct op *op, const struct json *j, struct setting *ret)
{
    int64_t v = 0;
    if (j->type == JSON_BOOL) {
        ret->kind = SETTING_BOOL;
        ret->number = j->boolean;
    } else if (j->type == JSON_STRING) {
        ret->kind = SETTING_TEXT;
        ret->text = j->s;
    } else if (json_as_i64(j, &v) && v >= 0) {
        ret->kind = SETTING_UINT;
        ret->number = (uint64_t)v;
    } else {
        return op_fail(op, E_INVALID, "setting \"%.*s\" is no value that a setting can have", STR_FMT(ret->name));
    }
    return OK;
}

typedef enum err (*value_fn)(struct op *op, const struct json *j, struct setting *ret);
static enum err changes_read(struct op *op, const struct http_req *req, value_fn value, struct setting **ret, size_t *ret_n)
{
    const struct json *doc = NULL;
    enum err e = req->method == HTTP_POST ? body_read(op, req, &doc) : OK; /* others only ask */
    size_t n = !e && doc ? doc->len : 0;
    struct setting *all = arena_array(op->arena, n + 1, struct setting);
    if (!e && !all)
        e = op_fail(op, E_TOO_LARGE, "no memory for %zu settings", n);
    for (size_t i = 0; !e && i < n; i++) {
        all[i].name = doc->members[i].key;
        e = value(op, &doc->members[i].value, &all[i]);
    }
    *ret = all;
    *ret_n = n;
    return e;
}

enum err v2_trace_setting(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct serve_endpoint *ep = NULL;
    struct setting *all = NULL;
    size_t n = 0;
    struct str model = req->path_arg_count ? req->path_args[0] : STR("");
    enum err e = model.len ? serve_acquire(op, s->serve, model, &ep) : OK;
    serve_release(ep);
    if (!e)
        e = changes_read(op, req, trace_value, &all, &n);
    if (!e)
        e = settings_trace_put(op, model, all, n);
    if (e)
        return e;
    n = settings_trace_get(op, &all);
    settings_write(res, all, n);
    return OK;
}

enum err v2_logging(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct setting *all = NULL;
    size_t n = 0;
    (void)s;
    enum err e = changes_read(op, req, log_value, &all, &n);
    if (!e)
        e = settings_log_put(op, all, n);
    if (e)
        return e;
    n = settings_log_get(op, &all);
    settings_write(res, all, n);
    return OK;
}

/* ---- shared memory (api/memory.h) ---- */

enum err v2_memory_status(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct memory_region *all = NULL;
    size_t n = 0;
    struct json_out w;
    enum err e = memory_status(op, s->memory, req->path_arg_count ? req->path_args[0] : STR(""), &all, &n);
    if (e)
        return e;
    ask_reply(res, &w);
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++) {
        json_begin_object(&w);
        json_kv_str(&w, "name", all[i].name);
        json_kv_str(&w, "key", all[i].key);
        json_kv_i64(&w, "offset", (int64_t)all[i].offset);
        json_kv_i64(&w, "byte_size", (int64_t)all[i].size_bytes);
        json_end_object(&w);
    }
    json_end_array(&w);
    return OK;
}

enum err v2_memory_register(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json *doc = NULL;
    struct memory_region r = {.name = req->path_args[0]};
    int64_t offset = 0, size = 0;
    enum err e = json_parse(op, req->body, JSON_STRICT, &doc);
    if (!e && doc->type != JSON_OBJECT)
        e = op_fail(op, E_INVALID, "request body: it is %s, not an object", json_type_name(doc->type));
    if (e || (e = json_want_str(op, doc, "key", &r.key)) || (e = json_opt_i64(op, doc, "offset", 0, INT64_MAX, 0, &offset)) ||
        (e = json_opt_i64(op, doc, "byte_size", 0, INT64_MAX, 0, &size)))
        return e;
    r.offset = (uint64_t)offset;
    r.size_bytes = (uint64_t)size;
    e = memory_register(op, s->memory, &r);
    return e ? e : done(res);
}

enum err v2_memory_unregister(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)op;
    memory_unregister(s->memory, req->path_arg_count ? req->path_args[0] : STR(""));
    return done(res);
}

/* Of GPUs: a server that reads none. Ending what was never begun is no error: clients do so before they begin. */

enum err v2_no_memory_status(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)op, (void)s, (void)req;
    http_set_type(res, "application/json");
    buf_add_cstr(&res->body, "[]");
    return OK;
}

enum err v2_no_memory_register(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)s, (void)req, (void)res;
    return op_fail(op, E_UNSUPPORTED, "this server reads no memory of GPUs");
}

enum err v2_no_memory_unregister(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)op, (void)s, (void)req;
    return done(res);
}
