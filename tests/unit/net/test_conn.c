/* A connection on a transport that this test plays: it takes a few bytes and then blocks, breaks, or ends, and the clock
 * is a variable. Here also: the exchange between a real worker thread and the I/O side (net/exchange.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"
#include "net/conn.h"
#include "net/exchange.h"
#include "net/wire.h"
#include "unit/net/h2_helper.h"

struct stage {
    struct net_env env;
    struct conn conn;
    struct buf out;
    size_t accepts;      /* bytes the transport still takes before it blocks */
    bool broken, shut, closed, gone;
    struct http_exchange *submitted;
    int posts;
    size_t answer_bytes;
    int handled;
};

static struct stage *stage_of(struct conn *c)
{
    return CONTAINER_OF(c, struct stage, conn);
}
static ssize_t t_read(struct conn *c, void *p, size_t n)
{
    (void)c, (void)p, (void)n;
    return CONN_AGAIN;
}
static ssize_t t_write(struct conn *c, const void *p, size_t n)
{
    struct stage *s = stage_of(c);
    if (s->broken)
        return CONN_BROKEN;
    size_t k = n < s->accepts ? n : s->accepts;
    if (k == 0)
        return CONN_AGAIN;
    buf_add(&s->out, p, k);
    s->accepts -= k;
    return (ssize_t)k;
}
static void t_update(struct conn *c)
{
    (void)c;
}
static void t_shutdown(struct conn *c)
{
    stage_of(c)->shut = true;
}
static void t_close(struct conn *c)
{
    stage_of(c)->closed = true;
}
static const struct transport_ops transport = {.read = t_read, .write = t_write, .update = t_update, .shutdown = t_shutdown, .close = t_close};

static bool e_submit(struct net_env *env, struct http_exchange *ex)
{
    CONTAINER_OF(env, struct stage, env)->submitted = ex;
    return true;
}
static void e_post(struct net_env *env, struct http_exchange *ex, bool done)
{
    (void)ex, (void)done;
    __atomic_fetch_add(&CONTAINER_OF(env, struct stage, env)->posts, 1, __ATOMIC_RELAXED);
}
static bool e_wait(struct net_env *env, struct http_exchange *ex)
{
    (void)env;
    (void)cond_wait_ms(&ex->cond, &ex->mu, 100);
    return true;
}
static void e_gone(struct net_env *env, struct conn *c)
{
    (void)c;
    CONTAINER_OF(env, struct stage, env)->gone = true;
}
static const struct net_env_ops env_ops = {.submit = e_submit, .post = e_post, .wait = e_wait, .gone = e_gone};

static void plan(void *arg, struct op *op, struct http_req *req, struct http_res *res, struct http_plan *p)
{
    (void)arg, (void)op, (void)res;
    p->pool = str_starts(req->path, STR("/pool"));
    p->stream_body = str_eqc(req->path, "/pool-stream");
}
static void handle(void *arg, struct op *op, struct http_req *req, struct http_res *res)
{
    struct stage *s = arg;
    s->handled++;
    if (req->body_streamed) {
        static __thread char piece[70000];
        size_t n = 0, total = 0;
        while (http_body_read(op, req, piece, sizeof piece, &n) == OK && n > 0)
            total += n;
        buf_addf(&res->body, "read %zu %s", total, err_name(op->err));
        return;
    }
    for (size_t i = 0; i < s->answer_bytes; i++)
        buf_add_char(&res->body, 'x');
}
static void refuse(void *arg, struct op *op, int status, const char *text, struct http_res *res)
{
    (void)arg, (void)op, (void)text;
    res->status = status;
}

static void stage_open_wire(struct stage *s, size_t accepts, const struct wire_ops *wire)
{
    *s = (struct stage){.accepts = accepts};
    buf_init(&s->out, LIMIT_MIB(64));
    s->env = (struct net_env){.ops = &env_ops, .handler = {.arg = s, .plan = plan, .handle = handle, .refuse = refuse}, .now_ms = 1000,
                              .limits = {.head_ms = 100, .body_idle_ms = 200, .idle_ms = 300, .drain_ms = 400}};
    s->conn.env = &s->env;
    s->conn.transport = &transport;
    s->conn.wire = wire;
    conn_init(&s->conn);
}
static void stage_open(struct stage *s, size_t accepts)
{
    stage_open_wire(s, accepts, &http1_wire);
}
static void stage_close(struct stage *s)
{
    if (!s->gone)
        conn_break(&s->conn);
    assert_true(s->gone && s->closed);
    exchange_free_spare(&s->env);
    buf_clear(&s->out);
}
static void says(struct stage *s, const char *text)
{
    conn_feed(&s->conn, text, strlen(text));
}
static void tick(struct stage *s, int64_t ms)
{
    s->env.now_ms += ms;
    conn_tick(&s->conn);
}

#define GET "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"

static void partial_writes(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, 10);
    says(&s, GET GET);
    assert_int_equal(s.handled, 2);
    assert_int_equal(s.out.len, 10);
    assert_true(s.conn.want_write);
    while (s.conn.want_write) {
        s.accepts = 7;
        conn_writable(&s.conn);
    }
    struct str rest = buf_str(&s.out);
    size_t at = str_find(rest, STR("\r\n\r\n"));
    assert_true(at != SIZE_MAX && str_starts(str_sub(rest, at + 4, SIZE_MAX), STR("HTTP/1.1 200 OK\r\n")));
    assert_int_equal(conn_out_pending(&s.conn), 0);
    stage_close(&s);
}

static void takes_turns(void **state)
{
    (void)state;
    struct stage s;
    struct buf b;
    buf_init(&b, LIMIT_MIB(1));
    stage_open(&s, SIZE_MAX);
    for (int i = 0; i < 500; i++)
        buf_add_cstr(&b, GET);
    conn_feed(&s.conn, b.p, b.len);
    assert_true(s.handled > 0 && s.handled < 100); /* then other connections have their turn */
    int turns = 0;
    conn_eof(&s.conn); /* a peer that is done asking is still answered */
    for (; s.conn.want_write && turns < 100; turns++)
        conn_writable(&s.conn);
    assert_true(turns >= 5);
    assert_int_equal(s.handled, 500);
    buf_clear(&b);
    stage_close(&s);
}

static void a_peer_that_does_not_read(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, 0);
    s.answer_bytes = 100000;
    for (int i = 0; i < 200 && s.conn.want_read; i++)
        says(&s, GET GET GET GET GET GET GET GET GET GET);
    assert_true(s.handled <= 4); /* the window is full, the rest waits unread or is not even taken */
    assert_true(conn_out_pending(&s.conn) < 500000);
    int before = s.handled;
    s.accepts = SIZE_MAX;
    conn_writable(&s.conn);
    assert_true(s.handled > before);
    stage_close(&s);
    /* And it is given up after the idle time of bodies. */
    stage_open(&s, 0);
    s.answer_bytes = 1000;
    says(&s, GET);
    tick(&s, 150);
    assert_false(s.closed);
    s.accepts = 100;
    conn_writable(&s.conn); /* what moved buys time: 97 ms at 1 KiB/s */
    tick(&s, 140);
    assert_false(s.closed);
    tick(&s, 10);
    assert_true(s.closed);
    stage_close(&s);
    stage_open(&s, 0); /* reads one byte at a time */
    says(&s, GET);
    int reads = 0;
    while (!s.closed && reads < 100) {
        s.accepts = 1;
        conn_writable(&s.conn);
        tick(&s, 50);
        reads++;
    }
    assert_true(reads < 10);
    stage_close(&s);
}

static void clocks(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, SIZE_MAX); /* says nothing at all */
    tick(&s, 90);
    assert_false(s.shut);
    tick(&s, 20);
    assert_true(s.shut && s.out.len == 0);
    stage_close(&s);
    stage_open(&s, SIZE_MAX); /* drips a head */
    for (int i = 0; i < 12 && !s.shut; i++) {
        says(&s, i == 0 ? "GET /" : "a");
        tick(&s, 10);
    }
    assert_true(s.shut && str_starts(buf_str(&s.out), STR("HTTP/1.1 408 ")));
    stage_close(&s);
    stage_open(&s, SIZE_MAX); /* idle after an answer */
    says(&s, GET);
    tick(&s, 290);
    assert_false(s.shut);
    tick(&s, 20);
    assert_true(s.shut);
    tick(&s, LIMIT_HTTP_LINGER_MS + 1); /* and the peer does not close */
    assert_true(s.closed && s.gone);
    stage_close(&s);
    stage_open(&s, SIZE_MAX); /* drips a body: never idle for long, but below 1 KiB/s */
    says(&s, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
    int drops = 0;
    while (!s.shut && drops < 1000) {
        says(&s, "b");
        tick(&s, 50);
        drops++;
    }
    assert_true(drops < 10 && str_starts(buf_str(&s.out), STR("HTTP/1.1 408 ")));
    stage_close(&s);
}

static void broken_peer(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, SIZE_MAX);
    s.broken = true;
    says(&s, GET);
    assert_true(s.closed && s.gone);
    stage_close(&s);
    /* While a worker has the exchange the connection's memory stays. */
    stage_open(&s, SIZE_MAX);
    says(&s, "GET /pool HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_non_null(s.submitted);
    conn_break(&s.conn);
    assert_true(s.closed && !s.gone);
    exchange_run(s.submitted);
    s.submitted->done = true;
    conn_event(&s.conn, s.submitted);
    assert_true(s.gone);
    stage_close(&s);
}

static void drained(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, SIZE_MAX);
    says(&s, GET);
    conn_drain(&s.conn);
    assert_true(s.closed && s.gone);
    stage_close(&s);
    stage_open(&s, SIZE_MAX);
    says(&s, "GET /pool HTTP/1.1\r\nHost: a\r\n\r\n" GET);
    s.env.draining = true;
    conn_drain(&s.conn);
    assert_false(s.shut);
    exchange_run(s.submitted);
    s.submitted->done = true;
    conn_event(&s.conn, s.submitted);
    assert_true(s.shut && s.handled == 1); /* the second request is not begun */
    assert_true(str_find(buf_str(&s.out), STR("Connection: close\r\n")) != SIZE_MAX);
    stage_close(&s);
}

/* An answer that is made but not yet sent is no idle connection: the drain waits until the peer has read it. */
static void drained_while_sending(void **state)
{
    (void)state;
    struct stage s;
    stage_open(&s, 10);
    s.answer_bytes = 500;
    says(&s, GET);
    assert_true(s.handled == 1 && conn_out_pending(&s.conn) > 500);
    conn_drain(&s.conn);
    assert_false(s.closed);
    s.accepts = SIZE_MAX;
    conn_writable(&s.conn);
    assert_true(s.shut && conn_out_pending(&s.conn) == 0);
    assert_true(s.out.len > 500 && str_ends(buf_str(&s.out), STR("xxxxx")));
    stage_close(&s);
}

/* ---- HTTP/2 ---- */

static void h2_says(struct stage *s, struct h2_bytes *b)
{
    conn_feed(&s->conn, b->p, b->len);
    b->len = 0;
}

static void h2_open(struct stage *s, struct h2_bytes *b, size_t accepts)
{
    stage_open_wire(s, accepts, &sniff_wire);
    b->len = 0;
    h2_hello(b, false);
}

static void h2_sent(struct stage *s, uint32_t id, int status, int64_t reset, int64_t goaway)
{
    static struct h2_seen seen;
    h2_read(&seen, buf_str(&s->out));
    assert_int_equal(h2_stream(&seen, id)->status, status);
    assert_int_equal(h2_stream(&seen, id)->reset, reset);
    assert_int_equal(seen.goaway, goaway);
    h2_seen_clear(&seen);
}

static void h2_clocks(void **state)
{
    (void)state;
    struct stage s;
    struct h2_bytes b = {0};
    stage_open_wire(&s, SIZE_MAX, &sniff_wire); /* says nothing at all */
    tick(&s, 101);
    assert_true(s.shut && s.out.len == 0);
    stage_close(&s);
    h2_open(&s, &b, SIZE_MAX); /* asks nothing */
    h2_says(&s, &b);
    tick(&s, 90);
    assert_false(s.shut);
    tick(&s, 20);
    assert_true(s.shut);
    h2_sent(&s, 1, 0, -1, NGHTTP2_NO_ERROR);
    stage_close(&s);
    h2_open(&s, &b, SIZE_MAX); /* a header block without an end; pings do not help */
    h2_frame(&b, H2_HEADERS, H2_END_STREAM, 1, "\x82", 1);
    h2_says(&s, &b);
    tick(&s, 101);
    assert_true(s.shut);
    h2_sent(&s, 1, 0, -1, NGHTTP2_PROTOCOL_ERROR);
    stage_close(&s);
    h2_open(&s, &b, SIZE_MAX); /* idle after an answer; pings do not help */
    h2_get(&b, 1, H2_GET("/x"));
    h2_says(&s, &b);
    for (int i = 0; i < 29; i++) {
        h2_frame(&b, H2_PING, 0, 0, "12345678", 8);
        h2_says(&s, &b);
        tick(&s, 10);
    }
    assert_false(s.shut);
    tick(&s, 20);
    assert_true(s.shut);
    h2_sent(&s, 1, 200, -1, NGHTTP2_NO_ERROR);
    stage_close(&s);
    h2_open(&s, &b, SIZE_MAX); /* drips a body: never idle for long, but below 1 KiB/s; the other streams go on */
    h2_headers(&b, 1, H2_POST("/x"), false);
    h2_says(&s, &b);
    for (int drops = 0; drops < 7; drops++) {
        h2_frame(&b, H2_DATA, 0, 1, "b", 1);
        h2_get(&b, (uint32_t)(2 * drops + 3), H2_GET("/x"));
        h2_says(&s, &b);
        tick(&s, 50);
    }
    assert_false(s.shut);
    h2_sent(&s, 1, 408, -1, -1);
    h2_sent(&s, 15, 200, -1, -1);
    stage_close(&s);
    free(b.p);
}

/* Each stream's window is its own clock; a socket that takes nothing is the connection's. */
static void h2_a_peer_that_does_not_read(void **state)
{
    (void)state;
    struct stage s;
    struct h2_bytes b = {0};
    h2_open(&s, &b, SIZE_MAX);
    s.answer_bytes = 100000; /* above the window of 65535 */
    h2_get(&b, 1, H2_GET("/x"));
    h2_says(&s, &b);
    tick(&s, 190);
    h2_sent(&s, 1, 200, -1, -1);
    h2_frame_u32(&b, H2_WINDOW, 1, 100); /* what moves buys time: 97 ms at 1 KiB/s */
    h2_frame_u32(&b, H2_WINDOW, 0, 100);
    h2_says(&s, &b);
    tick(&s, 90);
    h2_sent(&s, 1, 200, -1, -1);
    tick(&s, 120);
    h2_sent(&s, 1, 200, NGHTTP2_CANCEL, -1);
    assert_false(s.shut);
    stage_close(&s);
    h2_open(&s, &b, 0);
    s.answer_bytes = 60000;
    b.len = 0;
    h2_hello(&b, true);
    h2_says(&s, &b);
    for (uint32_t i = 0; i < 100; i++) {
        h2_get(&b, 2 * i + 1, H2_GET("/x"));
        h2_says(&s, &b);
    }
    assert_true(conn_out_pending(&s.conn) < LIMIT_HTTP_STREAM_WINDOW + 20000);
    assert_true(s.handled < 10 && s.conn.in.len > 0); /* the rest waits, or is not even read */
    s.accepts = SIZE_MAX;
    for (int i = 0; i < 1000 && s.conn.want_write; i++)
        conn_writable(&s.conn);
    assert_true(s.handled == 100 && s.conn.want_read);
    assert_true(s.out.len > 100 * 60000);
    stage_close(&s);
    h2_open(&s, &b, 0);
    h2_says(&s, &b);
    tick(&s, 60);
    h2_get(&b, 1, H2_GET("/x"));
    h2_says(&s, &b);
    tick(&s, 150);
    assert_true(s.closed); /* our first settings were never taken */
    stage_close(&s);
    free(b.p);
}

static void h2_partial_writes(void **state)
{
    (void)state;
    struct stage s;
    struct h2_bytes b = {0};
    h2_open(&s, &b, 1);
    s.answer_bytes = 3000;
    for (uint32_t i = 0; i < 10; i++)
        h2_get(&b, 2 * i + 1, H2_GET("/x"));
    h2_says(&s, &b);
    for (size_t k = 1; s.conn.want_write; k = k % 1000 + 1) {
        s.accepts = k;
        conn_writable(&s.conn);
    }
    static struct h2_seen seen;
    h2_read(&seen, buf_str(&s.out));
    for (uint32_t i = 0; i < 10; i++)
        assert_true(h2_stream(&seen, 2 * i + 1)->ended && h2_stream(&seen, 2 * i + 1)->body.len == 3000);
    h2_seen_clear(&seen);
    stage_close(&s);
    free(b.p);
}

static void h2_drained(void **state)
{
    (void)state;
    struct stage s;
    struct h2_bytes b = {0};
    h2_open(&s, &b, SIZE_MAX); /* idle: at once */
    h2_get(&b, 1, H2_GET("/x"));
    h2_says(&s, &b);
    conn_drain(&s.conn);
    assert_true(s.shut);
    h2_sent(&s, 1, 200, -1, NGHTTP2_NO_ERROR);
    stage_close(&s);
    h2_open(&s, &b, SIZE_MAX); /* a worker runs */
    h2_get(&b, 1, H2_GET("/pool"));
    h2_says(&s, &b);
    struct http_exchange *running = s.submitted;
    conn_drain(&s.conn);
    h2_get(&b, 3, H2_GET("/x")); /* on its way when the notice came */
    h2_says(&s, &b);
    tick(&s, LIMIT_HTTP2_GOAWAY_MS + 1);
    h2_get(&b, 5, H2_GET("/x")); /* too late */
    h2_says(&s, &b);
    assert_false(s.shut);
    exchange_run(running);
    running->done = true;
    conn_event(&s.conn, running);
    assert_true(s.shut && s.handled == 2);
    static struct h2_seen seen;
    h2_read(&seen, buf_str(&s.out));
    assert_int_equal(seen.goaways, 2);
    assert_int_equal(seen.goaway_last, 3);
    assert_true(h2_stream(&seen, 1)->ended && h2_stream(&seen, 3)->ended && !h2_stream(&seen, 5)->status);
    h2_seen_clear(&seen);
    stage_close(&s);
    free(b.p);
}

/* The peer resets or leaves while a worker has the exchange: the memory stays until it is given back. */
static void h2_broken_peer(void **state)
{
    (void)state;
    struct h2_bytes b = {0};
    for (int leaves = 0; leaves < 3; leaves++) {
        struct stage s;
        h2_open(&s, &b, SIZE_MAX);
        h2_get(&b, 1, H2_GET("/pool"));
        h2_says(&s, &b);
        struct http_exchange *ex = s.submitted;
        assert_non_null(ex);
        if (leaves != 1) {
            h2_frame_u32(&b, H2_RST, 1, NGHTTP2_CANCEL);
            h2_says(&s, &b);
        }
        if (leaves != 0)
            conn_break(&s.conn);
        assert_true(!s.gone && s.closed == (leaves != 0));
        exchange_run(ex);
        ex->done = true;
        conn_note(&s.conn, ex);
        assert_false(s.gone);
        conn_settle_noted(&s.conn);
        assert_int_equal(s.gone, leaves != 0);
        stage_close(&s);
    }
    free(b.p);
}

static void *worker(void *arg)
{
    exchange_run(arg);
    return NULL;
}

/* A handler on a thread of its own reads what this thread feeds; then one whose peer breaks off. */
static void exchange_between_threads(void **state)
{
    (void)state;
    static char piece[10000];
    for (int breaks = 0; breaks < 2; breaks++) {
        struct stage s;
        stage_open(&s, SIZE_MAX);
        says(&s, "PUT /pool-stream HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n");
        assert_null(s.submitted); /* not before a good part of the window is there */
        pthread_t t = 0;
        struct http_exchange *ex = NULL;
        for (size_t sent = 0; sent < 5000000;) {
            if (s.conn.want_read) {
                conn_feed(&s.conn, piece, sizeof piece);
                sent += sizeof piece;
            } else {
                conn_event(&s.conn, ex); /* what a post of the worker brings about */
            }
            if (s.submitted && !ex) {
                ex = s.submitted;
                t = thread_start("worker", worker, ex);
            }
            if (breaks && sent == 2000000)
                break;
        }
        if (breaks)
            conn_break(&s.conn);
        assert_non_null(ex);
        thread_join(t);
        ex->done = true;
        conn_event(&s.conn, ex);
        if (!breaks)
            assert_true(str_find(buf_str(&s.out), STR("read 5000000 OK")) != SIZE_MAX);
        assert_int_equal(s.gone, breaks);
        stage_close(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(partial_writes), cmocka_unit_test(takes_turns), cmocka_unit_test(a_peer_that_does_not_read), cmocka_unit_test(clocks), cmocka_unit_test(broken_peer),
        cmocka_unit_test(drained), cmocka_unit_test(drained_while_sending), cmocka_unit_test(exchange_between_threads),
        cmocka_unit_test(h2_clocks), cmocka_unit_test(h2_a_peer_that_does_not_read), cmocka_unit_test(h2_partial_writes), cmocka_unit_test(h2_drained), cmocka_unit_test(h2_broken_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
