#include "api/mlflow/encode.h"

#include "base/limits.h"

#include <inttypes.h>
#include <stdio.h>

void encode_begin(struct json_out *w, struct http_res *res)
{
    http_set_type(res, "application/json");
    json_out_init(w, &res->body, 0);
    json_begin_object(w);
}

enum err encode_end(struct op *op, struct json_out *w, struct http_res *res)
{
    json_end_object(w);
    if (res->body.failed)
        return op_fail(op, E_TOO_LARGE, "the answer is too large: ask for fewer results");
    return OK;
}

enum err encode_empty(struct op *op, struct http_res *res)
{
    struct json_out w;
    encode_begin(&w, res);
    return encode_end(op, &w, res);
}

void encode_text(struct json_out *w, const char *key, struct str v)
{
    if (v.len > 0)
        json_kv_str(w, key, v);
}

void encode_id(struct json_out *w, const char *key, int64_t v)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, v);
    json_kv_cstr(w, key, text);
}

static void encode_kvs(struct json_out *w, const char *key, const struct track_kvs *kvs)
{
    if (kvs->len == 0)
        return;
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < kvs->len; i++) {
        json_begin_object(w);
        json_kv_str(w, "key", kvs->p[i].key);
        json_kv_str(w, "value", kvs->p[i].value);
        json_end_object(w);
    }
    json_end_array(w);
}

void encode_experiment(struct json_out *w, const struct experiment *x)
{
    json_begin_object(w);
    encode_id(w, "experiment_id", x->id);
    json_kv_str(w, "name", x->name);
    json_kv_str(w, "artifact_location", x->artifact_location);
    json_kv_cstr(w, "lifecycle_stage", x->deleted ? "deleted" : "active");
    json_kv_i64(w, "last_update_time", x->updated_ms);
    json_kv_i64(w, "creation_time", x->created_ms);
    encode_kvs(w, "tags", &x->tags);
    json_kv_cstr(w, "workspace", "default");
    json_end_object(w);
}

void encode_run_info(struct json_out *w, const struct track_run *r)
{
    json_begin_object(w);
    json_kv_str(w, "run_uuid", r->run_id);
    encode_id(w, "experiment_id", r->experiment_id);
    json_kv_str(w, "run_name", r->name);
    json_kv_str(w, "user_id", r->user_id);
    json_kv_cstr(w, "status", track_run_status_name(r->status));
    json_kv_i64(w, "start_time", r->start_ms);
    if (r->has_end && r->end_ms)
        json_kv_i64(w, "end_time", r->end_ms);
    json_kv_str(w, "artifact_uri", r->artifact_uri);
    json_kv_cstr(w, "lifecycle_stage", r->deleted ? "deleted" : "active");
    json_kv_str(w, "run_id", r->run_id);
    json_end_object(w);
}

void encode_metric(struct json_out *w, const struct track_metric *m)
{
    json_begin_object(w);
    json_kv_str(w, "key", m->key);
    json_kv_f64(w, "value", m->value);
    json_kv_i64(w, "timestamp", m->time_ms);
    json_kv_i64(w, "step", m->step);
    encode_text(w, "dataset_name", m->dataset_name);
    encode_text(w, "dataset_digest", m->dataset_digest);
    encode_text(w, "model_id", m->model_id);
    encode_text(w, "run_id", m->run_id);
    json_end_object(w);
}

static void encode_metrics(struct json_out *w, const struct track_metric *p, size_t n)
{
    if (n == 0)
        return;
    json_key(w, "metrics");
    json_begin_array(w);
    for (size_t i = 0; i < n; i++)
        encode_metric(w, &p[i]);
    json_end_array(w);
}

static void encode_dataset(struct json_out *w, const struct track_dataset *d)
{
    json_begin_object(w);
    encode_kvs(w, "tags", &d->tags);
    json_key(w, "dataset");
    json_begin_object(w);
    json_kv_str(w, "name", d->name);
    json_kv_str(w, "digest", d->digest);
    json_kv_str(w, "source_type", d->source_type);
    json_kv_str(w, "source", d->source);
    encode_text(w, "schema", d->schema);
    encode_text(w, "profile", d->profile);
    json_end_object(w);
    json_end_object(w);
}

static void encode_run_models(struct json_out *w, const char *key, const struct track_run_model *p, size_t n, bool steps)
{
    if (n == 0)
        return;
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < n; i++) {
        json_begin_object(w);
        json_kv_str(w, "model_id", p[i].model_id);
        if (steps)
            json_kv_i64(w, "step", p[i].step);
        json_end_object(w);
    }
    json_end_array(w);
}

void encode_run(struct json_out *w, const struct track_run *r)
{
    json_begin_object(w);
    json_key(w, "info");
    encode_run_info(w, r);
    json_key(w, "data");
    json_begin_object(w);
    encode_metrics(w, r->metrics, r->metric_count);
    encode_kvs(w, "params", &r->params);
    encode_kvs(w, "tags", &r->tags);
    json_end_object(w);
    json_key(w, "inputs");
    json_begin_object(w);
    if (r->dataset_count) {
        json_key(w, "dataset_inputs");
        json_begin_array(w);
        for (size_t i = 0; i < r->dataset_count; i++)
            encode_dataset(w, &r->datasets[i]);
        json_end_array(w);
    }
    encode_run_models(w, "model_inputs", r->inputs, r->input_count, false);
    json_end_object(w);
    json_key(w, "outputs");
    json_begin_object(w);
    encode_run_models(w, "model_outputs", r->outputs, r->output_count, true);
    json_end_object(w);
    json_end_object(w);
}

void encode_logged_model(struct json_out *w, const struct logged_model *m)
{
    json_begin_object(w);
    json_key(w, "info");
    json_begin_object(w);
    json_kv_str(w, "model_id", m->model_id);
    encode_id(w, "experiment_id", m->experiment_id);
    json_kv_str(w, "name", m->name);
    json_kv_i64(w, "creation_timestamp_ms", m->created_ms);
    json_kv_i64(w, "last_updated_timestamp_ms", m->updated_ms);
    json_kv_str(w, "artifact_uri", m->artifact_uri);
    json_kv_cstr(w, "status", logged_model_status_name(m->status));
    json_kv_str(w, "model_type", m->model_type);
    json_kv_str(w, "source_run_id", m->source_run_id);
    encode_text(w, "status_message", m->status_message);
    encode_kvs(w, "tags", &m->tags);
    json_end_object(w);
    json_key(w, "data");
    json_begin_object(w);
    encode_kvs(w, "params", &m->params);
    encode_metrics(w, m->metrics, m->metric_count);
    json_end_object(w);
    json_end_object(w);
}

void encode_version(struct json_out *w, const struct registry_version *v)
{
    json_begin_object(w);
    json_kv_str(w, "name", v->name);
    encode_id(w, "version", v->version);
    json_kv_i64(w, "creation_timestamp", v->created_ms);
    json_kv_i64(w, "last_updated_timestamp", v->updated_ms);
    encode_text(w, "user_id", v->user_id);
    json_kv_cstr(w, "current_stage", registry_stage_name(v->stage));
    json_kv_str(w, "description", v->description);
    json_kv_str(w, "source", v->source);
    json_kv_str(w, "run_id", v->run_id);
    json_kv_cstr(w, "status", "READY");
    encode_kvs(w, "tags", &v->tags);
    json_kv_str(w, "run_link", v->run_link);
    if (v->alias_count) {
        json_key(w, "aliases");
        json_begin_array(w);
        for (size_t i = 0; i < v->alias_count; i++)
            json_str(w, v->aliases[i]);
        json_end_array(w);
    }
    encode_text(w, "model_id", v->model_id);
    encode_text(w, "data_version", v->data_version);
    encode_text(w, "signature", v->signature);
    encode_text(w, "semver", v->semver); /* ours; MLflow's clients pass over members that they do not know */
    json_end_object(w);
}

void encode_model(struct json_out *w, const struct registry_model *m)
{
    json_begin_object(w);
    json_kv_str(w, "name", m->name);
    json_kv_i64(w, "creation_timestamp", m->created_ms);
    json_kv_i64(w, "last_updated_timestamp", m->updated_ms);
    json_kv_str(w, "description", m->description);
    if (m->latest_count) {
        json_key(w, "latest_versions");
        json_begin_array(w);
        for (size_t i = 0; i < m->latest_count; i++)
            encode_version(w, &m->latest[i]);
        json_end_array(w);
    }
    encode_kvs(w, "tags", &m->tags);
    if (m->alias_count) {
        json_key(w, "aliases");
        json_begin_array(w);
        for (size_t i = 0; i < m->alias_count; i++) {
            json_begin_object(w);
            json_kv_str(w, "alias", m->aliases[i].alias);
            encode_id(w, "version", m->aliases[i].version);
            json_end_object(w);
        }
        json_end_array(w);
    }
    json_end_object(w);
}

void encode_files(struct json_out *w, const struct artifact_list *list, struct str prefix)
{
    if (list->len == 0)
        return;
    AUTO(buf) struct buf path; /* one for all: a folder may hold many names, and an arena would keep each */
    buf_init(&path, 2 * LIMIT_TRACK_ARTIFACT_PATH_BYTES + 2);
    json_key(w, "files");
    json_begin_array(w);
    for (size_t i = 0; i < list->len; i++) {
        const struct artifact_info *a = &list->items[i];
        json_begin_object(w);
        buf_reset(&path);
        buf_add_str(&path, prefix);
        if (prefix.len)
            buf_add_char(&path, '/');
        buf_add_str(&path, a->path);
        json_kv_str(w, "path", buf_str(&path));
        json_kv_bool(w, "is_dir", a->is_dir);
        if (!a->is_dir)
            json_kv_i64(w, "file_size", a->size_bytes);
        json_end_object(w);
    }
    json_end_array(w);
}
