#include "port/learner.h"

#include <math.h>

static enum err data_check(struct op *op, const char *which, const struct learner_data *d)
{
    if (!d->rows || !d->cols)
        return op_fail(op, E_INVALID, "the %s split has %zu rows of %zu features: nothing to learn from", which,
                       d->rows, d->cols);
    for (size_t i = 0; i < d->rows; i++)
        if (!isfinite(d->y[i]))
            return op_fail_field(op, "label", "the label of row %zu of the %s split is not a number", i, which);
    return OK;
}

enum err learner_train(struct op *op, const struct learner_ops *learner, const struct json *params,
                       const struct learner_data *fit, const struct learner_data *valid,
                       const struct learner_progress *progress, struct buf *ret_model,
                       struct learner_result *ret)
{
    enum err e = data_check(op, "fit", fit);
    if (!e && valid)
        e = data_check(op, "validation", valid);
    if (e)
        return e;
    if (valid && valid->cols != fit->cols)
        return op_fail(op, E_INVALID, "the validation split has %zu features, the fit split %zu", valid->cols,
                       fit->cols);
    if (params && params->type != JSON_OBJECT)
        return op_fail_field(op, learner->name, "the parameters of %s are a %s, not an object", learner->name,
                             json_type_name(params->type));
    e = learner->train(op, params, fit, valid, progress, ret_model, ret);
    if (!e && ret_model->failed)
        return op_fail(op, E_TOO_LARGE, "the model is larger than %zu bytes", ret_model->max);
    return e;
}
