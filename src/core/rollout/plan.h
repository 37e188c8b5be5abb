/* plan.h - the steps and limits of a rollout, as the user gives them. Part of rollout.h's interface. Pure. */
#ifndef INGOT_CORE_ROLLOUT_PLAN_H
#define INGOT_CORE_ROLLOUT_PLAN_H

#include "base/json.h"

#define ROLLOUT_MAX_STEPS 16

enum rollout_kind { ROLLOUT_CANARY, ROLLOUT_BLUE_GREEN, ROLLOUT_SHADOW, ROLLOUT_AB, ROLLOUT_BANDIT };
enum rollout_inconclusive { ROLLOUT_ON_INCONCLUSIVE_HOLD, ROLLOUT_ON_INCONCLUSIVE_ROLLBACK, ROLLOUT_ON_INCONCLUSIVE_ADVANCE };

struct rollout_plan {
    enum rollout_kind kind;
    int steps_permille[ROLLOUT_MAX_STEPS]; /* strictly ascending, the last one 1000 */
    int step_count;
    int64_t min_samples;   /* labelled requests per arm and step before anything but a guardrail may speak; 300 */
    int64_t min_step_us;   /* event time a step lasts at least; 1 day */
    int64_t max_step_us;   /* after this an undecided step is inconclusive; 7 days */
    double alpha;          /* chance of a wrong rollback over the whole rollout, however often it is looked at; 0.05 */
    double margin;         /* mean log-loss that the candidate may be worse by and still count as good; 0.05 */
    double max_error_rate; /* guardrail; 0.01 */
    int64_t max_p95_us;    /* guardrail; 100 ms */
    enum rollout_inconclusive on_inconclusive; /* ADVANCE: only if the estimate itself is within the margin */
};
void rollout_plan_default(struct rollout_plan *ret);
/* Members as the fields above ("steps_permille": [50,...], "on_inconclusive": "hold|rollback|advance"); what is absent
 * keeps its default. `obj` NULL: the default. E_INVALID names the field; unknown members are refused. */
MUST_USE enum err rollout_plan_parse(struct op *op, const struct json *obj, struct rollout_plan *ret);
void rollout_plan_json(struct json_out *w, const struct rollout_plan *plan);
/* E_INVALID with the field named when the values cannot be a plan; E_UNSUPPORTED for kinds that are not built. */
MUST_USE enum err rollout_plan_check(struct op *op, const struct rollout_plan *plan);

#endif
