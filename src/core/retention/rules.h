/* rules.h - retention by the tags of experiments, applied by the server once an hour.
 *     ingot.retain_days           active runs that ended so many days ago are deleted (they can be restored), unless they carry
 *                                 the tag ingot.keep=true, or they or the experiment PURGE_HOLD_TAG
 *     ingot.retain_deleted_days   deleted runs are purged after so many days in that state
 * Only an administrator may set these two (core/track/experiment.c). A day is 24 hours; values are whole numbers of days from 0 to 36500, anything else is told in the log and does nothing. */
#ifndef INGOT_CORE_RETENTION_RULES_H
#define INGOT_CORE_RETENTION_RULES_H

#include "core/retention/purge.h"

struct rules_report {
    int64_t deleted, purged, kept, unreadable; /* runs, runs, runs, tags */
};

/* One round over all experiments. Each run is a write of its own, with its audit row. E_TIMEOUT: op's deadline passed; call again to go on. */
MUST_USE enum err retention_apply(struct op *op, struct db *db, struct rules_report *ret);

#endif
