#include "api/invocations/invocations.h"

#include "api/ask.h"
#include "api/invocations/scoring.h"
#include "base/limits.h"

static enum err answer(struct op *op, struct http_req *req, struct http_res *res, void *arg)
{
    struct ask *a = arg;
    (void)req;
    ask_warn(op, a, res);
    return scoring_write(op, a->arg, &a->answer, res);
}

/* The endpoint that is meant: named by the path or the query, or the only one. */
static enum err endpoint_get(struct op *op, struct services *s, struct http_req *req, struct serve_endpoint **ret)
{
    struct str name = STR(""), *names = NULL;
    int64_t version;
    if (req->path_arg_count)
        name = req->path_args[0];
    else if (!http_query_get(op, req, "endpoint", &name)) {
        size_t n = serve_list(op, s->serve, &names);
        if (n != 1)
            return op_fail(op, n ? E_INVALID : E_NOT_FOUND, "this server has %zu endpoints: name one, /endpoints/NAME/invocations", n);
        name = names[0];
    }
    return ask_endpoint(op, s, name, STR(""), ret, &version);
}

/* The media type's parameters; only charset=utf-8 may stand there. */
static const char *type_refusal(struct op *op, const struct http_req *req)
{
    struct str rest = http_header_get(req, "content-type"), part;
    if (!str_eqc(req->content_type, "application/json") && !str_eqc(req->content_type, "text/csv"))
        return op_printf(op, "This predictor only supports the following content types: Types: ['text/csv', 'application/json']. Got '%.*s'.", STR_FMT(rest));
    if (rest.p)
        (void)str_split(&rest, ';', &part);
    while (rest.p && str_split(&rest, ';', &part)) {
        size_t eq = str_find_char(part, '=');
        struct str key = str_trim(str_sub(part, 0, eq == SIZE_MAX ? part.len : eq));
        struct str value = eq == SIZE_MAX ? STR("") : str_trim(str_sub(part, eq + 1, SIZE_MAX));
        if (!key.len)
            continue;
        if (!str_ieq(key, STR("charset")))
            return op_printf(op, "Unrecognized content type parameters: %.*s.", STR_FMT(key));
        if (!str_ieq(value, STR("utf-8")) && !str_ieq(value, STR("\"utf-8\"")))
            return "The scoring server only supports UTF-8";
    }
    return NULL;
}

static enum err invocations(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct serve_endpoint *ep = NULL;
    struct infer_signature sig = {0};
    struct scoring_request *r = op_new(op, struct scoring_request);
    const char *refusal = type_refusal(op, req);
    if (refusal) {
        http_set_status(res, 415);
        http_set_type(res, "text/plain; charset=utf-8");
        buf_add_cstr(&res->body, refusal);
        return OK;
    }
    enum err e = endpoint_get(op, s, req, &ep);
    if (e)
        return e;
    struct ask *a = ask_create(op, ep, req, answer);
    e = serve_signature(op, ep, 0, &sig);
    const struct frame_want want = {.info = serve_endpoint_info(ep), .sig = &sig, .drop_unknown = true, .fill_missing = true};
    if (!e)
        e = scoring_read(op, req->body, req->content_type, &want, r);
    if (!e) {
        a->arg = r;
        a->request.inputs = r->inputs.p;
        a->request.input_count = r->inputs.len;
        a->request.unit_id = r->unit;
        e = ask_start(op, ep, a, req, res);
    }
    serve_release(ep);
    return e;
}

static enum err ping(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)op, (void)req;
    http_set_status(res, s->healthy && !s->healthy(s) ? 503 : 200);
    http_set_type(res, "application/json");
    buf_add_cstr(&res->body, "\n");
    return OK;
}

/* MLflow's names of failures. */
static const char *code_of(const struct op *op)
{
    switch (op->err) {
    case E_INVALID:
        return op->field && !strcmp(op->field, "body") ? "BAD_REQUEST" : "INVALID_PARAMETER_VALUE";
    case E_NOT_FOUND:
        return "RESOURCE_DOES_NOT_EXIST";
    case E_UNAUTHENTICATED:
        return "UNAUTHENTICATED";
    case E_DENIED:
        return "PERMISSION_DENIED";
    case E_TOO_LARGE:
        return "RESOURCE_LIMIT_EXCEEDED";
    case E_UNSUPPORTED:
        return "NOT_IMPLEMENTED";
    case E_BUSY:
        return "TEMPORARILY_UNAVAILABLE";
    case E_TIMEOUT:
        return "DEADLINE_EXCEEDED";
    default:
        return "INTERNAL_ERROR";
    }
}

static void error(struct op *op, struct http_req *req, struct http_res *res)
{
    struct json_out w;
    (void)req;
    buf_reset(&res->body);
    http_set_status(res, err_http(op->err));
    ask_retry_after(op, res);
    ask_reply(res, &w);
    json_begin_object(&w);
    json_kv_cstr(&w, "error_code", code_of(op));
    json_kv_cstr(&w, "message", op->msg ? op->msg : err_name(op->err));
    json_end_object(&w);
}

#define ASK (ROUTE_LATER | ROUTE_WRITES | ROUTE_ANY_TYPE)

static const struct route rows[] = {
    {"GET", "/ping", ping, PERM_PUBLIC, ROUTE_INLINE, 0, "The process runs, as MLflow's scoring server says it."},
    {"POST", "/invocations", invocations, PERM_INFER, ASK, 0, "Ask the only endpoint, or ?endpoint=NAME, as MLflow's scoring server is asked."},
    {"POST", "/endpoints/{name}/invocations", invocations, PERM_INFER, ASK, 0, "The same for the endpoint that is named."},
    {"POST", "/serving-endpoints/{name}/invocations", invocations, PERM_INFER, ASK, 0, "The same under the path of MLflow's deployment clients."},
};
const struct route_table invocations_routes = {.dialect = "invocations", .rows = rows, .len = ARRAY_LEN(rows), .error = error};
