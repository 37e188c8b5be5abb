/* linear.h - the engine for linear models in our own small JSON format "ingot-linear" (port/linear_format.h).
 * Scores are computed in float64 in the order of the features and rounded to float32 at the end. Needs no library.
 * See port/engine.h for the contract. */
#ifndef INGOT_ADAPTER_LINEAR_LINEAR_H
#define INGOT_ADAPTER_LINEAR_LINEAR_H

#include "port/engine.h"

extern const struct engine_ops linear_engine;

#endif
