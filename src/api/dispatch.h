/* dispatch.h - from a request to its route row: match, Host and Origin checks, authentication, permission, limits,
 * metrics, the handler, the error form, one log line. The only http_handler of the program. */
#ifndef INGOT_API_DISPATCH_H
#define INGOT_API_DISPATCH_H

#include "api/route.h"
#include "net/server.h"

struct sessions;

/* How credentials become an actor; core/access supplies it. */
struct authenticator {
    void *arg;
    /* `token`: from "Bearer x" or the password of Basic; "" when none came. E_UNAUTHENTICATED. Fast: runs inline. */
    enum err (*check)(void *arg, struct op *op, struct str token, bool peer_loopback, struct actor *ret);
    /* Who is behind the key of a session's cookie; false: nobody. NULL: there are no sessions. Fast: runs inline. */
    bool (*session)(struct op *op, struct sessions *sessions, struct str key, struct actor *ret);
    struct sessions *sessions;
};
struct dispatch_config {
    const struct route_table *const *tables; /* NULL-ended */
    struct services *services;
    struct authenticator auth;
    const struct str *allowed_hosts;  /* exact "name:port" or "name", or "*" for all; loopback names are always allowed from loopback */
    size_t allowed_host_count;
    const struct str *allowed_origins; /* of other sites' pages that may call us (guard.h) */
    size_t allowed_origin_count;
    struct str frame_options; /* X-Frame-Options; p NULL: SAMEORIGIN, "": none */
    struct str prefix;        /* "/mlflow": requests below it are served as without it; "" none */
    struct str missing;       /* the path of the page that a browser is shown at addresses that are nobody's; "" none */
};
struct dispatch;
/* E_INVALID: two rows that match the same requests, a row without permission or handler. */
MUST_USE enum err dispatch_create(struct op *op, const struct dispatch_config *config, struct dispatch **ret);
void dispatch_destroy(struct dispatch *d);
struct http_handler dispatch_handler(struct dispatch *d);
/* Prometheus text of request counts and latencies per route and status class. */
void dispatch_metrics(struct dispatch *d, struct buf *out);
/* Walks all rows (for docgen and the authorisation test matrix). */
void dispatch_each(const struct dispatch *d, void (*fn)(void *arg, const struct route_table *t, const struct route *r), void *arg);

#endif
