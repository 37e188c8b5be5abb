/* The three ways to the numbers of runs: names are looked up; a search is answered by the columns in memory, in the snapshot that is then read where
 * they are of that snapshot, else in a new one; and where memory does not suffice the search goes row by row. */
#include "core/track/many.h"

#include "base/limits.h"
#include "base/map.h"
#include "core/track/index.h"
#include "core/track/run_rows.h"
#include "core/track/run_scan.h"
#include "sql_gen.h"

#define SNAPSHOTS 3 /* taken while other searches change the index, before the search goes row by row */

struct many_work {
    const struct many_query *q;
    many_fn f;
    void *arg;
    struct run_plan *plan;
    struct run_hits hits;
    bool selected, done;
};

enum err many_check(struct op *op, const struct many_query *q, size_t *ret_max)
{
    size_t runs = q->search ? (size_t)q->search->max_results : q->run_count;
    if (!q->search && (runs == 0 || runs > LIMIT_TRACK_OVERLAY_RUNS))
        return op_fail_field(op, "run_ids", "'run_ids' must name 1 to %d runs, not %zu", LIMIT_TRACK_OVERLAY_RUNS, runs);
    if (q->search && (q->search->max_results < 1 || runs > LIMIT_TRACK_OVERLAY_RUNS))
        return op_fail_field(op, "runs", "'runs' must be 1 to %d", LIMIT_TRACK_OVERLAY_RUNS);
    *ret_max = runs;
    return OK;
}

static enum err hand_over(struct op *op, struct db_tx *tx, void *arg)
{
    struct many_work *w = arg;
    w->done = true;
    return w->f(op, tx, w->arg, w->hits.rows, w->hits.len);
}

static enum err row_of(struct op *op, struct db_tx *tx, struct str id, int64_t *ret)
{
    struct db_val row[1];
    struct db_val args[] = {DB_TEXT(id)};
    enum err e = db_query_one(op, tx, &sql_many_run, args, ARRAY_LEN(args), row, ARRAY_LEN(row));
    if (e == E_NOT_FOUND) {
        op_clear(op);
        return op_fail(op, E_NOT_FOUND, "Run with id=%.*s not found", STR_FMT(id));
    }
    if (!e)
        *ret = row[0].i;
    return e;
}

static enum err named_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct many_work *w = arg;
    struct map seen;
    map_init(&seen, op->arena);
    w->hits = (struct run_hits){.rows = arena_array(op->arena, w->q->run_count + 1, int64_t)};
    if (!w->hits.rows)
        return op_fail(op, E_TOO_LARGE, "the runs do not fit in memory: name fewer");
    for (size_t i = 0; i < w->q->run_count; i++) {
        struct str id = w->q->run_ids[i];
        if (map_has(&seen, id))
            continue;
        if (!map_put(&seen, id, w))
            return op_fail(op, E_TOO_LARGE, "the runs do not fit in memory: name fewer");
        enum err e = row_of(op, tx, id, &w->hits.rows[w->hits.len++]);
        if (!e)
            e = op_check_deadline(op);
        if (e)
            return e;
    }
    return hand_over(op, tx, w);
}

static enum err index_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct many_work *w = arg;
    enum index_outcome outcome = INDEX_UNFIT;
    enum err e = run_plan_experiments(op, tx, w->q->search, w->plan);
    if (!e)
        e = run_index_select(op, w->q->search->index, tx, w->plan, &w->hits, &outcome);
    w->selected = outcome == INDEX_DONE || outcome == INDEX_AHEAD;
    return e || outcome != INDEX_DONE ? e : hand_over(op, tx, w);
}

static enum err scan_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct many_work *w = arg;
    enum err e = run_plan_experiments(op, tx, w->q->search, w->plan);
    if (!e)
        e = run_scan(op, tx, w->plan, &w->hits);
    return e ? e : hand_over(op, tx, w);
}

static enum err search(struct op *op, struct db *db, struct many_work *w)
{
    w->plan = op_new(op, struct run_plan);
    enum err e = run_plan_make(op, w->q->search, w->plan);
    for (int i = 0; !e && w->q->search->index && !w->selected && i < SNAPSHOTS; i++)
        e = db_read(op, db, index_tx, w);
    if (!e && !w->done)
        e = db_read(op, db, w->selected ? hand_over : scan_tx, w);
    return e;
}

enum err many_read(struct op *op, struct db *db, const struct many_query *q, many_fn f, void *arg)
{
    struct many_work w = {.q = q, .f = f, .arg = arg};
    size_t max = 0;
    enum err e = many_check(op, q, &max);
    if (e)
        return e;
    return q->search ? search(op, db, &w) : db_read(op, db, named_tx, &w);
}

/* ---- values ---- */

struct load_work {
    const struct run_columns *columns;
    struct many_runs out;
};

static enum err load_tx(struct op *op, struct db_tx *tx, void *arg, const int64_t *rows, size_t n)
{
    struct load_work *w = arg;
    w->out = (struct many_runs){.runs = arena_array(op->arena, n + 1, struct track_run)};
    if (!w->out.runs)
        return op_fail(op, E_TOO_LARGE, "the runs do not fit in memory: ask for fewer");
    enum err e = run_rows_load(op, tx, rows, n, w->columns, w->out.runs);
    for (size_t i = 0; !e && i < n; i++)
        if (w->out.runs[i].row) /* else it is gone since it was found */
            w->out.runs[w->out.len++] = w->out.runs[i];
    return e;
}

enum err many_load(struct op *op, struct db *db, const struct many_query *q, const struct run_columns *columns, struct many_runs *ret)
{
    struct load_work w = {.columns = columns};
    enum err e = many_read(op, db, q, load_tx, &w);
    if (!e)
        *ret = w.out;
    return e;
}
