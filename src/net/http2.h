/* http2.h - HTTP/2 on a connection: what its parts share (inside src/net). http2.c is the wire: the session,
 * deadlines, the end; http2_stream.c is one stream, http2_head.c makes requests of fields, http2_answer.c frames of answers, http2_scan.c finds frames and http2_guard.c counts
 * those that are abused.
 * Everything belongs to the connection's I/O thread. */
#ifndef INGOT_NET_HTTP2_H
#define INGOT_NET_HTTP2_H

#include <nghttp2/nghttp2.h>

#include "base/limits.h"
#include "net/conn.h"
#include "net/http2_guard.h"
#include "net/http2_scan.h"

struct http2 {
    nghttp2_session *session;
    struct http_exchange *first;   /* all exchanges, those without a stream too */
    int live;                      /* ... their number */
    int open;                      /* ... those whose stream is there */
    struct http_exchange *heading; /* its header block is coming */
    int32_t heading_id;            /* the stream whose block, or trailers, come */
    int64_t heading_ms;            /* when that must be complete; 0: none comes */
    struct http_exchange *data;    /* the stream of the DATA frame that comes; NULL: none of ours */
    int32_t last_id;               /* the newest stream that the peer opened */
    int32_t reset_id;              /* the stream that we reset last */
    int32_t closed[LIMIT_HTTP2_CLOSED]; /* the last streams that ended; negative if we reset them */
    unsigned closed_at;            /* where the next one goes */
    unsigned continuations;        /* frames of the block that comes */
    int64_t idle_ms;               /* when a connection without streams is closed */
    int64_t goaway_ms;             /* when the notice of a shutdown is followed by its end; 0: not now */
    size_t answers_bytes;          /* whole answers that the peer has not taken */
    bool draining, dying;          /* takes no new streams soon; nor anything else */
    bool waits_for_out;            /* the peer does not read: nothing is taken from it */
    struct http2_scan scan;
    struct http2_guard guard;
};

static inline struct http2 *http2_of(const struct conn *c)
{
    return (struct http2 *)c->wire_state;
}

/* Makes the connection look at its deadlines no later than `at_ms`. */
static inline void http2_due(struct conn *c, int64_t at_ms)
{
    if (at_ms && (!c->deadline_ms || at_ms < c->deadline_ms))
        c->deadline_ms = at_ms;
}

/* Ends one stream; what was not sent of its answer is dropped. */
void http2_reset(struct conn *c, struct http_exchange *ex, uint32_t error);

#endif
