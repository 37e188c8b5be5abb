/* event.h - requests and answers as CloudEvents 1.0 in HTTP's binary mode, with the types and the extension attributes of KServe's
 * logger, so that what listens to KServe can listen to us. Private to core/payload.
 *
 * The data is V2's JSON, whatever the client spoke: {"id", "inputs": [...]} and {"model_name", "model_version", "id", "outputs": [...]}. Both events of a request
 * have one ce-id. A request that failed has no response event. Values of redacted columns are null. */
#ifndef INGOT_CORE_PAYLOAD_EVENT_H
#define INGOT_CORE_PAYLOAD_EVENT_H

#include "core/payload/item.h"

struct payload_sender; /* a queue and the thread that sends */
struct payload_sender *payload_sender_create(void);
void payload_sender_notify(struct payload_sender *s, struct notify *notify); /* before the first event; NULL: they are dropped */
/* Ends within about a second; what waits is given up. NULL is ignored. */
void payload_sender_destroy(struct payload_sender *s);
void payload_sender_take(struct payload_sender *s, struct payload_item *take_item);
void payload_sender_stats(struct payload_sender *s, uint64_t *ret_sent, uint64_t *ret_dropped);

/* One event, in op's arena; `type`: PAYLOAD_EVENT_REQUEST or _RESPONSE. `body` is the data's room. */
MUST_USE enum err payload_event_make(struct op *op, const struct payload_item *item, unsigned type, struct buf *body, struct notify_message *ret);

#endif
