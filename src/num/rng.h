/* rng.h - a small seeded random source for resampling and simulation: xoshiro256** (Blackman & Vigna 2018) seeded by
 * splitmix64. The same seed gives the same sequence on every machine. Not for secrets (base/hash.h: hash_random).
 * A struct rng belongs to one thread. */
#ifndef INGOT_NUM_RNG_H
#define INGOT_NUM_RNG_H

#include "base/cc.h"

struct rng {
    uint64_t s[4];
};

void rng_seed(struct rng *r, uint64_t seed);
uint64_t rng_u64(struct rng *r);
/* In [0, 1), 53 random bits. */
double rng_f64(struct rng *r);
/* In [0, n), n > 0 (asserted). Unbiased (Lemire's rejection). */
uint64_t rng_below(struct rng *r, uint64_t n);
/* Standard normal (polar method). */
double rng_normal(struct rng *r);

#endif
