/* The connection without a socket. One thread plays all parts: the peer that sends `request_bytes` in pieces, the
 * I/O thread, and the worker. Where a real worker would wait for the I/O thread, the loopback's wait() feeds the
 * next piece or takes what was written; if neither is possible the peer has said all it had to say, and the
 * wait fails as it would for a client that went away. */
#include "net/loopback.h"

#include "base/limits.h"
#include "base/time.h"
#include "net/conn.h"

#include <stdlib.h>

/* Exchanges in order; HTTP/2 may have many. */
struct queue {
    struct http_exchange *first, *last;
};

struct loopback {
    struct net_env env;
    struct conn conn;
    struct str rest;
    size_t piece;
    struct buf *out;
    struct queue submitted;
    struct mutex lock;             /* guards the events: a later answer comes from another thread */
    struct cond posted;
    struct queue events;           /* posted, not yet handled */
    bool shut, gone;
};

static void queue_put(struct queue *q, struct http_exchange *ex)
{
    ex->next = NULL;
    if (q->first)
        q->last->next = ex;
    else
        q->first = ex;
    q->last = ex;
}

static struct http_exchange *queue_take(struct queue *q)
{
    struct http_exchange *ex = q->first;
    if (ex)
        q->first = ex->next;
    return ex;
}

static struct loopback *loopback_of(struct net_env *env)
{
    return CONTAINER_OF(env, struct loopback, env);
}

static bool loop_submit(struct net_env *env, struct http_exchange *ex)
{
    queue_put(&loopback_of(env)->submitted, ex);
    return true;
}

static void loop_post(struct net_env *env, struct http_exchange *ex, bool done)
{
    struct loopback *l = loopback_of(env);
    LOCK(&l->lock);
    ex->posted_done |= done;
    if (!ex->posted) {
        ex->posted = true;
        queue_put(&l->events, ex);
    }
    cond_signal(&l->posted);
}

static void loop_gone(struct net_env *env, struct conn *c)
{
    (void)c;
    loopback_of(env)->gone = true;
}

static bool run_event(struct loopback *l)
{
    mutex_lock(&l->lock);
    struct http_exchange *ex = queue_take(&l->events);
    if (ex) {
        ex->done = ex->posted_done;
        ex->posted = false;
    }
    mutex_unlock(&l->lock);
    if (!ex)
        return false;
    conn_event(&l->conn, ex);
    return true;
}

/* While a request waits for its later answer; true when that has come. */
static bool await_later(struct loopback *l)
{
    if (l->gone || l->conn.running == 0)
        return false;
    LOCK(&l->lock);
    while (!l->events.first)
        cond_wait(&l->posted, &l->lock);
    return true;
}

static bool feed_piece(struct loopback *l)
{
    if (l->gone || l->rest.len == 0 || !l->conn.want_read)
        return false;
    size_t n = l->piece && l->piece < l->rest.len ? l->piece : l->rest.len;
    if (n > LIMIT_HTTP_READ_AHEAD)
        n = LIMIT_HTTP_READ_AHEAD; /* as much as a real read brings */
    /* A copy of exactly that size, so that ASan sees a parser that reads past the end. */
    char *copy = malloc(n);
    if (!copy)
        abort();
    memcpy(copy, l->rest.p, n);
    l->rest = str_sub(l->rest, n, SIZE_MAX);
    conn_feed(&l->conn, copy, n);
    free(copy);
    return true;
}

/* A real socket would now say that it can be written to. */
static bool go_on(struct loopback *l)
{
    if (l->gone || !l->conn.want_write)
        return false;
    conn_writable(&l->conn);
    return true;
}

static bool loop_wait(struct net_env *env, struct http_exchange *ex)
{
    struct loopback *l = loopback_of(env);
    mutex_unlock(&ex->mu);
    bool progress = run_event(l) || go_on(l) || feed_piece(l);
    mutex_lock(&ex->mu);
    return progress;
}

static ssize_t transport_read(struct conn *c, void *p, size_t n)
{
    (void)c, (void)p, (void)n;
    return CONN_AGAIN;
}

static ssize_t transport_write(struct conn *c, const void *p, size_t n)
{
    buf_add(CONTAINER_OF(c, struct loopback, conn)->out, p, n);
    return (ssize_t)n;
}

static void transport_update(struct conn *c)
{
    (void)c;
}

static void transport_shutdown(struct conn *c)
{
    CONTAINER_OF(c, struct loopback, conn)->shut = true;
}

static void transport_close(struct conn *c)
{
    transport_shutdown(c);
}

enum err loopback_exchange(struct op *op, const struct http_handler *handler, struct str request_bytes, size_t piece,
                           struct buf *out, bool *ret_closed)
{
    static const struct net_env_ops env_ops = {.submit = loop_submit, .post = loop_post, .wait = loop_wait, .gone = loop_gone};
    static const struct transport_ops transport = {
        .read = transport_read, .write = transport_write, .update = transport_update,
        .shutdown = transport_shutdown, .close = transport_close,
    };
    struct loopback *l = op_new(op, struct loopback);
    l->env.ops = &env_ops;
    l->env.handler = *handler;
    l->env.limits = (struct server_limits){.head_ms = LIMIT_HTTP_HEAD_MS, .body_idle_ms = LIMIT_HTTP_BODY_IDLE_MS,
                                           .idle_ms = LIMIT_HTTP_IDLE_MS, .drain_ms = LIMIT_HTTP_DRAIN_MS};
    l->env.now_ms = time_mono_ms();
    l->rest = request_bytes;
    l->piece = piece;
    l->out = out;
    l->conn.env = &l->env;
    l->conn.transport = &transport;
    l->conn.wire = &sniff_wire;
    l->conn.peer = STR("127.0.0.1:1");
    l->conn.peer_loopback = true;
    mutex_init(&l->lock);
    cond_init(&l->posted);
    conn_init(&l->conn);
    for (;;) {
        struct http_exchange *ex = queue_take(&l->submitted);
        if (ex)
            exchange_run(ex);
        else if (!run_event(l) && !go_on(l) && !feed_piece(l) && !await_later(l))
            break;
    }
    *ret_closed = l->shut;
    if (!l->gone)
        conn_eof(&l->conn);
    while (!l->gone && (l->submitted.first || l->events.first || await_later(l))) {
        struct http_exchange *ex = queue_take(&l->submitted);
        if (ex)
            exchange_run(ex);
        run_event(l);
    }
    if (!l->gone)
        conn_break(&l->conn);
    exchange_free_spare(&l->env);
    cond_clear(&l->posted);
    mutex_clear(&l->lock);
    return out->failed ? op_fail(op, E_TOO_LARGE, "the answers are larger than the buffer") : OK;
}
