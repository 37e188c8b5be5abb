/* special.c - incomplete gamma and beta functions from which the usual tails follow.
 *
 * Both are "a density times a sum". The density x^a e^-x / Gamma(a+1) (gamma) or x^a (1-x)^b / B(a,b) (beta) is where
 * precision is lost when written with lgamma: for a = 10^4 three numbers of size 10^5 cancel. Loader's saddle-point
 * form (C. Loader, "Fast and accurate computation of binomial probabilities", 2000) avoids it: with Stirling's error
 * delta(a) the density is exp(-delta - deviance) / sqrt(2 pi a), and the deviance a * (u - ln(x / a)), u = (x - a) / a,
 * is computed as it stands, by its series where x is near a. The sums are the power series of P (DLMF 8.11.4) left of the mean and the continued
 * fraction of Q (DLMF 8.9.2) right of it; for beta the continued fraction DLMF 8.17.22 on the side where it converges
 * fast. Fractions are evaluated by Lentz's method in Thompson and Barnett's form. */
#include "num/special.h"

#include <float.h>
#include <math.h>

#define SPECIAL_MAX_ITERATIONS 1000000
#define SPECIAL_TINY 1e-300
#define HALF_LN_2PI 0.91893853320467274178

double special_stirling_error(double a)
{
    if (!(a > 0))
        return NAN;
    if (a < 16) {
        /* Direct, in extended precision: no number here is larger than 50. */
        long double x = a;
        int sign; /* lgammal() leaves it in a global variable, which threads would share */
        return (double)(lgammal_r(x + 1, &sign) - (x * logl(x) - x + 0.5L * logl(x) + 0.918938533204672741780329736406L));
    }
    /* Bernoulli series (DLMF 5.11.1); the first term left out is below 1e-17 for a >= 16. */
    double r = 1 / (a * a);
    double sum = 1.0 / 156;
    sum = -691.0 / 360360 + r * sum;
    sum = 1.0 / 1188 + r * sum;
    sum = -1.0 / 1680 + r * sum;
    sum = 1.0 / 1260 + r * sum;
    sum = -1.0 / 360 + r * sum;
    sum = 1.0 / 12 + r * sum;
    return sum / a;
}

/* u - ln(1 + u) where ratio = 1 + u is known better than u when u is near -1. No cancellation near 0 either. */
static double u_minus_log(double u, double ratio)
{
    if (fabs(u) > 0.1)
        return u - log(ratio);
    /* u^2/2 - u^3/3 + ... */
    double power = u * u, sum = 0;
    for (int k = 2; k < 40; k++) {
        double term = power / k;
        sum += k % 2 ? -term : term;
        if (fabs(term) < 1e-18 * fabs(sum))
            break;
        power *= u;
    }
    return sum;
}

double special_ln_beta(double a, double b)
{
    if (!(a > 0) || !(b > 0))
        return NAN;
    /* Gamma(a) = Gamma(a + 1) / a on each of the three, with Stirling's main parts combined. */
    double n = a + b;
    return HALF_LN_2PI + 0.5 * log(n / (a * b)) + special_stirling_error(a) + special_stirling_error(b) -
           special_stirling_error(n) - a * log1p(b / a) - b * log1p(a / b);
}

double special_normal_cdf(double z)
{
    return 0.5 * erfc(-z * M_SQRT1_2);
}

double special_normal_sf(double z)
{
    return 0.5 * erfc(z * M_SQRT1_2);
}

double special_normal_ppf(double p)
{
    if (!(p >= 0 && p <= 1))
        return NAN;
    if (p == 0 || p == 1)
        return p == 0 ? -INFINITY : INFINITY;
    /* A rough start from the tail's leading term, then Halley's method on the smaller tail. */
    bool upper = p > 0.5;
    double tail = upper ? 1 - p : p;
    double t = sqrt(-2 * log(tail));
    double z = t > 1.2 ? t - (log(t) + HALF_LN_2PI) / t : (0.5 - tail) * 2.5066282746310002;
    for (int i = 0; i < 60; i++) {
        double density = exp(-0.5 * z * z - HALF_LN_2PI);
        double step = (special_normal_sf(z) - tail) / density;
        double move = step / (1 - 0.5 * step * z);
        z += move;
        if (fabs(move) < 1e-15 * (1 + fabs(z)))
            break;
    }
    return upper ? z : -z;
}

/* x^a e^-x / Gamma(a + 1). */
static double gamma_density(double a, double x)
{
    double u = (x - a) / a;
    if (u <= -1)
        return 0;
    return exp(-special_stirling_error(a) - a * u_minus_log(u, x / a) - 0.5 * log(a) - HALF_LN_2PI);
}

static double gamma_series(double a, double x)
{
    double term = 1, sum = 1;
    for (int k = 1; k < SPECIAL_MAX_ITERATIONS; k++) {
        term *= x / (a + k);
        sum += term;
        if (term < sum * DBL_EPSILON * 0.25)
            break;
    }
    return gamma_density(a, x) * sum;
}

static double gamma_fraction(double a, double x)
{
    double b = x + 1 - a;
    double c = 1 / SPECIAL_TINY;
    double d = 1 / b;
    double h = d;
    for (int k = 1; k < SPECIAL_MAX_ITERATIONS; k++) {
        double num = -k * (k - a);
        b += 2;
        d = num * d + b;
        d = fabs(d) < SPECIAL_TINY ? SPECIAL_TINY : d;
        c = b + num / c;
        c = fabs(c) < SPECIAL_TINY ? SPECIAL_TINY : c;
        d = 1 / d;
        double factor = d * c;
        h *= factor;
        if (fabs(factor - 1) < DBL_EPSILON)
            break;
    }
    /* The density carries Gamma(a + 1) = a Gamma(a). */
    return gamma_density(a, x) * a * h;
}

double special_gamma_p(double a, double x)
{
    if (!(a > 0) || !(x >= 0))
        return NAN;
    if (x == 0)
        return 0;
    if (isinf(x))
        return 1;
    return x < a + 1 ? gamma_series(a, x) : 1 - gamma_fraction(a, x);
}

double special_gamma_q(double a, double x)
{
    if (!(a > 0) || !(x >= 0))
        return NAN;
    if (x == 0)
        return 1;
    if (isinf(x))
        return 0;
    return x < a + 1 ? 1 - gamma_series(a, x) : gamma_fraction(a, x);
}

/* x^a y^b / B(a, b) with y = 1 - x given, so that neither end loses digits. */
static double beta_density(double a, double b, double x, double y)
{
    double n = a + b;
    double u = (x * b - a * y) / a; /* x n / a - 1 */
    double v = (a * y - x * b) / b; /* y n / b - 1 */
    if (u <= -1 || v <= -1)
        return 0;
    /* a u + b v = 0, so the logarithms are exactly minus the two deviances. */
    double deviance = a * u_minus_log(u, x * (n / a)) + b * u_minus_log(v, y * (n / b));
    double stirling = special_stirling_error(n) - special_stirling_error(a) - special_stirling_error(b);
    return exp(stirling - deviance + 0.5 * log(a / n * b) - HALF_LN_2PI);
}

static double beta_fraction(double a, double b, double x)
{
    double c = 1;
    double d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < SPECIAL_TINY ? SPECIAL_TINY : d);
    double h = d;
    for (int m = 1; m < SPECIAL_MAX_ITERATIONS; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        double factor = 1;
        for (int half = 0; half < 2; half++) {
            double num = half ? odd : even;
            d = 1 + num * d;
            d = 1 / (fabs(d) < SPECIAL_TINY ? SPECIAL_TINY : d);
            c = 1 + num / c;
            c = fabs(c) < SPECIAL_TINY ? SPECIAL_TINY : c;
            factor = c * d;
            h *= factor;
        }
        if (fabs(factor - 1) < DBL_EPSILON)
            break;
    }
    return h;
}

/* I_x(a, b) with y = 1 - x; `upper` gives 1 - I. */
static double beta_tail(double a, double b, double x, double y, bool upper)
{
    if (!(a > 0) || !(b > 0) || !(x >= 0) || !(x <= 1))
        return NAN;
    if (x == 0 || y == 0)
        return (x == 0) == upper ? 1 : 0;
    double lower_part, upper_part;
    if (x < (a + 1) / (a + b + 2)) {
        lower_part = beta_density(a, b, x, y) * beta_fraction(a, b, x) / a;
        upper_part = 1 - lower_part;
    } else {
        upper_part = beta_density(b, a, y, x) * beta_fraction(b, a, y) / b;
        lower_part = 1 - upper_part;
    }
    return upper ? upper_part : lower_part;
}

double special_beta_i(double a, double b, double x)
{
    return beta_tail(a, b, x, 1 - x, false);
}

double special_beta_sf(double a, double b, double x)
{
    return beta_tail(a, b, x, 1 - x, true);
}

double special_chi2_sf(double x, double dof)
{
    if (x < 0)
        return 1;
    return special_gamma_q(dof / 2, x / 2);
}

double special_t_sf(double t, double dof)
{
    if (!(dof > 0) || isnan(t))
        return NAN;
    double square = t * t;
    if (isinf(square))
        return t > 0 ? 0 : 1;
    double x = dof / (dof + square);
    double tail = 0.5 * beta_tail(dof / 2, 0.5, x, square / (dof + square), false);
    return t > 0 ? tail : 1 - tail;
}
