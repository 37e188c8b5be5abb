/* smooth.h - smoothed forms of a sequence, as charts of training curves draw them.
 * NaN in the input is a gap: it stays NaN in the output and has no weight in its neighbours. `out` has room for n and may be `x` itself only
 * where said. Pure, thread-safe, no allocation. Reference values: tests/unit/num/make_smooth.py (numpy, pandas). */
#ifndef INGOT_NUM_SMOOTH_H
#define INGOT_NUM_SMOOTH_H

#include "base/cc.h"

/* Exponential moving average with the weight 0 <= w < 1 of the past, debiased as TensorBoard does: the weighted mean of all values so
 * far with weights 1, w, w^2 ... backwards. w 0 changes nothing. `out` may be x. */
void smooth_ema(const double *x, size_t n, double w, double *out);
/* The same over uneven places: a value's weight halves every `half_life` (> 0) of `at`, which does not fall. `out` may be x. */
void smooth_ema_at(const double *at, const double *x, size_t n, double half_life, double *out);
/* Mean of the `window` (> 0) values around each; at the ends of those that are there. An even window has one more before. */
void smooth_mean(const double *x, size_t n, size_t window, double *out);
/* Weights exp(-d^2 / 2 sigma^2) by the distance d in values, cut off beyond 4 sigma (> 0), made to add up to one at the ends. */
void smooth_gaussian(const double *x, size_t n, double sigma, double *out);

#endif
