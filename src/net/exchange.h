/* exchange.h - the wire's side of one request (inside src/net): its memory, its body on the way in, its answer
 * on the way out, and the meeting point between the I/O thread and the worker that runs the handler.
 *
 * Ownership: made and recycled by the I/O thread (exchange_get, exchange_put); between a successful submit and
 * the `done` event the worker owns op, req and res, and the I/O thread touches only what `mu` guards. A handler that
 * answers later takes the worker's part, without a thread.
 * Memory: an exchange keeps its first arena block and small buffers for the next request of the thread. */
#ifndef INGOT_NET_EXCHANGE_H
#define INGOT_NET_EXCHANGE_H

#include "base/thread.h"
#include "net/gzip.h"
#include "net/head.h"
#include "net/server.h"

struct conn;
struct net_env;

/* What a connection asks of the thread that runs it: a libuv loop, or the loopback. */
struct net_env_ops {
    /* Has a worker call exchange_run(). False: the pool is full. */
    bool (*submit)(struct net_env *env, struct http_exchange *ex);
    /* From a worker: have the I/O thread look at `ex`; after `done` the worker forgets it. Thread-safe. */
    void (*post)(struct net_env *env, struct http_exchange *ex, bool done);
    /* From a worker, with ex->mu held before and after: wait for a change. False: none can come. */
    bool (*wait)(struct net_env *env, struct http_exchange *ex);
    /* The connection is closed and no worker uses it: free what carries it. */
    void (*gone)(struct net_env *env, struct conn *c);
};

struct net_env {
    const struct net_env_ops *ops;
    struct http_handler handler;
    struct server_limits limits;   /* resolved: no zeros */
    int64_t now_ms;                /* monotonic, as of the present event */
    bool draining;                 /* answers carry Connection: close */
    uint64_t buffered;             /* bytes of whole bodies held, LIMIT_HTTP_BUFFERED_BYTES */
    struct http_exchange *spare;   /* recycled exchanges */
    int spare_count;
    size_t warm;                   /* bytes of large buffers in them */
    int64_t date_s;                /* the second that `date` shows */
    char date[40];                 /* "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" */
    size_t date_len;
    uint64_t requests, refused;    /* relaxed atomics: written by this thread only */
};

/* A counter with one writer, read by others. */
static inline void net_count(uint64_t *counter)
{
    __atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

/* Brings env->date up to date. */
void net_date(struct net_env *env, int64_t now_us);
/* Writes a number in decimal, at most 20 bytes and no NUL; returns their count. */
size_t net_digits(char *p, uint64_t v);

/* What HTTP/2 knows of the stream that carries an exchange (http2.c); zero for each new one. */
struct http2_stream {
    int32_t id;                    /* 0: the stream is gone, and a worker still runs */
    struct http_exchange *prev, *next; /* all of the connection */
    struct head head;
    struct head_fault fault;       /* the first thing wrong with the head; status 0: nothing */
    struct str authority;          /* of the head that comes; p NULL: none */
    size_t head_bytes, field_cap;
    unsigned cookies;
    bool body_done;                /* the peer has ended its side */
    bool begun;                    /* the answer's head was handed to the session */
    bool ended;                    /* ... and its last byte */
    bool answered;                 /* ... which has left */
    bool broken;                   /* what still comes of the body is dropped */
    bool deferred;                 /* the session waits until the handler writes */
    bool resetting;                /* RST_STREAM is under way */
    uint64_t received;             /* body bytes as they came */
    uint64_t frames;               /* DATA frames of the body */
    uint64_t uncredited;           /* of these, not yet given back to the stream's window */
    uint64_t held;                 /* bytes in the handler's window that count in env->buffered */
    int64_t body_since_ms;         /* as in HTTP/1.1: when the peer was last given the word ... */
    uint64_t body_since_bytes;     /* ... and how much had come by then */
    int64_t deadline_ms;           /* for the body; 0: none */
    int64_t stall_ms;              /* when an answer that the peer does not take is given up; 0: nothing waits */
    size_t sent;                   /* of res.body, or of `piece` */
    size_t counted;                /* bytes of the answer in the connection's sum */
};

struct http_exchange {
    struct net_env *env;
    struct conn *conn;
    struct http_exchange *next;    /* in the spare list or the completion queue */
    size_t warm;                   /* its part of env->warm while it is spare */
    struct arena *arena;
    struct op op;
    struct http_req req;
    struct http_res res;
    struct http_plan plan;
    bool head_only;                /* HEAD: no byte of the body leaves */
    int gone;                      /* atomic, op.gone: the peer left, or takes no answer */
    bool submitted, done;          /* handed to a worker or waiting for a later answer; given back */
    struct http2_stream h2;
    struct buf piece;              /* HTTP/2: swapped with `out`, leaves as the peer's window allows */
    struct gunzip *gunzip;         /* of a body with Content-Encoding: gzip */
    struct buf body;               /* the whole decoded body */
    uint64_t body_bytes;           /* decoded so far, streamed or not */
    uint64_t buffered;             /* of these, counted in env->buffered */
    /* Of a later answer. */
    http_answer_fn answer;
    void *answer_arg;
    enum err later_err;
    int later_open;                /* atomic: the handler's return and http_later_done(), whichever are still to come */
    /* The completion queue's, under its lock. */
    bool posted, posted_done;

    struct mutex mu;
    struct cond cond;
    /* Guarded by mu. */
    struct buf in;                 /* streamed body bytes not yet read by the handler */
    size_t in_off;
    bool in_end;
    enum err in_err;               /* why the body broke off */
    struct buf out;                /* streamed answer bytes not yet taken by the wire */
    bool stream_begun, cancelled;
    uint64_t stream_len, stream_written;
};

/* A clean exchange; never NULL. */
struct http_exchange *exchange_get(struct net_env *env, struct conn *c);
void exchange_put(struct http_exchange *ex); /* NULL is ignored */
/* Frees the large buffers of the spare ones, for a thread that has nothing to do. */
void exchange_cool_spare(struct net_env *env);
/* Frees the spare ones of a thread that ends. */
void exchange_free_spare(struct net_env *env);

/* Judges the head by the handler's plan(). */
void exchange_plan(struct http_exchange *ex);
/* Calls the handler and encodes the answer. On the I/O thread for inline requests, else on a worker. False: the answer comes
 * later, by the `done` event; `ex` may be in other hands already. */
MUST_USE bool exchange_handle(struct http_exchange *ex);
/* After the `done` event, on the I/O thread: encodes the answer if it is a later one. */
void exchange_settle(struct http_exchange *ex);
/* The worker's job: exchange_handle, then tells the I/O thread. */
void exchange_run(void *arg);
/* Fills res by the handler's refuse(). */
void exchange_refuse(struct http_exchange *ex, int status, const char *text);

/* Takes raw (maybe gzipped) bytes of the body. OK, E_TOO_LARGE (limit or ratio), E_INVALID (broken gzip), E_BUSY (all bodies);
 * the text is static. Streamed bytes go to the handler's window, whole ones to ex->body. */
MUST_USE enum err exchange_body_add(struct http_exchange *ex, const void *p, size_t n, const char **ret_text);
/* All of it came: E_INVALID when the gzip stream is not complete. */
MUST_USE enum err exchange_body_end(struct http_exchange *ex, const char **ret_text);
/* True while the handler's window has no room: the wire then takes no more bytes. */
bool exchange_body_full(struct http_exchange *ex);
/* Makes reads and writes of the handler fail with `e`. */
void exchange_cancel(struct http_exchange *ex, enum err e);
/* False for what has no body by its status. */
bool exchange_status_has_body(int status);
/* Moves the streamed bytes that wait into `to` (emptied first) by swapping; wakes the handler. */
void exchange_take_out(struct http_exchange *ex, struct buf *to);

#endif
