/* tensor.h - tensors of the Open Inference Protocol in JSON: {name, shape, datatype, data}. Everything is checked before a
 * value is read: the shape against the data, the nesting against the shape, every value against the datatype.
 * Tensors and values live in op's arena or in the parsed body. Errors are E_INVALID with the tensor named. */
#ifndef INGOT_API_V2_TENSOR_H
#define INGOT_API_V2_TENSOR_H

#include "base/json.h"

#define TENSOR_RANK_MAX 8

enum tensor_type {
    TENSOR_BOOL, TENSOR_UINT8, TENSOR_UINT16, TENSOR_UINT32, TENSOR_UINT64, TENSOR_INT8, TENSOR_INT16, TENSOR_INT32, TENSOR_INT64,
    TENSOR_FP32, TENSOR_FP64, TENSOR_BYTES,
};
struct tensor {
    struct str name;
    enum tensor_type type;
    size_t rank;
    int64_t shape[TENSOR_RANK_MAX];
    size_t count;              /* product of the shape */
    const struct json *values; /* `count` scalars in row-major order */
};

/* `max_count` caps the values (E_TOO_LARGE). Binary tensors are E_UNSUPPORTED. */
MUST_USE enum err tensor_parse(struct op *op, const struct json *obj, size_t index, size_t max_count, struct tensor *ret);

/* All values; `out` has room for `count`. A bare NaN or null is NaN (missing). Not for BYTES. */
MUST_USE enum err tensor_f32(struct op *op, const struct tensor *t, float *out, size_t stride);
MUST_USE enum err tensor_f64(struct op *op, const struct tensor *t, double *out);
/* Integer types and BOOL only. */
MUST_USE enum err tensor_i64(struct op *op, const struct tensor *t, int64_t *out);
/* BYTES only: UTF-8 text. */
MUST_USE enum err tensor_str(struct op *op, const struct tensor *t, struct str *out);
const char *tensor_type_name(enum tensor_type t);
/* True for shapes [n] and [n, 1]; *ret_n. */
bool tensor_is_vector(const struct tensor *t, size_t *ret_n);

#endif
