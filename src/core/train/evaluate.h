/* evaluate.h - how good is a model on rows it has not seen: measures with confidence intervals, by segment, the
 * calibration table, and the gates that decide whether it may go on. Pure; everything lives in op's arena. */
#ifndef INGOT_CORE_TRAIN_EVALUATE_H
#define INGOT_CORE_TRAIN_EVALUATE_H

#include <stdlib.h>

#include "core/train/params.h"
#include "core/train/rows.h"
#include "num/metrics.h"
#include "port/engine.h"

/* For the heap arrays of train_predict(). */
static inline void floats_auto(float **f) { free(*f); }

struct train_scores {
    uint64_t rows, positives;
    double mean_score;
    struct interval metric[TRAIN_METRIC_COUNT]; /* by enum train_metric; NaN: not defined (one class only) */
};
struct train_segment {
    struct str name;
    struct train_scores scores;
};
struct train_evaluation {
    struct train_scores all;
    struct train_segment *segments;   /* the most frequent first, ties by name */
    size_t segment_len;
    struct calibration_bin bins[METRICS_ECE_BINS];
};

/* Scores of all rows (output 0 of the model) in a heap array that the caller frees. E_INVALID: the model's features are
 * not the rows' features, by number or by name. */
MUST_USE enum err train_predict(struct op *op, const struct model *model, const struct train_rows *rows, float **ret_scores);
/* E_INVALID: no rows, or rows without labels. Segments only if the rows have them. */
MUST_USE enum err train_evaluate(struct op *op, const struct train_params *params, const struct train_rows *rows,
                                 const float *scores, struct train_evaluation **ret);
/* One object; intervals as {"value", "lo", "hi"}, NaN as null. */
void train_evaluation_json(struct json_out *w, const struct train_evaluation *e);

struct train_gate_result {
    const struct train_gate *gate;
    struct str segment;      /* "" = all rows */
    double value;            /* NaN: not defined, which fails */
    bool pass;
};
/* One result per gate, one per segment for "*". A gate on a segment that is not reported fails with NaN. */
MUST_USE enum err train_gates_check(struct op *op, const struct train_params *params, const struct train_evaluation *e,
                                    struct train_gate_result **ret, size_t *ret_len);
void train_gates_json(struct json_out *w, const struct train_gate_result *results, size_t n);
/* "auc >= 0.7 on origin ORD: 0.65" */
char *train_gate_text(struct op *op, const struct train_params *params, const struct train_gate_result *r);
/* True when `a` beats `b` by the params' rule; NaN never beats. */
bool train_is_better(const struct train_params *params, const struct train_evaluation *a, const struct train_evaluation *b);

#endif
