/* Operators that move values without changing them, and casts. */
#include <math.h>
#include <stdio.h>

#include "adapter/onnxml/kernel.h"

struct shape_state {
    int64_t axis, to, allowzero;
    const int64_t *axes, *perm, *starts, *ends;
    size_t axis_count, perm_count, start_count, end_count;
    struct tensor value;     /* Constant, ConstantOfShape */
};

static enum err shape_prepare(struct op *op, struct arena *arena, const struct onnxml_node *node, const struct onnxml_graph *g, void **ret_state)
{
    struct shape_state *s = arena_new(arena, struct shape_state);
    const struct onnxml_attr *value = onnxml_attr(node, "value");
    (void)g;
    s->axis = onnxml_attr_i64(node, "axis", str_eqc(node->type, "Flatten") ? 1 : 0);
    s->to = onnxml_attr_i64(node, "to", 0);
    s->allowzero = onnxml_attr_i64(node, "allowzero", 0);
    *ret_state = s;
    enum err e = onnxml_keep_ints(op, arena, onnxml_attr(node, "axes"), &s->axes, &s->axis_count);
    if (!e)
        e = onnxml_keep_ints(op, arena, onnxml_attr(node, "perm"), &s->perm, &s->perm_count);
    if (!e)
        e = onnxml_keep_ints(op, arena, onnxml_attr(node, "starts"), &s->starts, &s->start_count);
    if (!e)
        e = onnxml_keep_ints(op, arena, onnxml_attr(node, "ends"), &s->ends, &s->end_count);
    s->value.type = TENSOR_TYPE_COUNT;
    if (!e && value && value->tensor.type != TENSOR_TYPE_COUNT)
        e = onnxml_keep_tensor(op, arena, &value->tensor, &s->value);
    return e;
}

static void value_copy(struct tensor *to, size_t at, const struct tensor *from, size_t place, size_t n)
{
    const size_t size = tensor_type_size(from->type);
    if (from->type == TENSOR_BYTES)
        memcpy(onnxml_texts(to) + at, from->texts + place, n * sizeof(struct str));
    else if (n)
        memcpy((char *)onnxml_data(to) + at * size, (const char *)from->data + place * size, n * size);
}

static enum err identity_run(struct onnxml_call *c)
{
    return onnxml_alias(c, 0, c->in[0], c->in[0]->rank, c->in[0]->shape);
}

static enum err constant_run(struct onnxml_call *c)
{
    const struct shape_state *s = onnxml_state(c);
    if (s->value.type == TENSOR_TYPE_COUNT)
        return onnxml_unsupported(c, "a value that is no tensor");
    *c->out[0] = s->value;
    return OK;
}

/* ---- casts ---- */
static enum err text_to_number(struct onnxml_call *c, struct str text, struct tensor *out, size_t i)
{
    double v = 0;
    int64_t whole = 0;
    if (out->type == TENSOR_INT64 && str_parse_i64(str_trim(text), &whole)) {
        ((int64_t *)onnxml_data(out))[i] = whole;
        return OK;
    }
    if (!str_parse_f64(str_trim(text), true, &v))
        return op_fail(c->op, E_INVALID, "Cast: \"%.*s\" is not a number", STR_FMT(text));
    onnxml_put(out, i, v);
    return OK;
}

static enum err cast_run(struct onnxml_call *c)
{
    const struct shape_state *s = onnxml_state(c);
    const struct tensor *t = c->in[0];
    enum tensor_type to;
    if (!onnxml_type(s->to, &to))
        return onnxml_unsupported(c, "a type that is not known here");
    if (to == t->type)
        return identity_run(c);
    enum err e = onnxml_out(c, 0, to, t->rank, t->shape);
    if (e)
        return e;
    struct tensor *out = c->out[0];
    if (to == TENSOR_BYTES && t->type != TENSOR_INT64 && t->type != TENSOR_INT32)
        return onnxml_unsupported(c, "texts of numbers that are not whole");
    for (size_t i = 0; !e && i < t->count; i++) {
        if (to == TENSOR_BYTES)
            onnxml_texts(out)[i] = str_from(op_printf(c->op, "%lld", (long long)(t->type == TENSOR_INT64 ? ((const int64_t *)t->data)[i] : ((const int32_t *)t->data)[i])));
        else if (t->type == TENSOR_BYTES)
            e = text_to_number(c, t->texts[i], out, i);
        else
            onnxml_put(out, i, onnxml_get(t, i));
    }
    return e;
}

/* ---- joining and taking ---- */
static enum err concat_run(struct onnxml_call *c)
{
    const struct shape_state *s = onnxml_state(c);
    const struct tensor *first = c->in[0];
    uint32_t axis = 0;
    int64_t shape[LIMIT_TENSOR_RANK];
    enum err e = onnxml_axis(c, s->axis, first->rank, &axis);
    if (e)
        return e;
    memcpy(shape, first->shape, sizeof(shape));
    for (uint32_t i = 1; i < c->step->in_count; i++) {
        const struct tensor *t = c->in[i];
        if (!t || t->rank != first->rank || t->type != first->type)
            return onnxml_unsupported(c, "inputs of different types or ranks");
        for (uint32_t a = 0; a < t->rank; a++)
            if (a != axis && t->shape[a] != shape[a])
                return op_fail(c->op, E_INVALID, "Concat: lengths %lld and %lld of axis %u", (long long)shape[a], (long long)t->shape[a], a);
        shape[axis] += t->shape[axis];
    }
    e = onnxml_out(c, 0, first->type, first->rank, shape);
    size_t outer = 1, inner = 1, at = 0;
    for (uint32_t a = 0; a < first->rank; a++)
        *(a < axis ? &outer : &inner) *= a == axis ? 1 : (size_t)shape[a];
    for (size_t i = 0; !e && c->out[0]->count && i < outer; i++)
        for (uint32_t k = 0; k < c->step->in_count; k++) {
            const size_t n = (size_t)c->in[k]->shape[axis] * inner;
            value_copy(c->out[0], at, c->in[k], i * n, n);
            at += n;
        }
    return e;
}

static enum err gather_run(struct onnxml_call *c)
{
    const struct shape_state *s = onnxml_state(c);
    const struct tensor *t = c->in[0], *index = c->in[1];
    const int64_t *places = NULL;
    uint32_t axis = 0, rank = 0;
    int64_t shape[2 * LIMIT_TENSOR_RANK];
    enum err e = onnxml_axis(c, s->axis, t->rank, &axis);
    if (!e)
        e = onnxml_ints(c, index, &places);
    if (e)
        return e;
    size_t outer = 1, inner = 1, at = 0;
    for (uint32_t a = 0; a < t->rank; a++) {
        if (a != axis) {
            *(a < axis ? &outer : &inner) *= (size_t)t->shape[a];
            shape[rank++] = t->shape[a];
            continue;
        }
        for (uint32_t k = 0; k < index->rank; k++)
            shape[rank++] = index->shape[k];
    }
    e = onnxml_out(c, 0, t->type, rank, shape);
    for (size_t i = 0; !e && c->out[0]->count && i < outer; i++)
        for (size_t k = 0; k < index->count; k++, at += inner) {
            int64_t p = places[k] < 0 ? places[k] + t->shape[axis] : places[k];
            if (p < 0 || p >= t->shape[axis])
                return op_fail(c->op, E_INVALID, "Gather: index %lld of %lld", (long long)places[k], (long long)t->shape[axis]);
            value_copy(c->out[0], at, t, (i * (size_t)t->shape[axis] + (size_t)p) * inner, inner);
        }
    return e;
}

/* ArrayFeatureExtractor: columns of the last axis. */
static enum err columns_run(struct onnxml_call *c)
{
    const struct tensor *t = c->in[0], *index = c->in[1];
    const int64_t *places = NULL;
    int64_t shape[LIMIT_TENSOR_RANK];
    enum err e = onnxml_ints(c, index, &places);
    if (!e && (!t->rank || !t->shape[t->rank - 1]))
        e = onnxml_unsupported(c, "no columns");
    if (e)
        return e;
    const int64_t width = t->shape[t->rank - 1];
    const size_t rows = t->count / (size_t)width;
    uint32_t rank = t->rank == 1 ? 2 : t->rank;
    shape[0] = 1;
    if (t->rank > 1)
        memcpy(shape, t->shape, t->rank * sizeof(*shape));
    shape[rank - 1] = (int64_t)index->count;
    e = onnxml_out(c, 0, t->type, rank, shape);
    for (size_t k = 0; !e && k < index->count; k++)
        if (places[k] < 0 || places[k] >= width)
            e = op_fail(c->op, E_INVALID, "ArrayFeatureExtractor: column %lld of %lld", (long long)places[k], (long long)width);
    for (size_t i = 0; !e && i < rows; i++)
        for (size_t k = 0; k < index->count; k++)
            value_copy(c->out[0], i * index->count + k, t, i * (size_t)width + (size_t)places[k], 1);
    return e;
}

/* One axis of a slice: from, to and step as indices in range. */
static bool slice_bounds(int64_t len, int64_t *start, int64_t *end, int64_t step)
{
    if (step < 1)
        return false;
    *start = *start < 0 ? *start + len : *start;
    *end = *end < 0 ? *end + len : *end;
    *start = *start < 0 ? 0 : *start > len ? len : *start;
    *end = *end < *start ? *start : *end > len ? len : *end;
    return true;
}

static enum err slice_run(struct onnxml_call *c)
{
    const struct shape_state *s = onnxml_state(c);
    const struct tensor *t = c->in[0];
    const int64_t *starts = s->starts, *ends = s->ends, *axes = s->axes, *steps = NULL;
    size_t n = s->start_count, n_ends = s->end_count, n_axes = s->axis_count, n_steps = 0;
    const struct { const int64_t **list; size_t *n; } from[] = {{&starts, &n}, {&ends, &n_ends}, {&axes, &n_axes}, {&steps, &n_steps}};
    enum err e = OK;
    for (uint32_t i = 1; !e && i < c->step->in_count; i++) {
        if (!c->in[i])
            continue;
        e = onnxml_ints(c, c->in[i], from[i - 1].list);
        *from[i - 1].n = c->in[i]->count;
    }
    if (!e && (n != n_ends || (n_axes && n_axes != n) || (n_steps && n_steps != n) || n > t->rank))
        e = onnxml_unsupported(c, "lists of different lengths");
    int64_t begin[LIMIT_TENSOR_RANK] = {0}, step[LIMIT_TENSOR_RANK], shape[LIMIT_TENSOR_RANK];
    for (uint32_t a = 0; a < t->rank; a++) {
        step[a] = 1;
        shape[a] = t->shape[a];
    }
    for (size_t i = 0; !e && i < n; i++) {
        uint32_t a = (uint32_t)i;
        int64_t start = starts[i], end = ends[i], by = n_steps ? steps[i] : 1;
        if (n_axes)
            e = onnxml_axis(c, axes[i], t->rank, &a);
        by = by > t->shape[a] ? t->shape[a] + 1 : by; /* the same, and no overflow */
        if (!e && !slice_bounds(t->shape[a], &start, &end, by))
            e = onnxml_unsupported(c, "steps backwards");
        begin[a] = start;
        step[a] = by;
        shape[a] = by > 0 ? (end - start + by - 1) / by : 0;
    }
    if (!e)
        e = onnxml_out(c, 0, t->type, t->rank, shape);
    int64_t at[LIMIT_TENSOR_RANK] = {0};
    for (size_t i = 0; !e && i < c->out[0]->count; i++) {
        size_t place = 0;
        for (uint32_t a = 0; a < t->rank; a++)
            place = place * (size_t)t->shape[a] + (size_t)(begin[a] + at[a] * step[a]);
        value_copy(c->out[0], i, t, place, 1);
        for (uint32_t a = t->rank; a-- > 0 && ++at[a] == shape[a];)
            at[a] = 0;
    }
    return e;
}

static enum err transpose_run(struct onnxml_call *c)
{
    const struct shape_state *s = onnxml_state(c);
    const struct tensor *t = c->in[0];
    uint32_t perm[LIMIT_TENSOR_RANK];
    int64_t shape[LIMIT_TENSOR_RANK], at[LIMIT_TENSOR_RANK] = {0};
    size_t stride[LIMIT_TENSOR_RANK], step = 1;
    bool seen[LIMIT_TENSOR_RANK] = {false};
    if (s->perm_count && s->perm_count != t->rank)
        return op_fail(c->op, E_INVALID, "Transpose: %zu axes of %u", s->perm_count, t->rank);
    for (uint32_t a = 0; a < t->rank; a++) {
        perm[a] = t->rank - 1 - a;
        enum err e = s->perm_count ? onnxml_axis(c, s->perm[a], t->rank, &perm[a]) : OK;
        if (e || seen[perm[a]])
            return e ? e : op_fail(c->op, E_INVALID, "Transpose: an axis twice");
        seen[perm[a]] = true;
        shape[a] = t->shape[perm[a]];
    }
    for (uint32_t a = t->rank; a-- > 0; step *= (size_t)t->shape[a])
        stride[a] = step;
    enum err e = onnxml_out(c, 0, t->type, t->rank, shape);
    for (size_t i = 0; !e && i < t->count; i++) {
        size_t place = 0;
        for (uint32_t a = 0; a < t->rank; a++)
            place += (size_t)at[a] * stride[perm[a]];
        value_copy(c->out[0], i, t, place, 1);
        for (uint32_t a = t->rank; a-- > 0 && ++at[a] == shape[a];)
            at[a] = 0;
    }
    return e;
}

/* ---- new shapes for the same values ---- */
static enum err reshape_run(struct onnxml_call *c)
{
    const struct shape_state *s = onnxml_state(c);
    const struct tensor *t = c->in[0];
    const int64_t *want = NULL;
    int64_t shape[LIMIT_TENSOR_RANK];
    size_t known = 1, n = c->in[1]->count;
    int rest = -1;
    enum err e = onnxml_ints(c, c->in[1], &want);
    if (!e && n > LIMIT_TENSOR_RANK)
        e = onnxml_unsupported(c, "too many axes");
    for (size_t i = 0; !e && i < n; i++) {
        shape[i] = want[i];
        if (want[i] == 0 && !s->allowzero) {
            if (i >= t->rank)
                return op_fail(c->op, E_INVALID, "Reshape: axis %zu is to stay, but there is none", i);
            shape[i] = t->shape[i];
        }
        if (want[i] < -1 || (want[i] == -1 && rest >= 0))
            return op_fail(c->op, E_INVALID, "Reshape: lengths below zero");
        if (want[i] == -1)
            rest = (int)i;
        else if (__builtin_mul_overflow(known, (size_t)shape[i], &known))
            return op_fail(c->op, E_INVALID, "Reshape: too large");
    }
    if (!e && rest >= 0) {
        if (!known || t->count % known)
            return op_fail(c->op, E_INVALID, "Reshape: %zu values do not fit", t->count);
        shape[rest] = (int64_t)(t->count / known);
    }
    return e ? e : onnxml_alias(c, 0, t, (uint32_t)n, shape);
}

static enum err flatten_run(struct onnxml_call *c)
{
    const struct shape_state *s = onnxml_state(c);
    const struct tensor *t = c->in[0];
    int64_t axis = s->axis < 0 ? s->axis + (int64_t)t->rank : s->axis, shape[2] = {1, 1};
    if (axis < 0 || axis > (int64_t)t->rank)
        return op_fail(c->op, E_INVALID, "Flatten: axis %lld of %u", (long long)s->axis, t->rank);
    for (uint32_t a = 0; a < t->rank; a++)
        if (__builtin_mul_overflow(shape[a >= axis], t->shape[a], &shape[a >= axis]))
            return op_fail(c->op, E_INVALID, "Flatten: too large");
    return onnxml_alias(c, 0, t, 2, shape);
}

/* Squeeze (variant 0) and Unsqueeze (1): axes of length 1 go or come. */
static enum err squeeze_run(struct onnxml_call *c)
{
    const struct shape_state *s = onnxml_state(c);
    const struct tensor *t = c->in[0];
    const bool add = onnxml_variant(c) == 1;
    const int64_t *axes = s->axes;
    size_t n = s->axis_count;
    bool named[LIMIT_TENSOR_RANK] = {false};
    int64_t shape[LIMIT_TENSOR_RANK];
    enum err e = OK;
    if (c->step->in_count > 1 && c->in[1]) {
        e = onnxml_ints(c, c->in[1], &axes);
        n = c->in[1]->count;
    }
    if (!e && add && (!n || t->rank + n > LIMIT_TENSOR_RANK))
        e = onnxml_unsupported(c, "too many axes");
    const uint32_t of = add ? t->rank + (uint32_t)n : t->rank;
    for (size_t i = 0; !e && i < n; i++) {
        uint32_t a = 0;
        e = onnxml_axis(c, axes[i], of, &a);
        if (!e && (named[a] || (!add && t->shape[a] != 1)))
            e = op_fail(c->op, E_INVALID, "%s: axis %u is named twice or is not 1 long", c->step->kernel->type, a);
        named[a] = true;
    }
    uint32_t rank = 0, from = 0;
    for (uint32_t a = 0; !e && a < of; a++) {
        if (add)
            shape[rank++] = named[a] ? 1 : t->shape[from++];
        else if (n ? !named[a] : t->shape[a] != 1)
            shape[rank++] = t->shape[a];
    }
    return e ? e : onnxml_alias(c, 0, t, rank, shape);
}

static enum err shape_run(struct onnxml_call *c)
{
    enum err e = onnxml_out(c, 0, TENSOR_INT64, 1, (int64_t[]){c->in[0]->rank});
    if (!e && c->in[0]->rank)
        memcpy(onnxml_data(c->out[0]), c->in[0]->shape, c->in[0]->rank * sizeof(int64_t));
    return e;
}

static enum err constant_of_shape_run(struct onnxml_call *c)
{
    const struct shape_state *s = onnxml_state(c);
    const int64_t *shape = NULL;
    enum err e = onnxml_ints(c, c->in[0], &shape);
    const bool has = s->value.type != TENSOR_TYPE_COUNT;
    if (!e && (c->in[0]->count > LIMIT_TENSOR_RANK || (has && (s->value.count != 1 || s->value.type == TENSOR_BYTES))))
        e = onnxml_unsupported(c, "its shape or value");
    if (!e)
        e = onnxml_out(c, 0, has ? s->value.type : TENSOR_FP32, (uint32_t)c->in[0]->count, shape);
    for (size_t i = 0; !e && has && i < c->out[0]->count; i++)
        value_copy(c->out[0], i, &s->value, 0, 1);
    return e;
}

/* clang-format off */
const struct onnxml_kernel onnxml_shape_kernels[] = {
    {"Identity", false, 1, 1, 0, NULL, identity_run},
    {"Constant", false, 0, 0, 0, shape_prepare, constant_run},
    {"Cast", false, 1, 1, 0, shape_prepare, cast_run},
    {"Concat", false, 1, 255, 0, shape_prepare, concat_run},
    {"Gather", false, 2, 2, 0, shape_prepare, gather_run},
    {"ArrayFeatureExtractor", true, 2, 2, 0, NULL, columns_run},
    {"Slice", false, 1, 5, 0, shape_prepare, slice_run},
    {"Transpose", false, 1, 1, 0, shape_prepare, transpose_run},
    {"Reshape", false, 2, 2, 0, shape_prepare, reshape_run},
    {"Flatten", false, 1, 1, 0, shape_prepare, flatten_run},
    {"Squeeze", false, 1, 2, 0, shape_prepare, squeeze_run},
    {"Unsqueeze", false, 1, 2, 1, shape_prepare, squeeze_run},
    {"Shape", false, 1, 1, 0, NULL, shape_run},
    {"ConstantOfShape", false, 1, 1, 0, shape_prepare, constant_of_shape_run},
    {0},
};
