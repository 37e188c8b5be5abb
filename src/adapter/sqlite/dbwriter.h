/* dbwriter.h - the one thread that writes: takes what is queued, commits it together, wakes the waiters. */
#ifndef INGOT_ADAPTER_SQLITE_DBWRITER_H
#define INGOT_ADAPTER_SQLITE_DBWRITER_H

#include "adapter/sqlite/dbconn.h"
#include "adapter/sqlite/sqlite.h"
#include "base/thread.h"

struct dbwriter;

/* Starts the thread. `conn` (DBCONN_WRITER) stays the caller's and must outlive the writer; `tx` is handed to every
 * function. `turn` is held while a group runs, or NULL: for a database whose readers share the connection. Up to
 * `queue_max` writes wait. */
struct dbwriter *dbwriter_create(struct dbconn *conn, const struct db_tx *tx, struct mutex *turn,
                                 size_t queue_max);
/* Finishes what is queued, checkpoints, ends the thread. NULL is ignored. */
void dbwriter_destroy(struct dbwriter *w);
/* Runs fn(op, tx, arg) on the writer thread and returns when it is durable; see db_ops.write. */
MUST_USE enum err dbwriter_run(struct dbwriter *w, struct op *op, db_fn fn, void *arg);
/* The same without waiting; see db_ops.write_start. */
void dbwriter_start(struct dbwriter *w, struct op *op, db_fn fn, void *arg, db_done_fn done, void *done_arg);
void dbwriter_stats(struct dbwriter *w, struct sqlite_stats *ret);

#endif
