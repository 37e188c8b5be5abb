/* history.h - what every change of the registry leaves behind: who changed which alias or stage when and why, kept for
 * ever, and the row number of a model by name. Inside a transaction, but for registry_history_list. */
#ifndef INGOT_CORE_REGISTRY_HISTORY_H
#define INGOT_CORE_REGISTRY_HISTORY_H

#include "core/track/names.h"
#include "port/db.h"

/* A version's tag that says why its next move is made, for clients that cannot send X-Ingot-Reason. */
#define REGISTRY_REASON_TAG "ingot.reason"

struct registry_change {
    int64_t id, time_us;
    struct str actor, kind, subject;  /* kind "alias": the alias; "stage": the version; "name", "model": "" */
    struct str old_value, new_value;  /* p NULL: there was none, it was removed */
    struct str action;                /* "" by hand, "rollback", "approval", "archive" (moved aside), "removed" */
    struct str reason, request_id;
    int64_t approval;                 /* the request that allowed it; 0: none was needed */
};
struct registry_history_query {
    struct str model, kind, subject;  /* kind and subject "": all */
    int64_t before;                   /* only older ones: the last id of the page before; 0: from the newest */
    size_t limit;                     /* 1..LIMIT_REGISTRY_HISTORY_PAGE */
};

/* E_NOT_FOUND: "Registered Model with name=x not found". */
MUST_USE enum err registry_model_row(struct op *op, struct db_tx *tx, struct str name, int64_t *ret);
/* The history row and the audit row "<kind>.set" or "<kind>.delete". Time, actor and request come from `op`; a `reason` with p
 * NULL is op->reason. Other members of `c` with p NULL are "". */
MUST_USE enum err registry_history_add(struct op *op, struct db_tx *tx, struct str model, const struct registry_change *c);
/* The history row alone, for changes that have an audit row of their own. */
MUST_USE enum err registry_history_note(struct op *op, struct db_tx *tx, struct str model, const struct registry_change *c);

/* Newest first, the model's earlier names included; `c` dies with the call. Ends when *ret_go_on becomes false. */
typedef enum err (*registry_history_fn)(struct op *op, void *arg, const struct registry_change *c, bool *ret_go_on);
MUST_USE enum err registry_history_each(struct op *op, struct db_tx *tx, struct str model, int64_t before, registry_history_fn fn, void *arg);
/* Newest first, also of models that are gone. */
MUST_USE enum err registry_history_list(struct op *op, struct db *db, const struct registry_history_query *q, struct registry_change **ret, size_t *ret_len);
/* op->reason, if it is not too long. */
MUST_USE enum err registry_reason_check(struct op *op);

#endif
