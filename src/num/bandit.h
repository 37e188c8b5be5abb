/* bandit.h - which arm next, when every pull shows one arm's reward? The rules return the share of traffic that each arm shall have until
 * the next update, so that every choice has a known probability (its propensity) and rewards may come late and in batches.
 * Sources: Auer, Cesa-Bianchi & Fischer 2002 (epsilon-greedy, UCB1); Thompson 1933 and Chapelle & Li 2011; Russo 2016 (top-two);
 * Garivier & Moulines 2011 (discounting, sliding window); Marsaglia & Tsang 2000 (gamma variates).
 * Everything is a function of the sums and the seed: the same input gives the same shares. Pure and thread-safe. */
#ifndef INGOT_NUM_BANDIT_H
#define INGOT_NUM_BANDIT_H

#include "num/rng.h"

#define BANDIT_MAX_ARMS 16

enum bandit_rule {
    BANDIT_EPSILON_GREEDY,  /* the best mean gets 1 - epsilon, and its part of epsilon like everybody */
    BANDIT_UCB1,            /* all to the largest mean + c sqrt(ln N / n); rewards in [0, 1] */
    BANDIT_THOMPSON_BETA,   /* the chance to be best, rewards in [0, 1], Beta(1 + sum, 1 + n - sum) */
    BANDIT_THOMPSON_NORMAL, /* the same, normal around the mean, deviation pooled where an arm has too few rewards */
    BANDIT_TOP_TWO_BETA,    /* half to the draw's best, half to the best of a draw where another one leads: finds the best arm faster */
    BANDIT_TOP_TWO_NORMAL,
};
const char *bandit_rule_name(enum bandit_rule rule);
/* -1: no such rule. */
int bandit_rule_find(const char *name, size_t len);

/* Sums over one arm's rewards; weights below 1 by discounting make n fractional. */
struct bandit_sums {
    double n, sum, square;
};
void bandit_add(struct bandit_sums *s, double reward);
/* Forgets: everything counts `factor` times what it did, 0..1. */
void bandit_discount(struct bandit_sums *s, double factor);
double bandit_mean(const struct bandit_sums *s); /* NaN without rewards */

struct bandit_config {
    enum bandit_rule rule;
    double epsilon;   /* 0.1 */
    double c;         /* UCB1's width; sqrt(2) */
    double floor;     /* share that no arm falls below (times arms <= 1); 0.01. It keeps propensities away from zero */
    int draws;        /* posterior draws; 4096 */
};
void bandit_config_default(struct bandit_config *ret);
/* Shares of the arms, their sum is 1. `barred` (or NULL): arms that get nothing, not even the floor; if all are, arm 0 gets all.
 * ret_best (or NULL): each arm's chance to be the best, from the draws; NaN for rules without a posterior. arms <= BANDIT_MAX_ARMS. */
void bandit_shares(const struct bandit_config *c, const struct bandit_sums *sums, const bool *barred, int arms, uint64_t seed, double *ret_share,
                   double *ret_best);

/* One gamma(shape) and one Beta(a, b) variate; shapes > 0. */
double bandit_draw_gamma(struct rng *r, double shape);
double bandit_draw_beta(struct rng *r, double a, double b);

/* A sliding window over event time: BANDIT_SLICES slices, each a part of the window's length. */
#define BANDIT_SLICES 16
struct bandit_window {
    int64_t newest;                          /* number of the newest slice; slices older than newest - 15 are gone */
    struct bandit_sums slice[BANDIT_SLICES]; /* by number modulo BANDIT_SLICES */
};
void bandit_window_add(struct bandit_window *w, int64_t slice, double reward);
/* Sum of the slices not older than `slice` - BANDIT_SLICES + 1. */
struct bandit_sums bandit_window_sums(const struct bandit_window *w, int64_t slice);

#endif
