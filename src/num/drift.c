/* drift.c - two-sample statistics on sorted samples.
 *
 * One merge of the two sorted samples serves each statistic. KS: D is the largest gap of the two empirical distribution
 * functions, looked at only behind the last of equal values. Wasserstein: the area between the functions.
 * PSI and Jensen-Shannon bin as Evidently does (sturges_edges), because that is the number people compare with. */
#include "num/drift.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/limits.h"
#include "num/kolmogorov.h"
#include "num/metrics.h"
#include "num/sort.h"

#define PSI_CATEGORY_MAX 20 /* Evidently: up to so many distinct reference values are categories */

size_t drift_prepare(double *x, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(x[i]))
            x[kept++] = x[i] == 0 ? 0 : x[i]; /* -0.0 and 0.0 are one value */
    sort_f64(x, kept);
    return kept;
}

double drift_ks_statistic(const double *ref, size_t n, const double *cur, size_t m)
{
    if (!n || !m)
        return NAN;
    double gap = 0;
    size_t i = 0, j = 0;
    while (i < n && j < m) {
        double v = ref[i] <= cur[j] ? ref[i] : cur[j];
        while (i < n && ref[i] <= v)
            i++;
        while (j < m && cur[j] <= v)
            j++;
        double here = fabs((double)i / (double)n - (double)j / (double)m);
        gap = here > gap ? here : gap;
    }
    return gap;
}

struct drift_test drift_ks(const double *ref, size_t n, const double *cur, size_t m)
{
    assert(n <= LIMIT_NUM_SAMPLE && m <= LIMIT_NUM_SAMPLE);
    struct drift_test t = {NAN, NAN};
    if (!n || !m)
        return t;
    t.statistic = drift_ks_statistic(ref, n, cur, m);
    if (n <= DRIFT_KS_EXACT_MAX && m <= DRIFT_KS_EXACT_MAX) {
        t.p = kolmogorov_two_sample_sf(n, m, t.statistic);
    } else {
        double dn = (double)n, dm = (double)m;
        double effective = dn > dm ? dn * dm / (dn + dm) : dm * dn / (dm + dn);
        uint64_t rounded = (uint64_t)nearbyint(effective); /* half to even */
        t.p = kolmogorov_sf(rounded ? rounded : 1, t.statistic);
    }
    return t;
}

static size_t distinct_up_to(const double *sorted, size_t n, size_t max)
{
    size_t count = n ? 1 : 0;
    for (size_t i = 1; i < n && count <= max; i++)
        count += sorted[i] != sorted[i - 1];
    return count;
}

/* Shares of both samples per bin, in one allocation. */
struct shares {
    double *ref, *cur;
    size_t bins;
};

/* Evidently's binning: width = range / (log2 N + 1), bins = ceil(range / width), edges i * (range / bins) + min with the
 * last set to max; N counts both samples. A value belongs to the last edge that is not above it, max to the last bin. */
static struct shares sturges_shares(const double *ref, size_t n, const double *cur, size_t m)
{
    double min = ref[0] < cur[0] ? ref[0] : cur[0];
    double max = ref[n - 1] > cur[m - 1] ? ref[n - 1] : cur[m - 1];
    double range = max - min;
    double width = range / (log2((double)(n + m)) + 1);
    size_t bins = width > 0 ? (size_t)ceil(range / width) : 1;
    struct shares s = {.bins = bins};
    s.ref = num_scratch(2 * bins, sizeof *s.ref);
    s.cur = s.ref + bins;
    const double *sample[2] = {ref, cur};
    size_t length[2] = {n, m};
    for (int side = 0; side < 2; side++) {
        size_t i = 0;
        for (size_t b = 0; b < bins; b++) {
            double edge = b + 1 == bins ? INFINITY : (double)(b + 1) * (range / (double)bins) + min;
            size_t start = i;
            while (i < length[side] && sample[side][i] < edge)
                i++;
            (side ? s.cur : s.ref)[b] = (double)(i - start) / (double)length[side];
        }
    }
    return s;
}

/* One bin per value of the union. */
static struct shares category_shares(const double *ref, size_t n, const double *cur, size_t m)
{
    size_t most = distinct_up_to(ref, n, n) + distinct_up_to(cur, m, m);
    struct shares s = {.ref = num_scratch(2 * most, sizeof(double))};
    s.cur = s.ref + most;
    size_t i = 0, j = 0;
    while (i < n || j < m) {
        double v = j >= m || (i < n && ref[i] <= cur[j]) ? ref[i] : cur[j];
        size_t i0 = i, j0 = j;
        while (i < n && ref[i] == v)
            i++;
        while (j < m && cur[j] == v)
            j++;
        s.ref[s.bins] = (double)(i - i0) / (double)n;
        s.cur[s.bins++] = (double)(j - j0) / (double)m;
    }
    return s;
}

static struct shares bin_shares(const double *ref, size_t n, const double *cur, size_t m)
{
    if (distinct_up_to(ref, n, PSI_CATEGORY_MAX) > PSI_CATEGORY_MAX)
        return sturges_shares(ref, n, cur, m);
    return category_shares(ref, n, cur, m);
}

/* Each side alone: empty bins get 0.0001, or a millionth of the least share when that is no larger. No renormalising. */
static void fill_zeros(double *share, size_t bins)
{
    double least = INFINITY;
    for (size_t b = 0; b < bins; b++)
        if (share[b] > 0 && share[b] < least)
            least = share[b];
    double fill = least <= 0.0001 ? least / 1e6 : 0.0001;
    for (size_t b = 0; b < bins; b++)
        if (share[b] == 0)
            share[b] = fill;
}

static double psi_of(double *ref, double *cur, size_t bins)
{
    fill_zeros(ref, bins);
    fill_zeros(cur, bins);
    double psi = 0;
    for (size_t b = 0; b < bins; b++)
        psi += (ref[b] - cur[b]) * log(ref[b] / cur[b]);
    return psi;
}

double drift_psi(const double *ref, size_t n, const double *cur, size_t m)
{
    if (!n || !m)
        return NAN;
    struct shares s = bin_shares(ref, n, cur, m);
    double psi = psi_of(s.ref, s.cur, s.bins);
    free(s.ref);
    return psi;
}

double drift_jensenshannon(const double *ref, size_t n, const double *cur, size_t m)
{
    if (!n || !m)
        return NAN;
    struct shares s = bin_shares(ref, n, cur, m);
    double js = 0;
    for (size_t b = 0; b < s.bins; b++) {
        double middle = (s.ref[b] + s.cur[b]) / 2;
        js += s.ref[b] > 0 ? s.ref[b] * log(s.ref[b] / middle) : 0;
        js += s.cur[b] > 0 ? s.cur[b] * log(s.cur[b] / middle) : 0;
    }
    free(s.ref);
    return sqrt(js > 0 ? js / 2 : 0);
}

double drift_wasserstein(const double *ref, size_t n, const double *cur, size_t m)
{
    if (!n || !m)
        return NAN;
    double area = 0, before = ref[0] < cur[0] ? ref[0] : cur[0];
    size_t i = 0, j = 0;
    while (i < n || j < m) {
        double v = j >= m || (i < n && ref[i] <= cur[j]) ? ref[i] : cur[j];
        area += fabs((double)i / (double)n - (double)j / (double)m) * (v - before);
        while (i < n && ref[i] <= v)
            i++;
        while (j < m && cur[j] <= v)
            j++;
        before = v;
    }
    return area;
}

double drift_wasserstein_norm(const double *ref, size_t n, const double *cur, size_t m)
{
    if (!n || !m)
        return NAN;
    double mean = metrics_mean(ref, n), squares = 0;
    for (size_t i = 0; i < n; i++)
        squares += (ref[i] - mean) * (ref[i] - mean);
    double spread = sqrt(squares / (double)n);
    return drift_wasserstein(ref, n, cur, m) / (spread > 0.001 ? spread : 0.001);
}

/* ---- fixed bins ---- */
static size_t bin_of(const struct drift_bins *b, double v)
{
    size_t i = 0;
    while (i + 1 < b->bins && v > b->edge[i])
        i++;
    return i;
}

/* How many of the sorted values are not above `edge`. */
static size_t not_above(const double *x, size_t n, double edge)
{
    size_t from = 0;
    while (from < n) {
        size_t middle = from + (n - from) / 2;
        if (x[middle] <= edge)
            from = middle + 1;
        else
            n = middle;
    }
    return from;
}

/* As bin_of() of each, without looking at each. */
static void count_sorted(const struct drift_bins *b, const double *x, size_t n, uint64_t *counts)
{
    size_t before = 0;
    for (size_t i = 0; i < b->bins; i++) {
        size_t upto = i + 1 < b->bins ? not_above(x, n, b->edge[i]) : n;
        counts[i] += upto - before;
        before = upto;
    }
}

void drift_bins_init(struct drift_bins *b, const double *ref, size_t n)
{
    assert(n >= 1);
    *b = (struct drift_bins){.bins = 1, .ref_n = n};
    for (int k = 1; k < DRIFT_BINS; k++) {
        double edge = metrics_quantile_sorted(ref, n, (double)k / DRIFT_BINS);
        bool repeated = b->bins > 1 && edge <= b->edge[b->bins - 2];
        if (!repeated && edge < ref[n - 1])
            b->edge[b->bins++ - 1] = edge;
    }
    count_sorted(b, ref, n, b->ref);
}

void drift_counts_add(const struct drift_bins *b, struct drift_counts *c, double v)
{
    if (isnan(v)) {
        c->missing++;
        return;
    }
    c->n++;
    c->count[bin_of(b, v)]++;
}

void drift_counts_add_sorted(const struct drift_bins *b, struct drift_counts *c, const double *x, size_t n)
{
    c->n += n;
    count_sorted(b, x, n, c->count);
}

void drift_counts_merge(struct drift_counts *c, const struct drift_counts *other)
{
    c->n += other->n;
    c->missing += other->missing;
    for (size_t i = 0; i < DRIFT_BINS; i++)
        c->count[i] += other->count[i];
}

double drift_bins_psi(const struct drift_bins *b, const struct drift_counts *c)
{
    if (!c->n)
        return NAN;
    double ref[DRIFT_BINS], cur[DRIFT_BINS];
    for (size_t i = 0; i < b->bins; i++) {
        ref[i] = (double)b->ref[i] / (double)b->ref_n;
        cur[i] = (double)c->count[i] / (double)c->n;
    }
    return psi_of(ref, cur, b->bins);
}
