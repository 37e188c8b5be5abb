#include "adapter/mlflow/origin_db.h"

#include <stdlib.h>
#include <string.h>

#include "adapter/mlflow/reading.h"
#include "base/vec.h"
#include "sql_gen.h"

#define POINTS 10000

/* ---- experiments ---- */

static enum err experiments_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct reading *r = arg;
    int64_t after = -1;
    if (r->cursor->len && !str_parse_i64(*r->cursor, &after))
        return op_fail(op, E_INTERNAL, "a cursor that is none");
    struct db_rows *rows = NULL;
    VEC(struct origin_experiment) v = {0};
    bool row = false;
    enum err e = db_query(op, tx, &sql_mlflow_origin_experiments, DB_ARGS(DB_I64(after), DB_I64(MLFLOW_PAGE)), &rows);
    while (!e && !(e = db_step(op, tx, rows, &row)) && row) {
        struct origin_experiment *x = vec_push(&v, op->arena);
        if (!x) {
            e = reading_no_room(op);
            break;
        }
        after = db_col_i64(tx, rows, 0);
        *x = (struct origin_experiment){.id = reading_number(op, after), .name = db_col_dup(op, tx, rows, 1), .artifact_location = db_col_dup(op, tx, rows, 2),
                                        .deleted = reading_is_deleted(tx, rows, 3), .created_ms = db_col_i64(tx, rows, 4), .updated_ms = db_col_i64(tx, rows, 5)};
    }
    db_end(tx, rows);
    for (size_t i = 0; !e && i < v.len; i++) {
        int64_t id = 0;
        if (str_parse_i64(v.p[i].id, &id))
            e = reading_kvs(op, tx, &sql_mlflow_origin_experiment_tags, DB_ARGS(DB_I64(id)), &v.p[i].tags);
    }
    r->items = v.p;
    r->n = v.len;
    *r->cursor = reading_number(op, after);
    return e;
}

static enum err db_experiments(void *self, struct op *op, struct str *cursor, struct origin_experiment **ret, size_t *ret_n)
{
    struct mlflow_db *m = self;
    void *items = NULL;
    enum err e = reading_page(m, op, cursor, experiments_tx, &items, ret_n);
    *ret = items;
    return e;
}

/* ---- runs ---- */

static enum err runs_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct reading *r = arg;
    struct db_rows *rows = NULL;
    VEC(struct origin_run) v = {0};
    bool row = false;
    enum err e = db_query(op, tx, &sql_mlflow_origin_runs, DB_ARGS(DB_TEXT(*r->cursor), DB_I64(MLFLOW_PAGE)), &rows);
    while (!e && !(e = db_step(op, tx, rows, &row)) && row) {
        struct origin_run *x = vec_push(&v, op->arena);
        if (!x) {
            e = reading_no_room(op);
            break;
        }
        *x = (struct origin_run){.run_id = db_col_dup(op, tx, rows, 0), .experiment_id = reading_number(op, db_col_i64(tx, rows, 1)),
                                 .name = db_col_dup(op, tx, rows, 2), .user_id = db_col_dup(op, tx, rows, 3), .status = db_col_dup(op, tx, rows, 4),
                                 .start_ms = db_col_i64(tx, rows, 5), .end_ms = db_col_i64(tx, rows, 6), .has_end = !db_col_null(tx, rows, 6),
                                 .deleted = reading_is_deleted(tx, rows, 7), .deleted_ms = db_col_i64(tx, rows, 8), .artifact_uri = db_col_dup(op, tx, rows, 9)};
    }
    db_end(tx, rows);
    r->items = v.p;
    r->n = v.len;
    if (v.len)
        *r->cursor = v.p[v.len - 1].run_id;
    return e;
}

static enum err db_runs(void *self, struct op *op, struct str *cursor, struct origin_run **ret, size_t *ret_n)
{
    struct mlflow_db *m = self;
    void *items = NULL;
    enum err e = reading_page(m, op, cursor, runs_tx, &items, ret_n);
    *ret = items;
    return e;
}

static enum err read_latest(struct op *op, struct db_tx *tx, struct origin_run *run)
{
    struct db_rows *rows = NULL;
    VEC(struct origin_latest) v = {0};
    bool row = false;
    enum err e = db_query(op, tx, &sql_mlflow_origin_latest, DB_ARGS(DB_TEXT(run->run_id)), &rows);
    while (!e && !(e = db_step(op, tx, rows, &row)) && row) {
        struct origin_latest *x = arena_left(op->arena) > MLFLOW_ROW_BYTES ? vec_push(&v, op->arena) : NULL;
        if (!x)
            e = reading_no_room(op);
        else
            *x = (struct origin_latest){db_col_dup(op, tx, rows, 0), db_col_i64(tx, rows, 1), db_col_i64(tx, rows, 2), db_col_f64(tx, rows, 3),
                                        db_col_i64(tx, rows, 4) != 0};
    }
    db_end(tx, rows);
    run->latest = v.p;
    run->latest_count = v.len;
    return e;
}

static enum err read_datasets(struct op *op, struct db_tx *tx, struct origin_run *run)
{
    struct db_rows *rows = NULL;
    VEC(struct origin_dataset) v = {0};
    VEC(struct str) inputs = {0};
    bool row = false;
    enum err e = db_query(op, tx, &sql_mlflow_origin_datasets, DB_ARGS(DB_TEXT(run->run_id)), &rows);
    while (!e && !(e = db_step(op, tx, rows, &row)) && row) {
        bool room = arena_left(op->arena) > MLFLOW_ROW_BYTES;
        struct origin_dataset *x = room ? vec_push(&v, op->arena) : NULL;
        struct str *input = room ? vec_push(&inputs, op->arena) : NULL;
        if (!x || !input) {
            e = reading_no_room(op);
            break;
        }
        *input = db_col_dup(op, tx, rows, 0);
        *x = (struct origin_dataset){.name = db_col_dup(op, tx, rows, 1), .digest = db_col_dup(op, tx, rows, 2), .source_type = db_col_dup(op, tx, rows, 3),
                                     .source = db_col_dup(op, tx, rows, 4), .schema = reading_text_or_none(op, tx, rows, 5), .profile = reading_text_or_none(op, tx, rows, 6)};
    }
    db_end(tx, rows);
    for (size_t i = 0; !e && i < v.len; i++)
        e = reading_kvs(op, tx, &sql_mlflow_origin_input_tags, DB_ARGS(DB_TEXT(inputs.p[i])), &v.p[i].tags);
    run->datasets = v.p;
    run->dataset_count = v.len;
    return e;
}

static enum err read_uses(struct op *op, struct db_tx *tx, struct str run_id, bool output, struct origin_model_use **ret, size_t *ret_n)
{
    struct db_rows *rows = NULL;
    VEC(struct origin_model_use) v = {0};
    bool row = false;
    enum err e = db_query(op, tx, &sql_mlflow_origin_model_uses,
                          DB_ARGS(DB_TEXT(output ? STR("RUN_OUTPUT") : STR("RUN_INPUT")), DB_TEXT(run_id),
                                  DB_TEXT(output ? STR("MODEL_OUTPUT") : STR("MODEL_INPUT"))), &rows);
    while (!e && !(e = db_step(op, tx, rows, &row)) && row) {
        struct origin_model_use *x = vec_push(&v, op->arena);
        if (!x)
            e = reading_no_room(op);
        else
            *x = (struct origin_model_use){db_col_dup(op, tx, rows, 0), db_col_i64(tx, rows, 1)};
    }
    db_end(tx, rows);
    *ret = v.p;
    *ret_n = v.len;
    return e;
}

static enum err fill_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct reading *r = arg;
    struct origin_run *run = r->run;
    struct db_val id = DB_TEXT(run->run_id);
    enum err e = reading_kvs(op, tx, &sql_mlflow_origin_params, &id, 1, &run->params);
    if (!e)
        e = reading_kvs(op, tx, &sql_mlflow_origin_tags, &id, 1, &run->tags);
    if (!e)
        e = read_latest(op, tx, run);
    struct db_val points = DB_I64(0);
    if (!e)
        e = db_query_one(op, tx, &sql_mlflow_origin_point_count, &id, 1, &points, 1);
    run->point_count = points.i;
    if (!e)
        e = read_datasets(op, tx, run);
    if (e || !r->m->schema.logged_models)
        return e;
    e = read_uses(op, tx, run->run_id, false, &run->inputs, &run->input_count);
    return e ? e : read_uses(op, tx, run->run_id, true, &run->outputs, &run->output_count);
}

static enum err db_run_fill(void *self, struct op *op, struct origin_run *run)
{
    struct mlflow_db *m = self;
    struct reading r = {.m = m, .run = run};
    return db_read(op, m->db, fill_tx, &r);
}

/* Keys of the batch's points view one copy per metric: the run's own list of metrics. */
static struct str known_key(const struct origin_run *run, struct str key, size_t *hint)
{
    for (size_t tries = 0; tries < run->latest_count; tries++) {
        size_t i = (*hint + tries) % run->latest_count;
        if (str_eq(run->latest[i].key, key)) {
            *hint = i;
            return run->latest[i].key;
        }
    }
    return (struct str){0};
}

static enum err points_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct reading *r = arg;
    struct origin_point *batch = arena_array(op->arena, POINTS, struct origin_point);
    struct db_rows *rows = NULL;
    size_t n = 0, hint = 0;
    bool row = false;
    if (!batch)
        return reading_no_room(op);
    enum err e = db_query(op, tx, &sql_mlflow_origin_points, DB_ARGS(DB_TEXT(r->run->run_id)), &rows);
    while (!e && !(e = db_step(op, tx, rows, &row)) && row) {
        struct str key = known_key(r->run, db_col_str(tx, rows, 0), &hint);
        if (!key.p) { /* a metric that the list of the latest does not name: rows of a torn write */
            if (arena_left(op->arena) <= MLFLOW_ROW_BYTES) {
                e = reading_no_room(op);
                break;
            }
            key = db_col_dup(op, tx, rows, 0);
        }
        batch[n++] = (struct origin_point){key, db_col_i64(tx, rows, 1), db_col_i64(tx, rows, 2), db_col_f64(tx, rows, 3), db_col_i64(tx, rows, 4) != 0};
        if (n == POINTS) {
            e = r->fn(r->arg, batch, n);
            n = 0;
        }
    }
    db_end(tx, rows);
    return !e && n ? r->fn(r->arg, batch, n) : e;
}

static enum err db_points(void *self, struct op *op, const struct origin_run *run, origin_points_fn fn, void *arg)
{
    struct mlflow_db *m = self;
    struct reading r = {.m = m, .run = (struct origin_run *)(uintptr_t)run, .fn = fn, .arg = arg};
    return db_read(op, m->db, points_tx, &r);
}

/* ---- what the whole holds ---- */

static enum err counts_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct reading *r = arg;
    struct db_val v[7], models = DB_I64(0), traces = DB_I64(0);
    enum err e = db_query_one(op, tx, &sql_mlflow_origin_counts, DB_NO_ARGS, v, ARRAY_LEN(v));
    if (!e && r->m->schema.logged_models)
        e = db_query_one(op, tx, &sql_mlflow_origin_logged_model_count, DB_NO_ARGS, &models, 1);
    if (!e && r->m->schema.traces)
        e = db_query_one(op, tx, &sql_mlflow_origin_trace_count, DB_NO_ARGS, &traces, 1);
    if (!e)
        r->counts = (struct origin_counts){v[0].i, v[1].i, v[2].i, v[3].i, v[4].i, models.i, v[5].i, v[6].i, traces.i};
    return e;
}

static enum err db_counts(void *self, struct op *op, struct origin_counts *ret)
{
    struct mlflow_db *m = self;
    struct reading r = {.m = m};
    enum err e = db_read(op, m->db, counts_tx, &r);
    if (!e)
        *ret = r.counts;
    return e;
}

/* ---- files, and the whole ---- */

static enum err db_files(void *self, struct op *op, const struct origin_place *at, struct str *cursor, struct origin_file **ret, size_t *ret_n)
{
    struct mlflow_db *m = self;
    return mlflow_files_list(op, &m->files, at->uri, cursor, ret, ret_n);
}

static enum err db_file(void *self, struct op *op, const struct origin_place *at, struct str path, origin_bytes_fn fn, void *arg)
{
    struct mlflow_db *m = self;
    return mlflow_files_read(op, &m->files, at->uri, path, fn, arg);
}

static void db_origin_close(void *self)
{
    struct mlflow_db *m = self;
    db_close(m->db);
    free(m->folders[0]);
    free(m->folders[1]);
    free(m);
}

static const struct origin_ops db_origin_ops = {
    .name = "mlflow database",
    .counts = db_counts,
    .experiments = db_experiments,
    .runs = db_runs,
    .run_fill = db_run_fill,
    .points = db_points,
    .logged_models = mlflow_logged_models,
    .models = mlflow_models,
    .versions = mlflow_versions,
    .files = db_files,
    .file = db_file,
    .close = db_origin_close,
};

static enum err head_tx(struct op *op, struct db_tx *tx, void *arg)
{
    enum err e = db_query_one(op, tx, &sql_mlflow_origin_head, DB_NO_ARGS, arg, 1);
    if (e) {
        op_clear(op);
        return op_fail(op, E_UNSUPPORTED, "this is not the database of an MLflow server: it has no table alembic_version");
    }
    return OK;
}

static struct str keep(struct str s, char **ret)
{
    *ret = strndup(s.p ? s.p : "", s.len);
    if (!*ret)
        abort();
    return str_from(*ret);
}

enum err mlflow_db_origin(struct op *op, const struct mlflow_db_config *config, struct origin *ret)
{
    struct db_val head = DB_NULL;
    struct mlflow_schema schema = {0};
    enum err e = db_read(op, config->db, head_tx, &head);
    if (!e)
        e = mlflow_schema_of(op, head.type == DB_TYPE_TEXT ? head.s : STR(""), config->any_schema, &schema);
    if (e) {
        db_close(config->db);
        return e;
    }
    struct mlflow_db *m = calloc(1, sizeof *m);
    if (!m)
        abort();
    m->db = config->db;
    m->schema = schema;
    m->files = (struct mlflow_files){keep(config->artifact_folder, &m->folders[0]), keep(config->working_folder, &m->folders[1])};
    *ret = (struct origin){&db_origin_ops, m};
    return OK;
}
