#include "api/traced.h"

#include "base/time.h"
#include "core/observe/tracer.h"

/* More than one value is as none (W3C Trace Context, 3.2.1). */
static struct str header_only(const struct http_req *req, struct str name)
{
    struct str value = STR("");
    size_t n = 0;
    for (size_t i = 0; i < req->header_count; i++)
        if (req->headers[i].name.len == name.len && str_eq(req->headers[i].name, name))
            value = req->headers[i].value, n++;
    return n == 1 ? value : STR("");
}

void traced_begin(struct tracer *tracer, struct op *op, const struct http_req *req, const struct route *route)
{
    if (!tracer || route->perm == PERM_PUBLIC)
        return;
    struct str parent = header_only(req, STR("traceparent"));
    struct str state = parent.len ? header_only(req, STR("tracestate")) : STR("");
    op->trace = tracer_start(tracer, op, parent, state, route->perm == PERM_INFER);
    (void)trace_span(op->trace, TRACE_NONE, TRACE_SERVER, STR(""), req->started_ns, req->started_ns);
}

void traced_header(struct op *op, struct http_res *res)
{
    if (!op->trace)
        return;
    const struct trace_context c = trace_context_of(op->trace, 0);
    char *text = arena_alloc(op->arena, TRACE_PARENT_LEN + 1);
    trace_context_format(&c, text);
    http_set_header(res, "traceresponse", (struct str){text, TRACE_PARENT_LEN});
}

static bool is_grpc(const struct http_req *req)
{
    return str_starts(req->content_type, STR("application/grpc"));
}

/* "127.0.0.1:5000", "[::1]:5000", "host" */
static void address_describe(struct trace *t, const char *name_key, const char *port_key, struct str text)
{
    size_t colon = text.len;
    while (colon && text.p[colon - 1] != ':' && text.p[colon - 1] != ']')
        colon--;
    bool has_port = colon && text.p[colon - 1] == ':';
    int64_t port = 0;
    struct str host = has_port ? str_sub(text, 0, colon - 1) : text;
    if (host.len > 2 && host.p[0] == '[')
        host = str_sub(host, 1, host.len - 2);
    if (host.len)
        trace_attr_text(t, 0, name_key, host);
    if (has_port && str_parse_i64(str_sub(text, colon, SIZE_MAX), &port))
        trace_attr_i64(t, 0, port_key, port);
}

static void http_describe(struct op *op, const struct http_req *req, const struct route *route, int status)
{
    struct trace *t = op->trace;
    struct str agent = http_header_get(req, "user-agent");
    trace_attr_text(t, 0, "http.request.method", req->method_text);
    trace_attr_text(t, 0, "http.route", str_from(route->path));
    trace_attr_text(t, 0, "url.path", req->path);
    trace_attr_text(t, 0, "url.scheme", req->tls ? STR("https") : STR("http"));
    trace_attr_i64(t, 0, "http.response.status_code", status);
    trace_attr_text(t, 0, "network.protocol.version", req->version == 20 ? STR("2") : STR("1.1"));
    if (agent.len)
        trace_attr_text(t, 0, "user_agent.original", agent);
}

/* grpc-status as it was sent, in a trailer or in the head; 0 when it was not. */
static int64_t grpc_status(const struct http_res *res)
{
    int64_t n = 0;
    for (size_t i = 0; i < res->trailer_count; i++)
        if (str_eqc(res->trailers[i].name, "grpc-status") && str_parse_i64(res->trailers[i].value, &n))
            return n;
    for (size_t i = 0; i < res->header_count; i++)
        if (str_eqc(res->headers[i].name, "grpc-status") && str_parse_i64(res->headers[i].value, &n))
            return n;
    return 0;
}

static int64_t grpc_describe(struct op *op, const struct http_req *req, const struct http_res *res)
{
    struct trace *t = op->trace;
    struct str path = str_sub(req->path, 1, SIZE_MAX), service = path;
    size_t slash = str_find_char(path, '/');
    if (slash != SIZE_MAX)
        service = str_sub(path, 0, slash);
    int64_t code = grpc_status(res);
    trace_attr_text(t, 0, "rpc.system", STR("grpc"));
    trace_attr_text(t, 0, "rpc.service", service);
    trace_attr_text(t, 0, "rpc.method", slash == SIZE_MAX ? STR("") : str_sub(path, slash + 1, SIZE_MAX));
    trace_attr_i64(t, 0, "rpc.grpc.status_code", code);
    return code;
}

/* The codes that are the server's fault, as the conventions for gRPC servers have it. */
static bool grpc_is_fault(int64_t code)
{
    return code == 2 || code == 4 || code == 12 || code == 13 || code == 14 || code == 15;
}

void traced_end(struct tracer *tracer, struct op *op, const struct http_req *req, const struct http_res *res, const struct route *route, int status)
{
    struct trace *t = op->trace;
    if (!t || !t->span_count)
        return;
    bool grpc = is_grpc(req);
    t->spans[0].to_ns = time_mono_ns();
    t->spans[0].name = trace_text(t, grpc ? str_sub(req->path, 1, SIZE_MAX) : str_from(op_printf(op, "%s %s", route->method, route->path)));
    int64_t code = 0;
    if (grpc)
        code = grpc_describe(op, req, res);
    else
        http_describe(op, req, route, status);
    address_describe(t, "server.address", "server.port", req->host);
    address_describe(t, "client.address", "client.port", req->peer);
    trace_attr_text(t, 0, "ingot.request_id", op->request_id);
    if (op->err)
        trace_attr_text(t, 0, "error.type", str_from(err_name(op->err)));
    if (grpc ? grpc_is_fault(code) : status >= 500)
        trace_fail(t, 0, str_from(op->msg ? op->msg : ""));
    tracer_finish(tracer, t);
    op->trace = NULL;
}
