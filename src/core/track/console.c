/* console.c - pieces of at most LIMIT_TRACK_CONSOLE_ROW bytes, each beginning where the one before it ends. Invariant: the pieces of a run,
 * in order, are the bytes first .. size without a gap; `first` is the start of the oldest. Both columns and the pieces change in one
 * transaction, so a server that dies leaves an end that is true, and the sender goes on there. */
#include "core/track/console.h"

#include <inttypes.h>

#include "base/buf.h"
#include "base/limits.h"
#include "core/track/run.h"
#include "core/track/store.h"
#include "sql_gen.h"

struct console_arg {
    struct str run_id, bytes;
    int64_t row, from, first, size;
    size_t max;
    bool ended, deleted;
    struct buf *out;
};

static enum err load(struct op *op, struct db_tx *tx, struct console_arg *a)
{
    struct db_val v[5];
    enum err e = db_query_one(op, tx, &sql_console_get, DB_ARGS(DB_TEXT(a->run_id)), v, ARRAY_LEN(v));
    if (e == E_NOT_FOUND) {
        op_clear(op);
        return op_fail(op, E_NOT_FOUND, "Run with id=%.*s not found", STR_FMT(a->run_id));
    }
    if (e)
        return e;
    a->row = v[0].i;
    a->ended = v[1].i != TRACK_RUN_RUNNING && v[1].i != TRACK_RUN_SCHEDULED;
    a->deleted = v[2].i != 0;
    a->first = v[3].i;
    a->size = v[4].i;
    return OK;
}

static struct console_state state_of(const struct console_arg *a)
{
    return (struct console_state){a->first, a->size, a->ended};
}

/* ---- append ---- */

static enum err pieces_insert(struct op *op, struct db_tx *tx, struct console_arg *a, struct str bytes)
{
    enum err e = OK;
    while (!e && bytes.len) {
        struct str piece = str_sub(bytes, 0, LIMIT_TRACK_CONSOLE_ROW);
        e = db_exec(op, tx, &sql_console_piece_insert, DB_ARGS(DB_I64(a->row), DB_I64(a->size), DB_BLOB(piece)), NULL);
        a->size += (int64_t)piece.len;
        bytes = str_sub(bytes, piece.len, SIZE_MAX);
    }
    return e;
}

/* Whole pieces go, so up to one more than the limit stays. */
static enum err oldest_drop(struct op *op, struct db_tx *tx, struct console_arg *a)
{
    struct db_val start;
    int64_t keep = a->size - (int64_t)LIMIT_TRACK_CONSOLE_BYTES;
    if (keep <= a->first)
        return OK;
    enum err e = db_query_one(op, tx, &sql_console_piece_at, DB_ARGS(DB_I64(a->row), DB_I64(keep)), &start, 1);
    if (!e && start.i > a->first) {
        a->first = start.i;
        e = db_exec(op, tx, &sql_console_piece_trim, DB_ARGS(DB_I64(a->row), DB_I64(a->first)), NULL);
    }
    return e;
}

static enum err append_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct console_arg *a = arg;
    enum err e = load(op, tx, a);
    if (e)
        return e;
    if (a->deleted)
        return op_fail(op, E_CONFLICT, "The run %.*s must be in the 'active' state. Current state is deleted.", STR_FMT(a->run_id));
    if (a->from > a->size)
        return op_fail(op, E_CONFLICT, "the output of run %.*s ends at byte %" PRId64 ", before %" PRId64, STR_FMT(a->run_id), a->size, a->from);
    if (a->size - a->from >= (int64_t)a->bytes.len)
        return OK; /* all of it is here */
    e = pieces_insert(op, tx, a, str_sub(a->bytes, (size_t)(a->size - a->from), SIZE_MAX));
    if (!e)
        e = oldest_drop(op, tx, a);
    return e ? e : db_exec(op, tx, &sql_console_put, DB_ARGS(DB_I64(a->row), DB_I64(a->first), DB_I64(a->size), DB_I64(store_now_ms(op))), NULL);
}

enum err console_append(struct op *op, struct db *db, struct str run_id, int64_t from, struct str bytes, struct console_state *ret)
{
    struct console_arg a = {.run_id = run_id, .from = from, .bytes = bytes};
    if (from < 0 || from > INT64_MAX / 2)
        return op_fail_field(op, "from", "'from' must be the byte at which these stand");
    if (bytes.len > LIMIT_TRACK_CONSOLE_CHUNK)
        return op_fail(op, E_TOO_LARGE, "at most %zu bytes of output in one call", (size_t)LIMIT_TRACK_CONSOLE_CHUNK);
    enum err e = db_write(op, db, append_tx, &a);
    if (!e)
        *ret = state_of(&a);
    return e;
}

/* ---- read ---- */

/* From a->from, which is held, until `max` are there. */
static enum err pieces_read(struct op *op, struct db_tx *tx, struct console_arg *a)
{
    struct db_rows *rows = NULL;
    struct db_val start;
    bool more = true;
    enum err e = db_query_one(op, tx, &sql_console_piece_at, DB_ARGS(DB_I64(a->row), DB_I64(a->from)), &start, 1);
    if (!e)
        e = db_query(op, tx, &sql_console_piece_list, DB_ARGS(DB_I64(a->row), start), &rows);
    if (e)
        return e;
    while (!e && a->out->len < a->max) {
        e = db_step(op, tx, rows, &more);
        if (e || !more)
            break;
        int64_t at = db_col_i64(tx, rows, 0);
        struct str piece = db_col_str(tx, rows, 1);
        if (at < a->from)
            piece = str_sub(piece, (size_t)(a->from - at), SIZE_MAX);
        buf_add_str(a->out, str_sub(piece, 0, a->max - a->out->len));
    }
    db_end(tx, rows);
    if (!e && a->out->failed)
        e = op_fail(op, E_TOO_LARGE, "the output does not fit in memory");
    return e;
}

static enum err read_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct console_arg *a = arg;
    enum err e = load(op, tx, a);
    if (e)
        return e;
    if (a->from < 0)
        a->from = a->size + a->from > 0 ? a->size + a->from : 0;
    if (a->from < a->first)
        a->from = a->first;
    return a->max && a->from < a->size ? pieces_read(op, tx, a) : OK;
}

enum err console_read(struct op *op, struct db *db, struct str run_id, int64_t from, size_t max, struct console_text *ret)
{
    AUTO(buf) struct buf out;
    struct console_arg a = {.run_id = run_id, .from = from < -INT64_MAX / 2 ? -INT64_MAX / 2 : from, .out = &out,
                            .max = max < LIMIT_TRACK_CONSOLE_CHUNK ? max : LIMIT_TRACK_CONSOLE_CHUNK};
    buf_init(&out, LIMIT_TRACK_CONSOLE_CHUNK);
    enum err e = db_read(op, db, read_tx, &a);
    if (e)
        return e;
    *ret = (struct console_text){state_of(&a), a.from, str_dup(op->arena, buf_str(&out))};
    return OK;
}
