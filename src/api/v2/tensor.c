/* Data may be flat or nested ("row major" either way). Nested data is walked with an explicit stack as deep as the
 * shape's rank, so what a peer nests decides nothing about our stack. A matrix of one row, the common case, is used in
 * place; other nested data is copied into one flat array. */
#include "api/v2/tensor.h"

#include <float.h>
#include <math.h>

static const struct {
    const char *name;
    int64_t min, max;       /* of integers */
    bool integer;
} types[] = {
    [TENSOR_BOOL] = {"BOOL", 0, 1, true},
    [TENSOR_UINT8] = {"UINT8", 0, UINT8_MAX, true},
    [TENSOR_UINT16] = {"UINT16", 0, UINT16_MAX, true},
    [TENSOR_UINT32] = {"UINT32", 0, UINT32_MAX, true},
    [TENSOR_UINT64] = {"UINT64", 0, INT64_MAX, true}, /* above int64 no value of ours reaches */
    [TENSOR_INT8] = {"INT8", INT8_MIN, INT8_MAX, true},
    [TENSOR_INT16] = {"INT16", INT16_MIN, INT16_MAX, true},
    [TENSOR_INT32] = {"INT32", INT32_MIN, INT32_MAX, true},
    [TENSOR_INT64] = {"INT64", INT64_MIN, INT64_MAX, true},
    [TENSOR_FP32] = {"FP32", 0, 0, false},
    [TENSOR_FP64] = {"FP64", 0, 0, false},
    [TENSOR_BYTES] = {"BYTES", 0, 0, false},
};

static bool is_scalar(const struct json *j)
{
    return j->type != JSON_ARRAY && j->type != JSON_OBJECT;
}

static enum err head_parse(struct op *op, const struct json *obj, size_t index, struct v2_tensor *t)
{
    struct str type;
    if (obj->type != JSON_OBJECT)
        return op_fail(op, E_INVALID, "inputs[%zu] is a %s, not an object", index, json_type_name(obj->type));
    const struct json *name = json_get(obj, "name"), *datatype = json_get(obj, "datatype");
    if (!name || name->type != JSON_STRING || !name->s.len)
        return op_fail(op, E_INVALID, "inputs[%zu] has no name", index);
    t->name = name->s;
    if (!datatype || datatype->type != JSON_STRING)
        return op_fail(op, E_INVALID, "input \"%.*s\" has no datatype", STR_FMT(t->name));
    type = datatype->s;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (types[i].name && str_eqc(type, types[i].name)) {
            t->type = (enum tensor_type)i;
            return OK;
        }
    }
    if (str_eqc(type, "FP16") || str_eqc(type, "BF16"))
        return op_fail(op, E_INVALID, "input \"%.*s\": %.*s has no form in JSON", STR_FMT(t->name), STR_FMT(type));
    return op_fail(op, E_INVALID, "input \"%.*s\": \"%.*s\" is no datatype", STR_FMT(t->name), STR_FMT(type));
}

static enum err shape_parse(struct op *op, const struct json *obj, size_t max_count, struct v2_tensor *t)
{
    const struct json *shape = json_get(obj, "shape");
    if (!shape || shape->type != JSON_ARRAY || !shape->len || shape->len > LIMIT_TENSOR_RANK)
        return op_fail(op, E_INVALID, "input \"%.*s\": shape is not a list of 1 to %d numbers", STR_FMT(t->name), LIMIT_TENSOR_RANK);
    t->rank = shape->len;
    t->count = 1;
    for (size_t i = 0; i < t->rank; i++) {
        if (!json_as_i64(&shape->items[i], &t->shape[i]) || t->shape[i] < 0)
            return op_fail(op, E_INVALID, "input \"%.*s\": shape[%zu] is not a whole number of 0 or more", STR_FMT(t->name), i);
        if (t->shape[i] && t->count > max_count / (uint64_t)t->shape[i])
            return op_fail(op, E_TOO_LARGE, "input \"%.*s\" has more than %zu values", STR_FMT(t->name), max_count);
        t->count *= (size_t)t->shape[i];
    }
    return OK;
}

/* Walks nested data along the shape and collects the scalars. */
static enum err nested_flatten(struct op *op, const struct json *data, struct v2_tensor *t)
{
    struct {
        const struct json *array;
        uint32_t at;
    } stack[LIMIT_TENSOR_RANK];
    struct json *flat = arena_array(op->arena, t->count ? t->count : 1, struct json);
    size_t depth = 0, n = 0;
    if (!flat)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu values", t->count);
    stack[0].array = data;
    stack[0].at = 0;
    for (;;) {
        const struct json *a = stack[depth].array;
        if (stack[depth].at == 0 && a->len != (uint64_t)t->shape[depth])
            return op_fail(op, E_INVALID, "input \"%.*s\": an array at depth %zu has %u items, the shape says %lld", STR_FMT(t->name), depth, a->len,
                           (long long)t->shape[depth]);
        if (stack[depth].at == a->len) {
            if (depth-- == 0)
                break;
            continue;
        }
        const struct json *item = &a->items[stack[depth].at++];
        bool last = depth + 1 == t->rank;
        if (last ? !is_scalar(item) : item->type != JSON_ARRAY)
            return op_fail(op, E_INVALID, "input \"%.*s\": the data is not nested as its shape of rank %zu says", STR_FMT(t->name), t->rank);
        if (last) {
            flat[n++] = *item;
        } else {
            stack[++depth].array = item;
            stack[depth].at = 0;
        }
    }
    t->values = flat; /* n == count: every level had the shape's length */
    return OK;
}

static enum err data_parse(struct op *op, const struct json *obj, struct v2_tensor *t)
{
    const struct json *data = json_get(obj, "data");
    if (!data || data->type != JSON_ARRAY)
        return op_fail(op, E_INVALID, "input \"%.*s\" has no data", STR_FMT(t->name));
    bool nested = t->rank > 1 && data->len && data->items[0].type == JSON_ARRAY;
    if (nested && t->rank == 2 && t->shape[0] == 1 && data->len == 1) {
        data = &data->items[0];
        nested = false;
    }
    if (nested)
        return nested_flatten(op, data, t);
    if (data->len != t->count)
        return op_fail(op, E_INVALID, "input \"%.*s\": %u values, the shape says %zu", STR_FMT(t->name), data->len, t->count);
    for (uint32_t i = 0; i < data->len; i++)
        if (!is_scalar(&data->items[i]))
            return op_fail(op, E_INVALID, "input \"%.*s\": data[%u] is a %s, not a value", STR_FMT(t->name), i, json_type_name(data->items[i].type));
    t->values = data->items;
    return OK;
}

enum err v2_tensor_parse(struct op *op, const struct json *obj, size_t index, size_t max_count, struct v2_tensor *ret)
{
    struct v2_tensor t = {0};
    enum err e = head_parse(op, obj, index, &t);
    if (!e && json_path(obj, "parameters.binary_data_size"))
        e = op_fail(op, E_UNSUPPORTED, "input \"%.*s\": binary tensors are not supported, send data", STR_FMT(t.name));
    if (!e)
        e = shape_parse(op, obj, max_count, &t);
    if (!e)
        e = data_parse(op, obj, &t);
    if (!e)
        *ret = t;
    return e;
}

static enum err value_fail(struct op *op, const struct v2_tensor *t, size_t i, const char *what)
{
    return op_fail(op, E_INVALID, "input \"%.*s\": data[%zu] is %s", STR_FMT(t->name), i, what);
}

/* One number of any numeric type. */
static enum err number_read(struct op *op, const struct v2_tensor *t, size_t i, double *ret)
{
    const struct json *j = &t->values[i];
    if (types[t->type].integer) {
        int64_t v = 0;
        if (t->type == TENSOR_BOOL && j->type == JSON_BOOL)
            v = j->boolean;
        else if (!json_as_i64(j, &v) || v < types[t->type].min || v > types[t->type].max)
            return value_fail(op, t, i, op_printf(op, "not a %s", types[t->type].name));
        *ret = (double)v;
        return OK;
    }
    if (j->type == JSON_NULL) {
        *ret = NAN;
        return OK;
    }
    if (t->type == TENSOR_BYTES || !json_as_f64(j, ret))
        return value_fail(op, t, i, "not a number");
    if (t->type == TENSOR_FP32 && isfinite(*ret) && !isfinite((float)*ret))
        return value_fail(op, t, i, "out of the range of FP32");
    return OK;
}

enum err v2_tensor_f32(struct op *op, const struct v2_tensor *t, float *out, size_t stride)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct json *j = &t->values[i];
        if (t->type == TENSOR_FP32 && j->type == JSON_REAL && fabs(j->f) <= (double)FLT_MAX) { /* the common case, without calls */
            out[i * stride] = (float)j->f;
            continue;
        }
        double v = 0;
        enum err e = number_read(op, t, i, &v);
        if (e)
            return e;
        out[i * stride] = (float)v;
    }
    return OK;
}

enum err v2_tensor_f64(struct op *op, const struct v2_tensor *t, double *out)
{
    enum err e = OK;
    for (size_t i = 0; !e && i < t->count; i++)
        e = number_read(op, t, i, &out[i]);
    return e;
}

enum err v2_tensor_i64(struct op *op, const struct v2_tensor *t, int64_t *out)
{
    if (!types[t->type].integer)
        return op_fail(op, E_INVALID, "input \"%.*s\" has datatype %s; an integer type is wanted", STR_FMT(t->name), types[t->type].name);
    for (size_t i = 0; i < t->count; i++) {
        const struct json *j = &t->values[i];
        if (t->type == TENSOR_BOOL && j->type == JSON_BOOL)
            out[i] = j->boolean;
        else if (!json_as_i64(j, &out[i]) || out[i] < types[t->type].min || out[i] > types[t->type].max)
            return value_fail(op, t, i, op_printf(op, "not a %s", types[t->type].name));
    }
    return OK;
}

enum err v2_tensor_str(struct op *op, const struct v2_tensor *t, struct str *out)
{
    if (t->type != TENSOR_BYTES)
        return op_fail(op, E_INVALID, "input \"%.*s\" has datatype %s; BYTES is wanted", STR_FMT(t->name), types[t->type].name);
    for (size_t i = 0; i < t->count; i++) {
        if (t->values[i].type != JSON_STRING)
            return value_fail(op, t, i, "not a text");
        out[i] = t->values[i].s;
    }
    return OK;
}

bool v2_tensor_is_vector(const struct v2_tensor *t, size_t *ret_n)
{
    if (t->rank > 2 || (t->rank == 2 && t->shape[1] != 1))
        return false;
    *ret_n = (size_t)t->shape[0];
    return true;
}
