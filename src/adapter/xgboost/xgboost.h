/* xgboost.h - training with the XGBoost C library. The model comes out in XGBoost's own JSON, which both
 * adapter/trees and any xgboost package read. Parameters are listed in xgboost.c; training is deterministic for
 * the same data, parameters, seed and thread count. See port/learner.h for the contract. */
#ifndef INGOT_ADAPTER_XGBOOST_XGBOOST_H
#define INGOT_ADAPTER_XGBOOST_XGBOOST_H

#include "port/learner.h"

extern const struct learner_ops xgboost_learner;
/* Loads the library. E_UNSUPPORTED: it is not there or too old; the text says which file was tried. */
MUST_USE enum err xgboost_learner_check(struct op *op);

#endif
