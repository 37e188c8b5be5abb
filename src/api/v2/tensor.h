/* tensor.h - tensors of the Open Inference Protocol in JSON: {name, shape, datatype, data}. Everything is checked before a
 * value is read: the shape against the data, the nesting against the shape, every value against the datatype.
 * Tensors and values live in op's arena or in the parsed body. Errors are E_INVALID with the tensor named. */
#ifndef INGOT_API_V2_TENSOR_H
#define INGOT_API_V2_TENSOR_H

#include "base/json.h"
#include "port/tensor.h"

struct v2_tensor {
    struct str name;
    enum tensor_type type;
    size_t rank;
    int64_t shape[LIMIT_TENSOR_RANK];
    size_t count;              /* product of the shape */
    const struct json *values; /* `count` scalars in row-major order */
};

/* `max_count` caps the values (E_TOO_LARGE). Binary tensors are E_UNSUPPORTED. */
MUST_USE enum err v2_tensor_parse(struct op *op, const struct json *obj, size_t index, size_t max_count, struct v2_tensor *ret);

/* All values; `out` has room for `count`. A bare NaN or null is NaN (missing). Not for BYTES. */
MUST_USE enum err v2_tensor_f32(struct op *op, const struct v2_tensor *t, float *out, size_t stride);
MUST_USE enum err v2_tensor_f64(struct op *op, const struct v2_tensor *t, double *out);
/* Integer types and BOOL only. */
MUST_USE enum err v2_tensor_i64(struct op *op, const struct v2_tensor *t, int64_t *out);
/* BYTES only: UTF-8 text. */
MUST_USE enum err v2_tensor_str(struct op *op, const struct v2_tensor *t, struct str *out);
/* True for shapes [n] and [n, 1]; *ret_n. */
bool v2_tensor_is_vector(const struct v2_tensor *t, size_t *ret_n);

#endif
