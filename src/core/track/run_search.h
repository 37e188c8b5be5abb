/* run_search.h - finds runs by filter, order and page over one or more experiments.
 * The filter is evaluated row by row over the experiments' runs with point look-ups for metrics, parameters and
 * tags; the default order streams along an index and stops when the page is full. Thread-safe. */
#ifndef INGOT_CORE_TRACK_RUN_SEARCH_H
#define INGOT_CORE_TRACK_RUN_SEARCH_H

#include "core/track/experiment.h"
#include "core/track/filter.h"
#include "core/track/run.h"

struct run_query {
    const int64_t *experiments;
    size_t experiment_count;
    struct str filter;
    const struct str *order_by;
    size_t order_count;
    enum track_view view;
    int64_t max_results; /* 1..LIMIT_TRACK_SEARCH_RUNS */
    struct str page_token;
};
struct run_page {
    struct track_run *runs; /* filled as by track_run_get */
    size_t len;
    struct str next_token;
};

MUST_USE enum err run_search(struct op *op, struct db *db, const struct run_query *q, struct run_page *ret);
/* The vocabulary of run filters (for tests and fuzzing). */
extern const struct filter_rules run_search_rules;

#endif
