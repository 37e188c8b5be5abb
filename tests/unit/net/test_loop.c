/* One loop by itself: answers of many workers through its queue, over more connections than workers, and its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"
#include "net/loop.h"
#include "unit/net/sock_helper.h"

static void plan(void *arg, struct op *op, struct http_req *req, struct http_res *res, struct http_plan *p)
{
    (void)arg, (void)op, (void)res, (void)req;
    p->pool = true;
}
static void handle(void *arg, struct op *op, struct http_req *req, struct http_res *res)
{
    (void)arg;
    static const char page[3000] = "page";
    if (!str_eqc(req->path, "/stream")) {
        buf_addf(&res->body, "<%.*s>", STR_FMT(req->query));
        return;
    }
    if (http_stream_begin(op, res, UINT64_MAX))
        return;
    for (int i = 0; i < 20; i++) {
        if (http_stream_write(op, res, page, sizeof page))
            return;
    }
    char tail[64];
    int n = snprintf(tail, sizeof tail, "<%.*s>", STR_FMT(req->query));
    if (http_stream_write(op, res, tail, (size_t)n))
        return;
}
static void refuse(void *arg, struct op *op, int status, const char *text, struct http_res *res)
{
    (void)arg, (void)op, (void)text;
    res->status = status;
}

static void many_workers(void **state)
{
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    assert_true(bind(fd, (struct sockaddr *)&a, len) == 0 && listen(fd, 100) == 0 && getsockname(fd, (struct sockaddr *)&a, &len) == 0);
    struct pool *pool = pool_create("loop", 4, 256);
    struct loop_config c = {.limits = {.head_ms = 5000, .body_idle_ms = 5000, .idle_ms = 5000, .drain_ms = 5000, .connections = 100, .connections_per_peer = 100},
                            .handler = {.plan = plan, .handle = handle, .refuse = refuse}, .pool = pool, .peers = peers_create(100, 100), .take_listen_fd = fd};
    struct loop *l = loop_create(&c);
    loop_run(l);
    enum { CONNECTIONS = 20, REQUESTS = 40 };
    int fds[CONNECTIONS];
    struct buf b;
    buf_init(&b, LIMIT_MIB(16));
    for (int i = 0; i < CONNECTIONS; i++) {
        fds[i] = sock_connect(ntohs(a.sin_port));
        for (int k = 0; k < REQUESTS; k++) { /* all of them pipelined */
            char text[128];
            snprintf(text, sizeof text, "GET /%s?%d-%d HTTP/1.1\r\nHost: a\r\n\r\n", k % 5 == 0 ? "stream" : "x", i, k);
            assert_true(sock_puts(fds[i], text));
        }
    }
    for (int i = 0; i < CONNECTIONS; i++) {
        char last[32];
        snprintf(last, sizeof last, "<%d-%d>", i, REQUESTS - 1);
        buf_reset(&b);
        assert_true(sock_read_until(fds[i], last, &b));
        struct str rest = buf_str(&b);
        for (int k = 0; k < REQUESTS; k++) { /* in order, none twice */
            char mark[32];
            snprintf(mark, sizeof mark, "<%d-%d>", i, k);
            size_t at = str_find(rest, str_from(mark));
            if (at == SIZE_MAX)
                fail_msg("%s is missing", mark);
            rest = str_sub(rest, at + strlen(mark), SIZE_MAX);
        }
    }
    struct server_stats st = {0};
    loop_stats_add(l, &st);
    assert_int_equal(st.requests_total, CONNECTIONS * REQUESTS);
    assert_int_equal(st.connections_total, CONNECTIONS);
    loop_stop(l);
    loop_join(l);
    assert_int_equal(peers_total(c.peers), 0); /* idle connections were closed by the drain */
    for (int i = 0; i < CONNECTIONS; i++)
        close(fds[i]);
    buf_clear(&b);
    pool_destroy(pool);
    peers_destroy(c.peers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(many_workers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
