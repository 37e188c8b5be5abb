/* journal.h - what rollouts remember in memory (live.h), written to the database in small batches, so that a server that is killed
 * knows most of it again: picks that wait for their reward, pairs that wait for their label, and which of them were used. Part of
 * rollout.h's interface; the essay stands in journal.c. */
#ifndef INGOT_CORE_ROLLOUT_JOURNAL_H
#define INGOT_CORE_ROLLOUT_JOURNAL_H

#include "core/rollout/live.h"
#include "port/db.h"

/* ---- for rollout.c and its tests ---- */
/* Adds the entries to the rollout's journal, and lets go of what is so old that no memory has room for it. */
MUST_USE enum err journal_write(struct op *op, struct db_tx *tx, int64_t rollout, const struct live_entry *entries, size_t n);
/* The rollout is over. */
MUST_USE enum err journal_drop(struct op *op, struct db_tx *tx, int64_t rollout);

/* ---- at the start of a server ---- */
/* Brings back what the journals of all running rollouts hold. E_CORRUPT: a journal is damaged; what was read before it stays. */
MUST_USE enum err rollout_live_load(struct op *op, struct db *db, struct rollout_live *live);

#endif
