/* distinct.h - which rows repeat. Keeps a 128-bit fingerprint per row (keyed by random seeds, so two different values
 * share one with probability 2^-128 per pair, and nobody can choose such values) and compares at the end.
 * Heap memory, 16 bytes a row while reading. Not thread-safe. */
#ifndef INGOT_CORE_DATASET_DISTINCT_H
#define INGOT_CORE_DATASET_DISTINCT_H

#include "port/table.h"

struct distinct;

struct distinct *distinct_create(void);
void distinct_destroy(struct distinct *d); /* NULL is ignored */
/* Adds row `row` of the given columns; a null is a value of its own. False: no memory, or LIMIT_SUITE_UNIQUE_ROWS. */
MUST_USE bool distinct_add(struct distinct *d, const struct table_column *const *cols, size_t n, size_t row, uint64_t row_index);
struct distinct_result {
    uint64_t values;    /* different ones */
    uint64_t repeated;  /* rows whose value occurs more than once */
    uint64_t *indices;  /* row_index of the first `index_len` repeated rows, ascending */
    size_t index_len;
};
/* `indices` (up to `max`) lives in op's arena. E_TOO_LARGE: no memory. */
MUST_USE enum err distinct_finish(struct op *op, struct distinct *d, size_t max, struct distinct_result *ret);

/* The 64-bit hash of one cell with a seed; equal values of one column have equal hashes (-0.0 is 0.0). */
uint64_t distinct_hash_cell(const struct table_column *c, size_t row, uint64_t seed);

#endif
