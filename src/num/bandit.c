/* bandit.c - the rules.
 *
 * Thompson sampling shows an arm with the probability that it is the best under the posterior. Here that probability is estimated once per
 * update by `draws` joint draws from the seed, and all traffic until the next update is split by it: the same policy in
 * expectation, but with propensities that are known, and assignment that can stay sticky.
 *
 * Top-two sampling (Russo 2016) with beta = 1/2 shows the best of a draw half of the time, else the best of another draw in which
 * another arm leads. With p the chances to be best, the share of arm i is
 *     p_i / 2 + 1/2 sum over j != i of p_j p_i / (1 - p_j),
 * so no second round of draws is needed. A p_j of 1 leaves nothing to draw the runner-up from: it is then the arm with the next
 * largest mean. */
#include "num/bandit.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const char *const rule_names[] = {
    [BANDIT_EPSILON_GREEDY] = "epsilon_greedy",   [BANDIT_UCB1] = "ucb1",
    [BANDIT_THOMPSON_BETA] = "thompson_beta",     [BANDIT_THOMPSON_NORMAL] = "thompson_normal",
    [BANDIT_TOP_TWO_BETA] = "top_two_beta",       [BANDIT_TOP_TWO_NORMAL] = "top_two_normal",
};

const char *bandit_rule_name(enum bandit_rule rule)
{
    assert((unsigned)rule < ARRAY_LEN(rule_names));
    return rule_names[rule];
}

int bandit_rule_find(const char *name, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(rule_names); i++)
        if (strlen(rule_names[i]) == len && !memcmp(rule_names[i], name, len))
            return (int)i;
    return -1;
}

void bandit_add(struct bandit_sums *s, double reward)
{
    s->n += 1;
    s->sum += reward;
    s->square += reward * reward;
}

void bandit_discount(struct bandit_sums *s, double factor)
{
    s->n *= factor;
    s->sum *= factor;
    s->square *= factor;
}

double bandit_mean(const struct bandit_sums *s)
{
    return s->n > 0 ? s->sum / s->n : NAN;
}

void bandit_config_default(struct bandit_config *ret)
{
    *ret = (struct bandit_config){.rule = BANDIT_THOMPSON_BETA, .epsilon = 0.1, .c = M_SQRT2, .floor = 0.01, .draws = 4096};
}

/* ---- variates ---- */
double bandit_draw_gamma(struct rng *r, double shape)
{
    /* Gamma(a) = Gamma(a + 1) U^(1/a) where the method wants a >= 1. */
    double scale = shape < 1 ? pow(1 - rng_f64(r), 1 / shape) : 1;
    double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = rng_normal(r), v = 1 + c * x;
        if (v <= 0)
            continue;
        v = v * v * v;
        if (log(1 - rng_f64(r)) < 0.5 * x * x + d - d * v + d * log(v))
            return scale * d * v;
    }
}

double bandit_draw_beta(struct rng *r, double a, double b)
{
    double x = bandit_draw_gamma(r, a), y = bandit_draw_gamma(r, b);
    return x + y > 0 ? x / (x + y) : a / (a + b);
}

/* ---- the posterior ---- */
struct posterior {
    bool beta;
    double a, b; /* Beta(a, b), or normal of mean a and deviation b */
};

static void posteriors_beta(const struct bandit_sums *sums, int arms, struct posterior *ret)
{
    for (int i = 0; i < arms; i++) {
        double hits = sums[i].sum < 0 ? 0 : sums[i].sum, misses = sums[i].n - sums[i].sum;
        ret[i] = (struct posterior){true, 1 + hits, 1 + (misses < 0 ? 0 : misses)};
    }
}

static void posteriors_normal(const struct bandit_sums *sums, int arms, struct posterior *ret)
{
    double n = 0, sum = 0, within = 0, dof = 0;
    for (int i = 0; i < arms; i++) {
        n += sums[i].n;
        sum += sums[i].sum;
        double spread = sums[i].n > 0 ? sums[i].square - sums[i].sum * sums[i].sum / sums[i].n : 0;
        within += spread > 0 ? spread : 0;
        dof += sums[i].n > 1 ? sums[i].n - 1 : 0;
    }
    double mean = n > 0 ? sum / n : 0, pooled = dof > 0 ? within / dof : 1;
    for (int i = 0; i < arms; i++) {
        const struct bandit_sums *s = &sums[i];
        /* One made-up reward of the overall mean and the pooled variance: an arm without rewards is unsure, not absent. */
        double var = s->n > 8 ? (s->square - s->sum * s->sum / s->n) / (s->n - 1) : pooled;
        ret[i] = (struct posterior){false, (s->sum + mean) / (s->n + 1), sqrt((var > 0 ? var : 0) / (s->n + 1))};
    }
}

static void best_chances(const struct posterior *post, const bool *barred, int arms, int draws, uint64_t seed, double *ret)
{
    struct rng r;
    rng_seed(&r, seed);
    for (int i = 0; i < arms; i++)
        ret[i] = 0;
    for (int k = 0; k < draws; k++) {
        int best = -1;
        double most = 0;
        for (int i = 0; i < arms; i++) {
            double v = post[i].beta ? bandit_draw_beta(&r, post[i].a, post[i].b) : post[i].a + post[i].b * rng_normal(&r);
            if (!(barred && barred[i]) && (best < 0 || v > most)) {
                best = i;
                most = v;
            }
        }
        ret[best] += 1.0 / draws;
    }
}

/* The free arm with the largest value, other than `but`; -1 when there is none. Of equal ones the first. */
static int largest(const double *v, const bool *barred, int arms, int but)
{
    int best = -1;
    for (int i = 0; i < arms; i++)
        if (i != but && !(barred && barred[i]) && (best < 0 || v[i] > v[best]))
            best = i;
    return best;
}

static void top_two(const double *p, const double *means, const bool *barred, int arms, double *ret)
{
    for (int i = 0; i < arms; i++)
        ret[i] = p[i] / 2;
    for (int j = 0; j < arms; j++) {
        if (!(p[j] > 0))
            continue;
        if (p[j] < 1 - 1e-12) {
            for (int i = 0; i < arms; i++)
                ret[i] += i == j ? 0 : p[j] / 2 * p[i] / (1 - p[j]);
        } else {
            int second = largest(means, barred, arms, j);
            ret[second < 0 ? j : second] += p[j] / 2;
        }
    }
}

/* ---- the rules ---- */
static int ucb1_arm(const struct bandit_sums *sums, const bool *barred, int arms, double c)
{
    double total = 0, value[BANDIT_MAX_ARMS];
    for (int i = 0; i < arms; i++)
        total += sums[i].n;
    for (int i = 0; i < arms; i++)
        value[i] = sums[i].n > 0 ? sums[i].sum / sums[i].n + c * sqrt(log(total > 1 ? total : 1) / sums[i].n) : INFINITY;
    return largest(value, barred, arms, -1);
}

static void raw_shares(const struct bandit_config *c, const struct bandit_sums *sums, const bool *barred, int arms, int free_arms, uint64_t seed,
                       double *share, double *best)
{
    struct posterior post[BANDIT_MAX_ARMS];
    double means[BANDIT_MAX_ARMS];
    for (int i = 0; i < arms; i++) {
        means[i] = sums[i].n > 0 ? sums[i].sum / sums[i].n : INFINITY; /* what nobody has tried goes first */
        share[i] = 0;
        best[i] = NAN;
    }
    if (c->rule == BANDIT_EPSILON_GREEDY) {
        for (int i = 0; i < arms; i++)
            share[i] = barred && barred[i] ? 0 : c->epsilon / free_arms;
        share[largest(means, barred, arms, -1)] += 1 - c->epsilon;
        return;
    }
    if (c->rule == BANDIT_UCB1) {
        share[ucb1_arm(sums, barred, arms, c->c)] = 1;
        return;
    }
    if (c->rule == BANDIT_THOMPSON_BETA || c->rule == BANDIT_TOP_TWO_BETA)
        posteriors_beta(sums, arms, post);
    else
        posteriors_normal(sums, arms, post);
    best_chances(post, barred, arms, c->draws, seed, best);
    if (c->rule == BANDIT_TOP_TWO_BETA || c->rule == BANDIT_TOP_TWO_NORMAL)
        top_two(best, means, barred, arms, share);
    else
        memcpy(share, best, (size_t)arms * sizeof *share);
}

void bandit_shares(const struct bandit_config *c, const struct bandit_sums *sums, const bool *barred, int arms, uint64_t seed, double *ret_share,
                   double *ret_best)
{
    double unused[BANDIT_MAX_ARMS];
    double *best = ret_best ? ret_best : unused;
    int free_arms = 0;
    assert(arms >= 1 && arms <= BANDIT_MAX_ARMS && c->draws > 0);
    for (int i = 0; i < arms; i++)
        free_arms += !(barred && barred[i]);
    if (!free_arms) {
        for (int i = 0; i < arms; i++) {
            ret_share[i] = i == 0;
            best[i] = NAN;
        }
        return;
    }
    raw_shares(c, sums, barred, arms, free_arms, seed, ret_share, best);
    double least = c->floor * free_arms > 1 ? 1.0 / free_arms : c->floor;
    for (int i = 0; i < arms; i++)
        if (!(barred && barred[i]))
            ret_share[i] = least + (1 - free_arms * least) * ret_share[i];
}

/* ---- the window ---- */
void bandit_window_add(struct bandit_window *w, int64_t slice, double reward)
{
    if (slice <= w->newest - BANDIT_SLICES)
        return; /* too old to count */
    if (slice > w->newest) {
        if (slice - w->newest >= BANDIT_SLICES)
            memset(w->slice, 0, sizeof w->slice);
        else
            for (int64_t i = w->newest + 1; i <= slice; i++)
                w->slice[(uint64_t)i % BANDIT_SLICES] = (struct bandit_sums){0};
        w->newest = slice;
    }
    bandit_add(&w->slice[(uint64_t)slice % BANDIT_SLICES], reward);
}

struct bandit_sums bandit_window_sums(const struct bandit_window *w, int64_t slice)
{
    struct bandit_sums all = {0};
    for (int64_t i = w->newest - BANDIT_SLICES + 1; i <= w->newest; i++) {
        if (i <= slice - BANDIT_SLICES || i > slice)
            continue;
        const struct bandit_sums *s = &w->slice[(uint64_t)i % BANDIT_SLICES];
        all.n += s->n;
        all.sum += s->sum;
        all.square += s->square;
    }
    return all;
}
