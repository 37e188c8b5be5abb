/* xgb_json.h - reads models that XGBoost 1.3 .. 3.x saved as JSON (booster gbtree; objectives binary:logistic,
 * reg:logistic, reg:squarederror, multi:softprob). Nothing in the file is believed: see xgb_json.c. */
#ifndef INGOT_ADAPTER_TREES_XGB_JSON_H
#define INGOT_ADAPTER_TREES_XGB_JSON_H

#include "adapter/trees/forest.h"

enum xgb_link { XGB_LINK_IDENTITY, XGB_LINK_LOGISTIC, XGB_LINK_SOFTMAX };
struct xgb_model {
    struct forest *forest;
    enum xgb_link link;
    size_t features, outputs;
    float *base_margin;        /* `outputs` of them: where the sums start */
    struct str *feature_names; /* `features` of them, or NULL */
};

/* True for bytes that begin as XGBoost's JSON does. */
bool xgb_json_accepts(struct str bytes);
/* The model lives in `arena`; scratch goes to op's. E_INVALID names the tree and node; E_UNSUPPORTED: dart,
 * gblinear, categorical splits, vector leaves, another objective; E_TOO_LARGE: a limit of limits.h. */
MUST_USE enum err xgb_json_load(struct op *op, struct arena *arena, struct str bytes, struct xgb_model *ret);

#endif
