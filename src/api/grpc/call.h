/* call.h - what every gRPC call has in common over HTTP/2: the checks of its head, messages in their frames (a byte that says
 * whether it is compressed, four bytes of length, big endian), compression, the answer's status. Per request; no threads.
 *
 * A call that fails is answered by fields alone ("Trailers-Only"): HTTP status 200, grpc-status and grpc-message. Only what is no gRPC
 * at all gets another HTTP status: 415 for another content type, 505 for HTTP/1. */
#ifndef INGOT_API_GRPC_CALL_H
#define INGOT_API_GRPC_CALL_H

#include "net/http.h"

enum grpc_coding { GRPC_IDENTITY, GRPC_GZIP, GRPC_DEFLATE, GRPC_CODING_UNKNOWN };
struct grpc_call {
    enum grpc_coding coding; /* of compressed messages */
    bool packs;              /* the answer may be compressed by gzip: the peer compresses, and takes it */
};

/* Checks the head, takes the time limit into op->deadline_ms. E_INVALID. */
MUST_USE enum err grpc_call_open(struct op *op, const struct http_req *req, struct grpc_call *ret);

/* The one message of a whole body, unpacked; a view into the body, or in op's arena. E_INVALID: no message, more than one,
 * a broken frame; E_UNSUPPORTED: compressed in a way we do not know; E_TOO_LARGE: more than LIMIT_GRPC_MESSAGE_BYTES. */
MUST_USE enum err grpc_message_only(struct op *op, const struct grpc_call *call, struct str body, struct str *ret);
/* The next message of a streamed body. `frame` holds it and is used again; *ret_end: there is none. */
MUST_USE enum err grpc_message_next(struct op *op, const struct grpc_call *call, struct http_req *req, struct buf *frame, struct str *ret, bool *ret_end);

enum { GRPC_PREFIX_BYTES = 5 };
/* Appends an empty frame head; the message is written behind it, then the frame is closed. `start` is out->len before. Messages that are worth it
 * are compressed. E_TOO_LARGE: out's maximum. */
void grpc_frame_open(struct buf *out);
MUST_USE enum err grpc_frame_close(struct op *op, const struct grpc_call *call, struct buf *out, size_t start);

/* Fields of an answer: before its first byte, and (`e` OK or with its text in op) behind its last. */
void grpc_answer_head(const struct grpc_call *call, struct http_res *res);
void grpc_answer_status(struct op *op, enum err e, struct http_res *res);
/* The route table's error form. */
void grpc_error(struct op *op, struct http_req *req, struct http_res *res);

#endif
