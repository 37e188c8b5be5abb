/* sample.h - few points that stand for many: what a chart shows of a long history. Pure.
 *
 * Two ways. Rows: evenly spaced ones in the order of steps, as MLflow's get-history-bulk-interval answers since 3.15. Buckets: the
 * axis is cut into equal stretches and each tells its first, last, lowest and highest value exactly, so that no peak is lost. */
#ifndef INGOT_CORE_TRACK_SAMPLE_H
#define INGOT_CORE_TRACK_SAMPLE_H

#include "core/track/series.h"

struct history_point {
    double value;
    int64_t time_ms, step;
};
struct sample_range {
    bool limited;        /* else all steps */
    int64_t first, last; /* both belong to it */
};
/* How many of `n` rows at most `max` rows stand for them, and which the i-th of these is (sample.c). */
static inline size_t sample_tiles(size_t n, size_t max)
{
    return n < max ? n : max;
}
static inline size_t sample_place(size_t n, size_t tiles, size_t i)
{
    size_t rest = n % tiles;
    return i + 1 == tiles ? n - 1 : i * (n / tiles) + (i < rest ? i : rest);
}
/* Positions in `s` of at most `max` (> 0) points of the range, in the order (step, time, value, NaN): the first of each of `max`
 * groups of equal size (the earlier ones one larger where that does not come out even), and the last point of all, in the
 * place of the last group's when there is no room. All points when there are no more than `max`.
 * `ret` has room for max. E_TOO_LARGE: no memory for the order of steps. Returns how many in *ret_len. */
MUST_USE enum err sample_rows(struct op *op, struct series *s, struct sample_range range, size_t max, size_t *ret, size_t *ret_len);

enum sample_axis { SAMPLE_STEP, SAMPLE_TIME, SAMPLE_RELATIVE }; /* step; ms since 1970; ms since the run's first point */
/* Whether a part of an axis can be shown: two finite numbers, the smaller one first, above 0 where it is logarithmic. E_INVALID the field "range". */
MUST_USE enum err sample_range_check(struct op *op, double from, double to, bool log);
struct sample_point {
    double x, y;
};
struct sample_bucket {
    size_t count, nan_count; /* points in it, and how many of them are NaN */
    double x;                /* of the first of them; the rest below is of those that are not NaN */
    struct sample_point first, last, min, max; /* first and last along the axis; of equal values the earlier one */
    double sum;
};
struct sample_buckets {
    enum sample_axis axis;
    double from, to;    /* of the axis */
    bool log;           /* equal stretches of log(x): from > 0 */
    size_t len;         /* > 0 */
};
/* A point's place on the axis. Exact to 2^53. */
double sample_x(const struct series *s, enum sample_axis axis, size_t i);
/* Smallest and largest place; false when there are no points (above 0, if `positive`). */
bool sample_extent(const struct series *s, enum sample_axis axis, bool positive, double *io_from, double *io_to);
/* Fills plan->len buckets; points outside are left out. E_TOO_LARGE as above. */
MUST_USE enum err sample_fill(struct op *op, struct series *s, const struct sample_buckets *plan, struct sample_bucket *ret);
/* Where bucket i begins; i == len: where the last one ends. */
double sample_edge(const struct sample_buckets *plan, size_t i);

#endif
