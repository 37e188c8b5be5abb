#include "api/graphql/graphql.h"

#include "api/graphql/execute.h"
#include "base/limits.h"

static enum err read_body(struct op *op, const struct http_req *req, struct str *ret_query, struct gql_request *r)
{
    struct json *j = NULL;
    const struct json *variables, *name, *query;
    enum err e = json_parse(op, req->body, JSON_DUP_LAST, &j);
    if (e)
        return op_context(op, "The request body is not valid JSON");
    query = json_get(j, "query");
    variables = json_get(j, "variables");
    name = json_get(j, "operationName");
    if (!query || query->type != JSON_STRING)
        return op_fail_field(op, "query", "The request must be a JSON object with the text 'query'.");
    if (variables && variables->type != JSON_NULL && variables->type != JSON_OBJECT)
        return op_fail_field(op, "variables", "'variables' must be an object, not %s.", json_type_name(variables->type));
    if (name && name->type != JSON_NULL && name->type != JSON_STRING)
        return op_fail_field(op, "operationName", "'operationName' must be a text, not %s.", json_type_name(name->type));
    *ret_query = query->s;
    r->variables = variables && variables->type == JSON_OBJECT ? variables : NULL;
    if (name && name->type == JSON_STRING)
        r->operation_name = name->s;
    return OK;
}

static enum err read_query(struct op *op, const struct http_req *req, struct str *ret_query, struct gql_request *r)
{
    struct str text;
    struct json *j = NULL;
    if (!http_query_get(op, req, "query", ret_query))
        return op_fail_field(op, "query", "The request must have the parameter 'query'.");
    (void)http_query_get(op, req, "operationName", &r->operation_name);
    if (!http_query_get(op, req, "variables", &text))
        return OK;
    enum err e = json_parse(op, text, JSON_DUP_LAST, &j);
    if (e)
        return op_context(op, "variables");
    if (j->type != JSON_OBJECT)
        return op_fail_field(op, "variables", "'variables' must be an object, not %s.", json_type_name(j->type));
    r->variables = j;
    return OK;
}

static enum err finish(struct op *op, struct http_res *res, struct json_out *w, const struct buf *errors)
{
    json_key(w, "errors");
    if (errors->len) {
        json_begin_array(w);
        json_raw(w, buf_str(errors));
        json_end_array(w);
    } else {
        json_null(w);
    }
    json_end_object(w);
    return res->body.failed ? op_fail(op, E_TOO_LARGE, "the answer is too large: ask for fewer results") : OK;
}

static void begin(struct http_res *res, struct json_out *w)
{
    buf_reset(&res->body);
    http_set_type(res, "application/json");
    json_out_init(w, &res->body, 0);
    w->nonfinite = JSON_NONFINITE_NULL;
    json_begin_object(w);
    json_key(w, "data");
}

static void refuse(struct op *op, struct http_res *res)
{
    struct json_out w;
    begin(res, &w);
    json_null(&w);
    json_key(&w, "errors");
    json_begin_array(&w);
    json_cstr(&w, op->msg ? op->msg : err_name(op->err));
    json_end_array(&w);
    json_end_object(&w);
}

static enum err graphql(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct gql_request r = {0};
    struct gql_operation *o = NULL;
    struct str text = STR("");
    struct gql_limits limits = {s->graphql_root_fields ? s->graphql_root_fields : LIMIT_GRAPHQL_ROOT_FIELDS,
                                s->graphql_aliases ? s->graphql_aliases : LIMIT_GRAPHQL_ALIASES};
    bool get = req->method == HTTP_GET || req->method == HTTP_HEAD;
    enum err e = get && !req->body.len ? read_query(op, req, &text, &r) : read_body(op, req, &text, &r);
    if (!e)
        e = gql_document_parse(op, text, &r.document);
    if (e)
        return e;
    if (gql_limits_check(op, r.document, limits) || gql_check(op, &r, &o)) {
        refuse(op, res);
        op_clear(op);
        return OK;
    }
    struct json_out w;
    AUTO(buf) struct buf errors;
    buf_init(&errors, LIMIT_MIB(4));
    res->no_compress = req->peer_loopback;
    begin(res, &w);
    e = gql_execute(op, s, &r, o, &w, &errors);
    return e ? e : finish(op, res, &w, &errors);
}

static void graphql_error(struct op *op, struct http_req *req, struct http_res *res)
{
    (void)req;
    http_set_status(res, err_http(op->err));
    refuse(op, res);
}

static const struct route rows[] = {
    {"POST", "/graphql", graphql, PERM_READ, ROUTE_POOL, LIMIT_MIB(1), "Answer a GraphQL document of MLflow's web interface."},
    {"GET", "/graphql", graphql, PERM_READ, ROUTE_POOL, LIMIT_MIB(1), "The same, from the query string."},
};

const struct route_table graphql_routes = {.dialect = "graphql", .rows = rows, .len = ARRAY_LEN(rows), .error = graphql_error};
