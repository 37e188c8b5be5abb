/* trial.h - the judges of A/B tests and bandits: two or more arms that share the traffic, the control first. Pure, no clock, randomness only
 * from the seed that is handed in; the mathematics stands at the head of trial.c. Part of rollout.h's interface. */
#ifndef INGOT_CORE_ROLLOUT_TRIAL_H
#define INGOT_CORE_ROLLOUT_TRIAL_H

#include "core/rollout/decide.h"
#include "core/rollout/pick.h"
#include "num/bandit.h"
#include "num/experiment.h"

struct rollout_trial_arm {
    int64_t version;
    uint64_t requests, errors, slow;
    uint64_t units, unnamed;                     /* for the split: units that asked, each once; requests of nobody in particular */
    struct latency_hist latency;                 /* where the plan judges a quantile */
    struct moments metric[ROLLOUT_METRIC_COUNT]; /* LOGLOSS, BRIER, ACCURACY: one value per labelled request */
    struct moments2 reward;                      /* y: rewards that were sent in, x: their covariate */
    struct bandit_sums learned;                  /* what the bandit maximises, discounted */
    struct moments2 weighted;                    /* of each reward r with its propensity p: y = r / p, x = 1 / p */
};
struct rollout_trial {
    int arms;
    struct rollout_trial_arm arm[LIMIT_ROLLOUT_ARMS];
    int permille[LIMIT_ROLLOUT_ARMS];
    uint8_t bucket[ROLLOUT_BUCKETS];
    int64_t learned_us; /* up to when `learned` is discounted */
};
/* Arms, shares and buckets of a rollout that begins. */
void rollout_trial_init(struct rollout_trial *t, const struct rollout_plan *plan, int64_t control, int64_t candidate, int64_t start_us);
struct rollout_trial_arm *rollout_trial_find(struct rollout_trial *t, int64_t version); /* NULL: no arm */
/* Brings the discount up to now_us; before what comes is added. */
void rollout_trial_age(struct rollout_trial *t, const struct rollout_plan *plan, int64_t now_us);
void rollout_trial_label(struct rollout_trial_arm *a, const struct rollout_plan *plan, double score, bool label);
/* `propensity` > 0, else the reward is refused (false); so it is when it or the covariate is not finite. */
bool rollout_trial_reward(struct rollout_trial_arm *a, const struct rollout_plan *plan, double reward, double covariate, double propensity);
/* Bit for bit, and back (E_CORRUPT). */
void rollout_trial_json(struct json_out *w, const struct rollout_trial *t);
MUST_USE enum err rollout_trial_parse(struct op *op, const struct json *obj, struct rollout_trial *ret);
/* Every candidate against the control by every metric, with its bounds; the split; for a bandit the chances to be best. */
void rollout_trial_report_json(struct json_out *w, const struct rollout_plan *plan, const struct rollout_trial *t, uint64_t seed);

/* PROMOTE, and PAUSE with reason "won": ret->candidate is the winner. SHIFT: ret_permille (or NULL) gets the new shares. `seed`: the
 * rollout's, mixed with the number of this decision. */
void rollout_trial_decide(const struct rollout_plan *plan, const struct rollout_position *pos, const struct rollout_trial *t, uint64_t seed,
                          int64_t now_us, struct rollout_decision *ret, int ret_permille[LIMIT_ROLLOUT_ARMS]);

#endif
