/* shadow.h - the judge of a shadow rollout: both versions answered the same requests, so everything is compared in pairs.
 * The candidate's answers reach nobody. Pure, no clock; the mathematics stands at the head of shadow.c. Part of rollout.h's interface. */
#ifndef INGOT_CORE_ROLLOUT_SHADOW_H
#define INGOT_CORE_ROLLOUT_SHADOW_H

#include "core/rollout/decide.h"
#include "num/sketch.h"

/* Sums over the pairs since the rollout began; mergeable. About 60 KiB: it lives on the heap or in an arena. */
struct rollout_shadow {
    uint64_t pairs, dropped;              /* compared; not copied for want of room */
    uint64_t control_failed, candidate_failed, both_failed; /* only that side, ... both */
    uint64_t agree;                       /* of those where both answered */
    struct moments log_ratio;             /* ln(candidate time / control time) */
    struct sketch delta;                  /* |candidate - control|, the largest over the outputs */
    struct sketch output[2], latency_us[2]; /* first output, and time, by enum rollout_arm */
    /* once labels come */
    struct moments loss_delta;            /* log-loss of the candidate minus the control's, per request */
    uint64_t only_control_right, only_candidate_right, both_right, labels;
};
struct rollout_pair;
/* `threshold`, `tolerance`: see rollout_pair_record. */
void rollout_shadow_add(struct rollout_shadow *s, const struct rollout_pair *pair, double threshold, double tolerance);
void rollout_shadow_label(struct rollout_shadow *s, double control_score, double candidate_score, bool label, double threshold);
void rollout_shadow_merge(struct rollout_shadow *s, const struct rollout_shadow *other);
void rollout_shadow_json(struct json_out *w, const struct rollout_shadow *s);
MUST_USE enum err rollout_shadow_parse(struct op *op, const struct json *obj, struct rollout_shadow *ret);
/* What the sums say, for people and charts: shares, quantiles, distances, ratios with bounds. */
void rollout_shadow_report_json(struct json_out *w, const struct rollout_plan *plan, const struct rollout_shadow *s);
/* Pure. PROMOTE only when the plan says on_win promote; else PAUSE with reason "passed". */
void rollout_shadow_decide(const struct rollout_plan *plan, const struct rollout_position *pos, const struct rollout_shadow *s, int64_t now_us,
                           struct rollout_decision *ret);

#endif
