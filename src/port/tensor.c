/* Half floats: IEEE 754-2008 binary16 and bfloat16 (the upper half of binary32). Conversion down rounds to the nearest, ties
 * to even; NaN stays NaN and keeps its upper payload bits, made quiet. */
#include "port/tensor.h"

#include <math.h>

static const struct {
    const char *name;
    size_t size;
} types[TENSOR_TYPE_COUNT] = {
    [TENSOR_BOOL] = {"BOOL", 1},     [TENSOR_UINT8] = {"UINT8", 1}, [TENSOR_UINT16] = {"UINT16", 2}, [TENSOR_UINT32] = {"UINT32", 4},
    [TENSOR_UINT64] = {"UINT64", 8}, [TENSOR_INT8] = {"INT8", 1},   [TENSOR_INT16] = {"INT16", 2},   [TENSOR_INT32] = {"INT32", 4},
    [TENSOR_INT64] = {"INT64", 8},   [TENSOR_FP16] = {"FP16", 2},   [TENSOR_BF16] = {"BF16", 2},     [TENSOR_FP32] = {"FP32", 4},
    [TENSOR_FP64] = {"FP64", 8},     [TENSOR_BYTES] = {"BYTES", 0},
};

const char *tensor_type_name(enum tensor_type t)
{
    return types[t].name;
}

bool tensor_type_parse(struct str name, enum tensor_type *ret)
{
    for (size_t i = 0; i < TENSOR_TYPE_COUNT; i++) {
        if (str_eqc(name, types[i].name)) {
            *ret = (enum tensor_type)i;
            return true;
        }
    }
    return false;
}

size_t tensor_type_size(enum tensor_type t)
{
    return types[t].size;
}

bool tensor_count(const int64_t *shape, uint32_t rank, size_t max, size_t *ret)
{
    size_t n = 1;
    bool zero = false;
    for (uint32_t i = 0; i < rank; i++) {
        if (shape[i] < 0)
            return false;
        zero = zero || !shape[i];
        if (shape[i] && n > max / (uint64_t)shape[i])
            return false;
        n *= shape[i] ? (size_t)shape[i] : 1;
    }
    *ret = zero ? 0 : n;
    return true;
}

bool tensor_is_vector(const struct tensor *t, size_t *ret_n)
{
    if (t->rank != 1 && !(t->rank == 2 && t->shape[1] == 1))
        return false;
    *ret_n = (size_t)t->shape[0];
    return true;
}

enum err tensor_align(struct op *op, struct tensor *t)
{
    size_t size = tensor_type_size(t->type);
    if (!size || !t->count || (uintptr_t)t->data % size == 0)
        return OK;
    char *copy = arena_try_alloc(op->arena, t->count, size);
    if (!copy)
        return op_fail(op, E_TOO_LARGE, "no memory for tensor \"%.*s\" of %zu values", STR_FMT(t->name), t->count);
    memcpy(copy, t->data, t->count * size);
    t->data = copy;
    return OK;
}

static void *bytes_copy(struct arena *a, const void *p, size_t n)
{
    char *to = arena_array(a, n + 1, char);
    if (to && n)
        memcpy(to, p, n);
    return to;
}

bool tensor_own(struct arena *a, struct tensor *t)
{
    if (t->type == TENSOR_TYPE_COUNT)
        return true;
    const size_t size = tensor_type_size(t->type);
    if (size)
        return (t->data = bytes_copy(a, t->data, t->count * size)) != NULL;
    struct str *texts = arena_array(a, t->count + 1, struct str);
    for (size_t i = 0; texts && i < t->count; i++) {
        texts[i] = (struct str){bytes_copy(a, t->texts[i].p, t->texts[i].len), t->texts[i].len};
        if (!texts[i].p)
            return false;
    }
    t->texts = texts;
    return texts != NULL;
}

float tensor_from_fp16(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = (h >> 10) & 0x1fu, fraction = h & 0x3ffu, bits;
    if (exponent == 0x1f) {
        bits = sign | 0x7f800000u | fraction << 13;
    } else if (exponent) {
        bits = sign | (exponent + 112) << 23 | fraction << 13;
    } else { /* zero or subnormal: fraction * 2^-24, exact in binary32 */
        float f = (float)fraction * 0x1p-24f;
        memcpy(&bits, &f, sizeof(bits));
        bits |= sign;
    }
    float f;
    memcpy(&f, &bits, sizeof(f));
    return f;
}

uint16_t tensor_to_fp16(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof(bits));
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000u);
    uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu));
    if (magnitude >= 0x477ff000u) /* 65520 and more round to infinity */
        return (uint16_t)(sign | 0x7c00u);
    if (magnitude < 0x38800000u) { /* below 2^-14: subnormal, rounded in units of 2^-24 */
        float scaled = fabsf(f) * 0x1p24f;
        return (uint16_t)(sign | (uint16_t)rintf(scaled));
    }
    magnitude += 0xfffu + (magnitude >> 13 & 1u);
    return (uint16_t)(sign | (magnitude - 0x38000000u) >> 13);
}

float tensor_from_bf16(uint16_t h)
{
    uint32_t bits = (uint32_t)h << 16;
    float f;
    memcpy(&f, &bits, sizeof(f));
    return f;
}

uint16_t tensor_to_bf16(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof(bits));
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

static enum err no_number(struct op *op, const struct tensor *t, const char *what)
{
    return op_fail(op, E_INVALID, "tensor \"%.*s\" is %s, not %s", STR_FMT(t->name), types[t->type].name, what);
}

/* Reads element i of a C type from data that may lie unaligned. */
#define READ(ctype, i) \
    ({ \
        ctype v_; \
        memcpy(&v_, (const char *)t->data + (i) * sizeof(ctype), sizeof(ctype)); \
        v_; \
    })
#define EACH(ctype, convert) \
    for (size_t i = 0; i < t->count; i++) { \
        ctype v = READ(ctype, i); \
        out[i * stride] = (convert); \
    } \
    return OK

enum err tensor_to_f32(struct op *op, const struct tensor *t, float *out, size_t stride)
{
    switch (t->type) {
    case TENSOR_BOOL: EACH(uint8_t, (float)(v != 0));
    case TENSOR_UINT8: EACH(uint8_t, (float)v);
    case TENSOR_UINT16: EACH(uint16_t, (float)v);
    case TENSOR_UINT32: EACH(uint32_t, (float)v);
    case TENSOR_UINT64: EACH(uint64_t, (float)v);
    case TENSOR_INT8: EACH(int8_t, (float)v);
    case TENSOR_INT16: EACH(int16_t, (float)v);
    case TENSOR_INT32: EACH(int32_t, (float)v);
    case TENSOR_INT64: EACH(int64_t, (float)v);
    case TENSOR_FP16: EACH(uint16_t, tensor_from_fp16(v));
    case TENSOR_BF16: EACH(uint16_t, tensor_from_bf16(v));
    case TENSOR_FP32: EACH(float, v);
    case TENSOR_FP64: EACH(double, (float)v);
    case TENSOR_BYTES:
    case TENSOR_TYPE_COUNT: break;
    }
    return no_number(op, t, "numbers");
}

enum err tensor_to_f64(struct op *op, const struct tensor *t, double *out, size_t stride)
{
    switch (t->type) {
    case TENSOR_BOOL: EACH(uint8_t, (double)(v != 0));
    case TENSOR_UINT8: EACH(uint8_t, (double)v);
    case TENSOR_UINT16: EACH(uint16_t, (double)v);
    case TENSOR_UINT32: EACH(uint32_t, (double)v);
    case TENSOR_UINT64: EACH(uint64_t, (double)v);
    case TENSOR_INT8: EACH(int8_t, (double)v);
    case TENSOR_INT16: EACH(int16_t, (double)v);
    case TENSOR_INT32: EACH(int32_t, (double)v);
    case TENSOR_INT64: EACH(int64_t, (double)v);
    case TENSOR_FP16: EACH(uint16_t, (double)tensor_from_fp16(v));
    case TENSOR_BF16: EACH(uint16_t, (double)tensor_from_bf16(v));
    case TENSOR_FP32: EACH(float, (double)v);
    case TENSOR_FP64: EACH(double, v);
    case TENSOR_BYTES:
    case TENSOR_TYPE_COUNT: break;
    }
    return no_number(op, t, "numbers");
}

enum err tensor_to_i64(struct op *op, const struct tensor *t, int64_t *out)
{
    const size_t stride = 1;
    switch (t->type) {
    case TENSOR_BOOL: EACH(uint8_t, v != 0);
    case TENSOR_UINT8: EACH(uint8_t, v);
    case TENSOR_UINT16: EACH(uint16_t, v);
    case TENSOR_UINT32: EACH(uint32_t, v);
    case TENSOR_INT8: EACH(int8_t, v);
    case TENSOR_INT16: EACH(int16_t, v);
    case TENSOR_INT32: EACH(int32_t, v);
    case TENSOR_INT64: EACH(int64_t, v);
    case TENSOR_UINT64:
        for (size_t i = 0; i < t->count; i++) {
            uint64_t v = READ(uint64_t, i);
            if (v > INT64_MAX)
                return op_fail(op, E_INVALID, "tensor \"%.*s\": value %zu is above the range of INT64", STR_FMT(t->name), i);
            out[i] = (int64_t)v;
        }
        return OK;
    case TENSOR_FP16:
    case TENSOR_BF16:
    case TENSOR_FP32:
    case TENSOR_FP64:
    case TENSOR_BYTES:
    case TENSOR_TYPE_COUNT: break;
    }
    return no_number(op, t, "whole numbers");
}
