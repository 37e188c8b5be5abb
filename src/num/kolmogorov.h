/* kolmogorov.h - the laws of Kolmogorov's and Smirnov's statistics for finite samples.
 * Branches and results follow scipy.stats.kstwo.sf and ks_2samp to 1e-9 relative. Pure and thread-safe. */
#ifndef INGOT_NUM_KOLMOGOROV_H
#define INGOT_NUM_KOLMOGOROV_H

#include "base/cc.h"

/* P(D_n >= x), D_n the two-sided one-sample statistic of n values, n >= 1. */
double kolmogorov_sf(uint64_t n, double x);
/* P(D_n+ >= x), the one-sided statistic (Smirnov, Birnbaum & Tingey). */
double kolmogorov_smirnov_sf(uint64_t n, double x);
/* Exact P(D >= d) of the two-sided two-sample statistic, ties in the data ignored as scipy does.
 * Work about 2 d n m cells (n == m: n steps), so callers bound n and m (asserted <= 20000). */
double kolmogorov_two_sample_sf(size_t n, size_t m, double d);

#endif
