/* lightgbm.h - the engine for LightGBM's text models. Thresholds are compared in doubles and sums made in doubles, as in
 * LightGBM itself; the answer is rounded to float at the end. See port/engine.h for the contract. */
#ifndef INGOT_ADAPTER_TREES_LIGHTGBM_H
#define INGOT_ADAPTER_TREES_LIGHTGBM_H

#include "port/engine.h"

extern const struct engine_ops lightgbm_engine;

#endif
