/* server.h - listens, speaks the wires, calls one handler for every request.
 * N I/O threads, one libuv loop each with its own SO_REUSEPORT listener; a connection stays on its thread. */
#ifndef INGOT_NET_SERVER_H
#define INGOT_NET_SERVER_H

#include "base/thread.h"
#include "net/http.h"

/* How the head of a request is judged before its body is read: the dispatcher matches the route here. */
struct http_plan {
    bool pool;              /* run the handler on the pool, else inline */
    bool later;             /* inline, and it may answer later; with a large body on the pool */
    bool stream_body;       /* the handler reads it piece by piece */
    bool transfer;          /* with `pool`: the handler waits for the peer, so it runs on the transfer pool */
    uint64_t body_max;      /* bytes; more is 413 */
    int quiet_ms;           /* with `stream_body`, over HTTP/2: a call of both ways. The handler begins with the head, and the peer may say
                             * nothing for so long. 0: the server's body_idle_ms and lowest rate */
    bool reject;            /* answer with what `res` holds and do not call the handler */
};
struct http_handler {
    void *arg;
    /* On the I/O thread, head only. Fills `plan`; with plan->reject, `res` too. */
    void (*plan)(void *arg, struct op *op, struct http_req *req, struct http_res *res, struct http_plan *plan);
    /* The whole answer; on the I/O thread or a worker. */
    void (*handle)(void *arg, struct op *op, struct http_req *req, struct http_res *res);
    /* Ends a request whose handle() called http_later(): `e` OK with `res` filled, or the failure to answer with. May be NULL if
     * no plan says `later`. */
    void (*finish)(void *arg, struct op *op, struct http_req *req, struct http_res *res, enum err e);
    /* Framing and limit errors that never become a request: fills an answer in the house's error form. */
    void (*refuse)(void *arg, struct op *op, int status, const char *text, struct http_res *res);
};

struct server_limits {      /* 0 = the default of limits.h */
    int head_ms, body_idle_ms, idle_ms, drain_ms;
    int connections, connections_per_peer;
};
struct server_config {
    struct str host;        /* an address, not a name */
    int port;               /* 0: any free one */
    int io_threads;         /* 0: one per core */
    const char *tls_cert_path, *tls_key_path; /* both or none */
    struct pool *pool;
    struct pool *transfer_pool; /* NULL: `pool` */
    struct server_limits limits;
    struct http_handler handler;
};
struct server_stats {
    uint64_t connections_total, connections_now, requests_total, refused_total, accept_errors_total;
};

struct server;
/* Binds: peers can connect, but nobody answers before server_run(). What handlers will want to know of the server can be set
 * in between without a race. E_IO names the address. *ret_port tells the port in use. */
MUST_USE enum err server_open(struct op *op, const struct server_config *config, struct server **ret, int *ret_port);
/* Starts the threads; once. */
void server_run(struct server *s);
/* Both at once, for handlers that know nothing of the server. */
MUST_USE enum err server_start(struct op *op, const struct server_config *config, struct server **ret, int *ret_port);
/* Stops accepting, finishes running requests (at most drain_ms), closes idle connections, joins. */
void server_stop(struct server *s);
void server_stats_get(struct server *s, struct server_stats *ret);

#endif
