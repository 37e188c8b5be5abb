/* liblinear.h - logistic regression with LIBLINEAR (its primal trust region Newton solver): deterministic for the
 * same rows and parameters. Inputs are standardised on the fit rows, missing values are their column's mean.
 * The model comes out in the format of port/linear_format.h. See port/learner.h for the contract. */
#ifndef INGOT_ADAPTER_LIBLINEAR_LIBLINEAR_H
#define INGOT_ADAPTER_LIBLINEAR_LIBLINEAR_H

#include "port/learner.h"

extern const struct learner_ops liblinear_learner;

#endif
