/* change.h - the durable log of what changed about runs: one row per write, in the order of the commits.
 * Whatever keeps facts about runs in memory (index.h) reads it in its own snapshot and so is right on every server
 * of one database, after a restart, and after another server's write. Rows are numbered upwards; numbers of writes
 * that failed are missing. The newest LIMIT_TRACK_CHANGES rows are kept. All work inside a transaction; errors are
 * those of db.h. */
#ifndef INGOT_CORE_TRACK_CHANGE_H
#define INGOT_CORE_TRACK_CHANGE_H

#include "port/db.h"

/* Every write to a run calls this once in its transaction: creation, name, status, life cycle, metrics, parameters,
 * tags, inputs, outputs. */
MUST_USE enum err track_change_note(struct op *op, struct db_tx *tx, int64_t run_row);
/* Any of an experiment's runs may have changed. */
MUST_USE enum err track_change_note_experiment(struct op *op, struct db_tx *tx, int64_t experiment);

/* Numbers of the oldest row that is kept and of the newest; both 0 while nothing was ever noted. */
MUST_USE enum err track_change_ends(struct op *op, struct db_tx *tx, int64_t *ret_oldest, int64_t *ret_newest);
/* The rows behind `after`, oldest first, one call each: `run_row`, or a whole experiment when `run_row` is 0. */
typedef enum err (*track_change_fn)(struct op *op, void *arg, int64_t run_row, int64_t experiment);
MUST_USE enum err track_change_read(struct op *op, struct db_tx *tx, int64_t after, track_change_fn fn, void *arg);

#endif
