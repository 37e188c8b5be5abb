/* loop.h - one I/O thread of the server: a libuv loop with its own listener and its connections (inside src/net).
 * Made and joined by server.c; everything else happens on its thread. */
#ifndef INGOT_NET_LOOP_H
#define INGOT_NET_LOOP_H

#include "net/peers.h"
#include "net/server.h"
#include "net/tls.h"

struct loop;
struct loop_config {
    struct server_limits limits;   /* no zeros */
    struct http_handler handler;
    struct pool *pool, *transfer_pool; /* the second may be NULL */
    struct peers *peers;           /* shared, outlives the loop */
    struct tls_server *tls;        /* NULL: plain */
    int take_listen_fd;            /* non-blocking, listening */
    int index;
};
/* Makes it; peers may connect, nobody accepts them yet. */
struct loop *loop_create(const struct loop_config *config);
/* Starts the thread; once. */
void loop_run(struct loop *l);
/* Asks it to drain and end; returns at once. */
void loop_stop(struct loop *l);
/* Waits for the end and frees it. It was run. */
void loop_join(struct loop *l);
void loop_stats_add(const struct loop *l, struct server_stats *sum);

#endif
