/* Operators that make one value of many along an axis. Every tensor is seen as [outer, axis, inner]; several axes are taken one
 * after the other where that gives the same, else only if they lie beside each other. */
#include <math.h>

#include "adapter/onnxml/kernel.h"

enum reduce { R_SUM, R_MEAN, R_MAX, R_MIN, R_PROD, R_L1, R_L2, R_SUM_SQUARE, R_LOG_SUM_EXP };

struct reduce_state {
    const int64_t *axes;
    size_t axis_count;
    bool keepdims, noop;
    int64_t axis;
    bool last;               /* ArgMax: of equals the last */
    bool flat;               /* Softmax before version 13: all axes from `axis` on are one */
};

static enum err reduce_prepare(struct op *op, struct arena *arena, const struct onnxml_node *node, const struct onnxml_graph *g, void **ret_state)
{
    struct reduce_state *s = arena_new(arena, struct reduce_state);
    s->keepdims = onnxml_attr_i64(node, "keepdims", 1) != 0;
    s->noop = onnxml_attr_i64(node, "noop_with_empty_axes", 0) != 0;
    s->last = onnxml_attr_i64(node, "select_last_index", 0) != 0;
    s->flat = g->opset < 13;
    s->axis = onnxml_attr_i64(node, "axis", str_eqc(node->type, "Softmax") ? (s->flat ? 1 : -1) : 0);
    *ret_state = s;
    return onnxml_keep_ints(op, arena, onnxml_attr(node, "axes"), &s->axes, &s->axis_count);
}

/* [outer, n, inner] */
struct view {
    size_t outer, n, inner;
};

static double reduce_line(enum reduce r, const struct tensor *t, size_t from, const struct view *v)
{
    double sum = 0, top = -(double)INFINITY, low = (double)INFINITY, product = 1, squares = 0, ones = 0;
    for (size_t i = 0; i < v->n; i++) {
        double x = onnxml_get(t, from + i * v->inner);
        sum += x;
        ones += fabs(x);
        squares += x * x;
        product *= x;
        top = x > top ? x : top;
        low = x < low ? x : low;
    }
    double exps = 0;
    for (size_t i = 0; r == R_LOG_SUM_EXP && i < v->n; i++)
        exps += exp(onnxml_get(t, from + i * v->inner) - top);
    switch (r) {
    case R_SUM: return sum;
    case R_MEAN: return sum / (double)v->n;
    case R_MAX: return isnan(sum) ? sum : top;
    case R_MIN: return isnan(sum) ? sum : low;
    case R_PROD: return product;
    case R_L1: return ones;
    case R_L2: return sqrt(squares);
    case R_SUM_SQUARE: return squares;
    case R_LOG_SUM_EXP: default: return log(exps) + top;
    }
}

/* The axes to go: from the attribute or the second input, all when none is named. They must lie beside each other. */
static enum err axes_find(struct onnxml_call *c, const struct tensor *t, uint32_t *ret_first, uint32_t *ret_count)
{
    const struct reduce_state *s = onnxml_state(c);
    const int64_t *axes = s->axes;
    size_t n = s->axis_count;
    bool seen[LIMIT_TENSOR_RANK] = {false};
    enum err e = OK;
    if (c->step->in_count > 1 && c->in[1]) {
        e = onnxml_ints(c, c->in[1], &axes);
        n = c->in[1]->count;
    }
    uint32_t first = t->rank, last = 0;
    for (size_t i = 0; !e && i < n; i++) {
        uint32_t a = 0;
        e = onnxml_axis(c, axes[i], t->rank, &a);
        if (e)
            return e;
        seen[a] = true;
        first = a < first ? a : first;
        last = a > last ? a : last;
    }
    if (!n) {
        first = 0;
        last = t->rank ? t->rank - 1 : 0;
    }
    for (uint32_t a = first; !e && n && a <= last; a++)
        if (!seen[a])
            e = onnxml_unsupported(c, "axes that do not lie beside each other");
    *ret_first = first;
    *ret_count = t->rank ? last - first + 1 : 0;
    return e;
}

static enum err reduce_run(struct onnxml_call *c)
{
    const struct reduce_state *s = onnxml_state(c);
    const struct tensor *t = c->in[0];
    uint32_t first = 0, count = 0, rank = 0;
    int64_t shape[LIMIT_TENSOR_RANK];
    if (t->type != TENSOR_FP32 && t->type != TENSOR_FP64 && t->type != TENSOR_INT64 && t->type != TENSOR_INT32)
        return onnxml_unsupported(c, "values of this type");
    if (s->noop)
        return onnxml_unsupported(c, "noop_with_empty_axes");
    enum err e = axes_find(c, t, &first, &count);
    struct view v = {1, 1, 1};
    for (uint32_t a = 0; a < t->rank; a++) {
        const bool goes = a >= first && a < first + count;
        *(a < first ? &v.outer : goes ? &v.n : &v.inner) *= (size_t)t->shape[a];
        if (!goes || s->keepdims)
            shape[rank++] = goes ? 1 : t->shape[a];
    }
    if (!e && !v.n)
        e = onnxml_unsupported(c, "an empty axis");
    if (!e)
        e = onnxml_out(c, 0, t->type, rank, shape);
    for (size_t i = 0; !e && i < v.outer; i++)
        for (size_t k = 0; k < v.inner; k++)
            onnxml_put(c->out[0], i * v.inner + k, reduce_line((enum reduce)onnxml_variant(c), t, i * v.n * v.inner + k, &v));
    return e;
}

static enum err arg_run(struct onnxml_call *c)
{
    const struct reduce_state *s = onnxml_state(c);
    const struct tensor *t = c->in[0];
    const double sign = onnxml_variant(c) == R_MAX ? 1 : -1;
    uint32_t axis = 0, rank = 0;
    int64_t shape[LIMIT_TENSOR_RANK];
    if (t->type == TENSOR_BYTES)
        return onnxml_unsupported(c, "texts");
    enum err e = onnxml_axis(c, s->axis, t->rank, &axis);
    if (e)
        return e;
    struct view v = {1, (size_t)t->shape[axis], 1};
    for (uint32_t a = 0; a < t->rank; a++) {
        if (a != axis)
            *(a < axis ? &v.outer : &v.inner) *= (size_t)t->shape[a];
        if (a != axis || s->keepdims)
            shape[rank++] = a == axis ? 1 : t->shape[a];
    }
    if (!v.n)
        return onnxml_unsupported(c, "an empty axis");
    e = onnxml_out(c, 0, TENSOR_INT64, rank, shape);
    for (size_t i = 0; !e && i < v.outer * v.inner; i++) {
        const size_t from = i / v.inner * v.n * v.inner + i % v.inner;
        size_t best = 0;
        double top = sign * onnxml_get(t, from);
        for (size_t k = 1; k < v.n; k++) {
            double x = sign * onnxml_get(t, from + k * v.inner);
            if (s->last ? x >= top : x > top) {
                top = x;
                best = k;
            }
        }
        ((int64_t *)onnxml_data(c->out[0]))[i] = (int64_t)best;
    }
    return e;
}

static enum err softmax_run(struct onnxml_call *c)
{
    const struct reduce_state *s = onnxml_state(c);
    const struct tensor *t = c->in[0];
    uint32_t axis = 0;
    if (t->type != TENSOR_FP32 && t->type != TENSOR_FP64)
        return onnxml_unsupported(c, "values that are not real");
    enum err e = onnxml_axis(c, s->axis, t->rank, &axis);
    if (!e)
        e = onnxml_out(c, 0, t->type, t->rank, t->shape);
    if (e)
        return e;
    struct view v = {1, 1, 1};
    for (uint32_t a = 0; a < t->rank; a++)
        *(a < axis ? &v.outer : a == axis || s->flat ? &v.n : &v.inner) *= (size_t)t->shape[a];
    for (size_t i = 0; v.n && i < v.outer * v.inner; i++) {
        const size_t from = i / v.inner * v.n * v.inner + i % v.inner;
        double top = -(double)INFINITY, sum = 0;
        for (size_t k = 0; k < v.n; k++)
            top = fmax(top, onnxml_get(t, from + k * v.inner));
        for (size_t k = 0; k < v.n; k++)
            sum += exp(onnxml_get(t, from + k * v.inner) - top);
        for (size_t k = 0; k < v.n; k++)
            onnxml_put(c->out[0], from + k * v.inner, exp(onnxml_get(t, from + k * v.inner) - top) / sum);
    }
    return OK;
}

struct norm {
    int64_t axis, p;
};

static enum err norm_prepare(struct op *op, struct arena *arena, const struct onnxml_node *node, const struct onnxml_graph *g, void **ret_state)
{
    struct norm *s = arena_new(arena, struct norm);
    (void)g;
    *s = (struct norm){onnxml_attr_i64(node, "axis", -1), onnxml_attr_i64(node, "p", 2)};
    *ret_state = s;
    return s->p == 1 || s->p == 2 ? OK : op_fail(op, E_UNSUPPORTED, "LpNormalization with p = %lld", (long long)s->p);
}

/* LpNormalization: a line of zeros stays what it is. */
static enum err norm_run(struct onnxml_call *c)
{
    const struct norm *s = onnxml_state(c);
    const struct tensor *t = c->in[0];
    uint32_t axis = 0;
    if (t->type != TENSOR_FP32 && t->type != TENSOR_FP64)
        return onnxml_unsupported(c, "values that are not real");
    enum err e = onnxml_axis(c, s->axis, t->rank, &axis);
    if (!e)
        e = onnxml_out(c, 0, t->type, t->rank, t->shape);
    if (e)
        return e;
    struct view v = {1, 1, 1};
    for (uint32_t a = 0; a < t->rank; a++)
        *(a < axis ? &v.outer : a == axis ? &v.n : &v.inner) *= (size_t)t->shape[a];
    for (size_t i = 0; v.n && i < v.outer * v.inner; i++) {
        const size_t from = i / v.inner * v.n * v.inner + i % v.inner;
        const double by = reduce_line(s->p == 1 ? R_L1 : R_L2, t, from, &v);
        for (size_t k = 0; k < v.n; k++) {
            const double x = onnxml_get(t, from + k * v.inner);
            onnxml_put(c->out[0], from + k * v.inner, by > 0 ? x / by : x);
        }
    }
    return OK;
}

/* clang-format off */
const struct onnxml_kernel onnxml_reduce_kernels[] = {
    {"ReduceSum", false, 1, 2, R_SUM, reduce_prepare, reduce_run},
    {"ReduceMean", false, 1, 2, R_MEAN, reduce_prepare, reduce_run},
    {"ReduceMax", false, 1, 2, R_MAX, reduce_prepare, reduce_run},
    {"ReduceMin", false, 1, 2, R_MIN, reduce_prepare, reduce_run},
    {"ReduceProd", false, 1, 2, R_PROD, reduce_prepare, reduce_run},
    {"ReduceL1", false, 1, 2, R_L1, reduce_prepare, reduce_run},
    {"ReduceL2", false, 1, 2, R_L2, reduce_prepare, reduce_run},
    {"ReduceSumSquare", false, 1, 2, R_SUM_SQUARE, reduce_prepare, reduce_run},
    {"ReduceLogSumExp", false, 1, 2, R_LOG_SUM_EXP, reduce_prepare, reduce_run},
    {"ArgMax", false, 1, 1, R_MAX, reduce_prepare, arg_run},
    {"ArgMin", false, 1, 1, R_MIN, reduce_prepare, arg_run},
    {"LpNormalization", false, 1, 1, 0, norm_prepare, norm_run},
    {"Softmax", false, 1, 1, 0, reduce_prepare, softmax_run},
    {0},
};
