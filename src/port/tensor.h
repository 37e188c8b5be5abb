/* tensor.h - a typed array with a name: what models take and give, whatever the dialect or the engine.
 * Values lie row major, without gaps, little endian, as the Open Inference Protocol's binary form has them; texts are views.
 * A tensor owns nothing: its name, data and texts are borrowed from a request, an arena or a model. Data need not be
 * aligned when it comes from the wire; tensor_align() makes it so. Plain values: no threads, no locks. */
#ifndef INGOT_PORT_TENSOR_H
#define INGOT_PORT_TENSOR_H

#include "base/limits.h"
#include "base/op.h"

enum tensor_type {
    TENSOR_BOOL, TENSOR_UINT8, TENSOR_UINT16, TENSOR_UINT32, TENSOR_UINT64, TENSOR_INT8, TENSOR_INT16, TENSOR_INT32, TENSOR_INT64,
    TENSOR_FP16, TENSOR_BF16, TENSOR_FP32, TENSOR_FP64, TENSOR_BYTES, TENSOR_TYPE_COUNT,
};
struct tensor {
    struct str name;
    enum tensor_type type;
    uint32_t rank;                       /* 0: a scalar */
    int64_t shape[LIMIT_TENSOR_RANK];
    size_t count;                        /* product of the shape */
    const void *data;                    /* count * tensor_type_size bytes; NULL for BYTES */
    const struct str *texts;             /* BYTES only: `count` of them */
};
/* What a model says of one of its tensors. */
struct tensor_spec {
    struct str name;
    enum tensor_type type;
    uint32_t rank;
    int64_t shape[LIMIT_TENSOR_RANK];    /* -1: any */
    bool optional;                       /* an input that may be left out */
    const struct str *labels;            /* of the last axis, for classification; NULL: none */
    size_t label_count;
};

/* "FP32" and so on: the protocol's names. */
const char *tensor_type_name(enum tensor_type t);
MUST_USE bool tensor_type_parse(struct str name, enum tensor_type *ret);
/* Bytes of one value; 0 for BYTES. */
size_t tensor_type_size(enum tensor_type t);
/* The product of the shape. False: a negative length, or more than `max`. */
MUST_USE bool tensor_count(const int64_t *shape, uint32_t rank, size_t max, size_t *ret);
/* True for shapes [n] and [n, 1]; *ret_n. */
bool tensor_is_vector(const struct tensor *t, size_t *ret_n);
/* The same tensor with data that is aligned for its type: itself, or a copy in op's arena. */
MUST_USE enum err tensor_align(struct op *op, struct tensor *t);

/* Makes values and texts t's own, in `a`; the name stays borrowed. False: no memory. One of type TENSOR_TYPE_COUNT stays as it is. */
MUST_USE bool tensor_own(struct arena *a, struct tensor *t);

/* All values as another type; `out` has room for `count`, written at 0, stride, 2 * stride ... E_INVALID names the tensor:
 * BYTES; for i64 also floats and a UINT64 above INT64_MAX. FP64 and 64-bit integers are rounded to the nearest. */
MUST_USE enum err tensor_to_f32(struct op *op, const struct tensor *t, float *out, size_t stride);
MUST_USE enum err tensor_to_f64(struct op *op, const struct tensor *t, double *out, size_t stride);
MUST_USE enum err tensor_to_i64(struct op *op, const struct tensor *t, int64_t *out);
/* IEEE 754 binary16 and bfloat16, exact; back: to the nearest, ties to even. */
float tensor_from_fp16(uint16_t h);
uint16_t tensor_to_fp16(float f);
float tensor_from_bf16(uint16_t h);
uint16_t tensor_to_bf16(float f);

#endif
