#include "api/grpc/grpc.h"

#include <health.pb-c.h>
#include <inference.pb-c.h>

#include "api/grpc/call.h"
#include "api/grpc/control.h"
#include "api/grpc/infer.h"
#include "api/grpc/watch.h"
#include "base/limits.h"

#define INFERENCE "/inference.GRPCInferenceService/"
#define HEALTH "/grpc.health.v1.Health/"
#define EACH (ROUTE_WRITES | ROUTE_ANY_TYPE | ROUTE_OWN_REFUSALS)
#define FAST (EACH | ROUTE_INLINE)
#define SLOW (EACH | ROUTE_POOL)
#define BOTH_WAYS (EACH | ROUTE_POOL | ROUTE_STREAM_BODY | ROUTE_DUPLEX)

/* Calls of one request and one answer: path, request message, handler, permission, flags, help. Settings ask for more when they change. */
#define METHODS(ROW) \
    ROW(INFERENCE "ServerLive", inference__server_live_request, control_server_live, PERM_PUBLIC, FAST, "The process runs.") \
    ROW(INFERENCE "ServerReady", inference__server_ready_request, control_server_ready, PERM_PUBLIC, FAST, "Every endpoint can answer.") \
    ROW(INFERENCE "ModelReady", inference__model_ready_request, control_model_ready, PERM_PUBLIC, FAST, "The endpoint can answer.") \
    ROW(INFERENCE "ServerMetadata", inference__server_metadata_request, control_server_metadata, PERM_PUBLIC, FAST, "Name, version and extensions of the server.") \
    ROW(INFERENCE "ModelMetadata", inference__model_metadata_request, control_model_metadata, PERM_READ, FAST, "Inputs, outputs and loaded versions of an endpoint.") \
    ROW(INFERENCE "ModelConfig", inference__model_config_request, control_model_config, PERM_READ, FAST, "The endpoint's settings as Triton words them.") \
    ROW(INFERENCE "ModelStatistics", inference__model_statistics_request, control_model_statistics, PERM_READ, FAST, "Counts and times of an endpoint, or of all.") \
    ROW(INFERENCE "RepositoryIndex", inference__repository_index_request, control_repository_index, PERM_READ, SLOW, "Endpoints, and what could be loaded.") \
    ROW(INFERENCE "RepositoryModelLoad", inference__repository_model_load_request, control_model_load, PERM_DEPLOY, SLOW, "Loads a model, or loads it again.") \
    ROW(INFERENCE "RepositoryModelUnload", inference__repository_model_unload_request, control_model_unload, PERM_DEPLOY, SLOW, "Unloads a model.") \
    ROW(INFERENCE "SystemSharedMemoryStatus", inference__system_shared_memory_status_request, control_system_status, PERM_READ, FAST, "Registered regions of shared memory.") \
    ROW(INFERENCE "SystemSharedMemoryRegister", inference__system_shared_memory_register_request, control_system_register, PERM_DEPLOY, FAST, "Take tensors from a file in /dev/shm, and put them there (ingot serve --shared-memory).") \
    ROW(INFERENCE "SystemSharedMemoryUnregister", inference__system_shared_memory_unregister_request, control_system_unregister, PERM_DEPLOY, FAST, "Forget a region, or all.") \
    ROW(INFERENCE "CudaSharedMemoryStatus", inference__cuda_shared_memory_status_request, control_cuda_status, PERM_READ, FAST, "No region: none is read.") \
    ROW(INFERENCE "CudaSharedMemoryRegister", inference__cuda_shared_memory_register_request, control_cuda_register, PERM_INFER, FAST, "Refused.") \
    ROW(INFERENCE "CudaSharedMemoryUnregister", inference__cuda_shared_memory_unregister_request, control_cuda_unregister, PERM_INFER, FAST, "Nothing to do.") \
    ROW(INFERENCE "TraceSetting", inference__trace_setting_request, control_trace_setting, PERM_READ, FAST, "Settings of tracing; changing them is for administrators.") \
    ROW(INFERENCE "LogSettings", inference__log_settings_request, control_log_settings, PERM_READ, FAST, "Settings of logging; changing them is for administrators.") \
    ROW(HEALTH "Check", grpc__health__v1__health_check_request, control_health_check, PERM_PUBLIC, FAST, "The server, or one model, can answer.")

static const struct {
    const ProtobufCMessageDescriptor *request;
    grpc_control_fn call;
} methods[] = {
#define METHOD(path, request, call, perm, flags, help) {&request##__descriptor, call},
    METHODS(METHOD)
#undef METHOD
};

/* ---- the compiled messages, in op's arena ---- */

static void *proto_alloc(void *arena, size_t size)
{
    return arena_try_alloc(arena, 1, size ? size : 1);
}

static void proto_free(void *arena, void *p)
{
    (void)arena, (void)p;
}

static enum err message_pack(struct op *op, const struct grpc_call *call, const ProtobufCMessage *m, struct http_res *res)
{
    size_t n = protobuf_c_message_get_packed_size(m);
    grpc_answer_head(call, res);
    grpc_frame_open(&res->body);
    char *p = buf_reserve(&res->body, n);
    if (p)
        res->body.len += protobuf_c_message_pack(m, (uint8_t *)p);
    enum err e = grpc_frame_close(op, call, &res->body, 0);
    if (!e)
        grpc_answer_status(op, OK, res);
    return e;
}

static const struct route rows[];

static enum err control(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    const size_t at = (size_t)((const struct route *)req->route - rows);
    ProtobufCAllocator allocator = {proto_alloc, proto_free, op->arena};
    struct grpc_call call;
    struct str message = STR("");
    void *answer = NULL;
    enum err e = grpc_call_open(op, req, &call);
    if (!e)
        e = grpc_message_only(op, &call, req->body, &message);
    if (e)
        return e;
    ProtobufCMessage *in = protobuf_c_message_unpack(methods[at].request, &allocator, message.len, (const uint8_t *)message.p);
    if (!in)
        return op_fail(op, E_INVALID, "the request is not a %s", methods[at].request->short_name);
    e = methods[at].call(op, s, in, &answer);
    return e ? e : message_pack(op, &call, answer, res);
}

static enum err unknown_method(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct grpc_call call;
    (void)s, (void)res;
    enum err e = grpc_call_open(op, req, &call);
    return e ? e : op_fail(op, E_UNSUPPORTED, "there is no method %.*s", STR_FMT(req->path));
}

/* The first rows are those of METHODS, in its order. */
static const struct route rows[] = {
#define ROUTE(path, request, call, perm, flags, help) {"POST", path, control, perm, flags, LIMIT_GRPC_CONTROL_BYTES, help},
    METHODS(ROUTE)
#undef ROUTE
    {"POST", INFERENCE "ModelInfer", grpc_model_infer, PERM_INFER, EACH | ROUTE_LATER, LIMIT_GRPC_MESSAGE_BYTES + GRPC_PREFIX_BYTES,
     "Ask the endpoint; a running rollout decides which version answers."},
    {"POST", INFERENCE "ModelStreamInfer", grpc_model_stream_infer, PERM_INFER, BOTH_WAYS, LIMIT_GRPC_STREAM_BYTES, "Ask again and again over one call."},
    {"POST", HEALTH "Watch", grpc_health_watch, PERM_PUBLIC, BOTH_WAYS, LIMIT_GRPC_CONTROL_BYTES, "The health now, and after every change."},
    {"POST", INFERENCE "{method}", unknown_method, PERM_PUBLIC, FAST, LIMIT_GRPC_CONTROL_BYTES, "Any other method: not implemented."},
    {"POST", HEALTH "{method}", unknown_method, PERM_PUBLIC, FAST, LIMIT_GRPC_CONTROL_BYTES, "Any other method: not implemented."},
};
const struct route_table grpc_routes = {.dialect = "grpc", .rows = rows, .len = ARRAY_LEN(rows), .error = grpc_error};
