/* dataset_search.h - which datasets the runs of some experiments read, each with what for. Thread-safe. */
#ifndef INGOT_CORE_TRACK_DATASET_SEARCH_H
#define INGOT_CORE_TRACK_DATASET_SEARCH_H

#include "port/db.h"

struct dataset_summary {
    int64_t experiment_id;
    struct str name, digest;
    struct str context; /* empty: none was given */
};

/* Each (experiment, name, digest, context) once, in that order, at most LIMIT_TRACK_DATASET_SUMMARIES; experiments
 * that do not exist have none. E_INVALID: no experiment, or more than LIMIT_TRACK_DATASET_EXPERIMENTS. */
MUST_USE enum err dataset_search(struct op *op, struct db *db, const int64_t *experiments, size_t n, struct dataset_summary **ret, size_t *ret_len);

#endif
