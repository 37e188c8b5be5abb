#include "api/v2/v2.h"

#include "api/ask.h"
#include "api/v2/answer.h"
#include "api/v2/control.h"
#include "api/v2/model.h"
#include "base/limits.h"

static enum err server_metadata(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    static const char *const extensions[] = {"binary_tensor_data", "classification", "logging", "model_configuration", "model_repository",
                                             "model_repository(unload_dependents)", "parameters", "schedule_policy", "sequence",
                                             "sequence(string_id)", "statistics", "trace"};
    (void)op, (void)req;
    struct json_out w;
    ask_reply(res, &w);
    json_begin_object(&w);
    json_kv_cstr(&w, "name", "ingot");
    json_kv_cstr(&w, "version", INGOT_VERSION);
    json_key(&w, "extensions");
    json_begin_array(&w);
    for (size_t i = 0; i < ARRAY_LEN(extensions); i++)
        json_cstr(&w, extensions[i]);
    if (s->memory)
        json_cstr(&w, "system_shared_memory");
    json_end_array(&w);
    json_end_object(&w);
    return OK;
}

static enum err live(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)op, (void)s, (void)req;
    struct json_out w;
    ask_reply(res, &w);
    json_begin_object(&w);
    json_kv_bool(&w, "live", true);
    json_end_object(&w);
    return OK;
}

/* Ready when every endpoint is, as Triton's strict readiness, unless it was told otherwise. */
static enum err ready(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)req;
    struct str *names = NULL;
    size_t n = s->ready_early ? 0 : serve_list(op, s->serve, &names);
    bool all = !s->healthy || s->healthy(s);
    for (size_t i = 0; i < n; i++) {
        struct serve_endpoint *ep = NULL;
        if (serve_acquire(op, s->serve, names[i], &ep) != OK) {
            op_clear(op); /* removed since it was listed */
            continue;
        }
        all = all && serve_endpoint_info(ep)->ready;
        serve_release(ep);
    }
    struct json_out w;
    http_set_status(res, all ? 200 : 503);
    ask_reply(res, &w);
    json_begin_object(&w);
    json_kv_bool(&w, "ready", all);
    json_end_object(&w);
    return OK;
}

static enum err infer_answer(struct op *op, struct http_req *req, struct http_res *res, void *arg)
{
    struct ask *a = arg;
    (void)req;
    return v2_answer_write(op, a->name, a->arg, &a->answer, res);
}

static enum err infer(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct serve_endpoint *ep = NULL;
    struct infer_signature sig = {0};
    struct v2_request *r = op_new(op, struct v2_request);
    int64_t version = 0;
    struct str length = http_header_get(req, "inference-header-content-length");
    enum err e = ask_endpoint(op, s, req->path_args[0], req->path_arg_count > 1 ? req->path_args[1] : STR(""), &ep, &version);
    if (e)
        return e;
    struct ask *a = ask_create(op, ep, req, infer_answer);
    if (str_eqc(length, "0")) /* only a raw body needs it */
        e = serve_signature(op, ep, version, &sig);
    if (!e)
        e = v2_request_read(op, req->body, length, &sig, s->memory, r);
    if (!e) {
        r->infer.version = version;
        r->infer.started_ns = req->started_ns;
        a->request = r->infer;
        a->arg = r;
        e = ask_start(op, ep, a, req, res);
    }
    serve_release(ep);
    return e;
}

static enum err generate(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct serve_endpoint *ep = NULL;
    int64_t version = 0;
    (void)res;
    enum err e = ask_endpoint(op, s, req->path_args[0], req->path_arg_count > 1 ? req->path_args[1] : STR(""), &ep, &version);
    serve_release(ep);
    return e ? e : op_fail(op, E_UNSUPPORTED, "\"%.*s\" generates no text", STR_FMT(req->path_args[0]));
}

#define INFER (ROUTE_LATER | ROUTE_WRITES | ROUTE_ANY_TYPE)
#define CHANGE (ROUTE_POOL | ROUTE_WRITES | ROUTE_ANY_TYPE)
#define ASK(method, path, handler, help) {method, path, handler, PERM_READ, ROUTE_INLINE, 0, help}
/* The same for the model and for one of its versions. */
#define MODEL(method, rest, handler, perm, flags, help, help_version)                          \
    {method, "/v2/models/{name}" rest, handler, perm, flags, 0, help},                                            \
    {method, "/v2/models/{name}/versions/{version}" rest, handler, perm, flags, 0, help_version}
#define MEMORY(kind, what, family, help)                                                                                          \
    ASK("GET", "/v2/" kind "/status", family##_status, "Registered regions of " what "."),                                        \
    ASK("GET", "/v2/" kind "/region/{region}/status", family##_status, "The same for one region."),                               \
    {"POST", "/v2/" kind "/region/{region}/register", family##_register, PERM_DEPLOY, CHANGE, 0, help},                           \
    {"POST", "/v2/" kind "/unregister", family##_unregister, PERM_DEPLOY, CHANGE, 0, "Forget all regions of " what "."},          \
    {"POST", "/v2/" kind "/region/{region}/unregister", family##_unregister, PERM_DEPLOY, CHANGE, 0, "Forget one region."}

static const struct route rows[] = {
    {"GET", "/v2", server_metadata, PERM_PUBLIC, ROUTE_INLINE, 0, "Name, version and extensions of the server."},
    {"GET", "/v2/health/live", live, PERM_PUBLIC, ROUTE_INLINE, 0, "The process runs."},
    {"GET", "/v2/health/ready", ready, PERM_PUBLIC, ROUTE_INLINE, 0, "Every endpoint can answer."},
    ASK("GET", "/v2/models", v2_model_list, "Names of the endpoints."),
    MODEL("GET", "", v2_model_metadata, PERM_READ, ROUTE_INLINE, "Inputs, outputs and loaded versions of an endpoint.", "The same for one version."),
    MODEL("GET", "/ready", v2_model_ready, PERM_PUBLIC, ROUTE_INLINE, "The endpoint can answer.", "The version is loaded."),
    MODEL("GET", "/config", v2_model_config, PERM_READ, ROUTE_INLINE, "Configuration of an endpoint in Triton's form.", "The same for one version."),
    ASK("GET", "/v2/models/stats", v2_model_stats, "Figures of all endpoints since the start."),
    MODEL("GET", "/stats", v2_model_stats, PERM_READ, ROUTE_INLINE, "Figures of an endpoint since the start.", "The same for one version."),
    MODEL("POST", "/infer", infer, PERM_INFER, INFER, "Ask the endpoint; a running rollout decides which version answers.", "Ask one loaded version."),
    MODEL("POST", "/generate", generate, PERM_INFER, CHANGE, "Not supported: language models are not served yet.", "The same for one version."),
    MODEL("POST", "/generate_stream", generate, PERM_INFER, CHANGE, "Not supported: language models are not served yet.", "The same for one version."),
    {"POST", "/v2/repository/index", v2_repository_index, PERM_READ, ROUTE_POOL | ROUTE_ANY_TYPE, 0, "Endpoints and what the repository could load."},
    {"POST", "/v2/repository/models/{name}/load", v2_repository_load, PERM_DEPLOY, CHANGE, 0, "Load, or load again, what the repository holds."},
    {"POST", "/v2/repository/models/{name}/unload", v2_repository_unload, PERM_DEPLOY, CHANGE, 0, "Serve a model no longer."},
    ASK("GET", "/v2/trace/setting", v2_trace_setting, "Settings of tracing; they are kept, and change nothing yet."),
    {"POST", "/v2/trace/setting", v2_trace_setting, PERM_ADMIN, CHANGE, 0, "Change settings of tracing."},
    ASK("GET", "/v2/models/{name}/trace/setting", v2_trace_setting, "Those of one model: the server's."),
    {"POST", "/v2/models/{name}/trace/setting", v2_trace_setting, PERM_ADMIN, CHANGE, 0, "Not supported for one model alone."},
    ASK("GET", "/v2/logging", v2_logging, "What is logged."),
    {"POST", "/v2/logging", v2_logging, PERM_ADMIN, CHANGE, 0, "Change what is logged: the levels hold at once."},
    MEMORY("systemsharedmemory", "shared memory", v2_memory, "Take tensors from a file in /dev/shm, and put them there (ingot serve --shared-memory)."),
    MEMORY("cudasharedmemory", "shared memory of GPUs", v2_no_memory, "Not supported: no memory of GPUs is read."),
};
const struct route_table v2_routes = {.dialect = "v2", .rows = rows, .len = ARRAY_LEN(rows), .error = ask_error};
