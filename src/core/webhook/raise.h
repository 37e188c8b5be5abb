/* raise.h - tells the webhooks: called inside the transaction of a change, it writes one message into the outbox for each
 * active webhook that subscribed to the event. The message is there exactly if the change is. Without any subscription a call
 * costs one look at an empty table. A model tagged mlflow.prompt.is_prompt=true raises the prompt's events instead. */
#ifndef INGOT_CORE_WEBHOOK_RAISE_H
#define INGOT_CORE_WEBHOOK_RAISE_H

#include "core/track/names.h"
#include "core/webhook/event.h"
#include "port/db.h"

/* A registered model was created. */
MUST_USE enum err webhook_raise_model(struct op *op, struct db_tx *tx, struct str name, struct str description, const struct track_kv *tags, size_t tag_count);
struct webhook_version {
    struct str name, source, run_id, description; /* run_id, description empty: none */
    int64_t version;
    const struct track_kv *tags; /* those of the request */
    size_t tag_count;
};
/* A version was created; its own tags say whether it is a prompt's. */
MUST_USE enum err webhook_raise_version(struct op *op, struct db_tx *tx, const struct webhook_version *v);
/* A tag was set on a version, or deleted (value.p NULL). */
MUST_USE enum err webhook_raise_version_tag(struct op *op, struct db_tx *tx, struct str name, int64_t version, struct str key, struct str value);
/* A tag was set on a model, or deleted (value.p NULL): tells of prompts only, as MLflow does. */
MUST_USE enum err webhook_raise_model_tag(struct op *op, struct db_tx *tx, struct str name, struct str key, struct str value);
/* An alias was pointed at `version`, or deleted (version 0). */
MUST_USE enum err webhook_raise_alias(struct op *op, struct db_tx *tx, struct str name, struct str alias, int64_t version);

/* A random UUID (RFC 9562, version 4) as text: the id of a webhook or of a message. */
struct str webhook_uuid(struct op *op);

/* Any event; `data` is a JSON object. */
MUST_USE enum err webhook_raise(struct op *op, struct db_tx *tx, enum webhook_event event, struct str data);
/* The same to one webhook, subscribed or not. */
MUST_USE enum err webhook_raise_to(struct op *op, struct db_tx *tx, int64_t webhook_row, enum webhook_event event, struct str data);

#endif
