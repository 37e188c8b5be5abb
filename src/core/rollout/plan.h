/* plan.h - the steps and limits of a rollout, as the user gives them. Part of rollout.h's interface. Pure. */
#ifndef INGOT_CORE_ROLLOUT_PLAN_H
#define INGOT_CORE_ROLLOUT_PLAN_H

#include "base/json.h"
#include "base/limits.h"
#include "num/bandit.h"

#define ROLLOUT_MAX_STEPS 16

enum rollout_kind { ROLLOUT_CANARY, ROLLOUT_BLUE_GREEN, ROLLOUT_SHADOW, ROLLOUT_AB, ROLLOUT_BANDIT };
const char *rollout_kind_name(enum rollout_kind kind); /* "blue_green" ... */
/* PAUSE: the weights stay, nothing but a guardrail decides, until a person resumes, promotes or rolls back. */
enum rollout_inconclusive {
    ROLLOUT_ON_INCONCLUSIVE_HOLD,
    ROLLOUT_ON_INCONCLUSIVE_ROLLBACK,
    ROLLOUT_ON_INCONCLUSIVE_ADVANCE,
    ROLLOUT_ON_INCONCLUSIVE_PAUSE
};
enum rollout_on_win { ROLLOUT_ON_WIN_PAUSE, ROLLOUT_ON_WIN_PROMOTE };
enum rollout_test { ROLLOUT_TEST_ALWAYS_VALID, ROLLOUT_TEST_FIXED };
enum rollout_correction { ROLLOUT_CORRECT_HOLM, ROLLOUT_CORRECT_BH, ROLLOUT_CORRECT_NONE };
/* Measures of one request. All but REWARD and ERRORS need its label; less is better but for ACCURACY and REWARD. */
enum rollout_metric { ROLLOUT_LOGLOSS, ROLLOUT_BRIER, ROLLOUT_ACCURACY, ROLLOUT_REWARD, ROLLOUT_ERRORS, ROLLOUT_METRIC_COUNT };
const char *rollout_metric_name(enum rollout_metric m);
bool rollout_metric_more_is_better(enum rollout_metric m);

struct rollout_plan {
    enum rollout_kind kind;
    int steps_permille[ROLLOUT_MAX_STEPS]; /* canary: strictly ascending, the last one 1000. Else one step, derived */
    int step_count;
    int64_t min_samples;   /* labelled requests per arm and step before anything but a guardrail may speak; 300 */
    int64_t min_step_us;   /* event time a step lasts at least; 1 day. Blue-green: how long is watched before the way back closes; 1 h */
    int64_t max_step_us;   /* after this an undecided step is inconclusive; 7 days */
    double alpha;          /* chance of a wrong rollback (A/B: of a wrong win) over the whole rollout, however often it is looked at; 0.05 */
    double margin;         /* mean log-loss that the candidate may be worse by and still count as good; 0.05. Not A/B, bandit */
    double max_error_rate; /* guardrail; 0.01 */
    int64_t max_p95_us;    /* guardrail; 100 ms */
    double latency_quantile;  /* guardrail: this quantile of latency against the concurrent control's; 0: not judged. Canary, blue-green
                               * that holds units back, A/B. In JSON "latency": {"quantile": 0.99, "method": "dkw", "max_ratio": 1.25} */
    double latency_max_ratio; /* ... the candidate's may be so many times the control's; 1.25 */
    enum rollout_inconclusive on_inconclusive; /* ADVANCE: only if the estimate itself is within the margin */
    enum rollout_on_win on_win; /* shadow, A/B, bandit: what a pass or a win does; pause */
    double threshold;      /* scores from here on mean class 1: accuracy, McNemar, agreement; 0.5 */

    int64_t hold_back_permille; /* blue-green: units that stay with the control as a concurrent comparison; 0 */

    int64_t shadow_permille;  /* shadow: share of the units whose requests are copied; 1000 */
    int64_t min_labels;       /* ... labelled pairs wanted before it passes; 0: labels are only watched */
    double tolerance;         /* ... answers agree when they differ by no more; 0: when their classes are the same */
    double min_agreement;     /* ... lower 95 % bound of the agreement wanted; 0: not judged */
    double max_psi;           /* ... between the outputs; 0: not judged */
    double max_latency_ratio; /* ... of the candidate's time to the control's (geometric mean); 0: not judged */

    /* A/B and bandit: further candidates, and the shares of all arms (control first; none: equal) */
    int64_t versions[LIMIT_ROLLOUT_ARMS];
    int version_count;
    int shares_permille[LIMIT_ROLLOUT_ARMS];
    int share_count;
    enum rollout_metric metrics[ROLLOUT_METRIC_COUNT]; /* A/B: the first is the primary one: it decides; ["logloss"] */
    int metric_count;
    enum rollout_test test;             /* A/B: always_valid */
    enum rollout_correction correction; /* A/B, fixed horizon: over metrics and candidates; holm */
    int64_t samples_per_arm;            /* A/B, fixed horizon: the one look happens when every arm has so many; from the planner */
    double srm_alpha;                   /* A/B: pause when the split is shown not to be the planned one; 0.001 */

    enum rollout_metric reward;    /* bandit: what is maximised (losses are turned); accuracy */
    struct bandit_config bandit;   /* rule, epsilon, c, floor, draws */
    double half_life_us;           /* bandit: a reward counts half after so long; 0: for ever */
    double stop_at;                /* bandit: a win when the chance to be best reaches it; 0: never */

    struct str space;              /* namespace: experiments of one namespace divide the units; "" = none. 1..63 bytes, in op's arena */
    int64_t space_from, space_to;  /* permille */
};
void rollout_plan_default(struct rollout_plan *ret); /* a canary */
void rollout_plan_default_of(enum rollout_kind kind, struct rollout_plan *ret);
/* Shares of `arms` arms, the control first: the plan's, or equal ones. */
void rollout_plan_shares(const struct rollout_plan *plan, int arms, int ret_permille[LIMIT_ROLLOUT_ARMS]);
/* Members as the fields above ("steps_permille": [50,...], "on_inconclusive": "hold|rollback|advance"); what is absent
 * keeps its default. `obj` NULL: the default. E_INVALID names the field; unknown members, and those of another kind, are refused. */
MUST_USE enum err rollout_plan_parse(struct op *op, const struct json *obj, struct rollout_plan *ret);
void rollout_plan_json(struct json_out *w, const struct rollout_plan *plan);
/* E_INVALID with the field named when the values cannot be a plan. */
MUST_USE enum err rollout_plan_check(struct op *op, const struct rollout_plan *plan);

#endif
