/* approval.h - moves of protected aliases and stages that wait for a second person, and what became of them. Rows stay.
 * Whoever approves must have another actor name than the one who asked, unless the policy says self_approval; who may call
 * registry_approval_decide at all is the caller's affair (the route's permission). An approved move is made in the
 * transaction of the approval, and only if what it was to replace is still there: the second person agreed to
 * "from 2 to 3", not to "from whatever to 3". Times in microseconds. Texts in op's arena. Thread-safe. */
#ifndef INGOT_CORE_REGISTRY_APPROVAL_H
#define INGOT_CORE_REGISTRY_APPROVAL_H

#include "core/registry/policy.h"

struct registry_approval_note {
    int64_t at_us;
    struct str actor, verdict, body; /* verdict: "comment", "approve", "reject", "cancel" */
};
struct registry_approval {
    int64_t id, model_row;
    struct str model, kind, subject; /* kind "alias": the alias; "stage": the stage */
    int64_t version;                 /* 0: the alias is to be removed */
    struct str old_value;            /* the alias's version or the version's stage when it was asked for; "" = none */
    bool archive_others;
    struct str state;                /* "pending", "approved", "rejected", "cancelled", "expired" */
    struct str requested_by, reason, request_id, decided_by;
    int64_t requested_us, expires_us, decided_us;
    struct registry_approval_note *notes; /* oldest first; filled by get and decide */
    size_t note_count;
};
struct registry_approval_query {
    struct str model;    /* "": all */
    bool pending;        /* only what can still be decided */
    int64_t before;      /* only older ones; 0: from the newest */
    size_t limit;        /* 1..LIMIT_REGISTRY_HISTORY_PAGE */
};
enum registry_verdict { REGISTRY_COMMENT, REGISTRY_APPROVE, REGISTRY_REJECT, REGISTRY_CANCEL };

MUST_USE enum err registry_approval_list(struct op *op, struct db *db, const struct registry_approval_query *q, struct registry_approval **ret, size_t *ret_len);
/* E_NOT_FOUND. */
MUST_USE enum err registry_approval_get(struct op *op, struct db *db, int64_t id, struct registry_approval *ret);
/* E_DENIED: the asker approves; somebody else cancels. E_CONFLICT: decided, expired, or things have moved since.
 * E_NOT_FOUND: the request, or the version that it is about. */
MUST_USE enum err registry_approval_decide(struct op *op, struct db *db, int64_t id, enum registry_verdict verdict, struct str comment, struct registry_approval *ret);
MUST_USE enum err registry_verdict_parse(struct op *op, struct str text, enum registry_verdict *ret);

/* Inside a transaction: the request for a move, or the one of the same person for the same move that is still open. */
MUST_USE enum err registry_approval_open(struct op *op, struct db_tx *tx, const struct registry_approval *wish, const struct registry_policy *p, int64_t *ret_id, int64_t *ret_expires_us);

#endif
