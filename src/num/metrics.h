/* metrics.h - how good are probabilities: the quality measures of binary classifiers, their confidence
 * intervals, quantiles, and a latency histogram.
 * Inputs: `score` = probabilities in [0,1], `label` = 0 or 1, both of length n. No function keeps or changes its
 * inputs. Where a value does not exist (no rows, or one class only for AUC) the answer is NaN: absence is normal in
 * a monitor window. Definitions equal scikit-learn's and numpy's; all sums are compensated. Pure and thread-safe;
 * functions that sort take scratch memory from the heap and abort if there is none, so n is bounded by
 * LIMIT_NUM_SAMPLE (asserted). */
#ifndef INGOT_NUM_METRICS_H
#define INGOT_NUM_METRICS_H

#include "base/cc.h"

/* Probabilities are clipped to [eps, 1 - eps] before the logarithm (scikit-learn: the eps of float64). */
#define METRICS_LOGLOSS_EPS 2.220446049250313e-16
#define METRICS_ECE_BINS 10

struct interval {
    double value, lo, hi; /* NaN when not defined */
};

/* Area under the ROC curve; ties count one half (midranks). */
double metrics_auc(const double *score, const uint8_t *label, size_t n);
double metrics_logloss(const double *score, const uint8_t *label, size_t n);
/* The log-loss of one row, same clipping: what the rollout compares. */
double metrics_logloss_one(double score, bool label);
double metrics_brier(const double *score, const uint8_t *label, size_t n);
/* Share of rows where (score >= threshold) == label. */
double metrics_accuracy(const double *score, const uint8_t *label, size_t n, double threshold);
double metrics_base_rate(const uint8_t *label, size_t n);
double metrics_mean(const double *x, size_t n);

struct calibration_bin {
    double lo, hi;         /* [lo, hi), the last one closed */
    uint64_t n;
    double mean_score, mean_label; /* 0 when n is 0 */
};
/* Equal-width bins over [0,1]: bin = min(floor(score * bins), bins - 1). Fills `bins` of them. */
void metrics_calibration(const double *score, const uint8_t *label, size_t n, size_t bins, struct calibration_bin *ret);
/* Expected calibration error over METRICS_ECE_BINS equal-width bins: sum n_b/n * |mean score - mean label|. */
double metrics_ece(const double *score, const uint8_t *label, size_t n);

/* Confidence intervals at `level` (0.95), two-sided, clipped to the measure's range.
 * AUC: DeLong's variance (DeLong et al. 1988, by midranks as Sun & Xu 2014), normal. */
struct interval metrics_auc_ci(const double *score, const uint8_t *label, size_t n, double level);
/* Normal interval of the mean per-row loss (sample standard deviation, ddof 1). */
struct interval metrics_logloss_ci(const double *score, const uint8_t *label, size_t n, double level);
struct interval metrics_brier_ci(const double *score, const uint8_t *label, size_t n, double level);
/* Wilson's interval. */
struct interval metrics_accuracy_ci(const double *score, const uint8_t *label, size_t n, double threshold, double level);
struct interval metrics_proportion_ci(uint64_t k, uint64_t n, double level);
/* ECE: percentile bootstrap over rows, `rounds` resamples (n * rounds draws); `seed` fixes the answer. A resample's ECE is
 * biased upwards, so for few rows the interval may lie above the value. */
struct interval metrics_ece_ci(const double *score, const uint8_t *label, size_t n, double level, int rounds, uint64_t seed);

/* numpy.quantile(method="linear") of values sorted ascending without NaN; q in [0,1]; NaN for n = 0. */
double metrics_quantile_sorted(const double *sorted, size_t n, double q);

/* A histogram of latencies (or any uint32) with a relative error below LATENCY_REL_ERROR: values under 128 are exact,
 * above each power of two is cut into 64 buckets. Mergeable; not thread-safe. */
#define LATENCY_SUB_BITS 6
#define LATENCY_BUCKETS ((size_t)(32 - LATENCY_SUB_BITS + 1) << LATENCY_SUB_BITS)
#define LATENCY_REL_ERROR (1.0 / 64)
struct latency_hist {
    uint64_t n;
    uint64_t count[LATENCY_BUCKETS];
};
void latency_hist_add(struct latency_hist *h, uint32_t value);
void latency_hist_merge(struct latency_hist *h, const struct latency_hist *other);
/* Nearest-rank quantile as the middle of its bucket; 0 when empty. */
double latency_hist_quantile(const struct latency_hist *h, double q);
/* Where quantile q of the true distribution lies when the empirical distribution function is off by at most `eps` everywhere (num/sketch.h:
 * sketch_dkw, sketch_dkw_any_time): edges of buckets, so never narrower than that says. *ret_lo 0 and *ret_hi infinite where n is too
 * small to say. */
void latency_hist_quantile_bounds(const struct latency_hist *h, double q, double eps, double *ret_lo, double *ret_hi);
/* How many values lie in buckets wholly above the one that holds `limit`. */
uint64_t latency_hist_above(const struct latency_hist *h, uint32_t limit);

#endif
