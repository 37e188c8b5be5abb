/* rollout.h - moves traffic from one model version to another and decides, on the labels that come in, whether to go on.
 * State is a database row per rollout plus one row per decision with the evidence it was taken on; this module keeps
 * none, so any server may advance it after a restart. Every change writes its audit row in the same transaction.
 * One rollout may run per endpoint. Weights are permille (0..1000), times microseconds since 1970 UTC and always
 * *event time handed in*: no decision reads a clock. Thread-safe. The mathematics stands at the head of decide.c. */
#ifndef INGOT_CORE_ROLLOUT_ROLLOUT_H
#define INGOT_CORE_ROLLOUT_ROLLOUT_H

#include "core/rollout/course.h"
#include "core/rollout/decide.h"
#include "core/rollout/history.h"
#include "core/rollout/journal.h"
#include "core/rollout/live.h"
#include "core/rollout/pick.h"
#include "core/rollout/plan.h"
#include "core/rollout/shadow.h"
#include "core/rollout/trial.h"
#include "core/rollout/units.h"
#include "num/metrics.h"
#include "port/db.h"

/* ---- what comes in ---- */

/* One labelled request that took part in a rollout. */
struct rollout_outcome {
    int64_t event_us; /* when it was predicted */
    int64_t version;
    uint8_t arm;      /* enum rollout_arm */
    bool ok;          /* false: the request failed; it has no score */
    bool label;
    float score;
};
/* Requests of one arm, labelled or not, since the last call: what the guardrails and the test of the split look at. */
struct rollout_requests {
    int64_t rollout; /* that they were assigned by; 0: not known, the version says it */
    int64_t version;
    uint64_t n, errors;
    const struct latency_hist *latency; /* microseconds, of all n */
    uint64_t unnamed;                   /* requests of nobody in particular: each is a unit of its own */
    const struct units *units;          /* the others' units; NULL: none. No bit stands in two arms of one call */
};
/* ---- life of a rollout ---- */

/* Starts at the first step. E_CONFLICT: one already runs on `endpoint`, or one of another endpoint has units of the same namespace; E_INVALID: bad plan, equal versions.
 * `start_us` is event time; the seed comes from op's random source unless `seed` is not 0. */
MUST_USE enum err rollout_start(struct op *op, struct db *db, struct str endpoint, int64_t control, int64_t candidate,
                                const struct rollout_plan *plan, int64_t start_us, uint64_t seed, int64_t *ret_id);
/* Adds evidence and decides. Call inside a db_write. Outcomes of other versions, of arm NONE, or from before the rollout
 * are ignored, and so are requests of other versions or rollouts; at most one entry per version. Nothing running: OK with verdict ROLLOUT_NO_ROLLOUT.
 * A HOLD without new labels keeps the evidence but writes no decision row (seq 0). */
MUST_USE enum err rollout_advance(struct op *op, struct db_tx *tx, struct str endpoint, const struct rollout_outcome *rows, size_t n,
                                  const struct rollout_requests *requests, size_t request_count, int64_t now_us, struct rollout_decision *ret);
/* By hand: promote or roll back now. E_NOT_FOUND: nothing runs. `why` goes into the decision and the audit row. */
MUST_USE enum err rollout_finish(struct op *op, struct db *db, struct str endpoint, bool promote, struct str why, int64_t now_us,
                                 struct rollout_decision *ret);
/* By hand: stop deciding and keep the weights (guardrails go on), and go on. E_NOT_FOUND: nothing runs; E_CONFLICT: it is so already. */
MUST_USE enum err rollout_pause(struct op *op, struct db *db, struct str endpoint, struct str why, int64_t now_us, struct rollout_decision *ret);
MUST_USE enum err rollout_resume(struct op *op, struct db *db, struct str endpoint, struct str why, int64_t now_us, struct rollout_decision *ret);
/* Writes what was recorded since the last call: pairs and picks; every LIMIT_ROLLOUT_FLUSH_MS (ticker) and after labels. Shadow: decides on
 * the pairs; else the verdict is NO_ROLLOUT. On an error nothing is lost and the call may be repeated. Apply the decision as after
 * monitor_labels. */
MUST_USE enum err rollout_live_flush(struct op *op, struct db *db, struct rollout_live *live, struct str endpoint, int64_t now_us,
                                       struct rollout_decision *ret);
/* A reward that belongs to a request, by the id that rollout_note was given; `covariate`: what was known of the unit before (CUPED), or 0. */
struct rollout_given {
    int64_t id;
    double reward, covariate;
};
/* A/B, bandit: adds the rewards whose picks are remembered (*ret_counted of them; each id once) and decides. Nothing running: OK, verdict
 * NO_ROLLOUT. All or nothing: on an error the call may be repeated. E_INVALID: a number that is not finite. */
MUST_USE enum err rollout_reward(struct op *op, struct db *db, struct rollout_live *live, struct str endpoint, const struct rollout_given *given,
                                 size_t n, int64_t now_us, uint64_t *ret_counted, struct rollout_decision *ret);
/* What serve needs after a start, a decision or a restart. Nothing running: active = false, versions 0. */
MUST_USE enum err rollout_weights_load(struct op *op, struct db *db, struct str endpoint, struct rollout_weights *ret);
MUST_USE enum err rollout_weights_tx(struct op *op, struct db_tx *tx, struct str endpoint, struct rollout_weights *ret);

#endif
