#include "api/mlflow/decode.h"

#include "base/json.h"

#include <math.h>
#include <stdio.h>

#define SEE_DOCS "See the API docs for more information about request parameters."

size_t decode_name(struct str text, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eqc(text, names[i]) || (text.len == 1 && text.p[0] == (char)('1' + i)))
            return i;
    }
    return SIZE_MAX;
}

enum err decode_missing(struct op *op, const char *path)
{
    return op_fail_field(op, path, "Missing value for required parameter '%s'. " SEE_DOCS, path);
}

/* Python's name of a JSON type, as MLflow's messages show it. */
static const char *python_type(const struct json *j)
{
    static const char *const names[] = {
        [JSON_NULL] = "NoneType", [JSON_BOOL] = "bool",  [JSON_INT] = "int",    [JSON_UINT] = "int",
        [JSON_REAL] = "float",    [JSON_STRING] = "str", [JSON_ARRAY] = "list", [JSON_OBJECT] = "dict",
    };
    return names[j->type];
}

static enum err bad_value(struct op *op, const char *path, const struct json *j)
{
    AUTO(buf) struct buf b;
    buf_init(&b, 4096);
    struct json_out w;
    json_out_init(&w, &b, 0);
    json_value(&w, j);
    if (b.failed)
        return op_fail_field(op, path, "Invalid value for parameter '%s' supplied:  Hint: Value was of type '%s'. " SEE_DOCS, path,
                             python_type(j));
    return op_fail_field(op, path, "Invalid value %.*s for parameter '%s' supplied:  Hint: Value was of type '%s'. " SEE_DOCS,
                         STR_FMT(buf_str(&b)), path, python_type(j));
}

enum err decode_bad_text(struct op *op, const char *path, struct str text)
{
    return bad_value(op, path, &(struct json){.type = JSON_STRING, .s = text});
}

enum err decode_bad_items(struct op *op, const char *path, const struct json *array)
{
    return bad_value(op, path, array);
}

enum err decode_bad_name(struct op *op, const char *path, struct str text)
{
    int64_t number;
    struct json j = {.type = JSON_STRING, .s = text};
    if (str_parse_i64(text, &number))
        j = (struct json){.type = JSON_INT, .i = number};
    return bad_value(op, path, &j);
}

static enum err decode_i64(struct op *op, const struct json *j, const char *path, int64_t *ret)
{
    if (j->type == JSON_INT)
        *ret = j->i;
    else if (j->type == JSON_STRING ? !str_parse_i64(j->s, ret) : j->type != JSON_REAL || !json_as_i64(j, ret))
        return bad_value(op, path, j);
    return OK;
}

static enum err decode_f64(struct op *op, const struct json *j, const char *path, double *ret)
{
    if (j->type == JSON_STRING) {
        if (str_eqc(j->s, "NaN"))
            *ret = (double)NAN;
        else if (str_eqc(j->s, "Infinity") || str_eqc(j->s, "-Infinity"))
            *ret = j->s.p[0] == '-' ? -(double)INFINITY : (double)INFINITY;
        else if (!str_parse_f64(j->s, false, ret) || !isfinite(*ret))
            return bad_value(op, path, j);
        return OK;
    }
    return json_as_f64(j, ret) ? OK : bad_value(op, path, j);
}

static enum err decode_strs(struct op *op, const struct json *j, const char *path, struct str_list *ret)
{
    if (j->type != JSON_ARRAY)
        return bad_value(op, path, j);
    struct str *p = arena_array(op->arena, (size_t)j->len + 1, struct str);
    if (!p)
        return op_fail(op, E_TOO_LARGE, "'%s' is too long", path);
    for (uint32_t i = 0; i < j->len; i++) {
        if (j->items[i].type != JSON_STRING)
            return bad_value(op, path, j);
        p[i] = j->items[i].s;
    }
    *ret = (struct str_list){p, j->len};
    return OK;
}

static enum err decode_kvs(struct op *op, const struct json *j, const char *path, struct track_kvs *ret)
{
    if (j->type != JSON_ARRAY)
        return bad_value(op, path, j);
    struct track_kv *p = arena_array(op->arena, (size_t)j->len + 1, struct track_kv);
    if (!p)
        return op_fail(op, E_TOO_LARGE, "'%s' is too long", path);
    for (uint32_t i = 0; i < j->len; i++) {
        const struct json *item = &j->items[i], *key, *value;
        if (item->type != JSON_OBJECT)
            return bad_value(op, path, j);
        key = json_get(item, "key");
        value = json_get(item, "value");
        if (!key || key->type == JSON_NULL || (key->type == JSON_STRING && key->s.len == 0))
            return decode_missing(op, op_printf(op, "%s[%u].key", path, i));
        if (key->type != JSON_STRING)
            return bad_value(op, op_printf(op, "%s[%u].key", path, i), key);
        if (value && value->type != JSON_STRING && value->type != JSON_NULL)
            return bad_value(op, op_printf(op, "%s[%u].value", path, i), value);
        p[i] = (struct track_kv){key->s, value && value->type == JSON_STRING ? value->s : STR("")};
    }
    *ret = (struct track_kvs){p, j->len};
    return OK;
}

static enum err decode_field(struct op *op, const struct json *j, const char *path, const struct field *f, void *ret)
{
    char *at = (char *)ret + f->at;
    switch (f->kind) {
    case FIELD_STR:
        if (j->type != JSON_STRING)
            return bad_value(op, path, j);
        *(struct str *)(void *)at = j->s;
        return OK;
    case FIELD_NAME:
        if (j->type != JSON_STRING && j->type != JSON_INT)
            return bad_value(op, path, j);
        *(struct str *)(void *)at = j->type == JSON_STRING ? j->s : str_from(op_printf(op, "%lld", (long long)j->i));
        return OK;
    case FIELD_I64:
        return decode_i64(op, j, path, (int64_t *)(void *)at);
    case FIELD_F64:
        return decode_f64(op, j, path, (double *)(void *)at);
    case FIELD_BOOL:
        if (j->type != JSON_BOOL)
            return bad_value(op, path, j);
        *(bool *)(void *)at = j->boolean;
        return OK;
    case FIELD_STRS:
        return decode_strs(op, j, path, (struct str_list *)(void *)at);
    case FIELD_KVS:
        return decode_kvs(op, j, path, (struct track_kvs *)(void *)at);
    default:
        if (j->type != (f->kind == FIELD_OBJECT ? JSON_OBJECT : JSON_ARRAY))
            return bad_value(op, path, j);
        *(const struct json **)(void *)at = j;
        return OK;
    }
}

enum err decode_object(struct op *op, const struct json *obj, const char *path, const struct field *fields, size_t n, void *ret)
{
    for (size_t i = 0; i < n; i++) {
        const struct field *f = &fields[i];
        const struct json *j = json_get(obj, f->name);
        if ((!j || j->type == JSON_NULL) && f->alias)
            j = json_get(obj, f->alias);
        bool empty = j && j->type == JSON_STRING && j->s.len == 0 && f->kind != FIELD_I64; /* an integer's type is asked for first */
        bool absent = !j || j->type == JSON_NULL || (f->required && empty);
        const char *name = *path ? op_printf(op, "%s%s", path, f->name) : f->name;
        if (absent && f->required)
            return decode_missing(op, name);
        enum err e = absent ? OK : decode_field(op, j, name, f, ret);
        if (e)
            return e;
    }
    return OK;
}

enum err decode_items(struct op *op, const struct json *array, const char *name, const struct field *fields, size_t n, size_t size, const void *init, void **ret, size_t *ret_len)
{
    size_t len = array ? array->len : 0;
    char *p = arena_try_alloc(op->arena, len + 1, size);
    if (!p)
        return op_fail(op, E_TOO_LARGE, "'%s' is too long", name);
    for (size_t i = 0; i < len; i++) {
        if (array->items[i].type != JSON_OBJECT)
            return bad_value(op, name, array);
        memcpy(p + i * size, init, size);
        /* The path is only needed for a failure, and naming it costs more than decoding: retry with it then. */
        if (decode_object(op, &array->items[i], "", fields, n, p + i * size)) {
            op_clear(op);
            return decode_object(op, &array->items[i], op_printf(op, "%s[%zu].", name, i), fields, n, p + i * size);
        }
    }
    *ret = p;
    *ret_len = len;
    return OK;
}

/* ---- GET: the query as the object ---- */

static enum err query_field(struct op *op, const struct http_req *req, const struct field *f, void *ret)
{
    struct str *values = NULL;
    size_t n = http_query_all(op, req, f->name, &values);
    if (n == 0 && f->alias)
        n = http_query_all(op, req, f->alias, &values);
    if (n == 0 || (f->required && n == 1 && values[0].len == 0))
        return f->required ? decode_missing(op, f->name) : OK;
    for (size_t i = 0; i < n; i++) {
        if (!str_is_utf8(values[i]))
            return op_fail_field(op, f->name, "Invalid value for parameter '%s' supplied: it is not UTF-8", f->name);
    }
    char *at = (char *)ret + f->at;
    if (f->kind == FIELD_STRS) {
        *(struct str_list *)(void *)at = (struct str_list){values, n};
        return OK;
    }
    if (f->kind == FIELD_BOOL) {
        bool yes = str_ieq(values[0], STR("true"));
        if (!yes && !str_ieq(values[0], STR("false")))
            return op_fail_field(op, f->name, "Invalid boolean value: %.*s, must be 'true' or 'false'.", STR_FMT(values[0]));
        *(bool *)(void *)at = yes;
        return OK;
    }
    struct json j = {.type = JSON_STRING, .s = values[0]};
    return decode_field(op, &j, f->name, f, ret);
}

/* The key whose value stands at line and column of a text: the last string before it that a colon follows. */
static struct str key_at(struct str text, size_t line, size_t column)
{
    struct str key = {0}, last = {0};
    size_t end = 0;
    for (size_t l = 1; l < line && end < text.len; end++)
        l += text.p[end] == '\n';
    end = end + column < text.len ? end + column : text.len;
    for (size_t i = 0; i < end; i++) {
        if (text.p[i] == ':' && last.p)
            key = last;
        if (text.p[i] != '"')
            continue;
        size_t from = ++i;
        while (i < end && text.p[i] != '"')
            i += text.p[i] == '\\' ? 2 : 1;
        last = str_sub(text, from, i < end ? i - from : 0);
    }
    return key;
}

/* A text that is no JSON: the parser names line and column; people look for the field. */
static enum err bad_json(struct op *op, struct str text)
{
    size_t line = 0, column = 0;
    const char *at = op->err == E_INVALID && op->msg ? strstr(op->msg, "line ") : NULL;
    if (!at || sscanf(at, "line %zu column %zu", &line, &column) != 2)
        return op_context(op, "The request body is not valid JSON");
    struct str key = key_at(text, line, column);
    if (!key.len || key.len > 250 || !str_is_utf8(key))
        return op_context(op, "The request body is not valid JSON");
    char *why = str_cstr(op->arena, str_from(op->msg));
    op_clear(op);
    return op_fail_field(op, str_dup(op->arena, key).p, "Invalid value for parameter '%.*s' supplied: the request body is not valid JSON: %s",
                         STR_FMT(key), why);
}

static enum err body_object(struct op *op, const struct http_req *req, struct json **ret)
{
    static struct json empty = {.type = JSON_OBJECT};
    struct json *j = &empty;
    if (str_trim(req->body).len > 0) {
        enum err e = json_parse(op, req->body, JSON_NAN | JSON_DUP_LAST, &j);
        if (!e && j->type == JSON_STRING) /* old clients encode twice */
            e = json_parse(op, j->s, JSON_NAN | JSON_DUP_LAST, &j);
        if (e)
            return bad_json(op, req->body);
    }
    if (j->type != JSON_OBJECT)
        return op_fail_field(op, "body", "Invalid request body: it must be a JSON object, not %s", json_type_name(j->type));
    *ret = j;
    return OK;
}

enum err decode_request(struct op *op, const struct http_req *req, const struct field *fields, size_t n, void *ret)
{
    bool get = req->method == HTTP_GET || req->method == HTTP_HEAD;
    if (get && (req->query.len > 0 || req->body.len == 0)) {
        for (size_t i = 0; i < n; i++) {
            enum err e = query_field(op, req, &fields[i], ret);
            if (e)
                return e;
        }
        return OK;
    }
    struct json *obj = NULL;
    enum err e = body_object(op, req, &obj);
    return e ? e : decode_object(op, obj, "", fields, n, ret);
}
