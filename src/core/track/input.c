#include "core/track/input.h"

#include "base/limits.h"
#include "base/vec.h"
#include "core/track/change.h"
#include "core/track/store.h"
#include "sql_gen.h"

#include <inttypes.h>

struct log_arg {
    struct str run_id;
    const struct track_dataset *datasets;
    size_t dataset_count;
    const struct track_run_model *models;
    size_t model_count;
    bool output;
};

static struct db_val text_or_null(struct str s)
{
    return s.p ? DB_TEXT(s) : DB_NULL;
}

static enum err dataset_row(struct op *op, struct db_tx *tx, int64_t experiment, const struct track_dataset *d, int64_t *ret)
{
    struct db_val id;
    enum err e = db_query_one(op, tx, &sql_track_dataset_find, DB_ARGS(DB_I64(experiment), DB_TEXT(d->name), DB_TEXT(d->digest)), &id, 1);
    if (!e) {
        *ret = id.i;
        return OK;
    }
    if (e != E_NOT_FOUND)
        return e;
    op_clear(op);
    e = db_exec(op, tx, &sql_track_dataset_insert,
                DB_ARGS(DB_I64(experiment), DB_TEXT(d->name), DB_TEXT(d->digest), DB_TEXT(d->source_type), DB_TEXT(d->source),
                        text_or_null(d->schema), text_or_null(d->profile)), NULL);
    if (!e)
        *ret = db_last_id(tx);
    return e;
}

enum err input_add_dataset(struct op *op, struct db_tx *tx, const struct track_run_head *h, const struct track_dataset *d)
{
    int64_t dataset = 0, changes = 0;
    enum err e = dataset_row(op, tx, h->experiment_id, d, &dataset);
    if (!e)
        e = db_exec(op, tx, &sql_track_input_insert, DB_ARGS(DB_I64(h->row), DB_I64(dataset)), &changes);
    if (!e && changes > 0)
        e = store_put_kvs(op, tx, &sql_track_input_tag_put, db_last_id(tx), d->tags.p, d->tags.len);
    return e;
}

static enum err log_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct log_arg *a = arg;
    struct track_run_head h;
    enum err e = track_run_find(op, tx, a->run_id, true, &h);
    for (size_t i = 0; !e && i < a->dataset_count; i++)
        e = input_add_dataset(op, tx, &h, &a->datasets[i]);
    for (size_t i = 0; !e && i < a->model_count; i++)
        e = db_exec(op, tx, &sql_track_run_model_put,
                    DB_ARGS(DB_I64(h.row), DB_I64(a->output), DB_TEXT(a->models[i].model_id), DB_I64(a->models[i].step)), NULL);
    return e ? e : track_change_note(op, tx, h.row);
}

static enum err check_dataset(struct op *op, const struct track_dataset *d)
{
    const struct {
        const char *what;
        struct str s;
        size_t max;
    } limits[] = {
        {"name", d->name, LIMIT_TRACK_DATASET_NAME},       {"digest", d->digest, LIMIT_TRACK_DATASET_DIGEST},
        {"source", d->source, LIMIT_TRACK_DATASET_SOURCE}, {"schema", d->schema, LIMIT_TRACK_DATASET_SCHEMA},
        {"profile", d->profile, LIMIT_TRACK_DATASET_PROFILE}, {"source_type", d->source_type, LIMIT_TRACK_DATASET_SOURCE_TYPE},
    };
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        enum err e = names_check_length(op, limits[i].what, limits[i].s, limits[i].max);
        if (e)
            return e;
    }
    if (d->name.len == 0 || d->digest.len == 0)
        return op_fail_field(op, d->name.len ? "digest" : "name", "Missing value for required parameter '%s'.", d->name.len ? "digest" : "name");
    for (size_t i = 0; i < d->tags.len; i++) {
        enum err e = names_check_length(op, "key", d->tags.p[i].key, LIMIT_TRACK_INPUT_TAG_KEY);
        if (!e)
            e = names_check_length(op, "value", d->tags.p[i].value, LIMIT_TRACK_INPUT_TAG_VALUE);
        if (e)
            return e;
    }
    return OK;
}

static enum err check_models(struct op *op, const struct track_run_model *models, size_t n)
{
    enum err e = OK;
    for (size_t i = 0; !e && i < n; i++)
        e = names_check_length(op, "model_id", models[i].model_id, LIMIT_TRACK_KEY);
    return e;
}

enum err input_log(struct op *op, struct db *db, struct str run_id, const struct track_dataset *datasets, size_t dataset_count, const struct track_run_model *models, size_t model_count)
{
    enum err e = names_check_run_id(op, run_id);
    if (!e && dataset_count > LIMIT_TRACK_BATCH_DATASETS)
        e = op_fail_field(op, "datasets", "A request can log at most %d datasets.", LIMIT_TRACK_BATCH_DATASETS);
    for (size_t i = 0; !e && i < dataset_count; i++)
        e = check_dataset(op, &datasets[i]);
    if (!e)
        e = check_models(op, models, model_count);
    struct log_arg a = {run_id, datasets, dataset_count, models, model_count, false};
    return e ? e : db_write(op, db, log_tx, &a);
}

enum err input_log_outputs(struct op *op, struct db *db, struct str run_id, const struct track_run_model *models, size_t model_count)
{
    enum err e = names_check_run_id(op, run_id);
    if (!e)
        e = check_models(op, models, model_count);
    struct log_arg a = {run_id, NULL, 0, models, model_count, true};
    return e ? e : db_write(op, db, log_tx, &a);
}

static struct str col_or_none(struct op *op, struct db_tx *tx, struct db_rows *rows, int i)
{
    return db_col_null(tx, rows, i) ? (struct str){0} : db_col_dup(op, tx, rows, i);
}

static enum err load_datasets(struct op *op, struct db_tx *tx, struct track_run *run)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, &sql_track_inputs, DB_ARGS(DB_I64(run->row)), &rows);
    if (e)
        return e;
    VEC(struct track_dataset) v = {0};
    bool more = false;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        size_t extra = 0;
        for (int i = 1; i <= 6; i++)
            extra += db_col_str(tx, rows, i).len;
        struct track_dataset *d = store_room(op, extra) ? NULL : vec_push(&v, op->arena);
        if (!d) {
            e = op_fail(op, E_TOO_LARGE, "too many datasets to hold in memory");
            break;
        }
        *d = (struct track_dataset){
            .name = db_col_dup(op, tx, rows, 1),        .digest = db_col_dup(op, tx, rows, 2),
            .source_type = db_col_dup(op, tx, rows, 3), .source = db_col_dup(op, tx, rows, 4),
            .schema = col_or_none(op, tx, rows, 5),     .profile = col_or_none(op, tx, rows, 6),
        };
        if ((e = store_kvs(op, tx, &sql_track_input_tags, db_col_i64(tx, rows, 0), &d->tags)))
            break;
    }
    db_end(tx, rows);
    run->datasets = v.p;
    run->dataset_count = v.len;
    return e;
}

static enum err load_models(struct op *op, struct db_tx *tx, int64_t run, bool output, struct track_run_model **ret, size_t *ret_len)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, &sql_track_run_models, DB_ARGS(DB_I64(run), DB_I64(output)), &rows);
    if (e)
        return e;
    VEC(struct track_run_model) v = {0};
    bool more = false;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        struct track_run_model *m = store_room(op, 0) ? NULL : vec_push(&v, op->arena);
        if (!m) {
            e = op_fail(op, E_TOO_LARGE, "too many models to hold in memory");
            break;
        }
        *m = (struct track_run_model){db_col_dup(op, tx, rows, 0), db_col_i64(tx, rows, 1)};
    }
    db_end(tx, rows);
    *ret = v.p;
    *ret_len = v.len;
    return e;
}

enum err input_load(struct op *op, struct db_tx *tx, struct track_run *run)
{
    enum err e = load_datasets(op, tx, run);
    if (!e)
        e = load_models(op, tx, run->row, false, &run->inputs, &run->input_count);
    if (!e)
        e = load_models(op, tx, run->row, true, &run->outputs, &run->output_count);
    return e;
}
