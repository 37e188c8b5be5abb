#include "api/v2/v2.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/services.h"
#include "api/v2/infer.h"
#include "base/limits.h"
#include "base/time.h"
#include "core/serve/serve.h"

static void reply(struct http_res *res, struct json_out *w)
{
    http_set_type(res, "application/json");
    json_out_init(w, &res->body, 0);
}

static enum err server_metadata(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)op, (void)s, (void)req;
    struct json_out w;
    reply(res, &w);
    json_begin_object(&w);
    json_kv_cstr(&w, "name", "ingot");
    json_kv_cstr(&w, "version", INGOT_VERSION);
    json_key(&w, "extensions");
    json_begin_array(&w);
    json_cstr(&w, "parameters");
    json_end_array(&w);
    json_end_object(&w);
    return OK;
}

static enum err live(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)op, (void)s, (void)req;
    struct json_out w;
    reply(res, &w);
    json_begin_object(&w);
    json_kv_bool(&w, "live", true);
    json_end_object(&w);
    return OK;
}

/* Ready when every endpoint is, as Triton's strict readiness. */
static enum err ready(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)req;
    struct str *names = NULL;
    size_t n = serve_list(op, s->serve, &names);
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
    reply(res, &w);
    json_begin_object(&w);
    json_kv_bool(&w, "ready", all);
    json_end_object(&w);
    return OK;
}

static enum err model_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)req;
    struct str *names = NULL;
    size_t n = serve_list(op, s->serve, &names);
    struct json_out w;
    reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "models");
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++)
        json_str(&w, names[i]);
    json_end_array(&w);
    json_end_object(&w);
    return OK;
}

/* The endpoint of {name} and, if the route has one, the number in {version} (0: none); it must be loaded. */
static enum err model_get(struct op *op, struct services *s, struct http_req *req, struct serve_endpoint **ret, int64_t *ret_version)
{
    int64_t version = 0;
    struct str text = req->path_arg_count > 1 ? req->path_args[1] : STR("");
    if (text.len && (!str_parse_i64(text, &version) || version < 1))
        return op_fail(op, E_INVALID, "\"%.*s\" is not a version number", STR_FMT(text));
    enum err e = serve_acquire(op, s->serve, req->path_args[0], ret);
    if (e)
        return e;
    const struct serve_info *info = serve_endpoint_info(*ret);
    bool loaded = !version;
    for (size_t i = 0; i < info->version_count; i++)
        loaded = loaded || info->versions[i] == version;
    *ret_version = version;
    if (loaded)
        return OK;
    e = op_fail(op, E_NOT_FOUND, "version %" PRId64 " of \"%.*s\" is not loaded", version, STR_FMT(info->name));
    serve_release(*ret);
    return e;
}

static enum err model_ready(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct serve_endpoint *ep = NULL;
    int64_t version = 0;
    enum err e = model_get(op, s, req, &ep, &version);
    if (e)
        return e;
    const struct serve_info *info = serve_endpoint_info(ep);
    struct json_out w;
    http_set_status(res, info->ready ? 200 : 503);
    reply(res, &w);
    json_begin_object(&w);
    json_kv_str(&w, "name", info->name);
    json_kv_bool(&w, "ready", info->ready);
    json_end_object(&w);
    serve_release(ep);
    return OK;
}

static void tensor_write(struct json_out *w, const char *name, int64_t second)
{
    json_begin_object(w);
    json_kv_cstr(w, "name", name);
    json_kv_cstr(w, "datatype", "FP32");
    json_key(w, "shape");
    json_begin_array(w);
    json_i64(w, -1);
    if (second)
        json_i64(w, second);
    json_end_array(w);
    json_end_object(w);
}

/* "flight,date,origin": the columns of the third kind of inputs. */
static void entity_columns(struct json_out *w, const struct serve_info *info)
{
    struct buf b;
    buf_init(&b, LIMIT_KIB(64));
    if (info->id_field.len) {
        buf_add_str(&b, info->id_field);
        buf_add_char(&b, ',');
    }
    buf_add_str(&b, info->view->timestamp_field);
    for (size_t i = 0; i < info->view->key_len; i++) {
        buf_add_char(&b, ',');
        buf_add_str(&b, info->view->keys[i]);
    }
    for (size_t i = 0; i < info->view->number_len; i++) {
        buf_add_char(&b, ',');
        buf_add_str(&b, info->view->numbers[i]);
    }
    json_kv_str(w, "entity_inputs", buf_str(&b));
    json_kv_str(w, "view", info->view->name);
    buf_clear(&b);
}

static enum err model_metadata(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct serve_endpoint *ep = NULL;
    int64_t version = 0;
    enum err e = model_get(op, s, req, &ep, &version);
    if (e)
        return e;
    const struct serve_info *info = serve_endpoint_info(ep);
    struct json_out w;
    char text[24];
    reply(res, &w);
    json_begin_object(&w);
    json_kv_str(&w, "name", info->name);
    json_key(&w, "versions");
    json_begin_array(&w);
    for (size_t i = 0; i < info->version_count; i++) {
        if (version && info->versions[i] != version)
            continue;
        snprintf(text, sizeof(text), "%" PRId64, info->versions[i]);
        json_cstr(&w, text);
    }
    json_end_array(&w);
    json_key(&w, "platform");
    json_str(&w, str_from(op_printf(op, "ingot_%.*s", STR_FMT(info->format))));
    json_key(&w, "inputs");
    json_begin_array(&w);
    if (info->ready)
        tensor_write(&w, "features", (int64_t)info->features);
    json_end_array(&w);
    json_key(&w, "outputs");
    json_begin_array(&w);
    if (info->ready)
        tensor_write(&w, "score", info->outputs > 1 ? (int64_t)info->outputs : 0);
    json_end_array(&w);
    json_key(&w, "parameters");
    json_begin_object(&w);
    json_kv_str(&w, "registered_model", info->model);
    json_kv_i64(&w, "live_version", info->live);
    if (info->view)
        entity_columns(&w, info);
    json_end_object(&w);
    json_end_object(&w);
    serve_release(ep);
    return OK;
}

static enum err infer(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    int64_t started = time_mono_ns(), version = 0;
    struct serve_endpoint *ep = NULL;
    struct infer_request r;
    struct serve_answer answer;
    enum err e = model_get(op, s, req, &ep, &version);
    if (e)
        return e;
    const struct serve_info *info = serve_endpoint_info(ep);
    e = info->ready ? infer_parse(op, req->body, info, &r)
                    : op_fail(op, E_BUSY, "\"%.*s\" is not ready: version %" PRId64 " is not loaded", STR_FMT(info->name), info->live);
    if (!e) {
        r.serve.version = version;
        r.serve.started_ns = started;
        e = serve_predict(op, ep, &r.serve, &answer);
    }
    if (!e) {
        http_set_type(res, "application/json");
        infer_format(&r, info, &answer, &res->body);
    }
    serve_release(ep);
    return e;
}

static void v2_error(struct op *op, struct http_req *req, struct http_res *res)
{
    (void)req;
    struct json_out w;
    buf_reset(&res->body);
    http_set_status(res, err_http(op->err));
    reply(res, &w);
    json_begin_object(&w);
    json_kv_cstr(&w, "error", op->msg ? op->msg : err_name(op->err));
    json_end_object(&w);
}

#define INFER_BODY_BYTES LIMIT_MIB(4) /* inference runs on the I/O thread: larger batches go in pieces */

static const struct route rows[] = {
    {"GET", "/v2", server_metadata, PERM_PUBLIC, ROUTE_INLINE, 0, "Name, version and extensions of the server."},
    {"GET", "/v2/health/live", live, PERM_PUBLIC, ROUTE_INLINE, 0, "The process runs."},
    {"GET", "/v2/health/ready", ready, PERM_PUBLIC, ROUTE_INLINE, 0, "Every endpoint can answer."},
    {"GET", "/v2/models", model_list, PERM_READ, ROUTE_INLINE, 0, "Names of the endpoints."},
    {"GET", "/v2/models/{name}", model_metadata, PERM_READ, ROUTE_INLINE, 0, "Inputs, outputs and loaded versions of an endpoint."},
    {"GET", "/v2/models/{name}/versions/{version}", model_metadata, PERM_READ, ROUTE_INLINE, 0, "The same for one version."},
    {"GET", "/v2/models/{name}/ready", model_ready, PERM_PUBLIC, ROUTE_INLINE, 0, "The endpoint can answer."},
    {"GET", "/v2/models/{name}/versions/{version}/ready", model_ready, PERM_PUBLIC, ROUTE_INLINE, 0, "The version is loaded."},
    {"POST", "/v2/models/{name}/infer", infer, PERM_INFER, ROUTE_INLINE | ROUTE_WRITES | ROUTE_ANY_TYPE, INFER_BODY_BYTES, "Ask the endpoint; a running rollout decides which version answers."},
    {"POST", "/v2/models/{name}/versions/{version}/infer", infer, PERM_INFER, ROUTE_INLINE | ROUTE_WRITES | ROUTE_ANY_TYPE, INFER_BODY_BYTES, "Ask one loaded version."},
};
const struct route_table v2_routes = {"v2", rows, ARRAY_LEN(rows), v2_error};
