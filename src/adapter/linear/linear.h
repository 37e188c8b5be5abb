/* linear.h - the engine for linear models in our own small JSON format "ingot-linear", and that format.
 * A model standardises its inputs and puts the mean where a value is missing:
 *     z = bias + sum_j weight_j * (x_j - mean_j) / scale_j        (a missing x_j adds nothing)
 *     score = 1 / (1 + exp(-z))
 * computed in float64 in the order of the features and rounded to float32 at the end.
 * See port/engine.h for the contract. */
#ifndef INGOT_ADAPTER_LINEAR_LINEAR_H
#define INGOT_ADAPTER_LINEAR_LINEAR_H

#include "port/engine.h"

extern const struct engine_ops linear_engine;

#endif
