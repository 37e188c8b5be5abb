#include "api/v2/model.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/ask.h"
#include "api/values.h"
#include "base/limits.h"

static enum err model_get(struct op *op, struct services *s, const struct http_req *req, struct serve_endpoint **ret, int64_t *ret_version)
{
    return ask_endpoint(op, s, req->path_args[0], req->path_arg_count > 1 ? req->path_args[1] : STR(""), ret, ret_version);
}

static void version_write(struct json_out *w, int64_t version)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, version);
    json_cstr(w, text);
}

enum err v2_model_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
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

enum err v2_model_ready(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct serve_endpoint *ep = NULL;
    int64_t version = 0;
    enum err e = model_get(op, s, req, &ep, &version);
    if (e)
        return e;
    const struct serve_info *info = serve_endpoint_info(ep);
    struct json_out w;
    http_set_status(res, info->ready ? 200 : 503);
    ask_reply(res, &w);
    json_begin_object(&w);
    json_kv_str(&w, "name", info->name);
    json_kv_bool(&w, "ready", info->ready);
    json_end_object(&w);
    serve_release(ep);
    return OK;
}

/* ---- metadata ---- */

/* "flight,date,origin": the columns of requests that bring entities. */
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

/* An endpoint that is not ready has metadata too, without inputs and outputs. */
static enum err signature_get(struct op *op, struct serve_endpoint *ep, int64_t version, struct infer_signature *ret)
{
    *ret = (struct infer_signature){.platform = STR("")};
    enum err e = serve_signature(op, ep, version, ret);
    if (e == E_BUSY) {
        op_clear(op);
        e = OK;
    }
    return e;
}

static void metadata_write(struct json_out *w, const struct serve_info *info, int64_t version, const struct infer_signature *sig)
{
    json_begin_object(w);
    json_kv_str(w, "name", info->name);
    json_key(w, "versions");
    json_begin_array(w);
    for (size_t i = 0; i < info->version_count; i++)
        if (!version || info->versions[i] == version)
            version_write(w, info->versions[i]);
    json_end_array(w);
    json_kv_str(w, "platform", sig->platform);
    values_specs_write(w, "inputs", sig->inputs, sig->input_count, false);
    values_specs_write(w, "outputs", sig->outputs, sig->output_count, false);
    json_key(w, "parameters");
    json_begin_object(w);
    json_kv_str(w, "registered_model", info->model);
    json_kv_i64(w, "live_version", info->live);
    if (info->view)
        entity_columns(w, info);
    json_end_object(w);
    json_end_object(w);
}

enum err v2_model_metadata(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct serve_endpoint *ep = NULL;
    struct infer_signature sig;
    struct json_out w;
    int64_t version = 0;
    enum err e = model_get(op, s, req, &ep, &version);
    if (e)
        return e;
    if (!(e = signature_get(op, ep, version, &sig))) {
        ask_reply(res, &w);
        metadata_write(&w, serve_endpoint_info(ep), version, &sig);
    }
    serve_release(ep);
    return e;
}

/* ---- configuration ---- */

/* A number of the endpoint's configuration (core/serve/serve.h), or `dflt`. */
static int64_t config_number(const struct json *config, const char *path, int64_t dflt)
{
    const struct json *j = config ? json_path(config, path) : NULL;
    int64_t v = 0;
    return j && json_as_i64(j, &v) && v >= 0 ? v : dflt;
}

/* Axes without the batch's. One value per row has no axis left: the protocol wants [1] with an empty reshape. */
static void config_specs(struct json_out *w, const char *key, const struct tensor_spec *specs, size_t n, bool batched, bool input)
{
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < n; i++) {
        const struct tensor_spec *t = &specs[i];
        uint32_t from = batched && t->rank ? 1 : 0;
        bool scalar = t->rank == from;
        char type[16];
        snprintf(type, sizeof(type), "TYPE_%s", t->type == TENSOR_BYTES ? "STRING" : tensor_type_name(t->type));
        json_begin_object(w);
        json_kv_str(w, "name", t->name);
        json_kv_cstr(w, "data_type", type);
        json_key(w, "dims");
        json_begin_array(w);
        for (uint32_t d = from; d < t->rank; d++)
            json_i64(w, t->shape[d]);
        if (scalar)
            json_i64(w, 1);
        json_end_array(w);
        if (scalar) {
            json_key(w, "reshape");
            json_begin_object(w);
            json_key(w, "shape");
            json_begin_array(w);
            json_end_array(w);
            json_end_object(w);
        }
        if (input) {
            json_kv_cstr(w, "format", "FORMAT_NONE");
            json_kv_bool(w, "is_shape_tensor", false);
            json_kv_bool(w, "allow_ragged_batch", false);
            json_kv_bool(w, "optional", t->optional);
        } else {
            json_kv_cstr(w, "label_filename", "");
            json_kv_bool(w, "is_shape_tensor", false);
        }
        json_end_object(w);
    }
    json_end_array(w);
}

static void config_queue(struct json_out *w, const struct json *config)
{
    const struct json *action = json_path(config, "queue.default_queue_policy.timeout_action");
    const struct json *over = json_path(config, "queue.default_queue_policy.allow_timeout_override");
    bool delay = action && action->type == JSON_STRING && str_eqc(action->s, "DELAY");
    json_key(w, "default_queue_policy");
    json_begin_object(w);
    json_kv_cstr(w, "timeout_action", delay ? "DELAY" : "REJECT");
    json_kv_i64(w, "default_timeout_microseconds", config_number(config, "queue.default_queue_policy.default_timeout_microseconds", 0));
    json_kv_bool(w, "allow_timeout_override", !over || over->type != JSON_BOOL || over->boolean);
    json_kv_i64(w, "max_queue_size", config_number(config, "queue.max_queue_size", 0));
    json_end_object(w);
}

static void config_batching(struct json_out *w, const struct json *config)
{
    const struct json *preferred = json_path(config, "batch.preferred");
    json_key(w, "dynamic_batching");
    json_begin_object(w);
    json_key(w, "preferred_batch_size");
    json_begin_array(w);
    for (uint32_t i = 0; preferred && preferred->type == JSON_ARRAY && i < preferred->len; i++)
        json_value(w, &preferred->items[i]);
    json_end_array(w);
    json_kv_i64(w, "max_queue_delay_microseconds", config_number(config, "batch.max_delay_us", 0));
    json_kv_bool(w, "preserve_ordering", true);
    json_kv_i64(w, "priority_levels", config_number(config, "queue.priority_levels", 0));
    json_kv_i64(w, "default_priority_level", config_number(config, "queue.default_priority_level", 0));
    config_queue(w, config);
    json_end_object(w);
}

/* The platform is two names in one: "onnxruntime_onnx" is the backend "onnxruntime". */
static void config_head(struct json_out *w, const struct serve_info *info, const struct infer_signature *sig, struct str platform, struct str backend)
{
    size_t cut = str_find_char(sig->platform, '_');
    json_kv_str(w, "name", info->name);
    json_kv_str(w, "platform", platform);
    json_kv_str(w, "backend", backend.len || str_eqc(platform, "ensemble") ? backend : str_sub(sig->platform, 0, cut == SIZE_MAX ? sig->platform.len : cut));
}

static void config_versions(struct json_out *w, const struct serve_info *info)
{
    json_key(w, "version_policy");
    json_begin_object(w);
    json_key(w, "specific");
    json_begin_object(w);
    json_key(w, "versions");
    json_begin_array(w);
    for (size_t i = 0; i < info->version_count; i++)
        json_i64(w, info->versions[i]);
    json_end_array(w);
    json_end_object(w);
    json_end_object(w);
}

static void config_flag(struct json_out *w, const char *key, const char *member, bool value)
{
    json_key(w, key);
    json_begin_object(w);
    json_kv_bool(w, member, value);
    json_end_object(w);
}

/* The part `key` as it was configured in Triton's names (config.pbtxt, a load request), if it was. */
static bool as_configured(struct json_out *w, const struct json *triton, const char *key)
{
    const struct json *j = triton ? json_get(triton, key) : NULL;
    if (!j)
        return false;
    json_key(w, key);
    json_value(w, j);
    return true;
}

static void config_instances(struct json_out *w, const struct serve_info *info)
{
    json_key(w, "instance_group");
    json_begin_array(w);
    json_begin_object(w);
    json_kv_str(w, "name", info->name);
    json_kv_cstr(w, "kind", "KIND_CPU");
    json_kv_i64(w, "count", config_number(info->config, "concurrency", 1));
    json_end_object(w);
    json_end_array(w);
}

/* What was configured, and beside it what holds without: clients read some parts whether or not they were configured. */
static void config_write(struct json_out *w, const struct serve_info *info, const struct infer_signature *sig)
{
    static const char *const rest[] = {"optimization", "sequence_batching", "ensemble_scheduling", "default_model_filename", "cc_model_filenames",
                                       "metric_tags", "model_warmup", "model_operations", "model_repository_agents", "model_metrics", "runtime"};
    const struct json *triton = info->config ? json_get(info->config, "triton") : NULL;
    const struct json *backend = triton ? json_get(triton, "backend") : NULL, *platform = triton ? json_get(triton, "platform") : NULL;
    const struct json *most = triton ? json_get(triton, "max_batch_size") : NULL;
    int64_t max = !sig->joins ? 0 : most ? most->i : config_number(info->config, "batch.max_size", LIMIT_SERVE_ROWS);
    json_begin_object(w);
    config_head(w, info, sig, platform ? platform->s : backend ? STR("") : sig->platform, backend ? backend->s : STR(""));
    if (!as_configured(w, triton, "version_policy"))
        config_versions(w, info);
    json_kv_i64(w, "max_batch_size", max);
    if (!as_configured(w, triton, "input"))
        config_specs(w, "input", sig->inputs, sig->input_count, max > 0, true);
    if (!as_configured(w, triton, "output"))
        config_specs(w, "output", sig->outputs, sig->output_count, max > 0, false);
    if (!as_configured(w, triton, "dynamic_batching") && info->config && json_get(info->config, "batch") && !triton)
        config_batching(w, info->config);
    if (!as_configured(w, triton, "instance_group"))
        config_instances(w, info);
    if (!as_configured(w, triton, "parameters")) {
        json_key(w, "parameters");
        json_begin_object(w);
        json_end_object(w);
    }
    if (!as_configured(w, triton, "response_cache"))
        config_flag(w, "response_cache", "enable", config_number(info->config, "cache.max_bytes", 0) > 0);
    if (!as_configured(w, triton, "model_transaction_policy"))
        config_flag(w, "model_transaction_policy", "decoupled", false);
    for (size_t i = 0; i < ARRAY_LEN(rest); i++)
        (void)as_configured(w, triton, rest[i]);
    json_end_object(w);
}

enum err v2_model_config(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct serve_endpoint *ep = NULL;
    struct infer_signature sig;
    struct json_out w;
    int64_t version = 0;
    enum err e = model_get(op, s, req, &ep, &version);
    if (e)
        return e;
    if (!(e = serve_signature(op, ep, version, &sig))) {
        ask_reply(res, &w);
        config_write(&w, serve_endpoint_info(ep), &sig);
    }
    serve_release(ep);
    return e;
}

/* ---- statistics ---- */

static void duration_write(struct json_out *w, const char *key, struct infer_duration d)
{
    json_key(w, key);
    json_begin_object(w);
    json_key(w, "count");
    json_u64(w, d.count);
    json_key(w, "ns");
    json_u64(w, d.ns);
    json_end_object(w);
}

static void count_write(struct json_out *w, const char *key, uint64_t n)
{
    json_key(w, key);
    json_u64(w, n);
}

static void batches_write(struct json_out *w, const struct infer_stats *f)
{
    json_key(w, "batch_stats");
    json_begin_array(w);
    for (size_t i = 0; i < f->batch_count && i < INFER_BATCH_SIZES; i++) {
        json_begin_object(w);
        count_write(w, "batch_size", f->batches[i].batch_size);
        duration_write(w, "compute_input", f->batches[i].input);
        duration_write(w, "compute_infer", f->batches[i].infer);
        duration_write(w, "compute_output", f->batches[i].output);
        json_end_object(w);
    }
    json_end_array(w);
}

/* What the protocol has no place for: the queue and what became of requests that were not answered. */
static void queue_write(struct json_out *w, const struct infer_stats *f)
{
    json_key(w, "queue_stats");
    json_begin_object(w);
    count_write(w, "queued", f->queued);
    count_write(w, "running", f->running);
    count_write(w, "rejected", f->rejected);
    count_write(w, "cancelled", f->cancelled);
    count_write(w, "timed_out", f->timed_out);
    json_end_object(w);
}

static void figures_write(struct json_out *w, struct str name, const struct infer_stats *f)
{
    json_begin_object(w);
    json_kv_str(w, "name", name);
    json_key(w, "version");
    version_write(w, f->version);
    json_kv_i64(w, "last_inference", f->last_us / 1000);
    count_write(w, "inference_count", f->inference_count);
    count_write(w, "execution_count", f->execution_count);
    json_key(w, "inference_stats");
    json_begin_object(w);
    duration_write(w, "success", f->success);
    duration_write(w, "fail", f->fail);
    duration_write(w, "queue", f->queue);
    duration_write(w, "compute_input", f->input);
    duration_write(w, "compute_infer", f->infer);
    duration_write(w, "compute_output", f->output);
    duration_write(w, "cache_hit", f->cache_hit);
    duration_write(w, "cache_miss", f->cache_miss);
    json_end_object(w);
    json_key(w, "response_stats");
    json_begin_object(w);
    json_end_object(w);
    batches_write(w, f);
    json_key(w, "memory_usage");
    json_begin_array(w);
    json_begin_object(w);
    json_kv_cstr(w, "type", "CPU");
    json_kv_i64(w, "id", 0);
    count_write(w, "byte_size", f->memory_bytes);
    json_end_object(w);
    json_end_array(w);
    queue_write(w, f);
    json_end_object(w);
}

static void endpoint_figures(struct op *op, struct json_out *w, struct serve_endpoint *ep, int64_t version)
{
    struct infer_stats *f = NULL;
    size_t n = serve_stats(op, ep, &f);
    for (size_t i = 0; i < n; i++)
        if (!version || f[i].version == version)
            figures_write(w, serve_endpoint_info(ep)->name, &f[i]);
}

enum err v2_model_stats(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct serve_endpoint *ep = NULL;
    struct str *names = NULL;
    struct json_out w;
    int64_t version = 0;
    bool one = req->path_arg_count > 0;
    enum err e = one ? model_get(op, s, req, &ep, &version) : OK;
    if (e)
        return e;
    size_t n = one ? 0 : serve_list(op, s->serve, &names);
    ask_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "model_stats");
    json_begin_array(&w);
    if (one)
        endpoint_figures(op, &w, ep, version);
    serve_release(ep);
    for (size_t i = 0; i < n; i++) {
        if (serve_acquire(op, s->serve, names[i], &ep) != OK) {
            op_clear(op); /* removed since it was listed */
            continue;
        }
        endpoint_figures(op, &w, ep, 0);
        serve_release(ep);
    }
    json_end_array(&w);
    json_end_object(&w);
    return OK;
}
