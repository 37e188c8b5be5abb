/* route.h - the table of everything the server answers. A dialect (folder of src/api) exports one array of
 * rows; src/app lists the arrays; the dispatcher matches, authenticates, checks the row's permission, and only
 * then calls the handler. A row without a permission does not compile into the table (see ROUTE). */
#ifndef INGOT_API_ROUTE_H
#define INGOT_API_ROUTE_H

#include "net/http.h"

struct shape_name;
struct services; /* app-made: the database, the blob store, the pools; each dialect sees what it needs (services.h) */

enum route_flags {
    ROUTE_INLINE = 1 << 0,     /* fast and never blocking: on the I/O thread */
    ROUTE_POOL = 1 << 1,
    ROUTE_STREAM_BODY = 1 << 2, /* with POOL: http_body_read() */
    ROUTE_WRITES = 1 << 3,     /* changes state: Origin and content-type checks apply to browsers */
    ROUTE_ANY_TYPE = 1 << 4,   /* the body need not be JSON */
    ROUTE_TRANSFER = 1 << 5,   /* with POOL: streams its answer, so it may wait for a peer that does not read; workers of
                                  its own (ROUTE_STREAM_BODY has them too), so that such peers stop nobody else */
    ROUTE_LATER = 1 << 6,      /* on the I/O thread (a large body: on the pool): decodes, starts a write that nobody waits
                                  for, and returns; the answer is made when it is durable (http_later) */
    ROUTE_DUPLEX = 1 << 7,     /* with STREAM_BODY: reads and writes in turns. Over HTTP/2 the handler begins with the head, and
                                  the peer may be silent for LIMIT_HTTP_CALL_QUIET_MS */
    ROUTE_WHO = 1 << 9,        /* with PERM_PUBLIC: who asks is found out where it can be; op->actor is "anonymous" otherwise */
    ROUTE_OWN_REFUSALS = 1 << 8, /* what the wire refuses (too large, too slow, no worker) has the dialect's form too */
};

typedef enum err (*route_fn)(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* Writes a failure in the dialect's error form. */
typedef void (*route_error_fn)(struct op *op, struct http_req *req, struct http_res *res);

/* What a handler reads and answers, in the notation of shape.h: the OpenAPI document and docs/api.md are made of it, and tests/e2e/test_openapi.py
 * holds the server to it. Tables of them stand in shapes_*.c beside the handlers. */
struct route_shape {
    route_fn handler;          /* whose; a table ends with NULL */
    const char *query;         /* NULL: it reads no query parameter */
    const char *body;          /* NULL: it reads no JSON body */
    const char *answer;        /* NULL: it answers no JSON */
    const char *type;          /* the media type of an answer that is not, or not always, JSON */
    bool may_lack_body;        /* an absent body is an empty object */
};

struct route {
    const char *method;        /* "GET" also answers HEAD */
    const char *path;          /* "/api/2.0/mlflow/runs/{run_id}", "{path*}" takes the rest, slashes included */
    route_fn handler;
    enum perm perm;            /* never PERM_NONE */
    unsigned flags;
    size_t body_max;           /* 0: LIMIT_HTTP_BODY_BYTES */
    const char *help;          /* one sentence for the generated API reference */
};
struct route_table {
    const char *dialect;       /* "mlflow" */
    const struct route *rows;
    size_t len;
    route_error_fn error;
    const struct route_shape *const *shapes; /* tables, the last one NULL; NULL: nothing is said of bodies and queries */
    const struct shape_name *names;          /* what those refer to, ends with a NULL name; may be NULL */
};

#endif
