/* One message over a real socket: the fields of the request, and what each answer means. tests/e2e/test_traces.py has OpenTelemetry's own messages. */
#include "unit/base/base_test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapter/otlp/otlp.h"

/* Answers one connection with `answer`, and keeps what it was sent. */
struct peer {
    int fd, port;
    const char *answer;
    char got[65536];
    size_t len;
    pthread_t thread;
};

static size_t wanted(const struct peer *p)
{
    const char *end = strstr(p->got, "\r\n\r\n"), *length = strcasestr(p->got, "content-length:");
    return end && length ? (size_t)(end - p->got) + 4 + (size_t)strtoul(length + 15, NULL, 10) : SIZE_MAX;
}

static void *serve(void *arg)
{
    struct peer *p = arg;
    int c = accept(p->fd, NULL, NULL);
    ssize_t n = 1;
    while (c >= 0 && n > 0 && p->len < wanted(p)) {
        n = read(c, p->got + p->len, sizeof p->got - 1 - p->len);
        p->len += n > 0 ? (size_t)n : 0;
    }
    n = write(c, p->answer, strlen(p->answer));
    close(c);
    return NULL;
}

static void peer_start(struct peer *p, const char *answer)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    *p = (struct peer){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .answer = answer};
    assert_true(!bind(p->fd, (struct sockaddr *)&a, len) && !listen(p->fd, 1) && !getsockname(p->fd, (struct sockaddr *)&a, &len));
    p->port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&p->thread, NULL, serve, p), 0);
}

static enum err deliver(struct fixture *f, const char *answer, bool json, struct peer *p, struct telemetry_answer *ret)
{
    static const struct otlp_pair header = {STR_INIT("x-key"), STR_INIT("secret")}, resource = {STR_INIT("service.name"), STR_INIT("test")};
    struct telemetry *t = NULL;
    struct trace *trace = trace_make(f->arena, NULL, 1, 2, 3);
    const struct trace *list = trace;
    atomic_bool stop = false;
    (void)trace_span(trace, TRACE_NONE, TRACE_SERVER, STR("s"), 1, 2);
    peer_start(p, answer);
    op_clear(&f->op);
    const struct otlp_config c = {.url = str_from(op_printf(&f->op, "http://127.0.0.1:%d/v1/traces", p->port)), .json = json, .gzip = !json, .headers = &header, .header_count = 1,
                                  .resource = &resource, .resource_count = 1};
    ASSERT_OK(&f->op, otlp_open(&f->op, &c, &t));
    enum err e = telemetry_send(&f->op, t, &list, 1, &stop, ret);
    telemetry_close(t);
    pthread_join(p->thread, NULL);
    close(p->fd);
    return e;
}

static void what_is_sent(void **state)
{
    struct fixture *f = *state;
    struct peer *p = calloc(1, sizeof *p);
    struct telemetry_answer a;
    ASSERT_OK(&f->op, deliver(f, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, p, &a));
    assert_true(!strncmp(p->got, "POST /v1/traces HTTP/1.1\r\n", 26));
    assert_non_null(strcasestr(p->got, "content-type: application/x-protobuf\r\n"));
    assert_non_null(strcasestr(p->got, "content-encoding: gzip\r\n"));
    assert_non_null(strcasestr(p->got, "x-key: secret\r\n"));
    ASSERT_OK(&f->op, deliver(f, "HTTP/1.1 200 OK\r\nContent-Length: 59\r\n\r\n{\"partialSuccess\":{\"rejectedSpans\":\"1\",\"errorMessage\":\"no\"}}", true, p, &a));
    assert_non_null(strstr(p->got, "\"resourceSpans\""));
    free(p);
}

static void what_answers_mean(void **state)
{
    struct fixture *f = *state;
    struct peer *p = calloc(1, sizeof *p);
    struct telemetry_answer a;
    assert_int_equal(deliver(f, "HTTP/1.1 503 x\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", false, p, &a), E_BUSY);
    assert_int_equal(a.retry_after_ms, 7000);
    assert_int_equal(deliver(f, "HTTP/1.1 429 x\r\nContent-Length: 0\r\n\r\n", false, p, &a), E_BUSY);
    assert_int_equal(a.retry_after_ms, -1);
    assert_int_equal(deliver(f, "HTTP/1.1 400 x\r\nContent-Length: 0\r\n\r\n", false, p, &a), E_INVALID);
    assert_int_equal(deliver(f, "HTTP/1.1 302 x\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n", false, p, &a), E_INVALID);
    assert_int_equal(deliver(f, "", false, p, &a), E_IO);
    free(p);
}

static void what_cannot_be_opened(void **state)
{
    struct fixture *f = *state;
    struct telemetry *t = NULL;
    static const struct otlp_pair bad[] = {{STR_INIT(""), STR_INIT("x")}, {STR_INIT("a:b"), STR_INIT("x")}, {STR_INIT("a"), STR_INIT("x\r\ny: z")}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(otlp_open(&f->op, &(struct otlp_config){.url = STR("http://127.0.0.1:9/"), .headers = &bad[i], .header_count = 1}, &t), E_INVALID);
        op_clear(&f->op);
    }
    assert_int_equal(otlp_open(&f->op, &(struct otlp_config){.url = STR("127.0.0.1")}, &t), E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(what_is_sent), TEST(what_answers_mean), TEST(what_cannot_be_opened)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
