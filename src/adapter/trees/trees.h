/* trees.h - the engine for tree models: XGBoost's JSON in, answers equal to XGBoost's own out.
 * Tolerance: the margin is equal to the last bit (same float32 sums in the same order), the probability too
 * where the C library's expf is the same one, else within 1e-7. See port/engine.h for the contract. */
#ifndef INGOT_ADAPTER_TREES_TREES_H
#define INGOT_ADAPTER_TREES_TREES_H

#include "port/engine.h"

extern const struct engine_ops trees_engine;

#endif
