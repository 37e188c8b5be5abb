/* graph_combine.h - steps of a graph that are no model: they make one tensor of others. Private to core/serve.
 *
 *     mean          of equal shapes, "weights"; those that are not there are left out and the rest weighed anew
 *     median, min, max   likewise, without weights
 *     softmax_mean  [n, k] each: the mean, "weights", of the softmax of each row
 *     vote          what most say, "weights"; ties go to the first. Texts and whole numbers as they are; reals: [n, k] the place of the
 *                   largest, [n] or [n, 1] whether it is 0.5 or more: INT64
 *     sum           "weights", "bias": a line through what other models say; all must be there
 *     first         the first that is there
 *     concat        [n] or [n, k] each: all columns side by side, what a stacked model takes; all must be there
 *     slice         "columns": [from, to) of [n, k], or "column": one of them as [n]; negative ones count from the end
 *     cast          "datatype"
 *     rename        the same under another name
 *
 * Numbers of several inputs are computed in double and given as FP64 if one of them is that, else FP32. concat takes one type, or
 * numbers of several, made FP32 or FP64 likewise. NaN stays NaN.
 * Plain values; what is parsed lives in op's arena. Threads: any. */
#ifndef INGOT_CORE_SERVE_GRAPH_COMBINE_H
#define INGOT_CORE_SERVE_GRAPH_COMBINE_H

#include "base/json.h"
#include "port/tensor.h"

struct combine_kind;
struct graph_combine {
    const struct combine_kind *kind;
    const double *weights;       /* one per input, or NULL */
    double bias;
    size_t least;                /* of its inputs must be there; 1 if not said otherwise, all for some */
    enum tensor_type type;       /* cast */
    int64_t from, to;            /* slice; to INT64_MAX: to the end */
    bool one;                    /* slice: one column */
};
/* `step`: the JSON object of a step with a member "combine"; `inputs`: how many it has. E_INVALID; members that the operator does not know
 * are graph.c's affair: see combine_has_option. */
MUST_USE enum err combine_parse(struct op *op, const struct json *step, size_t inputs, struct graph_combine *ret);
bool combine_has_option(const struct graph_combine *c, struct str name);
/* What comes out when `in` go in. E_INVALID: they do not fit each other or the operator. */
MUST_USE enum err combine_spec(struct op *op, const struct graph_combine *c, const struct tensor_spec *in, size_t n, struct tensor_spec *ret);
/* Inputs that are not there have type TENSOR_TYPE_COUNT; at least `least` are. The answer lives in op's arena, or is an input. */
MUST_USE enum err combine_run(struct op *op, const struct graph_combine *c, const struct tensor *in, size_t n, struct str name, struct tensor *ret);
/* A tensor of numbers as another type of numbers; of the same type: itself. Fractions are cut off. E_INVALID: a value does not fit. */
MUST_USE enum err combine_cast(struct op *op, const struct tensor *in, enum tensor_type type, struct tensor *ret);

#endif
