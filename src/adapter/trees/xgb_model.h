/* xgb_model.h - reads models that XGBoost 1.3 .. 3.x saved as JSON or UBJSON: boosters gbtree, dart and gblinear, every objective
 * whose link is known (the table in xgb_model.c), categorical splits, several targets. Nothing in the file is believed.
 * A model that scikit-learn's interface saved after early stopping answers with its best iteration, as that interface does;
 * any other with all its trees, as Booster.predict does. */
#ifndef INGOT_ADAPTER_TREES_XGB_MODEL_H
#define INGOT_ADAPTER_TREES_XGB_MODEL_H

#include "num/forest.h"

enum xgb_link { XGB_LINK_IDENTITY, XGB_LINK_LOGISTIC, XGB_LINK_EXP, XGB_LINK_HINGE, XGB_LINK_SOFTMAX, XGB_LINK_ARGMAX };
struct xgb_model {
    struct forest *forest;     /* NULL: gblinear */
    bool vectors;              /* the forest's leaves hold one value per group */
    float *weights;            /* gblinear: `groups` for each feature, then `groups` biases */
    enum xgb_link link;
    size_t features, groups;   /* sums of a row */
    size_t outputs;            /* `groups`, or 1 for XGB_LINK_ARGMAX */
    float *base_margin;        /* `groups` of them: where the sums start */
    struct str *feature_names; /* `features` of them, or NULL */
};

/* True for bytes that begin as XGBoost's JSON or UBJSON does. */
bool xgb_accepts(struct str bytes);
/* The model lives in `arena`; scratch goes to op's. E_INVALID names the tree and node; E_UNSUPPORTED: another objective or
 * booster; E_TOO_LARGE: a limit of limits.h. */
MUST_USE enum err xgb_load(struct op *op, struct arena *arena, struct str bytes, struct xgb_model *ret);

#endif
