#include "api/mlflow/runs.h"

#include "api/mlflow/decode.h"
#include "api/mlflow/encode.h"
#include "api/services.h"
#include "base/limits.h"
#include "core/track/input.h"
#include "core/track/metric.h"

#define ABSENT INT64_MIN

struct run_in {
    struct str run_id, experiment_id, user_id, run_name, status, key, value;
    int64_t start_time, end_time;
    struct track_kvs tags;
};

static const struct field create_fields[] = {
    FIELD(struct run_in, experiment_id, FIELD_STR, false), FIELD(struct run_in, user_id, FIELD_STR, false),
    FIELD(struct run_in, run_name, FIELD_STR, false),      FIELD(struct run_in, start_time, FIELD_I64, false),
    FIELD(struct run_in, tags, FIELD_KVS, false),
};

static enum err answer_run(struct op *op, struct http_req *req, struct http_res *res, void *arg)
{
    (void)req;
    struct json_out w;
    encode_begin(&w, res);
    json_key(&w, "run");
    encode_run(&w, arg);
    return encode_end(op, &w, res);
}

enum err mlflow_run_create(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct run_in in = {.experiment_id = STR("0")};
    struct track_run *r = op_new(op, struct track_run);
    int64_t experiment = 0;
    enum err e = DECODE(op, req, create_fields, &in);
    if (!e)
        e = names_parse_experiment_id(op, in.experiment_id.len ? in.experiment_id : STR("0"), &experiment);
    return e ? e : track_run_create_start(op, s->db, experiment, in.run_name, in.user_id, in.start_time, in.tags.p, in.tags.len, r,
                                          http_later_done, http_later(res, answer_run, r));
}

static const struct field id_fields[] = {RUN_ID_FIELD(struct run_in)};

enum err mlflow_run_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct run_in in = {0};
    struct track_run r;
    enum err e = DECODE(op, req, id_fields, &in);
    if (!e)
        e = track_run_get(op, s->db, in.run_id, &r);
    if (e)
        return e;
    struct json_out w;
    encode_begin(&w, res);
    json_key(&w, "run");
    encode_run(&w, &r);
    return encode_end(op, &w, res);
}

static const struct field update_fields[] = {
    RUN_ID_FIELD(struct run_in),
    FIELD(struct run_in, status, FIELD_NAME, false),
    FIELD(struct run_in, end_time, FIELD_I64, false),
    FIELD(struct run_in, run_name, FIELD_STR, false),
};

/* What an update needs until it is durable. */
struct update {
    struct run_in in;
    enum track_run_status status;
    struct track_run run;
};

static enum err answer_run_info(struct op *op, struct http_req *req, struct http_res *res, void *arg)
{
    (void)req;
    const struct update *u = arg;
    struct json_out w;
    encode_begin(&w, res);
    json_key(&w, "run_info");
    encode_run_info(&w, &u->run);
    return encode_end(op, &w, res);
}

enum err mlflow_run_update(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    static const char *const names[] = {"RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"};
    struct update *u = op_new(op, struct update);
    u->in = (struct run_in){.end_time = ABSENT};
    enum err e = DECODE(op, req, update_fields, &u->in);
    const struct run_in in = u->in;
    size_t i = e || !in.status.len ? 0 : decode_name(in.status, names, ARRAY_LEN(names));
    u->status = (enum track_run_status)(i + 1);
    if (!e && i == SIZE_MAX)
        return decode_bad_name(op, "status", in.status);
    return e ? e : track_run_update_start(op, s->db, in.run_id, in.status.len ? &u->status : NULL,
                                          in.end_time == ABSENT ? NULL : &u->in.end_time, in.run_name, &u->run, http_later_done,
                                          http_later(res, answer_run_info, u));
}

enum err mlflow_run_delete(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct run_in in = {0};
    enum err e = DECODE(op, req, id_fields, &in);
    if (!e)
        e = track_run_delete(op, s->db, in.run_id);
    return e ? e : encode_empty(op, res);
}

enum err mlflow_run_restore(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct run_in in = {0};
    enum err e = DECODE(op, req, id_fields, &in);
    if (!e)
        e = track_run_restore(op, s->db, in.run_id);
    return e ? e : encode_empty(op, res);
}

/* ---- inputs and outputs ---- */

struct inputs_in {
    struct str run_id;
    const struct json *datasets, *models;
};
static const struct field inputs_fields[] = {
    RUN_ID_FIELD(struct inputs_in),
    FIELD(struct inputs_in, datasets, FIELD_ITEMS, false),
    FIELD(struct inputs_in, models, FIELD_ITEMS, false),
};
static const struct field dataset_fields[] = {
    FIELD(struct track_dataset, name, FIELD_STR, true),         FIELD(struct track_dataset, digest, FIELD_STR, true),
    FIELD(struct track_dataset, source_type, FIELD_STR, false), FIELD(struct track_dataset, source, FIELD_STR, false),
    FIELD(struct track_dataset, schema, FIELD_STR, false),      FIELD(struct track_dataset, profile, FIELD_STR, false),
};
static const struct field dataset_tags_fields[] = {FIELD(struct track_dataset, tags, FIELD_KVS, false)};
static const struct field run_model_fields[] = {
    FIELD(struct track_run_model, model_id, FIELD_STR, true),
    FIELD(struct track_run_model, step, FIELD_I64, false),
};

static enum err decode_datasets(struct op *op, const struct json *array, struct track_dataset **ret, size_t *ret_len)
{
    size_t n = array ? array->len : 0;
    struct track_dataset *d = arena_array(op->arena, n + 1, struct track_dataset);
    if (!d)
        return op_fail(op, E_TOO_LARGE, "'datasets' is too long");
    for (size_t i = 0; i < n; i++) {
        char *path = op_printf(op, "datasets[%zu].", i);
        const struct json *inner = json_get(&array->items[i], "dataset");
        if (array->items[i].type != JSON_OBJECT)
            return decode_bad_items(op, "datasets", array);
        d[i].source_type = d[i].source = STR("");
        if (!inner || inner->type != JSON_OBJECT)
            return decode_missing(op, op_printf(op, "%sdataset", path));
        enum err e = decode_object(op, &array->items[i], path, dataset_tags_fields, ARRAY_LEN(dataset_tags_fields), &d[i]);
        if (!e)
            e = decode_object(op, inner, op_printf(op, "%sdataset.", path), dataset_fields, ARRAY_LEN(dataset_fields), &d[i]);
        if (e)
            return e;
    }
    *ret = d;
    *ret_len = n;
    return OK;
}

static enum err decode_models(struct op *op, const struct json *array, struct track_run_model **ret, size_t *ret_len)
{
    struct track_run_model none = {0};
    void *p = NULL;
    enum err e = decode_items(op, array, "models", run_model_fields, ARRAY_LEN(run_model_fields), sizeof none, &none, &p, ret_len);
    *ret = p;
    return e;
}

enum err mlflow_run_log_inputs(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct inputs_in in = {0};
    struct track_dataset *datasets = NULL;
    struct track_run_model *models = NULL;
    size_t n = 0, m = 0;
    enum err e = DECODE(op, req, inputs_fields, &in);
    if (!e)
        e = decode_datasets(op, in.datasets, &datasets, &n);
    if (!e)
        e = decode_models(op, in.models, &models, &m);
    if (!e)
        e = input_log(op, s->db, in.run_id, datasets, n, models, m);
    return e ? e : encode_empty(op, res);
}

enum err mlflow_run_log_outputs(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct inputs_in in = {0};
    struct track_run_model *models = NULL;
    size_t m = 0;
    enum err e = DECODE(op, req, inputs_fields, &in);
    if (!e && !in.models)
        return decode_missing(op, "models");
    if (!e)
        e = decode_models(op, in.models, &models, &m);
    if (!e)
        e = input_log_outputs(op, s->db, in.run_id, models, m);
    return e ? e : encode_empty(op, res);
}

/* The 2.x client's record of a model in its run: appended to the tag mlflow.log-model.history. */
struct log_model_in {
    struct str run_id, model_json;
};
static const struct field log_model_fields[] = {RUN_ID_FIELD(struct log_model_in),
                                                FIELD(struct log_model_in, model_json, FIELD_STR, true)};

enum err mlflow_run_log_model(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    static const char *const needed[] = {"artifact_path", "flavors", "utc_time_created", "run_id"};
    struct log_model_in in = {0};
    struct json *model = NULL;
    enum err e = DECODE(op, req, log_model_fields, &in);
    if (e)
        return e;
    if (json_parse(op, in.model_json, JSON_NAN | JSON_DUP_LAST, &model)) {
        op_clear(op);
        return op_fail_field(op, "model_json", "Malformed model info. \n %.*s \n is not a valid JSON.", STR_FMT(in.model_json));
    }
    const char *missing = NULL;
    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        if (!json_get(model, needed[i]))
            missing = op_printf(op, "%s%s'%s'", missing ? missing : "", missing ? ", " : "", needed[i]);
    if (missing)
        return op_fail_field(op, "model_json", "Model json is missing mandatory fields: {%s}", missing);
    e = track_run_add_model(op, s->db, in.run_id, in.model_json);
    return e ? e : encode_empty(op, res);
}
