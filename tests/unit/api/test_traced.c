/* A request as a span: what the conventions want to know of it, over HTTP and over gRPC, and when it is an error. */
#include "unit/base/base_test.h"

#include "api/traced.h"
#include "core/observe/tracer.h"

#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

struct receiver {
    struct telemetry telemetry;
    char text[4096]; /* "key=value;" of the first span, then its name and "!" if it failed */
};

static enum err take(void *self, struct op *op, const struct trace *const *traces, size_t n, const atomic_bool *stop, struct telemetry_answer *ret)
{
    struct receiver *r = self;
    const struct trace *t = traces[n - 1];
    size_t at = 0;
    (void)op, (void)stop, (void)ret;
    for (size_t i = 0; i < t->attr_count; i++) {
        const struct trace_attr *a = &t->attrs[i];
        at += (size_t)(a->type == TRACE_ATTR_TEXT ? snprintf(r->text + at, sizeof r->text - at, "%s=%.*s;", a->key, STR_FMT(trace_str(t, a->text)))
                                                  : snprintf(r->text + at, sizeof r->text - at, "%s=%lld;", a->key, (long long)a->i));
    }
    snprintf(r->text + at, sizeof r->text - at, "%.*s%s", STR_FMT(trace_str(t, t->spans[0].name)), t->spans[0].failed ? "!" : "");
    return OK;
}

static const struct telemetry_ops ops = {"test", take, NULL};
static const struct route infer = {"POST", "/v2/models/{name}/infer", NULL, PERM_INFER, ROUTE_INLINE, 0, ""}, health = {"GET", "/health", NULL, PERM_PUBLIC, ROUTE_INLINE, 0, ""};

static struct http_req request(struct http_header *headers, size_t n)
{
    return (struct http_req){.version = 11, .method_text = STR("POST"), .path = STR("/v2/models/m/infer"), .headers = headers, .header_count = n, .host = STR("[::1]:8000"),
                             .peer = STR("127.0.0.1:4"), .content_type = STR("application/json"), .started_ns = 5};
}

static void has(const struct receiver *r, const char *what)
{
    if (!strstr(r->text, what))
        fail_msg("\"%s\" is not in \"%s\"", what, r->text);
}

static void over_http(void **state)
{
    struct fixture *f = *state;
    struct receiver r = {.telemetry = {&ops, &r}};
    struct tracer *t = tracer_create(&(struct tracer_config){.sink = &r.telemetry, .delay_ms = 1});
    struct http_header headers[] = {{STR("traceparent"), STR(PARENT)}, {STR("user-agent"), STR("probe")}};
    struct http_req req = request(headers, 2);
    struct http_res res = {.status = 500};
    traced_begin(NULL, &f->op, &req, &infer);
    assert_null(f->op.trace);
    traced_begin(t, &f->op, &req, &health);
    assert_null(f->op.trace);
    traced_begin(t, &f->op, &req, &infer);
    assert_non_null(f->op.trace);
    traced_header(&f->op, &res);
    assert_true(res.header_count == 1 && res.headers[0].value.len == TRACE_PARENT_LEN && str_starts(res.headers[0].value, STR("00-0af7651916cd43dd8448eb211c80319c-")));
    (void)op_fail(&f->op, E_IO, "broken");
    traced_end(t, &f->op, &req, &res, &infer, 500);
    assert_null(f->op.trace);
    tracer_destroy(t);
    has(&r, "http.request.method=POST;");
    has(&r, "http.route=/v2/models/{name}/infer;");
    has(&r, "http.response.status_code=500;");
    has(&r, "server.address=::1;server.port=8000;client.address=127.0.0.1;client.port=4;");
    has(&r, "error.type=IO;");
    has(&r, "user_agent.original=probe;");
    has(&r, "POST /v2/models/{name}/infer!");
}

static void two_parents_are_none(void **state)
{
    struct fixture *f = *state;
    struct receiver r = {.telemetry = {&ops, &r}};
    struct tracer *t = tracer_create(&(struct tracer_config){.sink = &r.telemetry});
    struct http_header headers[] = {{STR("traceparent"), STR(PARENT)}, {STR("traceparent"), STR(PARENT)}};
    struct http_req req = request(headers, 2);
    traced_begin(t, &f->op, &req, &infer);
    assert_null(f->op.trace);
    tracer_destroy(t);
}

static void over_grpc(void **state)
{
    struct fixture *f = *state;
    struct receiver r = {.telemetry = {&ops, &r}};
    struct tracer *t = tracer_create(&(struct tracer_config){.sink = &r.telemetry, .delay_ms = 1});
    struct http_header headers[] = {{STR("traceparent"), STR(PARENT)}};
    struct http_req req = request(headers, 1);
    struct http_res res = {.status = 200, .trailers = {{STR("grpc-status"), STR("13")}}, .trailer_count = 1};
    req.path = STR("/inference.GRPCInferenceService/ModelInfer");
    req.content_type = STR("application/grpc");
    traced_begin(t, &f->op, &req, &infer);
    traced_end(t, &f->op, &req, &res, &infer, 200);
    tracer_destroy(t);
    has(&r, "rpc.system=grpc;rpc.service=inference.GRPCInferenceService;rpc.method=ModelInfer;rpc.grpc.status_code=13;");
    has(&r, ";inference.GRPCInferenceService/ModelInfer!");
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(over_http), TEST(two_parents_are_none), TEST(over_grpc)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
