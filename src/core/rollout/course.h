/* course.h - a rollout over time, for pages and charts: what its evidence said at each decision, and what it says now. Part of rollout.h's
 * interface. Read only. */
#ifndef INGOT_CORE_ROLLOUT_COURSE_H
#define INGOT_CORE_ROLLOUT_COURSE_H

#include "base/json.h"
#include "core/rollout/decide.h"
#include "core/rollout/history.h"
#include "port/db.h"

/* {"id", "kind", "control", "candidate", "state", "paused", "step", "step_started_us", "started_us", "finished_us", "decisions": how many, "plan",
 * "course": [{"seq", "at_us", "verdict", "reason", "note", "step", "from_permille", "to_permille", "diff", "lo", "hi", "report"}],
 * "now": the same of the evidence as it stands at `now_us` (event time; of a finished one: at its end), without seq and note}, oldest first. "report" is by the kind: canary and blue-green
 * rollout_guards_json, else as in rollout_report_json. Of more than LIMIT_ROLLOUT_COURSE decisions (a bandit's: LIMIT_ROLLOUT_COURSE_DRAWN) those
 * that changed nothing are thinned out evenly; "seq" says which were left out. E_NOT_FOUND: no such rollout on the endpoint. */
MUST_USE enum err rollout_course_json(struct op *op, struct db *db, struct str endpoint, int64_t rollout_id, int64_t now_us, struct json_out *w);
/* Rollouts of the endpoint, a page of the newest first, as an array: the members above without course, plus "last": the last decision's seq, at_us,
 * verdict, reason, note, from_permille, to_permille, diff, lo, hi (null: there is none). */
MUST_USE enum err rollout_brief_json(struct op *op, struct db *db, struct str endpoint, const struct rollout_page *page, struct json_out *w);

/* What the sums of a canary or blue-green say of each guardrail: {"arms": [{"version", "requests", "errors", "slow", "labels", "step_labels", "loss",
 * "brier"}: control, candidate], "guards": [{"name": "errors" or "latency", "limit", "control", "candidate": rates, "log_e", "boundary",
 * "broken"}], "latency": rollout_quantile_json, where the plan judges one}. Broken when log_e has reached the boundary and the control is better. */
void rollout_guards_json(struct json_out *w, const struct rollout_plan *plan, const struct rollout_evidence *ev, int64_t control, int64_t candidate);

#endif
