/* run_search.h - finds runs by filter, order and page over one or more experiments.
 * With an index (index.h) a search runs over columns in memory; without one, or when memory does not suffice, row by
 * row (run_scan.h). Both give the same answer. Thread-safe. */
#ifndef INGOT_CORE_TRACK_RUN_SEARCH_H
#define INGOT_CORE_TRACK_RUN_SEARCH_H

#include "core/track/experiment.h"
#include "core/track/filter.h"
#include "core/track/run.h"

struct run_index;

/* What of each run is wanted beyond its attributes. */
struct run_columns {
    bool metrics, params, tags, inputs, outputs;          /* all of them */
    struct str *some_metrics, *some_params, *some_tags;   /* or these keys, ascending */
    size_t metric_count, param_count, tag_count;
};
struct run_query {
    const int64_t *experiments;
    size_t experiment_count;
    bool all_experiments; /* instead of a list */
    struct str filter;
    const struct str *order_by;
    size_t order_count;
    enum track_view view;
    int64_t max_results; /* 1..LIMIT_TRACK_SEARCH_RUNS */
    struct str page_token;
    bool count;          /* the total is wanted */
    bool count_only;     /* ... and no runs */
    const struct run_columns *columns; /* NULL: everything */
    struct run_index *index; /* borrowed; NULL: row by row */
};
struct run_page {
    struct track_run *runs; /* filled as by track_run_get, or as `columns` says */
    size_t len;
    int64_t total;          /* of all pages, if asked for */
    struct str next_token;
};

MUST_USE enum err run_search(struct op *op, struct db *db, const struct run_query *q, struct run_page *ret);
/* "metrics.loss", "params.*", "tags.x", "inputs", "outputs", "attributes.*" (which always come). */
MUST_USE enum err run_columns_parse(struct op *op, const struct str *texts, size_t n, struct run_columns *ret);
/* The steps of a search, for those who hold their own results (run_window.h). The first is pure and leaves the experiments out, the others work
 * inside a read. *ret false: the run is gone. */
struct run_plan;
MUST_USE enum err run_plan_make(struct op *op, const struct run_query *q, struct run_plan *ret_plan);
MUST_USE enum err run_plan_experiments(struct op *op, struct db_tx *tx, const struct run_query *q, struct run_plan *plan);
MUST_USE enum err run_load(struct op *op, struct db_tx *tx, int64_t row, const struct run_columns *columns, struct track_run *ret_run, bool *ret);
/* The vocabulary of run filters (for tests and fuzzing). */
extern const struct filter_rules run_search_rules;

#endif
