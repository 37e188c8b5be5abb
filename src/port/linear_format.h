/* linear_format.h - linear models as JSON text, "ingot-linear": the contract between learners, which write it, and the engine,
 * which reads it; either can be built without the other.
 *     z = bias + sum_j weight_j * (x_j - mean_j) / scale_j        (a missing x_j adds nothing)
 *     score = 1 / (1 + exp(-z))
 * Pure; any thread may call. */
#ifndef INGOT_PORT_LINEAR_FORMAT_H
#define INGOT_PORT_LINEAR_FORMAT_H

#include "base/buf.h"
#include "base/op.h"

struct linear_weights {
    size_t features;
    const struct str *names;
    const double *mean, *scale, *weight; /* `features` of each; scale > 0 */
    double bias;
};

/* Appends the file's text. All numbers must be finite (asserted). */
void linear_format(const struct linear_weights *w, struct buf *out);
/* True for bytes that begin as the format does. */
bool linear_accepts(struct str bytes);
/* Copies into `arena`. E_INVALID with the member named; E_TOO_LARGE above LIMIT_LINEAR_FEATURES. */
MUST_USE enum err linear_parse(struct op *op, struct arena *arena, struct str bytes, struct linear_weights *ret);

#endif
