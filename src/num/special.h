/* special.h - distribution functions: normal, gamma, beta, chi-square, Student's t.
 * Accuracy: 1e-12 relative in the tested range (1e-9 for tails beyond 1e-200), against mpmath and scipy.
 * Arguments outside the domain give NaN. Pure and thread-safe. */
#ifndef INGOT_NUM_SPECIAL_H
#define INGOT_NUM_SPECIAL_H

#include "base/cc.h"

/* ln Gamma(a + 1) - (a ln a - a + ln(2 pi a)/2), the error of Stirling's formula; a > 0. */
double special_stirling_error(double a);
double special_ln_beta(double a, double b);

double special_normal_cdf(double z);
double special_normal_sf(double z);
/* The z with P(Z <= z) = p; infinite at 0 and 1. */
double special_normal_ppf(double p);

/* Regularised incomplete gamma functions, a > 0, x >= 0. */
double special_gamma_p(double a, double x);
double special_gamma_q(double a, double x);
/* Regularised incomplete beta function I_x(a, b), a, b > 0, 0 <= x <= 1, and 1 - I_x without cancellation. */
double special_beta_i(double a, double b, double x);
double special_beta_sf(double a, double b, double x);

double special_chi2_sf(double x, double dof);
/* P(T > t); two-sided p-values are 2 * special_t_sf(fabs(t), dof). */
double special_t_sf(double t, double dof);

#endif
