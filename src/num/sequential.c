#include "num/sequential.h"

#include <math.h>

#include "num/special.h"

void moments_add(struct moments *m, double x)
{
    m->n++;
    double off = x - m->mean;
    m->mean += off / (double)m->n;
    m->m2 += off * (x - m->mean);
}

void moments_merge(struct moments *m, const struct moments *other)
{
    if (!other->n)
        return;
    if (!m->n) {
        *m = *other;
        return;
    }
    double na = (double)m->n, nb = (double)other->n, n = na + nb;
    double off = other->mean - m->mean;
    m->mean += off * nb / n;
    m->m2 += other->m2 + off * off * na * nb / n;
    m->n += other->n;
}

double moments_variance(const struct moments *m)
{
    return m->n > 1 ? m->m2 / (double)(m->n - 1) : NAN;
}

/* The boundary sqrt(2 (n r + 1) / (n^2 r) * L) scales a mean's per-observation deviation; se * sqrt(n) is that deviation.
 * r = rho^2 makes the boundary tightest at n_star. */
static double boundary(double n, double se, double alpha, double n_star, bool one_sided)
{
    if (!(n > 0) || !(se >= 0) || !(alpha > 0 && alpha < 1) || !(n_star > 0))
        return NAN;
    double two_sided_alpha = one_sided ? 2 * alpha : alpha;
    double log_alpha = -2 * log(two_sided_alpha);
    double r = (log_alpha + log(log_alpha + 1)) / n_star;
    double spread = n * r + 1;
    double level = one_sided ? log1p(sqrt(spread) / (2 * alpha)) : log(sqrt(spread) / alpha);
    return se * sqrt(n) * sqrt(2 * spread / (n * n * r) * level);
}

double sequential_half_width(double n, double se, double alpha, double n_star)
{
    return boundary(n, se, alpha, n_star, false);
}

double sequential_half_width_one_sided(double n, double se, double alpha, double n_star)
{
    return boundary(n, se, alpha, n_star, true);
}

/* The t with two-sided tail alpha, by bisection on the monotone tail. */
static double t_critical(double alpha, double dof)
{
    double lo = 0, hi = 1;
    while (2 * special_t_sf(hi, dof) > alpha && hi < 1e300)
        hi *= 2;
    for (int i = 0; i < 200; i++) {
        double mid = lo + (hi - lo) / 2;
        if (mid <= lo || mid >= hi)
            break;
        if (2 * special_t_sf(mid, dof) > alpha)
            lo = mid;
        else
            hi = mid;
    }
    return hi;
}

struct two_sample sequential_welch(const struct moments *a, const struct moments *b, double alpha)
{
    struct two_sample t = {NAN, NAN, NAN, NAN, NAN, NAN};
    if (!a->n || !b->n)
        return t;
    t.diff = b->mean - a->mean;
    if (a->n < 2 || b->n < 2)
        return t;
    double va = moments_variance(a) / (double)a->n, vb = moments_variance(b) / (double)b->n;
    t.se = sqrt(va + vb);
    if (!(t.se > 0))
        return t;
    double dof = (va + vb) * (va + vb) / (va * va / (double)(a->n - 1) + vb * vb / (double)(b->n - 1));
    t.statistic = t.diff / t.se;
    t.p = 2 * special_t_sf(fabs(t.statistic), dof);
    double half = t_critical(alpha, dof) * t.se;
    t.lo = t.diff - half;
    t.hi = t.diff + half;
    return t;
}

struct two_sample sequential_two_proportion(uint64_t ka, uint64_t na, uint64_t kb, uint64_t nb, double alpha)
{
    struct two_sample t = {NAN, NAN, NAN, NAN, NAN, NAN};
    if (!na || !nb)
        return t;
    double dna = (double)na, dnb = (double)nb;
    double pa = (double)ka / dna, pb = (double)kb / dnb, pooled = (double)(ka + kb) / (dna + dnb);
    t.diff = pb - pa;
    t.se = sqrt(pa * (1 - pa) / dna + pb * (1 - pb) / dnb);
    double pooled_se = sqrt(pooled * (1 - pooled) * (1 / dna + 1 / dnb));
    if (pooled_se > 0) {
        t.statistic = t.diff / pooled_se;
        t.p = 2 * special_normal_sf(fabs(t.statistic));
    }
    double half = special_normal_ppf(1 - alpha / 2) * t.se;
    t.lo = t.diff - half;
    t.hi = t.diff + half;
    return t;
}

double sequential_msprt(double diff, double se, double tau2)
{
    double v = se * se;
    if (!(v > 0) || !(tau2 > 0))
        return NAN;
    /* With V = n v this is sqrt(V / (V + n tau2)) exp(n^2 tau2 d^2 / (2 V (V + n tau2))). */
    return sqrt(v / (v + tau2)) * exp(tau2 * diff * diff / (2 * v * (v + tau2)));
}

double sequential_rate_log_e(uint64_t k, uint64_t n, double p0, double a, double b)
{
    if (k > n || !(p0 > 0 && p0 < 1) || !(a > 0) || !(b > 0))
        return NAN;
    double hits = (double)k, misses = (double)(n - k);
    /* ln of: integral over (p0, 1) of p^k q^(n-k) dBeta / its mass there / (p0^k q0^(n-k)). */
    double mixed = special_ln_beta(a + hits, b + misses) + log(special_beta_sf(a + hits, b + misses, p0));
    double prior = special_ln_beta(a, b) + log(special_beta_sf(a, b, p0));
    return mixed - prior - hits * log(p0) - misses * log1p(-p0);
}

double sequential_srm_p(const uint64_t *counts, const double *shares, size_t arms)
{
    double total = 0, weight = 0;
    for (size_t i = 0; i < arms; i++) {
        total += (double)counts[i];
        weight += shares[i];
    }
    if (arms < 2 || !(total > 0) || !(weight > 0))
        return NAN;
    double chi2 = 0;
    for (size_t i = 0; i < arms; i++) {
        double expected = total * shares[i] / weight;
        double off = (double)counts[i] - expected;
        chi2 += off * off / expected;
    }
    return special_chi2_sf(chi2, (double)(arms - 1));
}

double sequential_sample_size(double variance, double delta, double alpha, double power)
{
    double z = special_normal_ppf(1 - alpha / 2) + special_normal_ppf(power);
    return 2 * z * z * variance / (delta * delta);
}
