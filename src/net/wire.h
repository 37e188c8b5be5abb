/* wire.h - what a protocol on a connection must do (inside src/net). HTTP/1.1 is http1.c, HTTP/2 is http2.c, both over
 * the same conn.c and exchange.c; sniff.c waits for the first bytes and puts one of them in its place. All run on the
 * connection's I/O thread.
 *
 * A wire turns bytes into exchanges (exchange.h) and finished exchanges into bytes appended to conn->out. */
#ifndef INGOT_NET_WIRE_H
#define INGOT_NET_WIRE_H

#include "base/cc.h"

struct conn;
struct http_exchange;

struct wire_ops {
    const char *name;
    void (*init)(struct conn *c);  /* sets c->wire_state and the first deadline */
    /* Takes bytes off the front and says how many. What it leaves is offered again with more bytes behind it, or
     * the same when conn_resume() is called. 0 means: not enough, or not now. */
    size_t (*feed)(struct conn *c, const char *p, size_t n);
    /* The peer sends no more and all it sent was offered. Called after every round from then on. */
    void (*eof)(struct conn *c);
    /* A worker made progress with `ex`: it is done, or wrote, or made room. */
    void (*event)(struct conn *c, struct http_exchange *ex);
    /* What was written has left (all of it). */
    void (*flushed)(struct conn *c);
    /* Between requests; maybe part of a head has come. */
    bool (*idle)(const struct conn *c);
    /* The server stops: close at once if nothing runs, else after the running answers. */
    void (*drain)(struct conn *c);
    /* conn->deadline_ms has passed. */
    void (*expire)(struct conn *c);
    /* The connection is broken or closed: cancel what workers run. */
    void (*cancel)(struct conn *c);
    void (*clear)(struct conn *c); /* nothing runs any more: frees wire_state */
};

extern const struct wire_ops http1_wire;
extern const struct wire_ops http2_wire;
extern const struct wire_ops sniff_wire; /* what every connection begins with */

#endif
