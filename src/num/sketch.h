/* sketch.h - the distribution of many numbers in a few counters: mergeable, of fixed size, without a choice of bins beforehand.
 * Every double falls into one of SKETCH_KEYS cells that rise with the value. A cell is 1/16 of a power of two of the distance to 0, or
 * for 0.5 < v < 1 of the distance to 1, or for v > 1 of v - 1: about 6 % wide where probabilities, scores and latencies have their
 * tails. Quantiles are off by at most half a cell; the distance between two distribution functions is taken at the edges
 * of cells, so it is a lower bound, short by what the fullest cell hides. Pure; a struct belongs to one thread at a time. */
#ifndef INGOT_NUM_SKETCH_H
#define INGOT_NUM_SKETCH_H

#include "base/cc.h"

#define SKETCH_SUB 16                            /* cells per power of two */
#define SKETCH_LOW (-30)                         /* distances below 2^-30 are 0 */
#define SKETCH_HIGH 34                           /* ... above 2^34 are 2^34 */
#define SKETCH_SPAN ((SKETCH_HIGH - SKETCH_LOW) * SKETCH_SUB)      /* 1024: cells of a distance, but for 0 */
#define SKETCH_HALF ((-1 - SKETCH_LOW) * SKETCH_SUB)               /* cells of (0, 0.5] */
#define SKETCH_ONE (SKETCH_SPAN + 2 * SKETCH_HALF + 1)             /* the cell of 1 */
#define SKETCH_KEYS (SKETCH_ONE + SKETCH_SPAN + 1)

struct sketch {
    uint64_t n, missing;           /* NaN is counted apart */
    uint32_t count[SKETCH_KEYS];   /* saturates; n goes on */
};
/* 0..SKETCH_KEYS-1; `v` must not be NaN (asserted). */
int sketch_key(double v);
/* The middle of a cell. */
double sketch_value(int key);
void sketch_add(struct sketch *s, double v);
void sketch_add_many(struct sketch *s, double v, uint32_t times);
void sketch_merge(struct sketch *s, const struct sketch *other);
/* Nearest rank; q outside [0, 1] is clipped; NaN when empty. */
double sketch_quantile(const struct sketch *s, double q);
/* Greatest distance of the two distribution functions over the cells' edges; NaN when one is empty. */
double sketch_distance(const struct sketch *a, const struct sketch *b);
/* Population stability index of `b` against the deciles of `a` (cells are not divided, so fewer than ten groups where cells are
 * full), empty shares filled as num/drift.h does. NaN when one is empty. */
double sketch_psi(const struct sketch *a, const struct sketch *b);

/* How far an empirical distribution function of n values may be from the true one, with probability 1 - alpha:
 * at one look (Dvoretzky, Kiefer & Wolfowitz 1956 with Massart's constant 1990) ... */
double sketch_dkw(uint64_t n, double alpha);
/* ... and at every n at once (Howard & Ramdas 2022, "Sequential estimation of quantiles", theorem 2). */
double sketch_dkw_any_time(uint64_t n, double alpha);
struct sketch_bounds {
    double value, lo, hi; /* infinite where n is too small to say; NaN when empty */
};
/* Quantile q with the bounds that follow when the distribution function is off by at most `eps`. */
struct sketch_bounds sketch_quantile_bounds(const struct sketch *s, double q, double eps);

#endif
