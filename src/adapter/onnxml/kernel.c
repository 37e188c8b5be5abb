#include "adapter/onnxml/kernel.h"

#include <math.h>

#include "base/limits.h"

enum err onnxml_unsupported(struct onnxml_call *c, const char *what)
{
    return op_fail(c->op, E_UNSUPPORTED, "%s: %s", c->step->kernel->type, what);
}

enum err onnxml_out(struct onnxml_call *c, size_t at, enum tensor_type type, uint32_t rank, const int64_t *shape)
{
    struct tensor *t = c->out[at];
    if (rank > LIMIT_TENSOR_RANK)
        return onnxml_unsupported(c, "too many axes");
    *t = (struct tensor){.type = type, .rank = rank};
    memcpy(t->shape, shape, rank * sizeof(*shape));
    if (!tensor_count(t->shape, rank, LIMIT_TENSOR_VALUES, &t->count))
        return op_fail(c->op, E_TOO_LARGE, "%s: its answer would be too large", c->step->kernel->type);
    const size_t size = type == TENSOR_BYTES ? sizeof(struct str) : tensor_type_size(type);
    void *room = arena_try_alloc(c->op->arena, t->count ? t->count : 1, size);
    if (!room)
        return op_fail(c->op, E_TOO_LARGE, "%s: no memory for %zu values", c->step->kernel->type, t->count);
    if (type == TENSOR_BYTES)
        t->texts = room;
    else
        t->data = room;
    return OK;
}

enum err onnxml_alias(struct onnxml_call *c, size_t at, const struct tensor *of, uint32_t rank, const int64_t *shape)
{
    struct tensor t = *of;
    t.rank = rank;
    memmove(t.shape, shape, rank * sizeof(*shape));
    size_t count = 0;
    if (rank > LIMIT_TENSOR_RANK || !tensor_count(shape, rank, LIMIT_TENSOR_VALUES, &count) || count != of->count)
        return op_fail(c->op, E_INVALID, "%s: %zu values do not fit the new shape", c->step->kernel->type, of->count);
    *c->out[at] = t;
    return OK;
}

double onnxml_get(const struct tensor *t, size_t i)
{
    switch (t->type) {
    case TENSOR_FP32: return (double)((const float *)t->data)[i];
    case TENSOR_FP64: return ((const double *)t->data)[i];
    case TENSOR_INT64: return (double)((const int64_t *)t->data)[i];
    case TENSOR_INT32: return ((const int32_t *)t->data)[i];
    case TENSOR_INT16: return ((const int16_t *)t->data)[i];
    case TENSOR_INT8: return ((const int8_t *)t->data)[i];
    case TENSOR_UINT64: return (double)((const uint64_t *)t->data)[i];
    case TENSOR_UINT32: return ((const uint32_t *)t->data)[i];
    case TENSOR_UINT16: return ((const uint16_t *)t->data)[i];
    case TENSOR_UINT8: return ((const uint8_t *)t->data)[i];
    case TENSOR_BOOL: return ((const uint8_t *)t->data)[i] != 0;
    case TENSOR_FP16: return (double)tensor_from_fp16(((const uint16_t *)t->data)[i]);
    case TENSOR_BF16: return (double)tensor_from_bf16(((const uint16_t *)t->data)[i]);
    case TENSOR_BYTES: case TENSOR_TYPE_COUNT: default: return 0;
    }
}

/* Cut towards zero; what does not fit becomes the nearest that does, NaN zero. */
static int64_t whole(double v, int64_t min, int64_t max)
{
    if (isnan(v))
        return 0;
    return v <= (double)min ? min : v >= (double)max ? max : (int64_t)v;
}

void onnxml_put(struct tensor *t, size_t i, double v)
{
    void *data = onnxml_data(t);
    switch (t->type) {
    case TENSOR_FP32: ((float *)data)[i] = (float)v; break;
    case TENSOR_FP64: ((double *)data)[i] = v; break;
    case TENSOR_INT64: ((int64_t *)data)[i] = whole(v, INT64_MIN, INT64_MAX); break;
    case TENSOR_INT32: ((int32_t *)data)[i] = (int32_t)whole(v, INT32_MIN, INT32_MAX); break;
    case TENSOR_INT16: ((int16_t *)data)[i] = (int16_t)whole(v, INT16_MIN, INT16_MAX); break;
    case TENSOR_INT8: ((int8_t *)data)[i] = (int8_t)whole(v, INT8_MIN, INT8_MAX); break;
    case TENSOR_UINT64: ((uint64_t *)data)[i] = (uint64_t)whole(v, 0, INT64_MAX); break;
    case TENSOR_UINT32: ((uint32_t *)data)[i] = (uint32_t)whole(v, 0, UINT32_MAX); break;
    case TENSOR_UINT16: ((uint16_t *)data)[i] = (uint16_t)whole(v, 0, UINT16_MAX); break;
    case TENSOR_UINT8: ((uint8_t *)data)[i] = (uint8_t)whole(v, 0, UINT8_MAX); break;
    case TENSOR_BOOL: ((uint8_t *)data)[i] = v != 0; break;
    case TENSOR_FP16: ((uint16_t *)data)[i] = tensor_to_fp16((float)v); break;
    case TENSOR_BF16: ((uint16_t *)data)[i] = tensor_to_bf16((float)v); break;
    case TENSOR_BYTES: case TENSOR_TYPE_COUNT: default: break;
    }
}

enum err onnxml_matrix(struct onnxml_call *c, const struct tensor *t, size_t *ret_rows, size_t *ret_width)
{
    if (t->type == TENSOR_BYTES || t->rank < 1 || t->rank > 2)
        return onnxml_unsupported(c, "an input that is no matrix of numbers");
    *ret_rows = t->rank == 2 ? (size_t)t->shape[0] : 1;
    *ret_width = (size_t)t->shape[t->rank - 1];
    return OK;
}

enum err onnxml_floats(struct onnxml_call *c, const struct tensor *t, const float **ret)
{
    if (t->type == TENSOR_FP32) {
        *ret = t->data;
        return OK;
    }
    float *v = arena_array(c->op->arena, t->count ? t->count : 1, float);
    if (!v)
        return op_fail(c->op, E_TOO_LARGE, "%s: no memory for %zu values", c->step->kernel->type, t->count);
    for (size_t i = 0; i < t->count; i++)
        v[i] = (float)onnxml_get(t, i);
    *ret = v;
    return OK;
}

enum err onnxml_axis(struct onnxml_call *c, int64_t axis, uint32_t rank, uint32_t *ret)
{
    if (axis < -(int64_t)rank || axis >= (int64_t)rank)
        return op_fail(c->op, E_INVALID, "%s: axis %lld of %u", c->step->kernel->type, (long long)axis, rank);
    *ret = (uint32_t)(axis < 0 ? axis + (int64_t)rank : axis);
    return OK;
}

enum err onnxml_ints(struct onnxml_call *c, const struct tensor *t, const int64_t **ret)
{
    if (t->type == TENSOR_INT64) {
        *ret = t->data;
        return OK;
    }
    if (t->type != TENSOR_INT32)
        return onnxml_unsupported(c, "indices that are no whole numbers");
    int64_t *v = arena_array(c->op->arena, t->count ? t->count : 1, int64_t);
    if (!v)
        return op_fail(c->op, E_TOO_LARGE, "%s: no memory for %zu indices", c->step->kernel->type, t->count);
    for (size_t i = 0; i < t->count; i++)
        v[i] = ((const int32_t *)t->data)[i];
    *ret = v;
    return OK;
}

static enum err keep(struct op *op, struct arena *arena, const void *from, size_t n, size_t size, void **ret)
{
    void *p = arena_try_alloc(arena, n ? n : 1, size);
    if (!p)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu values", n);
    if (n)
        memcpy(p, from, n * size);
    *ret = p;
    return OK;
}

enum err onnxml_keep_floats(struct op *op, struct arena *arena, const struct onnxml_attr *a, const float **ret, size_t *ret_count)
{
    void *p = NULL;
    enum err e = keep(op, arena, a ? a->floats : NULL, a ? a->float_count : 0, sizeof(float), &p);
    *ret = p;
    *ret_count = a ? a->float_count : 0;
    return e;
}

enum err onnxml_keep_ints(struct op *op, struct arena *arena, const struct onnxml_attr *a, const int64_t **ret, size_t *ret_count)
{
    void *p = NULL;
    enum err e = keep(op, arena, a ? a->ints : NULL, a ? a->int_count : 0, sizeof(int64_t), &p);
    *ret = p;
    *ret_count = a ? a->int_count : 0;
    return e;
}

static enum err keep_texts(struct op *op, struct arena *arena, const struct str *from, size_t n, const struct str **ret)
{
    void *p = NULL;
    enum err e = keep(op, arena, from, n, sizeof(struct str), &p);
    struct str *texts = p;
    for (size_t i = 0; !e && i < n; i++) {
        if (arena_left(arena) < from[i].len + LIMIT_KIB(64))
            return op_fail(op, E_TOO_LARGE, "no memory for %zu texts", n);
        texts[i] = str_dup(arena, from[i]);
    }
    *ret = texts;
    return e;
}

enum err onnxml_keep_strings(struct op *op, struct arena *arena, const struct onnxml_attr *a, const struct str **ret, size_t *ret_count)
{
    *ret_count = a ? a->string_count : 0;
    return keep_texts(op, arena, a ? a->strings : NULL, *ret_count, ret);
}

enum err onnxml_keep_tensor(struct op *op, struct arena *arena, const struct tensor *t, struct tensor *ret)
{
    void *p = NULL;
    if (arena_left(arena) < t->name.len + LIMIT_KIB(64))
        return op_fail(op, E_TOO_LARGE, "no memory for a tensor");
    *ret = *t;
    ret->name = str_dup(arena, t->name);
    if (t->type == TENSOR_BYTES)
        return keep_texts(op, arena, t->texts, t->count, &ret->texts);
    enum err e = keep(op, arena, t->data, t->count, tensor_type_size(t->type), &p);
    ret->data = p;
    return e;
}

/* ---- class labels ---- */
enum err onnxml_labels_keep(struct op *op, struct arena *arena, const struct onnxml_node *node, const char *ints, const char *strings,
                            struct onnxml_labels *ret)
{
    const struct onnxml_attr *i = onnxml_attr(node, ints), *s = onnxml_attr(node, strings);
    *ret = (struct onnxml_labels){0};
    if (s && s->string_count)
        return onnxml_keep_strings(op, arena, s, &ret->strings, &ret->count);
    if (i && i->int_count)
        return onnxml_keep_ints(op, arena, i, &ret->ints, &ret->count);
    return op_fail(op, E_UNSUPPORTED, "%.*s without class labels", STR_FMT(node->type));
}

enum err onnxml_labels_out(struct onnxml_call *c, size_t at, const struct onnxml_labels *l, size_t rows)
{
    return onnxml_out(c, at, l->strings ? TENSOR_BYTES : TENSOR_INT64, 1, (int64_t[]){(int64_t)rows});
}

void onnxml_label_put(struct tensor *t, size_t row, const struct onnxml_labels *l, size_t class)
{
    if (l->strings)
        onnxml_texts(t)[row] = l->strings[class];
    else
        ((int64_t *)onnxml_data(t))[row] = l->ints[class];
}

enum err onnxml_transform_read(struct op *op, const struct onnxml_node *node, enum onnxml_transform *ret)
{
    static const char *const names[] = {"NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"};
    struct str name = onnxml_attr_str(node, "post_transform", "NONE");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eqc(name, names[i])) {
            *ret = (enum onnxml_transform)i;
            return OK;
        }
    return op_fail(op, E_UNSUPPORTED, "%.*s with post_transform %.*s", STR_FMT(node->type), STR_FMT(name));
}

void onnxml_transform_apply(enum onnxml_transform t, float *scores, size_t n)
{
    if (t == ONNXML_NONE || !n)
        return;
    if (t == ONNXML_LOGISTIC) {
        for (size_t i = 0; i < n; i++)
            scores[i] = (float)(1 / (1 + exp(-(double)scores[i])));
        return;
    }
    float top = scores[0];
    double sum = 0;
    for (size_t i = 1; i < n; i++)
        top = fmaxf(top, scores[i]);
    for (size_t i = 0; i < n; i++) {
        /* SOFTMAX_ZERO: what is zero stays zero and has no share. */
        bool zero = t == ONNXML_SOFTMAX_ZERO && fabsf(scores[i]) <= 1e-7f;
        scores[i] = zero ? 0 : (float)exp((double)(scores[i] - top));
        sum += (double)scores[i];
    }
    for (size_t i = 0; i < n && sum > 0; i++)
        scores[i] = (float)((double)scores[i] / sum);
}
