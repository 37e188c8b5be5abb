/* rollout.h - moves traffic from one model version to another and decides, on the labels that come in, whether to go on.
 * State is a database row per rollout plus one row per decision with the evidence it was taken on; this module keeps
 * none, so any server may advance it after a restart. Every change writes its audit row in the same transaction.
 * One rollout may run per endpoint. Weights are permille (0..1000), times microseconds since 1970 UTC and always
 * *event time handed in*: no decision reads a clock. Thread-safe. The mathematics stands at the head of decide.c. */
#ifndef INGOT_CORE_ROLLOUT_ROLLOUT_H
#define INGOT_CORE_ROLLOUT_ROLLOUT_H

#include "base/json.h"
#include "num/metrics.h"
#include "port/db.h"

#define ROLLOUT_MAX_STEPS 16

/* ---- who gets which version: pure, no lock, ~20 ns ---- */

/* The arm of a request. CONTROL is the concurrent comparison slice, equal in size to the candidate's; traffic outside
 * both slices is served by the control version too but takes no part in the comparison. */
enum rollout_arm { ROLLOUT_ARM_CONTROL = 0, ROLLOUT_ARM_CANDIDATE = 1, ROLLOUT_ARM_NONE = 2 };

/* A value: the server copies it under its own lock or publishes it by pointer. */
struct rollout_weights {
    int64_t control, candidate; /* version numbers */
    int permille;               /* candidate's share, 0..1000 */
    uint64_t seed;              /* of this rollout; stored, so that assignment survives restarts */
    bool active;                /* false: everything goes to `control`, arm NONE */
};
/* The version for this unit. h = hash64(unit_id, seed) % 1000; candidate when h < permille (so raising keeps those who
 * have it), control slice when h >= 1000 - min(permille, 1000 - permille). Cannot fail; ret_arm may be NULL. */
int64_t rollout_pick(const struct rollout_weights *w, struct str unit_id, int *ret_arm);

/* ---- the plan ---- */
enum rollout_kind { ROLLOUT_CANARY, ROLLOUT_BLUE_GREEN, ROLLOUT_SHADOW, ROLLOUT_AB }; /* only CANARY is built */
enum rollout_inconclusive { ROLLOUT_ON_INCONCLUSIVE_HOLD, ROLLOUT_ON_INCONCLUSIVE_ROLLBACK, ROLLOUT_ON_INCONCLUSIVE_ADVANCE };

struct rollout_plan {
    enum rollout_kind kind;
    int steps_permille[ROLLOUT_MAX_STEPS]; /* strictly ascending, the last one 1000 */
    int step_count;
    int64_t min_samples;   /* labelled requests per arm and step before anything but a guardrail may speak; 300 */
    int64_t min_step_us;   /* event time a step lasts at least; 1 day */
    int64_t max_step_us;   /* after this an undecided step is inconclusive; 7 days */
    double alpha;          /* chance of a wrong rollback over the whole rollout, however often it is looked at; 0.05 */
    double margin;         /* mean log-loss that the candidate may be worse by; 0.02 */
    double max_error_rate; /* guardrail; 0.01 */
    int64_t max_p95_us;    /* guardrail; 100 ms */
    enum rollout_inconclusive on_inconclusive; /* ADVANCE: only if the estimate itself is within the margin */
};
void rollout_plan_default(struct rollout_plan *ret);
/* Members as the fields above ("steps_permille": [50,...], "on_inconclusive": "hold|rollback|advance"); what is absent
 * keeps its default. `obj` NULL: the default. E_INVALID names the field; unknown members are refused. */
MUST_USE enum err rollout_plan_parse(struct op *op, const struct json *obj, struct rollout_plan *ret);
void rollout_plan_json(struct json_out *w, const struct rollout_plan *plan);

/* ---- evidence ---- */

/* One labelled request that took part in a rollout. */
struct rollout_outcome {
    int64_t event_us; /* when it was predicted */
    int64_t version;
    uint8_t arm;      /* enum rollout_arm */
    bool ok;          /* false: the request failed; it has no score */
    bool label;
    float score;
};
/* Requests of one arm, labelled or not, since the last call: what the guardrails look at. */
struct rollout_requests {
    int64_t version;
    uint64_t n, errors;
    const struct latency_hist *latency; /* microseconds, of all n */
};
/* Streaming sums of one arm (Welford; merging by Chan's formula). */
struct rollout_arm_sums {
    uint64_t requests, errors;
    uint64_t slow;           /* answered later than the plan's max_p95_us */
    uint64_t labels;         /* labelled requests with a score, whole rollout */
    uint64_t step_labels;    /* of them, predicted in the present step */
    double loss_mean, loss_m2; /* log-loss: mean and sum of squared deviations */
    double brier_sum, score_sum;
    uint64_t positives;
};
struct rollout_evidence {
    struct rollout_arm_sums arm[2]; /* by enum rollout_arm */
};

/* ---- decisions ---- */
enum rollout_verdict {
    ROLLOUT_NO_ROLLOUT,  /* nothing runs on the endpoint */
    ROLLOUT_HOLD,        /* stay at this weight */
    ROLLOUT_ADVANCE,     /* next step */
    ROLLOUT_PROMOTE,     /* the last step held: the candidate is the endpoint's version now */
    ROLLOUT_ROLLBACK,    /* back to control, weight 0 */
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

/* ---- life of a rollout ---- */

/* Starts at the first step. E_CONFLICT: one already runs on `endpoint`; E_INVALID: bad plan, equal versions.
 * `start_us` is event time; the seed comes from op's random source unless `seed` is not 0. */
MUST_USE enum err rollout_start(struct op *op, struct db *db, struct str endpoint, int64_t control, int64_t candidate,
                                const struct rollout_plan *plan, int64_t start_us, uint64_t seed, int64_t *ret_id);
/* Adds evidence and decides. Call inside a db_write. Outcomes of other versions, of arm NONE, or from before the rollout
 * are ignored. `requests` has two entries by arm, or is NULL. Nothing running: OK with verdict ROLLOUT_NO_ROLLOUT. */
MUST_USE enum err rollout_advance(struct op *op, struct db_tx *tx, struct str endpoint, const struct rollout_outcome *rows, size_t n,
                                  const struct rollout_requests *requests, int64_t now_us, struct rollout_decision *ret);
/* By hand: promote or roll back now. E_NOT_FOUND: nothing runs. `why` goes into the decision and the audit row. */
MUST_USE enum err rollout_finish(struct op *op, struct db *db, struct str endpoint, bool promote, struct str why, int64_t now_us,
                                 struct rollout_decision *ret);
/* What serve needs after a start, a decision or a restart. Nothing running: active = false, versions 0. */
MUST_USE enum err rollout_weights_load(struct op *op, struct db *db, struct str endpoint, struct rollout_weights *ret);
MUST_USE enum err rollout_weights_tx(struct op *op, struct db_tx *tx, struct str endpoint, struct rollout_weights *ret);
/* All rollouts of the endpoint with their plans and decisions, oldest first, as one JSON array. */
MUST_USE enum err rollout_list_json(struct op *op, struct db *db, struct str endpoint, struct json_out *w);
/* Takes every stored decision of the rollout again from its stored evidence. E_CORRUPT names the first that differs. */
MUST_USE enum err rollout_replay(struct op *op, struct db *db, int64_t rollout_id, size_t *ret_decisions);

#endif
