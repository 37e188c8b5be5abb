/* run_plan.h - a search for runs, read and checked: what run_search.h hands to the two ways of answering it, over the
 * columns in memory (index.h) and row by row (run_scan.h). Both give the same answer. */
#ifndef INGOT_CORE_TRACK_RUN_PLAN_H
#define INGOT_CORE_TRACK_RUN_PLAN_H

#include "base/limits.h"
#include "core/track/keyset.h"

enum run_attr { RUN_ATTR_ID, RUN_ATTR_NAME, RUN_ATTR_USER, RUN_ATTR_STATUS, RUN_ATTR_ARTIFACT_URI, RUN_ATTR_START, RUN_ATTR_END };

struct run_plan {
    int64_t *experiments; /* ascending, each once */
    size_t experiment_count;
    struct filter filter;
    struct filter_order order[LIMIT_TRACK_ORDER_BY]; /* then start time descending, then id */
    size_t order_count;
    bool active, deleted; /* which of both are wanted */
    size_t offset, limit; /* the page */
    bool keyed;           /* the page begins behind `after`, `offset` runs of it only for the next token */
    struct keyset after;
    bool count;           /* `total` is wanted */
    const struct str *tops; /* metrics whose least and greatest value among all that is found are wanted; only the columns in memory tell */
    size_t top_count;       /* at most LIMIT_TRACK_WINDOW_TOPS */
};
/* Of a metric's finite latest values. */
struct run_top {
    bool any;
    double min, max;
};
struct run_hits {
    int64_t *rows; /* internal numbers of the page's runs, in order */
    size_t len;
    bool more;     /* another page follows */
    struct keyset last; /* of the page, where `more` */
    int64_t total; /* of all pages, if wanted */
    struct run_top *tops; /* one per plan->tops; NULL: not known */
};

#endif
