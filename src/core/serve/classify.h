/* classify.h - the classification extension: the largest values of an output's last axis, as texts. Private to core/serve. */
#ifndef INGOT_CORE_SERVE_CLASSIFY_H
#define INGOT_CORE_SERVE_CLASSIFY_H

#include "port/tensor.h"

/* *t becomes BYTES of shape [..., min(n, classes)], each "value:index" or "value:index:label", largest first and of equal ones the
 * first in the axis; NaN comes last. A tensor of rank 1 is one value per row. E_INVALID: the output is BYTES. op's arena. */
MUST_USE enum err classify(struct op *op, struct tensor *t, const struct str *labels, size_t label_count, size_t n);
/* The places of the `n` largest of `len` keys, largest first, of equal ones the first. Returns how many comparisons it took, for tests: at most
 * len + 2 (len + n) log2(n + 1). */
size_t classify_largest(const uint64_t *keys, size_t len, size_t n, size_t *ret);

#endif
