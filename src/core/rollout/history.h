/* history.h - the rollouts of an endpoint as they were and are, and every decision taken again. Part of rollout.h's interface. */
#ifndef INGOT_CORE_ROLLOUT_HISTORY_H
#define INGOT_CORE_ROLLOUT_HISTORY_H

#include "base/json.h"
#include "port/db.h"

/* Which rollouts a list has: the newest `limit` of those whose id is below `before`. */
struct rollout_page {
    int64_t before, limit;
};
extern const struct rollout_page rollout_page_newest; /* the newest LIMIT_ROLLOUT_LIST */

/* Rollouts of the endpoint with their plans and decisions, as one JSON array, the page's oldest first. `page` NULL: rollout_page_newest.
 * E_TOO_LARGE: they do not fit into `w`'s buffer. */
MUST_USE enum err rollout_list_json(struct op *op, struct db *db, struct str endpoint, const struct rollout_page *page, struct json_out *w);
/* What one rollout's evidence says now: {"id", "kind", "state", "paused", "plan", "report": by the kind, with bounds}.
 * E_NOT_FOUND: no such rollout on the endpoint. */
MUST_USE enum err rollout_report_json(struct op *op, struct db *db, struct str endpoint, int64_t rollout_id, struct json_out *w);
/* Takes every stored decision of the rollout again from its stored evidence. E_CORRUPT names the first that differs. */
MUST_USE enum err rollout_replay(struct op *op, struct db *db, int64_t rollout_id, size_t *ret_decisions);

/* For those who read the statement rollout_decisions: the present row's members, without its evidence and its step's begin. */
void rollout_decision_row_json(struct json_out *w, struct db_tx *tx, struct db_rows *rows);
/* A column of doubles that may be NULL. */
void rollout_bound_json(struct json_out *w, const char *key, struct db_tx *tx, struct db_rows *rows, int column);

#endif
