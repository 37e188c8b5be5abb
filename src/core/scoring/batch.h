/* batch.h - the rows of one chunk in memory: filled from a scan, shown as the tensors that the model takes.
 * Owned by the job, used by one thread at a time, filled again and again. */
#ifndef INGOT_CORE_SCORING_BATCH_H
#define INGOT_CORE_SCORING_BATCH_H

#include "core/scoring/bind.h"
#include "core/scoring/plan.h"

struct scoring_column {
    enum table_type type;
    void *data;              /* as table_column has it; texts lie in `texts` */
    uint64_t *valid;
    uint64_t nulls;          /* how many */
};
struct scoring_batch {
    struct scoring_chunk chunk;
    const struct scoring_binding *binding;
    struct scoring_column *cols; /* one per field of the binding */
    size_t rows, capacity;
    struct arena *texts;
    struct scoring_batch *next; /* in the job's lists */
};

/* Room for `rows` rows. NULL: no memory. */
struct scoring_batch *scoring_batch_create(const struct scoring_binding *b, size_t rows);
void scoring_batch_destroy(struct scoring_batch *b); /* NULL is ignored */
/* Empty, for this chunk; the binding may be of another file, with the same types. */
void scoring_batch_reset(struct scoring_batch *b, const struct scoring_binding *binding, const struct scoring_chunk *chunk);
/* Appends rows from..from + n - 1 of a chunk of the scan. E_TOO_LARGE: its texts. */
MUST_USE enum err scoring_batch_add(struct op *op, struct scoring_batch *b, const struct table_chunk *in, size_t from, size_t n);
/* The model's inputs, in op's arena or as views of the batch. E_INVALID names the column and the row of the file: a null that the type
 * has no room for, an integer out of range. */
MUST_USE enum err scoring_batch_tensors(struct op *op, const struct scoring_batch *b, struct str file, struct tensor **ret, size_t *ret_count);

#endif
