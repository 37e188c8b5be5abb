/* lgb_text.h - reads the text format of LightGBM 2 .. 4 (Booster.save_model): all objectives whose link is known (the table in
 * lgb_text.c), missing values of all three kinds, categories, forests with averaged output. Nothing in the file is believed. */
#ifndef INGOT_ADAPTER_TREES_LGB_TEXT_H
#define INGOT_ADAPTER_TREES_LGB_TEXT_H

#include "num/forest.h"

enum lgb_link { LGB_LINK_IDENTITY, LGB_LINK_SQUARE, LGB_LINK_EXP, LGB_LINK_SIGMOID, LGB_LINK_LOG1P_EXP, LGB_LINK_SOFTMAX };
struct lgb_model {
    struct forest *forest;
    enum lgb_link link;
    double sigmoid;            /* factor of LGB_LINK_SIGMOID */
    double divisor;            /* of the sums: iterations when they are averaged, else 1 */
    size_t features, outputs;
    struct str *feature_names; /* `features` of them */
};

bool lgb_accepts(struct str bytes);
/* The model lives in `arena`; scratch goes to op's. E_INVALID names the tree and the key; E_UNSUPPORTED: linear trees, another
 * objective; E_TOO_LARGE: a limit of limits.h. */
MUST_USE enum err lgb_load(struct op *op, struct arena *arena, struct str bytes, struct lgb_model *ret);

#endif
