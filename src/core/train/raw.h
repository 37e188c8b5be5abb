/* raw.h - the columns of a training frame as they are, numbers and texts, and the matrix that a transform (core/chain) makes of them.
 * The rows are those of train_rows_load() with the same arguments, in the same order. Heap memory. */
#ifndef INGOT_CORE_TRAIN_RAW_H
#define INGOT_CORE_TRAIN_RAW_H

#include "core/chain/transform_fit.h"
#include "core/train/rows.h"

struct train_raw {
    struct arena *arena;     /* names and texts */
    size_t rows, len, cap;
    struct str *names;       /* `len` of them, as they were asked for */
    double **numbers;        /* per column; NULL: texts */
    struct str **texts;      /* per column; NULL: numbers */
    int64_t *time_us;
};
/* Numbers, booleans and texts are read; a null is NaN or "". E_INVALID: a column is not there or of another type; E_TOO_LARGE above
 * LIMIT_TRAIN_BYTES. */
MUST_USE enum err train_raw_load(struct op *op, struct table_engine *tables, struct str path, const struct train_params *params,
                                 const struct str *names, size_t n, int64_t from_us, int64_t to_us, struct train_raw **ret);
void train_raw_destroy(struct train_raw *r); /* NULL is ignored */
static inline void train_raw_auto(struct train_raw **r) { train_raw_destroy(*r); }

/* Fits the plan of the params on the rows before fit_end, and makes the matrix of all `rows` (of [from_us, to_us), loaded without features). */
MUST_USE enum err train_transform_fit(struct op *op, struct table_engine *tables, struct str path, const struct train_params *params,
                                      struct train_rows *rows, int64_t from_us, int64_t to_us, struct transform **ret);
/* Makes the matrix of `rows` by a transform that was fitted before. */
MUST_USE enum err train_transform_apply(struct op *op, struct table_engine *tables, struct str path, const struct train_params *params,
                                        const struct transform *t, struct train_rows *rows, int64_t from_us, int64_t to_us);

#endif
