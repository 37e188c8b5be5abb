/* The verb stands behind the last ':' of the path, so the routes take "NAME:predict" as one argument and it is cut here. Aliases live
 * in the database: routes with a label run on the pool, where waiting is allowed. */
#include "api/v1/v1.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/ask.h"
#include "api/v1/predict.h"
#include "base/limits.h"
#include "core/registry/alias.h"

/* One question from its body to its answer. */
struct asked {
    struct v1_request request;
    struct str *labels;    /* of the first output's last axis, kept beyond the endpoint's reference */
    size_t label_count;
};

static bool by_label(const struct http_req *req)
{
    const struct route *r = req->route;
    return strstr(r->path, "{label}") != NULL;
}

/* The endpoint and version that the path names; `last` is the path's last argument without its verb. */
static enum err target_get(struct op *op, struct services *s, struct http_req *req, struct str last, struct serve_endpoint **ret, int64_t *ret_version)
{
    struct registry_version v;
    if (req->path_arg_count < 2)
        return ask_endpoint(op, s, last, STR(""), ret, ret_version);
    if (!by_label(req))
        return ask_endpoint(op, s, req->path_args[0], last, ret, ret_version);
    enum err e = ask_endpoint(op, s, req->path_args[0], STR(""), ret, ret_version);
    if (e)
        return e;
    struct str model = str_dup(op->arena, serve_endpoint_info(*ret)->model);
    serve_release(*ret);
    if (!s->db)
        return op_fail(op, E_NOT_FOUND, "there is no label \"%.*s\"", STR_FMT(last));
    e = registry_alias_resolve(op, s->db, model, last, &v);
    if (e == E_INVALID || e == E_NOT_FOUND) {
        op_clear(op);
        return op_fail(op, E_NOT_FOUND, "\"%.*s\" has no label \"%.*s\"", STR_FMT(req->path_args[0]), STR_FMT(last));
    }
    if (e)
        return e;
    return ask_endpoint(op, s, req->path_args[0], str_from(op_printf(op, "%" PRId64, v.version)), ret, ret_version);
}

/* ---- asking ---- */

static enum err answer(struct op *op, struct http_req *req, struct http_res *res, void *arg)
{
    struct ask *a = arg;
    const struct asked *q = a->arg;
    (void)req;
    ask_warn(op, a, res);
    return v1_answer_write(op, &q->request, &a->answer, q->labels, q->label_count, res);
}

/* They are the model's: there may be very many, and the request has filled the arena as it liked. */
static enum err labels_keep(struct op *op, const struct infer_signature *sig, struct asked *q)
{
    const struct tensor_spec *spec = sig->output_count ? &sig->outputs[0] : NULL;
    const size_t n = spec && spec->labels ? spec->label_count : 0;
    struct str *labels = arena_array(op->arena, n + 1, struct str);
    for (size_t i = 0; labels && i < n; i++) {
        if (arena_left(op->arena) < spec->labels[i].len + 64)
            labels = NULL;
        else
            labels[i] = str_dup(op->arena, spec->labels[i]);
    }
    q->labels = labels;
    q->label_count = n;
    return labels ? OK : op_fail(op, E_TOO_LARGE, "no memory for %zu labels", n);
}

static enum err verb_cut(struct op *op, struct str last, struct str *ret_name, enum v1_method *ret)
{
    static const char *const verbs[] = {[V1_PREDICT] = "predict", [V1_CLASSIFY] = "classify", [V1_REGRESS] = "regress"};
    size_t colon = last.len;
    while (colon > 0 && last.p[colon - 1] != ':')
        colon--;
    struct str verb = str_sub(last, colon, SIZE_MAX);
    if (!colon)
        return op_fail(op, E_INVALID, "the path ends without a verb such as :predict");
    *ret_name = str_sub(last, 0, colon - 1);
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (str_eqc(verb, verbs[i])) {
            *ret = (enum v1_method)i;
            return OK;
        }
    }
    if (str_eqc(verb, "explain"))
        return op_fail(op, E_UNSUPPORTED, "\"%.*s\" has no explainer", STR_FMT(*ret_name));
    return op_fail(op, E_INVALID, "\":%.*s\" is none of :predict, :explain, :classify, :regress", STR_FMT(verb));
}

static enum err predict(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct serve_endpoint *ep = NULL;
    struct str last = STR("");
    enum v1_method method = V1_PREDICT;
    int64_t version = 0;
    struct asked *q = op_new(op, struct asked);
    struct infer_signature sig = {0};
    enum err e = verb_cut(op, req->path_args[req->path_arg_count - 1], &last, &method);
    if (!e)
        e = target_get(op, s, req, last, &ep, &version);
    if (e)
        return e;
    struct ask *a = ask_create(op, ep, req, answer);
    e = serve_signature(op, ep, version, &sig);
    const struct frame_want want = {.info = serve_endpoint_info(ep), .sig = &sig, .flags = VALUES_B64};
    if (!e)
        e = v1_request_read(op, req->body, method, &want, &q->request);
    if (!e && method == V1_CLASSIFY)
        e = labels_keep(op, &sig, q);
    if (!e) {
        a->arg = q;
        a->request.inputs = q->request.inputs.p;
        a->request.input_count = q->request.inputs.len;
        a->request.version = version;
        if (!by_label(req)) {
            e = ask_start(op, ep, a, req, res);
        } else if (!(e = serve_infer(op, ep, &a->request, &a->answer))) {
            e = answer(op, req, res, a);
        }
    }
    serve_release(ep);
    return e;
}

/* ---- what there is ---- */

static enum err model_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)req;
    struct str *names = NULL;
    size_t n = serve_list(op, s->serve, &names);
    struct json_out w;
    ask_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "models");
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++)
        json_str(&w, names[i]);
    json_end_array(&w);
    json_end_object(&w);
    return OK;
}

static void status_write(struct json_out *w, int64_t version)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, version);
    json_begin_object(w);
    json_kv_cstr(w, "version", text);
    json_kv_cstr(w, "state", "AVAILABLE");
    json_key(w, "status");
    json_begin_object(w);
    json_kv_cstr(w, "error_code", "OK");
    json_kv_cstr(w, "error_message", "");
    json_end_object(w);
    json_end_object(w);
}

static enum err model_status(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct serve_endpoint *ep = NULL;
    struct json_out w;
    int64_t version = 0;
    enum err e = target_get(op, s, req, req->path_args[req->path_arg_count - 1], &ep, &version);
    if (e)
        return e;
    const struct serve_info *info = serve_endpoint_info(ep);
    ask_reply(res, &w);
    json_begin_object(&w);
    json_kv_str(&w, "name", info->name);
    json_kv_bool(&w, "ready", info->ready);
    json_key(&w, "model_version_status");
    json_begin_array(&w);
    for (size_t i = 0; i < info->version_count; i++)
        if (!version || info->versions[i] == version)
            status_write(&w, info->versions[i]);
    json_end_array(&w);
    json_end_object(&w);
    serve_release(ep);
    return OK;
}

static const char *dtype_of(enum tensor_type t)
{
    static const char *const names[TENSOR_TYPE_COUNT] = {
        [TENSOR_BOOL] = "DT_BOOL",     [TENSOR_UINT8] = "DT_UINT8", [TENSOR_UINT16] = "DT_UINT16",   [TENSOR_UINT32] = "DT_UINT32", [TENSOR_UINT64] = "DT_UINT64",
        [TENSOR_INT8] = "DT_INT8",     [TENSOR_INT16] = "DT_INT16", [TENSOR_INT32] = "DT_INT32",     [TENSOR_INT64] = "DT_INT64",   [TENSOR_FP16] = "DT_HALF",
        [TENSOR_BF16] = "DT_BFLOAT16", [TENSOR_FP32] = "DT_FLOAT",  [TENSOR_FP64] = "DT_DOUBLE",     [TENSOR_BYTES] = "DT_STRING",
    };
    return names[t];
}

static void specs_write(struct json_out *w, const char *key, const struct tensor_spec *specs, size_t n)
{
    json_key(w, key);
    json_begin_object(w);
    for (size_t i = 0; i < n; i++) {
        json_key_str(w, specs[i].name);
        json_begin_object(w);
        json_kv_cstr(w, "dtype", dtype_of(specs[i].type));
        json_key(w, "tensor_shape");
        json_begin_object(w);
        json_key(w, "dim");
        json_begin_array(w);
        for (uint32_t d = 0; d < specs[i].rank; d++) {
            char size[24];
            snprintf(size, sizeof(size), "%" PRId64, specs[i].shape[d]);
            json_begin_object(w);
            json_kv_cstr(w, "size", size);
            json_kv_cstr(w, "name", "");
            json_end_object(w);
        }
        json_end_array(w);
        json_kv_bool(w, "unknown_rank", false);
        json_end_object(w);
        json_kv_str(w, "name", specs[i].name);
        json_end_object(w);
    }
    json_end_object(w);
}

static void metadata_write(struct json_out *w, const struct serve_info *info, int64_t version, const struct infer_signature *sig)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, version ? version : info->live);
    json_begin_object(w);
    json_key(w, "model_spec");
    json_begin_object(w);
    json_kv_str(w, "name", info->name);
    json_kv_cstr(w, "signature_name", "");
    json_kv_cstr(w, "version", text);
    json_end_object(w);
    json_key(w, "metadata");
    json_begin_object(w);
    json_key(w, "signature_def");
    json_begin_object(w);
    json_key(w, "signature_def"); /* twice, as TensorFlow Serving has it */
    json_begin_object(w);
    json_key(w, "serving_default");
    json_begin_object(w);
    specs_write(w, "inputs", sig->inputs, sig->input_count);
    specs_write(w, "outputs", sig->outputs, sig->output_count);
    json_kv_cstr(w, "method_name", "tensorflow/serving/predict");
    json_end_object(w);
    json_end_object(w);
    json_end_object(w);
    json_end_object(w);
    json_end_object(w);
}

static enum err model_metadata(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct serve_endpoint *ep = NULL;
    struct infer_signature sig;
    struct json_out w;
    int64_t version = 0;
    enum err e = target_get(op, s, req, req->path_args[req->path_arg_count - 1], &ep, &version);
    if (e)
        return e;
    if (!(e = serve_signature(op, ep, version, &sig))) {
        ask_reply(res, &w);
        metadata_write(&w, serve_endpoint_info(ep), version, &sig);
    }
    serve_release(ep);
    return e;
}

#define ASK (ROUTE_LATER | ROUTE_WRITES | ROUTE_ANY_TYPE)
#define ASK_LABEL (ROUTE_POOL | ROUTE_WRITES | ROUTE_ANY_TYPE)

static const struct route rows[] = {
    {"GET", "/v1/models", model_list, PERM_READ, ROUTE_INLINE, 0, "Names of the endpoints."},
    {"GET", "/v1/models/{name}", model_status, PERM_READ, ROUTE_INLINE, 0, "The endpoint can answer, with which versions."},
    {"GET", "/v1/models/{name}/versions/{version}", model_status, PERM_READ, ROUTE_INLINE, 0, "The same for one version."},
    {"GET", "/v1/models/{name}/labels/{label}", model_status, PERM_READ, ROUTE_POOL, 0, "The same for the version that an alias names."},
    {"GET", "/v1/models/{name}/metadata", model_metadata, PERM_READ, ROUTE_INLINE, 0, "Inputs and outputs in TensorFlow Serving's form."},
    {"GET", "/v1/models/{name}/versions/{version}/metadata", model_metadata, PERM_READ, ROUTE_INLINE, 0, "The same for one version."},
    {"GET", "/v1/models/{name}/labels/{label}/metadata", model_metadata, PERM_READ, ROUTE_POOL, 0, "The same for the version that an alias names."},
    {"POST", "/v1/models/{name}", predict, PERM_INFER, ASK, 0, "NAME:predict, :classify, :regress: ask the endpoint."},
    {"POST", "/v1/models/{name}/versions/{version}", predict, PERM_INFER, ASK, 0, "VERSION:predict and so on: ask one loaded version."},
    {"POST", "/v1/models/{name}/labels/{label}", predict, PERM_INFER, ASK_LABEL, 0, "LABEL:predict and so on: ask the version that an alias names."},
};
enum err v1_alive(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)op, (void)s, (void)req;
    struct json_out w;
    ask_reply(res, &w);
    json_begin_object(&w);
    json_kv_cstr(&w, "status", "alive");
    json_end_object(&w);
    return OK;
}

const struct route_table v1_routes = {.dialect = "v1", .rows = rows, .len = ARRAY_LEN(rows), .error = ask_error};
