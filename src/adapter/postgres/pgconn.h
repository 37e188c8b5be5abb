/* pgconn.h - statements on one connection to PostgreSQL: prepared once, bound in binary, rows as they come.
 * Owned by pgconn_close(). Used by one thread at a time. `struct db_tx.impl` is a `struct pgconn`. */
#ifndef INGOT_ADAPTER_POSTGRES_PGCONN_H
#define INGOT_ADAPTER_POSTGRES_PGCONN_H

#include "adapter/postgres/pgwire.h"
#include "port/db.h"

enum pgconn_role { PGCONN_WRITER, PGCONN_READER };

struct pgconn;

/* The schema must be there (pgmigrate.h): a writer learns from it which tables number their rows. Errors as pgwire_open. */
MUST_USE enum err pgconn_open(struct op *op, const char *url, enum pgconn_role role, struct pgconn **ret);
/* NULL is ignored. */
void pgconn_close(struct pgconn *c);
struct pgwire *pgconn_wire(struct pgconn *c);

/* Ends every query that began after pgconn_mark() gave `mark` (NULL: all). */
struct db_rows *pgconn_mark(struct pgconn *c);
void pgconn_end_rows(struct pgconn *c, struct db_rows *mark);

/* A read in one snapshot: BEGIN goes out with its first statement, ROLLBACK is not waited for. A read past `deadline_ms` (0: none)
 * loses its connection. */
void pgconn_read_begin(struct pgconn *c, int64_t deadline_ms);
void pgconn_read_end(struct pgconn *c);
/* Between two uses: takes the answer to the ROLLBACK, and looks whether the server has hung up. */
bool pgconn_is_usable(struct pgconn *c);

/* A write function between a savepoint and its release. In PostgreSQL a statement that fails takes the whole savepoint with it. So after
 * the first change of a frame a failure dooms it (every later statement E_INTERNAL, and the frame's end too); before it,
 * nothing is lost by rolling back, and the function may go on, for instance to say who is in its way. */
struct pgframe {
    bool changed, doomed; /* of the frame around it */
    struct db_rows *mark;
};
/* Fails when a statement that nobody waited for has failed in the frame around it: then there is no frame. */
MUST_USE enum err pgconn_frame_begin(struct op *op, struct pgconn *c, struct pgframe *ret);
/* `e` is the function's own result; returns it, or why its changes cannot stand. They are undone unless OK is returned. */
enum err pgconn_frame_end(struct op *op, struct pgconn *c, const struct pgframe *frame, enum err e);

/* The same where the frame's last statements may still be on their way (*ret_left): their answers come with the next frame's first one, which
 * saves a round trip per function. Only outside of other frames. If one fails, the left frame is undone, the next one does not notice, and
 * pgconn_left_failure() tells it, once: ask after each later frame and after pgconn_left_settle(), which must come before the commit. */
enum err pgconn_frame_leave(struct op *op, struct pgconn *c, const struct pgframe *frame, enum err e, bool *ret_left);
void pgconn_left_settle(struct pgconn *c);
/* OK: no failure. The text lives as long as `c`. */
enum err pgconn_left_failure(struct pgconn *c, const char **ret_text);

/* COMMIT, with `number` of this `server` noted in the same transaction (pgmigrate.h: db_writer). `*ret_unknown`: the connection broke
 * between the two, and it may have been committed. */
MUST_USE enum err pgconn_commit(struct op *op, struct pgconn *c, struct str server, int64_t number, bool *ret_unknown);
/* The number that pgconn_commit() noted last; 0: none. Inside a transaction that holds the lock. */
MUST_USE enum err pgconn_commit_number(struct op *op, struct pgconn *c, struct str server, int64_t *ret);

/* Prepares `sql` and gives the types of its parameters (room for LIMIT_DB_PARAMS): for tests that look at every statement. */
MUST_USE enum err pgconn_describe(struct op *op, struct pgconn *c, const struct sql *sql, unsigned *ret_types, int *ret_count);

/* The rows of struct db_ops. */
enum err pgconn_query(struct op *op, struct db_tx *tx, const struct sql *sql, const struct db_val *args, size_t n,
                      struct db_rows **ret);
enum err pgconn_step(struct op *op, struct db_rows *rows, bool *ret_row);
struct db_val pgconn_column(struct db_rows *rows, int i);
void pgconn_end(struct db_rows *rows);
enum err pgconn_exec(struct op *op, struct db_tx *tx, const struct sql *sql, const struct db_val *args, size_t n,
                     int64_t *ret_changes);
enum err pgconn_exec_later(struct op *op, struct db_tx *tx, const struct sql *sql, const struct db_val *args, size_t n,
                           int64_t *add_changes);
enum err pgconn_settle(struct op *op, struct db_tx *tx);
int64_t pgconn_last_id(struct db_tx *tx);

#endif
