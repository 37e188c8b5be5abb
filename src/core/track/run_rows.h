/* run_rows.h - many runs with some of what they logged: one statement for many runs and a key, where loading run by run takes one for each. It matters where the
 * database is another process. Inside a read. Errors: those of db.h; E_TOO_LARGE: op's arena. */
#ifndef INGOT_CORE_TRACK_RUN_ROWS_H
#define INGOT_CORE_TRACK_RUN_ROWS_H

#include "core/track/run_search.h"

/* ret_runs[i] is the run of rows[i], all of them different, with the keys that `columns` lists (its "all of" flags do not count), in their order; row 0: it is gone. */
MUST_USE enum err run_rows_load(struct op *op, struct db_tx *tx, const int64_t *rows, size_t n, const struct run_columns *columns, struct track_run *ret_runs);

#endif
