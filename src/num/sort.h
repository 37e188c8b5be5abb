/* sort.h - ascending sort of doubles by radix (about 4 times qsort's speed on a million values).
 * -0.0 sorts before 0.0; NaN sorts last (or first when its sign bit is set): callers drop NaN before.
 * Scratch memory comes from the heap; there is no failure but running out of it, which aborts. Thread-safe. */
#ifndef INGOT_NUM_SORT_H
#define INGOT_NUM_SORT_H

#include "base/cc.h"

/* n <= LIMIT_NUM_SAMPLE (asserted). */
void sort_f64(double *x, size_t n);
/* calloc that aborts; the scratch memory of this folder. `count` is bounded like n above. free() it. */
void *num_scratch(size_t count, size_t size) __attribute__((malloc, returns_nonnull));

#endif
