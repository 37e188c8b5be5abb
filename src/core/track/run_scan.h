/* run_scan.h - answers a search for runs row by row, with point look-ups for what a clause needs: the way that always
 * works, whatever the memory. The default order of one experiment streams along a database index and stops when the
 * page is full; every other search looks at all runs of its experiments. Inside a read. Errors: those of db.h;
 * E_TOO_LARGE when what is found does not fit in op's arena. */
#ifndef INGOT_CORE_TRACK_RUN_SCAN_H
#define INGOT_CORE_TRACK_RUN_SCAN_H

#include "core/track/run.h"
#include "core/track/run_plan.h"
#include "port/db.h"

/* Does one run fulfil a filter that was parsed by run_search_rules? `run` has its attributes; the rest is looked up. */
MUST_USE enum err run_scan_match(struct op *op, struct db_tx *tx, const struct filter *f, struct track_run *run, bool *ret);
MUST_USE enum err run_scan(struct op *op, struct db_tx *tx, const struct run_plan *plan, struct run_hits *ret);

#endif
