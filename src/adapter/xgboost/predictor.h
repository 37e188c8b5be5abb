/* predictor.h - predicting with the XGBoost C library, for what adapter/trees does not read: models in the binary format that was XGBoost's
 * only one before 1.0 and could be written until 3.0 (`.model`, `.bin`, "deprecated").
 *
 * A tensor model (port/engine.h): "features" FP32 [-1, n], NaN = missing, in; "score" FP32 [-1] or [-1, outputs] out, as
 * Booster.predict answers. The file is believed by the library, not by us: host it in a process of its own (adapter/child). One question
 * at a time per model, with one thread. E_INVALID: what the library refuses, with its first line; E_UNSUPPORTED: no library. */
#ifndef INGOT_ADAPTER_XGBOOST_PREDICTOR_H
#define INGOT_ADAPTER_XGBOOST_PREDICTOR_H

#include "port/engine.h"

extern const struct engine_ops xgboost_engine;
/* Loads the library; in the child, before files are closed. */
MUST_USE enum err xgboost_prepare(struct op *op);

#endif
