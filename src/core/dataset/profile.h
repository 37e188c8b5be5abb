/* profile.h - what the columns of a data file look like: nulls, range, moments, different values, the most frequent
 * ones, quantiles. One pass. Exact but for two things that are named in the result: `distinct` stops counting at
 * LIMIT_PROFILE_DISTINCT, and quantiles come from a sample of PROFILE_SAMPLE values (a fixed seed: the same file gives the
 * same profile). Of a long text the first 256 bytes are shown. Everything lives in op's arena. */
#ifndef INGOT_CORE_DATASET_PROFILE_H
#define INGOT_CORE_DATASET_PROFILE_H

#include "base/json.h"
#include "port/table.h"

#define PROFILE_SAMPLE 100000
#define PROFILE_QUANTILES 7
#define PROFILE_TOP 10

struct profile_top {
    struct str text; /* the value as JSON */
    uint64_t count;
};
struct profile_column {
    struct str name;
    enum table_type type;
    uint64_t nulls;
    uint64_t distinct;
    bool distinct_capped; /* there are more */
    struct str min, max;  /* JSON; "null" when there is no value */
    double mean, stdev;   /* numbers only; NaN when there is none */
    double quantiles[PROFILE_QUANTILES]; /* numbers and timestamps; at profile_levels */
    struct profile_top top[PROFILE_TOP]; /* by count, then value; empty when distinct_capped */
    size_t top_len;
};
struct profile {
    uint64_t rows;
    struct profile_column *columns;
    size_t len;
};
extern const double profile_levels[PROFILE_QUANTILES]; /* 0.01 .. 0.99 */

MUST_USE enum err profile_run(struct op *op, struct table_engine *tables, struct str path, struct profile **ret);
void profile_write(const struct profile *p, struct json_out *w);

#endif
