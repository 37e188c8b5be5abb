#include "num/experiment.h"

#include <assert.h>
#include <math.h>

#include "num/special.h"

void moments2_add(struct moments2 *m, double y, double x)
{
    m->n++;
    double n = (double)m->n, off_y = y - m->mean_y, off_x = x - m->mean_x;
    m->mean_y += off_y / n;
    m->mean_x += off_x / n;
    m->m2_y += off_y * (y - m->mean_y);
    m->m2_x += off_x * (x - m->mean_x);
    m->m_xy += off_y * (x - m->mean_x);
}

void moments2_merge(struct moments2 *m, const struct moments2 *other)
{
    if (!other->n)
        return;
    if (!m->n) {
        *m = *other;
        return;
    }
    double na = (double)m->n, nb = (double)other->n, n = na + nb;
    double off_y = other->mean_y - m->mean_y, off_x = other->mean_x - m->mean_x;
    m->mean_y += off_y * nb / n;
    m->mean_x += off_x * nb / n;
    m->m2_y += other->m2_y + off_y * off_y * na * nb / n;
    m->m2_x += other->m2_x + off_x * off_x * na * nb / n;
    m->m_xy += other->m_xy + off_y * off_x * na * nb / n;
    m->n += other->n;
}

/* ---- adjusted differences ---- */
struct two_sample experiment_cuped(const struct moments2 *a, const struct moments2 *b, double alpha, double *ret_theta)
{
    double spread = a->m2_x + b->m2_x;
    double theta = spread > 0 ? (a->m_xy + b->m_xy) / spread : 0;
    struct moments adjusted[2];
    const struct moments2 *const arms[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        const struct moments2 *m = arms[i];
        double m2 = m->m2_y + theta * theta * m->m2_x - 2 * theta * m->m_xy;
        /* Shifted by the first arm's mean of x: the difference is what counts. */
        adjusted[i] = (struct moments){m->n, m->mean_y - theta * (m->mean_x - a->mean_x), m2 > 0 ? m2 : 0};
    }
    if (ret_theta)
        *ret_theta = theta;
    return sequential_welch(&adjusted[0], &adjusted[1], alpha);
}

/* A ratio of means and its variance. */
static double ratio_of(const struct moments2 *m, double *ret_variance)
{
    double n = (double)m->n, r = m->mean_y / m->mean_x;
    double var = (m->m2_y - 2 * r * m->m_xy + r * r * m->m2_x) / (n - 1);
    *ret_variance = var / (n * m->mean_x * m->mean_x);
    return r;
}

struct two_sample experiment_ratio(const struct moments2 *a, const struct moments2 *b, double alpha)
{
    struct two_sample t = {NAN, NAN, NAN, NAN, NAN, NAN};
    if (a->n < 2 || b->n < 2 || !(fabs(a->mean_x) > 0) || !(fabs(b->mean_x) > 0))
        return t;
    double va, vb, ra = ratio_of(a, &va), rb = ratio_of(b, &vb);
    t.diff = rb - ra;
    t.se = sqrt(va + vb);
    if (!(t.se > 0))
        return t;
    t.statistic = t.diff / t.se;
    t.p = 2 * special_normal_sf(fabs(t.statistic));
    double half = special_normal_ppf(1 - alpha / 2) * t.se;
    t.lo = t.diff - half;
    t.hi = t.diff + half;
    return t;
}

/* ---- planning ---- */
static bool design_check(const struct experiment_design *d)
{
    return d->sd_a >= 0 && d->sd_b >= 0 && d->sd_a + d->sd_b > 0 && d->delta > 0 && d->alpha > 0 && d->alpha < 1 && d->power > 0 && d->power < 1 &&
           d->ratio > 0 && d->comparisons >= 1 && fabs(d->covariate_r) < 1;
}

static double critical(const struct experiment_design *d)
{
    double alpha = d->alpha / d->comparisons;
    return special_normal_ppf(1 - (d->one_sided ? alpha : alpha / 2));
}

/* Variance of the difference times the units of arm a. */
static double unit_variance(const struct experiment_design *d)
{
    return (d->sd_a * d->sd_a + d->sd_b * d->sd_b / d->ratio) * (1 - d->covariate_r * d->covariate_r);
}

double experiment_size(const struct experiment_design *d)
{
    if (!design_check(d))
        return NAN;
    double z = critical(d) + special_normal_ppf(d->power);
    return ceil(z * z * unit_variance(d) / (d->delta * d->delta));
}

double experiment_power(const struct experiment_design *d, double n)
{
    if (!design_check(d) || !(n > 0))
        return NAN;
    double shift = d->delta / sqrt(unit_variance(d) / n), z = critical(d);
    return special_normal_sf(z - shift) + (d->one_sided ? 0 : special_normal_sf(z + shift));
}

double experiment_detectable(const struct experiment_design *d, double n)
{
    if (!design_check(d) || !(n > 0))
        return NAN;
    return (critical(d) + special_normal_ppf(d->power)) * sqrt(unit_variance(d) / n);
}

static bool any_time_enough(const struct experiment_design *d, double n, double n_star)
{
    double se = sqrt(unit_variance(d) / n), units = n * (1 + d->ratio), alpha = d->alpha / d->comparisons;
    double half = d->one_sided ? sequential_half_width_one_sided(units, se, alpha, n_star) : sequential_half_width(units, se, alpha, n_star);
    return half + special_normal_ppf(d->power) * se <= d->delta;
}

double experiment_size_any_time(const struct experiment_design *d, double n_star)
{
    if (!design_check(d) || !(n_star > 0))
        return NAN;
    double few = 1, enough = 2;
    while (enough < 1e15 && !any_time_enough(d, enough, n_star)) {
        few = enough;
        enough *= 2;
    }
    while (enough - few > 0.5) {
        double middle = few + (enough - few) / 2;
        if (any_time_enough(d, middle, n_star))
            enough = middle;
        else
            few = middle;
    }
    return enough < 1e15 ? ceil(enough) : NAN;
}

/* ---- many tests ---- */
/* Indexes of the numbers among p, by ascending p; how many. */
static size_t order_of(const double *p, size_t n, size_t *order)
{
    size_t m = 0;
    assert(n <= EXPERIMENT_TESTS);
    for (size_t i = 0; i < n; i++) {
        if (isnan(p[i]))
            continue;
        size_t at = m++;
        for (; at && p[order[at - 1]] > p[i]; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    return m;
}

void experiment_holm(double *p, size_t n)
{
    size_t order[EXPERIMENT_TESTS], m = order_of(p, n, order);
    double most = 0;
    for (size_t i = 0; i < m; i++) {
        double v = p[order[i]] * (double)(m - i);
        most = v > most ? v : most;
        p[order[i]] = most < 1 ? most : 1;
    }
}

void experiment_benjamini_hochberg(double *p, size_t n)
{
    size_t order[EXPERIMENT_TESTS], m = order_of(p, n, order);
    double least = 1;
    for (size_t i = m; i-- > 0;) {
        double v = p[order[i]] * (double)m / (double)(i + 1);
        least = v < least ? v : least;
        p[order[i]] = least;
    }
}

/* ---- paired outcomes ---- */
struct mcnemar experiment_mcnemar(uint64_t only_a, uint64_t only_b)
{
    double n = (double)only_a + (double)only_b, least = (double)(only_a < only_b ? only_a : only_b);
    struct mcnemar t = {1, 0, 1};
    if (!(n > 0))
        return t;
    /* P(X <= k) of the binomial with one half is I_{1/2}(n - k, k + 1). */
    double p = 2 * special_beta_i(n - least, least + 1, 0.5);
    t.p = p < 1 ? p : 1;
    double off = fabs((double)only_a - (double)only_b) - 1;
    t.chi2 = off * off / n;
    t.chi2_p = special_chi2_sf(t.chi2, 1);
    return t;
}

/* ---- the split ---- */
double experiment_srm_log_e(const uint64_t *counts, const double *shares, size_t arms, double concentration)
{
    double weight = 0, total = 0, log_e = 0;
    int sign;
    for (size_t i = 0; i < arms; i++) {
        if (!(shares[i] > 0))
            return NAN;
        weight += shares[i];
        total += (double)counts[i];
    }
    if (arms < 2 || !(concentration > 0))
        return NAN;
    for (size_t i = 0; i < arms; i++) {
        double share = shares[i] / weight, prior = concentration * share, n = (double)counts[i];
        log_e += lgamma_r(prior + n, &sign) - lgamma_r(prior, &sign) - n * log(share);
    }
    return log_e + lgamma_r(concentration, &sign) - lgamma_r(concentration + total, &sign);
}
