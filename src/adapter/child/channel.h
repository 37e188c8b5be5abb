/* channel.h - memory that a server and the child that hosts a model both see: a head, and slots that each carry one question and its
 * answer at a time. Who waits sleeps on a word in it (futex); nothing else passes between the two after the child's start.
 *
 * Server: finds a free slot in its own books, fills the request area, channel_ask(), channel_wait(), reads the answer area.
 * Child: the thread of each slot does channel_listen(), reads the request, fills the answer, channel_answer().
 * The areas are reserved, not used: a page costs memory from its first write until channel_trim(). The server never trusts what
 * it reads here: lengths are read once and checked, data are copied out before they are looked at. */
#ifndef INGOT_ADAPTER_CHILD_CHANNEL_H
#define INGOT_ADAPTER_CHILD_CHANNEL_H

#include <stdatomic.h>

#include "base/limits.h"
#include "base/op.h"

enum channel_state { CHANNEL_IDLE, CHANNEL_ASKED, CHANNEL_ANSWERED, CHANNEL_DEAD };
enum channel_start { CHANNEL_STARTING, CHANNEL_READY, CHANNEL_REFUSED, CHANNEL_GONE };

struct channel_slot {
    _Alignas(64) _Atomic uint32_t state; /* enum channel_state; both sides sleep on it */
    uint32_t error;                      /* enum err of the answer */
    int64_t deadline_ms;                 /* CLOCK_MONOTONIC, the same clock in both processes; 0 = none */
    uint32_t cpu;                        /* of the asking thread + 1: answer there; 0: anywhere */
    uint32_t took_us;                    /* of the answer */
    uint64_t request_bytes, answer_bytes; /* of the areas; the answer of a failure is its text */
};
struct channel_head {
    _Atomic uint32_t start;              /* enum channel_start */
    uint32_t error;                      /* of CHANNEL_REFUSED */
    uint64_t text_bytes;                 /* READY: the description, REFUSED: the reason; in the answer area of slot 0 */
    uint64_t slot_count;
    struct channel_slot slots[LIMIT_CHILD_SLOTS];
};
struct channel {
    struct channel_head *head;           /* shared */
    char *areas;                         /* shared: request and answer area of each slot */
    size_t slots;                        /* ours, not the shared copy */
    int fd;
};

/* Makes the memory, which can neither shrink nor grow afterwards; fd is close-on-exec. E_IO. */
MUST_USE enum err channel_create(struct op *op, size_t slots, struct channel *ret);
/* In the child: maps what the server made. E_CORRUPT when it is no channel. */
MUST_USE enum err channel_map(struct op *op, int fd, struct channel *ret);
void channel_clear(struct channel *c);

char *channel_request(const struct channel *c, size_t slot); /* LIMIT_CHILD_MESSAGE_BYTES each */
char *channel_answer_area(const struct channel *c, size_t slot);

void channel_ask(struct channel *c, size_t slot, uint64_t bytes, int64_t deadline_ms, uint32_t cpu);
/* Sleeps until the slot is no longer CHANNEL_ASKED or until_ms (0: for ever) has come; returns its state. */
enum channel_state channel_wait(struct channel *c, size_t slot, int64_t until_ms);
void channel_listen(struct channel *c, size_t slot);
void channel_answer(struct channel *c, size_t slot, enum err e, uint64_t bytes);
/* The child is dead: wakes everybody who waits, with CHANNEL_DEAD or CHANNEL_GONE. */
void channel_bury(struct channel *c);
void channel_start(struct channel *c, enum channel_start state, enum err e, uint64_t text_bytes);
enum channel_start channel_wait_start(struct channel *c, int64_t until_ms);
/* Gives the memory of a large message back. */
void channel_trim(struct channel *c, size_t slot);

#endif
