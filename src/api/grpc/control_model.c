/* Of one model, or of all: its configuration, its figures, its place in the repository. */
#include "api/grpc/control.h"

#include <inttypes.h>
#include <stdio.h>

#include <inference.pb-c.h>

#include "base/limits.h"
#include "base/time.h"

static enum err no_memory(struct op *op, size_t n)
{
    return op_fail(op, E_TOO_LARGE, "no memory for %zu models", n);
}

static char *version_text(struct op *op, int64_t version)
{
    return version ? op_printf(op, "%" PRId64, version) : control_text(op, STR(""));
}

/* ---- configuration ---- */

static Inference__DataType data_type(enum tensor_type t)
{
    static const Inference__DataType types[TENSOR_TYPE_COUNT] = {
        [TENSOR_BOOL] = INFERENCE__DATA_TYPE__TYPE_BOOL,     [TENSOR_UINT8] = INFERENCE__DATA_TYPE__TYPE_UINT8,   [TENSOR_UINT16] = INFERENCE__DATA_TYPE__TYPE_UINT16,
        [TENSOR_UINT32] = INFERENCE__DATA_TYPE__TYPE_UINT32, [TENSOR_UINT64] = INFERENCE__DATA_TYPE__TYPE_UINT64, [TENSOR_INT8] = INFERENCE__DATA_TYPE__TYPE_INT8,
        [TENSOR_INT16] = INFERENCE__DATA_TYPE__TYPE_INT16,   [TENSOR_INT32] = INFERENCE__DATA_TYPE__TYPE_INT32,   [TENSOR_INT64] = INFERENCE__DATA_TYPE__TYPE_INT64,
        [TENSOR_FP16] = INFERENCE__DATA_TYPE__TYPE_FP16,     [TENSOR_BF16] = INFERENCE__DATA_TYPE__TYPE_BF16,     [TENSOR_FP32] = INFERENCE__DATA_TYPE__TYPE_FP32,
        [TENSOR_FP64] = INFERENCE__DATA_TYPE__TYPE_FP64,     [TENSOR_BYTES] = INFERENCE__DATA_TYPE__TYPE_STRING,
    };
    return types[t];
}

/* The lengths of the axes, without the batch's when there is one. */
static int64_t *dims_of(struct op *op, const struct tensor_spec *spec, bool batched, size_t *ret_n)
{
    size_t from = batched && spec->rank ? 1 : 0;
    int64_t *dims = arena_alloc(op->arena, sizeof spec->shape);
    memcpy(dims, spec->shape + from, (spec->rank - from) * sizeof *dims);
    *ret_n = spec->rank - from;
    if (!*ret_n && batched) {
        dims[0] = 1; /* one value per row; the protocol wants an axis */
        *ret_n = 1;
    }
    return dims;
}

static enum err tensors_configure(struct op *op, const struct infer_signature *sig, Inference__ModelConfig *c)
{
    bool batched = c->max_batch_size > 0;
    c->input = arena_array(op->arena, sig->input_count + 1, Inference__ModelInput *);
    c->output = arena_array(op->arena, sig->output_count + 1, Inference__ModelOutput *);
    if (!c->input || !c->output)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu inputs", sig->input_count);
    for (size_t i = 0; i < sig->input_count; i++) {
        Inference__ModelInput *t = CONTROL_NEW(op, Inference__ModelInput, inference__model_input);
        t->name = control_text(op, sig->inputs[i].name);
        t->data_type = data_type(sig->inputs[i].type);
        t->optional = sig->inputs[i].optional;
        t->dims = dims_of(op, &sig->inputs[i], batched, &t->n_dims);
        c->input[c->n_input++] = t;
    }
    for (size_t i = 0; i < sig->output_count; i++) {
        Inference__ModelOutput *t = CONTROL_NEW(op, Inference__ModelOutput, inference__model_output);
        t->name = control_text(op, sig->outputs[i].name);
        t->data_type = data_type(sig->outputs[i].type);
        t->dims = dims_of(op, &sig->outputs[i], batched, &t->n_dims);
        c->output[c->n_output++] = t;
    }
    return OK;
}

/* A number of the endpoint's configuration (core/serve/serve.h), or `dflt`. */
static int64_t config_number(const struct json *config, const char *path, int64_t max, int64_t dflt)
{
    const struct json *j = config ? json_path(config, path) : NULL;
    int64_t v = 0;
    return j && json_as_i64(j, &v) && v >= 0 && v <= max ? v : dflt;
}

static void batching_configure(struct op *op, const struct json *config, Inference__ModelConfig *c)
{
    const struct json *preferred = config ? json_path(config, "batch.preferred") : NULL;
    Inference__ModelDynamicBatching *b = CONTROL_NEW(op, Inference__ModelDynamicBatching, inference__model_dynamic_batching);
    Inference__ModelQueuePolicy *q = CONTROL_NEW(op, Inference__ModelQueuePolicy, inference__model_queue_policy);
    const struct json *action = config ? json_path(config, "queue.default_queue_policy.timeout_action") : NULL;
    b->max_queue_delay_microseconds = (uint64_t)config_number(config, "batch.max_delay_us", INT64_MAX, 0);
    b->preserve_ordering = true;
    b->priority_levels = (uint64_t)config_number(config, "queue.priority_levels", INT32_MAX, 0);
    b->default_priority_level = (uint64_t)config_number(config, "queue.default_priority_level", INT32_MAX, 0);
    b->default_queue_policy = q;
    q->max_queue_size = (uint32_t)config_number(config, "queue.max_queue_size", INT32_MAX, 0);
    q->default_timeout_microseconds = (uint64_t)config_number(config, "queue.default_queue_policy.default_timeout_microseconds", INT64_MAX, 0);
    q->allow_timeout_override = true;
    if (action && action->type == JSON_STRING && str_eqc(action->s, "DELAY"))
        q->timeout_action = INFERENCE__MODEL_QUEUE_POLICY__TIMEOUT_ACTION__DELAY;
    if (preferred && preferred->type == JSON_ARRAY && (b->preferred_batch_size = arena_array(op->arena, preferred->len + 1, int32_t))) {
        for (size_t i = 0; i < preferred->len; i++) {
            int64_t v = 0;
            if (json_as_i64(&preferred->items[i], &v) && v > 0 && v <= INT32_MAX)
                b->preferred_batch_size[b->n_preferred_batch_size++] = (int32_t)v;
        }
    }
    c->scheduling_choice_case = INFERENCE__MODEL_CONFIG__SCHEDULING_CHOICE_DYNAMIC_BATCHING;
    c->dynamic_batching = b;
}

/* The platform of serve_signature as the two names that clients look at: "onnxruntime_onnx" is the backend "onnxruntime". */
static void platform_configure(struct op *op, struct str platform, Inference__ModelConfig *c)
{
    size_t cut = str_find_char(platform, '_');
    c->platform = control_text(op, platform);
    c->backend = control_text(op, str_sub(platform, 0, cut == SIZE_MAX ? platform.len : cut));
}

static void as_configured(struct op *op, const struct json *triton, Inference__ModelConfig *c)
{
    const struct json *platform = json_get(triton, "platform"), *backend = json_get(triton, "backend");
    if (platform || backend)
        c->platform = control_text(op, platform ? platform->s : STR(""));
    if (backend)
        c->backend = control_text(op, backend->s);
}

static enum err model_configure(struct op *op, struct serve_endpoint *ep, int64_t version, Inference__ModelConfig *c)
{
    const struct serve_info *info = serve_endpoint_info(ep);
    struct infer_signature sig;
    enum err e = serve_signature(op, ep, version, &sig);
    if (e)
        return e;
    c->name = control_text(op, info->name);
    platform_configure(op, sig.platform, c);
    const struct json *triton = info->config ? json_get(info->config, "triton") : NULL; /* as a model repository configured it */
    const int64_t most = config_number(info->config, "triton.max_batch_size", INT32_MAX, config_number(info->config, "batch.max_size", INT32_MAX, LIMIT_SERVE_ROWS));
    c->max_batch_size = sig.joins ? (int32_t)most : 0;
    if ((e = tensors_configure(op, &sig, c)))
        return e;
    if (triton)
        as_configured(op, triton, c);
    if (info->config && json_get(info->config, "batch") && (!triton || json_get(triton, "dynamic_batching")))
        batching_configure(op, info->config, c);
    c->n_instance_group = 1;
    c->instance_group = arena_alloc(op->arena, sizeof *c->instance_group);
    c->instance_group[0] = CONTROL_NEW(op, Inference__ModelInstanceGroup, inference__model_instance_group);
    c->instance_group[0]->name = control_text(op, info->name);
    c->instance_group[0]->kind = INFERENCE__MODEL_INSTANCE_GROUP__KIND__KIND_CPU;
    c->instance_group[0]->count = (int32_t)config_number(info->config, "concurrency", INT32_MAX, 1);
    c->version_policy = CONTROL_NEW(op, Inference__ModelVersionPolicy, inference__model_version_policy);
    c->version_policy->policy_choice_case = INFERENCE__MODEL_VERSION_POLICY__POLICY_CHOICE_SPECIFIC;
    c->version_policy->specific = CONTROL_NEW(op, Inference__ModelVersionPolicy__Specific, inference__model_version_policy__specific);
    c->version_policy->specific->n_versions = info->version_count;
    c->version_policy->specific->versions = arena_alloc(op->arena, LIMIT_SERVE_VERSIONS * sizeof(int64_t));
    memcpy(c->version_policy->specific->versions, info->versions, info->version_count * sizeof(int64_t));
    c->model_transaction_policy = CONTROL_NEW(op, Inference__ModelTransactionPolicy, inference__model_transaction_policy);
    c->response_cache = CONTROL_NEW(op, Inference__ModelResponseCache, inference__model_response_cache);
    c->response_cache->enable = info->config && json_get(info->config, "cache");
    return OK;
}

enum err control_model_config(struct op *op, struct services *s, const void *in, void **ret)
{
    const Inference__ModelConfigRequest *q = in;
    struct serve_endpoint *ep = NULL;
    int64_t version = 0;
    Inference__ModelConfigResponse *r = CONTROL_NEW(op, Inference__ModelConfigResponse, inference__model_config_response);
    enum err e = control_model_get(op, s, q->name, q->version, &ep, &version);
    if (e)
        return e;
    r->config = CONTROL_NEW(op, Inference__ModelConfig, inference__model_config);
    e = model_configure(op, ep, version, r->config);
    serve_release(ep);
    *ret = r;
    return e;
}

/* ---- statistics ---- */

static Inference__StatisticDuration *duration(struct op *op, struct infer_duration d)
{
    Inference__StatisticDuration *r = CONTROL_NEW(op, Inference__StatisticDuration, inference__statistic_duration);
    r->count = d.count;
    r->ns = d.ns;
    return r;
}

static Inference__InferBatchStatistics *batch_figures(struct op *op, const struct infer_batch_stats *b)
{
    Inference__InferBatchStatistics *r = CONTROL_NEW(op, Inference__InferBatchStatistics, inference__infer_batch_statistics);
    r->batch_size = b->batch_size;
    r->compute_input = duration(op, b->input);
    r->compute_infer = duration(op, b->infer);
    r->compute_output = duration(op, b->output);
    return r;
}

static Inference__ModelStatistics *figures(struct op *op, const struct serve_info *info, const struct infer_stats *f)
{
    Inference__ModelStatistics *m = CONTROL_NEW(op, Inference__ModelStatistics, inference__model_statistics);
    Inference__InferStatistics *i = CONTROL_NEW(op, Inference__InferStatistics, inference__infer_statistics);
    m->name = control_text(op, info->name);
    m->version = version_text(op, f->version);
    m->last_inference = (uint64_t)(f->last_us / 1000);
    m->inference_count = f->inference_count;
    m->execution_count = f->execution_count;
    m->inference_stats = i;
    i->success = duration(op, f->success);
    i->fail = duration(op, f->fail);
    i->queue = duration(op, f->queue);
    i->compute_input = duration(op, f->input);
    i->compute_infer = duration(op, f->infer);
    i->compute_output = duration(op, f->output);
    i->cache_hit = duration(op, f->cache_hit);
    i->cache_miss = duration(op, f->cache_miss);
    m->batch_stats = arena_alloc(op->arena, (INFER_BATCH_SIZES + 1) * sizeof *m->batch_stats);
    for (size_t k = 0; k < f->batch_count && k < INFER_BATCH_SIZES; k++)
        m->batch_stats[m->n_batch_stats++] = batch_figures(op, &f->batches[k]);
    m->memory_usage = arena_alloc(op->arena, sizeof *m->memory_usage);
    m->memory_usage[m->n_memory_usage++] = CONTROL_NEW(op, Inference__MemoryUsage, inference__memory_usage);
    m->memory_usage[0]->type = control_text(op, STR("CPU"));
    m->memory_usage[0]->byte_size = f->memory_bytes;
    return m;
}

/* Appends the figures of an endpoint's versions, or of one. */
static enum err endpoint_figures(struct op *op, struct serve_endpoint *ep, int64_t version, Inference__ModelStatisticsResponse *r)
{
    struct infer_stats *f = NULL;
    size_t n = serve_stats(op, ep, &f);
    for (size_t i = 0; i < n; i++)
        if (!version || f[i].version == version)
            r->model_stats[r->n_model_stats++] = figures(op, serve_endpoint_info(ep), &f[i]);
    return OK;
}

enum err control_model_statistics(struct op *op, struct services *s, const void *in, void **ret)
{
    const Inference__ModelStatisticsRequest *q = in;
    struct serve_endpoint *ep = NULL;
    int64_t version = 0;
    struct str *names = NULL;
    size_t n = q->name[0] ? 1 : serve_list(op, s->serve, &names);
    enum err e = OK;
    Inference__ModelStatisticsResponse *r = CONTROL_NEW(op, Inference__ModelStatisticsResponse, inference__model_statistics_response);
    r->model_stats = arena_array(op->arena, n * LIMIT_SERVE_VERSIONS + 1, Inference__ModelStatistics *);
    if (!r->model_stats)
        return no_memory(op, n);
    for (size_t i = 0; !e && i < n; i++) {
        e = q->name[0] ? control_model_get(op, s, q->name, q->version, &ep, &version) : serve_acquire(op, s->serve, names[i], &ep);
        if (e && names) {
            op_clear(op); /* removed since it was listed */
            e = OK;
            continue;
        }
        if (e)
            return e;
        e = endpoint_figures(op, ep, version, r);
        serve_release(ep);
    }
    *ret = r;
    return e;
}

/* ---- repository ---- */

enum err control_repository_index(struct op *op, struct services *s, const void *in, void **ret)
{
    const Inference__RepositoryIndexRequest *q = in;
    struct serve_index_row *rows = NULL;
    size_t n = 0;
    enum err e = serve_index(op, s->serve, &rows, &n);
    if (e)
        return e;
    Inference__RepositoryIndexResponse *r = CONTROL_NEW(op, Inference__RepositoryIndexResponse, inference__repository_index_response);
    r->models = arena_array(op->arena, n + 1, Inference__RepositoryIndexResponse__ModelIndex *);
    if (!r->models)
        return no_memory(op, n);
    for (size_t i = 0; i < n; i++) {
        if (q->ready && !rows[i].ready)
            continue;
        Inference__RepositoryIndexResponse__ModelIndex *m =
            CONTROL_NEW(op, Inference__RepositoryIndexResponse__ModelIndex, inference__repository_index_response__model_index);
        m->name = control_text(op, rows[i].name);
        m->version = version_text(op, rows[i].version);
        m->state = control_text(op, rows[i].ready ? STR("READY") : STR("UNAVAILABLE"));
        m->reason = control_text(op, rows[i].ready ? STR("") : rows[i].reason);
        r->models[r->n_models++] = m;
    }
    *ret = r;
    return OK;
}

/* KServe's clients put the model into the field that Triton's use for the repository. */
static const char *repository_model(const char *repository, const char *model)
{
    return model[0] ? model : repository;
}

/* The configuration, and files ("file:1/model.onnx"); `ret_files` has room for all parameters. */
static enum err load_read(struct op *op, const Inference__RepositoryModelLoadRequest *q, const struct json **ret, struct serve_upload *ret_files, size_t *ret_n)
{
    struct json *doc = NULL;
    for (size_t i = 0; i < q->n_parameters; i++) {
        const Inference__RepositoryModelLoadRequest__ParametersEntry *p = q->parameters[i];
        if (!strncmp(p->key, "file:", 5)) {
            if (!p->value || p->value->parameter_choice_case != INFERENCE__MODEL_REPOSITORY_PARAMETER__PARAMETER_CHOICE_BYTES_PARAM)
                return op_fail(op, E_INVALID, "parameter \"%s\" is not bytes", p->key);
            const ProtobufCBinaryData b = p->value->bytes_param;
            ret_files[(*ret_n)++] = (struct serve_upload){str_from(p->key + 5), {b.len ? (const char *)b.data : "", b.len}};
            continue;
        }
        if (strcmp(p->key, "config"))
            continue;
        if (!p->value || p->value->parameter_choice_case != INFERENCE__MODEL_REPOSITORY_PARAMETER__PARAMETER_CHOICE_STRING_PARAM)
            return op_fail(op, E_INVALID, "parameter \"config\" is not a text");
        enum err e = json_parse(op, str_from(p->value->string_param), JSON_STRICT, &doc);
        if (e)
            return op_context(op, "parameter \"config\"");
    }
    *ret = doc;
    return OK;
}

enum err control_model_load(struct op *op, struct services *s, const void *in, void **ret)
{
    const Inference__RepositoryModelLoadRequest *q = in;
    const char *model = repository_model(q->repository_name, q->model_name);
    const struct json *config = NULL;
    struct serve_upload *files = arena_array(op->arena, q->n_parameters + 1, struct serve_upload);
    size_t n = 0;
    enum err e = files ? load_read(op, q, &config, files, &n) : op_fail(op, E_TOO_LARGE, "no memory for %zu parameters", q->n_parameters);
    if (!e)
        e = serve_repository_load_files(op, s->serve, str_from(model), config, files, n);
    if (e)
        return e;
    Inference__RepositoryModelLoadResponse *r = CONTROL_NEW(op, Inference__RepositoryModelLoadResponse, inference__repository_model_load_response);
    r->model_name = control_text(op, str_from(model));
    r->is_loaded = true;
    *ret = r;
    return OK;
}

enum err control_model_unload(struct op *op, struct services *s, const void *in, void **ret)
{
    const Inference__RepositoryModelUnloadRequest *q = in;
    const char *model = repository_model(q->repository_name, q->model_name);
    bool members = false;
    for (size_t i = 0; i < q->n_parameters; i++) {
        const Inference__ModelRepositoryParameter *v = q->parameters[i]->value;
        if (strcmp(q->parameters[i]->key, "unload_dependents"))
            continue;
        if (!v || v->parameter_choice_case != INFERENCE__MODEL_REPOSITORY_PARAMETER__PARAMETER_CHOICE_BOOL_PARAM)
            return op_fail(op, E_INVALID, "parameter \"unload_dependents\" is not a boolean");
        members = v->bool_param;
    }
    enum err e = members ? serve_repository_unload_members(op, s->serve, str_from(model)) : serve_repository_unload(op, s->serve, str_from(model));
    if (e)
        return e;
    Inference__RepositoryModelUnloadResponse *r = CONTROL_NEW(op, Inference__RepositoryModelUnloadResponse, inference__repository_model_unload_response);
    r->model_name = control_text(op, str_from(model));
    r->is_unloaded = true;
    *ret = r;
    return OK;
}
