/* xgb_tree.h - one tree of an XGBoost file, and the file's lists of numbers. Internal to the XGBoost readers. */
#ifndef INGOT_ADAPTER_TREES_XGB_TREE_H
#define INGOT_ADAPTER_TREES_XGB_TREE_H

#include "num/forest.h"
#include "base/json.h"

/* The numbers of a list, however they came (JSON_INTS, JSON_REALS, JSON_ARRAY; booleans count as 0 and 1). Borrowed from the
 * document where that is possible, else in `scratch`. E_INVALID: no list, not whole numbers. */
MUST_USE enum err xgb_ints(struct op *op, struct arena *scratch, const struct json *obj, const char *key, const int64_t **ret,
                           size_t *ret_len);
MUST_USE enum err xgb_reals(struct op *op, struct arena *scratch, const struct json *obj, const char *key, const double **ret,
                            size_t *ret_len);
/* Parameters are numbers written as text. E_INVALID: out of min..max. */
MUST_USE enum err xgb_text_i64(struct op *op, const struct json *obj, const char *key, int64_t min, int64_t max, int64_t *ret);

struct xgb_tree_place {
    size_t group;            /* the output that it adds to */
    size_t vector;           /* values that a leaf must hold; 1: a scalar */
    float weight;            /* leaves are multiplied by it (dart); 1 otherwise */
};
/* Reads the tree and adds it to the forest. `scratch` is used up. */
MUST_USE enum err xgb_tree_add(struct op *op, struct forest *f, struct arena *scratch, const struct json *tree,
                               const struct xgb_tree_place *place);

#endif
