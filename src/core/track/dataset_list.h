/* dataset_list.h - the datasets that runs read, over all experiments: one per (name, digest), with the runs that used it. Runs that are deleted do
 * not count; a dataset whose runs are all deleted stays listed, with none. Texts in op's arena. Thread-safe. */
#ifndef INGOT_CORE_TRACK_DATASET_LIST_H
#define INGOT_CORE_TRACK_DATASET_LIST_H

#include "core/track/run.h"

struct dataset_item {
    struct str name, digest, source_type;
    int64_t runs;              /* that used it */
    int64_t first_ms, last_ms; /* their first and last start; 0: none */
    bool more_runs;            /* in a list: only the newest LIMIT_DATASET_COUNTED uses were looked at */
};
struct dataset_list_query {
    struct str search;         /* in name or digest; ASCII case is ignored; "": all */
    struct str name, digest;   /* only what comes after this pair; "", "": from the first on */
    size_t limit;              /* 1..LIMIT_DATASET_LIST */
};
struct dataset_use {
    struct str run_id, run, context, experiment; /* names; context "": none was given */
    int64_t experiment_id;
    enum track_run_status status;
    int64_t start_ms;
};
struct dataset_details {
    struct dataset_item item;
    struct str source, schema, profile; /* p NULL: none; of its first logging */
    struct dataset_use *uses;  /* newest run first, at most LIMIT_DATASET_RUNS */
    size_t use_count;
};

/* In the order of (name, digest); *ret_more: there are further ones. */
MUST_USE enum err dataset_list(struct op *op, struct db *db, const struct dataset_list_query *q, struct dataset_item **ret, size_t *ret_len, bool *ret_more);
/* E_NOT_FOUND. */
MUST_USE enum err dataset_get(struct op *op, struct db *db, struct str name, struct str digest, struct dataset_details *ret);

#endif
