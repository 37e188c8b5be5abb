/* store.h - the row of a running rollout and the rows of its decisions. Internal to core/rollout: rollout.c changes them, history.c reads
 * them. Everything read lies in op's arena; E_CORRUPT when the database holds what cannot be. */
#ifndef INGOT_CORE_ROLLOUT_STORE_H
#define INGOT_CORE_ROLLOUT_STORE_H

#include "core/rollout/rollout.h"

#define ROLLOUT_BY_HAND "by_hand"
#define ROLLOUT_PAUSED "paused"
#define ROLLOUT_TIME_MAX 4000000000000000000 /* beyond it a difference of two times could overflow */

/* A running rollout as read from its row. */
struct rollout_running {
    int64_t id, control, candidate, started_us, decisions;
    uint64_t seed;
    struct rollout_plan plan;
    struct rollout_position pos;
    struct str paused;                /* why it waits for a person; "" = it does not */
    struct rollout_evidence evidence; /* canary, blue-green */
    struct rollout_shadow *shadow;    /* shadow */
    struct rollout_trial *trial;      /* A/B, bandit */
    int permille[LIMIT_ROLLOUT_ARMS]; /* a bandit's next shares, once judged */
    struct units *units;              /* A/B: who was counted already */
    bool units_changed;
};

/* The endpoint's running rollout; *ret_found false: nothing runs. */
MUST_USE enum err rollout_running_load(struct op *op, struct db_tx *tx, struct str endpoint, struct rollout_running *ret, bool *ret_found);
/* Evidence by the plan's kind, to text and back. */
MUST_USE enum err rollout_evidence_text(struct op *op, const struct rollout_running *r, struct str *ret);
MUST_USE enum err rollout_evidence_read(struct op *op, struct str text, struct rollout_running *r);
/* Text of a JSON writer's buffer, kept in op's arena. */
MUST_USE enum err rollout_keep_text(struct op *op, struct buf *b, struct str *ret);
/* What the evidence says now. While a rollout waits for a person only a guardrail may speak. */
void rollout_judge(struct rollout_running *r, int64_t now_us, struct rollout_decision *d);
/* Writes the units that were counted, when there are new ones; beside either of the next two. */
MUST_USE enum err rollout_units_store(struct op *op, struct db_tx *tx, const struct rollout_running *r);
/* Keeps new evidence that led to nothing worth a row of its own. */
MUST_USE enum err rollout_evidence_store(struct op *op, struct db_tx *tx, const struct rollout_running *r);
/* Writes the decision, what it changes, and (when it changes anything) its audit row. `r` already holds the evidence. */
MUST_USE enum err rollout_decision_store(struct op *op, struct db_tx *tx, struct str endpoint, struct rollout_running *r, struct rollout_decision *d,
                                         struct str note);

#endif
