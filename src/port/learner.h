/* learner.h - an algorithm that makes a model from rows. The bytes it returns are what an engine
 * (port/engine.h) of the same format loads. A learner keeps nothing between calls; calls are blocking
 * and may use several threads of their own; any thread may call. */
#ifndef INGOT_PORT_LEARNER_H
#define INGOT_PORT_LEARNER_H

#include "base/buf.h"
#include "base/json.h"
#include "base/op.h"

/* Rows of one split. `x` is row major, rows x cols floats, NaN = missing; `y` has `rows` labels, 0 or 1 for
 * classification. Both are borrowed for the call. */
struct learner_data {
    const float *x;
    const float *y;
    size_t rows, cols;
    const struct str *names;  /* `cols` of them */
};
struct learner_metric {
    char name[32];            /* "fit_log_loss", "valid_auc" */
    double value;
};
/* What a learner knows after one round (boosting round, or the end for learners without rounds). */
struct learner_round {
    int64_t round;            /* from 0 */
    size_t len;
    struct learner_metric metrics[8];
};
struct learner_progress {
    void *arg;
    /* May be NULL. An error ends the training with that error. */
    enum err (*round)(void *arg, struct op *op, const struct learner_round *r);
};
struct learner_result {
    int64_t best_round;       /* the model holds rounds 0..best_round */
    int64_t rounds;           /* that were run */
};
struct learner_ops {
    const char *name;         /* "xgboost" */
    const char *format;       /* of the bytes, as engine_info.format */
    void (*version)(char out[32]); /* of the library: "1.7.4" */
    /* `params`: the learner's own section of params.yaml, an object; unknown keys are E_INVALID. `valid` may
     * be NULL. The model's bytes are appended to `ret_model`. E_INVALID: parameters or data that the library
     * refuses; E_CANCELLED: the callback said so. */
    enum err (*train)(struct op *op, const struct json *params, const struct learner_data *fit,
                      const struct learner_data *valid, const struct learner_progress *progress,
                      struct buf *ret_model, struct learner_result *ret);
};

/* Checks the data (no label outside 0..1 for classification is the learner's own affair; here: no NaN label,
 * no empty split, equal columns) and calls the learner. E_INVALID names the row. */
MUST_USE enum err learner_train(struct op *op, const struct learner_ops *learner, const struct json *params,
                                const struct learner_data *fit, const struct learner_data *valid,
                                const struct learner_progress *progress, struct buf *ret_model,
                                struct learner_result *ret);

#endif
