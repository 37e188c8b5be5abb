/* post.h - what becomes of the model's scores: calibrated, rounded, compared with thresholds, named.
 *
 *     {"source": "probabilities",    the output that holds scores; absent: the first of a float type with one row per row
 *      "calibrate": {...},           see calibrate.h; absent or "package": the version's own calibrator, if it has one; "none"
 *      "threshold": 0.5,             of one score; absent: the endpoint's
 *                   {"yes": 0.3},    or per class (absent ones: 0.5): the class whose probability is largest against its threshold wins
 *      "labels": ["no", "yes"],      absent: the model's, else "0", "1" ...
 *      "outputs": ["score", "label", "probabilities"],
 *      "round": 4}                   digits of score and probabilities; absent: all
 *
 * A source of one value, or of two, is binary: `score` is the probability of the second class, `probabilities` are both, `label` is the
 * second class from the threshold on. Of more classes `score` is the largest probability. `outputs` absent: score of a binary
 * source, probabilities of another, and label where labels or a threshold are given. An output takes the place of the model's of the same
 * name, else it stands behind the model's. Numbers are FP64, but FP32 as the model's when they are neither calibrated nor rounded.
 * Compiled once per version; immutable. */
#ifndef INGOT_CORE_CHAIN_POST_H
#define INGOT_CORE_CHAIN_POST_H

#include "core/chain/calibrate.h"
#include "port/tensor.h"

enum post_output { POST_SCORE, POST_LABEL, POST_PROBABILITIES, POST_OUTPUTS };

/* As configured. */
struct post_spec {
    struct str source;                 /* "": find it */
    const struct calibrator *calibrator; /* NULL: the version's */
    double threshold;
    const struct json *per_class;      /* NULL: none */
    const struct str *labels;          /* NULL: the model's */
    size_t label_count;
    bool wanted[POST_OUTPUTS], chosen; /* chosen: `outputs` was given */
    bool decides;                      /* a threshold was given */
    int round;                         /* -1: all digits */
};
/* NULL or null gives NULL. */
MUST_USE enum err post_parse(struct op *op, const struct json *j, double threshold, struct post_spec **ret);

/* One output of the whole: the model's, or ours. */
struct post_place {
    size_t model;                      /* SIZE_MAX: ours */
    enum post_output what;
};
struct post {
    size_t source, width;              /* the model's output, and its values per row */
    const struct calibrator *calibrator; /* NULL: none */
    const struct str *labels;          /* of each class */
    const double *thresholds;          /* per class, NULL: `threshold` */
    double threshold;
    size_t classes;
    int round;
    enum tensor_type type;             /* of the numbers */
    const struct tensor_spec *outputs; /* of the whole */
    const struct post_place *places;
    size_t output_count;
};
/* `spec` NULL: what the version's own calibrator asks for alone. *ret NULL: nothing is to be done. E_INVALID: the configuration does not fit
 * the model's outputs. Lives in op's arena and borrows its arguments. */
MUST_USE enum err post_compile(struct op *op, const struct post_spec *spec, const struct calibrator *own, double threshold,
                               const struct tensor_spec *outputs, size_t output_count, struct post **ret);

/* What ours are, for `rows` rows. */
struct post_result {
    struct tensor made[POST_OUTPUTS];
    const float *scores;               /* `rows` of them, unrounded: what monitors are told */
};
/* Only the `wanted` outputs (NULL: all) are made. */
MUST_USE enum err post_run(struct op *op, const struct post *p, const struct tensor *source, size_t rows, const bool *wanted, struct post_result *ret);

#endif
