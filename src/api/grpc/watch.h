/* watch.h - the health service's Watch: a stream of one answer at once and one after every change. */
#ifndef INGOT_API_GRPC_WATCH_H
#define INGOT_API_GRPC_WATCH_H

#include "api/route.h"

/* DUPLEX: looks every LIMIT_GRPC_WATCH_MS until the peer leaves, its time is over or the server stops; then, and only then, the server is
 * not serving. At most LIMIT_GRPC_WATCHERS at once (E_TOO_LARGE). */
MUST_USE enum err grpc_health_watch(struct op *op, struct services *s, struct http_req *req, struct http_res *res);

#endif
