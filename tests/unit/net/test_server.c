/* The server over real sockets: keep-alive, deadlines, exhaustion, back-pressure, drain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/log.h"
#include "net/client.h"
#include "net/server.h"
#include "unit/net/sock_helper.h"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* /hello, /small (body at most 10), /slow (pool, 300 ms), /down (pool, streams 200 MB), /up (pool, waits for `gate`, then
 * reads all). */
struct world {
    struct arena *arena;
    struct op op;
    struct pool *pool;
    struct server *server;
    int port;
    int handled;          /* atomics */
    uint64_t streamed;
    int broken;           /* handlers that saw their peer leave */
    bool gate;
};

static void plan(void *arg, struct op *op, struct http_req *req, struct http_res *res, struct http_plan *p)
{
    (void)arg, (void)op, (void)res;
    p->pool = !str_eqc(req->path, "/hello") && !str_eqc(req->path, "/small");
    p->stream_body = str_eqc(req->path, "/up");
    p->body_max = str_eqc(req->path, "/small") ? 10 : LIMIT_MIB(512);
}

static void handle_stream(struct world *w, struct op *op, struct http_req *req, struct http_res *res)
{
    static __thread char piece[65536];
    if (str_eqc(req->path, "/down")) {
        enum err e = http_stream_begin(op, res, LIMIT_MIB(200));
        for (size_t i = 0; i < 3200 && !e; i++) {
            e = http_stream_write(op, res, piece, sizeof piece);
            __atomic_fetch_add(&w->streamed, sizeof piece, __ATOMIC_RELAXED);
        }
        if (e == E_CANCELLED)
            __atomic_fetch_add(&w->broken, 1, __ATOMIC_RELAXED);
        return;
    }
    while (!__atomic_load_n(&w->gate, __ATOMIC_RELAXED))
        time_sleep_ms(5);
    uint64_t total = 0;
    size_t n = 0;
    do {
        if (http_body_read(op, req, piece, sizeof piece, &n)) {
            __atomic_fetch_add(&w->broken, 1, __ATOMIC_RELAXED);
            res->status = 400;
            return;
        }
        total += n;
    } while (n > 0);
    buf_addf(&res->body, "%llu", (unsigned long long)total);
}

static void handle(void *arg, struct op *op, struct http_req *req, struct http_res *res)
{
    struct world *w = arg;
    __atomic_fetch_add(&w->handled, 1, __ATOMIC_RELAXED);
    if (str_eqc(req->path, "/down") || str_eqc(req->path, "/up")) {
        handle_stream(w, op, req, res);
        return;
    }
    if (str_eqc(req->path, "/slow"))
        time_sleep_ms(300);
    http_set_type(res, "text/plain");
    buf_addf(&res->body, "%.*s from %.*s", STR_FMT(req->path), STR_FMT(str_sub(req->peer, 0, 10)));
}

static void refuse(void *arg, struct op *op, int status, const char *text, struct http_res *res)
{
    (void)arg, (void)op;
    res->status = status;
    buf_add_cstr(&res->body, text);
}

static void world_start(struct world *w, struct server_limits limits, int io_threads, int workers, size_t queue)
{
    *w = (struct world){.arena = arena_create(LIMIT_MIB(64)), .pool = pool_create("test", workers, queue)};
    op_init(&w->op, w->arena);
    struct server_config c = {.host = STR("127.0.0.1"), .io_threads = io_threads, .pool = w->pool, .limits = limits,
                              .handler = {.arg = w, .plan = plan, .handle = handle, .refuse = refuse}};
    if (server_start(&w->op, &c, &w->server, &w->port))
        fail_msg("%s", w->op.msg);
}

static void world_stop(struct world *w)
{
    server_stop(w->server);
    pool_destroy(w->pool);
    arena_destroy(w->arena);
}

static struct client *client(struct world *w)
{
    struct client *c;
    struct client_config cc = {.base_url = str_from(op_printf(&w->op, "http://127.0.0.1:%d", w->port)), .timeout_ms = 10000};
    if (client_create(&w->op, &cc, &c))
        fail_msg("%s", w->op.msg);
    return c;
}

static int get(struct world *w, struct client *c, const char *path)
{
    struct client_answer a;
    if (client_call(&w->op, c, "GET", str_from(path), STR(""), (struct str){NULL, 0}, &a))
        fail_msg("%s", w->op.msg);
    return a.status;
}

static void keep_alive(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, (struct server_limits){0}, 2, 2, 16);
    struct client *c = client(&w);
    struct client_answer a;
    for (int i = 0; i < 50; i++)
        assert_int_equal(get(&w, c, i % 2 ? "/hello" : "/pooled"), 200);
    assert_int_equal(client_call(&w.op, c, "POST", STR("/hello"), STR("text/plain"), STR("x"), &a), OK);
    assert_true(str_eqc(a.body, "/hello from 127.0.0.1:") && str_eqc(a.content_type, "text/plain") && a.wall_us > 0);
    struct server_stats st;
    server_stats_get(w.server, &st);
    assert_int_equal(st.connections_total, 1);
    assert_int_equal(st.connections_now, 1);
    assert_int_equal(st.requests_total, 51);
    client_destroy(c);
    world_stop(&w);
}

/* Between open and run nobody is answered, and a server that was never run can be stopped. */
static void opened_then_run(void **state)
{
    (void)state;
    struct world w = {.arena = arena_create(LIMIT_MIB(64)), .pool = pool_create("test", 1, 4)};
    op_init(&w.op, w.arena);
    struct server_config c = {.host = STR("127.0.0.1"), .io_threads = 2, .pool = w.pool,
                              .handler = {.arg = &w, .plan = plan, .handle = handle, .refuse = refuse}};
    assert_int_equal(server_open(&w.op, &c, &w.server, &w.port), OK);
    int fd = sock_connect(w.port);
    assert_true(fd >= 0 && sock_puts(fd, "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    time_sleep_ms(50);
    assert_int_equal(__atomic_load_n(&w.handled, __ATOMIC_RELAXED), 0);
    server_run(w.server);
    struct buf b;
    buf_init(&b, LIMIT_MIB(1));
    assert_true(sock_read_until(fd, "from", &b));
    close(fd);
    buf_clear(&b);
    server_stop(w.server);
    assert_int_equal(server_open(&w.op, &c, &w.server, &w.port), OK);
    world_stop(&w);
}

static void port_in_use(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, (struct server_limits){0}, 1, 1, 4);
    struct server_config c = {.host = STR("127.0.0.1"), .port = w.port, .io_threads = 1, .pool = w.pool};
    struct server *s;
    int port;
    assert_int_equal(server_start(&w.op, &c, &s, &port), E_IO);
    assert_non_null(strstr(w.op.msg, "127.0.0.1"));
    op_clear(&w.op);
    c.host = STR("localhost");
    assert_int_equal(server_start(&w.op, &c, &s, &port), E_INVALID);
    op_clear(&w.op);
    c.host = STR("127.0.0.1");
    c.tls_cert_path = "/nonexistent";
    assert_int_equal(server_start(&w.op, &c, &s, &port), E_INVALID);
    op_clear(&w.op);
    c.tls_key_path = "/nonexistent";
    assert_int_equal(server_start(&w.op, &c, &s, &port), E_NOT_FOUND);
    world_stop(&w);
}

static void deadlines(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, (struct server_limits){.head_ms = 300, .body_idle_ms = 300, .idle_ms = 300}, 1, 2, 16);
    struct buf b;
    buf_init(&b, LIMIT_MIB(1));
    static const struct {
        const char *sends, *gets;
    } cases[] = {
        {"", ""},                                                        /* says nothing */
        {"GET /he", "HTTP/1.1 408 "},                                    /* half a head */
        {"POST /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf", "HTTP/1.1 408 "},
        {"POST /up HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe", "HTTP/1.1 408 "},
        {"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200 "}, /* then idle */
    };
    int fds[ARRAY_LEN(cases)];
    int64_t start = time_mono_ms();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        fds[i] = sock_connect(w.port);
        assert_true(fds[i] >= 0 && sock_puts(fds[i], cases[i].sends));
    }
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_reset(&b);
        assert_true(sock_read_until(fds[i], NULL, &b));
        if (!str_starts(buf_str(&b), str_from(cases[i].gets)))
            fail_msg("case %zu: %.*s", i, STR_FMT(buf_str(&b)));
        close(fds[i]);
    }
    int64_t took = time_mono_ms() - start;
    assert_true(took >= 290 && took < 3000);
    /* A peer that drips one byte at a time into its head is cut off all the same. */
    int fd = sock_connect(w.port);
    assert_true(sock_puts(fd, "GET /hello HTTP/1.1\r\nX: "));
    start = time_mono_ms();
    while (time_mono_ms() - start < 5000 && sock_puts(fd, "a"))
        time_sleep_ms(20);
    assert_true(time_mono_ms() - start < 3500);
    close(fd);
    buf_clear(&b);
    world_stop(&w);
}

/* 700 peers that are idle, half way through a head, or half way through a body; one that is served. */
static void slow_peers_disturb_nobody(void **state)
{
    (void)state;
    struct rlimit r;
    getrlimit(RLIMIT_NOFILE, &r);
    if (r.rlim_max < 1700)
        skip();
    struct rlimit more = {r.rlim_cur > 1700 ? r.rlim_cur : 1700, r.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &more), 0);
    struct world w;
    world_start(&w, (struct server_limits){0}, 2, 2, 16);
    static int fds[700];
    static const char *const says[] = {"", "GET /hel", "POST /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf",
                                       "POST /up HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf"};
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = sock_connect(w.port);
        assert_true(fds[i] >= 0 && sock_puts(fds[i], says[i % ARRAY_LEN(says)]));
    }
    struct client *c = client(&w);
    int64_t worst = 0;
    for (int i = 0; i < 300; i++) {
        int64_t t = time_mono_ms();
        assert_int_equal(get(&w, c, i % 2 ? "/hello" : "/pooled"), 200);
        t = time_mono_ms() - t;
        worst = t > worst ? t : worst;
    }
    assert_true(worst < 250); /* under ASan on a shared machine */
    struct server_stats st;
    server_stats_get(w.server, &st);
    assert_int_equal(st.connections_now, 701);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
    client_destroy(c);
    world_stop(&w);
}

static void per_peer_limit(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, (struct server_limits){.connections_per_peer = 3}, 1, 1, 4);
    int fds[4];
    for (int i = 0; i < 4; i++) {
        fds[i] = sock_connect(w.port);
        assert_true(fds[i] >= 0);
        time_sleep_ms(30);
    }
    assert_true(sock_closed_within(fds[3], 2000));
    close(fds[3]);
    close(fds[0]);
    time_sleep_ms(100);
    fds[0] = sock_connect(w.port);
    struct buf b;
    buf_init(&b, LIMIT_MIB(1));
    assert_true(sock_puts(fds[0], "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n") && sock_read_until(fds[0], "from", &b));
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    buf_clear(&b);
    world_stop(&w);
}

/* The server in a child with 64 descriptors and more peers than that. */
static void out_of_descriptors(void **state)
{
    (void)state;
    int tell[2], stop[2];
    assert_true(pipe(tell) == 0 && pipe(stop) == 0);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct rlimit r = {64, 64};
        setrlimit(RLIMIT_NOFILE, &r);
        close(stop[1]);
        log_setup(LOG_ERROR, LOG_TEXT);
        struct world w;
        world_start(&w, (struct server_limits){.head_ms = 2000}, 1, 1, 4);
        int64_t port_then_cpu = w.port;
        if (write(tell[1], &port_then_cpu, sizeof port_then_cpu) < 0)
            _exit(1);
        char c;
        if (read(stop[0], &c, 1) < 0)
            _exit(1);
        port_then_cpu = time_cpu_ns();
        struct server_stats st;
        server_stats_get(w.server, &st);
        int64_t errors = (int64_t)st.accept_errors_total;
        if (write(tell[1], &port_then_cpu, sizeof port_then_cpu) < 0 || write(tell[1], &errors, sizeof errors) < 0)
            _exit(1);
        world_stop(&w);
        _exit(0);
    }
    close(stop[0]);
    int64_t port = 0, cpu_ns = 0, errors = 0;
    assert_int_equal(read(tell[0], &port, sizeof port), sizeof port);
    int held = sock_connect((int)port); /* one that is served all along */
    struct buf b;
    buf_init(&b, LIMIT_MIB(1));
    static int fds[150];
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = sock_connect((int)port); /* the backlog takes those that are not accepted */
        assert_true(fds[i] >= 0);
        assert_true(sock_puts(fds[i], "GET /half"));
    }
    for (int i = 0; i < 20; i++) {
        buf_reset(&b);
        assert_true(sock_puts(held, "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n") && sock_read_until(held, "from", &b));
        time_sleep_ms(50);
    }
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
    /* New peers are served again. */
    int64_t start = time_mono_ms();
    int fd = sock_connect((int)port);
    buf_reset(&b);
    assert_true(sock_puts(fd, "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n") && sock_read_until(fd, "from", &b));
    assert_true(time_mono_ms() - start < 5000);
    close(fd);
    close(held);
    assert_int_equal(write(stop[1], "x", 1), 1);
    assert_int_equal(read(tell[0], &cpu_ns, sizeof cpu_ns), sizeof cpu_ns);
    assert_int_equal(read(tell[0], &errors, sizeof errors), sizeof errors);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(errors > 0);                /* it did run out */
    assert_true(errors < 200);              /* and rested in between */
    assert_true(cpu_ns < 900000000);        /* of more than a second of wall time */
    buf_clear(&b);
    close(tell[0]), close(tell[1]), close(stop[1]);
}

/* The answer to a body that is too large arrives although the peer is still sending. */
static void refused_body_is_told(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, (struct server_limits){0}, 1, 1, 4);
    struct buf b;
    buf_init(&b, LIMIT_MIB(1));
    static char piece[65536];
    int fd = sock_connect(w.port);
    assert_true(sock_puts(fd, "POST /small HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000000\r\n\r\n"));
    for (int i = 0; i < 45 && sock_send(fd, piece, sizeof piece); i++) {
    }
    assert_true(sock_read_until(fd, "\r\n\r\n", &b));
    assert_true(str_starts(buf_str(&b), STR("HTTP/1.1 413 ")));
    close(fd);
    /* An endless header: told and closed long before it ends. */
    fd = sock_connect(w.port);
    assert_true(sock_puts(fd, "GET /hello HTTP/1.1\r\nHost: localhost\r\nX: "));
    memset(piece, 'a', sizeof piece);
    size_t sent = 0;
    while (sent < (size_t)1 << 30 && sock_send(fd, piece, sizeof piece))
        sent += sizeof piece;
    assert_true(sent < (size_t)1 << 30);
    close(fd);
    fd = sock_connect(w.port);
    buf_reset(&b);
    assert_true(sock_puts(fd, "GET /hello HTTP/1.1\r\nHost: localhost\r\nX: ") && sock_send(fd, piece, sizeof piece));
    assert_true(sock_read_until(fd, "\r\n\r\n", &b));
    assert_true(str_starts(buf_str(&b), STR("HTTP/1.1 431 ")));
    close(fd);
    buf_clear(&b);
    world_stop(&w);
}

static void back_pressure(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, (struct server_limits){0}, 1, 2, 4);
    /* Download: a peer that does not read stops the handler. */
    int fd = sock_connect(w.port);
    assert_true(sock_puts(fd, "GET /down HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    uint64_t before = 1, now = 0;
    for (int i = 0; i < 100 && before != now; i++) {
        before = __atomic_load_n(&w.streamed, __ATOMIC_RELAXED);
        time_sleep_ms(200);
        now = __atomic_load_n(&w.streamed, __ATOMIC_RELAXED);
    }
    assert_true(now > 0 && now < LIMIT_MIB(64)); /* what the kernel's buffers hold */
    close(fd);                                   /* and leaving ends it */
    for (int i = 0; i < 100 && !__atomic_load_n(&w.broken, __ATOMIC_RELAXED); i++)
        time_sleep_ms(20);
    assert_int_equal(__atomic_load_n(&w.broken, __ATOMIC_RELAXED), 1);
    /* Upload: a handler that does not read stops the peer. */
    fd = sock_connect(w.port);
    assert_true(sock_puts(fd, "PUT /up HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n"));
    static char piece[65536];
    size_t sent = 0;
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    while (sent < 100000000 && poll(&p, 1, 300) > 0) {
        size_t k = 100000000 - sent < sizeof piece ? 100000000 - sent : sizeof piece;
        ssize_t n = send(fd, piece, k, MSG_DONTWAIT | MSG_NOSIGNAL);
        assert_true(n > 0 || errno == EAGAIN);
        sent += n > 0 ? (size_t)n : 0;
    }
    assert_true(sent < 64000000);
    __atomic_store_n(&w.gate, true, __ATOMIC_RELAXED);
    while (sent < 100000000) {
        size_t k = 100000000 - sent < sizeof piece ? 100000000 - sent : sizeof piece;
        assert_true(sock_send(fd, piece, k));
        sent += k;
    }
    struct buf b;
    buf_init(&b, LIMIT_MIB(1));
    assert_true(sock_read_until(fd, "\r\n\r\n100000000", &b));
    close(fd);
    buf_clear(&b);
    world_stop(&w);
}

static void full_download(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, (struct server_limits){0}, 1, 2, 4);
    int fd = sock_connect(w.port);
    assert_true(sock_puts(fd, "GET /down HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
    size_t total = 0;
    static char piece[65536];
    ssize_t n;
    while ((n = recv(fd, piece, sizeof piece, 0)) > 0)
        total += (size_t)n;
    assert_int_equal(n, 0);
    assert_true(total > LIMIT_MIB(200) && total < LIMIT_MIB(200) + 1000);
    close(fd);
    /* A peer that leaves before its upload is complete. */
    __atomic_store_n(&w.gate, true, __ATOMIC_RELAXED);
    fd = sock_connect(w.port);
    assert_true(sock_puts(fd, "PUT /up HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"));
    assert_true(sock_send(fd, piece, sizeof piece) && sock_send(fd, piece, sizeof piece) && sock_send(fd, piece, sizeof piece));
    time_sleep_ms(100);
    close(fd);
    for (int i = 0; i < 100 && !__atomic_load_n(&w.broken, __ATOMIC_RELAXED); i++)
        time_sleep_ms(20);
    assert_int_equal(__atomic_load_n(&w.broken, __ATOMIC_RELAXED), 1);
    world_stop(&w);
}

static void busy_pool(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, (struct server_limits){0}, 1, 1, 1);
    int fds[6], full = 0, served = 0;
    for (int i = 0; i < 6; i++) {
        fds[i] = sock_connect(w.port);
        assert_true(sock_puts(fds[i], "GET /slow HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
    }
    struct buf b;
    buf_init(&b, LIMIT_MIB(1));
    for (int i = 0; i < 6; i++) {
        buf_reset(&b);
        assert_true(sock_read_until(fds[i], NULL, &b));
        full += str_starts(buf_str(&b), STR("HTTP/1.1 503 "));
        served += str_starts(buf_str(&b), STR("HTTP/1.1 200 "));
        close(fds[i]);
    }
    assert_int_equal(full + served, 6);
    assert_true(full >= 3 && served >= 1);
    buf_clear(&b);
    world_stop(&w);
}

static void *stopper(void *arg)
{
    server_stop(arg);
    return NULL;
}

static void drain(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, (struct server_limits){0}, 2, 2, 16);
    int idle = sock_connect(w.port), busy = sock_connect(w.port);
    struct buf b;
    buf_init(&b, LIMIT_MIB(1));
    assert_true(sock_puts(idle, "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n") && sock_read_until(idle, "from", &b));
    assert_true(sock_puts(busy, "GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    while (__atomic_load_n(&w.handled, __ATOMIC_RELAXED) < 2)
        time_sleep_ms(5);
    pthread_t t = thread_start("stopper", stopper, w.server);
    buf_reset(&b);
    assert_true(sock_closed_within(idle, 2000));
    assert_true(sock_read_until(busy, NULL, &b));
    assert_true(str_starts(buf_str(&b), STR("HTTP/1.1 200 ")) && str_find(buf_str(&b), STR("Connection: close\r\n")) != SIZE_MAX);
    close(idle);
    close(busy);
    thread_join(t);
    assert_true(sock_connect(w.port) < 0 && errno == ECONNREFUSED);
    /* A peer that never ends its request is cut off when the time to drain is over. */
    pool_destroy(w.pool);
    arena_destroy(w.arena);
    world_start(&w, (struct server_limits){.drain_ms = 300}, 1, 2, 16);
    busy = sock_connect(w.port);
    assert_true(sock_puts(busy, "POST /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf"));
    time_sleep_ms(100);
    int64_t start = time_mono_ms();
    world_stop(&w);
    assert_true(time_mono_ms() - start < 3000);
    close(busy);
    buf_clear(&b);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    log_setup(LOG_ERROR, LOG_TEXT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(out_of_descriptors), /* first: it forks */
        cmocka_unit_test(keep_alive), cmocka_unit_test(opened_then_run), cmocka_unit_test(port_in_use), cmocka_unit_test(deadlines), cmocka_unit_test(slow_peers_disturb_nobody),
        cmocka_unit_test(per_peer_limit), cmocka_unit_test(refused_body_is_told), cmocka_unit_test(back_pressure),
        cmocka_unit_test(full_download), cmocka_unit_test(busy_pool), cmocka_unit_test(drain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
