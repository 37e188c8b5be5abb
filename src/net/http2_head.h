/* http2_head.h - the fields of an HTTP/2 request (inside src/net): gathered one by one as HPACK unpacks them, then judged
 * by the same rules as an HTTP/1.1 head (head.h). Everything is copied into the exchange's arena. */
#ifndef INGOT_NET_HTTP2_HEAD_H
#define INGOT_NET_HTTP2_HEAD_H

#include "net/exchange.h"

/* Takes one field, pseudo fields too. What is too much is counted and dropped, and the head refused at its end. */
void http2_head_add(struct http_exchange *ex, struct str name, struct str value);
/* The block is complete, and with it the request if `ended`: fills req's host, path, query, content type and has_body. False: the fault is in ex->h2.fault. */
MUST_USE bool http2_head_finish(struct http_exchange *ex, bool ended);

#endif
