/* run_find.h - runs and experiments by a part of their name, while it is typed. Thread-safe. */
#ifndef INGOT_CORE_TRACK_RUN_FIND_H
#define INGOT_CORE_TRACK_RUN_FIND_H

#include "core/track/run_search.h"

struct run_found {
    struct str run_id, name; /* run_id empty: an experiment */
    int64_t experiment_id;
    struct str experiment_name;
};
/* Active experiments and runs whose name begins with `text`, then those that have it inside, letters in either case, and the run whose id begins with it.
 * At most `limit` (1..LIMIT_TRACK_FIND) of each kind, experiments first, the newest first. E_INVALID: more than LIMIT_TRACK_FIND_BYTES of text. */
MUST_USE enum err run_find(struct op *op, struct db *db, struct run_index *index, struct str text, size_t limit, struct run_found **ret, size_t *ret_len);
/* ASCII letters in either case. Pure. */
bool run_find_has(struct str name, struct str text, bool at_start);

#endif
