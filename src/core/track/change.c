/* An appended row of two integers is the cheapest durable note there is: the pages of the log are written once per
 * group of writes, whatever the number of runs. The alternative, a counter in the run's row under an index, needs no
 * trimming, but dirties two more pages per run and group. */
#include "core/track/change.h"

#include <stdatomic.h>

#include "base/limits.h"
#include "sql_gen.h"

/* Old rows go in portions, so that no write has to wait for many. */
#define TRIM_EVERY 1024

static enum err note(struct op *op, struct db_tx *tx, int64_t what)
{
    static atomic_uint notes; /* of this process: the number of the row is asked for now and then only */
    if (atomic_fetch_add_explicit(&notes, 1, memory_order_relaxed) % TRIM_EVERY)
        return db_exec_later(op, tx, &sql_track_change_insert, DB_ARGS(DB_I64(what)), NULL);
    enum err e = db_exec(op, tx, &sql_track_change_insert, DB_ARGS(DB_I64(what)), NULL);
    int64_t id = e ? 0 : db_last_id(tx);
    if (!e && id > LIMIT_TRACK_CHANGES)
        e = db_exec(op, tx, &sql_track_change_trim, DB_ARGS(DB_I64(id - LIMIT_TRACK_CHANGES)), NULL);
    return e;
}

enum err track_change_note(struct op *op, struct db_tx *tx, int64_t run_row)
{
    return note(op, tx, run_row);
}

enum err track_change_note_experiment(struct op *op, struct db_tx *tx, int64_t experiment)
{
    return note(op, tx, -1 - experiment);
}

enum err track_change_ends(struct op *op, struct db_tx *tx, int64_t *ret_oldest, int64_t *ret_newest)
{
    struct db_val v[2];
    enum err e = db_query_one(op, tx, &sql_track_change_ends, DB_NO_ARGS, v, ARRAY_LEN(v));
    if (e)
        return e;
    *ret_oldest = v[0].type == DB_TYPE_I64 ? v[0].i : 0;
    *ret_newest = v[1].type == DB_TYPE_I64 ? v[1].i : 0;
    return OK;
}

enum err track_change_read(struct op *op, struct db_tx *tx, int64_t after, track_change_fn fn, void *arg)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, &sql_track_change_since, DB_ARGS(DB_I64(after)), &rows);
    if (e)
        return e;
    bool more = false;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        int64_t run = db_col_i64(tx, rows, 0);
        e = fn(op, arg, run > 0 ? run : 0, run < 0 ? -1 - run : 0);
        if (e)
            break;
    }
    db_end(tx, rows);
    return e;
}
