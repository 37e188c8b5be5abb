/* kinds.h - the two tables of expectations and what they share. Internal to core/dataset. */
#ifndef INGOT_CORE_DATASET_KINDS_H
#define INGOT_CORE_DATASET_KINDS_H

#include "core/dataset/expect.h"

/* Row by row (rows.c), and over whole columns or the table (whole.c); each ended by name NULL. */
extern const struct expect_kind expect_row_kinds[];
extern const struct expect_kind expect_whole_kinds[];

#define EXPECT_RANGE "min_value,max_value,strict_min,strict_max"

enum err expect_param_fail(struct op *op, const struct expectation *x, const char *key, const char *what);
/* min_value and max_value for a column of `type`; one of them is needed. */
enum err expect_bind_range(struct op *op, struct expectation *x, enum table_type type);
bool expect_range_holds(const struct expectation *x, long double v);
/* x->values = the list under `key`, which is not empty. */
enum err expect_want_list(struct op *op, struct expectation *x, const char *key);
/* Is the row left out because of its nulls? */
bool expect_skip_row(const struct expectation *x, const struct table_column *const *cols, size_t row);
/* Takes the rows into x->distinct. */
enum err expect_chunk_unique(struct op *op, struct expectation *x, const struct table_column *const *cols, size_t rows, uint64_t first_row);

/* Cells. NaN is missing, as null is. expect_cell_number is not for strings. */
bool expect_is_real(enum table_type t);
bool expect_cell_missing(const struct table_column *c, size_t row);
long double expect_cell_number(const struct table_column *c, size_t row);
static inline struct str expect_cell_str(const struct table_column *c, size_t row)
{
    return ((const struct str *)c->data)[row];
}

#endif
