/* params.h - params.yaml: what to learn from, by what, and what the result must reach.
 *
 *     columns: {id: flight, time: date, label: label, features: [a, b]}  # features: absent = every FLOAT column
 *     split: {fit_start: 2001-01-29, fit_end: 2001-03-18, valid_end: 2001-04-01}
 *     threshold: 0.5
 *     reference: all              # rows that monitors compare with: fit | valid | all
 *     transform: {columns: [...]} # raw columns into features, fitted on the fit rows: core/chain/transform_fit.h; then columns.features is not read
 *     calibrate: {method: platt}  # or isotonic, temperature, beta: fitted on the validation rows' scores (core/chain/calibrate.h)
 *     xgboost: {rounds: 100}      # one section per learner, read by the learner itself
 *     logistic: {C: 1.0}
 *     evaluate:
 *       best: {metric: log_loss, goal: min}
 *       segments: {column: origin, top: 20}
 *       confidence: 0.95
 *       gates: [{metric: auc, op: ">=", value: 0.7}, {metric: auc, op: ">=", value: 0.6, segment: "*"}]
 *
 * Times are RFC 3339 or dates, UTC. Fit rows are those with fit_start <= time < fit_end, validation rows those with
 * fit_end <= time < valid_end: the split is by time, so nothing from the future is learnt from.
 * Everything lives in the arena of the op that parsed it. Unknown keys are E_INVALID with their path. */
#ifndef INGOT_CORE_TRAIN_PARAMS_H
#define INGOT_CORE_TRAIN_PARAMS_H

#include "base/json.h"

enum train_metric {
    TRAIN_AUC,
    TRAIN_LOG_LOSS,
    TRAIN_BRIER,
    TRAIN_ECE,
    TRAIN_ACCURACY,
    TRAIN_METRIC_COUNT,
};
/* "auc", "log_loss", "brier", "ece", "accuracy". */
const char *train_metric_name(enum train_metric m);
bool train_metric_find(struct str name, enum train_metric *ret);

enum train_compare { TRAIN_GE, TRAIN_GT, TRAIN_LE, TRAIN_LT };
struct train_gate {
    enum train_metric metric;
    enum train_compare compare;
    double value;
    struct str segment;      /* "" = all rows, "*" = every segment, else one by name */
};
enum train_reference { TRAIN_REFERENCE_ALL, TRAIN_REFERENCE_FIT, TRAIN_REFERENCE_VALID };

struct train_params {
    struct str id, time, label; /* column names; id "" = the row's number */
    struct str *features;       /* NULL = every FLOAT column of the frame, in its order */
    size_t feature_len;
    int64_t fit_start_us, fit_end_us, valid_end_us;
    double threshold;
    enum train_reference reference;
    enum train_metric best_metric;
    bool best_is_max;
    struct str segment_column;  /* "" = no segments */
    size_t segment_top;         /* the most frequent ones */
    double confidence;
    struct train_gate *gates;
    size_t gate_len;
    const struct json *transform, *calibrate; /* NULL: none */
    const struct json *doc;     /* the whole file: doc.<learner> is its section */
};
MUST_USE enum err train_params_parse(struct op *op, struct str yaml, struct train_params **ret);
/* The learner's section, or NULL when there is none. */
const struct json *train_params_learner(const struct train_params *p, const char *learner);

#endif
