/* move.h - the one door through which an alias or a stage changes: it asks the policy, makes a request where a second person
 * is needed, and leaves history and audit rows. Nothing else writes registry_alias or a version's stage, but for deletions.
 * Inside a transaction, but for registry_move. */
#ifndef INGOT_CORE_REGISTRY_MOVE_H
#define INGOT_CORE_REGISTRY_MOVE_H

#include "core/registry/policy.h"

enum registry_move_action { REGISTRY_MOVE_PLAIN, REGISTRY_MOVE_ROLLBACK /* back to one that was there before */, REGISTRY_MOVE_APPROVED };

struct registry_move {
    struct str model;
    struct str alias;           /* p NULL: a stage is moved */
    int64_t version;            /* 0: the alias is removed */
    enum registry_stage stage;
    bool archive_others;        /* of a stage: its other versions become Archived */
    enum registry_move_action action;
    int64_t approval;           /* the request that is carried out; 0: none */
    struct str reason;          /* p NULL: op->reason, else the version's tag ingot.reason */
    struct str expected;        /* p not NULL: E_CONFLICT unless the alias's version or the version's stage is this; "" = none */
    /* What became of it. */
    bool changed;
    int64_t pending;            /* the request that waits instead; 0: none was needed */
    int64_t pending_until_us;
    struct str old_value;       /* p NULL: there was none */
};

/* Makes the change, or the request in its place. What is so already is left alone and leaves no trace. */
MUST_USE enum err registry_move_make(struct op *op, struct db_tx *tx, struct registry_move *m);
/* In a transaction of its own. When a request was made: E_DENIED, with its number and how to approve it; the request is durable then. */
MUST_USE enum err registry_move(struct op *op, struct db *db, struct registry_move *m);
/* That failure, for callers with a transaction of their own, after it has committed; OK when nothing waits. */
MUST_USE enum err registry_move_refusal(struct op *op, const struct registry_move *m);

#endif
