/* conn.h - one connection: bytes in from a transport to a wire, bytes out, deadlines, orderly closing
 * (inside src/net). Lives on one I/O thread and is touched by no other.
 *
 * Life: open -> finishing (nothing more is taken in; `out` still leaves) -> lingering (our side is shut, the peer's
 * rest is read and dropped so that it gets our last answer and no reset) -> closed. A closed connection is
 * freed (env->ops->gone) once no worker holds an exchange of it. */
#ifndef INGOT_NET_CONN_H
#define INGOT_NET_CONN_H

#include <sys/types.h>

#include "net/exchange.h"
#include "net/wire.h"

#define CONN_AGAIN (-1)  /* would block */
#define CONN_BROKEN (-2) /* reset or protocol failure below us */

/* What carries the bytes: a socket, TLS over a socket, the loopback. */
struct transport_ops {
    ssize_t (*read)(struct conn *c, void *p, size_t n);        /* bytes, 0 = end, CONN_AGAIN, CONN_BROKEN */
    ssize_t (*write)(struct conn *c, const void *p, size_t n); /* bytes, CONN_AGAIN, CONN_BROKEN */
    void (*update)(struct conn *c);   /* c->want_read or c->want_write changed */
    void (*shutdown)(struct conn *c); /* no more bytes from us */
    void (*close)(struct conn *c);    /* let go of the socket; no more calls come from it */
};

enum conn_state { CONN_OPEN, CONN_FINISHING, CONN_LINGERING, CONN_CLOSED };

struct conn {
    struct net_env *env;
    const struct transport_ops *transport;
    const struct wire_ops *wire;
    void *wire_state;
    enum conn_state state;
    bool eof;                  /* the peer sends no more */
    bool want_read, want_write;
    bool busy;                 /* inside conn_feed: conn_resume waits its turn */
    bool resume;
    bool yields;               /* has more to do, after the others */
    bool served;               /* it had at least one answer */
    int64_t since_ms;          /* when it was opened or last answered */
    int running;               /* exchanges that workers hold */
    bool noted;                /* the thread's: it is in the list of those to be settled ... */
    struct conn *next_noted;   /* ... which goes on here */
    int64_t deadline_ms;       /* 0: none */
    size_t lingered;           /* bytes dropped while lingering */
    int64_t stall_ms;          /* when unsent output is given up; 0: nothing waits */
    struct buf in;             /* taken from the peer, not yet by the wire */
    size_t in_off;
    struct buf out;            /* not yet sent */
    size_t out_off;
    struct str peer;           /* in peer_text */
    char peer_text[64];
    bool peer_loopback, tls;
    bool h2_agreed;            /* TLS: the handshake chose HTTP/2 */
};

/* `c` is zeroed but for env, transport, wire and the peer fields. */
void conn_init(struct conn *c);
/* The transport may be read: at most a few reads into `scratch`, then everything that follows from them. */
void conn_readable(struct conn *c, char *scratch, size_t size);
void conn_writable(struct conn *c);
/* Bytes came (also called by the loopback). */
void conn_feed(struct conn *c, const char *p, size_t n);
void conn_eof(struct conn *c);
/* A worker's progress. What follows from it is not sent before conn_settle_noted(), which must come, so that several events of a
 * connection leave in one write. */
void conn_note(struct conn *c, struct http_exchange *ex);
void conn_settle_noted(struct conn *c);
/* Both at once. */
void conn_event(struct conn *c, struct http_exchange *ex);
/* Looks at the deadlines. */
void conn_tick(struct conn *c);
void conn_drain(struct conn *c);
/* At once: bytes not yet sent are lost, running handlers are cancelled. */
void conn_break(struct conn *c);

/* For wires. */
size_t conn_out_pending(const struct conn *c);
/* No request will be taken any more; what is in `out` still leaves. */
void conn_finish(struct conn *c);
/* Offers the wire again what it left. */
void conn_resume(struct conn *c);

#endif
