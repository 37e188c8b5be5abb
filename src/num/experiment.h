/* experiment.h - what an experiment needs around its test: planning, adjustment by a covariate, ratios, paired outcomes, many metrics
 * at once, and whether the split was the planned one. Tests of two samples stand in sequential.h.
 * Formulae: Deng, Xu, Kohavi & Walker 2013 (CUPED); Deng, Knoblich & Lu 2018 (delta method); Holm 1979; Benjamini & Hochberg
 * 1995; McNemar 1947; Lindon & Malek 2022 (sequential sample ratio mismatch). NaN where a value is not defined.
 * Pure and thread-safe. */
#ifndef INGOT_NUM_EXPERIMENT_H
#define INGOT_NUM_EXPERIMENT_H

#include "num/sequential.h"

/* ---- two measures per unit: an outcome and a covariate, or the two parts of a ratio ---- */
struct moments2 {
    uint64_t n;
    double mean_y, mean_x, m2_y, m2_x, m_xy; /* sums of squared deviations, and of their products */
};
void moments2_add(struct moments2 *m, double y, double x);
void moments2_merge(struct moments2 *m, const struct moments2 *other);

/* Difference of means of y, both arms adjusted by the covariate x that was known before: theta = cov / var over both arms (within),
 * y' = y - theta (x - mean x). Welch's test on y'. A constant covariate changes nothing. ret_theta may be NULL. */
struct two_sample experiment_cuped(const struct moments2 *a, const struct moments2 *b, double alpha, double *ret_theta);
/* Difference of ratios of means y/x between the arms (clicks per view where the unit is the visitor), variance by the delta
 * method, normal. */
struct two_sample experiment_ratio(const struct moments2 *a, const struct moments2 *b, double alpha);

/* ---- planning ---- */
struct experiment_design {
    double sd_a, sd_b;   /* standard deviations of one unit's outcome; of a rate p: sqrt(p (1 - p)) */
    double delta;        /* the difference to be found (or, one-sided, the room to the margin); > 0 */
    double alpha, power;
    double ratio;        /* units of b per unit of a; 1 = equal */
    int comparisons;     /* candidates or metrics that share alpha; 1 = one */
    bool one_sided;
    double covariate_r;  /* correlation with a CUPED covariate: the variance shrinks by 1 - r^2; 0 = none */
};
/* Units of arm a (b: times ratio), rounded up; NaN for an impossible design. */
double experiment_size(const struct experiment_design *d);
/* The chance to find delta with n units in arm a. */
double experiment_power(const struct experiment_design *d, double n);
/* The smallest delta that is found with d->power. */
double experiment_detectable(const struct experiment_design *d, double n);
/* Units of arm a until a confidence sequence (sequential_half_width, tightest at n_star of both arms) excludes zero with
 * probability at least d->power at that very look; looking earlier only helps. */
double experiment_size_any_time(const struct experiment_design *d, double n_star);

/* ---- many tests ---- */
/* Adjusted p-values in place of the given ones; NaN stays and does not count. n <= EXPERIMENT_TESTS (asserted). */
#define EXPERIMENT_TESTS 64
void experiment_holm(double *p, size_t n);
void experiment_benjamini_hochberg(double *p, size_t n);

/* ---- paired outcomes ---- */
struct mcnemar {
    double p;          /* exact, two-sided */
    double chi2, chi2_p; /* with continuity correction */
};
/* only_a: units that a got right and b wrong; only_b the other way. */
struct mcnemar experiment_mcnemar(uint64_t only_a, uint64_t only_b);

/* ---- was the split the planned one, at any time ---- */
/* ln of the e-process against "the units come with these shares", mixed over a Dirichlet of the given concentration (10000: sharp
 * for small shifts) around them. Reaches ln(1/alpha) with probability <= alpha however often one looks. */
double experiment_srm_log_e(const uint64_t *counts, const double *shares, size_t arms, double concentration);

#endif
