/* index.h - searches for runs over columns in memory, one set of columns per experiment.
 * Nothing is loaded before a search asks for it. What is held is brought up to date at the start of every search from
 * the log of changes (change.h), inside the search's snapshot, so answers are those of the database, also after writes
 * of another server. At most LIMIT_TRACK_INDEX_BYTES by default; what was not used for longest goes first.
 * Thread-safe; searches of one experiment share a lock for reading while they filter and sort. */
#ifndef INGOT_CORE_TRACK_INDEX_H
#define INGOT_CORE_TRACK_INDEX_H

#include "core/track/run_plan.h"
#include "port/db.h"

struct run_index;

struct run_index *run_index_create(size_t max_bytes);
void run_index_destroy(struct run_index *x); /* NULL is ignored; no search may be under way */
size_t run_index_size(struct run_index *x);

enum index_outcome {
    INDEX_DONE,
    INDEX_AHEAD, /* done, but the index has seen newer changes than `tx`: load the rows in a new snapshot */
    INDEX_BUSY,  /* not answered: others were in the way; try again in a new snapshot */
    INDEX_UNFIT, /* not answered: memory does not suffice */
};
/* Inside a read. *ret is written when the outcome is one of the first two. */
MUST_USE enum err run_index_select(struct op *op, struct run_index *x, struct db_tx *tx, const struct run_plan *plan, struct run_hits *ret, enum index_outcome *ret_outcome);

#endif
