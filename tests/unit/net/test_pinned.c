/* test_pinned.c - URLs that must be refused, and what a real server on loopback sees of one that is not: the message, no
 * redirect followed, no proxy asked, a bounded answer. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/thread.h"
#include "base/time.h"
#include "net/pinned.h"
#include "unit/net/sock_helper.h"

static const struct str both_schemes[] = {STR_INIT("https"), STR_INIT("http")};
static const struct pinned_rules strict = {.what = "Webhook URL", .schemes = both_schemes, .scheme_count = 2};
static const struct pinned_rules https_only = {.what = "Webhook URL", .schemes = both_schemes, .scheme_count = 1};
static const struct pinned_rules loose = {.what = "Webhook URL", .schemes = both_schemes, .scheme_count = 2, .allow_private = true};

/* One connection after another: reads a request, keeps it, answers with `answer`. */
struct receiver {
    int listener, port;
    struct buf seen;
    const char *answer; /* lives as long as the thread */
    char made[256];     /* for one that is put together */
    size_t filler;      /* bytes of 'x' after it */
    int64_t pause_ms;   /* before it */
    int connections;
    pthread_t thread;
};

static void *receiver_main(void *arg)
{
    struct receiver *r = arg;
    for (;;) {
        int fd = accept(r->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        r->connections++;
        struct timeval tv = {.tv_sec = 5};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
        sock_read_until(fd, "-- end", &r->seen);
        time_sleep_ms(r->pause_ms);
        sock_puts(fd, r->answer);
        char piece[4096];
        memset(piece, 'x', sizeof piece);
        for (size_t sent = 0; sent < r->filler && sock_send(fd, piece, sizeof piece); sent += sizeof piece)
            ;
        close(fd);
    }
}

static int open_receiver(void **state)
{
    struct receiver *r = calloc(1, sizeof *r);
    buf_init(&r->seen, LIMIT_MIB(1));
    r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    assert_int_equal(bind(r->listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(r->listener, 8), 0);
    assert_int_equal(getsockname(r->listener, (struct sockaddr *)&a, &len), 0);
    r->port = ntohs(a.sin_port);
    r->answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
    r->thread = thread_start("receiver", receiver_main, r);
    *state = r;
    return 0;
}

static int close_receiver(void **state)
{
    struct receiver *r = *state;
    shutdown(r->listener, SHUT_RDWR);
    thread_join(r->thread);
    close(r->listener);
    buf_clear(&r->seen);
    free(r);
    return 0;
}

static enum err post(struct op *op, const struct receiver *r, const struct pinned_rules *rules, const char *host, struct pinned_answer *ret)
{
    static const struct str headers[] = {STR_INIT("X-One: 1"), STR_INIT("X-Two: 2")};
    struct pinned_request q = {.url = str_from(op_printf(op, "http://%s:%d/hook?a=b", host, r->port)), .content_type = STR("application/json"),
                               .body = STR("{\"a\": 1} -- end"), .headers = headers, .header_count = 2, .timeout_ms = 2000};
    return pinned_post(op, rules, &q, ret);
}

static void the_message_arrives_whole(void **state)
{
    struct receiver *r = *state;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(8));
    struct op op;
    op_init(&op, arena);
    struct pinned_answer a;
    assert_int_equal(post(&op, r, &loose, "localhost", &a), OK);
    assert_int_equal(a.status, 200);
    assert_true(str_eqc(a.body, "hello") && a.retry_after_s == -1);
    struct str seen = buf_str(&r->seen);
    assert_true(str_starts(seen, STR("POST /hook?a=b HTTP/1.1\r\n")));
    assert_true(str_find(seen, str_from(op_printf(&op, "Host: localhost:%d\r\n", r->port))) != SIZE_MAX);
    assert_true(str_find(seen, STR("X-One: 1\r\n")) != SIZE_MAX && str_find(seen, STR("X-Two: 2\r\n")) != SIZE_MAX);
    assert_true(str_find(seen, STR("Content-Type: application/json\r\n")) != SIZE_MAX);
    assert_true(str_ends(seen, STR("\r\n\r\n{\"a\": 1} -- end")));
}

static void an_allowed_network_is_enough(void **state)
{
    struct receiver *r = *state;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(8));
    struct op op;
    op_init(&op, arena);
    struct address_net net;
    struct pinned_rules rules = strict;
    struct pinned_answer a;
    assert_int_equal(address_net_parse(&op, STR("127.0.0.0/8"), &net), OK);
    rules.nets = &net;
    rules.net_count = 1;
    assert_int_equal(post(&op, r, &rules, "127.0.0.1", &a), OK);
    assert_int_equal(post(&op, r, &rules, "2130706433", &a), OK); /* the same host, written as one number */
    assert_int_equal(r->connections, 2);
    assert_int_equal(post(&op, r, &strict, "127.0.0.1", &a), E_INVALID);
    assert_int_equal(r->connections, 2);
}

static void redirects_and_proxies_are_not_followed(void **state)
{
    struct receiver *r = *state;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(8));
    struct op op;
    op_init(&op, arena);
    struct pinned_answer a;
    snprintf(r->made, sizeof r->made, "HTTP/1.1 307 Away\r\nLocation: http://127.0.0.1:%d/other\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", r->port);
    r->answer = r->made;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    assert_int_equal(post(&op, r, &loose, "127.0.0.1", &a), OK);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    assert_int_equal(a.status, 307);
    assert_int_equal(a.retry_after_s, 7);
    assert_int_equal(r->connections, 1);
}

static void answers_are_bounded(void **state)
{
    struct receiver *r = *state;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(8));
    struct op op;
    op_init(&op, arena);
    struct pinned_answer a;
    r->answer = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    r->filler = LIMIT_MIB(32);
    assert_int_equal(post(&op, r, &loose, "127.0.0.1", &a), OK);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.body.len, LIMIT_NOTIFY_ANSWER);
    r->answer = "HTTP/1.1 200 OK\r\nX-Long: ";
    assert_int_equal(post(&op, r, &loose, "127.0.0.1", &a), E_IO);
}

static void no_answer_is_no_success(void **state)
{
    struct receiver *r = *state;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(8));
    struct op op;
    op_init(&op, arena);
    struct pinned_answer a;
    r->answer = "";
    assert_int_equal(post(&op, r, &loose, "127.0.0.1", &a), E_IO);
    r->answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhell";
    assert_int_equal(post(&op, r, &loose, "127.0.0.1", &a), E_IO);
    r->pause_ms = 2500;
    assert_int_equal(post(&op, r, &loose, "127.0.0.1", &a), E_TIMEOUT);
    struct receiver nobody = {.port = 1};
    assert_int_equal(post(&op, &nobody, &loose, "127.0.0.1", &a), E_IO);
}

static void refused(const struct pinned_rules *rules, const char *url, const char *text)
{
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(8));
    struct op op;
    op_init(&op, arena);
    enum err e = pinned_check(&op, rules, str_from(url));
    if (e != E_INVALID || !op.msg || !strstr(op.msg, text))
        fail_msg("'%s': %s: %s", url, err_name(e), op.msg ? op.msg : "no text");
    struct pinned_request r = {.url = str_from(url), .content_type = STR("a/b"), .body = STR(""), .timeout_ms = 300};
    struct pinned_answer a;
    op_clear(&op);
    if (pinned_post(&op, rules, &r, &a) != E_INVALID)
        fail_msg("'%s' was sent to: %s", url, op.msg ? op.msg : "no text");
}

/* Spellings of loopback and metadata addresses that have fooled others (CVE lists of SSRF filters). */
static void every_spelling_of_a_private_host_is_refused(void **state)
{
    (void)state;
    static const char *const hosts[] = {
        "localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.1", "127.0.1", "0177.0.0.1", "0x7f.0.0.1", "0x7f000001", "2130706433",
        "017700000001", "127.0.0.1.", "0", "0.0.0.0", "10.0.0.1", "0xa.0.0.1", "169.254.169.254", "2852039166", "0xa9fea9fe",
        "192.168.1.1", "172.16.0.1", "100.64.0.1", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
        "[::ffff:a9fe:a9fe]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1]", "[fd00:ec2::254]", "[ff02::1]",
        "user:pass@127.0.0.1", "8.8.8.8@127.0.0.1", "%31%32%37.0.0.1", "\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1",
    };
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        char url[128];
        snprintf(url, sizeof url, "http://%s:8080/x", hosts[i]);
        AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(8));
        struct op op;
        op_init(&op, arena);
        if (pinned_check(&op, &strict, str_from(url)) != E_INVALID)
            fail_msg("'%s' was allowed", url);
    }
    refused(&strict, "http://localhost/", "Webhook URL must not resolve to a non-public IP address. 'localhost' resolves to ");
    refused(&strict, "http://169.254.169.254/latest/meta-data", "'169.254.169.254' resolves to 169.254.169.254.");
}

static void bad_urls_are_refused_with_their_reason(void **state)
{
    (void)state;
    refused(&https_only, "http://example.com/", "Invalid webhook URL scheme: 'http'. Allowed schemes are: https.");
    refused(&strict, "ftp://example.com/", "Invalid webhook URL scheme: 'ftp'. Allowed schemes are: https, http.");
    refused(&strict, "file:///etc/passwd", "Invalid webhook URL scheme: 'file'");
    refused(&strict, "gopher://127.0.0.1:6379/_x", "Invalid webhook URL scheme: 'gopher'");
    refused(&strict, "example.com", "Invalid webhook URL scheme: ''");
    refused(&strict, "//example.com", "Invalid webhook URL scheme: ''");
    refused(&strict, "   ", "Webhook URL cannot be empty or just whitespace");
    refused(&strict, "https://", "Webhook URL must include a hostname");
    refused(&strict, "https:///path", "");
    refused(&strict, "https://ho st/", "");
    refused(&strict, "https://a/\r\nX-Evil: 1", "");
    refused(&strict, "https://a:99999/", "");
    refused(&strict, "https://[fe80::1%25eth0]/", "network interface");
    refused(&strict, "https://\xc3\xbc.example/", "in ASCII");
    refused(&strict, "https://nobody.invalid/", "Cannot resolve Webhook URL hostname 'nobody.invalid'");
    char *big = malloc(5000);
    memset(big, 'a', 5000);
    memcpy(big, "https://", 8);
    big[4999] = 0;
    refused(&strict, big, "at most");
    free(big);
    struct pinned_rules files = {.what = "Webhook URL", .schemes = (const struct str[]){STR_INIT("file")}, .scheme_count = 1, .allow_private = true};
    refused(&files, "file:///etc/passwd", "Invalid webhook URL scheme: 'file'"); /* whatever the setting says */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_message_arrives_whole, open_receiver, close_receiver),
        cmocka_unit_test_setup_teardown(an_allowed_network_is_enough, open_receiver, close_receiver),
        cmocka_unit_test_setup_teardown(redirects_and_proxies_are_not_followed, open_receiver, close_receiver),
        cmocka_unit_test_setup_teardown(answers_are_bounded, open_receiver, close_receiver),
        cmocka_unit_test_setup_teardown(no_answer_is_no_success, open_receiver, close_receiver),
        cmocka_unit_test(every_spelling_of_a_private_host_is_refused),
        cmocka_unit_test(bad_urls_are_refused_with_their_reason),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
