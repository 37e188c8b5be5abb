#include "core/track/logged_model.h"

#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/vec.h"
#include "core/track/experiment.h"
#include "core/track/store.h"
#include "sql_gen.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define VERSIONS_TAG "mlflow.modelVersions"
#define VERSIONS_TAG_BYTES ((size_t)1 << 20)

static const char *const status_names[] = {
    [LOGGED_MODEL_PENDING] = "LOGGED_MODEL_PENDING",
    [LOGGED_MODEL_READY] = "LOGGED_MODEL_READY",
    [LOGGED_MODEL_UPLOAD_FAILED] = "LOGGED_MODEL_UPLOAD_FAILED",
};

const char *logged_model_status_name(enum logged_model_status s)
{
    return (size_t)s < ARRAY_LEN(status_names) && status_names[s] ? status_names[s] : status_names[LOGGED_MODEL_PENDING];
}

bool logged_model_status_parse(struct str name, enum logged_model_status *ret)
{
    for (size_t i = LOGGED_MODEL_PENDING; i < ARRAY_LEN(status_names); i++) {
        if (str_eqc(name, status_names[i])) {
            *ret = (enum logged_model_status)i;
            return true;
        }
    }
    return false;
}

void logged_model_row(struct op *op, struct db_tx *tx, struct db_rows *rows, struct logged_model *m)
{
    *m = (struct logged_model){
        .row = db_col_i64(tx, rows, 0),
        .model_id = db_col_dup(op, tx, rows, 1),
        .experiment_id = db_col_i64(tx, rows, 2),
        .name = db_col_dup(op, tx, rows, 3),
        .model_type = db_col_dup(op, tx, rows, 4),
        .source_run_id = db_col_dup(op, tx, rows, 5),
        .artifact_uri = db_col_dup(op, tx, rows, 6),
        .status = (enum logged_model_status)db_col_i64(tx, rows, 7),
        .status_message = db_col_dup(op, tx, rows, 8),
        .deleted = db_col_i64(tx, rows, 9) != 0,
        .created_ms = db_col_i64(tx, rows, 10),
        .updated_ms = db_col_i64(tx, rows, 11),
    };
}

static enum err find_any(struct op *op, struct db_tx *tx, struct str model_id, bool allow_deleted, struct logged_model *ret)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, &sql_track_model_by_id, DB_ARGS(DB_TEXT(model_id)), &rows);
    if (e)
        return e;
    bool row = false;
    struct logged_model m = {0};
    e = db_step(op, tx, rows, &row);
    if (!e && row)
        logged_model_row(op, tx, rows, &m);
    db_end(tx, rows);
    if (!e && (!row || (m.deleted && !allow_deleted)))
        return op_fail(op, E_NOT_FOUND, "Logged model with ID '%.*s' not found.", STR_FMT(model_id));
    if (!e)
        *ret = m;
    return e;
}

enum err logged_model_find(struct op *op, struct db_tx *tx, struct str model_id, struct logged_model *ret)
{
    return find_any(op, tx, model_id, false, ret);
}

static enum err load_metrics(struct op *op, struct db_tx *tx, struct logged_model *m)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, &sql_track_model_metrics, DB_ARGS(DB_I64(m->row)), &rows);
    if (e)
        return e;
    VEC(struct track_metric) v = {0};
    bool more = false;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        struct track_metric *t = store_room(op, 0) ? NULL : vec_push(&v, op->arena);
        if (!t) {
            e = op_fail(op, E_TOO_LARGE, "too many metrics to hold in memory");
            break;
        }
        *t = (struct track_metric){
            .key = db_col_dup(op, tx, rows, 0),
            .value = db_col_i64(tx, rows, 2) ? (double)NAN : store_to_f64(db_col_i64(tx, rows, 1)),
            .time_ms = db_col_i64(tx, rows, 3),
            .step = db_col_i64(tx, rows, 4),
            .run_id = db_col_dup(op, tx, rows, 5),
            .dataset_name = db_col_dup(op, tx, rows, 6),
            .dataset_digest = db_col_dup(op, tx, rows, 7),
            .model_id = m->model_id,
        };
    }
    db_end(tx, rows);
    m->metrics = v.p;
    m->metric_count = v.len;
    return e;
}

enum err logged_model_fill(struct op *op, struct db_tx *tx, struct logged_model *m)
{
    enum err e = store_kvs(op, tx, &sql_track_model_params, m->row, &m->params);
    if (!e)
        e = store_kvs(op, tx, &sql_track_model_tags, m->row, &m->tags);
    return e ? e : load_metrics(op, tx, m);
}

struct model_arg {
    const struct logged_model_new *in;
    struct str model_id, key;
    const struct track_kv *kvs;
    size_t n;
    enum logged_model_status status;
    bool allow_deleted;
    struct logged_model m;
};

static enum err put_params(struct op *op, struct db_tx *tx, const struct logged_model *m, const struct track_kv *kvs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int64_t changes = 0;
        bool found = false;
        struct str value = names_clip(kvs[i].value, LIMIT_TRACK_PARAM_VALUE), old = {0};
        enum err e = db_exec(op, tx, &sql_track_model_param_insert,
                             DB_ARGS(DB_I64(m->row), DB_TEXT(kvs[i].key), DB_TEXT(value)), &changes);
        if (!e && changes == 0)
            e = store_find_text(op, tx, &sql_track_model_param_get, m->row, kvs[i].key, &found, &old);
        if (e)
            return e;
        if (found && !str_eq(old, value))
            return op_fail_field(op, "params",
                                 "Changing param values is not allowed. Param with key='%.*s' was already logged with "
                                 "value='%.*s' for model ID='%.*s'. Attempted logging new value '%.*s'.",
                                 STR_FMT(kvs[i].key), STR_FMT(old), STR_FMT(m->model_id), STR_FMT(value));
    }
    return OK;
}

/* Longer values are cut, as a run's are. */
static enum err put_tags(struct op *op, struct db_tx *tx, int64_t model, const struct track_kv *tags, size_t n)
{
    enum err e = OK;
    for (size_t i = 0; !e && i < n; i++) {
        struct track_kv kv = {tags[i].key, names_clip(tags[i].value, LIMIT_TRACK_TAG_VALUE)};
        e = store_put_kvs(op, tx, &sql_track_model_tag_put, model, &kv, 1);
    }
    return e;
}

static enum err create_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct model_arg *a = arg;
    const struct logged_model_new *in = a->in;
    struct experiment x;
    enum err e = experiment_find(op, tx, in->experiment_id, true, &x);
    if (e)
        return e;
    struct str root = x.artifact_location;
    while (root.len > 0 && root.p[root.len - 1] == '/')
        root.len--;
    int64_t now = store_now_ms(op);
    a->m = (struct logged_model){
        .model_id = str_from(op_printf(op, "m-%s", hash_random_hex(op->arena, 16))),
        .experiment_id = in->experiment_id,
        .name = in->name.len ? in->name : names_random(op),
        .model_type = in->model_type.p ? in->model_type : STR(""),
        .source_run_id = in->source_run_id.p ? in->source_run_id : STR(""),
        .status = LOGGED_MODEL_PENDING,
        .created_ms = now,
        .updated_ms = now,
    };
    struct logged_model *m = &a->m;
    m->artifact_uri = str_from(op_printf(op, "%.*s/models/%.*s/artifacts", STR_FMT(root), STR_FMT(m->model_id)));
    e = db_exec(op, tx, &sql_track_model_insert,
                DB_ARGS(DB_TEXT(m->model_id), DB_I64(m->experiment_id), DB_TEXT(m->name), DB_TEXT(m->model_type),
                        DB_TEXT(m->source_run_id), DB_TEXT(m->artifact_uri), DB_I64(m->status), DB_I64(now)), NULL);
    if (e)
        return e;
    m->row = db_last_id(tx);
    e = put_params(op, tx, m, in->params, in->param_count);
    if (!e)
        e = put_tags(op, tx, m->row, in->tags, in->tag_count);
    if (!e)
        e = store_audit(op, tx, "logged_model.create", "logged_model", m->model_id, &(struct track_kv){STR("name"), m->name}, 1);
    return e ? e : logged_model_fill(op, tx, m);
}

static enum err check_kvs(struct op *op, const struct track_kv *kvs, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++) {
        char *path = op_printf(op, "%s[%zu].key", what, i);
        enum err e = names_check_key(op, kvs[i].key, path);
        if (!e)
            e = names_check_length(op, path, kvs[i].key, LIMIT_TRACK_KEY);
        if (e)
            return e;
    }
    return OK;
}

enum err logged_model_create(struct op *op, struct db *db, const struct logged_model_new *in, struct logged_model *ret)
{
    for (size_t i = 0; i < in->name.len; i++) {
        if (strchr("/:.%\"'", in->name.p[i]))
            return op_fail_field(op, "name",
                                 "Invalid model name (%.*s) provided. Model name must be a non-empty string and cannot "
                                 "contain the following characters: ('/', ':', '.', '%%', '\"', \"'\")",
                                 STR_FMT(names_repr(op, in->name)));
    }
    enum err e = names_check_length(op, "name", in->name, LIMIT_TRACK_EXPERIMENT_NAME);
    if (!e)
        e = names_check_length(op, "model_type", in->model_type, LIMIT_TRACK_EXPERIMENT_NAME);
    if (!e)
        e = names_check_length(op, "source_run_id", in->source_run_id, LIMIT_TRACK_EXPERIMENT_NAME);
    if (!e)
        e = check_kvs(op, in->params, in->param_count, "params");
    if (!e)
        e = check_kvs(op, in->tags, in->tag_count, "tags");
    struct model_arg a = {.in = in};
    if (!e)
        e = db_write(op, db, create_tx, &a);
    if (!e)
        *ret = a.m;
    return e;
}

static enum err get_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct model_arg *a = arg;
    enum err e = find_any(op, tx, a->model_id, a->allow_deleted, &a->m);
    return e ? e : logged_model_fill(op, tx, &a->m);
}

enum err logged_model_get(struct op *op, struct db *db, struct str model_id, bool allow_deleted, struct logged_model *ret)
{
    struct model_arg a = {.model_id = model_id, .allow_deleted = allow_deleted};
    enum err e = db_read(op, db, get_tx, &a);
    if (!e)
        *ret = a.m;
    return e;
}

static enum err finalize_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct model_arg *a = arg;
    enum err e = find_any(op, tx, a->model_id, false, &a->m);
    if (!e)
        e = db_exec(op, tx, &sql_track_model_set_status,
                    DB_ARGS(DB_I64(a->m.row), DB_I64(a->status), DB_I64(store_now_ms(op))), NULL);
    return e ? e : get_tx(op, tx, a);
}

enum err logged_model_finalize(struct op *op, struct db *db, struct str model_id, enum logged_model_status status, struct logged_model *ret)
{
    struct model_arg a = {.model_id = model_id, .status = status};
    enum err e = db_write(op, db, finalize_tx, &a);
    if (!e)
        *ret = a.m;
    return e;
}

static enum err delete_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct model_arg *a = arg;
    enum err e = find_any(op, tx, a->model_id, false, &a->m);
    if (!e)
        e = db_exec(op, tx, &sql_track_model_set_deleted, DB_ARGS(DB_I64(a->m.row), DB_I64(store_now_ms(op))), NULL);
    return e ? e : store_audit(op, tx, "logged_model.delete", "logged_model", a->model_id, NULL, 0);
}

enum err logged_model_delete(struct op *op, struct db *db, struct str model_id)
{
    return db_write(op, db, delete_tx, &(struct model_arg){.model_id = model_id});
}

static enum err params_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct model_arg *a = arg;
    enum err e = find_any(op, tx, a->model_id, false, &a->m);
    return e ? e : put_params(op, tx, &a->m, a->kvs, a->n);
}

enum err logged_model_log_params(struct op *op, struct db *db, struct str model_id, const struct track_kv *params, size_t n)
{
    enum err e = check_kvs(op, params, n, "params");
    return e ? e : db_write(op, db, params_tx, &(struct model_arg){.model_id = model_id, .kvs = params, .n = n});
}

static enum err tags_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct model_arg *a = arg;
    enum err e = find_any(op, tx, a->model_id, false, &a->m);
    return e ? e : put_tags(op, tx, a->m.row, a->kvs, a->n);
}

enum err logged_model_set_tags(struct op *op, struct db *db, struct str model_id, const struct track_kv *tags, size_t n)
{
    enum err e = check_kvs(op, tags, n, "tags");
    return e ? e : db_write(op, db, tags_tx, &(struct model_arg){.model_id = model_id, .kvs = tags, .n = n});
}

static enum err delete_tag_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct model_arg *a = arg;
    int64_t changes = 0;
    enum err e = find_any(op, tx, a->model_id, false, &a->m);
    if (!e)
        e = db_exec(op, tx, &sql_track_model_tag_delete, DB_ARGS(DB_I64(a->m.row), DB_TEXT(a->key)), &changes);
    if (!e && changes == 0)
        return op_fail(op, E_NOT_FOUND, "No tag with key %.*s found for model with ID %.*s.", STR_FMT(names_repr(op, a->key)),
                       STR_FMT(names_repr(op, a->model_id)));
    return e;
}

enum err logged_model_delete_tag(struct op *op, struct db *db, struct str model_id, struct str key)
{
    return db_write(op, db, delete_tag_tx, &(struct model_arg){.model_id = model_id, .key = key});
}

enum err logged_model_add_version(struct op *op, struct db_tx *tx, int64_t row, struct str name, int64_t version)
{
    bool found = false;
    struct str old = {0};
    struct json *list = NULL;
    enum err e = store_find_text(op, tx, &sql_track_model_tag_get, row, STR(VERSIONS_TAG), &found, &old);
    if (e)
        return e;
    if (found && json_parse(op, old, JSON_DUP_LAST, &list))
        op_clear(op); /* a user overwrote the tag: start anew */
    AUTO(buf) struct buf b;
    buf_init(&b, VERSIONS_TAG_BYTES);
    struct json_out w;
    json_out_init(&w, &b, 0);
    json_begin_array(&w);
    for (uint32_t i = 0; list && list->type == JSON_ARRAY && i < list->len; i++)
        json_value(&w, &list->items[i]);
    json_begin_object(&w);
    json_kv_str(&w, "name", name);
    json_kv_i64(&w, "version", version);
    json_end_object(&w);
    json_end_array(&w);
    if (b.failed)
        return op_fail(op, E_TOO_LARGE, "the model has too many versions to note in its tag");
    struct track_kv kv = {STR(VERSIONS_TAG), buf_str(&b)};
    return store_put_kvs(op, tx, &sql_track_model_tag_put, row, &kv, 1);
}
