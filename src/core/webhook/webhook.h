/* webhook.h - registrations: who is told of which events, where, signed with which secret.
 *
 * Secrets are sealed under the hub's key (base/seal.h, bound to the webhook's id) and leave this folder only as signatures: no
 * answer, log line or audit row holds one. URLs may carry secrets of their receivers too; audit rows name the host alone.
 * A URL is judged when it is registered and again at each sending (port/notify.h). Every change writes its audit row
 * in the same transaction. Errors: E_INVALID with MLflow's texts, E_NOT_FOUND. Times in ms since 1970 UTC. Thread-safe. */
#ifndef INGOT_CORE_WEBHOOK_WEBHOOK_H
#define INGOT_CORE_WEBHOOK_WEBHOOK_H

#include "base/seal.h"
#include "core/webhook/event.h"
#include "port/db.h"
#include "port/notify.h"

/* What the functions of this folder work with; made by webhooks_create(), read-only afterwards. */
struct webhooks;
struct webhooks_config {
    struct db *db;              /* borrowed, as is `notify` */
    struct notify *notify;
    uint8_t key[SEAL_KEY_LEN];  /* of the secrets; servers that share a database share it */
    struct str server;          /* the same for this server after a restart, another for every other server; copied */
    int timeout_ms;             /* of one attempt */
    int retries;                /* after the first attempt */
    int64_t pause_us;           /* before the first of them; doubles up to LIMIT_WEBHOOK_BACKOFF_US */
};
/* Aborts when there is no memory; made at start. */
struct webhooks *webhooks_create(const struct webhooks_config *config);
void webhooks_destroy(struct webhooks *h); /* NULL is ignored */

struct webhook {
    int64_t row;
    struct str id;              /* a UUID */
    struct str name, description, url;
    bool active;
    bool alert;                 /* made for alert rules */
    bool secret;                /* there is one */
    enum webhook_event *events;
    size_t event_count;
    int64_t created_ms, updated_ms;
};
struct webhook_page {
    struct webhook *hooks;
    size_t len;
    struct str next_token;
};
/* What to create or to change. In an update p NULL stays as it is, an empty secret takes it away. */
struct webhook_input {
    struct str name, description, url, secret;
    const enum webhook_event *events;
    size_t event_count;         /* 0 in an update: they stay */
    const bool *active;         /* NULL: active, or as it is */
    bool alert;
};

MUST_USE enum err webhook_create(struct op *op, struct webhooks *h, const struct webhook_input *in, struct webhook *ret);
MUST_USE enum err webhook_get(struct op *op, struct webhooks *h, struct str id, struct webhook *ret);
/* Newest first, without those of alert rules. max_results 0 is 100; 1..LIMIT_WEBHOOK_PAGE. */
MUST_USE enum err webhook_list(struct op *op, struct webhooks *h, int64_t max_results, struct str page_token, struct webhook_page *ret);
MUST_USE enum err webhook_update(struct op *op, struct webhooks *h, struct str id, const struct webhook_input *in, struct webhook *ret);
/* What still waits for it is given up. */
MUST_USE enum err webhook_delete(struct op *op, struct webhooks *h, struct str id);

struct webhook_test {
    bool success;               /* the answer's status is below 400 */
    int status;                 /* 0: no answer */
    struct str body;            /* its beginning */
    struct str error;           /* why there is no answer */
};
/* Sends the example of `event` (NULL: of its first one) now, once. OK whatever the receiver does. */
MUST_USE enum err webhook_send_test(struct op *op, struct webhooks *h, struct str id, const enum webhook_event *event, struct webhook_test *ret);

/* Inside a transaction, for alert rules: a webhook of theirs, made and taken away with the rule. The URL was checked before. */
MUST_USE enum err webhook_check_input(struct op *op, struct webhooks *h, const struct webhook_input *in);
MUST_USE enum err webhook_insert(struct op *op, struct db_tx *tx, struct webhooks *h, const struct webhook_input *in, struct webhook *ret);
MUST_USE enum err webhook_find(struct op *op, struct db_tx *tx, struct str id, struct webhook *ret);
MUST_USE enum err webhook_remove(struct op *op, struct db_tx *tx, const struct webhook *hook);

/* For outbox.c. */
const struct webhooks_config *webhooks_config_of(const struct webhooks *h);
struct str webhooks_key_id(const struct webhooks *h);
/* One attempt: `sealed` p NULL is unsigned; `stop` as in notify.h. E_INVALID: the URL is not allowed now; E_CORRUPT: the secret cannot be opened; E_IO,
 * E_TIMEOUT, E_CANCELLED: no answer. */
MUST_USE enum err webhook_post(struct op *op, struct webhooks *h, struct str id, struct str url, struct str sealed, struct str delivery_id, struct str body, const atomic_bool *stop, struct notify_answer *ret);

#endif
