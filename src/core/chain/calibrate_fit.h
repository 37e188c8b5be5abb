/* calibrate_fit.h - fits a calibrator of one score on rows that the model has not seen. */
#ifndef INGOT_CORE_CHAIN_CALIBRATE_FIT_H
#define INGOT_CORE_CHAIN_CALIBRATE_FIT_H

#include "core/chain/calibrate.h"

/* {"method": "platt" | "isotonic" | "temperature" | "beta"}; labels are 0 or 1. In op's arena. E_INVALID: the plan, fewer than two rows, or only
 * one class; also scores that part the classes so well that no finite map is best (platt always has one). */
MUST_USE enum err calibrate_fit(struct op *op, const struct json *plan, const float *scores, const float *labels, size_t n, struct calibrator **ret);

#endif
