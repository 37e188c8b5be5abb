#include "num/metrics.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/limits.h"
#include "num/rng.h"
#include "num/sort.h"
#include "num/special.h"

/* Neumaier's compensated sum: the order of rows must not show in the printed digits. */
struct sum {
    double total, lost;
};

static void sum_add(struct sum *s, double v)
{
    double t = s->total + v;
    s->lost += fabs(s->total) >= fabs(v) ? (s->total - t) + v : (v - t) + s->total;
    s->total = t;
}

static double sum_value(const struct sum *s)
{
    double v = s->total + s->lost;
    return isnan(v) ? s->total : v; /* infinities leave NaN in the correction */
}

double metrics_mean(const double *x, size_t n)
{
    struct sum s = {0};
    for (size_t i = 0; i < n; i++)
        sum_add(&s, x[i]);
    return n ? sum_value(&s) / (double)n : NAN;
}

double metrics_base_rate(const uint8_t *label, size_t n)
{
    size_t positives = 0;
    for (size_t i = 0; i < n; i++)
        positives += label[i] != 0;
    return n ? (double)positives / (double)n : NAN;
}

double metrics_logloss_one(double score, bool label)
{
    double p = score < METRICS_LOGLOSS_EPS ? METRICS_LOGLOSS_EPS : score > 1 - METRICS_LOGLOSS_EPS ? 1 - METRICS_LOGLOSS_EPS : score;
    return label ? -log(p) : -log1p(-p);
}

typedef double (*row_loss_fn)(double score, bool label);

static double brier_one(double score, bool label)
{
    double miss = score - (label ? 1 : 0);
    return miss * miss;
}

static double mean_loss(const double *score, const uint8_t *label, size_t n, row_loss_fn loss)
{
    struct sum s = {0};
    for (size_t i = 0; i < n; i++)
        sum_add(&s, loss(score[i], label[i] != 0));
    return n ? sum_value(&s) / (double)n : NAN;
}

static double level_z(double level)
{
    assert(level > 0 && level < 1);
    return special_normal_ppf(0.5 + level / 2);
}

static double clip(double v, double lo, double hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

static struct interval mean_loss_ci(const double *score, const uint8_t *label, size_t n, double level, double max, row_loss_fn loss)
{
    double mean = mean_loss(score, label, n, loss);
    if (n < 2 || isnan(mean))
        return (struct interval){mean, NAN, NAN};
    struct sum squares = {0};
    for (size_t i = 0; i < n; i++) {
        double off = loss(score[i], label[i] != 0) - mean;
        sum_add(&squares, off * off);
    }
    double half = level_z(level) * sqrt(sum_value(&squares) / (double)(n - 1) / (double)n);
    return (struct interval){mean, clip(mean - half, 0, max), clip(mean + half, 0, max)};
}

double metrics_logloss(const double *score, const uint8_t *label, size_t n)
{
    return mean_loss(score, label, n, metrics_logloss_one);
}

struct interval metrics_logloss_ci(const double *score, const uint8_t *label, size_t n, double level)
{
    return mean_loss_ci(score, label, n, level, INFINITY, metrics_logloss_one);
}

double metrics_brier(const double *score, const uint8_t *label, size_t n)
{
    return mean_loss(score, label, n, brier_one);
}

struct interval metrics_brier_ci(const double *score, const uint8_t *label, size_t n, double level)
{
    return mean_loss_ci(score, label, n, level, 1, brier_one);
}

static uint64_t hits(const double *score, const uint8_t *label, size_t n, double threshold)
{
    uint64_t k = 0;
    for (size_t i = 0; i < n; i++)
        k += (score[i] >= threshold) == (label[i] != 0);
    return k;
}

double metrics_accuracy(const double *score, const uint8_t *label, size_t n, double threshold)
{
    return n ? (double)hits(score, label, n, threshold) / (double)n : NAN;
}

struct interval metrics_accuracy_ci(const double *score, const uint8_t *label, size_t n, double threshold, double level)
{
    return metrics_proportion_ci(hits(score, label, n, threshold), n, level);
}

struct interval metrics_proportion_ci(uint64_t k, uint64_t n, double level)
{
    assert(k <= n);
    if (!n)
        return (struct interval){NAN, NAN, NAN};
    double dn = (double)n, p = (double)k / dn, z = level_z(level), z2 = z * z;
    double middle = (p + z2 / (2 * dn)) / (1 + z2 / dn);
    double half = z / (1 + z2 / dn) * sqrt(p * (1 - p) / dn + z2 / (4 * dn * dn));
    return (struct interval){p, clip(middle - half, 0, 1), clip(middle + half, 0, 1)};
}

/* ---- area under the ROC curve ----
 * With the scores of both classes sorted, one merge gives for every positive the share of negatives below it (ties one
 * half) and for every negative the share of positives above it: DeLong's structural components V10 and V01. Their means
 * are both the AUC; Var(AUC) = var(V10) / positives + var(V01) / negatives. */
struct classes {
    double *positive, *negative;
    size_t positives, negatives;
};

/* False when there is a NaN among the scores or one class is empty; nothing to free then. */
static bool classes_split(const double *score, const uint8_t *label, size_t n, struct classes *c)
{
    size_t positives = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(score[i]))
            return false;
        positives += label[i] != 0;
    }
    if (positives == 0 || positives == n)
        return false;
    double *all = num_scratch(n, sizeof *all);
    *c = (struct classes){.positive = all, .negative = all + positives};
    for (size_t i = 0; i < n; i++) {
        double v = score[i] == 0 ? 0 : score[i]; /* one zero only, so that ties are seen by the merge */
        if (label[i])
            c->positive[c->positives++] = v;
        else
            c->negative[c->negatives++] = v;
    }
    sort_f64(c->positive, c->positives);
    sort_f64(c->negative, c->negatives);
    return true;
}

/* For each of a[]: how many of b[] are below plus half of those equal. Gives the mean and the variance (ddof 1) of that / nb. */
static void placements(const double *a, size_t na, const double *b, size_t nb, double *ret_mean, double *ret_var)
{
    size_t below = 0, upto = 0;
    struct sum total = {0}, squares = {0};
    for (int pass = 0; pass < 2; pass++) {
        double mean = pass ? sum_value(&total) / (double)na : 0;
        below = upto = 0;
        for (size_t i = 0; i < na; i++) {
            while (below < nb && b[below] < a[i])
                below++;
            upto = upto < below ? below : upto;
            while (upto < nb && b[upto] == a[i])
                upto++;
            double v = ((double)below + 0.5 * (double)(upto - below)) / (double)nb;
            if (pass)
                sum_add(&squares, (v - mean) * (v - mean));
            else
                sum_add(&total, v);
        }
    }
    *ret_mean = sum_value(&total) / (double)na;
    *ret_var = na > 1 ? sum_value(&squares) / (double)(na - 1) : 0;
}

double metrics_auc(const double *score, const uint8_t *label, size_t n)
{
    struct classes c;
    if (!classes_split(score, label, n, &c))
        return NAN;
    /* Twice the Mann-Whitney count stays an exact integer. */
    uint64_t twice_low = 0;
    double twice = 0;
    size_t below = 0, upto = 0;
    for (size_t i = 0; i < c.positives; i++) {
        while (below < c.negatives && c.negative[below] < c.positive[i])
            below++;
        upto = upto < below ? below : upto;
        while (upto < c.negatives && c.negative[upto] == c.positive[i])
            upto++;
        twice_low += below + upto;
    }
    twice = (double)twice_low;
    free(c.positive);
    return twice / (2.0 * (double)c.positives * (double)c.negatives);
}

struct interval metrics_auc_ci(const double *score, const uint8_t *label, size_t n, double level)
{
    struct classes c;
    if (!classes_split(score, label, n, &c))
        return (struct interval){NAN, NAN, NAN};
    double auc, against, var_positive, var_negative;
    placements(c.positive, c.positives, c.negative, c.negatives, &auc, &var_positive);
    placements(c.negative, c.negatives, c.positive, c.positives, &against, &var_negative);
    free(c.positive);
    double half = level_z(level) * sqrt(var_positive / (double)c.positives + var_negative / (double)c.negatives);
    return (struct interval){auc, clip(auc - half, 0, 1), clip(auc + half, 0, 1)};
}

/* ---- calibration ---- */
static size_t calibration_bin(double score, size_t bins)
{
    double at = score * (double)bins;
    if (!(at > 0))
        return 0;
    return at >= (double)bins ? bins - 1 : (size_t)at;
}

void metrics_calibration(const double *score, const uint8_t *label, size_t n, size_t bins, struct calibration_bin *ret)
{
    assert(bins >= 1);
    for (size_t b = 0; b < bins; b++)
        ret[b] = (struct calibration_bin){.lo = (double)b / (double)bins, .hi = (double)(b + 1) / (double)bins};
    for (size_t i = 0; i < n; i++) {
        struct calibration_bin *b = &ret[calibration_bin(score[i], bins)];
        b->n++;
        b->mean_score += score[i];
        b->mean_label += label[i] != 0;
    }
    for (size_t b = 0; b < bins; b++) {
        if (ret[b].n) {
            ret[b].mean_score /= (double)ret[b].n;
            ret[b].mean_label /= (double)ret[b].n;
        }
    }
}

static double ece_of(const struct calibration_bin *bins, size_t count, size_t n)
{
    double e = 0;
    for (size_t b = 0; b < count; b++)
        e += (double)bins[b].n / (double)n * fabs(bins[b].mean_score - bins[b].mean_label);
    return e;
}

double metrics_ece(const double *score, const uint8_t *label, size_t n)
{
    struct calibration_bin bins[METRICS_ECE_BINS];
    if (!n)
        return NAN;
    metrics_calibration(score, label, n, METRICS_ECE_BINS, bins);
    return ece_of(bins, METRICS_ECE_BINS, n);
}

struct interval metrics_ece_ci(const double *score, const uint8_t *label, size_t n, double level, int rounds, uint64_t seed)
{
    assert(rounds >= 1 && rounds <= 100000);
    double value = metrics_ece(score, label, n);
    if (isnan(value))
        return (struct interval){value, NAN, NAN};
    /* One row's part of its bin's gap is score - label, so a resample only needs that and the bin. */
    double *gap = num_scratch(n, sizeof *gap);
    uint8_t *bin = num_scratch(n, sizeof *bin);
    double *drawn = num_scratch((size_t)rounds, sizeof *drawn);
    for (size_t i = 0; i < n; i++) {
        gap[i] = score[i] - (label[i] ? 1 : 0);
        bin[i] = (uint8_t)calibration_bin(score[i], METRICS_ECE_BINS);
    }
    struct rng rng;
    rng_seed(&rng, seed);
    for (int r = 0; r < rounds; r++) {
        double sums[METRICS_ECE_BINS] = {0};
        for (size_t i = 0; i < n; i++) {
            size_t row = (size_t)rng_below(&rng, n);
            sums[bin[row]] += gap[row];
        }
        for (size_t b = 0; b < METRICS_ECE_BINS; b++)
            drawn[r] += fabs(sums[b]) / (double)n;
    }
    sort_f64(drawn, (size_t)rounds);
    struct interval ci = {value, metrics_quantile_sorted(drawn, (size_t)rounds, (1 - level) / 2),
                          metrics_quantile_sorted(drawn, (size_t)rounds, (1 + level) / 2)};
    free(gap);
    free(bin);
    free(drawn);
    return ci;
}

double metrics_quantile_sorted(const double *sorted, size_t n, double q)
{
    assert(q >= 0 && q <= 1);
    if (!n)
        return NAN;
    double at = q * (double)(n - 1);
    size_t low = (size_t)at;
    double part = at - (double)low;
    if (low + 1 >= n || part == 0)
        return sorted[low < n ? low : n - 1];
    /* numpy interpolates from the nearer end, which is what makes the answer monotone in q. */
    double step = sorted[low + 1] - sorted[low];
    return part < 0.5 ? sorted[low] + step * part : sorted[low + 1] - step * (1 - part);
}

/* ---- latency histogram ----
 * Buckets of equal relative width, the layout of HdrHistogram: with s sub-bits, value v of magnitude 2^e is in bucket
 * ((e - s + 1) << s) + the s bits after its leading one; below 2^s the value itself is the index. */
static size_t latency_bucket(uint32_t v)
{
    if (v < 1u << LATENCY_SUB_BITS)
        return v;
    unsigned e = 31u - (unsigned)__builtin_clz(v);
    unsigned shift = e - LATENCY_SUB_BITS;
    return ((size_t)(shift + 1) << LATENCY_SUB_BITS) + ((v >> shift) & ((1u << LATENCY_SUB_BITS) - 1));
}

/* The least and the greatest value of a bucket. */
static void latency_edges(size_t bucket, double *ret_low, double *ret_high)
{
    *ret_low = *ret_high = (double)bucket;
    if (bucket < 1u << LATENCY_SUB_BITS)
        return;
    size_t shift = (bucket >> LATENCY_SUB_BITS) - 1;
    uint64_t low = ((uint64_t)(1u << LATENCY_SUB_BITS) + (bucket & ((1u << LATENCY_SUB_BITS) - 1))) << shift;
    *ret_low = (double)low;
    *ret_high = (double)(low + ((uint64_t)1 << shift) - 1);
}

static double latency_middle(size_t bucket)
{
    double low, high;
    latency_edges(bucket, &low, &high);
    return low + (high - low) / 2;
}

void latency_hist_add(struct latency_hist *h, uint32_t value)
{
    h->n++;
    h->count[latency_bucket(value)]++;
}

void latency_hist_merge(struct latency_hist *h, const struct latency_hist *other)
{
    h->n += other->n;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++)
        h->count[i] += other->count[i];
}

double latency_hist_quantile(const struct latency_hist *h, double q)
{
    assert(q >= 0 && q <= 1);
    if (!h->n)
        return 0;
    uint64_t rank = (uint64_t)ceil(q * (double)h->n);
    rank = rank < 1 ? 1 : rank > h->n ? h->n : rank;
    uint64_t seen = 0;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        seen += h->count[i];
        if (seen >= rank)
            return latency_middle(i);
    }
    return 0;
}

/* F_n + eps < q up to a bucket's end shows that the quantile lies beyond it; F_n - eps >= q there, that it does not. */
void latency_hist_quantile_bounds(const struct latency_hist *h, double q, double eps, double *ret_lo, double *ret_hi)
{
    *ret_lo = 0;
    *ret_hi = INFINITY;
    if (!h->n || !(eps >= 0))
        return;
    uint64_t seen = 0;
    bool below = true;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        if (!h->count[i])
            continue;
        double low, high;
        seen += h->count[i];
        latency_edges(i, &low, &high);
        double f = (double)seen / (double)h->n;
        if (below && f + eps >= q) {
            *ret_lo = q > eps ? low : 0;
            below = false;
        }
        if (f - eps >= q) {
            *ret_hi = high;
            return;
        }
    }
}

uint64_t latency_hist_above(const struct latency_hist *h, uint32_t limit)
{
    uint64_t n = 0;
    for (size_t i = latency_bucket(limit) + 1; i < LATENCY_BUCKETS; i++)
        n += h->count[i];
    return n;
}
