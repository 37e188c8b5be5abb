/* Nested lists are walked with an explicit stack as deep as the shape's rank, so what a peer nests decides nothing about our stack. The
 * innermost lists come packed (JSON_PACK) in the common case and are converted by one loop each. */
#include "api/values.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>

#include "base/limits.h"
#include "base/seal.h"

static const struct {
    int64_t min, max;
} ranges[TENSOR_TYPE_COUNT] = {
    [TENSOR_BOOL] = {0, 1},
    [TENSOR_UINT8] = {0, UINT8_MAX},
    [TENSOR_UINT16] = {0, UINT16_MAX},
    [TENSOR_UINT32] = {0, UINT32_MAX},
    [TENSOR_UINT64] = {0, INT64_MAX}, /* what is larger comes as JSON_UINT */
    [TENSOR_INT8] = {INT8_MIN, INT8_MAX},
    [TENSOR_INT16] = {INT16_MIN, INT16_MAX},
    [TENSOR_INT32] = {INT32_MIN, INT32_MAX},
    [TENSOR_INT64] = {INT64_MIN, INT64_MAX},
};

static bool is_list(const struct json *j)
{
    return j->type == JSON_ARRAY || j->type == JSON_INTS || j->type == JSON_REALS;
}

static bool is_integer(enum tensor_type t)
{
    return t <= TENSOR_INT64;
}

static enum err value_fail(struct op *op, const struct tensor *t, size_t i, const char *what)
{
    return op_fail(op, E_INVALID, "input \"%.*s\": data[%zu] is %s", STR_FMT(t->name), i, what);
}

static enum err type_fail(struct op *op, const struct tensor *t, size_t i)
{
    return value_fail(op, t, i, op_printf(op, "not a %s", tensor_type_name(t->type)));
}

enum err values_room(struct op *op, struct tensor *t)
{
    size_t n = t->count ? t->count : 1;
    if (t->type == TENSOR_BYTES)
        t->texts = arena_array(op->arena, n, struct str);
    else
        t->data = arena_try_alloc(op->arena, n, tensor_type_size(t->type));
    return t->data || t->texts ? OK : op_fail(op, E_TOO_LARGE, "no memory for %zu values", t->count);
}

/* ---- one value ---- */

static void integer_store(const struct tensor *t, size_t i, int64_t v)
{
    char *p = (char *)(uintptr_t)t->data;
    switch (tensor_type_size(t->type)) {
    case 1:
        ((uint8_t *)p)[i] = (uint8_t)v;
        break;
    case 2:
        ((uint16_t *)(void *)p)[i] = (uint16_t)v;
        break;
    case 4:
        ((uint32_t *)(void *)p)[i] = (uint32_t)v;
        break;
    default:
        ((uint64_t *)(void *)p)[i] = (uint64_t)v;
        break;
    }
}

static enum err integer_put(struct op *op, const struct tensor *t, size_t i, int64_t v)
{
    if (v < ranges[t->type].min || v > ranges[t->type].max)
        return value_fail(op, t, i, op_printf(op, "out of the range of %s", tensor_type_name(t->type)));
    integer_store(t, i, v);
    return OK;
}

/* A whole number that a double holds exactly. */
static enum err integer_put_real(struct op *op, const struct tensor *t, size_t i, double v)
{
    if (!(v >= -0x1p53 && v <= 0x1p53) || v != trunc(v))
        return type_fail(op, t, i);
    return integer_put(op, t, i, (int64_t)v);
}

static enum err real_put(struct op *op, const struct tensor *t, size_t i, double v)
{
    char *p = (char *)(uintptr_t)t->data;
    float f = (float)v;
    if (t->type == TENSOR_FP64) {
        ((double *)(void *)p)[i] = v;
        return OK;
    }
    bool fits = isfinite(f) || !isfinite(v);
    if (t->type == TENSOR_FP32) {
        ((float *)(void *)p)[i] = f;
    } else {
        uint16_t h = t->type == TENSOR_FP16 ? tensor_to_fp16(f) : tensor_to_bf16(f);
        fits = fits && (!isfinite(v) || isfinite(t->type == TENSOR_FP16 ? tensor_from_fp16(h) : tensor_from_bf16(h)));
        ((uint16_t *)(void *)p)[i] = h;
    }
    return fits ? OK : value_fail(op, t, i, op_printf(op, "out of the range of %s", tensor_type_name(t->type)));
}

/* The bytes of {"b64": text}; the text may lack its padding. */
static bool b64_read(struct op *op, const struct json *value, struct str *ret)
{
    const struct json *text = value->len == 1 ? json_get(value, "b64") : NULL;
    if (!text || text->type != JSON_STRING)
        return false;
    struct str s = text->s;
    size_t tail = 0;
    while (tail < 2 && tail < s.len && s.p[s.len - 1 - tail] == '=')
        tail++;
    size_t digits = s.len - tail, n = digits / 4 * 3 + (digits % 4 ? digits % 4 - 1 : 0);
    if (digits % 4 == 1)
        return false;
    char *padded = arena_try_alloc(op->arena, digits + 4, 1);
    uint8_t *out = arena_try_alloc(op->arena, n + 1, 1);
    if (!padded || !out)
        return false;
    memcpy(padded, s.p, digits);
    size_t whole = (digits + 3) / 4 * 4;
    memset(padded + digits, '=', whole - digits);
    *ret = (struct str){(const char *)out, n};
    return n == 0 || seal_unbase64((struct str){padded, whole}, out, n);
}

static enum err text_put(struct op *op, const struct json *value, unsigned flags, const struct tensor *t, size_t i)
{
    struct str *texts = (struct str *)(uintptr_t)t->texts;
    if (value->type == JSON_STRING)
        texts[i] = value->s;
    else if (value->type == JSON_NULL && flags & VALUES_NULLS)
        texts[i] = STR("");
    else if (!(flags & VALUES_B64) || value->type != JSON_OBJECT || !b64_read(op, value, &texts[i]))
        return value_fail(op, t, i, "not a text");
    return OK;
}

/* Numbers of CSV and of clients that quote them. */
static bool number_of_text(const struct json *value, struct json *ret)
{
    if (str_parse_i64(value->s, &ret->i))
        ret->type = JSON_INT;
    else if (str_parse_u64(value->s, &ret->u))
        ret->type = JSON_UINT;
    else if (str_parse_f64(value->s, true, &ret->f))
        ret->type = JSON_REAL;
    else
        return false;
    return true;
}

enum err values_put(struct op *op, const struct json *value, unsigned flags, const struct tensor *t, size_t i)
{
    struct json number;
    if (t->type == TENSOR_BYTES)
        return text_put(op, value, flags, t, i);
    if (value->type == JSON_STRING && (flags & VALUES_TEXTS) && number_of_text(value, &number))
        value = &number;
    double v = 0;
    if (is_integer(t->type)) {
        if (value->type == JSON_INT)
            return integer_put(op, t, i, value->i);
        if (value->type == JSON_REAL)
            return integer_put_real(op, t, i, value->f);
        if (value->type == JSON_BOOL && t->type == TENSOR_BOOL)
            return integer_put(op, t, i, value->boolean);
        if (value->type != JSON_UINT || t->type != TENSOR_UINT64)
            return type_fail(op, t, i);
        ((uint64_t *)(uintptr_t)t->data)[i] = value->u;
        return OK;
    }
    if (value->type == JSON_NULL)
        v = (double)NAN;
    else if (!json_as_f64(value, &v))
        return value_fail(op, t, i, "not a number");
    return real_put(op, t, i, v);
}

/* ---- lists ---- */

/* One innermost list as values `at` and on; there is room for all of it. */
static enum err run_read(struct op *op, const struct json *run, unsigned flags, const struct tensor *t, size_t at)
{
    enum err e = OK;
    uint32_t i = 0;
    if (t->type == TENSOR_BYTES && run->type != JSON_ARRAY)
        return value_fail(op, t, at, "not a text");
    if (t->type == TENSOR_FP32) { /* the common case, without calls */
        float *out = (float *)(uintptr_t)t->data + at;
        if (run->type == JSON_REALS)
            for (; i < run->len && !(fabs(run->reals[i]) > (double)FLT_MAX); i++)
                out[i] = (float)run->reals[i];
        else if (run->type == JSON_INTS)
            for (; i < run->len; i++)
                out[i] = (float)run->ints[i];
    }
    for (; !e && i < run->len; i++) {
        if (run->type == JSON_ARRAY)
            e = is_list(&run->items[i]) ? op_fail(op, E_INVALID, "input \"%.*s\": the data is not nested as its shape says", STR_FMT(t->name))
                                        : values_put(op, &run->items[i], flags, t, at + i);
        else if (run->type == JSON_INTS)
            e = is_integer(t->type) ? integer_put(op, t, at + i, run->ints[i]) : real_put(op, t, at + i, (double)run->ints[i]);
        else
            e = is_integer(t->type) ? integer_put_real(op, t, at + i, run->reals[i]) : real_put(op, t, at + i, run->reals[i]);
    }
    return e;
}

struct level {
    const struct json *list;
    uint32_t at;
};

/* First only for the lengths, so that no room is made for what a shape merely claims; then, with `read`, for the values. */
static enum err nested_walk(struct op *op, const struct json *data, unsigned flags, const struct tensor *t, bool read)
{
    struct level stack[LIMIT_TENSOR_RANK];
    uint32_t depth = 0;
    size_t n = 0;
    stack[0] = (struct level){data, 0};
    for (;;) {
        const struct json *list = stack[depth].list;
        if (stack[depth].at == 0 && list->len != (uint64_t)t->shape[depth])
            return op_fail(op, E_INVALID, "input \"%.*s\": a list at depth %" PRIu32 " has %" PRIu32 " items, the shape says %" PRId64, STR_FMT(t->name), depth,
                           list->len, t->shape[depth]);
        bool innermost = depth + 1 == t->rank;
        if (innermost && read) {
            enum err e = run_read(op, list, flags, t, n);
            if (e)
                return e;
            n += list->len;
        }
        if (innermost || stack[depth].at == list->len) {
            if (depth-- == 0)
                return OK; /* n == count: every level had the shape's length */
            continue;
        }
        const struct json *item = list->type == JSON_ARRAY ? &list->items[stack[depth].at++] : NULL;
        if (!item || !is_list(item))
            return op_fail(op, E_INVALID, "input \"%.*s\": the data is not nested as its shape of rank %" PRIu32 " says", STR_FMT(t->name), t->rank);
        stack[++depth] = (struct level){item, 0};
    }
}

enum err values_read(struct op *op, const struct json *data, unsigned flags, struct tensor *t)
{
    bool half = t->type == TENSOR_FP16 || t->type == TENSOR_BF16;
    if (half && !(flags & VALUES_HALF))
        return op_fail(op, E_INVALID, "input \"%.*s\": %s has no form in JSON, send it in binary", STR_FMT(t->name), tensor_type_name(t->type));
    if (!is_list(data) && t->rank > 0)
        return op_fail(op, E_INVALID, "input \"%.*s\": data is %s, not a list", STR_FMT(t->name), json_type_name(data->type));
    bool nested = t->rank > 1 && data->type == JSON_ARRAY && data->len && is_list(&data->items[0]);
    if (is_list(data) && !nested && data->len != t->count)
        return op_fail(op, E_INVALID, "input \"%.*s\": %" PRIu32 " values, the shape says %zu", STR_FMT(t->name), data->len, t->count);
    enum err e = nested ? nested_walk(op, data, flags, t, false) : OK;
    if (!e)
        e = values_room(op, t);
    if (e)
        return e;
    if (!is_list(data))
        return values_put(op, data, flags, t, 0);
    return nested ? nested_walk(op, data, flags, t, true) : run_read(op, data, flags, t, 0);
}

enum err values_shape(struct op *op, const struct json *data, struct tensor *t)
{
    t->rank = 0;
    for (const struct json *j = data; is_list(j); j = &j->items[0]) {
        if (t->rank == LIMIT_TENSOR_RANK)
            return op_fail(op, E_INVALID, "input \"%.*s\" is nested deeper than %d lists", STR_FMT(t->name), LIMIT_TENSOR_RANK);
        t->shape[t->rank++] = j->len;
        if (j->type != JSON_ARRAY || !j->len)
            break;
    }
    /* Ragged lists and other nesting show when the values are read. */
    if (!tensor_count(t->shape, t->rank, LIMIT_TENSOR_VALUES, &t->count))
        return op_fail(op, E_INVALID, "input \"%.*s\" has more than %zu values", STR_FMT(t->name), LIMIT_TENSOR_VALUES);
    return OK;
}

/* ---- writing ---- */

static enum err real_write(struct op *op, struct json_out *w, const struct tensor *t, double v, bool refuse)
{
    if (refuse && !isfinite(v))
        return op_fail(op, E_INVALID, "output \"%.*s\" has values that are not finite", STR_FMT(t->name));
    if (t->type == TENSOR_FP64)
        json_f64(w, v);
    else
        json_f32(w, (float)v);
    return OK;
}

static enum err text_write(struct op *op, struct json_out *w, const struct tensor *t, struct str s, unsigned flags)
{
    if (flags & VALUES_B64) {
        json_begin_object(w);
        json_kv_str(w, "b64", seal_base64(op->arena, s));
        json_end_object(w);
        return OK;
    }
    if (!str_is_utf8(s))
        return op_fail(op, E_INVALID, "output \"%.*s\" has bytes that are no text: ask for it in binary", STR_FMT(t->name));
    json_str(w, s);
    return OK;
}

static enum err value_write(struct op *op, struct json_out *w, const struct tensor *t, size_t i, unsigned flags, bool refuse)
{
    const void *p = t->data;
    uint16_t half;
    switch (t->type) {
    case TENSOR_BOOL:
        json_bool(w, ((const uint8_t *)p)[i] != 0);
        return OK;
    case TENSOR_UINT8:
        json_i64(w, ((const uint8_t *)p)[i]);
        return OK;
    case TENSOR_UINT16:
        json_i64(w, ((const uint16_t *)p)[i]);
        return OK;
    case TENSOR_UINT32:
        json_i64(w, ((const uint32_t *)p)[i]);
        return OK;
    case TENSOR_UINT64:
        json_u64(w, ((const uint64_t *)p)[i]);
        return OK;
    case TENSOR_INT8:
        json_i64(w, ((const int8_t *)p)[i]);
        return OK;
    case TENSOR_INT16:
        json_i64(w, ((const int16_t *)p)[i]);
        return OK;
    case TENSOR_INT32:
        json_i64(w, ((const int32_t *)p)[i]);
        return OK;
    case TENSOR_INT64:
        json_i64(w, ((const int64_t *)p)[i]);
        return OK;
    case TENSOR_FP16:
    case TENSOR_BF16:
        half = ((const uint16_t *)p)[i];
        return real_write(op, w, t, (double)(t->type == TENSOR_FP16 ? tensor_from_fp16(half) : tensor_from_bf16(half)), refuse);
    case TENSOR_FP32:
        return real_write(op, w, t, (double)((const float *)p)[i], refuse);
    case TENSOR_FP64:
        return real_write(op, w, t, ((const double *)p)[i], refuse);
    default:
        return text_write(op, w, t, t->texts[i], flags);
    }
}

enum err values_write_some(struct op *op, struct json_out *w, const struct tensor *t, size_t from, size_t n, unsigned flags, bool refuse)
{
    enum err e = OK;
    for (size_t i = from; !e && i < from + n; i++)
        e = value_write(op, w, t, i, flags, refuse);
    return e;
}

enum err values_write(struct op *op, struct json_out *w, const struct tensor *t, enum values_style style, unsigned flags, bool refuse)
{
    size_t strides[LIMIT_TENSOR_RANK], size = 1;
    uint32_t rank = style == VALUES_NESTED && t->count ? t->rank : 1; /* of nothing, [] is all that is said */
    if (!t->rank && style == VALUES_NESTED)
        return values_write_some(op, w, t, 0, 1, flags, refuse);
    for (uint32_t d = rank; d-- > 0;) {
        size *= rank == 1 ? t->count : (size_t)t->shape[d];
        strides[d] = size;
    }
    if (!t->count) {
        json_begin_array(w);
        json_end_array(w);
    }
    size_t run = strides[rank - 1];
    enum err e = OK;
    for (size_t i = 0; !e && i < t->count; i += run) {
        for (uint32_t d = 0; d < rank; d++)
            if (i % strides[d] == 0)
                json_begin_array(w);
        e = values_write_some(op, w, t, i, run, flags, refuse);
        for (uint32_t d = 0; d < rank; d++)
            if ((i + run) % strides[d] == 0)
                json_end_array(w);
    }
    return e;
}

void values_specs_write(struct json_out *w, const char *key, const struct tensor_spec *specs, size_t n, bool optional)
{
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < n; i++) {
        json_begin_object(w);
        json_kv_str(w, "name", specs[i].name);
        json_kv_cstr(w, "datatype", tensor_type_name(specs[i].type));
        json_key(w, "shape");
        json_begin_array(w);
        for (uint32_t d = 0; d < specs[i].rank; d++)
            json_i64(w, specs[i].shape[d]);
        json_end_array(w);
        if (optional)
            json_kv_bool(w, "optional", specs[i].optional);
        json_end_object(w);
    }
    json_end_array(w);
}
