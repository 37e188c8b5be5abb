#include "adapter/mlflow/decode.h"

#include <math.h>

struct str decode_text(const struct json *obj, const char *key)
{
    const struct json *j = json_get(obj, key);
    return j && j->type == JSON_STRING ? j->s : STR("");
}

int64_t decode_i64(const struct json *obj, const char *key)
{
    const struct json *j = json_get(obj, key);
    int64_t v = 0;
    if (j && j->type == JSON_STRING)
        return str_parse_i64(j->s, &v) ? v : 0;
    return j && json_as_i64(j, &v) ? v : 0;
}

bool decode_bool(const struct json *obj, const char *key)
{
    const struct json *j = json_get(obj, key);
    return j && j->type == JSON_BOOL && j->boolean;
}

double decode_f64(const struct json *obj, const char *key)
{
    const struct json *j = json_get(obj, key);
    double v = 0;
    if (j && j->type == JSON_STRING) {
        struct str s = str_eq(j->s, STR("Infinity")) ? STR("inf") : str_eq(j->s, STR("-Infinity")) ? STR("-inf") : j->s;
        return str_parse_f64(s, true, &v) ? v : (double)NAN;
    }
    return j && json_as_f64(j, &v) ? v : 0;
}

size_t decode_items(const struct json *obj, const char *key, const struct json **ret)
{
    const struct json *j = json_get(obj, key);
    if (!j || j->type != JSON_ARRAY)
        return 0;
    *ret = j->items;
    return j->len;
}

enum err decode_kvs(struct op *op, const struct json *obj, const char *key, struct origin_kvs *ret)
{
    const struct json *items = NULL;
    size_t n = decode_items(obj, key, &items);
    struct origin_kv *kvs = arena_array(op->arena, n + 1, struct origin_kv);
    if (!kvs)
        return op_fail(op, E_TOO_LARGE, "too many %s", key);
    for (size_t i = 0; i < n; i++)
        kvs[i] = (struct origin_kv){decode_text(&items[i], "key"), decode_text(&items[i], "value")};
    *ret = (struct origin_kvs){kvs, n};
    return OK;
}

static enum err no_room(struct op *op)
{
    return op_fail(op, E_TOO_LARGE, "what belongs to one object does not fit in memory");
}

enum err decode_experiment(struct op *op, const struct json *j, struct origin_experiment *x)
{
    *x = (struct origin_experiment){.id = decode_text(j, "experiment_id"), .name = decode_text(j, "name"), .artifact_location = decode_text(j, "artifact_location"),
                                    .deleted = str_eq(decode_text(j, "lifecycle_stage"), STR("deleted")), .created_ms = decode_i64(j, "creation_time"),
                                    .updated_ms = decode_i64(j, "last_update_time")};
    return decode_kvs(op, j, "tags", &x->tags);
}

static enum err run_latest(struct op *op, const struct json *data, struct origin_run *r)
{
    const struct json *items = NULL;
    size_t n = decode_items(data, "metrics", &items);
    struct origin_latest *out = arena_array(op->arena, n + 1, struct origin_latest);
    if (!out)
        return no_room(op);
    for (size_t i = 0; i < n; i++) {
        double v = decode_f64(&items[i], "value");
        out[i] = (struct origin_latest){decode_text(&items[i], "key"), decode_i64(&items[i], "timestamp"), decode_i64(&items[i], "step"), isnan(v) ? 0 : v, isnan(v)};
    }
    r->latest = out;
    r->latest_count = n;
    return OK;
}

static enum err run_datasets(struct op *op, const struct json *inputs, struct origin_run *r)
{
    const struct json *items = NULL;
    size_t n = decode_items(inputs, "dataset_inputs", &items);
    struct origin_dataset *out = arena_array(op->arena, n + 1, struct origin_dataset);
    if (!out)
        return no_room(op);
    enum err e = OK;
    for (size_t i = 0; !e && i < n; i++) {
        const struct json *d = json_get(&items[i], "dataset");
        struct str schema = decode_text(d, "schema"), profile = decode_text(d, "profile");
        out[i] = (struct origin_dataset){.name = decode_text(d, "name"), .digest = decode_text(d, "digest"), .source_type = decode_text(d, "source_type"),
                                         .source = decode_text(d, "source"), .schema = schema.len ? schema : (struct str){0},
                                         .profile = profile.len ? profile : (struct str){0}};
        e = decode_kvs(op, &items[i], "tags", &out[i].tags);
    }
    r->datasets = out;
    r->dataset_count = n;
    return e;
}

static enum err run_uses(struct op *op, const struct json *obj, const char *key, struct origin_model_use **ret, size_t *ret_n)
{
    const struct json *items = NULL;
    size_t n = decode_items(obj, key, &items);
    struct origin_model_use *out = arena_array(op->arena, n + 1, struct origin_model_use);
    if (!out)
        return no_room(op);
    for (size_t i = 0; i < n; i++)
        out[i] = (struct origin_model_use){decode_text(&items[i], "model_id"), decode_i64(&items[i], "step")};
    *ret = out;
    *ret_n = n;
    return OK;
}

enum err decode_run(struct op *op, const struct json *j, struct origin_run *r)
{
    const struct json *info = json_get(j, "info"), *data = json_get(j, "data"), *inputs = json_get(j, "inputs"), *outputs = json_get(j, "outputs");
    struct str id = decode_text(info, "run_id"), name = decode_text(info, "run_name");
    *r = (struct origin_run){.run_id = id.len ? id : decode_text(info, "run_uuid"), .experiment_id = decode_text(info, "experiment_id"), .name = name,
                             .user_id = decode_text(info, "user_id"), .artifact_uri = decode_text(info, "artifact_uri"), .status = decode_text(info, "status"),
                             .start_ms = decode_i64(info, "start_time"), .end_ms = decode_i64(info, "end_time"), .has_end = json_get(info, "end_time") != NULL,
                             .deleted = str_eq(decode_text(info, "lifecycle_stage"), STR("deleted")), .point_count = -1};
    enum err e = decode_kvs(op, data, "params", &r->params);
    if (!e)
        e = decode_kvs(op, data, "tags", &r->tags);
    if (!e)
        e = run_latest(op, data, r);
    if (!e)
        e = run_datasets(op, inputs, r);
    if (!e)
        e = run_uses(op, inputs, "model_inputs", &r->inputs, &r->input_count);
    return e ? e : run_uses(op, outputs, "model_outputs", &r->outputs, &r->output_count);
}

static enum err metrics_of(struct op *op, const struct json *data, struct origin_logged_model *m)
{
    const struct json *items = NULL;
    size_t n = decode_items(data, "metrics", &items);
    struct origin_model_metric *out = arena_array(op->arena, n + 1, struct origin_model_metric);
    if (!out)
        return no_room(op);
    for (size_t i = 0; i < n; i++) {
        const struct json *x = &items[i];
        double v = decode_f64(x, "value");
        out[i] = (struct origin_model_metric){.key = decode_text(x, "key"), .run_id = decode_text(x, "run_id"), .dataset_name = decode_text(x, "dataset_name"),
                                              .dataset_digest = decode_text(x, "dataset_digest"), .time_ms = decode_i64(x, "timestamp"), .step = decode_i64(x, "step"),
                                              .value = v, .is_nan = isnan(v)};
    }
    m->metrics = out;
    m->metric_count = n;
    return OK;
}

enum err decode_logged_model(struct op *op, const struct json *j, struct origin_logged_model *m)
{
    static const char *const states[] = {"LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY", "LOGGED_MODEL_UPLOAD_FAILED"};
    const struct json *info = json_get(j, "info"), *data = json_get(j, "data");
    *m = (struct origin_logged_model){.model_id = decode_text(info, "model_id"), .experiment_id = decode_text(info, "experiment_id"), .name = decode_text(info, "name"),
                                      .model_type = decode_text(info, "model_type"), .source_run_id = decode_text(info, "source_run_id"),
                                      .artifact_uri = decode_text(info, "artifact_uri"), .status_message = decode_text(info, "status_message"),
                                      .created_ms = decode_i64(info, "creation_timestamp_ms"), .updated_ms = decode_i64(info, "last_updated_timestamp_ms")};
    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        if (str_eqc(decode_text(info, "status"), states[i]))
            m->status = (int)i + 1;
    enum err e = decode_kvs(op, data, "params", &m->params);
    if (!e)
        e = decode_kvs(op, info, "tags", &m->tags);
    return e ? e : metrics_of(op, data, m);
}

static struct str text_or_none(const struct json *obj, const char *key)
{
    const struct json *j = json_get(obj, key);
    return j && j->type == JSON_STRING ? j->s : (struct str){0};
}

enum err decode_model(struct op *op, const struct json *j, struct origin_model *m)
{
    const struct json *items = NULL;
    size_t n = decode_items(j, "aliases", &items);
    struct origin_kv *aliases = arena_array(op->arena, n + 1, struct origin_kv);
    if (!aliases)
        return no_room(op);
    for (size_t i = 0; i < n; i++)
        aliases[i] = (struct origin_kv){decode_text(&items[i], "alias"), decode_text(&items[i], "version")};
    *m = (struct origin_model){.name = decode_text(j, "name"), .description = text_or_none(j, "description"), .created_ms = decode_i64(j, "creation_timestamp"),
                               .updated_ms = decode_i64(j, "last_updated_timestamp"), .aliases = {aliases, n}};
    return decode_kvs(op, j, "tags", &m->tags);
}

enum err decode_version(struct op *op, const struct json *j, struct origin_version *v)
{
    struct str stage = decode_text(j, "current_stage");
    *v = (struct origin_version){.name = decode_text(j, "name"), .version = decode_i64(j, "version"), .created_ms = decode_i64(j, "creation_timestamp"),
                                     .updated_ms = decode_i64(j, "last_updated_timestamp"), .description = text_or_none(j, "description"),
                                     .user_id = decode_text(j, "user_id"), .stage = stage.len ? stage : STR("None"), .source = decode_text(j, "source"),
                                     .storage_location = STR(""), .run_id = decode_text(j, "run_id"), .run_link = decode_text(j, "run_link"),
                                  .data_version = STR(""), .signature = STR("")};
    return decode_kvs(op, j, "tags", &v->tags);
}
