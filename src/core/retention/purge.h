/* purge.h - permanent deletion of runs and experiments that are in the deleted state.
 *
 * The first step of each hides it from everybody for good, in one write with its audit row; the following ones take its
 * rows away in portions, so that no other write waits long. A purge that was stopped is taken up by the next one. Files lose
 * their names; their bytes go with the sweep (sweep.h). What a live version of a registered model was made of is kept, and so
 * is what the tag ingot.hold=true of the run or of its experiment holds. Thread-safe, but one purge at a time makes sense. */
#ifndef INGOT_CORE_RETENTION_PURGE_H
#define INGOT_CORE_RETENTION_PURGE_H

#include "core/track/names.h"
#include "port/db.h"

#define PURGE_HOLD_TAG TRACK_HOLD_TAG

struct purge_plan {
    int64_t before_ms;        /* what was deleted until then */
    const struct str *runs;   /* only these runs, whenever they were deleted; none named and no experiments: all */
    size_t run_count;
    const int64_t *experiments; /* only these, with their runs */
    size_t experiment_count;
    bool dry_run;             /* count and change nothing */
    int64_t until_ms;         /* CLOCK_MONOTONIC: no step begins later, E_TIMEOUT; another purge goes on from there. 0: to the end */
};
#define PURGE_KEPT_MAX 100
struct purge_report {
    int64_t runs, experiments, points, artifacts; /* taken away, or, of a dry run, found (no points and artifacts then) */
    int64_t kept;             /* in use or held */
    struct str kept_why[PURGE_KEPT_MAX]; /* the first of them, in op's arena */
};

/* E_NOT_FOUND: a named run or experiment is not there; E_CONFLICT: it is not deleted. On a failure `ret` tells how far it came. */
MUST_USE enum err purge_run(struct op *op, struct db *db, const struct purge_plan *plan, struct purge_report *ret);

#endif
