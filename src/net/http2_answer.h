/* http2_answer.h - answers as HTTP/2 frames (inside src/net): the head, the body as far as the peer's windows allow, trailers. */
#ifndef INGOT_NET_HTTP2_ANSWER_H
#define INGOT_NET_HTTP2_ANSWER_H

#include "net/http2.h"

/* `res` is filled: hands all of it to the session. It stays in `ex` until the stream is closed. */
void http2_answer_whole(struct conn *c, struct http_exchange *ex);
/* The head of a streamed answer; what the handler wrote follows when the session asks for it. */
void http2_answer_begin(struct conn *c, struct http_exchange *ex);
/* The handler wrote, or it is done. */
void http2_answer_more(struct conn *c, struct http_exchange *ex);
/* The interim answer to "Expect: 100-continue". */
void http2_answer_continue(struct conn *c, struct http_exchange *ex);
/* nghttp2_send_data_callback: a DATA frame goes to c->out, copied once. */
int http2_answer_send(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t n, nghttp2_data_source *source, void *user);

#endif
