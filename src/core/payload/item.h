/* item.h - one request that is to be kept or told, copied, and the bounded queues in which it waits. Private to core/payload. */
#ifndef INGOT_CORE_PAYLOAD_ITEM_H
#define INGOT_CORE_PAYLOAD_ITEM_H

#include "base/thread.h"
#include "core/payload/payload.h"

struct payload_item {
    struct payload_item *next;
    struct arena *arena;           /* holds the item and all that it points to */
    size_t bytes;
    struct payload_note note;      /* its texts, tensors and configuration copied */
    struct payload_config config;
    bool keeps;                    /* rows are kept, beside the events that the configuration asks for */
};
/* NULL: no memory, or larger than LIMIT_PAYLOAD_REQUEST_BYTES. */
struct payload_item *payload_item_make(const struct payload_note *note, bool keeps);
void payload_item_destroy(struct payload_item *i); /* NULL is ignored */

/* When it is full the oldest go. */
struct payload_queue {
    struct mutex lock;
    struct cond wake;
    struct payload_item *first, **last;
    size_t bytes, max_bytes;
    uint64_t dropped;
    bool stopping;
};
void payload_queue_init(struct payload_queue *q, size_t max_bytes);
void payload_queue_clear(struct payload_queue *q);
void payload_queue_put(struct payload_queue *q, struct payload_item *take_item);
/* The lock is held. NULL: it is empty. */
struct payload_item *payload_queue_pop(struct payload_queue *q);

#endif
