/* The client against peers that answer in pieces, close, fail, or talk nonsense. Against the real server it runs in the demo. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "app/replay_client.h"
#include "base/limits.h"
#include "base/thread.h"

/* What the peer does with the requests of one connection. */
struct peer {
    int listener;
    const char *answer;   /* head of each answer up to the length; the request's body comes back */
    int close_after;      /* answers before the connection is closed; 0: never */
    size_t piece;         /* bytes per send; 0: all at once */
    int connections;
    bool seen[1000];
    pthread_t thread;
};

static bool send_all(const struct peer *p, int fd, const char *text)
{
    size_t len = strlen(text), piece = p->piece ? p->piece : len;
    for (size_t at = 0; at < len; at += piece) {
        if (send(fd, text + at, len - at < piece ? len - at : piece, MSG_NOSIGNAL) < 0)
            return false;
    }
    return true;
}

/* One request: a head, then Content-Length bytes that are the request's number. False at the end. */
static bool request_read(struct peer *p, FILE *in, int *ret_number)
{
    char line[500];
    int length = -1;
    while (fgets(line, sizeof(line), in) && strcmp(line, "\r\n") != 0) {
        if (sscanf(line, "Content-Length: %d", &length) == 1)
            continue;
    }
    if (length < 0 || length > 20 || fread(line, 1, (size_t)length, in) != (size_t)length)
        return false;
    line[length] = '\0';
    int64_t number;
    if (!str_parse_i64(str_from(line), &number) || number < 0 || number >= (int64_t)ARRAY_LEN(p->seen))
        return false;
    *ret_number = (int)number;
    p->seen[number] = true;
    return true;
}

static void *serve(void *arg)
{
    struct peer *p = arg;
    for (;;) {
        int fd = accept(p->listener, NULL, NULL), number, answers = 0;
        if (fd < 0)
            return NULL;
        p->connections++;
        FILE *in = fdopen(dup(fd), "r");
        char text[1000], body[20];
        while (request_read(p, in, &number)) {
            snprintf(body, sizeof(body), "%d", number);
            snprintf(text, sizeof(text), "%s%zu\r\n\r\n%s", p->answer, strlen(body), body);
            if (!send_all(p, fd, text) || (p->close_after && ++answers == p->close_after))
                break;
        }
        fclose(in);
        close(fd);
    }
}

static struct str peer_start(struct peer *p, struct op *op)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    p->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(p->listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(p->listener, 10), 0);
    assert_int_equal(getsockname(p->listener, (struct sockaddr *)&a, &len), 0);
    p->thread = thread_start("peer", serve, p);
    return str_from(op_printf(op, "http://127.0.0.1:%d", ntohs(a.sin_port)));
}

static void peer_stop(struct peer *p)
{
    shutdown(p->listener, SHUT_RDWR);
    close(p->listener);
    thread_join(p->thread);
}

static void number_body(void *arg, size_t index, struct buf *out)
{
    (void)arg;
    buf_addf(out, "%zu", index);
}

#define GOOD "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\ncontent-length: "

static enum err run(struct op *op, struct peer *p, size_t n, int depth, struct replay_stats *stats)
{
    struct replay_client *c;
    struct replay_target t = {.base_url = peer_start(p, op), .path = STR("/x"), .connections = 1, .depth = depth};
    assert_int_equal(replay_client_create(op, &t, &c), OK);
    enum err e = replay_client_run(op, c, n, number_body, NULL, stats);
    replay_client_destroy(c);
    peer_stop(p);
    return e;
}

static int up(void **state)
{
    struct op *op = calloc(1, sizeof(*op));
    assert_non_null(op);
    op_init(op, arena_create(LIMIT_MIB(64)));
    *state = op;
    return 0;
}

static int down(void **state)
{
    struct op *op = *state;
    arena_destroy(op->arena);
    free(op);
    return 0;
}

static void everything_is_answered(void **state)
{
    struct op *op = *state;
    static struct replay_stats stats;
    struct peer p = {.answer = GOOD};
    memset(&stats, 0, sizeof(stats));
    assert_int_equal(run(op, &p, 1000, 16, &stats), OK);
    assert_int_equal(stats.ok, 1000);
    assert_int_equal(stats.latency.n, 1000);
    assert_int_equal(p.connections, 1);
    for (int i = 0; i < 1000; i++)
        assert_true(p.seen[i]);
}

static void answers_in_pieces(void **state)
{
    struct op *op = *state;
    static struct replay_stats stats;
    struct peer p = {.answer = GOOD, .piece = 7};
    memset(&stats, 0, sizeof(stats));
    assert_int_equal(run(op, &p, 100, 8, &stats), OK);
    assert_int_equal(stats.ok, 100);
}

static void a_closed_connection_is_made_anew(void **state)
{
    struct op *op = *state;
    static struct replay_stats stats;
    struct peer p = {.answer = GOOD, .close_after = 10};
    memset(&stats, 0, sizeof(stats));
    assert_int_equal(run(op, &p, 95, 4, &stats), OK);
    assert_int_equal(stats.ok, 95);
    assert_true(stats.reconnects >= 9 && p.connections >= 10);
    for (int i = 0; i < 95; i++)
        assert_true(p.seen[i]);
}

static void failures_are_counted_and_the_first_is_kept(void **state)
{
    struct op *op = *state;
    static struct replay_stats stats;
    struct peer p = {.answer = "HTTP/1.1 400 Bad Request\r\nContent-Length: "};
    memset(&stats, 0, sizeof(stats));
    assert_int_equal(run(op, &p, 20, 1, &stats), OK);
    assert_int_equal(stats.failed, 20);
    assert_int_equal(stats.ok, 0);
    assert_string_equal(stats.first_error, "400 0");
}

static void nonsense_is_an_error(void **state)
{
    struct op *op = *state;
    static struct replay_stats stats;
    static const char *const answers[] = {
        "SSH-2.0-x ", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: ",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999", "HTTP/1.1 abc\r\nContent-Length: ",
    };
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct peer p = {.answer = answers[i]};
        assert_int_equal(run(op, &p, 2, 1, &stats), E_IO);
        assert_non_null(strstr(op->msg, "not HTTP/1.1"));
        op_clear(op);
    }
}

static void bad_targets_are_refused(void **state)
{
    struct op *op = *state;
    struct replay_client *c;
    struct replay_target t = {.base_url = STR("https://127.0.0.1"), .path = STR("/"), .connections = 1, .depth = 1};
    assert_int_equal(replay_client_create(op, &t, &c), E_INVALID);
    op_clear(op);
    t.base_url = STR("http://");
    assert_int_equal(replay_client_create(op, &t, &c), E_INVALID);
    op_clear(op);
    t.base_url = STR("http://127.0.0.1:1");
    assert_int_equal(replay_client_create(op, &t, &c), E_IO);
    op_clear(op);
    t.depth = LIMIT_HTTP_PIPELINE + 1;
    assert_int_equal(replay_client_create(op, &t, &c), E_INVALID);
    op_clear(op);
    t.depth = 1;
    t.connections = 0;
    assert_int_equal(replay_client_create(op, &t, &c), E_INVALID);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, up, down)
    const struct CMUnitTest tests[] = {
        T(everything_is_answered), T(answers_in_pieces), T(a_closed_connection_is_made_anew), T(failures_are_counted_and_the_first_is_kept),
        T(nonsense_is_an_error), T(bad_targets_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
