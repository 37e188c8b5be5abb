/* chain.h - what an endpoint does around its model: check the columns (validate.h), transform them (transform.h), and make more of the
 * scores (post.h). Configuration and the version's own files are compiled into one immutable object per version, when the endpoint
 * gets a new state; a request only follows pointers. An endpoint without any of it has no chain at all.
 * Threads: a compiled chain may be used by any thread. It lives in the arena of the op that compiled it. */
#ifndef INGOT_CORE_CHAIN_CHAIN_H
#define INGOT_CORE_CHAIN_CHAIN_H

#include "core/chain/post.h"
#include "core/chain/transform.h"
#include "core/chain/validate.h"

/* The chain's part of an endpoint's configuration: the members "validate" and "post". */
struct chain_spec {
    const struct validate *validate;   /* NULL: nothing is checked */
    const struct post_spec *post;      /* NULL: nothing is asked for */
    double threshold;                  /* the endpoint's */
};
/* `optional`: columns without "required" may be absent. E_INVALID names the member. */
MUST_USE enum err chain_spec_parse(struct op *op, const struct json *config, double threshold, bool optional, struct chain_spec *ret);

/* What a version is. Everything is borrowed for as long as the chain lives. */
struct chain_model {
    const struct tensor_spec *inputs, *outputs;
    size_t input_count, output_count;
    size_t features;                   /* of a row model; 0: a tensor model */
    const struct str *feature_names;   /* NULL: none */
    bool doubles;                      /* a row model that tells doubles from floats */
    const struct transform *transform; /* NULL: none */
    const struct calibrator *calibrator;
    struct str signature;              /* MLflow's, JSON; "": none */
    const double *mins, *maxs;         /* of each feature, seen in training; NULL: not known; NaN likewise */
};
struct chain {
    const struct validate *validate;
    struct validate_names names;
    size_t extras;                     /* so many of names.beside are no columns */
    struct tally *tally;               /* borrowed; NULL: nothing is counted */
    const struct transform *transform;
    struct str matrix;                 /* what the transform makes is called so */
    enum tensor_type matrix_type;      /* FP32 or FP64 */
    bool fills;                        /* absent columns may have to be made */
    const struct post *post;
    const struct tensor_spec *inputs, *outputs; /* of the whole, for metadata */
    size_t input_count, output_count;
};
/* `beside`: names of tensors that come along for other reasons (ids, times, entities). *ret NULL: the version and the configuration ask
 * for nothing. E_INVALID: they do not fit each other. */
MUST_USE enum err chain_compile(struct op *op, const struct chain_spec *spec, const struct chain_model *model, const struct str *beside,
                                size_t beside_count, struct chain **ret);
/* Does the transform make what the model takes? E_INVALID says what differs. */
MUST_USE enum err chain_transform_check(struct op *op, const struct chain_model *model);
/* Names of the columns that a tally of this chain counts; 0: none. */
size_t chain_rules(const struct chain *c, struct op *op, struct str **ret);

/* How many values chain_before reads and makes of `in`, and the second half after it; counted from the shapes, which nobody has checked yet.
 * *ret_rows: the rows that it seems to have, at least 1. */
size_t chain_work(const struct chain *c, const struct chain_columns *in, size_t *ret_rows);
/* The chain's first half: `in` as the request has it, *out as the model takes it (the same tensors where nothing is changed).
 * *ret_warning: see validate_run. E_INVALID: the columns broke a rule, or cannot be transformed. */
MUST_USE enum err chain_before(struct op *op, const struct chain *c, const struct chain_columns *in, struct chain_columns *out, const char **ret_warning);
/* The transform alone, for a copy that goes to another version. `out` has room for rows * output_count. */
MUST_USE enum err chain_transform(struct op *op, const struct chain *c, const struct chain_columns *in, struct tensor *ret_matrix);

#endif
