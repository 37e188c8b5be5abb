/* Parameters: C (1.0) cost of a wrong row, eps (0.01) stopping tolerance, penalty (l2 | l1),
 * max_rows (0 = all): of more fit rows every k-th is used, k = ceil(rows / max_rows).
 *
 * Memory: LIBLINEAR wants each row as a list of 16-byte (index, value) nodes. After standardising, a missing value is
 * zero and is left out. */
#include "adapter/liblinear/liblinear.h"

#include <linear.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "port/linear_format.h"

struct scaling {
    double *mean, *scale;
};
struct rows_in {
    const struct learner_data *d;
    size_t stride, rows;     /* every stride-th row, `rows` in all */
};

/* Adds (x - about[j])^power of the present values of each column to sum[j], counting them. */
static enum err column_sums(struct op *op, const struct rows_in *in, const double *about, int power, double *sum, size_t *count)
{
    const size_t n = in->d->cols;
    for (size_t i = 0; i < in->rows; i++) {
        const float *x = in->d->x + i * in->stride * n;
        for (size_t j = 0; j < n; j++) {
            if (isnan(x[j]))
                continue;
            if (isinf(x[j]))
                return op_fail(op, E_INVALID, "row %zu of feature %.*s is infinite", i * in->stride,
                               STR_FMT(in->d->names[j]));
            double d = (double)x[j] - about[j];
            sum[j] += power == 2 ? d * d : d;
            count[j]++;
        }
    }
    return OK;
}

/* The mean first, then the spread about it. Constant or empty columns get scale 1. */
static enum err scaling_fit(struct op *op, const struct rows_in *in, struct scaling *s)
{
    const size_t n = in->d->cols;
    s->mean = arena_array(op->arena, n, double);
    s->scale = arena_array(op->arena, n, double);
    double *zero = arena_array(op->arena, n, double), *sum = arena_array(op->arena, n, double);
    size_t *count = arena_array(op->arena, n * 2, size_t);
    if (!s->mean || !s->scale || !count || !zero || !sum)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu features", n);
    enum err e = column_sums(op, in, zero, 1, sum, count);
    for (size_t j = 0; !e && j < n; j++)
        s->mean[j] = count[j] ? sum[j] / (double)count[j] : 0;
    if (!e)
        e = column_sums(op, in, s->mean, 2, s->scale, count + n);
    for (size_t j = 0; !e && j < n; j++) {
        double variance = count[j] ? s->scale[j] / (double)count[j] : 0;
        s->scale[j] = variance > 0 && isfinite(variance) ? sqrt(variance) : 1;
    }
    return e;
}

static enum err problem_make(struct op *op, const struct rows_in *in, const struct scaling *s, struct problem *p)
{
    const size_t n = in->d->cols;
    size_t node_count = 0;
    for (size_t i = 0; i < in->rows; i++) {
        const float *x = in->d->x + i * in->stride * n;
        for (size_t j = 0; j < n; j++)
            node_count += isnan(x[j]) ? 0 : 1;
    }
    struct feature_node *node = arena_array(op->arena, node_count + in->rows * 2, struct feature_node);
    p->x = arena_array(op->arena, in->rows, struct feature_node *);
    p->y = arena_array(op->arena, in->rows, double);
    if (!node || !p->x || !p->y)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu rows; set max_rows", in->rows);
    size_t positive = 0;
    for (size_t i = 0; i < in->rows; i++) {
        const float *x = in->d->x + i * in->stride * n;
        float y = in->d->y[i * in->stride];
        if (y != 0 && y != 1)
            return op_fail_field(op, "label", "the label of fit row %zu is %g, neither 0 nor 1", i * in->stride, (double)y);
        p->y[i] = (double)y;
        positive += y != 0;
        p->x[i] = node;
        for (size_t j = 0; j < n; j++)
            if (!isnan(x[j]))
                *node++ = (struct feature_node){.index = (int)j + 1, .value = ((double)x[j] - s->mean[j]) / s->scale[j]};
        *node++ = (struct feature_node){.index = (int)n + 1, .value = 1};
        *node++ = (struct feature_node){.index = -1, .value = 0};
    }
    if (!positive || positive == in->rows)
        return op_fail_field(op, "label", "all %zu labels are %d: nothing to tell apart", in->rows, positive ? 1 : 0);
    p->l = (int)in->rows;
    p->n = (int)n + 1;
    p->bias = 1;
    return OK;
}

static enum err params_read(struct op *op, const struct json *params, struct parameter *p, int64_t *ret_max_rows)
{
    static const char *const known[] = {"C", "eps", "penalty", "max_rows"};
    for (size_t i = 0; params && i < params->len; i++) {
        size_t k = 0;
        while (k < ARRAY_LEN(known) && !str_eqc(params->members[i].key, known[k]))
            k++;
        if (k == ARRAY_LEN(known))
            return op_fail_field(op, "logistic", "logistic has no parameter \"%.*s\"", STR_FMT(params->members[i].key));
    }
    struct str penalty;
    enum err e = json_opt_f64(op, params, "C", 1.0, &p->C);
    if (!e)
        e = json_opt_f64(op, params, "eps", 0.01, &p->eps);
    if (!e)
        e = json_opt_str(op, params, "penalty", STR("l2"), &penalty);
    if (!e)
        e = json_opt_i64(op, params, "max_rows", 0, INT32_MAX, 0, ret_max_rows);
    if (e)
        return e;
    if (!(p->C > 0) || !isfinite(p->C) || !(p->eps > 0) || !isfinite(p->eps))
        return op_fail_field(op, "C", "logistic.C and logistic.eps must be above zero");
    bool l1 = str_eqc(penalty, "l1");
    if (!l1 && !str_eqc(penalty, "l2"))
        return op_fail_field(op, "penalty", "logistic.penalty is \"%.*s\", not l1 or l2", STR_FMT(penalty));
    p->solver_type = l1 ? L1R_LR : L2R_LR;
    p->p = 0.1;
    return OK;
}

static void quiet(const char *text)
{
    (void)text;
}

static enum err weights_save(struct op *op, const struct model *m, const struct learner_data *fit,
                             const struct scaling *s, struct buf *ret_model)
{
    double sign = m->label[0] == 1 ? 1 : -1; /* LIBLINEAR's first class is the first label it met */
    double *w = arena_array(op->arena, fit->cols, double);
    if (!w)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu features", fit->cols);
    for (size_t j = 0; j <= fit->cols; j++)
        if (!isfinite(m->w[j]))
            return op_fail(op, E_INVALID, "logistic: the solver did not converge to finite weights");
    for (size_t j = 0; j < fit->cols; j++)
        w[j] = sign * m->w[j];
    linear_format(&(struct linear_weights){.features = fit->cols, .names = fit->names, .mean = s->mean,
                                           .scale = s->scale, .weight = w, .bias = sign * m->w[fit->cols]},
                  ret_model);
    return OK;
}

static enum err liblinear_train(struct op *op, const struct json *params, const struct learner_data *fit,
                                const struct learner_data *valid, const struct learner_progress *progress,
                                struct buf *ret_model, struct learner_result *ret)
{
    (void)valid;
    struct parameter parameter = {0};
    struct problem problem = {0};
    struct scaling scaling = {0};
    struct rows_in in = {.d = fit, .stride = 1};
    int64_t max_rows = 0;
    if (fit->cols > LIMIT_LINEAR_FEATURES || fit->rows > INT32_MAX)
        return op_fail(op, E_TOO_LARGE, "logistic: %zu rows of %zu features", fit->rows, fit->cols);
    enum err e = params_read(op, params, &parameter, &max_rows);
    if (e)
        return e;
    if (max_rows && fit->rows > (size_t)max_rows)
        in.stride = (fit->rows + (size_t)max_rows - 1) / (size_t)max_rows;
    in.rows = (fit->rows + in.stride - 1) / in.stride;
    e = scaling_fit(op, &in, &scaling);
    if (!e)
        e = problem_make(op, &in, &scaling, &problem);
    if (e)
        return e;
    const char *wrong = check_parameter(&problem, &parameter);
    if (wrong)
        return op_fail(op, E_INVALID, "logistic: %s", wrong);
    set_print_string_function(quiet);
    struct model *m = train(&problem, &parameter);
    e = weights_save(op, m, fit, &scaling, ret_model);
    free_and_destroy_model(&m);
    if (!e && progress && progress->round)
        e = progress->round(progress->arg, op, &(struct learner_round){.round = 0});
    if (!e)
        *ret = (struct learner_result){.best_round = 0, .rounds = 1};
    return e;
}

static void liblinear_version_text(char out[32])
{
    snprintf(out, 32, "%d.%d", liblinear_version / 100, liblinear_version % 100);
}

const struct learner_ops liblinear_learner = {.name = "logistic", .format = "ingot-linear",
                                              .version = liblinear_version_text, .train = liblinear_train};
