/* crowd.h - one metric of very many runs as one line per group: the mean of the group's runs with its spread, over one common axis. The same figures
 * as the groups of compare.h, for up to LIMIT_TRACK_OVERLAY_RUNS runs. Everything is read from one snapshot; one series is held at a time.
 * Thread-safe. Errors: those of many.h; E_INVALID the field. */
#ifndef INGOT_CORE_TRACK_CROWD_H
#define INGOT_CORE_TRACK_CROWD_H

#include "core/track/compare.h"
#include "core/track/many.h"

struct crowd_query {
    struct many_query runs;
    struct str metric;
    enum sample_axis axis;
    bool log;               /* a logarithmic axis: points at 0 or below are left out */
    bool limited;
    double from, to;        /* of the axis, if limited */
    size_t points;          /* per line at most, 1..LIMIT_TRACK_CHART_POINTS */
    double smoothing;       /* weight of the debiased exponential mean, 0 (none) to below 1 */
    enum compare_group group; /* COMPARE_BY_PARAM or COMPARE_BY_TAG */
    struct str group_key;
};
struct crowd {
    struct compare_line *lines; /* the largest groups first, those of one size in the order of their first runs; no run_ids */
    size_t len;                 /* at most LIMIT_TRACK_CROWD_GROUPS */
    size_t groups, runs;        /* of all */
    double from, to;            /* of the axis */
};
MUST_USE enum err crowd_read(struct op *op, struct db *db, struct series_cache *cache, const struct crowd_query *q, struct crowd *ret);

#endif
