/* event.h - what webhooks can be told of, in one table, and the bodies of their messages.
 *
 * Names, payloads and the body's form are MLflow's (3.17): {"entity", "action", "timestamp", "data"} as CPython's json.dumps
 * prints it. Two events are our own, for alert rules, and cannot be subscribed through MLflow's API: metric_alert.firing
 * and metric_alert.resolved. Pure; thread-safe. */
#ifndef INGOT_CORE_WEBHOOK_EVENT_H
#define INGOT_CORE_WEBHOOK_EVENT_H

#include "base/json.h"
#include "base/op.h"

enum webhook_event {
    WEBHOOK_MODEL_CREATED,
    WEBHOOK_VERSION_CREATED,
    WEBHOOK_VERSION_TAG_SET,
    WEBHOOK_VERSION_TAG_DELETED,
    WEBHOOK_ALIAS_CREATED,
    WEBHOOK_ALIAS_DELETED,
    WEBHOOK_PROMPT_CREATED,
    WEBHOOK_PROMPT_VERSION_CREATED,
    WEBHOOK_PROMPT_TAG_SET,
    WEBHOOK_PROMPT_TAG_DELETED,
    WEBHOOK_PROMPT_VERSION_TAG_SET,
    WEBHOOK_PROMPT_VERSION_TAG_DELETED,
    WEBHOOK_PROMPT_ALIAS_CREATED,
    WEBHOOK_PROMPT_ALIAS_DELETED,
    WEBHOOK_BUDGET_EXCEEDED,
    WEBHOOK_EVENTS_MLFLOW,
    WEBHOOK_ALERT_FIRING = WEBHOOK_EVENTS_MLFLOW,
    WEBHOOK_ALERT_RESOLVED,
    WEBHOOK_EVENTS
};

const char *webhook_event_entity(enum webhook_event e); /* "model_version" */
const char *webhook_event_action(enum webhook_event e); /* "created" */
struct str webhook_event_name(enum webhook_event e);    /* "model_version.created"; static storage */
/* The example that a test message carries: a JSON object. */
struct str webhook_event_example(enum webhook_event e);
/* False for a name that is none of the table. */
bool webhook_event_parse(struct str name, enum webhook_event *ret);
/* Entity and action as MLflow's enums spell them ("MODEL_VERSION", "CREATED"), or their numbers as text. E_INVALID with MLflow's
 * words, also for pairs that do not exist. */
MUST_USE enum err webhook_event_of_enums(struct op *op, struct str entity, struct str action, enum webhook_event *ret);

/* The body of a message about what happened at `now_us`; `data` is a JSON object. In op's arena. E_TOO_LARGE above
 * LIMIT_WEBHOOK_BODY. */
MUST_USE enum err webhook_event_body(struct op *op, enum webhook_event e, int64_t now_us, struct str data, struct str *ret);
/* "v1," + base64(HMAC-SHA256(secret, delivery_id.timestamp.body)); `timestamp` is seconds since 1970 as text. */
struct str webhook_signature(struct op *op, struct str secret, struct str delivery_id, struct str timestamp, struct str body);

#endif
