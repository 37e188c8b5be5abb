/* dbconn.h - one SQLite connection of this adapter: opened safely, with its statements prepared once.
 * Owned by dbconn_close(). Used by one thread at a time. `struct db_tx.impl` is a `struct dbconn`. */
#ifndef INGOT_ADAPTER_SQLITE_DBCONN_H
#define INGOT_ADAPTER_SQLITE_DBCONN_H

#include <sqlite3.h>

#include "port/db.h"

#define DBCONN_BUSY_MS 5000 /* a person with the sqlite3 shell may hold a lock for a moment */

enum dbconn_role {
    DBCONN_WRITER, /* the only connection that writes and checkpoints */
    DBCONN_READER, /* opened read-only */
};
/* What frames a transaction. */
enum dbconn_control {
    DBCONN_BEGIN,
    DBCONN_BEGIN_WRITE,
    DBCONN_COMMIT,
    DBCONN_ROLLBACK,
    DBCONN_SAVEPOINT,
    DBCONN_RELEASE,
    DBCONN_ROLLBACK_TO,
    DBCONN_CONTROL_COUNT
};

struct dbconn;

/* E_IO, E_CORRUPT, E_CONFLICT (the file is some other program's database), E_UNSUPPORTED (no WAL there). */
MUST_USE enum err dbconn_open(struct op *op, const char *path, enum dbconn_role role, struct dbconn **ret);
/* NULL is ignored. Never checkpoints by itself. */
void dbconn_close(struct dbconn *c);
sqlite3 *dbconn_handle(struct dbconn *c);

/* Runs a framing statement; the SQLite result code, SQLITE_OK when it is done. */
int dbconn_run(struct dbconn *c, enum dbconn_control control);
/* Ends every query that began after dbconn_mark() gave `mark` (NULL: all): before its transaction ends. */
struct db_rows *dbconn_mark(struct dbconn *c);
void dbconn_end_rows(struct dbconn *c, struct db_rows *mark);
/* The last failure of disk or memory since the transaction began (extended code), or 0: such a failure can make SQLite
 * undo the whole transaction. */
int dbconn_trouble(const struct dbconn *c);
/* Reads after CLOCK_MONOTONIC `deadline_ms` are interrupted (E_TIMEOUT); 0: never. */
void dbconn_set_deadline(struct dbconn *c, int64_t deadline_ms);
/* Turns SQLite's result code into our error, with its text; `what` names the statement or the step. */
enum err dbconn_fail(struct op *op, struct dbconn *c, int rc, const char *what);
/* The disk itself failed (not: is full): what the kernel holds of this file can no longer be trusted. */
bool dbconn_is_fatal(int extended_rc);

/* The rows of struct db_ops. */
enum err dbconn_query(struct op *op, struct db_tx *tx, const struct sql *sql, const struct db_val *args,
                      size_t n, struct db_rows **ret);
enum err dbconn_step(struct op *op, struct db_rows *rows, bool *ret_row);
struct db_val dbconn_column(struct db_rows *rows, int i);
void dbconn_end(struct db_rows *rows);
enum err dbconn_exec(struct op *op, struct db_tx *tx, const struct sql *sql, const struct db_val *args,
                     size_t n, int64_t *ret_changes);
int64_t dbconn_last_id(struct db_tx *tx);

#endif
