/* decide.h - the judge of a rollout: evidence in, verdict out. Pure, no clock, no memory; part of rollout.h's interface.
 * The mathematics stands at the head of decide.c. */
#ifndef INGOT_CORE_ROLLOUT_DECIDE_H
#define INGOT_CORE_ROLLOUT_DECIDE_H

#include "core/rollout/plan.h"
#include "num/metrics.h"
#include "num/sequential.h"

/* The arm of a request. CONTROL is the concurrent comparison slice, equal in size to the candidate's; traffic outside
 * both slices is served by one of the versions too but takes no part in the comparison. */
enum rollout_arm { ROLLOUT_ARM_CONTROL = 0, ROLLOUT_ARM_CANDIDATE = 1, ROLLOUT_ARM_NONE = 2 };

/* Sums over one arm's requests since the rollout began. */
struct rollout_arm_sums {
    uint64_t requests, errors;
    uint64_t slow;        /* answered later than the plan's max_p95_us */
    uint64_t step_labels; /* labelled requests with a score, predicted in the present step */
    struct moments loss;  /* log-loss of labelled requests that had a concurrent other arm (all steps below 1000) */
    double brier_sum, score_sum;
    uint64_t positives;
    struct latency_hist latency; /* where the plan judges a quantile; of requests that had a concurrent other arm */
};
struct rollout_evidence {
    struct rollout_arm_sums arm[2]; /* by enum rollout_arm */
};

enum rollout_verdict {
    ROLLOUT_NO_ROLLOUT,  /* nothing runs on the endpoint */
    ROLLOUT_HOLD,        /* stay at this weight */
    ROLLOUT_ADVANCE,     /* next step */
    ROLLOUT_PROMOTE,     /* the last step held: the candidate is the endpoint's version now */
    ROLLOUT_ROLLBACK,    /* back to control, weight 0 */
    ROLLOUT_PAUSE,       /* a person is wanted; the weights stay, guardrails go on */
    ROLLOUT_RESUME,      /* a person says: go on */
    ROLLOUT_SHIFT,       /* a bandit's new shares */
};
struct rollout_decision {
    enum rollout_verdict verdict;
    int64_t rollout_id, seq;
    int64_t control, candidate;
    int from_permille, to_permille;
    const char *reason;      /* static text: "worse", "errors", "latency", "not_worse", "inconclusive", "samples" ... */
    double diff, lo, hi;     /* candidate - control mean log-loss and its one-sided bounds; NaN while unknown */
    uint64_t labels_control, labels_candidate;
    int64_t at_us;
};
/* A guardrail: the rate bad/n is shown, at any time, to be above `limit`, and is above the control's (no control: limit alone). */
bool rollout_rate_broken(uint64_t bad, uint64_t n, uint64_t control_bad, uint64_t control_n, double limit, double alpha);
/* The plan's quantile of the candidate's latency is shown, at any time, to be more than latency_max_ratio times the control's. */
bool rollout_quantile_broken(const struct rollout_plan *plan, const struct latency_hist *candidate, const struct latency_hist *control, double alpha);
/* {"quantile", "control": {"n", "value", "lo", "hi"}, "candidate": ...} at that alpha, for people and charts. */
void rollout_quantile_json(struct json_out *w, const struct rollout_plan *plan, const struct latency_hist *candidate, const struct latency_hist *control,
                           double alpha);
/* The share of alpha of each test of latency: one test, or two where the plan names a quantile. */
double rollout_latency_alpha(const struct rollout_plan *plan);
#define ROLLOUT_SLOW_SHARE 0.05 /* what "p95" means: at most so many answers are slower */
const char *rollout_verdict_name(enum rollout_verdict v); /* "hold" ... */
void rollout_decision_json(struct json_out *w, const struct rollout_decision *d);

/* Where a rollout stands: the input of the pure decision. */
struct rollout_position {
    int step;                  /* index into the plan */
    int64_t step_started_us;
};
/* Pure: the same input gives the same answer, bit for bit. Fills verdict, reason, to_permille, diff, lo, hi, labels. */
void rollout_decide(const struct rollout_plan *plan, const struct rollout_position *pos, const struct rollout_evidence *ev,
                    int64_t now_us, struct rollout_decision *ret);
/* Sums as one JSON object, every double bit for bit, and back (E_CORRUPT: it comes from the database). */
void rollout_evidence_json(struct json_out *w, const struct rollout_evidence *ev);
MUST_USE enum err rollout_evidence_parse(struct op *op, const struct json *obj, struct rollout_evidence *ret);

#endif
