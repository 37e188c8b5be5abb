/* http2_guard.h - what a peer may do on an HTTP/2 connection that costs us more than it costs the peer (inside src/net).
 * Two token buckets per connection: frames that carry no request, and streams that end before their answer. Pure; times are
 * milliseconds of any one clock. */
#ifndef INGOT_NET_HTTP2_GUARD_H
#define INGOT_NET_HTTP2_GUARD_H

#include "base/cc.h"

struct http2_guard {
    int64_t control_ms, resets_ms; /* when tokens were last added */
    int64_t control, resets;       /* tokens left */
};
void http2_guard_init(struct http2_guard *g, int64_t now_ms);
/* A SETTINGS, PING, PRIORITY, WINDOW_UPDATE, RST_STREAM, CONTINUATION, empty DATA or unknown frame came. False: too many. */
MUST_USE bool http2_guard_control(struct http2_guard *g, int64_t now_ms);
/* A stream ended before its answer, by whomever. False: too many. */
MUST_USE bool http2_guard_reset(struct http2_guard *g, int64_t now_ms);
/* We did something that lets an honest peer send `frames` control frames, e.g. it must renew the windows that an answer used. */
void http2_guard_earn(struct http2_guard *g, int frames);

#endif
