/* Arithmetic, value by value. Values are computed in double and rounded to their type: for + - * / and the root of floats that
 * is the float operation's own result (double has more than twice its digits), for exp and the like it is nearer to the truth.
 * Whole numbers are added and multiplied as such. Shapes are matched by the general rule (numpy's broadcasting). */
#include <math.h>

#include "adapter/onnxml/kernel.h"
#include "base/limits.h"

enum math {
    M_ADD, M_SUB, M_MUL, M_DIV, M_POW, M_MAX, M_MIN, M_LESS, M_GREATER, M_LESS_EQUAL, M_GREATER_EQUAL, M_EQUAL, M_AND, M_OR, M_XOR,
    M_NEG, M_ABS, M_EXP, M_LOG, M_SQRT, M_RECIPROCAL, M_SIGMOID, M_TANH, M_RELU, M_NOT, M_FLOOR, M_CEIL, M_SIGN, M_IS_NAN,
};

/* The walk over an output's places with the places of its inputs beside them. */
struct odometer {
    uint32_t rank;
    int64_t shape[LIMIT_TENSOR_RANK], at[LIMIT_TENSOR_RANK];
    size_t stride[3][LIMIT_TENSOR_RANK], place[3];
};

static bool odometer_fit(struct odometer *o, const struct tensor *const *in, size_t n)
{
    *o = (struct odometer){0};
    for (size_t k = 0; k < n; k++)
        o->rank = in[k]->rank > o->rank ? in[k]->rank : o->rank;
    for (uint32_t a = 0; a < o->rank; a++) {
        o->shape[a] = 1;
        for (size_t k = 0; k < n; k++) {
            uint32_t missing = o->rank - in[k]->rank;
            int64_t len = a < missing ? 1 : in[k]->shape[a - missing];
            if (len != 1 && o->shape[a] != 1 && len != o->shape[a])
                return false;
            o->shape[a] = len != 1 ? len : o->shape[a];
        }
    }
    for (size_t k = 0; k < n; k++) {
        size_t stride = 1;
        for (uint32_t a = in[k]->rank; a-- > 0;) {
            uint32_t at = a + o->rank - in[k]->rank;
            o->stride[k][at] = in[k]->shape[a] == 1 ? 0 : stride;
            stride *= (size_t)in[k]->shape[a];
        }
    }
    return true;
}

static void odometer_next(struct odometer *o, size_t n)
{
    for (uint32_t a = o->rank; a-- > 0;) {
        for (size_t k = 0; k < n; k++)
            o->place[k] += o->stride[k][a];
        if (++o->at[a] < o->shape[a])
            return;
        for (size_t k = 0; k < n; k++)
            o->place[k] -= o->stride[k][a] * (size_t)o->shape[a];
        o->at[a] = 0;
    }
}

static double real_op(enum math m, double a, double b)
{
    switch (m) {
    case M_ADD: return a + b;
    case M_SUB: return a - b;
    case M_MUL: return a * b;
    case M_DIV: return a / b;
    case M_POW: return pow(a, b);
    case M_MAX: return isnan(a) || isnan(b) ? (double)NAN : a > b ? a : b;
    case M_MIN: return isnan(a) || isnan(b) ? (double)NAN : a < b ? a : b;
    case M_LESS: return a < b;
    case M_GREATER: return a > b;
    case M_LESS_EQUAL: return a <= b;
    case M_GREATER_EQUAL: return a >= b;
    case M_EQUAL: return a == b;
    case M_AND: return a != 0 && b != 0;
    case M_OR: return a != 0 || b != 0;
    case M_XOR: return (a != 0) != (b != 0);
    case M_NEG: return -a;
    case M_ABS: return fabs(a);
    case M_EXP: return exp(a);
    case M_LOG: return log(a);
    case M_SQRT: return sqrt(a);
    case M_RECIPROCAL: return 1 / a;
    case M_SIGMOID: return 1 / (1 + exp(-a));
    case M_TANH: return tanh(a);
    case M_RELU: return a > 0 || isnan(a) ? a : 0;
    case M_NOT: return a == 0;
    case M_FLOOR: return floor(a);
    case M_CEIL: return ceil(a);
    case M_SIGN: return a > 0 ? 1 : a < 0 ? -1 : 0;
    case M_IS_NAN: return isnan(a);
    default: return 0;
    }
}

/* Wraps around, as the processor does. False: a division by zero, or an operation that is not for whole numbers. */
static bool int_op(enum math m, int64_t a, int64_t b, int64_t *ret)
{
    const uint64_t x = (uint64_t)a, y = (uint64_t)b;
    switch (m) {
    case M_ADD: *ret = (int64_t)(x + y); return true;
    case M_SUB: *ret = (int64_t)(x - y); return true;
    case M_MUL: *ret = (int64_t)(x * y); return true;
    case M_DIV:
        if (b == 0 || (b == -1 && a == INT64_MIN))
            return false;
        *ret = a / b;
        return true;
    case M_MAX: *ret = a > b ? a : b; return true;
    case M_MIN: *ret = a < b ? a : b; return true;
    case M_LESS: *ret = a < b; return true;
    case M_GREATER: *ret = a > b; return true;
    case M_LESS_EQUAL: *ret = a <= b; return true;
    case M_GREATER_EQUAL: *ret = a >= b; return true;
    case M_EQUAL: *ret = a == b; return true;
    default: return false;
    }
}

static bool answers_bool(enum math m)
{
    return (m >= M_LESS && m <= M_XOR) || m == M_NOT || m == M_IS_NAN;
}

/* The fast case: floats of one shape, or a row for all rows, or one value for all. */
static bool floats_quick(enum math m, const struct tensor *a, const struct tensor *b, struct tensor *out)
{
    if (m > M_DIV || a->type != TENSOR_FP32 || out->count != a->count || !b->count || a->count % b->count)
        return false;
    const float *x = a->data, *y = b->data;
    float *z = onnxml_data(out);
    const size_t n = b->count;
    for (size_t i = 0; i < a->count; i += n)
        for (size_t k = 0; k < n; k++)
            z[i + k] = m == M_ADD ? x[i + k] + y[k] : m == M_SUB ? x[i + k] - y[k] : m == M_MUL ? x[i + k] * y[k] : x[i + k] / y[k];
    return true;
}

static enum err texts_equal(struct onnxml_call *c, struct odometer *o, const struct tensor *const *in)
{
    for (size_t i = 0; i < c->out[0]->count; i++, odometer_next(o, 2))
        ((uint8_t *)onnxml_data(c->out[0]))[i] = str_eq(in[0]->texts[o->place[0]], in[1]->texts[o->place[1]]);
    return OK;
}

/* One operation of two values into *c->out[0]. */
static enum err binary(struct onnxml_call *c, enum math m, const struct tensor *a, const struct tensor *b)
{
    const struct tensor *const in[2] = {a, b};
    struct odometer o;
    if (a->type != b->type && m != M_POW)
        return onnxml_unsupported(c, "values of different types");
    if (!odometer_fit(&o, in, 2))
        return op_fail(c->op, E_INVALID, "%s: shapes that do not match", c->step->kernel->type);
    enum err e = onnxml_out(c, 0, answers_bool(m) ? TENSOR_BOOL : a->type, o.rank, o.shape);
    if (e)
        return e;
    struct tensor *out = c->out[0];
    if (a->type == TENSOR_BYTES)
        return m == M_EQUAL ? texts_equal(c, &o, in) : onnxml_unsupported(c, "texts");
    bool tail = b->rank <= a->rank; /* b is a row or a value that repeats: its shape is the end of a's, or one value */
    for (uint32_t k = 0; tail && b->count != 1 && k < b->rank; k++)
        tail = b->shape[b->rank - 1 - k] == a->shape[a->rank - 1 - k];
    if (tail && b->type == TENSOR_FP32 && floats_quick(m, a, b, out))
        return OK;
    if (a->type == TENSOR_INT64 && b->type == TENSOR_INT64 && m != M_POW) {
        const int64_t *x = a->data, *y = b->data;
        for (size_t i = 0; i < out->count; i++, odometer_next(&o, 2)) {
            int64_t v = 0;
            if (!int_op(m, x[o.place[0]], y[o.place[1]], &v))
                return op_fail(c->op, E_INVALID, "%s: a division by zero, or no operation for whole numbers", c->step->kernel->type);
            if (out->type == TENSOR_BOOL)
                ((uint8_t *)onnxml_data(out))[i] = (uint8_t)v;
            else
                ((int64_t *)onnxml_data(out))[i] = v;
        }
        return OK;
    }
    if (m == M_DIV && a->type != TENSOR_FP32 && a->type != TENSOR_FP64)
        return onnxml_unsupported(c, "a division of small whole numbers");
    for (size_t i = 0; i < out->count; i++, odometer_next(&o, 2))
        onnxml_put(out, i, real_op(m, onnxml_get(a, o.place[0]), onnxml_get(b, o.place[1])));
    return OK;
}

static enum err binary_run(struct onnxml_call *c)
{
    return binary(c, (enum math)onnxml_variant(c), c->in[0], c->in[1]);
}

/* Sum, Max, Min of any number; Mean divides the sum. */
static enum err variadic_run(struct onnxml_call *c)
{
    const bool mean = onnxml_variant(c) == M_DIV;
    const enum math m = mean ? M_ADD : (enum math)onnxml_variant(c);
    struct tensor so_far = *c->in[0];
    for (uint32_t i = 1; i < c->step->in_count; i++) {
        enum err e = binary(c, m, &so_far, c->in[i]);
        if (e)
            return e;
        so_far = *c->out[0];
    }
    if (!mean) {
        *c->out[0] = so_far;
        return OK;
    }
    const float n = (float)c->step->in_count;
    const struct tensor by = {.type = TENSOR_FP32, .count = 1, .data = &n};
    return binary(c, M_DIV, &so_far, &by);
}

static enum err unary_run(struct onnxml_call *c)
{
    const struct tensor *t = c->in[0];
    const enum math m = (enum math)onnxml_variant(c);
    if (t->type == TENSOR_BYTES)
        return onnxml_unsupported(c, "texts");
    if (t->type == TENSOR_INT64 && m != M_NEG && m != M_ABS && m != M_SIGN && m != M_RELU)
        return onnxml_unsupported(c, "whole numbers");
    enum err e = onnxml_out(c, 0, answers_bool(m) ? TENSOR_BOOL : t->type, t->rank, t->shape);
    for (size_t i = 0; !e && i < t->count; i++)
        onnxml_put(c->out[0], i, real_op(m, onnxml_get(t, i), 0));
    return e;
}

static enum err where_run(struct onnxml_call *c)
{
    struct odometer o;
    const struct tensor *x = c->in[1], *y = c->in[2];
    if (c->in[0]->type != TENSOR_BOOL || x->type != y->type)
        return onnxml_unsupported(c, "types that do not match");
    if (!odometer_fit(&o, c->in, 3))
        return op_fail(c->op, E_INVALID, "Where: shapes that do not match");
    enum err e = onnxml_out(c, 0, x->type, o.rank, o.shape);
    const size_t size = tensor_type_size(x->type);
    for (size_t i = 0; !e && i < c->out[0]->count; i++, odometer_next(&o, 3)) {
        const bool yes = ((const uint8_t *)c->in[0]->data)[o.place[0]] != 0;
        const struct tensor *from = yes ? x : y;
        const size_t place = o.place[yes ? 1 : 2];
        if (x->type == TENSOR_BYTES)
            onnxml_texts(c->out[0])[i] = from->texts[place];
        else
            memcpy((char *)onnxml_data(c->out[0]) + i * size, (const char *)from->data + place * size, size);
    }
    return e;
}

struct clip {
    double min, max;         /* of the attributes (before version 11) */
};

static enum err clip_prepare(struct op *op, struct arena *arena, const struct onnxml_node *node, const struct onnxml_graph *g, void **ret_state)
{
    struct clip *s = arena_new(arena, struct clip);
    (void)op;
    (void)g;
    s->min = (double)onnxml_attr_f32(node, "min", -INFINITY);
    s->max = (double)onnxml_attr_f32(node, "max", INFINITY);
    *ret_state = s;
    return OK;
}

static enum err clip_run(struct onnxml_call *c)
{
    const struct clip *s = onnxml_state(c);
    const struct tensor *t = c->in[0];
    double bound[2] = {s->min, s->max};
    for (uint32_t i = 1; i < c->step->in_count; i++) {
        if (c->in[i] && (c->in[i]->count != 1 || c->in[i]->type != t->type))
            return onnxml_unsupported(c, "bounds that are no single values");
        if (c->in[i])
            bound[i - 1] = onnxml_get(c->in[i], 0);
    }
    if (t->type != TENSOR_FP32 && t->type != TENSOR_FP64)
        return onnxml_unsupported(c, "whole numbers");
    enum err e = onnxml_out(c, 0, t->type, t->rank, t->shape);
    for (size_t i = 0; !e && i < t->count; i++) {
        double v = onnxml_get(t, i);
        v = v < bound[0] ? bound[0] : v;
        onnxml_put(c->out[0], i, v > bound[1] ? bound[1] : v);
    }
    return e;
}

/* Large dense layers are ONNX Runtime's work, which is faster at them. */
static enum err product_check(struct onnxml_call *c, size_t weights)
{
    return weights > LIMIT_ONNXML_DENSE ? onnxml_unsupported(c, "a large dense layer") : OK;
}

/* out[n, m] = alpha * a[n, k] b[k, m] + beta * bias. Strides say which way the matrices lie. */
struct product {
    size_t n, k, m, a_row, a_col, b_row, b_col;
    double alpha;
};

static void product_make(const struct product *p, const struct tensor *a, const struct tensor *b, struct tensor *out)
{
    const bool quick = a->type == TENSOR_FP32;
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = 0; j < p->m; j++) {
            double sum = 0;
            for (size_t k = 0; k < p->k; k++) {
                const size_t x = i * p->a_row + k * p->a_col, y = k * p->b_row + j * p->b_col;
                sum += quick ? (double)((const float *)a->data)[x] * (double)((const float *)b->data)[y] : onnxml_get(a, x) * onnxml_get(b, y);
            }
            onnxml_put(out, i * p->m + j, p->alpha * sum);
        }
}

static enum err matmul_run(struct onnxml_call *c)
{
    const struct tensor *a = c->in[0], *b = c->in[1];
    if (a->rank < 1 || a->rank > 2 || b->rank < 1 || b->rank > 2 || a->type != b->type || (a->type != TENSOR_FP32 && a->type != TENSOR_FP64))
        return onnxml_unsupported(c, "something else than two matrices of real numbers");
    struct product p = {.n = a->rank == 2 ? (size_t)a->shape[0] : 1, .k = (size_t)a->shape[a->rank - 1],
                        .m = b->rank == 2 ? (size_t)b->shape[1] : 1, .a_col = 1, .b_col = 1, .alpha = 1};
    p.a_row = p.k;
    p.b_row = p.m;
    if ((size_t)b->shape[0] != p.k)
        return op_fail(c->op, E_INVALID, "MatMul: %zu columns for %lld rows", p.k, (long long)b->shape[0]);
    int64_t shape[2];
    uint32_t rank = 0;
    if (a->rank == 2)
        shape[rank++] = (int64_t)p.n;
    if (b->rank == 2)
        shape[rank++] = (int64_t)p.m;
    enum err e = product_check(c, p.k * p.m);
    if (!e)
        e = onnxml_out(c, 0, a->type, rank, shape);
    if (!e)
        product_make(&p, a, b, c->out[0]);
    return e;
}

struct gemm {
    double alpha, beta;
    bool a_turned, b_turned;
};

static enum err gemm_prepare(struct op *op, struct arena *arena, const struct onnxml_node *node, const struct onnxml_graph *g, void **ret_state)
{
    struct gemm *s = arena_new(arena, struct gemm);
    (void)op;
    (void)g;
    *s = (struct gemm){(double)onnxml_attr_f32(node, "alpha", 1), (double)onnxml_attr_f32(node, "beta", 1),
                       onnxml_attr_i64(node, "transA", 0) != 0, onnxml_attr_i64(node, "transB", 0) != 0};
    *ret_state = s;
    return OK;
}

static enum err gemm_run(struct onnxml_call *c)
{
    const struct gemm *s = onnxml_state(c);
    const struct tensor *a = c->in[0], *b = c->in[1], *bias = c->step->in_count > 2 ? c->in[2] : NULL;
    if (a->rank != 2 || b->rank != 2 || a->type != b->type || (a->type != TENSOR_FP32 && a->type != TENSOR_FP64) || (bias && bias->type != a->type))
        return onnxml_unsupported(c, "something else than matrices of real numbers");
    struct product p = {.n = (size_t)a->shape[s->a_turned], .k = (size_t)a->shape[!s->a_turned], .m = (size_t)b->shape[!s->b_turned], .alpha = s->alpha};
    p.a_row = s->a_turned ? 1 : p.k;
    p.a_col = s->a_turned ? p.n : 1;
    p.b_row = s->b_turned ? 1 : p.m;
    p.b_col = s->b_turned ? p.k : 1;
    if ((size_t)b->shape[s->b_turned] != p.k)
        return op_fail(c->op, E_INVALID, "Gemm: %zu columns for %lld rows", p.k, (long long)b->shape[s->b_turned]);
    enum err e = product_check(c, p.k * p.m);
    if (!e)
        e = onnxml_out(c, 0, a->type, 2, (int64_t[]){(int64_t)p.n, (int64_t)p.m});
    if (e)
        return e;
    struct tensor *out = c->out[0];
    product_make(&p, a, b, out);
    if (!bias)
        return OK;
    struct odometer o;
    const struct tensor *const in[2] = {out, bias};
    if (!odometer_fit(&o, in, 2) || o.rank != 2 || o.shape[0] != out->shape[0] || o.shape[1] != out->shape[1])
        return op_fail(c->op, E_INVALID, "Gemm: a bias of another shape");
    for (size_t i = 0; i < out->count; i++, odometer_next(&o, 2))
        onnxml_put(out, i, onnxml_get(out, i) + s->beta * onnxml_get(bias, o.place[1]));
    return OK;
}

/* clang-format off */
const struct onnxml_kernel onnxml_math_kernels[] = {
    {"Add", false, 2, 2, M_ADD, NULL, binary_run},
    {"Sub", false, 2, 2, M_SUB, NULL, binary_run},
    {"Mul", false, 2, 2, M_MUL, NULL, binary_run},
    {"Div", false, 2, 2, M_DIV, NULL, binary_run},
    {"Pow", false, 2, 2, M_POW, NULL, binary_run},
    {"Less", false, 2, 2, M_LESS, NULL, binary_run},
    {"Greater", false, 2, 2, M_GREATER, NULL, binary_run},
    {"LessOrEqual", false, 2, 2, M_LESS_EQUAL, NULL, binary_run},
    {"GreaterOrEqual", false, 2, 2, M_GREATER_EQUAL, NULL, binary_run},
    {"Equal", false, 2, 2, M_EQUAL, NULL, binary_run},
    {"And", false, 2, 2, M_AND, NULL, binary_run},
    {"Or", false, 2, 2, M_OR, NULL, binary_run},
    {"Xor", false, 2, 2, M_XOR, NULL, binary_run},
    {"Sum", false, 1, 255, M_ADD, NULL, variadic_run},
    {"Max", false, 1, 255, M_MAX, NULL, variadic_run},
    {"Min", false, 1, 255, M_MIN, NULL, variadic_run},
    {"Mean", false, 1, 255, M_DIV, NULL, variadic_run},
    {"Neg", false, 1, 1, M_NEG, NULL, unary_run},
    {"Abs", false, 1, 1, M_ABS, NULL, unary_run},
    {"Exp", false, 1, 1, M_EXP, NULL, unary_run},
    {"Log", false, 1, 1, M_LOG, NULL, unary_run},
    {"Sqrt", false, 1, 1, M_SQRT, NULL, unary_run},
    {"Reciprocal", false, 1, 1, M_RECIPROCAL, NULL, unary_run},
    {"Sigmoid", false, 1, 1, M_SIGMOID, NULL, unary_run},
    {"Tanh", false, 1, 1, M_TANH, NULL, unary_run},
    {"Relu", false, 1, 1, M_RELU, NULL, unary_run},
    {"Not", false, 1, 1, M_NOT, NULL, unary_run},
    {"Floor", false, 1, 1, M_FLOOR, NULL, unary_run},
    {"Ceil", false, 1, 1, M_CEIL, NULL, unary_run},
    {"Sign", false, 1, 1, M_SIGN, NULL, unary_run},
    {"IsNaN", false, 1, 1, M_IS_NAN, NULL, unary_run},
    {"Where", false, 3, 3, 0, NULL, where_run},
    {"Clip", false, 1, 3, 0, clip_prepare, clip_run},
    {"MatMul", false, 2, 2, 0, NULL, matmul_run},
    {"Gemm", false, 2, 3, 0, gemm_prepare, gemm_run},
    {0},
};
