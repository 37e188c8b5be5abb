/* outbox.h - the deliveries of webhooks: the settings, the key of their secrets, and the threads.
 *
 * One thread looks for webhooks that have something due (core/webhook/outbox.h) and evaluates alert rules; a bounded pool of
 * workers sends, one webhook each. Stopping ends the sendings under way within about a second; what they were about is
 * sent again at the next start, under the same delivery id. */
#ifndef INGOT_APP_OUTBOX_H
#define INGOT_APP_OUTBOX_H

#include "core/webhook/webhook.h"
#include "port/db.h"
#include "port/notify.h"

struct alerts;
struct outbox_settings {
    struct str *schemes;       /* that receivers may have */
    size_t scheme_count;
    struct str *networks;      /* not public, yet allowed: CIDR texts */
    size_t network_count;
    bool allow_private;
    const char *ca_path;       /* NULL: the system's */
    int timeout_s, workers, retries, pause_ms;
};

/* The key that seals secrets: $MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY (32 bytes in base64, as MLFLOW has it), else the one in
 * `dir`/webhook-key, which is made when it is not there. The file also gives this server its name among those that share a database.
 * E_INVALID: a variable or a file that holds no key. */
MUST_USE enum err outbox_key_load(struct op *op, const char *dir, uint8_t ret_key[SEAL_KEY_LEN], struct str *ret_server);
/* The way to receivers and the registrations on it. The caller ends both: webhooks_destroy(), notify_close(). */
MUST_USE enum err outbox_open(struct op *op, const struct outbox_settings *settings, struct db *db, const char *dir, struct notify **ret_notify, struct webhooks **ret);

struct outbox;
/* Starts the threads. `hooks` and `alerts` (may be NULL) outlive them. */
MUST_USE enum err outbox_start(struct op *op, struct webhooks *hooks, struct alerts *alerts, int workers, struct outbox **ret);
/* Returns when no thread of it runs any more. NULL is ignored. */
void outbox_stop(struct outbox *o);

#endif
