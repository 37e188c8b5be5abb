/* order.h - rows that lie in several arrays, put into the order of their times; rows of one time stay as they stood.
 * Threads: none of it is shared. */
#ifndef INGOT_CORE_TRAIN_ORDER_H
#define INGOT_CORE_TRAIN_ORDER_H

#include "base/op.h"

/* *ret: which row comes at each place, to be freed by the caller; NULL: they stand so already. E_TOO_LARGE: no memory. */
MUST_USE enum err train_order_make(struct op *op, const int64_t *time_us, size_t rows, size_t **ret);
/* Replaces an array from malloc, of `rows` items of `size` bytes, by one in that order. False: no memory, and nothing is changed. */
MUST_USE bool train_order_apply(void **array, size_t size, const size_t *order, size_t rows);

#endif
