#include "core/track/run_rows.h"

#include <math.h>

#include "core/track/store.h"
#include "sql_gen.h"

#define BATCH 16 /* runs in one statement; as many parameters stand in sql/query/run_rows.sql */

struct batch {
    const int64_t *rows;
    size_t n;
    struct track_run *runs;
    struct db_val args[BATCH + 1]; /* the last one: a key */
};

static struct track_run *run_of(const struct batch *b, int64_t row)
{
    for (size_t i = 0; i < b->n; i++)
        if (b->rows[i] == row)
            return &b->runs[i];
    return NULL;
}

/* Hands each row of a statement about the batch to `take`, with the run that its first column names. */
typedef void (*row_fn)(struct op *op, struct db_tx *tx, struct db_rows *rows, struct str key, struct track_run *run);

static enum err ask(struct op *op, struct db_tx *tx, const struct batch *b, const struct sql *sql, struct str key, row_fn take)
{
    struct db_rows *rows = NULL;
    bool more = false;
    enum err e = db_query(op, tx, sql, b->args, key.p ? BATCH + 1 : BATCH, &rows);
    while (!e && !(e = db_step(op, tx, rows, &more)) && more) {
        struct track_run *run = run_of(b, db_col_i64(tx, rows, 0));
        e = store_room(op, 0);
        if (run && !e)
            take(op, tx, rows, key, run);
        if (e)
            break;
    }
    if (rows)
        db_end(tx, rows);
    return e;
}

static void take_run(struct op *op, struct db_tx *tx, struct db_rows *rows, struct str key, struct track_run *run)
{
    struct track_run held = *run;
    (void)key;
    track_run_row(op, tx, rows, run);
    run->params = held.params;
    run->tags = held.tags;
    run->metrics = held.metrics;
}

static void take_param(struct op *op, struct db_tx *tx, struct db_rows *rows, struct str key, struct track_run *run)
{
    run->params.p[run->params.len++] = (struct track_kv){key, db_col_dup(op, tx, rows, 1)};
}

static void take_tag(struct op *op, struct db_tx *tx, struct db_rows *rows, struct str key, struct track_run *run)
{
    run->tags.p[run->tags.len++] = (struct track_kv){key, db_col_dup(op, tx, rows, 1)};
}

static void take_metric(struct op *op, struct db_tx *tx, struct db_rows *rows, struct str key, struct track_run *run)
{
    (void)op;
    run->metrics[run->metric_count++] = (struct track_metric){.key = key, .value = db_col_i64(tx, rows, 2) ? (double)NAN : store_to_f64(db_col_i64(tx, rows, 1)),
                                                              .time_ms = db_col_i64(tx, rows, 3), .step = db_col_i64(tx, rows, 4)};
}

/* The room for what each run may have of the keys. */
static enum err make_room(struct op *op, const struct run_columns *c, struct track_run *runs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        runs[i] = (struct track_run){.params.p = arena_array(op->arena, c->param_count + 1, struct track_kv), .tags.p = arena_array(op->arena, c->tag_count + 1, struct track_kv),
                                     .metrics = arena_array(op->arena, c->metric_count + 1, struct track_metric)};
        if (!runs[i].params.p || !runs[i].tags.p || !runs[i].metrics)
            return op_fail(op, E_TOO_LARGE, "the rows do not fit in memory: ask for fewer");
    }
    return OK;
}

static enum err load_batch(struct op *op, struct db_tx *tx, struct batch *b, const struct run_columns *c)
{
    const struct {
        const struct sql *sql;
        const struct str *keys;
        size_t n;
        row_fn take;
    } kinds[] = {{&sql_run_rows_metric, c->some_metrics, c->metric_count, take_metric},
                 {&sql_run_rows_param, c->some_params, c->param_count, take_param},
                 {&sql_run_rows_tag, c->some_tags, c->tag_count, take_tag}};
    for (size_t i = 0; i < BATCH; i++)
        b->args[i] = DB_I64(i < b->n ? b->rows[i] : -1);
    enum err e = ask(op, tx, b, &sql_run_rows_runs, (struct str){0}, take_run);
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        for (size_t i = 0; !e && i < kinds[k].n; i++) {
            b->args[BATCH] = DB_TEXT(kinds[k].keys[i]);
            e = ask(op, tx, b, kinds[k].sql, kinds[k].keys[i], kinds[k].take);
        }
    }
    return e;
}

enum err run_rows_load(struct op *op, struct db_tx *tx, const int64_t *rows, size_t n, const struct run_columns *columns, struct track_run *ret_runs)
{
    enum err e = make_room(op, columns, ret_runs, n);
    for (size_t at = 0; !e && at < n; at += BATCH) {
        struct batch b = {.rows = rows + at, .n = n - at < BATCH ? n - at : BATCH, .runs = ret_runs + at};
        e = load_batch(op, tx, &b, columns);
    }
    return e;
}
