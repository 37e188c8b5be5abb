/* notify.h - hands one message to a receiver that somebody else runs, over HTTP. A user chose the receiver's URL, so a back-end
 * must keep it away from what only this machine or its network may reach: it looks the host up itself, judges every address,
 * connects to nothing but a judged address, follows no redirect, uses no proxy, and reads a bounded answer.
 * Calls block for as long as the time limit says; any thread may call. */
#ifndef INGOT_PORT_NOTIFY_H
#define INGOT_PORT_NOTIFY_H

#include <stdatomic.h>

#include "base/op.h"

#define NOTIFY_HEADERS 12

struct notify_header {
    struct str name, value; /* without control bytes; the core makes them */
};
struct notify_message {
    struct str url;
    struct str content_type;
    struct notify_header headers[NOTIFY_HEADERS];
    size_t header_count;
    struct str body;
    int timeout_ms;          /* for everything but the look-up of the name */
    const atomic_bool *stop; /* true ends the call within about a second (E_CANCELLED); NULL: nothing does */
};
struct notify_answer {
    int status;              /* whatever it is, it is an answer */
    struct str body;         /* the first LIMIT_NOTIFY_ANSWER bytes at most, in op's arena */
    int64_t retry_after_s;   /* the receiver's wish; -1: none */
};
struct notify_ops {
    const char *name;
    /* May messages go to `url` as things stand now? E_INVALID with the reason: no URL, a scheme that is not allowed, no host, a
     * host without an address, an address that is not public. Looks the name up, sends nothing. */
    enum err (*check)(void *self, struct op *op, struct str url);
    /* The same check, then one POST to a checked address. E_INVALID as above; E_IO, E_TIMEOUT, E_CANCELLED: no answer came, and it is
     * not known whether the receiver acted. */
    enum err (*send)(void *self, struct op *op, const struct notify_message *m, struct notify_answer *ret);
    void (*close)(void *self);
};
struct notify {
    const struct notify_ops *ops;
    void *self;
};

MUST_USE enum err notify_check(struct op *op, struct notify *n, struct str url);
MUST_USE enum err notify_send(struct op *op, struct notify *n, const struct notify_message *m, struct notify_answer *ret);
void notify_close(struct notify *n); /* NULL is ignored */

#endif
