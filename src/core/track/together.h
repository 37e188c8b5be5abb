/* together.h - runs of a group put together stretch by stretch of one common axis: the mean of their means, its spread between them, their number.
 * For compare.h and crowd.h. Pure but for the columns of the line, which are in op's arena. */
#ifndef INGOT_CORE_TRACK_TOGETHER_H
#define INGOT_CORE_TRACK_TOGETHER_H

#include "core/track/compare.h"
#include "num/sequential.h"

/* What the runs of a group say about one stretch. All zero: nothing yet. */
struct together {
    struct moments moments;
    double x, min, max;
    bool seen; /* maybe only NaN */
};

/* Of the points that are not NaN; NaN without one. */
double together_mean(const struct sample_bucket *b);
/* Adds a run's n stretches. */
void together_add(struct together *sums, const struct sample_bucket *buckets, size_t n);
/* Room for n values per column of a run's line or a group's; false for want of memory. */
MUST_USE bool together_columns(struct op *op, struct compare_line *line, size_t n, bool group);
/* Fills the columns of a group's line but `smooth`; false for want of memory. */
MUST_USE bool together_line(struct op *op, const struct together *sums, size_t n, struct compare_line *line);

#endif
