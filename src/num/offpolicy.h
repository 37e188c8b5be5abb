/* offpolicy.h - what would another policy have earned, judged from the log of the one that ran? Each logged choice carries the
 * probability it had (its propensity). Sources: Horvitz & Thompson 1952 (IPS); Swaminathan & Joachims 2015 (SNIPS); Dudik, Langford & Li
 * 2011 (doubly robust). Streaming and mergeable; NaN while not defined. Pure; a struct belongs to one thread. */
#ifndef INGOT_NUM_OFFPOLICY_H
#define INGOT_NUM_OFFPOLICY_H

#include "num/experiment.h"

struct offpolicy {
    struct moments2 weighted; /* y = w r, x = w */
    struct moments direct;    /* the doubly robust terms */
    double weight_sum, weight_square, weight_max;
};
/* One logged choice: `target` and `logged` are the two policies' probabilities of the action taken (logged > 0, asserted).
 * expected_taken: a model's guess of the reward of that action; expected_target: its guess of what the target policy earns in
 * this context (the sum over actions). Without a model pass 0 for both: DR is IPS then. */
void offpolicy_add(struct offpolicy *s, double target, double logged, double reward, double expected_taken, double expected_target);
void offpolicy_merge(struct offpolicy *s, const struct offpolicy *other);

struct offpolicy_value {
    double value, se;
};
/* Unbiased; large weights make it noisy. */
struct offpolicy_value offpolicy_ips(const struct offpolicy *s);
/* Divided by the sum of weights instead of n: a little biased, much calmer; se by the delta method. */
struct offpolicy_value offpolicy_snips(const struct offpolicy *s);
struct offpolicy_value offpolicy_dr(const struct offpolicy *s);
/* (sum w)^2 / sum w^2: how many choices the estimate really rests on. */
double offpolicy_effective_n(const struct offpolicy *s);

#endif
