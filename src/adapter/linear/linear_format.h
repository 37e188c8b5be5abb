/* linear_format.h - linear models as JSON text, "ingot-linear": what training writes and the engine reads. */
#ifndef INGOT_ADAPTER_LINEAR_LINEAR_FORMAT_H
#define INGOT_ADAPTER_LINEAR_LINEAR_FORMAT_H

#include "base/buf.h"
#include "base/op.h"

/* See linear.h for what the numbers mean. */
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
