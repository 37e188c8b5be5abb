/* transform.h - from the columns that callers know to the matrix that a model was trained on: the steps fitted in training, applied
 * by the same code to the training frame and to a request.
 *
 * A transform is a list of columns, each with its steps in order; a name may stand there several times with different steps. A column is of
 * numbers (NaN = missing) or of texts (empty = missing). Steps turn one value into one value; the last one of a column may make
 * several, and an imputation with `indicator` adds one behind them. The outputs stand in the order of the columns.
 *     impute      a missing value becomes another one
 *     scale       (v - center) / scale
 *     clip        at least min, at most max
 *     log1p       log(1 + v); NaN from -1 downward
 *     bucketize   0 for v below edges[1], 1 below edges[2] ... ; or as many 0/1 outputs
 *     onehot      one 0/1 output per category, one more for rare ones if there are any
 *     ordinal     the category's place
 *     target      what the target was on average where this category stood
 *     hash        one of `buckets` outputs is 1 (or -1), by MurmurHash3 of the text
 * Missing values pass all number steps as NaN; encoders take them for an unknown category. An unknown category is, by `unknown`: all
 * zeros (ignore), E_INVALID (error), the rare ones' output (infrequent), or for ordinal the value `unknown_value`; target takes the overall mean.
 * Files: transform_format.h; fitting: transform_fit.h. A transform is immutable; any thread may apply it. */
#ifndef INGOT_CORE_CHAIN_TRANSFORM_H
#define INGOT_CORE_CHAIN_TRANSFORM_H

#include "base/op.h"

enum transform_kind {
    TRANSFORM_IMPUTE, TRANSFORM_SCALE, TRANSFORM_CLIP, TRANSFORM_LOG1P, TRANSFORM_BUCKETIZE, TRANSFORM_ONEHOT, TRANSFORM_ORDINAL, TRANSFORM_TARGET,
    TRANSFORM_HASH, TRANSFORM_KINDS,
};
enum transform_unknown { TRANSFORM_UNKNOWN_IGNORE, TRANSFORM_UNKNOWN_ERROR, TRANSFORM_UNKNOWN_INFREQUENT, TRANSFORM_UNKNOWN_VALUE };

/* Categories of one column in ascending order: numbers or texts. */
struct transform_set {
    const double *numbers;
    const struct str *texts;
    size_t len;
};
struct transform_step {
    enum transform_kind kind;
    struct str method;                 /* how it was fitted: "median", "minmax" ...; told on, not used */
    double number;                     /* impute, numbers */
    struct str text;                   /* impute, texts */
    bool indicator;                    /* impute */
    double center, scale;
    double min, max;                   /* clip: -INFINITY, INFINITY: none */
    const double *edges;               /* bucketize: edge_count of them, at least 2, ascending; the outer two bound nothing */
    size_t edge_count;
    bool onehot;                       /* bucketize: one output per bucket */
    struct transform_set known;        /* onehot, ordinal, target */
    struct transform_set rare;         /* onehot: these share the last output */
    enum transform_unknown unknown;
    double unknown_value;              /* ordinal; target: the overall mean. NaN is allowed */
    const double *values;              /* target: of each category */
    uint32_t buckets;                  /* hash */
    bool signs;                        /* hash: 1 or -1 */
};
struct transform_column {
    struct str name;
    bool text;
    size_t input;                      /* of transform.inputs */
    const struct transform_step *steps;
    size_t step_count;
    size_t at, width;                  /* its outputs */
    bool indicator;                    /* the last of them is 1 where the value was missing */
};
/* A column that callers send. */
struct transform_input {
    struct str name;
    bool text;
    double min, max;                   /* seen in training; NaN: not known */
};
struct transform {
    const struct transform_column *columns;
    size_t column_count;
    const struct transform_input *inputs;
    size_t input_count;
    const struct str *outputs;         /* names: column, column_category, column_missing ... */
    size_t output_count;
};

/* The values of one input: one of both. */
struct transform_values {
    const double *numbers;
    const struct str *texts;
};
/* What a value becomes by one step that gives one value. */
struct transform_cell {
    bool text;                         /* t, else v */
    double v;
    struct str t;
};

/* Fills `inputs`, `outputs`, and each column's place from columns and steps, in op's arena. `inputs` that stand there keep
 * their ranges. E_INVALID: steps that do not fit the column or each other; E_TOO_LARGE. */
MUST_USE enum err transform_seal(struct op *op, struct transform *t);
/* `in` by input; `rows` rows of output_count values go to x or x64 (one of them). E_INVALID: an unknown category where that is an error; it
 * names column, row and value. */
MUST_USE enum err transform_apply(struct op *op, const struct transform *t, const struct transform_values *in, size_t rows, float *x, double *x64);
/* One step alone, for fitting the next one. False: an unknown category that is an error. */
bool transform_step_run(const struct transform_step *s, struct transform_cell *c);
/* Does the step make several values, so that no other may follow? */
bool transform_step_is_wide(const struct transform_step *s);

#endif
