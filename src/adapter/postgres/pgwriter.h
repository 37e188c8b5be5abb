/* pgwriter.h - the one thread of this server that writes to PostgreSQL; one of all servers' such threads at a time.
 * The queue before it is port/db_queue.h's. Thread-safe. */
#ifndef INGOT_ADAPTER_POSTGRES_PGWRITER_H
#define INGOT_ADAPTER_POSTGRES_PGWRITER_H

#include "adapter/postgres/pgconn.h"
#include "base/thread.h"

struct pgwriter;
struct postgres_stats;

/* Starts the thread, with a first connection, so that a wrong URL is an error here. `tx` is handed to every function, with the connection
 * of the moment as its impl. `url` is borrowed. */
MUST_USE enum err pgwriter_create(struct op *op, const char *url, const struct db_tx *tx, size_t queue_max, struct pgwriter **ret);
/* Finishes what is queued, ends the thread. NULL is ignored. */
void pgwriter_destroy(struct pgwriter *w);
/* See db_ops.write and write_start. */
MUST_USE enum err pgwriter_run(struct pgwriter *w, struct op *op, db_fn fn, void *arg);
void pgwriter_start(struct pgwriter *w, struct op *op, db_fn fn, void *arg, db_done_fn done, void *done_arg);
void pgwriter_stats(struct pgwriter *w, struct postgres_stats *ret);

#endif
