/* http2_stream.h - one stream of an HTTP/2 connection, from its first field to its end (inside src/net). The exchange is the
 * stream's memory; it is made and recycled here, and only here. On the connection's I/O thread. */
#ifndef INGOT_NET_HTTP2_STREAM_H
#define INGOT_NET_HTTP2_STREAM_H

#include "net/http2.h"

/* A new exchange in the connection's list; never NULL. */
struct http_exchange *http2_stream_open(struct conn *c, int32_t id);
/* The stream is no more; `clean`: its answer was complete. `ex` is freed, unless a worker has it: then when that is done. */
void http2_stream_gone(struct conn *c, struct http_exchange *ex, bool clean);
/* The header block is complete, and with it the request if `ended`. */
void http2_stream_start(struct conn *c, struct http_exchange *ex, bool ended);
/* Bytes of the body. */
void http2_stream_take(struct conn *c, struct http_exchange *ex, const uint8_t *p, size_t n);
/* The peer ended its side. */
void http2_stream_complete(struct conn *c, struct http_exchange *ex);
/* We ended ours, and the peer has not. */
void http2_stream_answered(struct conn *c, struct http_exchange *ex);
/* An answer in the house's error form; a running handler learns it from its next read and answers itself. */
void http2_stream_refuse(struct conn *c, struct http_exchange *ex, int status, const char *text);
/* A worker made progress with `ex`. False: nothing follows from it, and `ex` may be gone. */
bool http2_stream_event(struct conn *c, struct http_exchange *ex);
/* Looks at the stream's deadlines. */
void http2_stream_expire(struct conn *c, struct http_exchange *ex);

#endif
