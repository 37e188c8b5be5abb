/* rest_models.c - logged models and the registry of an MLflow server, over REST. */
#include <math.h>
#include <string.h>

#include "adapter/mlflow/rest.h"
#include "base/limits.h"

#define API "/api/2.0/mlflow"
#define IS_PROMPT "tags.`mlflow.prompt.is_prompt` = 'true'"

static enum err no_room(struct op *op)
{
    return op_fail(op, E_TOO_LARGE, "a page of the server does not fit in memory");
}

/* ---- logged models ---- */

static enum err logged_models_page(struct mlflow_rest *m, struct op *op, struct str cursor, struct json **ret)
{
    AUTO(buf) struct buf body;
    struct json_out w;
    buf_init(&body, LIMIT_MIB(16));
    json_out_init(&w, &body, 0);
    json_begin_object(&w);
    json_key(&w, "experiment_ids");
    json_begin_array(&w);
    for (size_t i = 0; i < m->experiment_count; i++)
        json_str(&w, m->experiments[i]);
    json_end_array(&w);
    json_kv_i64(&w, "max_results", 50);
    if (cursor.len)
        json_kv_str(&w, "page_token", cursor);
    json_end_object(&w);
    return rest_post(m, op, API "/logged-models/search", buf_str(&body), ret);
}

enum err rest_logged_models(void *self, struct op *op, struct str *cursor, struct origin_logged_model **ret, size_t *ret_n)
{
    struct mlflow_rest *m = self;
    struct json *doc = NULL;
    const struct json *items = NULL;
    *ret_n = 0;
    if (str_eq(*cursor, REST_END) || !m->experiment_count)
        return OK;
    enum err e = logged_models_page(m, op, *cursor, &doc);
    if (e == E_NOT_FOUND && !cursor->len) { /* a server of 2.x has none */
        op_clear(op);
        return OK;
    }
    if (e)
        return e;
    size_t n = record_items(doc, "models", &items);
    struct origin_logged_model *out = arena_array(op->arena, n + 1, struct origin_logged_model);
    if (!out)
        return no_room(op);
    for (size_t i = 0; !e && i < n; i++)
        e = record_logged_model(op, &items[i], &out[i]);
    *cursor = rest_next(doc);
    *ret = out;
    *ret_n = e ? 0 : n;
    return e;
}

/* ---- the registry: models first, then prompts, which a search leaves out unless it names their tag ---- */

/* The cursor is "m<token>", then "p<token>". */
static enum err registry_page(struct mlflow_rest *m, struct op *op, const char *path, int page, struct str *cursor, struct json **ret)
{
    bool prompts = cursor->len && cursor->p[0] == 'p';
    struct str token = cursor->len ? str_sub(*cursor, 1, cursor->len) : STR(""), quoted = rest_quote(op, token);
    struct str filter = prompts ? rest_quote(op, STR(IS_PROMPT)) : STR("");
    enum err e = rest_get(m, op,
                          op_printf(op, "%s?max_results=%d%s%.*s%s%.*s", path, page, quoted.len ? "&page_token=" : "", STR_FMT(quoted),
                                    prompts ? "&filter=" : "", STR_FMT(filter)),
                          ret);
    if (e)
        return e;
    struct str next = record_text(*ret, "next_page_token");
    if (next.len)
        *cursor = str_from(op_printf(op, "%c%.*s", prompts ? 'p' : 'm', STR_FMT(next)));
    else
        *cursor = prompts ? REST_END : STR("p");
    return OK;
}

enum err rest_models(void *self, struct op *op, struct str *cursor, struct origin_model **ret, size_t *ret_n)
{
    struct json *doc = NULL;
    const struct json *items = NULL;
    enum err e = OK;
    size_t n = 0;
    *ret_n = 0;
    while (!e && !n && !str_eq(*cursor, REST_END)) {
        e = registry_page(self, op, API "/registered-models/search", 100, cursor, &doc);
        n = e ? 0 : record_items(doc, "registered_models", &items);
    }
    struct origin_model *out = arena_array(op->arena, n + 1, struct origin_model);
    if (!e && !out)
        return no_room(op);
    for (size_t i = 0; !e && i < n; i++)
        e = record_model(op, &items[i], &out[i]);
    *ret = out;
    *ret_n = e ? 0 : n;
    return e;
}

enum err rest_versions(void *self, struct op *op, struct str *cursor, struct origin_version **ret, size_t *ret_n)
{
    struct json *doc = NULL;
    const struct json *items = NULL;
    enum err e = OK;
    size_t n = 0;
    *ret_n = 0;
    while (!e && !n && !str_eq(*cursor, REST_END)) {
        e = registry_page(self, op, API "/model-versions/search", 1000, cursor, &doc);
        n = e ? 0 : record_items(doc, "model_versions", &items);
    }
    struct origin_version *out = arena_array(op->arena, n + 1, struct origin_version);
    if (!e && !out)
        return no_room(op);
    for (size_t i = 0; !e && i < n; i++)
        e = record_version(op, &items[i], &out[i]);
    *ret = out;
    *ret_n = e ? 0 : n;
    return e;
}
