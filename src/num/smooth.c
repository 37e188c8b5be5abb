/* Means over windows are summed anew for each place: charts have thousands of places, not millions, and a running sum would carry
 * the rounding of a huge value into all that follow. */
#include "num/smooth.h"

#include <math.h>

void smooth_ema(const double *x, size_t n, double w, double *out)
{
    double sum = 0, weight = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(x[i])) {
            out[i] = x[i];
            continue;
        }
        sum = sum * w + x[i];
        weight = weight * w + 1;
        out[i] = sum / weight;
    }
}

void smooth_ema_at(const double *at, const double *x, size_t n, double half_life, double *out)
{
    double sum = 0, weight = 0, last = NAN;
    for (size_t i = 0; i < n; i++) {
        if (isnan(x[i])) {
            out[i] = x[i];
            continue;
        }
        double decay = isnan(last) ? 0 : exp2(-(at[i] - last) / half_life);
        last = at[i];
        sum = sum * decay + x[i];
        weight = weight * decay + 1;
        out[i] = sum / weight;
    }
}

void smooth_mean(const double *x, size_t n, size_t window, double *out)
{
    size_t before = window / 2, after = window - 1 - before;
    for (size_t i = 0; i < n; i++) {
        size_t from = i > before ? i - before : 0, to = n - 1 - i > after ? i + after : n - 1, count = 0;
        double sum = 0;
        for (size_t k = from; k <= to; k++) {
            if (!isnan(x[k])) {
                sum += x[k];
                count++;
            }
        }
        out[i] = isnan(x[i]) ? x[i] : sum / (double)count;
    }
}

void smooth_gaussian(const double *x, size_t n, double sigma, double *out)
{
    double reach_f = ceil(4 * sigma);
    size_t reach = reach_f < (double)n ? (size_t)reach_f : n;
    for (size_t i = 0; i < n; i++) {
        size_t from = i > reach ? i - reach : 0, to = n - 1 - i > reach ? i + reach : n - 1;
        double sum = 0, weight = 0;
        for (size_t k = from; k <= to; k++) {
            double d = ((double)k - (double)i) / sigma, g = exp(-0.5 * d * d);
            if (!isnan(x[k]) && fabs(d) <= 4) {
                sum += g * x[k];
                weight += g;
            }
        }
        out[i] = isnan(x[i]) ? x[i] : sum / weight;
    }
}
