#include "net/conn.h"

#include "base/limits.h"

#include <assert.h>

#define CONN_READS_PER_EVENT 4                 /* then the other connections have their turn */
#define CONN_ROUNDS 16                         /* of sending and going on, before others have their turn */
#define CONN_OUT_MAX (LIMIT_HTTP_BODY_BYTES * 5) /* one whole answer and its head */
#define CONN_KEEP_BYTES (LIMIT_HTTP_STREAM_WINDOW * 2) /* output buffers up to this are kept when empty ... */
#define CONN_KEEP_MS 1000                      /* ... for so long */
#define CONN_TURN 64                           /* pieces the wire takes before others have their turn */
#define CONN_DRAIN_LINGER_MS 500

void conn_init(struct conn *c)
{
    buf_init(&c->in, LIMIT_HTTP_READ_AHEAD * 4);
    buf_init(&c->out, CONN_OUT_MAX);
    c->want_read = true;
    c->since_ms = c->env->now_ms;
    c->wire->init(c);
}

size_t conn_out_pending(const struct conn *c)
{
    return c->out.len - c->out_off;
}

static void conn_release(struct conn *c)
{
    if (c->state != CONN_CLOSED || c->running > 0 || c->busy)
        return;
    c->wire->clear(c);
    buf_clear(&c->in);
    buf_clear(&c->out);
    c->env->ops->gone(c->env, c);
}

static void conn_close(struct conn *c)
{
    if (c->state == CONN_CLOSED)
        return;
    c->state = CONN_CLOSED;
    c->deadline_ms = c->stall_ms = 0;
    c->wire->cancel(c);
    c->transport->close(c);
}

/* After this the caller may not touch `c` unless it is `busy`. */
void conn_break(struct conn *c)
{
    conn_close(c);
    conn_release(c);
}

static void conn_update(struct conn *c)
{
    size_t held = c->in.len - c->in_off;
    bool read = !c->eof && (c->state == CONN_LINGERING || (c->state != CONN_CLOSED && held < LIMIT_HTTP_READ_AHEAD));
    if (c->state == CONN_FINISHING)
        read = false;
    bool write = c->state != CONN_CLOSED && (conn_out_pending(c) > 0 || (c->yields && c->state == CONN_OPEN));
    if (read != c->want_read || write != c->want_write) {
        c->want_read = read;
        c->want_write = write;
        if (c->state != CONN_CLOSED)
            c->transport->update(c);
    }
}

/* All of `out` has left. */
static void conn_sent(struct conn *c)
{
    c->out_off = 0;
    c->stall_ms = 0;
    if (c->out.cap > CONN_KEEP_BYTES)
        buf_clear(&c->out);
    else
        buf_reset(&c->out);
}

static void conn_flush(struct conn *c)
{
    size_t moved = 0;
    while (c->state != CONN_CLOSED && conn_out_pending(c) > 0) {
        ssize_t n = c->transport->write(c, c->out.p + c->out_off, conn_out_pending(c));
        if (n == CONN_AGAIN)
            break;
        if (n < 0) {
            conn_close(c);
            return;
        }
        moved += (size_t)n;
        c->out_off += (size_t)n;
    }
    if (c->state == CONN_CLOSED)
        return;
    if (conn_out_pending(c) > 0) {
        /* What moved buys time at the lowest rate; so a peer that reads byte by byte is given up too. */
        int64_t latest = c->env->now_ms + c->env->limits.body_idle_ms;
        int64_t bought = c->stall_ms + (int64_t)(moved * 1000 / LIMIT_HTTP_BYTES_PER_S);
        c->stall_ms = !c->stall_ms || bought > latest ? latest : bought;
        return;
    }
    if (c->out.len > 0)
        conn_sent(c);
}

/* One round: the wire takes what it can of (p, n), or of the bytes held when p is NULL. If it would take more than its
 * turn, the connection asks to be told that it can write, which comes after the others' events. */
static void conn_take(struct conn *c, const char *p, size_t n)
{
    bool held = c->in.len > c->in_off;
    if (held && n > 0)
        buf_add(&c->in, p, n);
    if (held) {
        p = c->in.p + c->in_off;
        n = c->in.len - c->in_off;
    }
    if (n == 0)
        return;
    size_t used = 0;
    for (int turn = 0; used < n && c->state == CONN_OPEN; turn++) {
        c->yields = turn == CONN_TURN;
        if (c->yields)
            break;
        size_t k = c->wire->feed(c, p + used, n - used);
        if (k == 0)
            break;
        used += k;
    }
    if (c->state != CONN_OPEN)
        used = n; /* nothing behind the last request is looked at */
    if (!held) {
        buf_add(&c->in, p + used, n - used);
        return;
    }
    c->in_off += used;
    if (c->in_off == c->in.len) {
        c->in_off = 0;
        if (c->in.cap > LIMIT_KIB(4))
            buf_clear(&c->in);
        else
            buf_reset(&c->in);
    } else if (c->in_off >= LIMIT_KIB(4)) {
        buf_consume(&c->in, c->in_off);
        c->in_off = 0;
    }
}

/* Sends, lets the wire go on where sending made room, and closes what is finished. */
static void conn_settle(struct conn *c)
{
    for (int round = 0; round < CONN_ROUNDS; round++) {
        conn_flush(c);
        if (c->state == CONN_CLOSED)
            break;
        bool blocked = conn_out_pending(c) > 0;
        if (!blocked && c->state == CONN_OPEN)
            c->wire->flushed(c);
        if (c->resume && c->state == CONN_OPEN) {
            c->resume = c->yields = false;
            conn_take(c, NULL, 0);
        }
        if (blocked || conn_out_pending(c) == 0)
            break;
    }
    if (c->eof && c->state == CONN_OPEN && !c->yields)
        c->wire->eof(c);
    if (c->in.failed || c->out.failed)
        conn_close(c);
    if (c->state == CONN_FINISHING && conn_out_pending(c) == 0) {
        if (c->eof) {
            conn_close(c);
        } else {
            c->state = CONN_LINGERING;
            c->deadline_ms = c->env->now_ms + (c->env->draining ? CONN_DRAIN_LINGER_MS : LIMIT_HTTP_LINGER_MS);
            c->transport->shutdown(c);
        }
    }
    conn_update(c);
    c->busy = false;
    conn_release(c);
}

void conn_feed(struct conn *c, const char *p, size_t n)
{
    if (c->state != CONN_OPEN)
        return;
    assert(!c->busy);
    c->busy = true;
    conn_take(c, p, n);
    conn_settle(c);
}

void conn_resume(struct conn *c)
{
    c->resume = true;
}

void conn_eof(struct conn *c)
{
    if (c->state == CONN_CLOSED || c->eof)
        return;
    c->eof = true;
    if (c->state == CONN_LINGERING) {
        conn_break(c);
        return;
    }
    c->busy = true;
    conn_settle(c);
}

void conn_readable(struct conn *c, char *scratch, size_t size)
{
    for (int i = 0; i < CONN_READS_PER_EVENT && c->want_read; i++) {
        ssize_t n = c->transport->read(c, scratch, size);
        if (n == CONN_AGAIN)
            return;
        if (n == CONN_BROKEN) {
            conn_break(c);
            return;
        }
        if (n == 0) {
            conn_eof(c);
            return;
        }
        if (c->state == CONN_LINGERING) {
            c->lingered += (size_t)n;
            if (c->lingered <= LIMIT_HTTP_LINGER_BYTES)
                continue;
            conn_break(c);
            return;
        }
        bool short_read = (size_t)n < size && !c->tls;
        c->running++; /* keeps `c` alive through the call, so that its state can be asked after it */
        conn_feed(c, scratch, (size_t)n);
        c->running--;
        if (c->state == CONN_CLOSED) {
            conn_release(c);
            return;
        }
        if (short_read)
            return;
    }
}

void conn_writable(struct conn *c)
{
    if (c->state == CONN_CLOSED)
        return;
    c->busy = true;
    if (c->yields)
        conn_resume(c);
    conn_settle(c);
}

void conn_note(struct conn *c, struct http_exchange *ex)
{
    c->busy = true; /* so it is not freed before it is settled */
    if (ex->done)
        exchange_settle(ex);
    c->wire->event(c, ex);
}

void conn_settle_noted(struct conn *c)
{
    conn_settle(c);
}

void conn_event(struct conn *c, struct http_exchange *ex)
{
    conn_note(c, ex);
    conn_settle(c);
}

void conn_tick(struct conn *c)
{
    int64_t now = c->env->now_ms;
    if (c->state == CONN_CLOSED)
        return;
    if (c->stall_ms && now >= c->stall_ms) {
        conn_break(c);
        return;
    }
    if (now - c->since_ms >= CONN_KEEP_MS) {
        if (conn_out_pending(c) == 0)
            buf_clear(&c->out);
        if (c->in.len == 0)
            buf_clear(&c->in);
    }
    if (!c->deadline_ms || now < c->deadline_ms)
        return;
    if (c->state == CONN_LINGERING) {
        conn_break(c);
        return;
    }
    c->deadline_ms = 0;
    c->busy = true;
    c->wire->expire(c);
    conn_settle(c);
}

void conn_drain(struct conn *c)
{
    if (c->state != CONN_OPEN)
        return;
    c->busy = true;
    c->wire->drain(c);
    conn_settle(c);
}

void conn_finish(struct conn *c)
{
    if (c->state == CONN_OPEN) {
        c->state = CONN_FINISHING;
        c->deadline_ms = 0;
    }
}
