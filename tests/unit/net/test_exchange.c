/* Answers that come later: a thread of the test plays the database's writer. Whatever the order of the handler's return and the
 * end of the work, and whoever has left meanwhile, each request is finished once and nothing is touched after that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/log.h"
#include "net/conn.h"
#include "net/exchange.h"
#include "net/loopback.h"
#include "net/server.h"
#include "unit/net/h2_helper.h"
#include "unit/net/sock_helper.h"

#include <signal.h>

enum { WORK_MAX = 960 };

struct work {
    struct op *op;
    void *later;
    char *text; /* in op's arena: written by the "writer" */
    bool fails;
};

struct world {
    struct arena *arena;
    struct op op;
    struct pool *pool;
    struct server *server;
    int port;
    pthread_t writer;
    struct mutex lock; /* guards what follows */
    struct cond changed;
    struct work queue[WORK_MAX];
    size_t first, last;
    bool hold, over;
    int handled, finished, failed;
};

static void *writer_main(void *arg)
{
    struct world *w = arg;
    for (;;) {
        mutex_lock(&w->lock);
        while ((w->hold || w->first == w->last) && !w->over)
            cond_wait(&w->changed, &w->lock);
        struct work group[64];
        size_t n = 0;
        while (w->first < w->last && n < ARRAY_LEN(group))
            group[n++] = w->queue[w->first++ % WORK_MAX];
        bool over = w->over && n == 0;
        mutex_unlock(&w->lock);
        for (size_t i = 0; i < n; i++) {
            struct work *k = &group[i];
            k->text[0] = 'W'; /* what is given belongs to the writer until the end */
            enum err e = k->fails ? op_fail(k->op, E_CONFLICT, "as asked") : OK;
            http_later_done(k->later, e);
        }
        if (over)
            return NULL;
    }
}

static void hand_over(struct world *w, struct work k)
{
    LOCK(&w->lock);
    assert_true(w->last - w->first < WORK_MAX);
    w->queue[w->last++ % WORK_MAX] = k;
    cond_broadcast(&w->changed);
}

static void plan(void *arg, struct op *op, struct http_req *req, struct http_res *res, struct http_plan *p)
{
    (void)arg, (void)op, (void)res, (void)req;
    p->later = true;
    p->body_max = LIMIT_MIB(1);
}

static enum err answer_text(struct op *op, struct http_req *req, struct http_res *res, void *arg)
{
    const struct work *k = arg;
    if (str_eqc(req->query, "answer-fails"))
        return op_fail(op, E_INTERNAL, "no answer");
    buf_addf(&res->body, "%s:%.*s:%zu", k->text, STR_FMT(req->query), req->body.len);
    return OK;
}

/* /later: by the writer. /now: the work is over before the handler returns. /at-once: an answer without work.
 * /slow: the handler returns long after the work is over. */
static void handle(void *arg, struct op *op, struct http_req *req, struct http_res *res)
{
    struct world *w = arg;
    mutex_lock(&w->lock);
    w->handled++;
    mutex_unlock(&w->lock);
    if (str_eqc(req->path, "/at-once")) {
        buf_add_cstr(&res->body, "at once");
        return;
    }
    struct work *k = op_new(op, struct work);
    *k = (struct work){.op = op, .text = op_printf(op, "w"), .fails = str_eqc(req->query, "fails")};
    k->later = http_later(res, answer_text, k);
    if (str_eqc(req->path, "/now")) {
        k->text[0] = 'N';
        http_later_done(k->later, k->fails ? op_fail(op, E_CONFLICT, "as asked") : OK);
        return;
    }
    bool slow = str_eqc(req->path, "/slow");
    hand_over(w, *k);
    if (slow)
        time_sleep_ms(20);
}

static void finish(void *arg, struct op *op, struct http_req *req, struct http_res *res, enum err e)
{
    (void)req;
    struct world *w = arg;
    LOCK(&w->lock);
    w->finished++;
    w->failed += e != OK;
    if (e) {
        buf_reset(&res->body);
        res->status = err_http(e);
        buf_addf(&res->body, "failed: %s", op->msg);
    }
    cond_broadcast(&w->changed);
}

static void refuse(void *arg, struct op *op, int status, const char *text, struct http_res *res)
{
    (void)arg, (void)op;
    res->status = status;
    buf_add_cstr(&res->body, text);
}

static struct http_handler handler(struct world *w)
{
    return (struct http_handler){.arg = w, .plan = plan, .handle = handle, .finish = finish, .refuse = refuse};
}

static void world_start(struct world *w, int drain_ms)
{
    *w = (struct world){.arena = arena_create(LIMIT_MIB(64)), .pool = pool_create("test", 2, 256)};
    op_init(&w->op, w->arena);
    mutex_init(&w->lock);
    cond_init(&w->changed);
    w->writer = thread_start("writer", writer_main, w);
    struct server_config c = {.host = STR("127.0.0.1"), .io_threads = 2, .pool = w->pool, .limits = {.drain_ms = drain_ms}, .handler = handler(w)};
    if (server_start(&w->op, &c, &w->server, &w->port))
        fail_msg("%s", w->op.msg);
}

static void hold(struct world *w, bool on)
{
    LOCK(&w->lock);
    w->hold = on;
    cond_broadcast(&w->changed);
}

static void await(struct world *w, const int *count, int n)
{
    LOCK(&w->lock);
    while (*count < n)
        assert_true(cond_wait_ms(&w->changed, &w->lock, 10000));
}

/* Stops the server, which waits for what the writer still holds, then the writer. */
static void world_stop(struct world *w)
{
    if (w->server)
        server_stop(w->server);
    mutex_lock(&w->lock);
    w->over = true;
    cond_broadcast(&w->changed);
    mutex_unlock(&w->lock);
    thread_join(w->writer);
    pool_destroy(w->pool);
    cond_clear(&w->changed);
    mutex_clear(&w->lock);
    arena_destroy(w->arena);
}

static void send_post(int fd, const char *target, size_t body_bytes)
{
    char head[256];
    snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n", target, body_bytes);
    char *body = calloc(1, body_bytes + 1);
    assert_true(sock_puts(fd, head) && sock_send(fd, body, body_bytes));
    free(body);
}

static void every_order_of_return_and_end(void **state UNUSED)
{
    static const struct {
        const char *target;
        size_t body_bytes;
        const char *answer;
    } cases[] = {
        {"/later?a", 3, "W:a:3"},
        {"/later?big", LIMIT_HTTP_LATER_INLINE_BYTES + 1, "W:big:65537"}, /* decoded by a worker */
        {"/now?b", 0, "N:b:0"},
        {"/now?big", LIMIT_HTTP_LATER_INLINE_BYTES + 1, "N:big:65537"},
        {"/slow?c", 1, "W:c:1"},
        {"/slow?big", LIMIT_HTTP_LATER_INLINE_BYTES + 1, "W:big:65537"},
        {"/at-once", 1, "at once"},
        {"/later?fails", 1, "failed: as asked"},
        {"/now?fails", 1, "failed: as asked"},
        {"/later?answer-fails", 1, "failed: no answer"},
    };
    struct world w;
    world_start(&w, 5000);
    int fd = sock_connect(w.port);
    struct buf b;
    buf_init(&b, LIMIT_MIB(1));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_reset(&b);
        send_post(fd, cases[i].target, cases[i].body_bytes);
        if (!sock_read_until(fd, cases[i].answer, &b))
            fail_msg("%s: %.*s", cases[i].target, STR_FMT(buf_str(&b)));
    }
    assert_int_equal(w.handled, ARRAY_LEN(cases));
    assert_int_equal(w.finished, ARRAY_LEN(cases) - 1);
    assert_int_equal(w.failed, 3);
    close(fd);
    buf_clear(&b);
    world_stop(&w);
}

static void pipelined_requests_keep_their_order(void **state UNUSED)
{
    enum { CONNECTIONS = 16, REQUESTS = 60 };
    struct world w;
    world_start(&w, 5000);
    int fds[CONNECTIONS];
    struct buf b;
    buf_init(&b, LIMIT_MIB(1));
    for (int i = 0; i < CONNECTIONS; i++) {
        fds[i] = sock_connect(w.port);
        for (int k = 0; k < REQUESTS; k++) {
            char target[64];
            snprintf(target, sizeof target, "/%s?%d-%d.", k % 7 == 3 ? "now" : "later", i, k);
            send_post(fds[i], target, 2);
        }
    }
    for (int i = 0; i < CONNECTIONS; i++) {
        char mark[64];
        snprintf(mark, sizeof mark, ":%d-%d.:2", i, REQUESTS - 1);
        buf_reset(&b);
        assert_true(sock_read_until(fds[i], mark, &b));
        struct str rest = buf_str(&b);
        for (int k = 0; k < REQUESTS; k++) {
            snprintf(mark, sizeof mark, ":%d-%d.:2", i, k);
            size_t at = str_find(rest, str_from(mark));
            if (at == SIZE_MAX)
                fail_msg("%s is missing", mark);
            rest = str_sub(rest, at + strlen(mark), SIZE_MAX);
        }
        close(fds[i]);
    }
    assert_int_equal(w.finished, CONNECTIONS * REQUESTS);
    buf_clear(&b);
    world_stop(&w);
}

/* The peer resets its connection while the writer holds its request: the request ends all the same, and only then is freed. */
static void a_peer_that_leaves_changes_nothing(void **state UNUSED)
{
    struct world w;
    world_start(&w, 5000);
    hold(&w, true);
    int fd = sock_connect(w.port);
    send_post(fd, "/later?x", 1);
    await(&w, &w.handled, 1);
    struct linger reset = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
    time_sleep_ms(50); /* the server has seen it */
    assert_int_equal(w.finished, 0);
    hold(&w, false);
    await(&w, &w.finished, 1);
    fd = sock_connect(w.port); /* the server is well */
    struct buf b;
    buf_init(&b, LIMIT_MIB(1));
    send_post(fd, "/later?y", 1);
    assert_true(sock_read_until(fd, "W:y:1", &b));
    close(fd);
    buf_clear(&b);
    world_stop(&w);
}

static void *releaser(void *arg)
{
    time_sleep_ms(400);
    hold(arg, false);
    return NULL;
}

/* A stop answers what is under way; past its time it cuts the peer off, but still waits for the writer. */
static void a_stop_waits_for_the_writer(void **state UNUSED)
{
    static const int drain_ms[] = {5000, 100};
    for (size_t i = 0; i < ARRAY_LEN(drain_ms); i++) {
        struct world w;
        world_start(&w, drain_ms[i]);
        hold(&w, true);
        int fd = sock_connect(w.port);
        send_post(fd, "/later?z", 1);
        await(&w, &w.handled, 1);
        pthread_t t = thread_start("releaser", releaser, &w);
        server_stop(w.server);
        w.server = NULL;
        assert_int_equal(w.finished, 1); /* before the stop returned */
        struct buf b;
        buf_init(&b, LIMIT_MIB(1));
        assert_true(sock_read_until(fd, NULL, &b) || i == 1);
        assert_int_equal(str_find(buf_str(&b), STR("W:z:1")) != SIZE_MAX, i == 0);
        close(fd);
        thread_join(t);
        buf_clear(&b);
        world_stop(&w);
    }
}

static void the_loopback_waits_too(void **state UNUSED)
{
    struct world w;
    world_start(&w, 5000);
    struct http_handler h = handler(&w);
    static const char text[] = "POST /later?l HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab"
                               "POST /slow?m HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na";
    struct buf b;
    buf_init(&b, LIMIT_MIB(1));
    bool closed;
    for (size_t piece = 0; piece < 3; piece++) {
        buf_reset(&b);
        assert_int_equal(loopback_exchange(&w.op, &h, str_from(text), piece, &b, &closed), OK);
        assert_true(str_find(buf_str(&b), STR("W:l:2")) != SIZE_MAX && str_find(buf_str(&b), STR("W:m:1")) != SIZE_MAX);
    }
    buf_clear(&b);
    world_stop(&w);
}

/* Reads until `n` streams have ended, and no further. */
static void read_streams(int fd, struct buf *b, int n)
{
    size_t at = 0;
    while (n > 0) {
        const uint8_t *p = (const uint8_t *)b->p + at;
        if (b->len - at >= 9 && b->len - at - 9 >= h2_u32(p) >> 8) {
            n -= (p[3] == H2_DATA || p[3] == H2_HEADERS) && (p[4] & H2_END_STREAM);
            at += 9 + (h2_u32(p) >> 8);
            continue;
        }
        char piece[4096];
        ssize_t got = recv(fd, piece, sizeof piece, 0);
        assert_true(got > 0);
        buf_add(b, piece, (size_t)got);
    }
    b->len = at;
}

/* A hundred requests of one connection wait for the writer; some are given up by the peer meanwhile. */
static void streams_wait_together(void **state UNUSED)
{
    enum { STREAMS = 100 };
    struct world w;
    world_start(&w, 5000);
    hold(&w, true);
    int fd = sock_connect(w.port);
    struct h2_bytes out = {0};
    h2_hello(&out, true);
    for (uint32_t i = 0; i < STREAMS; i++) {
        char fields[200];
        snprintf(fields, sizeof fields, H2_POST("/later?s%u"), i);
        h2_post(&out, 2 * i + 1, fields, "ab");
    }
    assert_true(sock_send(fd, out.p, out.len));
    await(&w, &w.handled, STREAMS);
    out.len = 0;
    for (uint32_t i = 0; i < STREAMS; i += 4)
        h2_frame_u32(&out, H2_RST, 2 * i + 1, NGHTTP2_CANCEL);
    h2_get(&out, 2 * STREAMS + 1, H2_GET("/at-once")); /* behind them: the resets were read */
    assert_true(sock_send(fd, out.p, out.len));
    struct buf b;
    struct h2_seen *s = calloc(1, sizeof *s);
    buf_init(&b, LIMIT_MIB(1));
    read_streams(fd, &b, 1);
    assert_int_equal(w.finished, 0);
    hold(&w, false);
    read_streams(fd, &b, STREAMS / 4 * 3 + 1);
    h2_read(s, buf_str(&b));
    for (uint32_t i = 0; i < STREAMS; i++) {
        char want[40];
        snprintf(want, sizeof want, "W:s%u:2", i);
        assert_true(str_eqc(buf_str(&h2_stream(s, 2 * i + 1)->body), i % 4 ? want : ""));
    }
    await(&w, &w.finished, STREAMS);
    close(fd);
    h2_seen_clear(s);
    free(s);
    free(out.p);
    buf_clear(&b);
    world_stop(&w);
}

/* Large buffers of spare exchanges are kept up to a sum, and given back at once when asked. */
static void large_buffers_stay_warm(void **state UNUSED)
{
    enum { N = 40 };
    struct net_env env = {0};
    struct conn c = {.env = &env};
    struct http_exchange *ex[N];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < N; i++) {
            ex[i] = exchange_get(&env, &c);
            assert_non_null(buf_reserve(&ex[i]->body, LIMIT_KIB(700)));
            assert_non_null(buf_reserve(&ex[i]->res.body, 1000));
        }
        assert_int_equal(env.warm, 0); /* all are in use */
        for (int i = 0; i < N; i++)
            exchange_put(ex[i]);
        assert_true(env.warm >= LIMIT_MIB(7) && env.warm <= LIMIT_MIB(8));
        size_t kept = 0;
        for (struct http_exchange *k = env.spare; k; k = k->next)
            kept += k->body.cap;
        assert_int_equal(kept, env.warm);
        if (round == 1)
            exchange_cool_spare(&env);
        assert_true(round != 1 || env.warm == 0);
    }
    exchange_free_spare(&env);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    log_setup(LOG_ERROR, LOG_TEXT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_order_of_return_and_end),
        cmocka_unit_test(pipelined_requests_keep_their_order),
        cmocka_unit_test(a_peer_that_leaves_changes_nothing),
        cmocka_unit_test(a_stop_waits_for_the_writer),
        cmocka_unit_test(the_loopback_waits_too),
        cmocka_unit_test(streams_wait_together),
        cmocka_unit_test(large_buffers_stay_warm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
