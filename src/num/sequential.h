/* sequential.h - is B worse than A? Tests for two samples: at a fixed horizon and at any time.
 * Formulae: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2021 (asymptotic confidence sequences); Johari, Pekelis &
 * Walsh 2015 (mSPRT); Robbins 1970 (mixtures). NaN where a test is not defined. Pure and thread-safe. */
#ifndef INGOT_NUM_SEQUENTIAL_H
#define INGOT_NUM_SEQUENTIAL_H

#include "base/cc.h"

/* Streaming mean and sum of squared deviations; merging is Chan, Golub & LeVeque's. */
struct moments {
    uint64_t n;
    double mean, m2;
};
void moments_add(struct moments *m, double x);
void moments_merge(struct moments *m, const struct moments *other);
double moments_variance(const struct moments *m); /* ddof 1; NaN below two values */

/* Half-widths of confidence sequences around a mean of `n` observations whose estimate has standard error `se`; they hold
 * at all n at once with probability 1 - alpha (asymptotically). `n_star`: the n where the sequence is tightest. */
double sequential_half_width(double n, double se, double alpha, double n_star);
/* For one bound only (lower or upper). */
double sequential_half_width_one_sided(double n, double se, double alpha, double n_star);

struct two_sample {
    double diff, se;        /* mean(b) - mean(a) */
    double statistic, p;    /* two-sided */
    double lo, hi;          /* at 1 - alpha */
};
/* Difference of means, Welch's degrees of freedom. */
struct two_sample sequential_welch(const struct moments *a, const struct moments *b, double alpha);
/* Difference of proportions kb/nb - ka/na: pooled z for the p-value, unpooled interval. */
struct two_sample sequential_two_proportion(uint64_t ka, uint64_t na, uint64_t kb, uint64_t nb, double alpha);

/* Mixture SPRT: the likelihood ratio of a mean difference `diff` whose estimate has variance v = se^2, against zero,
 * mixed over N(0, tau2). Stop when it reaches 1/alpha. */
double sequential_msprt(double diff, double se, double tau2);

/* e-process for "the rate is at most p0" after k events in n trials: the likelihood ratio mixed over rates above p0 with
 * a Beta(a, b) cut at p0. Reaches 1/alpha with probability <= alpha however often one looks, for any n: no normal
 * approximation. Returns its natural logarithm. */
double sequential_rate_log_e(uint64_t k, uint64_t n, double p0, double a, double b);

/* Sample ratio mismatch: chi-square p-value of counts against expected shares (need not sum to 1). */
double sequential_srm_p(const uint64_t *counts, const double *shares, size_t arms);
/* Per-arm sample size to see `delta` with the given two-sided alpha and power. */
double sequential_sample_size(double variance, double delta, double alpha, double power);

#endif
