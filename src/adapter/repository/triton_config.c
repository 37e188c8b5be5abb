#include "adapter/repository/triton_config.h"

#include <inttypes.h>

#include "adapter/repository/triton_declared.h"
#include "adapter/repository/triton_schema.h"
#include "base/limits.h"
#include "base/pbtxt_json.h"

static const char *const onnx_engines[] = {"onnx", "onnxml", NULL}, *const fil_engines[] = {"trees", "lightgbm", "xgboost", NULL};

bool triton_config_is(const struct json *doc)
{
    bool all = doc->type == JSON_OBJECT;
    for (uint32_t i = 0; all && i < doc->len; i++) {
        struct str key = doc->members[i].key;
        bool camel = false; /* dynamicBatching */
        for (size_t k = 0; k < key.len; k++)
            camel = camel || (key.p[k] >= 'A' && key.p[k] <= 'Z');
        all = camel || pbtxt_field_find(&triton_schema, key) != NULL;
    }
    return all;
}

/* ---- small readers: the schema has checked the types ---- */

static int64_t number(const struct json *obj, const char *key, int64_t dflt)
{
    const struct json *j = obj ? json_get(obj, key) : NULL;
    int64_t v = 0;
    if (!j)
        return dflt;
    return json_as_i64(j, &v) ? v : INT64_MAX; /* beyond 63 bits: for ever */
}

static struct str text(const struct json *obj, const char *key)
{
    const struct json *j = obj ? json_get(obj, key) : NULL;
    return j ? j->s : STR("");
}

static bool flag(const struct json *obj, const char *key)
{
    const struct json *j = obj ? json_get(obj, key) : NULL;
    return j && j->boolean;
}

static int64_t at_most(int64_t v, int64_t most)
{
    return v < most ? v : most;
}

static void note_add(struct op *op, struct triton_config *c, const char *what)
{
    c->note = c->note ? op_printf(op, "%s, %s", c->note, what) : op_printf(op, "passed over: %s", what);
}

/* ---- what is not served, and what does not matter ---- */

static enum err unsupported(struct op *op, const char *what)
{
    return op_fail(op, E_UNSUPPORTED, "%s is not supported", what);
}

static enum err refusals(struct op *op, const struct json *doc)
{
    static const char *const never[] = {"sequence_batching", "batch_input", "batch_output", "model_operations", "model_repository_agents"};
    static const char *const tensors[] = {"input", "output"};
    for (size_t i = 0; i < ARRAY_LEN(never); i++) {
        const struct json *j = json_get(doc, never[i]);
        if (j && (j->len || i == 0))
            return unsupported(op, never[i]);
    }
    if (flag(json_get(doc, "model_transaction_policy"), "decoupled"))
        return unsupported(op, "model_transaction_policy.decoupled");
    for (size_t k = 0; k < ARRAY_LEN(tensors); k++) {
        const struct json *list = json_get(doc, tensors[k]);
        for (uint32_t i = 0; list && i < list->len; i++) {
            if (flag(&list->items[i], "allow_ragged_batch"))
                return unsupported(op, "input.allow_ragged_batch");
            if (flag(&list->items[i], "is_shape_tensor"))
                return unsupported(op, "is_shape_tensor");
        }
    }
    return OK;
}

static void notes(struct op *op, const struct json *doc, struct triton_config *c)
{
    static const char *const unread[] = {"optimization", "cc_model_filenames", "metric_tags", "model_metrics", "runtime"};
    const struct json *groups = json_get(doc, "instance_group"), *warmups = json_get(doc, "model_warmup");
    const struct json *levels = json_path(doc, "dynamic_batching.priority_queue_policy");
    bool gpu = false, limiter = false, files = false, sizes = false;
    for (size_t i = 0; i < ARRAY_LEN(unread); i++)
        if (json_get(doc, unread[i]))
            note_add(op, c, unread[i]);
    for (uint32_t i = 0; groups && i < groups->len; i++) {
        gpu = gpu || str_eqc(text(&groups->items[i], "kind"), "KIND_GPU");
        limiter = limiter || json_get(&groups->items[i], "rate_limiter");
    }
    for (uint32_t i = 0; warmups && i < warmups->len; i++) {
        const struct json *inputs = json_get(&warmups->items[i], "inputs");
        for (uint32_t k = 0; inputs && k < inputs->len; k++)
            files = files || json_get(&inputs->members[k].value, "input_data_file");
    }
    for (uint32_t i = 0; levels && i < levels->len; i++)
        sizes = sizes || json_get(&levels->members[i].value, "max_queue_size");
    if (gpu)
        note_add(op, c, "instance_group.kind (all models run on the CPU)");
    if (limiter)
        note_add(op, c, "instance_group.rate_limiter");
    if (files)
        note_add(op, c, "model_warmup.inputs.input_data_file (zeros are taken)");
    if (sizes)
        note_add(op, c, "dynamic_batching.priority_queue_policy.max_queue_size");
}

/* ---- who loads it, which versions ---- */

static enum err backend_read(struct op *op, const struct json *doc, struct triton_config *c)
{
    struct str backend = text(doc, "backend"), platform = text(doc, "platform");
    c->ensemble = str_eqc(platform, "ensemble") || json_get(doc, "ensemble_scheduling");
    if (c->ensemble && backend.len)
        return op_fail(op, E_INVALID, "an ensemble has no backend");
    if (c->ensemble && !json_get(doc, "ensemble_scheduling"))
        return op_fail(op, E_INVALID, "an ensemble wants ensemble_scheduling");
    struct str which = backend.len ? backend : platform;
    if (str_eqc(which, "onnxruntime") || str_eqc(which, "onnxruntime_onnx"))
        c->engines = onnx_engines;
    else if (str_eqc(which, "fil"))
        c->engines = fil_engines;
    else if (which.len && !c->ensemble && !str_starts(which, STR("ingot")))
        return op_fail(op, E_UNSUPPORTED, "%s \"%.*s\" is not served; onnxruntime and fil are", backend.len ? "backend" : "platform", STR_FMT(which));
    return OK;
}

static enum err versions_read(struct op *op, const struct json *doc, struct triton_config *c)
{
    const struct json *policy = json_get(doc, "version_policy"), *list = json_path(doc, "version_policy.specific.versions");
    c->versions = json_get(policy, "all") ? TRITON_ALL : json_get(policy, "specific") ? TRITON_SPECIFIC : TRITON_LATEST;
    c->latest = number(json_get(policy, "latest"), "num_versions", 1);
    if (c->latest < 1)
        return op_fail(op, E_INVALID, "version_policy.latest.num_versions must be at least 1");
    if (c->versions == TRITON_SPECIFIC && (!list || !list->len))
        return op_fail(op, E_INVALID, "version_policy.specific names no versions");
    int64_t *numbers = arena_array(op->arena, (list ? list->len : 0) + 1, int64_t);
    if (!numbers)
        return op_fail(op, E_TOO_LARGE, "no memory for versions");
    for (uint32_t i = 0; list && i < list->len; i++) {
        numbers[i] = list->items[i].i;
        if (numbers[i] < 1)
            return op_fail(op, E_INVALID, "version_policy.specific: %" PRId64 " is no version", numbers[i]);
    }
    c->specific = numbers;
    c->specific_len = c->versions == TRITON_SPECIFIC ? list->len : 0;
    return OK;
}

/* A plain name: a request may say it too, and must not reach out of the folder. */
static enum err file_read_name(struct op *op, const struct json *doc, struct triton_config *c)
{
    c->file = text(doc, "default_model_filename");
    if (str_find_char(c->file, '/') != SIZE_MAX || str_find_char(c->file, 0) != SIZE_MAX || str_eqc(c->file, "..") || str_eqc(c->file, "."))
        return op_fail(op, E_INVALID, "default_model_filename \"%.*s\" is not the name of a file", STR_FMT(c->file));
    return OK;
}

/* ---- the endpoint ---- */

static void queue_policy_write(struct json_out *w, const struct json *policy)
{
    const struct json *override = policy ? json_get(policy, "allow_timeout_override") : NULL;
    json_begin_object(w);
    if (policy && json_get(policy, "timeout_action"))
        json_kv_str(w, "timeout_action", text(policy, "timeout_action"));
    json_kv_i64(w, "default_timeout_microseconds", at_most(number(policy, "default_timeout_microseconds", 0), LIMIT_SERVE_TIMEOUT_US));
    json_kv_bool(w, "allow_timeout_override", override && override->boolean);
    json_end_object(w);
}

static void queue_write(struct json_out *w, const struct json *batching)
{
    const struct json *policy = json_get(batching, "default_queue_policy"), *levels = json_get(batching, "priority_queue_policy");
    const int64_t size = number(policy, "max_queue_size", 0);
    json_key(w, "queue");
    json_begin_object(w);
    if (size > 0)
        json_kv_i64(w, "max_queue_size", at_most(size, LIMIT_SERVE_QUEUE));
    if (json_get(batching, "priority_levels"))
        json_kv_i64(w, "priority_levels", number(batching, "priority_levels", 0));
    if (json_get(batching, "default_priority_level"))
        json_kv_i64(w, "default_priority_level", number(batching, "default_priority_level", 0));
    if (policy) {
        json_key(w, "default_queue_policy");
        queue_policy_write(w, policy);
    }
    if (levels && levels->len) {
        json_key(w, "priority_queue_policy");
        json_begin_object(w);
        for (uint32_t i = 0; i < levels->len; i++) {
            json_key_str(w, levels->members[i].key);
            queue_policy_write(w, &levels->members[i].value);
        }
        json_end_object(w);
    }
    json_end_object(w);
}

static void batch_write(struct json_out *w, const struct json *doc)
{
    const struct json *batching = json_get(doc, "dynamic_batching"), *most = json_get(doc, "max_batch_size");
    const struct json *preferred = batching ? json_get(batching, "preferred_batch_size") : NULL;
    if (!batching && !most)
        return;
    json_key(w, "batch");
    json_begin_object(w);
    if (most && most->i > 0)
        json_kv_i64(w, "max_rows", most->i);
    if (!batching || (most && !most->i))
        json_kv_i64(w, "max_size", 1);
    else if (most)
        json_kv_i64(w, "max_size", at_most(most->i, LIMIT_SERVE_BATCH));
    if (batching)
        json_kv_i64(w, "max_delay_us", at_most(number(batching, "max_queue_delay_microseconds", 0), LIMIT_SERVE_DELAY_US));
    if (preferred && preferred->len) {
        json_key(w, "preferred");
        json_value(w, preferred);
    }
    json_end_object(w);
    if (batching)
        queue_write(w, batching);
}

/* One axis more before the dims: the batch of the sample. */
static void warmup_shape(struct json_out *w, const struct json *dims, int64_t batch, bool batched)
{
    json_begin_array(w);
    if (batched)
        json_i64(w, batch > 0 ? batch : 1);
    for (uint32_t i = 0; dims && i < dims->len; i++)
        json_i64(w, dims->items[i].i);
    json_end_array(w);
}

static void warmup_write(struct json_out *w, const struct json *doc)
{
    const struct json *list = json_get(doc, "model_warmup"), *most = json_get(doc, "max_batch_size");
    if (!list || !list->len)
        return;
    const struct json *inputs = json_get(&list->items[0], "inputs");
    const int64_t batch = number(&list->items[0], "batch_size", 0);
    int64_t count = 0;
    bool random = false;
    for (uint32_t i = 0; i < list->len; i++) {
        const struct json *in = json_get(&list->items[i], "inputs");
        const int64_t n = number(&list->items[i], "count", 0);
        count = at_most(count + (n > 0 ? n : 1), LIMIT_SERVE_WARM_CALLS);
        for (uint32_t k = 0; in && k < in->len; k++)
            random = random || flag(&in->members[k].value, "random_data");
    }
    json_key(w, "warmup");
    json_begin_object(w);
    json_kv_i64(w, "count", count);
    json_kv_cstr(w, "sample", random ? "random" : "zero");
    json_key(w, "shapes");
    json_begin_object(w);
    for (uint32_t i = 0; inputs && i < inputs->len; i++) {
        json_key_str(w, inputs->members[i].key);
        warmup_shape(w, json_get(&inputs->members[i].value, "dims"), batch, !most || most->i > 0);
    }
    json_end_object(w);
    json_end_object(w);
}

static int64_t instances(const struct json *doc)
{
    const struct json *groups = json_get(doc, "instance_group");
    int64_t sum = 0;
    for (uint32_t i = 0; groups && i < groups->len; i++)
        if (!flag(&groups->items[i], "passive"))
            sum += number(&groups->items[i], "count", 1) > 1 ? number(&groups->items[i], "count", 1) : 1;
    return at_most(sum, LIMIT_SERVE_THREADS);
}

static enum err endpoint_make(struct op *op, const struct json *doc, struct triton_config *c)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    struct json *made = NULL;
    const int64_t count = instances(doc);
    buf_init(&b, LIMIT_SERVE_CONFIG_BYTES);
    json_out_init(&w, &b, 0);
    json_begin_object(&w);
    batch_write(&w, doc);
    warmup_write(&w, doc);
    if (count)
        json_kv_i64(&w, "concurrency", count);
    if (flag(json_get(doc, "response_cache"), "enable")) {
        json_key(&w, "cache");
        json_begin_object(&w);
        json_kv_i64(&w, "max_bytes", LIMIT_REPOSITORY_CACHE_BYTES);
        json_end_object(&w);
    }
    json_key(&w, "triton");
    json_value(&w, doc);
    json_end_object(&w);
    if (b.failed)
        return op_fail(op, E_TOO_LARGE, "the configuration is larger than %zu bytes", (size_t)LIMIT_SERVE_CONFIG_BYTES);
    enum err e = json_parse(op, buf_str(&b), JSON_STRICT, &made);
    c->endpoint = made;
    return e;
}

/* ---- the whole ---- */

static enum err config_make(struct op *op, const struct json *doc, struct str name, struct str folder, struct triton_config *ret)
{
    struct triton_config c = {.doc = doc, .declared = STR("")};
    struct str own = text(doc, "name");
    const struct json *most = json_get(doc, "max_batch_size");
    if (own.len && !str_eq(own, name))
        return op_fail(op, E_INVALID, "name is \"%.*s\", the model's folder \"%.*s\"", STR_FMT(own), STR_FMT(name));
    if (most && most->i < 0)
        return op_fail(op, E_INVALID, "max_batch_size must not be negative");
    enum err e = refusals(op, doc);
    if (!e)
        e = backend_read(op, doc, &c);
    if (!e)
        e = versions_read(op, doc, &c);
    if (!e)
        e = file_read_name(op, doc, &c);
    if (!e)
        e = endpoint_make(op, doc, &c);
    if (!e && !c.ensemble)
        e = triton_declared(op, doc, folder, c.engines == fil_engines, &c.declared);
    if (e)
        return e;
    notes(op, doc, &c);
    *ret = c;
    return OK;
}

enum err triton_config_of_json(struct op *op, const struct json *doc, struct str name, struct str folder, struct triton_config *ret)
{
    struct json *clean = NULL;
    enum err e = pbtxt_of_json(op, doc, &triton_schema, &clean);
    return e ? e : config_make(op, clean, name, folder, ret);
}

enum err triton_config_parse(struct op *op, struct str bytes, struct str name, struct str folder, struct triton_config *ret)
{
    struct json *doc = NULL;
    enum err e = pbtxt_parse(op, bytes, &triton_schema, &doc);
    return e ? e : config_make(op, doc, name, folder, ret);
}
