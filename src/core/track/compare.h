/* compare.h - runs side by side: what differs between them, and their metrics in one chart. Read from one snapshot. Thread-safe.
 * Errors: E_NOT_FOUND names the run; E_INVALID the field. */
#ifndef INGOT_CORE_TRACK_COMPARE_H
#define INGOT_CORE_TRACK_COMPARE_H

#include "core/track/run.h"
#include "core/track/sample.h"
#include "core/track/series_cache.h"

/* ---- tables ---- */

/* What a metric of a run came to over its whole history, NaN left out. */
struct compare_extreme {
    size_t points;       /* NaN or not */
    bool any;            /* one is not NaN: the rest is there */
    double min, max;
    int64_t min_step, max_step; /* of equal ones the earliest */
};
struct compare_row {
    struct str key;
    bool differs;        /* not the same in all runs; absent is a value of its own */
    struct str *texts;   /* per run; p NULL: absent. Parameters and tags */
    double *numbers;     /* per run; NaN: absent or NaN. Latest values of metrics */
    bool *has;           /* per run: it has the metric */
    struct compare_extreme *extremes; /* per run; NULL: not asked for */
};
struct compare_rows {
    struct compare_row *p; /* by key */
    size_t len;
};
struct compare_table {
    struct track_run *runs; /* in the order asked for */
    size_t run_count;
    struct compare_rows params, tags, metrics; /* without MLflow's own mlflow.* tags */
    struct compare_rows code;     /* the tags mlflow.source.* and mlflow.project.*: what ran */
    struct compare_rows datasets; /* name (and context) -> digest */
};
/* At most LIMIT_TRACK_COMPARE_RUNS runs. */
MUST_USE enum err compare_runs(struct op *op, struct db *db, const struct str *run_ids, size_t n, struct compare_table *ret);
/* The same with the metrics' extremes, for which all their points are read. `cache` may be NULL. */
MUST_USE enum err compare_runs_extremes(struct op *op, struct db *db, struct series_cache *cache, const struct str *run_ids, size_t n, struct compare_table *ret);

/* ---- charts ---- */

enum compare_smoothing { COMPARE_RAW, COMPARE_EMA, COMPARE_EMA_AXIS, COMPARE_MEAN, COMPARE_GAUSSIAN };
enum compare_group { COMPARE_NO_GROUPS, COMPARE_BY_PARAM, COMPARE_BY_TAG };
struct compare_chart {
    const struct str *run_ids;
    size_t run_count;       /* 1..LIMIT_TRACK_COMPARE_RUNS */
    struct str metric;
    enum sample_axis axis;
    bool log;               /* a logarithmic axis: points at 0 or below are left out */
    bool limited;
    double from, to;        /* of the axis, if limited */
    size_t points;          /* per line at most, 1..LIMIT_TRACK_CHART_POINTS */
    enum compare_smoothing smoothing;
    double strength;        /* weight, half-life on the axis, window, or sigma: see num/smooth.h */
    enum compare_group group;
    struct str group_key;
};
/* Columns of one line, one value per stretch of the axis that has points. NaN: not defined (all NaN; std of one run). */
struct compare_line {
    struct str run_id, name;     /* of a run's line */
    struct str group;            /* of a group's line; p NULL: runs without the parameter or tag */
    size_t run_count;            /* in the group */
    struct str *run_ids;
    size_t len;
    double *x;                   /* of the first point in the stretch */
    double *mean;                /* of the points; in a group: mean of its runs' means */
    double *min, *max;           /* exact; in a group: lowest and highest of its runs' means */
    double *first, *last;        /* a run's line only */
    double *std, *stderr_;       /* a group's line only: between runs (n - 1), and that divided by the root of their number */
    double *smooth;              /* the mean smoothed; NULL without smoothing */
    uint64_t *count;             /* points; in a group: runs */
};
struct compare_lines {
    struct compare_line *p;
    size_t len;
    double from, to;             /* of the axis */
};
MUST_USE enum err compare_chart(struct op *op, struct db *db, struct series_cache *cache, const struct compare_chart *c, struct compare_lines *ret);

#endif
