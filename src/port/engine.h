/* engine.h - a model that answers. An engine loads bytes of one format, checks every index and size before
 * use, and predicts without allocation. A loaded model is immutable: any thread may predict. */
#ifndef INGOT_PORT_ENGINE_H
#define INGOT_PORT_ENGINE_H

#include "base/op.h"

struct engine_info {
    struct str format;      /* "xgboost", "linear" ... */
    size_t features;        /* columns of a row */
    size_t outputs;         /* values per row; 1 for regression and binary classification */
    struct str *feature_names; /* `features` of them, or NULL when the file has none */
    size_t memory_bytes;    /* what the loaded model holds */
};
struct engine_ops {
    const char *name;
    /* Does this engine take the file? Looks at the first bytes only. */
    bool (*accepts)(struct str bytes);
    /* E_INVALID: malformed, out of range or unsupported parts, nothing kept. Everything is copied from `bytes`. */
    enum err (*load)(struct op *op, struct str bytes, void **ret_model);
    void (*unload)(void *model);
    const struct engine_info *(*info)(const void *model);
    /* rows x features floats, row major, NaN = missing -> rows x outputs. Probability for binary:logistic. Cannot fail. */
    void (*predict)(const void *model, const float *rows, size_t n_rows, float *out);
};
struct model {
    const struct engine_ops *ops;
    void *impl;
};
/* Tries the engines of the NULL-ended list in order. */
MUST_USE enum err model_load(struct op *op, const struct engine_ops *const *engines, struct str bytes, struct model **ret);
void model_unload(struct model *m); /* NULL is ignored */
static inline void model_auto(struct model **m) { model_unload(*m); }
const struct engine_info *model_info(const struct model *m);
void model_predict(const struct model *m, const float *rows, size_t n_rows, float *out);

#endif
