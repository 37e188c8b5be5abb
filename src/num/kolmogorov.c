/* kolmogorov.c - P(D_n >= x) by the region of (n, x), after R. Simard and P. L'Ecuyer, "Computing the two-sided
 * Kolmogorov-Smirnov distribution", J. Stat. Software 39(11), 2011, with scipy's thresholds:
 *
 *   n x <= 1/2            1
 *   n x <= 1              1 - n! (2x - 1/n)^n                         (Ruben & Gambino)
 *   n x >= n - 1          2 (1 - x)^n                                 (Ruben & Gambino)
 *   x >= 1/2              2 P(D_n+ >= x), exact there                 (Smirnov)
 *   n <= 140, n x^2 <= 4  1 - cdf by the matrix power of Durbin       (Marsaglia, Tsang & Wang 2003)
 *   n <= 140 otherwise    2 P(D_n+ >= x), error below the result's last digits (Miller)
 *   n x^2 >= 370          0
 *   n x^2 >= 2.2          2 P(D_n+ >= x)
 *   n <= 10000, n x^1.5 <= 1.4   1 - cdf by the matrix power
 *   otherwise             1 - Pelz & Good's four-term expansion in 1/sqrt(n) (J. Royal Stat. Soc. B 38, 1976)
 *
 * scipy takes Pomeranz's recursion where n <= 140 and 0.75 < n x^2 <= 4; both are exact, so one of them is enough here.
 * The expansion is an approximation (about 1e-5 .. 1e-10 off): there we agree with scipy because we sum the same terms.
 *
 * P(D_n+ >= x) = x sum_{v} C(n,v) (x + v/n)^(v-1) (1 - x - v/n)^(n-v), v = 0 .. floor(n (1 - x)): every term is
 * positive. Each is written with Stirling's errors (special.c) so that no large logarithms cancel. */
#include "num/kolmogorov.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "num/sort.h"
#include "num/special.h"

#define MATRIX_MAX 64 /* n x <= 27 in every region that takes the matrix, so 2 * 28 - 1 rows at most */

struct matrix {
    int size;
    int exponent; /* the value is m * 10^exponent */
    double m[MATRIX_MAX * MATRIX_MAX];
};

static void matrix_multiply(const struct matrix *a, const struct matrix *b, struct matrix *ret)
{
    int n = a->size;
    ret->size = n;
    ret->exponent = a->exponent + b->exponent;
    for (int i = 0; i < n; i++) {
        double *row = ret->m + i * n;
        for (int j = 0; j < n; j++)
            row[j] = 0;
        for (int k = 0; k < n; k++) {
            double factor = a->m[i * n + k];
            for (int j = 0; j < n; j++)
                row[j] += factor * b->m[k * n + j];
        }
    }
    if (ret->m[(n / 2) * n + n / 2] > 1e140) {
        for (int i = 0; i < n * n; i++)
            ret->m[i] *= 1e-140;
        ret->exponent += 140;
    }
}

/* Durbin's matrix H of size 2k - 1 with h = k - n x. */
static void durbin_matrix(struct matrix *a, int k, double h)
{
    int n = 2 * k - 1;
    a->size = n;
    a->exponent = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            a->m[i * n + j] = i - j + 1 < 0 ? 0 : 1;
    for (int i = 0; i < n; i++) {
        a->m[i * n] -= pow(h, i + 1);
        a->m[(n - 1) * n + i] -= pow(h, n - i);
    }
    a->m[(n - 1) * n] += 2 * h - 1 > 0 ? pow(2 * h - 1, n) : 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            for (int g = 2; g <= i - j + 1; g++)
                a->m[i * n + j] /= g;
}

/* n! / n^n times the middle entry of H^n. */
static double durbin_cdf(uint64_t n, double x)
{
    double t = (double)n * x;
    int k = (int)t + 1;
    assert(2 * k - 1 <= MATRIX_MAX);
    struct matrix *work = num_scratch(3, sizeof *work);
    struct matrix *power = &work[0], *base = &work[1], *next = &work[2];
    durbin_matrix(base, k, k - t);
    bool have = false;
    for (uint64_t bits = n; bits; bits >>= 1) {
        struct matrix *swap;
        if (bits & 1) {
            if (have) {
                matrix_multiply(power, base, next);
                swap = power;
                power = next;
                next = swap;
            } else {
                memcpy(power, base, sizeof *power);
                have = true;
            }
        }
        if (bits > 1) {
            matrix_multiply(base, base, next);
            swap = base;
            base = next;
            next = swap;
        }
    }
    double value = power->m[(k - 1) * power->size + k - 1];
    int exponent = power->exponent;
    for (uint64_t i = 1; i <= n; i++) {
        value *= (double)i / (double)n;
        if (value < 1e-140) {
            value *= 1e140;
            exponent -= 140;
        }
    }
    free(work);
    return value * pow(10, exponent);
}

double kolmogorov_smirnov_sf(uint64_t n, double x)
{
    if (!(n >= 1) || isnan(x))
        return NAN;
    if (x <= 0)
        return 1;
    if (x >= 1)
        return 0;
    double dn = (double)n;
    double shift = dn * x;
    uint64_t last = (uint64_t)floor(dn - shift);
    double sum = exp(dn * log1p(-x)) / x; /* v = 0: (1 - x)^n / x */
    double delta_n = special_stirling_error(dn);
    for (uint64_t v = 1; v <= last; v++) {
        double dv = (double)v, rest = dn - dv;
        double place = x + dv / dn;
        if (v == n) {
            sum += pow(place, dn - 1);
            continue;
        }
        if (rest <= shift)
            break; /* 1 - x - v/n is 0 within rounding: the term is 0 */
        double exponent = dv * log1p(shift / dv) + rest * log1p(-shift / rest) + delta_n - special_stirling_error(dv) -
                          special_stirling_error(rest);
        if (exponent > -745)
            sum += exp(exponent) * sqrt(dn / (2 * M_PI * dv * rest)) / place;
    }
    double p = x * sum;
    return p > 1 ? 1 : p;
}

/* 1 - sum of Pelz & Good's K0 .. K3 / n^(i/2) at z = sqrt(n) x. */
static double pelz_good_sf(uint64_t n, double x)
{
    double root = sqrt((double)n);
    double z = root * x, z2 = z * z, z4 = z2 * z2, z6 = z4 * z2, z8 = z4 * z4;
    double pi2 = M_PI * M_PI, pi4 = pi2 * pi2, pi6 = pi4 * pi2;
    double k0 = 0, k1 = 0, k2 = 0, k3 = 0, k2_whole = 0, k3_whole = 0;
    for (int k = 40; k >= 0; k--) {
        /* Both signs of k + 1/2 at once, smallest terms first. */
        double half = k + 0.5, h2 = half * half, h4 = h2 * h2, h6 = h4 * h2;
        double e = 2 * exp(-pi2 * h2 / (2 * z2));
        k0 += e;
        k1 += e * (pi2 * h2 - z2);
        k2 += e * (6 * z6 + 2 * z4 + pi2 * h2 * (2 * z4 - 5 * z2) + pi4 * h4 * (1 - 2 * z2));
        k3 += e * (pi6 * h6 * (5 - 30 * z2) + pi4 * h4 * (212 * z4 - 60 * z2) + pi2 * h2 * (135 * z4 - 96 * z6) - 30 * z6 -
                   90 * z8);
        double whole = k, w2 = whole * whole;
        double ew = k ? 2 * exp(-pi2 * w2 / (2 * z2)) : 0;
        k2_whole += ew * pi2 * w2;
        k3_whole += ew * (3 * pi2 * w2 * z2 - pi4 * w2 * w2);
    }
    double c = sqrt(M_PI / 2);
    k0 *= c / z; /* sqrt(2 pi)/z over the odd numbers = sqrt(pi/2)/z over both signs */
    k1 *= c / (6 * z4);
    k2 = c * (k2 / (72 * z6 * z) - k2_whole / (36 * z2 * z));
    k3 = c * (k3 / (6480 * z8 * z2) + k3_whole / (216 * z6));
    double cdf = k0 + k1 / root + k2 / (root * root) + k3 / (root * root * root);
    return 1 - cdf;
}

/* 1 - n! (2x - 1/n)^n for 1/2 < n x <= 1. */
static double ruben_gambino_sf(uint64_t n, double t)
{
    double dn = (double)n, f = 2 * t - 1;
    double ln = special_stirling_error(dn) + 0.5 * log(2 * M_PI * dn) - dn + dn * log(f);
    return -expm1(ln);
}

static double clip_unit(double p)
{
    return p < 0 ? 0 : p > 1 ? 1 : p;
}

double kolmogorov_sf(uint64_t n, double x)
{
    if (n < 1 || isnan(x))
        return NAN;
    double dn = (double)n, t = dn * x;
    if (t <= 0.5)
        return 1;
    if (x >= 1)
        return 0;
    if (t <= 1)
        return clip_unit(ruben_gambino_sf(n, t));
    if (t >= dn - 1)
        return clip_unit(2 * exp(dn * log1p(-x)));
    if (x >= 0.5)
        return clip_unit(2 * kolmogorov_smirnov_sf(n, x));
    double square = t * x;
    if (n <= 140)
        return clip_unit(square <= 4 ? 1 - durbin_cdf(n, x) : 2 * kolmogorov_smirnov_sf(n, x));
    if (square >= 370)
        return 0;
    if (square >= 2.2)
        return clip_unit(2 * kolmogorov_smirnov_sf(n, x));
    if (n <= 10000 && dn * x * sqrt(x) <= 1.4)
        return clip_unit(1 - durbin_cdf(n, x));
    return clip_unit(pelz_good_sf(n, x));
}

/* n == m: the reflection principle, 2 sum_k (-1)^(k+1) C(2n, n - k h) / C(2n, n), from the inside out (Horner). */
static double two_sample_equal(size_t n, uint64_t h)
{
    double p = 0;
    for (uint64_t k = n / h; k > 0; k--) {
        double factor = 1;
        for (uint64_t j = 0; j < h; j++)
            factor *= (double)(n - (k - 1) * h - j) / (double)(n + (k - 1) * h + j + 1);
        p = factor * (1 - p);
    }
    return clip_unit(2 * p);
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* f(i, j) = share of the lattice paths to (i, j) that met |i m' - j n'| >= h on their way: 1 outside, inside the mean of
 * its two predecessors weighted by i and j, since i/(i+j) of the paths to (i, j) arrive from (i - 1, j). All terms are
 * positive, so small probabilities keep their digits. Only the band inside is computed: about 2 d n m cells. */
double kolmogorov_two_sample_sf(size_t n, size_t m, double d)
{
    assert(n >= 1 && m >= 1 && n <= 20000 && m <= 20000);
    uint64_t g = common_divisor(n, m);
    int64_t di = (int64_t)(m / g), dj = (int64_t)(n / g);
    uint64_t lcm = (uint64_t)di * n;
    int64_t h = (int64_t)nearbyint(d * (double)lcm);
    if (h <= 0)
        return 1;
    if (n == m)
        return two_sample_equal(n, (uint64_t)h);
    double *f = num_scratch(m + 1, sizeof *f);
    double *inverse = num_scratch(n + m + 1, sizeof *inverse);
    for (size_t s = 1; s <= n + m; s++)
        inverse[s] = 1 / (double)s;
    for (size_t j = 0; j <= m; j++)
        f[j] = 1;
    for (size_t i = 0; i <= n; i++) {
        /* The band of row i: |i di - j dj| < h. Left of it cells go back to 1, right of it they still are. */
        int64_t at = (int64_t)i * di;
        size_t low = at >= h ? (size_t)((at - h) / dj) + 1 : 0;
        size_t high = (size_t)((at + h + dj - 1) / dj) - 1;
        high = high < m ? high : m;
        if (low)
            f[low - 1] = 1;
        for (size_t j = low; j <= high; j++) {
            double from_left = j ? f[j - 1] : 0; /* (i, j - 1), this row; f[j] is (i - 1, j), the row before */
            f[j] = i + j ? ((double)i * f[j] + (double)j * from_left) * inverse[i + j] : 0;
        }
    }
    double p = f[m];
    free(f);
    free(inverse);
    return clip_unit(p);
}
