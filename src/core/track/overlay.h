/* overlay.h - one metric of very many runs, as few points each as a picture of them needs.
 * The runs are named, or those that a search finds. Everything is read from one snapshot; one series is held at a time. Times are ms since 1970 UTC
 * (or since a run's first point), as in compare.h. Thread-safe. Errors: E_NOT_FOUND names the run; E_INVALID the field; those of run_search.h. */
#ifndef INGOT_CORE_TRACK_OVERLAY_H
#define INGOT_CORE_TRACK_OVERLAY_H

#include "core/track/many.h"
#include "core/track/sample.h"
#include "core/track/series_cache.h"

struct overlay_query {
    struct many_query runs;
    struct str metric;
    enum sample_axis axis;
    bool log;                       /* a logarithmic axis: points at 0 or below are left out */
    bool limited;
    double from, to;                /* of the axis, if limited */
    size_t points;                  /* per line at most, 4..LIMIT_TRACK_CHART_POINTS; times the runs: LIMIT_TRACK_OVERLAY_POINTS */
    double smoothing;               /* weight of the debiased exponential mean, 0 (none) to below 1 */
};
/* Lines one behind the other: line i is x[start[i]] to x[start[i + 1] - 1]. A run without points has an empty line. In op's arena. */
struct overlay {
    size_t lines;
    struct str *run_ids, *names;
    uint32_t *start;                /* lines + 1 */
    double *x, *y;                  /* y NaN: a gap */
    size_t points;
    double from, to;                /* the smallest and largest x, NaN without points */
};
/* A line with no more points than asked for is told whole. Else its axis is cut into stretches of its own, and each tells its lowest and highest point, so
 * that no peak is lost, the outer ones also the first and last; smoothed lines have the smoothed means of the stretches. */
MUST_USE enum err overlay_read(struct op *op, struct db *db, struct series_cache *cache, const struct overlay_query *q, struct overlay *ret);

#endif
