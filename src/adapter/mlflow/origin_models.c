/* origin_models.c - logged models and the registry, from MLflow's tables. */
#include <math.h>

#include "adapter/mlflow/reading.h"
#include "base/vec.h"
#include "sql_gen.h"

static enum err read_model_metrics(struct op *op, struct db_tx *tx, struct origin_logged_model *m)
{
    struct db_rows *rows = NULL;
    VEC(struct origin_model_metric) v = {0};
    bool row = false;
    enum err e = db_query(op, tx, &sql_mlflow_origin_logged_model_metrics, DB_ARGS(DB_TEXT(m->model_id)), &rows);
    while (!e && !(e = db_step(op, tx, rows, &row)) && row) {
        struct origin_model_metric *x = arena_left(op->arena) > MLFLOW_ROW_BYTES ? vec_push(&v, op->arena) : NULL;
        if (!x) {
            e = reading_no_room(op);
            break;
        }
        bool nan = db_col_null(tx, rows, 6); /* the server stores NaN as NULL here */
        *x = (struct origin_model_metric){.key = db_col_dup(op, tx, rows, 0), .run_id = db_col_dup(op, tx, rows, 1), .dataset_name = db_col_dup(op, tx, rows, 2),
                                          .dataset_digest = db_col_dup(op, tx, rows, 3), .time_ms = db_col_i64(tx, rows, 4), .step = db_col_i64(tx, rows, 5),
                                          .value = nan ? (double)NAN : db_col_f64(tx, rows, 6), .is_nan = nan};
    }
    db_end(tx, rows);
    m->metrics = v.p;
    m->metric_count = v.len;
    return e;
}

static enum err logged_models_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct reading *r = arg;
    if (!r->m->schema.logged_models)
        return OK;
    struct db_rows *rows = NULL;
    VEC(struct origin_logged_model) v = {0};
    bool row = false;
    enum err e = db_query(op, tx, &sql_mlflow_origin_logged_models, DB_ARGS(DB_TEXT(*r->cursor), DB_I64(MLFLOW_PAGE)), &rows);
    while (!e && !(e = db_step(op, tx, rows, &row)) && row) {
        struct origin_logged_model *m = vec_push(&v, op->arena);
        if (!m) {
            e = reading_no_room(op);
            break;
        }
        *m = (struct origin_logged_model){.model_id = db_col_dup(op, tx, rows, 0), .experiment_id = reading_number(op, db_col_i64(tx, rows, 1)),
                                          .name = db_col_dup(op, tx, rows, 2), .artifact_uri = db_col_dup(op, tx, rows, 3), .created_ms = db_col_i64(tx, rows, 4),
                                          .updated_ms = db_col_i64(tx, rows, 5), .status = (int)db_col_i64(tx, rows, 6), .deleted = reading_is_deleted(tx, rows, 7),
                                          .model_type = db_col_dup(op, tx, rows, 8), .source_run_id = db_col_dup(op, tx, rows, 9),
                                          .status_message = db_col_dup(op, tx, rows, 10)};
    }
    db_end(tx, rows);
    for (size_t i = 0; !e && i < v.len; i++) {
        struct db_val id = DB_TEXT(v.p[i].model_id);
        e = reading_kvs(op, tx, &sql_mlflow_origin_logged_model_params, &id, 1, &v.p[i].params);
        if (!e)
            e = reading_kvs(op, tx, &sql_mlflow_origin_logged_model_tags, &id, 1, &v.p[i].tags);
        if (!e)
            e = read_model_metrics(op, tx, &v.p[i]);
    }
    r->items = v.p;
    r->n = v.len;
    if (v.len)
        *r->cursor = v.p[v.len - 1].model_id;
    return e;
}

static enum err models_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct reading *r = arg;
    struct db_rows *rows = NULL;
    VEC(struct origin_model) v = {0};
    bool row = false;
    enum err e = db_query(op, tx, &sql_mlflow_origin_models, DB_ARGS(DB_TEXT(*r->cursor), DB_I64(MLFLOW_PAGE)), &rows);
    while (!e && !(e = db_step(op, tx, rows, &row)) && row) {
        struct origin_model *m = vec_push(&v, op->arena);
        if (!m) {
            e = reading_no_room(op);
            break;
        }
        *m = (struct origin_model){.name = db_col_dup(op, tx, rows, 0), .description = reading_text_or_none(op, tx, rows, 1),
                                   .created_ms = db_col_i64(tx, rows, 2), .updated_ms = db_col_i64(tx, rows, 3)};
    }
    db_end(tx, rows);
    for (size_t i = 0; !e && i < v.len; i++) {
        struct db_val name = DB_TEXT(v.p[i].name);
        e = reading_kvs(op, tx, &sql_mlflow_origin_model_tags, &name, 1, &v.p[i].tags);
        if (!e)
            e = reading_kvs(op, tx, &sql_mlflow_origin_aliases, &name, 1, &v.p[i].aliases);
    }
    r->items = v.p;
    r->n = v.len;
    if (v.len)
        *r->cursor = v.p[v.len - 1].name;
    return e;
}

/* The cursor is "version name": a name may hold any character, a number none but digits. */
static bool version_cursor(struct str cursor, struct str *ret_name, int64_t *ret_version)
{
    size_t blank = str_find_char(cursor, ' ');
    *ret_name = STR("");
    *ret_version = 0;
    if (!cursor.len)
        return true;
    *ret_name = blank == SIZE_MAX ? *ret_name : str_sub(cursor, blank + 1, cursor.len);
    return blank != SIZE_MAX && str_parse_i64(str_sub(cursor, 0, blank), ret_version);
}

static enum err versions_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct reading *r = arg;
    struct str name;
    int64_t version;
    if (!version_cursor(*r->cursor, &name, &version))
        return op_fail(op, E_INTERNAL, "a cursor that is none");
    struct db_rows *rows = NULL;
    VEC(struct origin_version) v = {0};
    bool row = false;
    enum err e = db_query(op, tx, &sql_mlflow_origin_versions, DB_ARGS(DB_TEXT(name), DB_I64(version), DB_I64(MLFLOW_PAGE)), &rows);
    while (!e && !(e = db_step(op, tx, rows, &row)) && row) {
        struct origin_version *x = vec_push(&v, op->arena);
        if (!x) {
            e = reading_no_room(op);
            break;
        }
        *x = (struct origin_version){.name = db_col_dup(op, tx, rows, 0), .version = db_col_i64(tx, rows, 1), .created_ms = db_col_i64(tx, rows, 2),
                                     .updated_ms = db_col_i64(tx, rows, 3), .description = reading_text_or_none(op, tx, rows, 4), .user_id = db_col_dup(op, tx, rows, 5),
                                     .stage = db_col_dup(op, tx, rows, 6), .source = db_col_dup(op, tx, rows, 7), .storage_location = db_col_dup(op, tx, rows, 8),
                                     .run_id = db_col_dup(op, tx, rows, 9), .run_link = db_col_dup(op, tx, rows, 10), .data_version = STR(""),
                                     .signature = STR("")};
        x->deleted = str_eq(x->stage, STR("Deleted_Internal"));
    }
    db_end(tx, rows);
    for (size_t i = 0; !e && i < v.len; i++)
        e = reading_kvs(op, tx, &sql_mlflow_origin_version_tags, DB_ARGS(DB_TEXT(v.p[i].name), DB_I64(v.p[i].version)), &v.p[i].tags);
    r->items = v.p;
    r->n = v.len;
    if (v.len) {
        const struct origin_version *last = &v.p[v.len - 1];
        *r->cursor = str_from(op_printf(op, "%lld %.*s", (long long)last->version, STR_FMT(last->name)));
    }
    return e;
}

enum err mlflow_logged_models(void *self, struct op *op, struct str *cursor, struct origin_logged_model **ret, size_t *ret_n)
{
    void *items = NULL;
    enum err e = reading_page(self, op, cursor, logged_models_tx, &items, ret_n);
    *ret = items;
    return e;
}

enum err mlflow_models(void *self, struct op *op, struct str *cursor, struct origin_model **ret, size_t *ret_n)
{
    void *items = NULL;
    enum err e = reading_page(self, op, cursor, models_tx, &items, ret_n);
    *ret = items;
    return e;
}

enum err mlflow_versions(void *self, struct op *op, struct str *cursor, struct origin_version **ret, size_t *ret_n)
{
    void *items = NULL;
    enum err e = reading_page(self, op, cursor, versions_tx, &items, ret_n);
    *ret = items;
    return e;
}
