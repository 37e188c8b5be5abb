#include "adapter/mlflow/rest.h"

#include <math.h>

enum err rest_get(struct mlflow_rest *m, struct op *op, const char *path, struct json **ret)
{
    return client_json(op, m->client, "GET", str_from(path), (struct str){0}, ret);
}

enum err rest_post(struct mlflow_rest *m, struct op *op, const char *path, struct str body, struct json **ret)
{
    return client_json(op, m->client, "POST", str_from(path), body, ret);
}

struct str rest_quote(struct op *op, struct str s)
{
    return http_percent_encode(op->arena, s, true);
}

struct str rest_text(const struct json *obj, const char *key)
{
    const struct json *j = json_get(obj, key);
    return j && j->type == JSON_STRING ? j->s : STR("");
}

int64_t rest_i64(const struct json *obj, const char *key)
{
    const struct json *j = json_get(obj, key);
    int64_t v = 0;
    if (j && j->type == JSON_STRING)
        return str_parse_i64(j->s, &v) ? v : 0;
    return j && json_as_i64(j, &v) ? v : 0;
}

bool rest_bool(const struct json *obj, const char *key)
{
    const struct json *j = json_get(obj, key);
    return j && j->type == JSON_BOOL && j->boolean;
}

double rest_f64(const struct json *obj, const char *key)
{
    const struct json *j = json_get(obj, key);
    double v = 0;
    if (j && j->type == JSON_STRING) {
        struct str s = str_eq(j->s, STR("Infinity")) ? STR("inf") : str_eq(j->s, STR("-Infinity")) ? STR("-inf") : j->s;
        return str_parse_f64(s, true, &v) ? v : (double)NAN;
    }
    return j && json_as_f64(j, &v) ? v : 0;
}

size_t rest_items(const struct json *obj, const char *key, const struct json **ret)
{
    const struct json *j = json_get(obj, key);
    if (!j || j->type != JSON_ARRAY)
        return 0;
    *ret = j->items;
    return j->len;
}

enum err rest_kvs(struct op *op, const struct json *obj, const char *key, struct origin_kvs *ret)
{
    const struct json *items = NULL;
    size_t n = rest_items(obj, key, &items);
    struct origin_kv *kvs = arena_array(op->arena, n + 1, struct origin_kv);
    if (!kvs)
        return op_fail(op, E_TOO_LARGE, "too many %s", key);
    for (size_t i = 0; i < n; i++)
        kvs[i] = (struct origin_kv){rest_text(&items[i], "key"), rest_text(&items[i], "value")};
    *ret = (struct origin_kvs){kvs, n};
    return OK;
}

struct str rest_next(const struct json *doc)
{
    struct str token = rest_text(doc, "next_page_token");
    return token.len ? token : REST_END;
}
