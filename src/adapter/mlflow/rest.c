#include "adapter/mlflow/rest.h"

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

struct str rest_next(const struct json *doc)
{
    struct str token = record_text(doc, "next_page_token");
    return token.len ? token : REST_END;
}
