/* replay_client.h - many small requests to one path as fast as a server answers them: HTTP/1.1, keep-alive,
 * pipelined, over a few connections from one thread. Plain http only. For load, not for general use: net/client.h.
 * A connection that breaks is made anew and what it had not answered is asked again (counted as reconnects). */
#ifndef INGOT_APP_REPLAY_CLIENT_H
#define INGOT_APP_REPLAY_CLIENT_H

#include "base/buf.h"
#include "base/op.h"
#include "num/metrics.h"

struct replay_client;

struct replay_target {
    struct str base_url;     /* "http://127.0.0.1:5000" */
    struct str path;         /* "/v2/models/x/infer" */
    struct str bearer_token; /* "" = none */
    int connections;         /* 1..LIMIT_REPLAY_CONNECTIONS */
    int depth;               /* requests in flight on each, 1..LIMIT_HTTP_PIPELINE */
};
struct replay_stats {
    uint64_t ok, failed;     /* answers: 2xx, others */
    uint64_t reconnects;
    uint64_t sent_bytes, received_bytes;
    uint32_t max_us;
    struct latency_hist latency; /* microseconds from writing a request to its whole answer */
    char first_error[400];   /* status and body of the first failed answer */
};
/* Appends the JSON body of request `index`. */
typedef void (*replay_body_fn)(void *arg, size_t index, struct buf *out);

/* E_INVALID: a URL that is not plain http; E_IO: no connection. */
MUST_USE enum err replay_client_create(struct op *op, const struct replay_target *target, struct replay_client **ret);
void replay_client_destroy(struct replay_client *c); /* NULL is ignored */
/* Sends requests 0..n-1 and returns when all are answered; adds to `stats`. E_TIMEOUT: nothing came for
 * LIMIT_REPLAY_SILENCE_MS; E_IO: the server stayed away for as long, or what it says is not HTTP. */
MUST_USE enum err replay_client_run(struct op *op, struct replay_client *c, size_t n, replay_body_fn body, void *arg,
                                    struct replay_stats *stats);
static inline void replay_client_auto(struct replay_client **c) { replay_client_destroy(*c); }

#endif
