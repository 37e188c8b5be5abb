/* many.h - very many runs at once: those that are named, or those that a search finds, handed over as numbers in one snapshot; and their values.
 * Everything is in op's arena. Thread-safe. Errors: E_NOT_FOUND names the run; E_INVALID the field; those of run_search.h. */
#ifndef INGOT_CORE_TRACK_MANY_H
#define INGOT_CORE_TRACK_MANY_H

#include "core/track/run_search.h"
#include "port/db.h"

struct many_query {
    const struct run_query *search; /* max_results: 1..LIMIT_TRACK_OVERLAY_RUNS; NULL: the runs are named */
    const struct str *run_ids;      /* one that is named again is left out */
    size_t run_count;               /* 1..LIMIT_TRACK_OVERLAY_RUNS */
};
/* Inside a read: the internal numbers of the runs, all different, in order. A run that a search found may be gone since. */
typedef enum err (*many_fn)(struct op *op, struct db_tx *tx, void *arg, const int64_t *rows, size_t n);

/* How many runs are named, or may be found. */
MUST_USE enum err many_check(struct op *op, const struct many_query *q, size_t *ret_max);
/* Calls f once; what it returns is returned. */
MUST_USE enum err many_read(struct op *op, struct db *db, const struct many_query *q, many_fn f, void *arg);

struct many_runs {
    struct track_run *runs; /* with the keys that `columns` lists (its "all of" flags do not count) */
    size_t len;
};
MUST_USE enum err many_load(struct op *op, struct db *db, const struct many_query *q, const struct run_columns *columns, struct many_runs *ret);

#endif
