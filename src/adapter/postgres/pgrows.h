/* pgrows.h - the rows of one query while they come in: one at a time off the wire, so that a result of a million rows needs the memory
 * of one. A connection carries one statement at a time, so when another is to begin, the rest is set aside first (spooled).
 * The rows belong to their connection (pgconn.h). */
#ifndef INGOT_ADAPTER_POSTGRES_PGROWS_H
#define INGOT_ADAPTER_POSTGRES_PGROWS_H

#include "adapter/postgres/pgwire.h"
#include "base/buf.h"
#include "base/limits.h"
#include "port/db.h"

struct pgconn;

struct db_rows {
    struct pgconn *conn;
    struct pgwire *wire;
    struct arena *scratch; /* for the texts of failures that nobody reads */
    const struct sql *sql;
    bool streaming;       /* its results are on the wire */
    bool has_row;
    enum err failed;      /* while it was set aside: told by the next step */
    PGresult *present;    /* holds the present row of a stream */
    struct buf spool;     /* rows set aside: per column an int32 length, -1 for NULL, and the bytes */
    size_t at;            /* in it */
    int columns;
    unsigned types[LIMIT_DB_COLUMNS];
    struct db_val values[LIMIT_DB_COLUMNS];
    struct db_rows *next, **link; /* among the running ones of the connection */
};

/* The statement has been sent and everything before it settled. */
void pgrows_begin(struct db_rows *rows);
/* E_IO and the statement's own errors; E_CORRUPT: bytes that are no value of their type. The stream is over then. */
MUST_USE enum err pgrows_step(struct op *op, struct db_rows *rows, bool *ret_row);
/* Takes what is still on the wire into memory, so that the connection is free. E_TOO_LARGE above LIMIT_DB_SPOOL_BYTES. */
MUST_USE enum err pgrows_spool(struct op *op, struct db_rows *rows);
/* Throws away what is still on the wire. `may_break`: a long rest costs the connection rather than the time. */
void pgrows_discard(struct db_rows *rows, bool may_break);
/* Of the present row (asserted). */
struct db_val pgrows_column(const struct db_rows *rows, int i);

#endif
