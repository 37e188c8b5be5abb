/* transform_fit.h - makes a transform from a plan and the rows that a model is fitted on.
 *
 *     {"columns": [{"column": "age", "steps": [{"kind": "impute", "strategy": "median", "indicator": true}, {"kind": "scale", "method": "standard"}]},
 *                  {"columns": ["city", "job"], "steps": [{"kind": "onehot", "min_frequency": 10}]}, ...]}      "columns": the same for each
 *     impute     strategy mean, median, most_frequent, constant (value); indicator
 *     scale      method standard (mean, population deviation), minmax (to 0..1), robust (median, quartile distance), maxabs
 *     clip       min, max
 *     log1p
 *     bucketize  method uniform, quantile; buckets (5); or edges; onehot
 *     onehot     unknown ignore (the default), error, infrequent; min_frequency: a number of rows, or below 1 a share; max_categories, rare ones counted as one
 *     ordinal    unknown error (the default), value (unknown_value, absent: NaN)
 *     target     smooth "auto" (the default) or a number; needs labels. Rows see their own label: fine for many rows per category, a leak for few
 *     hash       buckets; signs
 * Each step is fitted on what the steps before it make. Missing values take no part in fitting. */
#ifndef INGOT_CORE_CHAIN_TRANSFORM_FIT_H
#define INGOT_CORE_CHAIN_TRANSFORM_FIT_H

#include "base/json.h"
#include "core/chain/transform.h"

/* One column of the rows: numbers (NaN = missing) or texts (empty = missing). Borrowed. */
struct transform_source {
    struct str name;
    const double *numbers;
    const struct str *texts;
};
/* The distinct names that a plan reads, in op's arena. E_INVALID: the plan's outer form. */
MUST_USE enum err transform_plan_names(struct op *op, const struct json *plan, struct str **ret, size_t *ret_len);
/* `labels` (0 or 1, or any numbers; NULL: none) has `rows` values. In op's arena; texts are copied. E_INVALID: the plan, or values it cannot be
 * fitted on; E_TOO_LARGE. */
MUST_USE enum err transform_fit(struct op *op, const struct json *plan, const struct transform_source *sources, size_t source_count, size_t rows,
                                const float *labels, struct transform **ret);

#endif
