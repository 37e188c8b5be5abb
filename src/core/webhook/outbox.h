/* outbox.h - the queue of messages to webhooks, as rows: who is due, what to send, what became of it.
 *
 * The unit of scheduling is the webhook: at most one of its messages is under way, on one server, which holds its lease meanwhile.
 * So messages of one webhook go out in the order of their events; another webhook's slowness holds nobody up; a server
 * that dies leaves a lease that ends. Delivery is at least once: a message whose answer was lost is sent again under the
 * same delivery id. The rules of retrying stand at the head of outbox.c. Thread-safe. */
#ifndef INGOT_CORE_WEBHOOK_OUTBOX_H
#define INGOT_CORE_WEBHOOK_OUTBOX_H

#include "core/webhook/webhook.h"

enum outbox_state { OUTBOX_WAITING, OUTBOX_LATE, OUTBOX_DONE, OUTBOX_DEAD, OUTBOX_STATES };
const char *outbox_state_name(enum outbox_state s); /* "waiting", "waiting", "delivered", "failed" */

/* Leases that this server held when it was killed end now. Once, at start. */
MUST_USE enum err outbox_recover(struct op *op, struct webhooks *h);
/* Leases up to `max` webhooks that have something due; their row numbers into `ret`. A look that finds nothing writes nothing. */
MUST_USE enum err outbox_take(struct op *op, struct webhooks *h, size_t max, int64_t *ret, size_t *ret_len);

struct outbox_message {
    int64_t webhook, row;
    struct str webhook_id, url;
    struct str sealed;          /* p NULL: unsigned */
    struct str delivery_id, event, body;
    int64_t created_us, attempts, refusals, failures;
};
/* NONE: nothing was sent, or the sending was ended by us. */
enum outbox_verdict { OUTBOX_VERDICT_NONE, OUTBOX_TAKEN, OUTBOX_AGAIN, OUTBOX_UNHEARD, OUTBOX_REFUSED };
struct outbox_result {
    enum outbox_verdict verdict;
    int status;
    struct str reason;
    int64_t pause_us;           /* the receiver's wish; 0: none */
};
/* What an attempt means. `e` is what webhook_post() returned, `a` its answer if that is OK. Clears op's failure. Pure. */
struct outbox_result outbox_judge(struct op *op, enum err e, const struct notify_answer *a);
/* Notes what became of `last` and gives the webhook's next message that is due now. *ret_more false: there is none, or `stop`; the
 * lease is over then, also when another server has taken it because this one was too slow. */
MUST_USE enum err outbox_next(struct op *op, struct webhooks *h, int64_t webhook, const struct outbox_message *last, const struct outbox_result *result, bool stop, struct outbox_message *ret, bool *ret_more);
/* Forgets some of what was finished long ago (LIMIT_WEBHOOK_KEEP_US); *ret_more: come again. */
MUST_USE enum err outbox_sweep(struct op *op, struct webhooks *h, bool *ret_more);

struct outbox_row {
    int64_t row;
    struct str delivery_id, event, reason, body;
    enum outbox_state state;
    int64_t created_us, due_us, finished_us, attempts;
    int status;
};
/* Deliveries of a webhook, newest first: below row `before` (0: from the newest), in one state or all (OUTBOX_STATES);
 * OUTBOX_WAITING and OUTBOX_LATE mean both. */
MUST_USE enum err outbox_list(struct op *op, struct webhooks *h, struct str webhook_id, enum outbox_state state, int64_t before, size_t limit, struct outbox_row **ret, size_t *ret_len);
/* Puts a message that was given up in line again, under its old delivery id. E_CONFLICT: it was not given up. */
MUST_USE enum err outbox_retry(struct op *op, struct webhooks *h, struct str webhook_id, struct str delivery_id);
/* How many webhooks have a secret that another key sealed: only a server that has that key delivers for them. */
MUST_USE enum err outbox_unreadable(struct op *op, struct webhooks *h, int64_t *ret);
/* How many messages are in each state. */
MUST_USE enum err outbox_counts(struct op *op, struct webhooks *h, int64_t ret[OUTBOX_STATES]);

#endif
