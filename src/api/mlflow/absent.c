#include "api/mlflow/absent.h"

#include "api/mlflow/encode.h"
#include "api/mlflow/mlflow.h"
#include "base/limits.h"

/* ---- honestly empty ---- */

/* A row of the route table and what it always answers. */
struct fixed {
    const char *path, *body;
};
#define AJAX(version, rest) "/ajax-api/" version "/mlflow" rest
#define API(version, rest) "/api/" version "/mlflow" rest
#define TELEMETRY "{\"disable_ui_events\": [], \"disable_ui_telemetry\": true, \"ui_rollout_percentage\": 0}"
static const struct fixed fixed[] = {
    {AJAX("3.0", "/ui-telemetry"), TELEMETRY},
    {AJAX("3.0", "/assistant/config"), "{\"providers\": {}, \"projects\": {}, \"remote_access_allowed\": false}"},
    {AJAX("3.0", "/assistant/providers"), "{\"providers\": []}"},
    {AJAX("2.0", "/gateway-proxy"), "{\"endpoints\": []}"},
};

static enum err fixed_answer(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)s;
    const struct route *row = req->route;
    const char *body = "{}";
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        if (!strcmp(fixed[i].path, row->path))
            body = fixed[i].body;
    http_set_type(res, "application/json");
    buf_add_cstr(&res->body, body);
    return res->body.failed ? op_fail(op, E_TOO_LARGE, "no memory for the answer") : OK;
}

/* Records of what people click: taken, and forgotten. "disabled" makes the page stop. */
static enum err telemetry_refused(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)op, (void)s, (void)req;
    http_set_type(res, "application/json");
    buf_add_cstr(&res->body, "{\"status\": \"disabled\"}");
    return OK;
}

/* ---- not here ---- */

/* The client takes this code as "an older server" and falls back to another way. */
static enum err endpoint_not_found(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)s;
    http_set_status(res, 404);
    mlflow_write_error(res, "ENDPOINT_NOT_FOUND", op_printf(op, "No such endpoint: %.*s %.*s", STR_FMT(req->method_text), STR_FMT(req->path)));
    return OK;
}

static enum err proxy_off(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)s;
    http_set_status(res, 503);
    http_set_type(res, "text/plain; charset=utf-8");
    buf_add_cstr(&res->body, op_printf(op,
                                       "Endpoint: %.*s disabled due to the mlflow server running with `--no-serve-artifacts`. To enable artifacts "
                                       "server functionality, run `mlflow server` with `--serve-artifacts`",
                                       STR_FMT(req->path)));
    return OK;
}

#define FIXED(method, path, help) {method, path, fixed_answer, PERM_READ, ROUTE_INLINE, LIMIT_TRACK_BODY_BYTES, help}
#define EMPTY(method, version, path, help) FIXED(method, AJAX(version, path), help), FIXED(method, API(version, path), help)
#define ABSENT(method, prefix) {method, prefix "/mlflow/{rest*}", endpoint_not_found, PERM_READ, ROUTE_INLINE, 0, "Not served."}
#define ABSENT_ALL(prefix)                                                                                                 \
    ABSENT("GET", prefix), ABSENT("POST", prefix), ABSENT("PUT", prefix), ABSENT("PATCH", prefix), ABSENT("DELETE", prefix)

static const struct route rows[] = {
    FIXED("GET", AJAX("3.0", "/ui-telemetry"), "Whether MLflow's interface should report its use: no."),
    {"POST", AJAX("3.0", "/ui-telemetry"), telemetry_refused, PERM_READ, ROUTE_INLINE, LIMIT_TRACK_BODY_BYTES, "Reports of use are dropped."},
    FIXED("GET", AJAX("3.0", "/assistant/config"), "Settings of the assistant of MLflow's interface: none."),
    FIXED("GET", AJAX("3.0", "/assistant/providers"), "Assistants on this machine: none."),
    FIXED("GET", AJAX("2.0", "/gateway-proxy"), "Endpoints of a deployment gateway: none."),
    FIXED("POST", AJAX("2.0", "/gateway-proxy"), "Endpoints of a deployment gateway: none."),
    EMPTY("GET", "3.0", "/gateway/endpoints/list", "Endpoints of the gateway: none."),
    EMPTY("GET", "3.0", "/scorers/list", "Scorers: none."),
    EMPTY("GET", "2.0", "/traces", "Traces of older clients: none."),
    EMPTY("POST", "3.0", "/traces/search", "Traces: none."),
    EMPTY("POST", "3.0", "/traces/metrics", "Figures over traces: none."),
    EMPTY("GET", "3.0", "/datasets/search", "Evaluation datasets: none."),
    EMPTY("POST", "3.0", "/datasets/search", "Evaluation datasets: none."),
    ABSENT_ALL("/api/2.0"),
    ABSENT_ALL("/ajax-api/2.0"),
    ABSENT_ALL("/api/3.0"),
    ABSENT_ALL("/ajax-api/3.0"),
};
const struct route_table mlflow_absent_routes = {.dialect = "mlflow", .rows = rows, .len = ARRAY_LEN(rows), .error = mlflow_error};

#define OFF(method, path)                                                                                                                    \
    {method, "/api/2.0/mlflow-artifacts" path, proxy_off, PERM_READ, ROUTE_INLINE, LIMIT_TRACK_BODY_BYTES, "Switched off by --no-serve-artifacts."}, \
    {method, "/ajax-api/2.0/mlflow-artifacts" path, proxy_off, PERM_READ, ROUTE_INLINE, LIMIT_TRACK_BODY_BYTES, "Switched off by --no-serve-artifacts."}
static const struct route off_rows[] = {
    OFF("GET", "/artifacts"),        OFF("GET", "/artifacts/{path*}"), OFF("PUT", "/artifacts/{path*}"), OFF("DELETE", "/artifacts/{path*}"),
    OFF("POST", "/mpu/{path*}"),     OFF("PUT", "/mpu/{path*}"),       OFF("GET", "/presigned/{path*}"),
};
const struct route_table mlflow_proxy_off_routes = {.dialect = "mlflow", .rows = off_rows, .len = ARRAY_LEN(off_rows), .error = mlflow_error};
