/* Sockets are watched with uv_poll and read and written here, not through libuv's streams: that keeps one shared
 * read buffer per thread (an idle connection holds none), lets GnuTLS work on the descriptor itself, and lets
 * accept() fail without libuv's own retry loop.
 *
 * Out of descriptors: accept() says EMFILE while the listener stays readable, and a plain loop would spin. Here
 * connections that only wait are closed to make room, the listener rests for LISTEN_REST_MS, and the kernel's
 * backlog keeps the peers that wait.
 *
 * Workers hand exchanges back through `queue` and uv_async. An exchange is in the queue at most once; flags
 * collected under its lock say whether the worker is done with it.
 *
 * Lifetime: a socket is freed when libuv has let go of its handle and no worker holds an exchange of it. The loop
 * ends when it was told to stop, the listener is closed and the last socket is gone. */
#include "net/loop.h"

#include "base/limits.h"
#include "base/log.h"
#include "net/conn.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#define LOOP_SCRATCH_BYTES LIMIT_KIB(64)
#define LOOP_TICK_MS 250
#define LISTEN_REST_MS 100
#define ACCEPTS_PER_EVENT 64
#define EVICT_AT_ONCE 16
#define EVICT_AGE_MS 1000
#define WAIT_MS 1000 /* a worker looks up this often while it waits for its window */

struct sock {
    struct conn conn;
    struct loop *loop;
    uv_poll_t poll;
    int fd;
    struct tls *tls;
    uint8_t peer_key[16];
    struct sock *prev, *next;
    bool handle_closed, conn_gone;
};

struct loop {
    struct net_env env;
    struct loop_config config;
    uv_loop_t uv;
    uv_async_t wake;
    uv_timer_t tick, rest;
    uv_poll_t listener;
    pthread_t thread;
    struct sock *socks;      /* open ones, newest first */
    int sock_count;          /* those whose memory still lives */
    int64_t drain_until_ms;
    int64_t complained_ms;   /* when accept errors were last logged */
    bool listening, closing;
    bool stop;               /* atomic */
    uint64_t connections_total, accept_errors;
    uint64_t requests_seen;  /* by the last tick */
    struct mutex queue_lock;
    struct http_exchange *queue, **queue_end;
    char scratch[LOOP_SCRATCH_BYTES];
};

static struct sock *sock_of(struct conn *c)
{
    return CONTAINER_OF(c, struct sock, conn);
}

static struct loop *loop_of(struct net_env *env)
{
    return CONTAINER_OF(env, struct loop, env);
}

static void loop_try_end(struct loop *l);

/* ---- transport ---- */

static ssize_t sock_read(struct conn *c, void *p, size_t n)
{
    struct sock *s = sock_of(c);
    if (s->tls) {
        ssize_t got = tls_read(s->tls, p, n);
        c->h2_agreed = got > 0 && tls_speaks_h2(s->tls);
        return got;
    }
    for (;;) {
        ssize_t got = recv(s->fd, p, n, 0);
        if (got >= 0)
            return got;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return CONN_AGAIN;
        if (errno != EINTR)
            return CONN_BROKEN;
    }
}

static ssize_t sock_write(struct conn *c, const void *p, size_t n)
{
    struct sock *s = sock_of(c);
    if (s->tls)
        return tls_write(s->tls, p, n);
    for (;;) {
        ssize_t sent = send(s->fd, p, n, MSG_NOSIGNAL);
        if (sent >= 0)
            return sent;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return CONN_AGAIN;
        if (errno != EINTR)
            return CONN_BROKEN;
    }
}

static void on_sock(uv_poll_t *poll, int status, int events);
static void on_tick(uv_timer_t *timer);

static void sock_update(struct conn *c)
{
    struct sock *s = sock_of(c);
    int events = (c->want_read ? UV_READABLE : 0) | (c->want_write ? UV_WRITABLE : 0);
    if (s->tls && (tls_wants_write(s->tls) || (c->want_read && tls_pending(s->tls))))
        events |= UV_WRITABLE; /* fires at once: on_sock() then reads what TLS holds */
    if (events)
        uv_poll_start(&s->poll, events, on_sock);
    else
        uv_poll_stop(&s->poll);
}

static void sock_shutdown(struct conn *c)
{
    struct sock *s = sock_of(c);
    if (s->tls)
        tls_shutdown(s->tls);
    shutdown(s->fd, SHUT_WR);
}

static void sock_free_when_over(struct sock *s)
{
    if (!s->handle_closed || !s->conn_gone)
        return;
    struct loop *l = s->loop;
    l->sock_count--;
    free(s);
    loop_try_end(l);
}

static void on_sock_closed(uv_handle_t *handle)
{
    struct sock *s = CONTAINER_OF((uv_poll_t *)handle, struct sock, poll);
    s->handle_closed = true;
    sock_free_when_over(s);
}

static void sock_close(struct conn *c)
{
    struct sock *s = sock_of(c);
    struct loop *l = s->loop;
    if (s->prev)
        s->prev->next = s->next;
    else
        l->socks = s->next;
    if (s->next)
        s->next->prev = s->prev;
    uv_poll_stop(&s->poll);
    uv_close((uv_handle_t *)&s->poll, on_sock_closed);
    tls_close(s->tls);
    s->tls = NULL;
    close(s->fd);
    s->fd = -1;
    peers_leave(l->config.peers, s->peer_key);
}

static const struct transport_ops sock_transport = {
    .read = sock_read, .write = sock_write, .update = sock_update, .shutdown = sock_shutdown, .close = sock_close,
};

/* ---- environment of connections ---- */

static bool loop_submit(struct net_env *env, struct http_exchange *ex)
{
    struct loop *l = loop_of(env);
    struct pool *pool = ex->plan.transfer && l->config.transfer_pool ? l->config.transfer_pool : l->config.pool;
    return pool && pool_submit(pool, exchange_run, ex);
}

static void loop_post(struct net_env *env, struct http_exchange *ex, bool done)
{
    struct loop *l = loop_of(env);
    mutex_lock(&l->queue_lock);
    ex->posted_done |= done;
    if (!ex->posted) {
        ex->posted = true;
        ex->next = NULL;
        *l->queue_end = ex;
        l->queue_end = &ex->next;
    }
    /* Under the lock: once the loop has seen `done`, it may end and close the handle. */
    uv_async_send(&l->wake);
    mutex_unlock(&l->queue_lock);
}

static bool loop_wait(struct net_env *env, struct http_exchange *ex)
{
    (void)env;
    (void)cond_wait_ms(&ex->cond, &ex->mu, WAIT_MS);
    return true; /* the connection's deadlines cancel the exchange */
}

static void loop_gone(struct net_env *env, struct conn *c)
{
    (void)env;
    struct sock *s = sock_of(c);
    s->conn_gone = true;
    sock_free_when_over(s);
}

static const struct net_env_ops loop_ops = {.submit = loop_submit, .post = loop_post, .wait = loop_wait, .gone = loop_gone};

static void loop_now(struct loop *l)
{
    l->env.now_ms = (int64_t)uv_now(&l->uv);
}

/* ---- events ---- */

static void on_sock(uv_poll_t *poll, int status, int events)
{
    struct sock *s = CONTAINER_OF(poll, struct sock, poll);
    struct loop *l = s->loop;
    struct conn *c = &s->conn;
    loop_now(l);
    if (status < 0) {
        conn_break(c);
        return;
    }
    bool tls_read_now = s->tls && (tls_pending(s->tls) || tls_wants_write(s->tls));
    if ((events & UV_WRITABLE) && c->want_write)
        conn_writable(c);
    if (c->state != CONN_CLOSED && ((events & UV_READABLE) || tls_read_now))
        conn_readable(c, l->scratch, sizeof l->scratch);
    if (c->state != CONN_CLOSED && s->tls)
        sock_update(c);
}

static void peer_name(const struct sockaddr_storage *address, struct conn *c)
{
    char text[INET6_ADDRSTRLEN] = "";
    int port = 0;
    const char *form = "%s:%d";
    if (address->ss_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
        port = ntohs(v4.sin_port);
        c->peer_loopback = ntohl(v4.sin_addr.s_addr) >> 24 == 127;
    } else if (address->ss_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof v6);
        inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
        port = ntohs(v6.sin6_port);
        c->peer_loopback = IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) ||
                           (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) && v6.sin6_addr.s6_addr[12] == 127);
        form = "[%s]:%d";
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* one of the two literals above */
    int n = snprintf(c->peer_text, sizeof c->peer_text, form, text, port);
#pragma GCC diagnostic pop
    c->peer = (struct str){c->peer_text, (size_t)n};
}

static void sock_open(struct loop *l, int fd, const struct sockaddr_storage *address)
{
    uint8_t key[16];
    peers_key((const struct sockaddr *)address, key);
    if (!peers_enter(l->config.peers, key)) {
        net_count(&l->env.refused);
        close(fd);
        return;
    }
    struct sock *s = calloc(1, sizeof *s);
    struct tls *tls = s && l->config.tls ? tls_open(l->config.tls, fd) : NULL;
    if (!s || (l->config.tls && !tls) || uv_poll_init(&l->uv, &s->poll, fd) != 0) {
        tls_close(tls);
        free(s);
        close(fd);
        peers_leave(l->config.peers, key);
        return;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    s->loop = l;
    s->fd = fd;
    s->tls = tls;
    memcpy(s->peer_key, key, sizeof key);
    s->next = l->socks;
    if (l->socks)
        l->socks->prev = s;
    l->socks = s;
    l->sock_count++;
    net_count(&l->connections_total);
    s->conn.env = &l->env;
    s->conn.transport = &sock_transport;
    s->conn.wire = &sniff_wire;
    s->conn.tls = tls != NULL;
    peer_name(address, &s->conn);
    conn_init(&s->conn);
    sock_update(&s->conn);
    if (!uv_is_active((uv_handle_t *)&l->tick))
        uv_timer_start(&l->tick, on_tick, LOOP_TICK_MS, LOOP_TICK_MS);
}

/* Closes the connection that can best be spared: one that waits for a request for EVICT_AGE_MS or longer, rather one that
 * never finished any than a kept one, and of those the oldest. */
static bool evict_one(struct loop *l)
{
    struct sock *best = NULL;
    for (struct sock *s = l->socks; s; s = s->next) {
        const struct conn *c = &s->conn;
        if (c->state != CONN_OPEN || !c->wire->idle(c) || conn_out_pending(c) > 0 || l->env.now_ms - c->since_ms < EVICT_AGE_MS)
            continue; /* a peer that still reads its answer waits for nothing else either, but would lose it */
        if (!best || (best->conn.served && !c->served) || (best->conn.served == c->served && c->since_ms < best->conn.since_ms))
            best = s;
    }
    if (best)
        conn_break(&best->conn);
    return best != NULL;
}

static void on_listen(uv_poll_t *poll, int status, int events);

static void on_rest_over(uv_timer_t *timer)
{
    struct loop *l = CONTAINER_OF(timer, struct loop, rest);
    if (l->listening)
        uv_poll_start(&l->listener, UV_READABLE, on_listen);
}

static void accept_failed(struct loop *l, int error)
{
    net_count(&l->accept_errors);
    if (l->env.now_ms - l->complained_ms >= 1000) {
        l->complained_ms = l->env.now_ms;
        log_at(LOG_WARN, "net.accept_failed", {"error", LOG_C(strerror(error))}, {"connections", LOG_I(l->sock_count)});
    }
    for (int i = 0; i < EVICT_AT_ONCE && evict_one(l); i++) {
    }
    uv_poll_stop(&l->listener);
    uv_timer_start(&l->rest, on_rest_over, LISTEN_REST_MS, 0);
}

static void on_listen(uv_poll_t *poll, int status, int events)
{
    struct loop *l = CONTAINER_OF(poll, struct loop, listener);
    (void)status, (void)events;
    loop_now(l);
    for (int i = 0; i < ACCEPTS_PER_EVENT; i++) {
        struct sockaddr_storage address = {0};
        socklen_t len = sizeof address;
        int fd = accept4(l->config.take_listen_fd, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            sock_open(l, fd, &address);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            accept_failed(l, errno);
            return;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return;
        /* The connection died in the queue (ECONNABORTED and its kin): the next one. */
    }
}

static void begin_drain(struct loop *l)
{
    __atomic_store_n(&l->env.draining, true, __ATOMIC_RELAXED); /* workers look at it too */
    l->drain_until_ms = l->env.now_ms + l->config.limits.drain_ms;
    l->listening = false;
    uv_poll_stop(&l->listener);
    uv_close((uv_handle_t *)&l->listener, NULL);
    close(l->config.take_listen_fd);
    uv_timer_stop(&l->rest);
    for (struct sock *s = l->socks, *next; s; s = next) {
        next = s->next;
        conn_drain(&s->conn);
    }
    loop_try_end(l);
}

static void loop_try_end(struct loop *l)
{
    if (!l->env.draining || l->sock_count > 0 || l->closing)
        return;
    l->closing = true;
    uv_close((uv_handle_t *)&l->tick, NULL);
    uv_close((uv_handle_t *)&l->rest, NULL);
    mutex_lock(&l->queue_lock); /* a worker may still be inside uv_async_send */
    uv_close((uv_handle_t *)&l->wake, NULL);
    mutex_unlock(&l->queue_lock);
}

static void on_tick(uv_timer_t *timer)
{
    struct loop *l = CONTAINER_OF(timer, struct loop, tick);
    loop_now(l);
    bool over = l->env.draining && l->env.now_ms >= l->drain_until_ms;
    for (struct sock *s = l->socks, *next; s; s = next) {
        next = s->next;
        if (over)
            conn_break(&s->conn);
        else
            conn_tick(&s->conn);
    }
    if (l->env.requests == l->requests_seen || !l->socks)
        exchange_cool_spare(&l->env);
    l->requests_seen = l->env.requests;
    if (!l->socks && !l->closing)
        uv_timer_stop(&l->tick);
}

/* Several answers of one connection leave in one write. */
static void note_event(struct conn **noted, struct http_exchange *ex)
{
    struct conn *c = ex->conn;
    if (!c->noted) {
        c->noted = true;
        c->next_noted = *noted;
        *noted = c;
    }
    conn_note(c, ex);
}

static void on_wake(uv_async_t *wake)
{
    struct loop *l = CONTAINER_OF(wake, struct loop, wake);
    loop_now(l);
    mutex_lock(&l->queue_lock);
    struct http_exchange *first = l->queue;
    l->queue = NULL;
    l->queue_end = &l->queue;
    /* Flags are taken under the same lock; from here a worker may post an exchange anew. */
    struct http_exchange *done = NULL, **done_end = &done, *progress[64];
    size_t n = 0;
    while (first) {
        struct http_exchange *ex = first;
        first = ex->next;
        if (!ex->posted_done && n == ARRAY_LEN(progress)) { /* the rest has its turn in the next round */
            ex->next = NULL;
            *l->queue_end = ex;
            l->queue_end = &ex->next;
            uv_async_send(&l->wake);
            continue;
        }
        ex->posted = false;
        ex->next = NULL;
        if (ex->posted_done) {
            ex->done = true;
            *done_end = ex;
            done_end = &ex->next;
        } else {
            progress[n++] = ex;
        }
    }
    mutex_unlock(&l->queue_lock);
    /* Those that only made progress first: none of them can be recycled by this thread before its `done`. */
    struct conn *noted = NULL;
    for (size_t i = 0; i < n; i++)
        note_event(&noted, progress[i]);
    while (done) {
        struct http_exchange *ex = done;
        done = ex->next;
        note_event(&noted, ex);
    }
    while (noted) {
        struct conn *c = noted;
        noted = c->next_noted;
        c->noted = false;
        conn_settle_noted(c);
    }
    if (__atomic_load_n(&l->stop, __ATOMIC_ACQUIRE) && !l->env.draining)
        begin_drain(l);
}

/* ---- life ---- */

static void *loop_main(void *arg)
{
    struct loop *l = arg;
    uv_run(&l->uv, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&l->uv);
    assert(rc == 0);
    exchange_free_spare(&l->env);
    return NULL;
}

static void must(int rc, const char *what)
{
    if (rc == 0)
        return;
    fprintf(stderr, "ingot: fatal: %s: %s\n", what, uv_strerror(rc));
    abort();
}

struct loop *loop_create(const struct loop_config *config)
{
    struct loop *l = calloc(1, sizeof *l);
    if (!l)
        abort();
    l->config = *config;
    l->env.ops = &loop_ops;
    l->env.handler = config->handler;
    l->env.limits = config->limits;
    l->queue_end = &l->queue;
    mutex_init(&l->queue_lock);
    must(uv_loop_init(&l->uv), "uv_loop_init");
    must(uv_async_init(&l->uv, &l->wake, on_wake), "uv_async_init");
    must(uv_timer_init(&l->uv, &l->tick), "uv_timer_init");
    must(uv_timer_init(&l->uv, &l->rest), "uv_timer_init");
    must(uv_poll_init(&l->uv, &l->listener, config->take_listen_fd), "uv_poll_init");
    must(uv_poll_start(&l->listener, UV_READABLE, on_listen), "uv_poll_start");
    l->listening = true;
    loop_now(l);
    return l;
}

void loop_run(struct loop *l)
{
    char name[16];
    snprintf(name, sizeof name, "ingot-io-%d", l->config.index % 1000);
    l->thread = thread_start(name, loop_main, l);
}

void loop_stop(struct loop *l)
{
    mutex_lock(&l->queue_lock); /* loop_try_end() cannot close the handle under our hands */
    __atomic_store_n(&l->stop, true, __ATOMIC_RELEASE);
    uv_async_send(&l->wake);
    mutex_unlock(&l->queue_lock);
}

void loop_join(struct loop *l)
{
    thread_join(l->thread);
    mutex_clear(&l->queue_lock);
    free(l);
}

void loop_stats_add(const struct loop *l, struct server_stats *sum)
{
    sum->connections_total += __atomic_load_n(&l->connections_total, __ATOMIC_RELAXED);
    sum->requests_total += __atomic_load_n(&l->env.requests, __ATOMIC_RELAXED);
    sum->refused_total += __atomic_load_n(&l->env.refused, __ATOMIC_RELAXED);
    sum->accept_errors_total += __atomic_load_n(&l->accept_errors, __ATOMIC_RELAXED);
}
