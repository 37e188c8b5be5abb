/* SVMRegressor: sum of coefficient * kernel(support vector, row), plus rho; without support vectors, coefficients are weights.
 * Its classifier, whose votes and probabilities of pairs ONNX leaves open, is left to ONNX Runtime. */
#include <math.h>

#include "adapter/onnxml/kernel.h"

enum svm_kernel { SVM_LINEAR, SVM_POLY, SVM_RBF, SVM_SIGMOID };
struct svm_state {
    const float *weights, *vectors, *rho, *params;
    size_t weight_count, vector_count, rho_count, param_count;
    size_t supports, width;  /* supports 0: linear */
    enum svm_kernel kernel;
};

static enum err svm_prepare(struct op *op, struct arena *arena, const struct onnxml_node *node, const struct onnxml_graph *g, void **ret_state)
{
    static const char *const kernels[] = {"LINEAR", "POLY", "RBF", "SIGMOID"};
    struct svm_state *s = arena_new(arena, struct svm_state);
    const struct str name = onnxml_attr_str(node, "kernel_type", "LINEAR");
    const int64_t supports = onnxml_attr_i64(node, "n_supports", 0);
    enum onnxml_transform transform = ONNXML_NONE;
    size_t k = 0;
    (void)g;
    *ret_state = s;
    while (k < ARRAY_LEN(kernels) && !str_eqc(name, kernels[k]))
        k++;
    s->kernel = (enum svm_kernel)k;
    enum err e = onnxml_keep_floats(op, arena, onnxml_attr(node, "coefficients"), &s->weights, &s->weight_count);
    if (!e)
        e = onnxml_keep_floats(op, arena, onnxml_attr(node, "support_vectors"), &s->vectors, &s->vector_count);
    if (!e)
        e = onnxml_keep_floats(op, arena, onnxml_attr(node, "rho"), &s->rho, &s->rho_count);
    if (!e)
        e = onnxml_keep_floats(op, arena, onnxml_attr(node, "kernel_params"), &s->params, &s->param_count);
    if (!e)
        e = onnxml_transform_read(op, node, &transform);
    if (e)
        return e;
    if (k == ARRAY_LEN(kernels) || transform != ONNXML_NONE || onnxml_attr_i64(node, "one_class", 0) || s->rho_count != 1 || !s->weight_count ||
        supports < 0 || (s->kernel != SVM_LINEAR && (!supports || s->param_count != 3)))
        return op_fail(op, E_UNSUPPORTED, "SVMRegressor with kernel %.*s in this form", STR_FMT(name));
    s->supports = (size_t)supports;
    if (supports && (s->weight_count != s->supports || s->vector_count % s->supports || !s->vector_count))
        return op_fail(op, E_INVALID, "SVMRegressor: %zu coefficients and %zu values for %zu support vectors", s->weight_count, s->vector_count,
                       s->supports);
    s->width = supports ? s->vector_count / s->supports : s->weight_count;
    return OK;
}

static double kernel_of(const struct svm_state *s, const float *v, const float *x)
{
    double sum = 0;
    for (size_t i = 0; i < s->width; i++) {
        const double d = (double)v[i] - (double)x[i];
        sum += s->kernel == SVM_RBF ? d * d : (double)v[i] * (double)x[i];
    }
    switch (s->kernel) {
    case SVM_POLY: return pow((double)s->params[0] * sum + (double)s->params[1], (double)s->params[2]);
    case SVM_RBF: return exp(-(double)s->params[0] * sum);
    case SVM_SIGMOID: return tanh((double)s->params[0] * sum + (double)s->params[1]);
    case SVM_LINEAR: default: return sum;
    }
}

static enum err svm_run(struct onnxml_call *c)
{
    const struct svm_state *s = onnxml_state(c);
    size_t rows = 0, width = 0;
    const float *x = NULL;
    enum err e = onnxml_matrix(c, c->in[0], &rows, &width);
    if (!e && width != s->width)
        e = op_fail(c->op, E_INVALID, "SVMRegressor: %zu columns, not %zu", width, s->width);
    if (!e)
        e = onnxml_floats(c, c->in[0], &x);
    if (!e)
        e = onnxml_out(c, 0, TENSOR_FP32, 2, (int64_t[]){(int64_t)rows, 1});
    for (size_t i = 0; !e && i < rows; i++, x += width) {
        double sum = (double)s->rho[0];
        for (size_t k = 0; k < s->supports; k++)
            sum += (double)s->weights[k] * kernel_of(s, s->vectors + k * width, x);
        if (!s->supports)
            sum += kernel_of(s, s->weights, x);
        ((float *)onnxml_data(c->out[0]))[i] = (float)sum;
    }
    return e;
}

/* clang-format off */
const struct onnxml_kernel onnxml_svm_kernels[] = {
    {"SVMRegressor", true, 1, 1, 0, svm_prepare, svm_run},
    {0},
};
