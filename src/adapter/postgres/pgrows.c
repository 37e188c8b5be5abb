#include "adapter/postgres/pgrows.h"

#include <assert.h>

#include "adapter/postgres/pgvalue.h"

#define DISCARD_ROWS 10000 /* about what a new connection costs */

void pgrows_begin(struct db_rows *rows)
{
    (void)PQsetSingleRowMode(rows->wire->pg); /* refused: then the rows come in one result, which is read the same way */
    rows->streaming = true;
    buf_init(&rows->spool, LIMIT_DB_SPOOL_BYTES);
}

/* The end of the statement: its NULL, and the sync of its batch. */
static enum err stream_end(struct op *op, struct db_rows *rows)
{
    rows->streaming = false;
    return pgwire_settle(op, rows->wire, false);
}

/* The next row off the wire into rows->present; false at the end. */
static enum err stream_next(struct op *op, struct db_rows *rows, bool *ret_row)
{
    PGresult *res = NULL;
    PQclear(rows->present);
    rows->present = NULL;
    enum err e = pgwire_take(op, rows->wire, rows->sql->name, &res);
    *ret_row = !e && PQresultStatus(res) == PGRES_SINGLE_TUPLE;
    if (*ret_row) {
        rows->present = res;
        return OK;
    }
    if (!e && PQresultStatus(res) == PGRES_FATAL_ERROR)
        e = pgwire_fail(op, rows->wire, res, rows->sql->name);
    PQclear(res);
    enum err end = stream_end(op, rows);
    return e ? e : end;
}

/* The form of a result is known with its first row. */
static enum err columns_note(struct op *op, struct db_rows *rows)
{
    if (rows->columns)
        return OK;
    int n = PQnfields(rows->present);
    if (n > LIMIT_DB_COLUMNS)
        return op_fail(op, E_INTERNAL, "%s: more than %d columns", rows->sql->name, LIMIT_DB_COLUMNS);
    for (int i = 0; i < n; i++)
        rows->types[i] = PQftype(rows->present, i);
    rows->columns = n;
    return OK;
}

/* `len` -1: NULL. */
static enum err value_set(struct op *op, struct db_rows *rows, int i, const char *p, int len)
{
    rows->values[i] = DB_NULL;
    if (len >= 0 && !pgvalue_decode(rows->types[i], p, (size_t)len, &rows->values[i]))
        return op_fail(op, E_CORRUPT, "%s: column %d of type %u has %d bytes that are none of it", rows->sql->name, i, rows->types[i], len);
    return OK;
}

static enum err row_of_present(struct op *op, struct db_rows *rows)
{
    enum err e = columns_note(op, rows);
    for (int i = 0; !e && i < rows->columns; i++)
        e = value_set(op, rows, i, PQgetvalue(rows->present, 0, i),
                      PQgetisnull(rows->present, 0, i) ? -1 : PQgetlength(rows->present, 0, i));
    return e;
}

static enum err row_of_spool(struct op *op, struct db_rows *rows)
{
    enum err e = OK;
    for (int i = 0; !e && i < rows->columns; i++) {
        int len;
        memcpy(&len, rows->spool.p + rows->at, sizeof len);
        rows->at += sizeof len;
        e = value_set(op, rows, i, rows->spool.p + rows->at, len);
        rows->at += len < 0 ? 0 : (size_t)len;
    }
    return e;
}

enum err pgrows_step(struct op *op, struct db_rows *rows, bool *ret_row)
{
    bool row = false;
    enum err e = OK;
    rows->has_row = false;
    if (rows->streaming) {
        e = stream_next(op, rows, &row);
        if (!e && row)
            e = row_of_present(op, rows);
    } else if (rows->at < rows->spool.len) {
        row = true;
        e = row_of_spool(op, rows);
    } else if (rows->failed) {
        e = op_fail(op, rows->failed, "%s: its rows could not be read to the end", rows->sql->name);
    }
    if (e)
        return e;
    rows->has_row = row;
    *ret_row = row;
    return OK;
}

enum err pgrows_spool(struct op *op, struct db_rows *rows)
{
    /* The views of the present row stay good: its result is kept until the next step. */
    PGresult *kept = rows->present;
    bool row = true;
    rows->present = NULL;
    enum err e = OK;
    while (rows->streaming && !(e = stream_next(op, rows, &row)) && row) {
        e = columns_note(op, rows);
        for (int i = 0; !e && i < rows->columns; i++) {
            int len = PQgetisnull(rows->present, 0, i) ? -1 : PQgetlength(rows->present, 0, i);
            buf_add(&rows->spool, &len, sizeof len);
            if (len > 0)
                buf_add(&rows->spool, PQgetvalue(rows->present, 0, i), (size_t)len);
        }
        if (!e && rows->spool.failed)
            e = op_fail(op, E_TOO_LARGE, "%s: more rows than fit into memory, and another statement runs before their end", rows->sql->name);
        if (e) {
            pgrows_discard(rows, true);
            break;
        }
    }
    PQclear(rows->present);
    rows->present = kept;
    rows->failed = e;
    return e;
}

void pgrows_discard(struct db_rows *rows, bool may_break)
{
    struct op op;
    bool row = true;
    if (rows->streaming) {
        arena_reset(rows->scratch);
        op_init(&op, rows->scratch);
    }
    for (size_t n = 0; rows->streaming && row; n++) {
        if (may_break && n == DISCARD_ROWS) {
            rows->wire->lost = true;
            break;
        }
        if (stream_next(&op, rows, &row))
            break;
    }
    rows->streaming = false;
    PQclear(rows->present);
    rows->present = NULL;
    buf_clear(&rows->spool);
    rows->has_row = false;
}

struct db_val pgrows_column(const struct db_rows *rows, int i)
{
    assert(rows->has_row && i >= 0 && i < rows->columns); /* a column that the statement lacks, or no row */
    return rows->values[i];
}
