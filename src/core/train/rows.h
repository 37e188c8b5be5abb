/* rows.h - a training frame in the form that learners and engines want: row-major float32, split by time.
 * Heap memory, ended by train_rows_destroy; nothing refers to the table engine afterwards. */
#ifndef INGOT_CORE_TRAIN_ROWS_H
#define INGOT_CORE_TRAIN_ROWS_H

#include "core/train/params.h"
#include "port/learner.h"
#include "port/table.h"

struct train_rows {
    struct arena *arena;     /* names and the segment dictionary */
    size_t rows, cols;
    float *x;                /* rows x cols; null and NaN = missing */
    float *y;                /* 0 or 1 */
    int64_t *id, *time_us;
    uint32_t *segment;       /* index into segments; NULL without a segment column */
    struct str *names;       /* `cols` of them */
    struct str *segments;
    size_t segment_len;
    size_t cap;
};
/* Reads the Parquet file's rows with from_us <= time < to_us, sorted by time (rows of one instant in file order). E_INVALID: a missing column, a null label
 * (the row is named), a label other than 0 or 1, a null time; E_TOO_LARGE above LIMIT_TRAIN_BYTES; E_NOT_FOUND.
 * With a transform in the params there are no features yet (cols 0): raw.h makes them.
 * `need_label` false: y stays NULL when the frame has no such column. */
MUST_USE enum err train_rows_load(struct op *op, struct table_engine *tables, struct str path,
                                  const struct train_params *params, int64_t from_us, int64_t to_us, bool need_label,
                                  struct train_rows **ret);
void train_rows_destroy(struct train_rows *r); /* NULL is ignored */
static inline void train_rows_auto(struct train_rows **r) { train_rows_destroy(*r); }
/* The rows with from_us <= time < to_us: a view that borrows from `r` and is not destroyed. */
struct train_rows train_rows_between(const struct train_rows *r, int64_t from_us, int64_t to_us);
struct learner_data train_rows_data(const struct train_rows *r);

#endif
