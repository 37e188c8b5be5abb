/* loopback.h - the same bytes through the same connection code without a socket, for tests and fuzzing. */
#ifndef INGOT_NET_LOOPBACK_H
#define INGOT_NET_LOOPBACK_H

#include "net/server.h"

/* Feeds `request_bytes` to a fresh connection in pieces of `piece` bytes (0: all at once), runs pool handlers
 * on the calling thread, and collects everything the connection sends until it closes or waits for more. */
MUST_USE enum err loopback_exchange(struct op *op, const struct http_handler *handler, struct str request_bytes, size_t piece, struct buf *out, bool *ret_closed);

#endif
