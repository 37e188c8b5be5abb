/* http_probe.c - the HTTP server and dispatcher with a handful of routes and nothing behind them, for tests and
 * benchmarks that need real sockets: http_probe [--port N] [--io N] [--cert F --key F] [--head-ms N] [--body-ms N] [--idle-ms N]
 * [--drain-ms N] [--per-peer N]. Prints "port N" and ends on SIGTERM after a drain, then prints its counters. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/dispatch.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"

static struct dispatch *probe_dispatch;

static enum err hello(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)op, (void)s, (void)req;
    http_set_type(res, "application/json");
    buf_add_cstr(&res->body, "{\"hello\":\"world\"}");
    return OK;
}

static enum err echo(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)op, (void)s;
    http_set_type(res, "application/octet-stream");
    buf_add_str(&res->body, req->body);
    return OK;
}

static enum err slow(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct str ms = STR("500");
    int64_t n = 500;
    (void)s;
    if (http_query_get(op, req, "ms", &ms) && !str_parse_i64(ms, &n))
        return op_fail_field(op, "ms", "not a number");
    time_sleep_ms(n < 0 || n > 20000 ? 0 : n);
    buf_add_cstr(&res->body, "slept");
    return OK;
}

static enum err upload(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    static __thread char piece[65536];
    uint64_t total = 0, sum = 0;
    size_t n = 0;
    (void)s;
    for (;;) {
        enum err e = http_body_read(op, req, piece, sizeof piece, &n);
        if (e)
            return e;
        if (n == 0)
            break;
        total += n;
        for (size_t i = 0; i < n; i++)
            sum += (unsigned char)piece[i];
    }
    buf_addf(&res->body, "%llu %llu\n", (unsigned long long)total, (unsigned long long)sum);
    return OK;
}

static enum err download(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    static __thread char piece[65536];
    struct str text;
    uint64_t n = 1000000;
    bool chunked = http_query_get(op, req, "chunked", &text);
    (void)s;
    if (http_query_get(op, req, "n", &text) && !str_parse_u64(text, &n))
        return op_fail_field(op, "n", "not a number");
    enum err e = http_stream_begin(op, res, chunked ? UINT64_MAX : n);
    for (uint64_t at = 0; at < n && !e;) {
        size_t k = n - at < sizeof piece ? (size_t)(n - at) : sizeof piece;
        for (size_t i = 0; i < k; i++)
            piece[i] = (char)('a' + (at + i) % 26);
        e = http_stream_write(op, res, piece, k);
        at += k;
    }
    return e;
}

/* Both ways: every piece that comes goes back at once; the number of pieces follows as a trailer. */
static enum err call(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    static __thread char piece[65536];
    size_t n = 0, pieces = 0;
    (void)s;
    http_set_type(res, "application/octet-stream");
    enum err e = http_stream_begin(op, res, UINT64_MAX);
    while (!e && !(e = http_body_read(op, req, piece, sizeof piece, &n)) && n > 0) {
        pieces++;
        e = http_stream_write(op, res, piece, n);
    }
    http_set_trailer(res, "x-pieces", str_from(op_printf(op, "%zu", pieces)));
    return e;
}

static enum err metrics(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)op, (void)s, (void)req;
    http_set_type(res, "text/plain");
    dispatch_metrics(probe_dispatch, &res->body);
    return OK;
}

static enum err broken(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)op, (void)s, (void)req, (void)res;
    return E_IO; /* without a text: the dispatcher must cope */
}

static const struct route rows[] = {
    {"GET", "/hello", hello, PERM_PUBLIC, ROUTE_INLINE, 0, "Fixed answer on the I/O thread."},
    {"GET", "/pool", hello, PERM_READ, ROUTE_POOL, 0, "Fixed answer from a worker."},
    {"POST", "/echo", echo, PERM_INFER, ROUTE_INLINE | ROUTE_WRITES | ROUTE_ANY_TYPE, 0, "The body back."},
    {"POST", "/json", echo, PERM_INFER, ROUTE_INLINE | ROUTE_WRITES, 1000, "The body back, JSON only."},
    {"GET", "/slow", slow, PERM_READ, ROUTE_POOL, 0, "Sleeps."},
    {"PUT", "/upload/{name*}", upload, PERM_RUN_WRITE, ROUTE_POOL | ROUTE_STREAM_BODY | ROUTE_WRITES | ROUTE_ANY_TYPE, (size_t)4 << 30, "Sums the body's bytes."},
    {"GET", "/download", download, PERM_READ, ROUTE_POOL, 0, "n bytes."},
    {"POST", "/call", call, PERM_INFER, ROUTE_POOL | ROUTE_STREAM_BODY | ROUTE_DUPLEX | ROUTE_WRITES | ROUTE_ANY_TYPE, (size_t)4 << 30, "Every piece back as it comes."},
    {"GET", "/metrics", metrics, PERM_PUBLIC, ROUTE_INLINE, 0, "Counters."},
    {"GET", "/broken", broken, PERM_READ, ROUTE_INLINE, 0, "Fails without a reason."},
};
static const struct route_table table = {.dialect = "probe", .rows = rows, .len = ARRAY_LEN(rows), .error = NULL};

/* On loopback everyone is "local" with all permissions, as the server's default is. */
static enum err check(void *arg, struct op *op, struct str token, bool peer_loopback, struct actor *ret)
{
    (void)arg;
    if (!peer_loopback || str_eqc(token, "bad"))
        return op_fail(op, E_UNAUTHENTICATED, "the token is not valid");
    *ret = (struct actor){.name = STR("local"), .perms = UINT32_MAX};
    return OK;
}

static int option(int argc, char **argv, const char *name, int dflt)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0)
            return (int)strtol(argv[i + 1], NULL, 10);
    }
    return dflt;
}

static const char *text_option(int argc, char **argv, const char *name)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    }
    return NULL;
}

int main(int argc, char **argv)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    log_setup(LOG_WARN, LOG_TEXT);
    struct arena *arena = arena_create(LIMIT_MIB(16));
    struct op op;
    op_init(&op, arena);
    const struct route_table *const tables[] = {&table, NULL};
    struct dispatch_config dc = {.tables = tables, .auth = {.check = check}};
    if (dispatch_create(&op, &dc, &probe_dispatch)) {
        fprintf(stderr, "http_probe: %s\n", op.msg);
        return 1;
    }
    struct pool *pool = pool_create("probe", option(argc, argv, "--workers", 4), LIMIT_POOL_QUEUE);
    struct server_config sc = {
        .host = STR("127.0.0.1"), .port = option(argc, argv, "--port", 0), .io_threads = option(argc, argv, "--io", 1), .pool = pool,
        .tls_cert_path = text_option(argc, argv, "--cert"), .tls_key_path = text_option(argc, argv, "--key"),
        .limits = {.head_ms = option(argc, argv, "--head-ms", 0), .body_idle_ms = option(argc, argv, "--body-ms", 0), .idle_ms = option(argc, argv, "--idle-ms", 0),
                   .drain_ms = option(argc, argv, "--drain-ms", 0), .connections_per_peer = option(argc, argv, "--per-peer", 0)},
        .handler = dispatch_handler(probe_dispatch),
    };
    struct server *server = NULL;
    int port = 0, sig = 0;
    if (server_start(&op, &sc, &server, &port)) {
        fprintf(stderr, "http_probe: %s\n", op.msg);
        return 1;
    }
    printf("port %d\n", port);
    fflush(stdout);
    sigwait(&set, &sig);
    struct server_stats st;
    server_stats_get(server, &st);
    server_stop(server);
    pool_destroy(pool);
    printf("connections %llu requests %llu refused %llu accept_errors %llu cpu_us %lld\n", (unsigned long long)st.connections_total,
           (unsigned long long)st.requests_total, (unsigned long long)st.refused_total, (unsigned long long)st.accept_errors_total,
           (long long)(time_cpu_ns() / 1000));
    dispatch_destroy(probe_dispatch);
    arena_destroy(arena);
    return 0;
}
