/* frame.h - tensors from what has rows and columns but no types: lists of objects, rows under column names, objects of lists, bare nested
 * lists, cells of CSV. V1, TensorFlow Serving and MLflow's scoring all speak like that.
 *
 * Types come from the endpoint's signature where it knows the name; features of row models are FP64; other columns (entities, ids, times)
 * take the type that their values have: texts are BYTES, whole numbers INT64, booleans BOOL, all else FP64, null is NaN.
 * E_INVALID names the column. Everything lives in op's arena or in the parsed document. No threads. */
#ifndef INGOT_API_FRAME_H
#define INGOT_API_FRAME_H

#include "api/values.h"
#include "core/serve/infer.h"

struct frame_want {
    const struct serve_info *info;
    const struct infer_signature *sig;
    unsigned flags;          /* enum values_flags */
    bool drop_unknown;       /* columns that the endpoint does not know are left out, as MLflow's schemas do */
    bool fill_missing;       /* a row without a column has a null there */
};
struct frame_tensors {
    struct tensor *p;
    size_t len;
    size_t rows;             /* length of the first axis */
};

struct frame {
    size_t rows, cols;
    const struct str *names; /* `cols` of them, or NULL */
    struct json (*cell)(const struct frame *f, size_t row, size_t col);
    const void *data;
};
/* A list of objects with the same members. */
MUST_USE enum err frame_of_records(struct op *op, const struct frame_want *want, const struct json *list, struct frame *ret);
/* `columns` NULL or a list of texts, or of numbers, which are no names; `data` a list of lists. */
MUST_USE enum err frame_of_rows(struct op *op, const struct json *columns, const struct json *data, struct frame *ret);

/* One tensor per column, or the one matrix that the model takes when the columns are its features in order (or have no names). */
MUST_USE enum err frame_tensors(struct op *op, const struct frame_want *want, const struct frame *f, struct frame_tensors *ret);
/* One nested list, for the model's only input. `rows_only`: its first axis is rows, whatever its rank (a list of n numbers is n rows). */
MUST_USE enum err frame_tensor_of_list(struct op *op, const struct frame_want *want, const struct json *list, bool rows_only, struct frame_tensors *ret);
/* {name: nested list}. */
MUST_USE enum err frame_tensors_of_object(struct op *op, const struct frame_want *want, const struct json *obj, struct frame_tensors *ret);

#endif
