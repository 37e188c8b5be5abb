/* drift.h - has a distribution moved? Two-sample distances and tests between a reference and a current sample.
 * Definitions are those of Evidently 0.7.21 (psi, wasserstein, jensenshannon) and scipy (ks_2samp mode "auto");
 * NaN and infinities must be gone and the samples sorted ascending (drift_prepare does both).
 * Pure and thread-safe. Samples are bounded by LIMIT_NUM_SAMPLE (asserted). */
#ifndef INGOT_NUM_DRIFT_H
#define INGOT_NUM_DRIFT_H

#include "base/cc.h"

struct drift_test {
    double statistic, p; /* p NaN for pure distances; both NaN when a sample is empty */
};

/* Drops NaN and infinities, sorts in place; the new length. */
size_t drift_prepare(double *x, size_t n);

/* Two-sided two-sample Kolmogorov-Smirnov. max(n, m) <= DRIFT_KS_EXACT_MAX: the exact law of the lattice (for n != m the
 * inside-path count), else the finite-n Kolmogorov law at round(n*m/(n+m)), as scipy's 'auto'. */
#define DRIFT_KS_EXACT_MAX 10000
struct drift_test drift_ks(const double *ref, size_t n, const double *cur, size_t m);
/* Only D, for streams. */
double drift_ks_statistic(const double *ref, size_t n, const double *cur, size_t m);

/* Population stability index as Evidently: more than 20 distinct reference values: Sturges edges over both samples; else
 * one category per value. Empty shares are filled per side (0.0001, or the least share / 1e6 when that is smaller). */
double drift_psi(const double *ref, size_t n, const double *cur, size_t m);
/* Jensen-Shannon distance (natural logarithm) on the same bins. */
double drift_jensenshannon(const double *ref, size_t n, const double *cur, size_t m);
/* Earth mover's distance, not normalised; and Evidently's: divided by max(std(ref), 0.001). */
double drift_wasserstein(const double *ref, size_t n, const double *cur, size_t m);
double drift_wasserstein_norm(const double *ref, size_t n, const double *cur, size_t m);

/* The mergeable form: bins fixed by the reference's deciles, for streams and for windows that are merged.
 * Equal deciles collapse, so `bins` may be fewer than DRIFT_BINS. A value v is in bin i when edge[i-1] < v <= edge[i]
 * with outer edges at infinity; NaN is counted apart and never enters the index. */
#define DRIFT_BINS 10
struct drift_bins {
    size_t bins;                 /* 1..DRIFT_BINS */
    double edge[DRIFT_BINS - 1]; /* bins - 1 of them, strictly ascending */
    uint64_t ref[DRIFT_BINS];
    uint64_t ref_n;
};
struct drift_counts {
    uint64_t count[DRIFT_BINS];
    uint64_t n, missing;
};
/* `ref` sorted, n >= 1 (asserted). */
void drift_bins_init(struct drift_bins *b, const double *ref, size_t n);
void drift_counts_add(const struct drift_bins *b, struct drift_counts *c, double v);
/* Many at once: sorted, without NaN (drift_prepare does both). */
void drift_counts_add_sorted(const struct drift_bins *b, struct drift_counts *c, const double *x, size_t n);
void drift_counts_merge(struct drift_counts *c, const struct drift_counts *other);
/* The same zero fill; NaN when nothing was counted. */
double drift_bins_psi(const struct drift_bins *b, const struct drift_counts *c);

#endif
