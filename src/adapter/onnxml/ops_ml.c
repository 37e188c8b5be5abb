/* Scaling, filling, linear models: the operators of ai.onnx.ml that work on matrices of numbers. What they mean is in
 * github.com/onnx/onnx, docs/Operators-ml.md; where that is vague (classes, zero norms) ONNX Runtime's answer is the rule. */
#include <math.h>

#include "adapter/onnxml/kernel.h"

struct ml_state {
    const float *a, *b;      /* Scaler: offset, scale. Imputer: values. Linear: coefficients, intercepts */
    size_t a_count, b_count;
    const int64_t *ints;     /* Imputer */
    size_t int_count;
    float replaced;          /* Imputer: what counts as missing. Binarizer: threshold */
    int64_t replaced_int;
    enum { NORM_MAX, NORM_L1, NORM_L2 } norm;
    struct onnxml_labels labels;
    enum onnxml_transform transform;
    size_t targets;
};

static enum err scaler_prepare(struct op *op, struct arena *arena, const struct onnxml_node *node, const struct onnxml_graph *g, void **ret_state)
{
    struct ml_state *s = arena_new(arena, struct ml_state);
    (void)g;
    *ret_state = s;
    enum err e = onnxml_keep_floats(op, arena, onnxml_attr(node, "offset"), &s->a, &s->a_count);
    if (!e)
        e = onnxml_keep_floats(op, arena, onnxml_attr(node, "scale"), &s->b, &s->b_count);
    if (!e && (!s->a_count || !s->b_count))
        e = op_fail(op, E_UNSUPPORTED, "Scaler without offset or scale");
    return e;
}

static enum err scaler_run(struct onnxml_call *c)
{
    const struct ml_state *s = onnxml_state(c);
    size_t rows = 0, width = 0;
    const float *x = NULL;
    enum err e = onnxml_matrix(c, c->in[0], &rows, &width);
    if (!e && ((s->a_count != 1 && s->a_count != width) || (s->b_count != 1 && s->b_count != width)))
        e = op_fail(c->op, E_INVALID, "Scaler: %zu columns, %zu offsets, %zu scales", width, s->a_count, s->b_count);
    if (!e)
        e = onnxml_floats(c, c->in[0], &x);
    if (!e)
        e = onnxml_out(c, 0, TENSOR_FP32, c->in[0]->rank, c->in[0]->shape);
    if (e)
        return e;
    float *out = onnxml_data(c->out[0]);
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < width; k++)
            out[i * width + k] = (x[i * width + k] - s->a[s->a_count == 1 ? 0 : k]) * s->b[s->b_count == 1 ? 0 : k];
    return OK;
}

static enum err normalizer_prepare(struct op *op, struct arena *arena, const struct onnxml_node *node, const struct onnxml_graph *g, void **ret_state)
{
    struct ml_state *s = arena_new(arena, struct ml_state);
    struct str norm = onnxml_attr_str(node, "norm", "MAX");
    (void)g;
    *ret_state = s;
    s->norm = str_eqc(norm, "L1") ? NORM_L1 : str_eqc(norm, "L2") ? NORM_L2 : NORM_MAX;
    return s->norm != NORM_MAX || str_eqc(norm, "MAX") ? OK : op_fail(op, E_UNSUPPORTED, "Normalizer with norm %.*s", STR_FMT(norm));
}

static enum err normalizer_run(struct onnxml_call *c)
{
    const struct ml_state *s = onnxml_state(c);
    size_t rows = 0, width = 0;
    const float *x = NULL;
    enum err e = onnxml_matrix(c, c->in[0], &rows, &width);
    if (!e)
        e = onnxml_floats(c, c->in[0], &x);
    if (!e)
        e = onnxml_out(c, 0, TENSOR_FP32, c->in[0]->rank, c->in[0]->shape);
    if (e)
        return e;
    float *out = onnxml_data(c->out[0]);
    for (size_t i = 0; i < rows; i++, x += width, out += width) {
        float sum = 0, top = -INFINITY;
        for (size_t k = 0; k < width; k++) {
            sum += s->norm == NORM_L1 ? fabsf(x[k]) : x[k] * x[k];
            top = fmaxf(top, x[k]);
        }
        const float by = s->norm == NORM_MAX ? top : s->norm == NORM_L1 ? sum : sqrtf(sum);
        for (size_t k = 0; k < width; k++)
            out[k] = by != 0 ? x[k] / by : x[k];
    }
    return OK;
}

static enum err binarizer_prepare(struct op *op, struct arena *arena, const struct onnxml_node *node, const struct onnxml_graph *g, void **ret_state)
{
    struct ml_state *s = arena_new(arena, struct ml_state);
    (void)op;
    (void)g;
    s->replaced = onnxml_attr_f32(node, "threshold", 0);
    *ret_state = s;
    return OK;
}

static enum err binarizer_run(struct onnxml_call *c)
{
    const struct ml_state *s = onnxml_state(c);
    const struct tensor *t = c->in[0];
    if (t->type != TENSOR_FP32 && t->type != TENSOR_FP64)
        return onnxml_unsupported(c, "values that are not real");
    enum err e = onnxml_out(c, 0, t->type, t->rank, t->shape);
    for (size_t i = 0; !e && i < t->count; i++)
        onnxml_put(c->out[0], i, onnxml_get(t, i) > (double)s->replaced);
    return e;
}

static enum err imputer_prepare(struct op *op, struct arena *arena, const struct onnxml_node *node, const struct onnxml_graph *g, void **ret_state)
{
    struct ml_state *s = arena_new(arena, struct ml_state);
    (void)g;
    *ret_state = s;
    s->replaced = onnxml_attr_f32(node, "replaced_value_float", 0);
    s->replaced_int = onnxml_attr_i64(node, "replaced_value_int64", 0);
    enum err e = onnxml_keep_floats(op, arena, onnxml_attr(node, "imputed_value_floats"), &s->a, &s->a_count);
    if (!e)
        e = onnxml_keep_ints(op, arena, onnxml_attr(node, "imputed_value_int64s"), &s->ints, &s->int_count);
    return e;
}

static enum err imputer_run(struct onnxml_call *c)
{
    const struct ml_state *s = onnxml_state(c);
    const struct tensor *t = c->in[0];
    const bool whole = t->type == TENSOR_INT64;
    const size_t n = whole ? s->int_count : s->a_count;
    size_t rows = 0, width = 0;
    enum err e = onnxml_matrix(c, t, &rows, &width);
    if (!e && !whole && t->type != TENSOR_FP32)
        e = onnxml_unsupported(c, "values of this type");
    if (!e && n != 1 && n != width)
        e = op_fail(c->op, E_INVALID, "Imputer: %zu columns, %zu values", width, n);
    if (!e)
        e = onnxml_out(c, 0, t->type, t->rank, t->shape);
    for (size_t i = 0; !e && i < t->count; i++) {
        const size_t k = n == 1 ? 0 : i % width;
        if (whole) {
            int64_t v = ((const int64_t *)t->data)[i];
            ((int64_t *)onnxml_data(c->out[0]))[i] = v == s->replaced_int ? s->ints[k] : v;
        } else {
            float v = ((const float *)t->data)[i];
            ((float *)onnxml_data(c->out[0]))[i] = v == s->replaced || (isnan(v) && isnan(s->replaced)) ? s->a[k] : v;
        }
    }
    return e;
}

/* FeatureVectorizer: all inputs side by side, as floats. */
static enum err vectorizer_run(struct onnxml_call *c)
{
    size_t rows = 0, total = 0, at = 0;
    enum err e = OK;
    for (uint32_t i = 0; !e && i < c->step->in_count; i++) {
        size_t n = 0, width = 0;
        e = c->in[i] ? onnxml_matrix(c, c->in[i], &n, &width) : onnxml_unsupported(c, "an input is missing");
        if (!e && i && n != rows)
            e = op_fail(c->op, E_INVALID, "FeatureVectorizer: %zu and %zu rows", rows, n);
        rows = n;
        total += width;
    }
    if (!e)
        e = onnxml_out(c, 0, TENSOR_FP32, 2, (int64_t[]){(int64_t)rows, (int64_t)total});
    for (uint32_t i = 0; !e && i < c->step->in_count; i++) {
        const size_t width = (size_t)c->in[i]->shape[c->in[i]->rank - 1];
        for (size_t k = 0; k < c->in[i]->count; k++)
            onnxml_put(c->out[0], k / width * total + at + k % width, onnxml_get(c->in[i], k));
        at += width;
    }
    return e;
}

/* ---- linear models ---- */
static enum err linear_prepare(struct op *op, struct arena *arena, const struct onnxml_node *node, const struct onnxml_graph *g, void **ret_state)
{
    struct ml_state *s = arena_new(arena, struct ml_state);
    const bool classes = str_eqc(node->type, "LinearClassifier");
    (void)g;
    *ret_state = s;
    enum err e = onnxml_keep_floats(op, arena, onnxml_attr(node, "coefficients"), &s->a, &s->a_count);
    if (!e)
        e = onnxml_keep_floats(op, arena, onnxml_attr(node, "intercepts"), &s->b, &s->b_count);
    if (!e)
        e = onnxml_transform_read(op, node, &s->transform);
    if (!e && classes)
        e = onnxml_labels_keep(op, arena, node, "classlabels_ints", "classlabels_strings", &s->labels);
    if (e)
        return e;
    int64_t targets = classes ? (int64_t)s->b_count : onnxml_attr_i64(node, "targets", 1);
    if (targets < 1 || s->a_count % (size_t)targets || !s->a_count || (s->b_count && s->b_count != (size_t)targets))
        return op_fail(op, E_UNSUPPORTED, "%.*s: %zu coefficients and %zu intercepts for %lld targets", STR_FMT(node->type), s->a_count,
                       s->b_count, (long long)targets);
    s->targets = (size_t)targets;
    if (classes && (s->labels.count != s->targets || s->targets < 2)) /* one score for two classes: ONNX is vague */
        return op_fail(op, E_UNSUPPORTED, "LinearClassifier: %zu labels for %zu scores", s->labels.count, s->targets);
    if (!classes && s->transform != ONNXML_NONE)
        return op_fail(op, E_UNSUPPORTED, "LinearRegressor with a transform");
    return OK;
}

static enum err scores_make(struct onnxml_call *c, const struct ml_state *s, size_t at, size_t *ret_rows)
{
    size_t width = 0;
    const float *x = NULL;
    enum err e = onnxml_matrix(c, c->in[0], ret_rows, &width);
    if (!e && width * s->targets != s->a_count)
        e = op_fail(c->op, E_INVALID, "%s: %zu columns, not %zu", c->step->kernel->type, width, s->a_count / s->targets);
    if (!e)
        e = onnxml_floats(c, c->in[0], &x);
    if (!e)
        e = onnxml_out(c, at, TENSOR_FP32, 2, (int64_t[]){(int64_t)*ret_rows, (int64_t)s->targets});
    if (e)
        return e;
    float *out = onnxml_data(c->out[at]);
    for (size_t i = 0; i < *ret_rows; i++)
        for (size_t t = 0; t < s->targets; t++) {
            const float *w = s->a + t * width, *row = x + i * width;
            double sum = s->b_count ? (double)s->b[t] : 0;
            for (size_t k = 0; k < width; k++)
                sum += (double)row[k] * (double)w[k];
            out[i * s->targets + t] = (float)sum;
        }
    return OK;
}

static enum err linear_regressor_run(struct onnxml_call *c)
{
    size_t rows = 0;
    return scores_make(c, onnxml_state(c), 0, &rows);
}

static enum err linear_classifier_run(struct onnxml_call *c)
{
    const struct ml_state *s = onnxml_state(c);
    struct tensor unused = {0};
    struct tensor *out[2] = {c->out[0], c->step->out_count > 1 && c->out[1] ? c->out[1] : &unused};
    struct onnxml_call inner = *c;
    size_t rows = 0;
    inner.out = out;
    enum err e = scores_make(&inner, s, 1, &rows);
    if (!e && out[0])
        e = onnxml_labels_out(c, 0, &s->labels, rows);
    float *score = onnxml_data(out[1]);
    for (size_t i = 0; !e && i < rows; i++, score += s->targets) {
        size_t best = 0;
        for (size_t k = 1; k < s->targets; k++)
            best = score[k] > score[best] ? k : best;
        if (out[0])
            onnxml_label_put(out[0], i, &s->labels, best);
        onnxml_transform_apply(s->transform, score, s->targets);
    }
    return e;
}

/* clang-format off */
const struct onnxml_kernel onnxml_ml_kernels[] = {
    {"Scaler", true, 1, 1, 0, scaler_prepare, scaler_run},
    {"Normalizer", true, 1, 1, 0, normalizer_prepare, normalizer_run},
    {"Binarizer", true, 1, 1, 0, binarizer_prepare, binarizer_run},
    {"Imputer", true, 1, 1, 0, imputer_prepare, imputer_run},
    {"FeatureVectorizer", true, 1, 255, 0, NULL, vectorizer_run},
    {"LinearRegressor", true, 1, 1, 0, linear_prepare, linear_regressor_run},
    {"LinearClassifier", true, 1, 1, 0, linear_prepare, linear_classifier_run},
    {0},
};
