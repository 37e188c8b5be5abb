#include "adapter/mlflow/record.h"

#include <math.h>

struct str record_text(const struct json *obj, const char *key)
{
    const struct json *j = json_get(obj, key);
    return j && j->type == JSON_STRING ? j->s : STR("");
}

int64_t record_i64(const struct json *obj, const char *key)
{
    const struct json *j = json_get(obj, key);
    int64_t v = 0;
    if (j && j->type == JSON_STRING)
        return str_parse_i64(j->s, &v) ? v : 0;
    return j && json_as_i64(j, &v) ? v : 0;
}

bool record_bool(const struct json *obj, const char *key)
{
    const struct json *j = json_get(obj, key);
    return j && j->type == JSON_BOOL && j->boolean;
}

double record_f64(const struct json *obj, const char *key)
{
    const struct json *j = json_get(obj, key);
    double v = 0;
    if (j && j->type == JSON_STRING) {
        struct str s = str_eq(j->s, STR("Infinity")) ? STR("inf") : str_eq(j->s, STR("-Infinity")) ? STR("-inf") : j->s;
        return str_parse_f64(s, true, &v) ? v : (double)NAN;
    }
    return j && json_as_f64(j, &v) ? v : 0;
}

size_t record_items(const struct json *obj, const char *key, const struct json **ret)
{
    const struct json *j = json_get(obj, key);
    if (!j || j->type != JSON_ARRAY)
        return 0;
    *ret = j->items;
    return j->len;
}

enum err record_kvs(struct op *op, const struct json *obj, const char *key, struct origin_kvs *ret)
{
    const struct json *items = NULL;
    size_t n = record_items(obj, key, &items);
    struct origin_kv *kvs = arena_array(op->arena, n + 1, struct origin_kv);
    if (!kvs)
        return op_fail(op, E_TOO_LARGE, "too many %s", key);
    for (size_t i = 0; i < n; i++)
        kvs[i] = (struct origin_kv){record_text(&items[i], "key"), record_text(&items[i], "value")};
    *ret = (struct origin_kvs){kvs, n};
    return OK;
}

static enum err no_room(struct op *op)
{
    return op_fail(op, E_TOO_LARGE, "what belongs to one object does not fit in memory");
}

enum err record_experiment(struct op *op, const struct json *j, struct origin_experiment *x)
{
    *x = (struct origin_experiment){.id = record_text(j, "experiment_id"), .name = record_text(j, "name"), .artifact_location = record_text(j, "artifact_location"),
                                    .deleted = str_eq(record_text(j, "lifecycle_stage"), STR("deleted")), .created_ms = record_i64(j, "creation_time"),
                                    .updated_ms = record_i64(j, "last_update_time")};
    return record_kvs(op, j, "tags", &x->tags);
}

static enum err run_latest(struct op *op, const struct json *data, struct origin_run *r)
{
    const struct json *items = NULL;
    size_t n = record_items(data, "metrics", &items);
    struct origin_latest *out = arena_array(op->arena, n + 1, struct origin_latest);
    if (!out)
        return no_room(op);
    for (size_t i = 0; i < n; i++) {
        double v = record_f64(&items[i], "value");
        out[i] = (struct origin_latest){record_text(&items[i], "key"), record_i64(&items[i], "timestamp"), record_i64(&items[i], "step"), isnan(v) ? 0 : v, isnan(v)};
    }
    r->latest = out;
    r->latest_count = n;
    return OK;
}

static enum err run_datasets(struct op *op, const struct json *inputs, struct origin_run *r)
{
    const struct json *items = NULL;
    size_t n = record_items(inputs, "dataset_inputs", &items);
    struct origin_dataset *out = arena_array(op->arena, n + 1, struct origin_dataset);
    if (!out)
        return no_room(op);
    enum err e = OK;
    for (size_t i = 0; !e && i < n; i++) {
        const struct json *d = json_get(&items[i], "dataset");
        struct str schema = record_text(d, "schema"), profile = record_text(d, "profile");
        out[i] = (struct origin_dataset){.name = record_text(d, "name"), .digest = record_text(d, "digest"), .source_type = record_text(d, "source_type"),
                                         .source = record_text(d, "source"), .schema = schema.len ? schema : (struct str){0},
                                         .profile = profile.len ? profile : (struct str){0}};
        e = record_kvs(op, &items[i], "tags", &out[i].tags);
    }
    r->datasets = out;
    r->dataset_count = n;
    return e;
}

static enum err run_uses(struct op *op, const struct json *obj, const char *key, struct origin_model_use **ret, size_t *ret_n)
{
    const struct json *items = NULL;
    size_t n = record_items(obj, key, &items);
    struct origin_model_use *out = arena_array(op->arena, n + 1, struct origin_model_use);
    if (!out)
        return no_room(op);
    for (size_t i = 0; i < n; i++)
        out[i] = (struct origin_model_use){record_text(&items[i], "model_id"), record_i64(&items[i], "step")};
    *ret = out;
    *ret_n = n;
    return OK;
}

enum err record_run(struct op *op, const struct json *j, struct origin_run *r)
{
    const struct json *info = json_get(j, "info"), *data = json_get(j, "data"), *inputs = json_get(j, "inputs"), *outputs = json_get(j, "outputs");
    struct str id = record_text(info, "run_id"), name = record_text(info, "run_name");
    *r = (struct origin_run){.run_id = id.len ? id : record_text(info, "run_uuid"), .experiment_id = record_text(info, "experiment_id"), .name = name,
                             .user_id = record_text(info, "user_id"), .artifact_uri = record_text(info, "artifact_uri"), .status = record_text(info, "status"),
                             .start_ms = record_i64(info, "start_time"), .end_ms = record_i64(info, "end_time"), .has_end = json_get(info, "end_time") != NULL,
                             .deleted = str_eq(record_text(info, "lifecycle_stage"), STR("deleted")), .point_count = -1};
    enum err e = record_kvs(op, data, "params", &r->params);
    if (!e)
        e = record_kvs(op, data, "tags", &r->tags);
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
    size_t n = record_items(data, "metrics", &items);
    struct origin_model_metric *out = arena_array(op->arena, n + 1, struct origin_model_metric);
    if (!out)
        return no_room(op);
    for (size_t i = 0; i < n; i++) {
        const struct json *x = &items[i];
        double v = record_f64(x, "value");
        out[i] = (struct origin_model_metric){.key = record_text(x, "key"), .run_id = record_text(x, "run_id"), .dataset_name = record_text(x, "dataset_name"),
                                              .dataset_digest = record_text(x, "dataset_digest"), .time_ms = record_i64(x, "timestamp"), .step = record_i64(x, "step"),
                                              .value = v, .is_nan = isnan(v)};
    }
    m->metrics = out;
    m->metric_count = n;
    return OK;
}

enum err record_logged_model(struct op *op, const struct json *j, struct origin_logged_model *m)
{
    static const char *const states[] = {"LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY", "LOGGED_MODEL_UPLOAD_FAILED"};
    const struct json *info = json_get(j, "info"), *data = json_get(j, "data");
    *m = (struct origin_logged_model){.model_id = record_text(info, "model_id"), .experiment_id = record_text(info, "experiment_id"), .name = record_text(info, "name"),
                                      .model_type = record_text(info, "model_type"), .source_run_id = record_text(info, "source_run_id"),
                                      .artifact_uri = record_text(info, "artifact_uri"), .status_message = record_text(info, "status_message"),
                                      .created_ms = record_i64(info, "creation_timestamp_ms"), .updated_ms = record_i64(info, "last_updated_timestamp_ms")};
    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        if (str_eqc(record_text(info, "status"), states[i]))
            m->status = (int)i + 1;
    enum err e = record_kvs(op, data, "params", &m->params);
    if (!e)
        e = record_kvs(op, info, "tags", &m->tags);
    return e ? e : metrics_of(op, data, m);
}

static struct str text_or_none(const struct json *obj, const char *key)
{
    const struct json *j = json_get(obj, key);
    return j && j->type == JSON_STRING ? j->s : (struct str){0};
}

enum err record_model(struct op *op, const struct json *j, struct origin_model *m)
{
    const struct json *items = NULL;
    size_t n = record_items(j, "aliases", &items);
    struct origin_kv *aliases = arena_array(op->arena, n + 1, struct origin_kv);
    if (!aliases)
        return no_room(op);
    for (size_t i = 0; i < n; i++)
        aliases[i] = (struct origin_kv){record_text(&items[i], "alias"), record_text(&items[i], "version")};
    *m = (struct origin_model){.name = record_text(j, "name"), .description = text_or_none(j, "description"), .created_ms = record_i64(j, "creation_timestamp"),
                               .updated_ms = record_i64(j, "last_updated_timestamp"), .aliases = {aliases, n}};
    return record_kvs(op, j, "tags", &m->tags);
}

enum err record_version(struct op *op, const struct json *j, struct origin_version *v)
{
    struct str stage = record_text(j, "current_stage");
    *v = (struct origin_version){.name = record_text(j, "name"), .version = record_i64(j, "version"), .created_ms = record_i64(j, "creation_timestamp"),
                                     .updated_ms = record_i64(j, "last_updated_timestamp"), .description = text_or_none(j, "description"),
                                     .user_id = record_text(j, "user_id"), .stage = stage.len ? stage : STR("None"), .source = record_text(j, "source"),
                                     .storage_location = STR(""), .run_id = record_text(j, "run_id"), .run_link = record_text(j, "run_link"),
                                  .data_version = STR(""), .signature = STR("")};
    return record_kvs(op, j, "tags", &v->tags);
}
