/* http.h - a request and its answer, whatever the wire (HTTP/1.1, HTTP/2, and gRPC on the latter come to the
 * same structs), and what a handler may do with them.
 *
 * Three kinds of handlers, chosen by the route row: INLINE ones run on the I/O thread, must not block and get
 * the whole body in memory; LATER ones run there too (on a worker if the body is large), start something and return, and
 * answer when it is over (http_later), at once or piece by piece; POOL ones run on a worker. A POOL handler with a streamed body calls
 * http_body_read(), which blocks until bytes come (back-pressure: at most LIMIT_HTTP_STREAM_WINDOW lie
 * between), and may stream its answer with http_stream_begin/http_stream_write, which block likewise. Both ways at once: the
 * answer may begin, and its pieces leave, while the body still comes. Over HTTP/2 the peer sees them at once; HTTP/1.1 clients
 * mostly read only when they have sent everything. */
#ifndef INGOT_NET_HTTP_H
#define INGOT_NET_HTTP_H

#include "base/buf.h"
#include "base/op.h"

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_OPTIONS, HTTP_OTHER };

struct http_header {
    struct str name; /* lower case in requests */
    struct str value;
};

struct http_exchange; /* the wire's side of one request; opaque to handlers */

struct http_req {
    int version;             /* 11 (HTTP/1.0 too) or 20 */
    enum http_method method;
    struct str method_text;
    struct str target;       /* as sent */
    struct str path;         /* decoded once, starts with '/', no NUL, no ".." or "." segment, no "//" */
    struct str query;        /* raw, without '?' */
    struct http_header *headers;
    size_t header_count;
    struct str host;         /* the one Host value */
    struct str peer;         /* "127.0.0.1:50312" */
    bool peer_loopback;
    bool tls;
    struct str body;         /* the whole (decoded) body unless the route streams it */
    bool has_body;
    bool body_streamed;
    struct str content_type; /* lower-cased media type without parameters, "" if none */
    struct http_exchange *ex;
    /* Filled by the dispatcher from the matched route: the values of {x} and {x*}. */
    struct str path_args[6];
    size_t path_arg_count;
    const void *route;       /* struct route * */
    const void *match;       /* the dispatcher's own */
    int64_t started_ns;      /* CLOCK_MONOTONIC at the head's end */
};

struct http_res {
    int status;              /* 200 unless set */
    struct http_header headers[24];
    size_t header_count;
    struct http_header trailers[4];
    size_t trailer_count;
    struct buf body;         /* sent with Content-Length unless streamed; max LIMIT_HTTP_BODY_BYTES * 4 */
    bool streamed;           /* set by http_stream_begin */
    bool no_compress;
    bool later;              /* set by http_later */
    struct http_exchange *ex;
};

/* First header of that (lower-case) name, or the empty view with p NULL. */
struct str http_header_get(const struct http_req *req, const char *name);
/* First value of a query key, percent- and plus-decoded into op's arena; false when absent.
 * `ret` of a broken escape is the raw text. */
bool http_query_get(struct op *op, const struct http_req *req, const char *key, struct str *ret);
/* All values of a repeated key, in order. */
size_t http_query_all(struct op *op, const struct http_req *req, const char *key, struct str **ret);

/* `name` is a literal, `value` must live until the answer is sent (op's arena). A second call with the same name
 * replaces the value. Control bytes in the value are refused: the header is left out and the failure logged. */
void http_set_header(struct http_res *res, const char *name, struct str value);
void http_set_status(struct http_res *res, int status);
void http_set_type(struct http_res *res, const char *content_type);
/* A field that follows the body, under the same rules as a header. May be called until the handler (or a later answer's function)
 * returns. HTTP/2: a HEADERS frame that ends the stream; no Content-Length is announced. HTTP/1.1: behind the last chunk of
 * an answer of unknown length, else left out. The trailers of requests are read and dropped.
 * What gRPC calls "Trailers-Only" is an answer with the fields set as headers, without a body and without trailers: over HTTP/2 that
 * is one HEADERS frame that ends the stream. */
void http_set_trailer(struct http_res *res, const char *name, struct str value);

/* POOL handlers only. Reads up to n bytes of a streamed body; *ret_n 0 at its end. E_CANCELLED: the peer
 * left; E_TIMEOUT; E_TOO_LARGE: above the route's limit; E_INVALID: broken framing. */
MUST_USE enum err http_body_read(struct op *op, struct http_req *req, void *p, size_t n, size_t *ret_n);
/* The request that `res` answers; NULL: there is none. */
struct http_req *http_res_request(const struct http_res *res);
/* True when nobody waits for the answer any more, or the server stops: for handlers that run until something happens. Any thread. */
bool http_req_over(const struct http_req *req);
/* POOL handlers only. Sends the head now; the body follows in pieces. `length` UINT64_MAX: chunked. HEAD and 304
 * send no body: writes are swallowed. After this the handler's return value only decides whether the
 * connection is kept (an error closes it before the end, so that the client sees the break; HTTP/2 resets
 * the stream instead). */
MUST_USE enum err http_stream_begin(struct op *op, struct http_res *res, uint64_t length);
MUST_USE enum err http_stream_write(struct op *op, struct http_res *res, const void *p, size_t n);
/* How many bytes http_stream_write takes now without waiting for the peer. */
size_t http_stream_room(const struct http_res *res);

/* LATER handlers only: the answer comes when the handler has returned OK and http_later_done() was called with what is
 * returned here; both may happen in any order and on any thread. If the handler returns an error, that is the answer, and
 * http_later_done() must never be called. In between op, req, res and op's arena belong to whoever will call it, and
 * nothing blocks any thread; a peer that leaves does not end it (op_is_gone() tells who has not begun yet). Then, on a thread of the server, `answer(op, req, res, arg)`
 * fills `res` as a handler does (NULL: it is filled already), or the failure is answered. `answer` must not block.
 * Before that, whoever has `res` may stream the answer, from one thread at a time: begin in the handler or behind it, then write, but never
 * more than http_stream_room() says, so that no thread waits for a peer. `answer` is NULL then. */
typedef enum err (*http_answer_fn)(struct op *op, struct http_req *req, struct http_res *res, void *arg);
void *http_later(struct http_res *res, http_answer_fn answer, void *arg);
/* Exactly once per http_later(); has the shape of db_done_fn. `e` other than OK has its text in op. Any thread. */
void http_later_done(void *later, enum err e);

/* A single byte range of RFC 9110 against a representation of `size` bytes. No or unusable Range header:
 * false (serve all). Unsatisfiable: true with *ret_unsatisfiable (serve 416 with "bytes * /size"). */
bool http_range_parse(struct str range_header, uint64_t size, uint64_t *ret_from, uint64_t *ret_len, bool *ret_unsatisfiable);

/* percent-decoding; false on a broken escape. `plus` turns '+' into a blank. */
bool http_percent_decode(struct arena *a, struct str s, bool plus, struct str *ret);
/* Percent-encodes all but unreserved characters and, if `slash`, '/'. */
struct str http_percent_encode(struct arena *a, struct str s, bool slash);

const char *http_reason(int status);

#endif
