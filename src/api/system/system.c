#include "api/system/system.h"

#include "api/ask.h"
#include "api/services.h"
#include "api/system/openmetrics.h"

/* MLflow's clients parse this as a version of MLflow (PEP 440) and ask for at least 3.4; the local part says who answers. */
#define MLFLOW_COMPATIBLE "3.17.2"

static enum err health(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)op, (void)req;
    http_set_type(res, "text/plain; charset=utf-8");
    if (s->healthy && !s->healthy(s)) {
        http_set_status(res, 503);
        buf_add_cstr(&res->body, "the database no longer accepts writes; see the log");
        return OK;
    }
    buf_add_cstr(&res->body, "OK");
    return OK;
}

static enum err version(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)op, (void)s, (void)req;
    http_set_type(res, "text/plain; charset=utf-8");
    buf_add_cstr(&res->body, MLFLOW_COMPATIBLE "+ingot." INGOT_VERSION);
    return OK;
}

static enum err metrics(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)op;
    if (!openmetrics_accepted(http_header_get(req, "accept"))) {
        http_set_type(res, "text/plain; version=0.0.4; charset=utf-8");
        if (s->metrics)
            s->metrics(s, &res->body);
        return OK;
    }
    AUTO(buf) struct buf text;
    buf_init(&text, res->body.max);
    if (s->metrics)
        s->metrics(s, &text);
    http_set_type(res, OPENMETRICS_TYPE);
    openmetrics_write(buf_str(&text), &res->body);
    return OK;
}

static const struct route rows[] = {
    {"GET", "/health", health, PERM_PUBLIC, ROUTE_INLINE, 0, "OK while the server can do its work."},
    {"GET", "/version", version, PERM_PUBLIC, ROUTE_INLINE, 0, "The MLflow version whose clients work, and ours."},
    {"GET", "/metrics", metrics, PERM_READ, ROUTE_POOL, 0, "Prometheus metrics."},
};
static const struct route_shape texts[] = {
    {.handler = health, .type = "text/plain"},
    {.handler = version, .type = "text/plain"},
    {.handler = metrics, .type = "text/plain"},
    {.handler = NULL},
};
static const struct route_shape *const shapes[] = {texts, NULL};

const struct route_table system_routes = {.dialect = "system", .rows = rows, .len = ARRAY_LEN(rows), .error = ask_plain_error, .shapes = shapes};
