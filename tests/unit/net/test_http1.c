/* Framing of HTTP/1.1 over the loopback: every refused form, every accepted form, whole and byte by byte. */
#include "loop_helper.h"

#include "net/gzip.h"

#define H "Host: localhost\r\n"

static const size_t pieces[] = {0, 1, 2, 3, 7, 64};

static void talk_all(struct talk *t, const char *bytes, size_t piece)
{
    talk_raw(t, bytes, strlen(bytes), piece);
}

/* One status line that starts the output, a number of answers, and whether the connection was closed. */
static void expect_at(const char *file, int line, struct talk *t, size_t piece, const char *bytes, int status, int answers, bool closed)
{
    char first[32];
    snprintf(first, sizeof first, "HTTP/1.1 %d ", status);
    if (!str_starts(buf_str(&t->out), str_from(first)) || count_of(&t->out, "HTTP/1.1 ") != answers || t->closed != closed) {
        print_error("%s:%d: piece %zu, request:\n%s\nanswer (closed %d, want %d; want %d x%d):\n%.*s\n", file, line, piece, bytes, t->closed, closed,
                    status, answers, STR_FMT(str_sub(buf_str(&t->out), 0, 2000)));
        fail();
    }
}
#define EXPECT(bytes, status, answers, closed)                                                     \
    do {                                                                                           \
        for (size_t k_ = 0; k_ < ARRAY_LEN(pieces); k_++) {                                        \
            talk_all(&t, bytes, pieces[k_]);                                                       \
            expect_at(__FILE__, __LINE__, &t, pieces[k_], bytes, status, answers, closed);         \
        }                                                                                          \
    } while (0)

/* Everything that two servers could read differently. */
static const char *const bad[] = {
    "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "POST /echo HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\nhello",
    "POST /echo HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\nhello",
    "POST /echo HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\nhello",
    "POST /echo HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\nhello",
    "POST /echo HTTP/1.1\r\n" H "Content-Length: 5 5\r\n\r\nhello",
    "POST /echo HTTP/1.1\r\n" H "Content-Length:\r\n\r\n",
    "POST /echo HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\nhello",
    "POST /echo HTTP/1.1\r\n" H "Content-Length: 18446744073709551617\r\n\r\nhello",
    "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n",
    "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
    "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding:\x0b" "chunked\r\n\r\n0\r\n\r\n",
    "POST /echo HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n",
    "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n 5\r\nhello\r\n0\r\n\r\n",
    "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
    "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
    "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n-1\r\nhello\r\n0\r\n\r\n",
    "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
    "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n",
    "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n",
    "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5;a\nb\r\nhello\r\n0\r\n\r\n",
    "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\nBad Trailer: x\r\n\r\n",
    "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "GET /echo HTTP/1.1\nHost: localhost\n\n",
    "GET /echo HTTP/1.1\r\nHost: localhost\n\r\n",
    "GET /echo HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n",
    "GET /echo HTTP/1.1\r\nHost: localhost\r\r\n\r\n",
    "GET /echo HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n",
    "GET /echo HTTP/1.1\r\n" H "\tX: a\r\n\r\n",
    "GET /echo HTTP/1.1\r\n X: a\r\n" H "\r\n",
    "GET /echo HTTP/1.1\r\n" H ": empty\r\n\r\n",
    "GET /echo HTTP/1.1\r\n" H "X Y: a\r\n\r\n",
    "GET /echo HTTP/1.1\r\n" H "X : a\r\n\r\n",
    "GET /echo HTTP/1.1\r\n" H "no colon\r\n\r\n",
    "GET /echo HTTP/1.1\r\n" H "X: a\x01" "b\r\n\r\n",
    "GET /echo HTTP/1.1\r\n" H "X\x7f: ab\r\n\r\n",
    "GET /echo HTTP/1.1\r\n\r\n",
    "GET /echo HTTP/1.0\r\n\r\n",
    "GET /echo HTTP/1.1\r\n" H H "\r\n",
    "GET /echo HTTP/1.1\r\nHost:\r\n\r\n",
    "GET /echo HTTP/1.1\r\nHost: a b\r\n\r\n",
    "GET /echo HTTP/1.1\r\nHost: a,b\r\n\r\n",
    "GET /echo HTTP/1.1\r\nHost: u@localhost\r\n\r\n",
    "GET /echo HTTP/1.1\r\nHost: localhost/x\r\n\r\n",
    "GET /echo HTTP/1.1\r\nHost: localhost:\r\n\r\n",
    "GET /echo HTTP/1.1\r\nHost: localhost:99999\r\n\r\n",
    "GET /echo HTTP/1.1\r\nHost: localhost:1:2\r\n\r\n",
    "GET /echo HTTP/1.1\r\nHost: [::1\r\n\r\n",
    "GET /echo HTTP/1.1\r\nHost: [zz]\r\n\r\n",
    "GET /echo\r\n",
    "GET /echo\r\n" H "\r\n",
    "GET /echo HTTP/2.0\r\n" H "\r\n",
    "GET /echo HTTP/0.9\r\n" H "\r\n",
    "GET /echo HTTP/1.2\r\n" H "\r\n",
    "GET /echo HTTP/1.10\r\n" H "\r\n",
    "GET /echo http/1.1\r\n" H "\r\n",
    "GET /echo HTTP/1.1 \r\n" H "\r\n",
    "GET  /echo HTTP/1.1\r\n" H "\r\n",
    "GET /echo  HTTP/1.1\r\n" H "\r\n",
    "GET /ec ho HTTP/1.1\r\n" H "\r\n",
    "GET\t/echo HTTP/1.1\r\n" H "\r\n",
    " GET /echo HTTP/1.1\r\n" H "\r\n",
    "\r\n\r\nGET /echo HTTP/1.1\r\n" H "\r\n",
    "\nGET /echo HTTP/1.1\r\n" H "\r\n",
    "get /echo HTTP/1.1\r\n" H "\r\n",
    "G@T /echo HTTP/1.1\r\n" H "\r\n",
    "FOO /echo HTTP/1.1\r\n" H "\r\n",
    "CONNECT localhost:80 HTTP/1.1\r\n" H "\r\n",
    "\x16\x03\x01\x02",
    "GET echo HTTP/1.1\r\n" H "\r\n",
    "GET * HTTP/1.1\r\n" H "\r\n",
    "GET http://other/echo HTTP/1.1\r\n" H "\r\n",
    "GET ftp://localhost/echo HTTP/1.1\r\n" H "\r\n",
    "GET /e\x80 HTTP/1.1\r\n" H "\r\n",
    "GET /echo#frag HTTP/1.1\r\n" H "\r\n",
    "GET /e%00 HTTP/1.1\r\n" H "\r\n",
    "GET /e%0a HTTP/1.1\r\n" H "\r\n",
    "GET /e%7f HTTP/1.1\r\n" H "\r\n",
    "GET /e%zz HTTP/1.1\r\n" H "\r\n",
    "GET /e% HTTP/1.1\r\n" H "\r\n",
    "GET /e%2 HTTP/1.1\r\n" H "\r\n",
    "GET /e%ff HTTP/1.1\r\n" H "\r\n",
    "GET /a/../b HTTP/1.1\r\n" H "\r\n",
    "GET /a/.. HTTP/1.1\r\n" H "\r\n",
    "GET /./a HTTP/1.1\r\n" H "\r\n",
    "GET /%2e%2e/a HTTP/1.1\r\n" H "\r\n",
    "GET /..%2fa HTTP/1.1\r\n" H "\r\n",
    "GET /%252e%252e%252fa HTTP/1.1\r\n" H "\r\n",
    "GET /%252E HTTP/1.1\r\n" H "\r\n",
    "GET /a%252Fb HTTP/1.1\r\n" H "\r\n",
    "GET /..;/a HTTP/1.1\r\n" H "\r\n",
    "GET /..;x=1/a HTTP/1.1\r\n" H "\r\n",
    "GET /a\\b HTTP/1.1\r\n" H "\r\n",
    "GET /a%5cb HTTP/1.1\r\n" H "\r\n",
    "GET /a%255cb HTTP/1.1\r\n" H "\r\n",
    "GET //a HTTP/1.1\r\n" H "\r\n",
    "GET /a//b HTTP/1.1\r\n" H "\r\n",
    "GET /a/%2fb HTTP/1.1\r\n" H "\r\n",
    "GET /a// HTTP/1.1\r\n" H "\r\n",
};

/* 400 and close, and nothing behind it is answered. */
static void refused_framing(void **state)
{
    (void)state;
    struct talk t = {0};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        EXPECT(bad[i], 400, 1, true);
        /* A request behind it is never seen. */
        char two[1024];
        snprintf(two, sizeof two, "%sGET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n", bad[i]);
        EXPECT(two, 400, 1, true);
        assert_int_equal(t.seen.refused, 1);
    }
    talk_end(&t);
}

static void refused_nul(void **state)
{
    (void)state;
    struct talk t = {0};
    static const char nul_line[] = "GET /e\0cho HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static const char nul_value[] = "GET /echo HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n";
    static const char nul_name[] = "GET /echo HTTP/1.1\r\nHost: localhost\r\nX\0: a\r\n\r\n";
    for (size_t piece = 0; piece < 4; piece++) {
        talk_raw(&t, nul_line, sizeof nul_line - 1, piece);
        expect_at(__FILE__, __LINE__, &t, piece, "nul line", 400, 1, true);
        talk_raw(&t, nul_value, sizeof nul_value - 1, piece);
        expect_at(__FILE__, __LINE__, &t, piece, "nul value", 400, 1, true);
        talk_raw(&t, nul_name, sizeof nul_name - 1, piece);
        expect_at(__FILE__, __LINE__, &t, piece, "nul name", 400, 1, true);
    }
    talk_end(&t);
}

static void accepted(void **state)
{
    (void)state;
    struct talk t = {0};
    EXPECT("GET /echo HTTP/1.1\r\n" H "\r\n", 200, 1, false);
    EXPECT("\r\nGET /echo HTTP/1.1\r\n" H "\r\n", 200, 1, false);
    EXPECT("GET /echo HTTP/1.1\r\nHOST: LocalHost:5000\r\n\r\n", 200, 1, false);
    assert_string_equal(t.seen.last_host, "LocalHost:5000");
    EXPECT("GET /echo HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 200, 1, false);
    EXPECT("GET http://localhost/echo?x=1 HTTP/1.1\r\n" H "\r\n", 200, 1, false);
    assert_string_equal(t.seen.last_path, "/echo");
    assert_string_equal(t.seen.last_query, "x=1");
    EXPECT("GET /a%20b/%C3%A9%25/?q=%2e%2e HTTP/1.1\r\n" H "\r\n", 200, 1, false);
    assert_string_equal(t.seen.last_path, "/a b/\xc3\xa9%/");
    assert_string_equal(t.seen.last_query, "q=%2e%2e");
    EXPECT("GET /.hidden/..x/a..b HTTP/1.1\r\n" H "\r\n", 200, 1, false);
    EXPECT("GET / HTTP/1.1\r\n" H "\r\n", 200, 1, false);
    EXPECT("GET /?a=b?c=d HTTP/1.1\r\n" H "\r\n", 200, 1, false);
    EXPECT("OPTIONS * HTTP/1.1\r\n" H "\r\n", 200, 1, false);
    EXPECT("GET /echo HTTP/1.1\r\n" H "X:\r\nY: \t a \t\r\n\r\n", 200, 1, false);
    EXPECT("GET /echo HTTP/1.1\r\n" H "Connection: close\r\n\r\n", 200, 1, true);
    EXPECT("GET /echo HTTP/1.0\r\n" H "\r\n", 200, 1, true);
    EXPECT("GET /echo HTTP/1.0\r\n" H "Connection: keep-alive\r\n\r\n", 200, 1, false);
    EXPECT("GET /echo HTTP/1.1\r\n" H "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", 200, 1, false);
    EXPECT("PROPFIND /echo HTTP/1.1\r\n" H "\r\n", 200, 1, false);
    EXPECT("POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello", 200, 1, false);
    assert_string_equal(t.seen.last_body, "hello");
    EXPECT("POST /echo HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", 200, 1, false);
    EXPECT("POST /pool HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello", 200, 1, false);
    assert_non_null(strstr(t.out.p, "\r\n\r\nhello"));
    EXPECT("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=\"y\"\r\n, 10 bytes\r\n0\r\nT: v\r\n\r\n", 200, 1, false);
    assert_string_equal(t.seen.last_body, "hello, 10 bytes");
    EXPECT("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", 200, 1, false);
    assert_int_equal(t.seen.last_body_len, 0);
    talk_end(&t);
}

static void answer_forms(void **state)
{
    (void)state;
    struct talk t = {0};
    talk_all(&t, "HEAD /big HTTP/1.1\r\n" H "\r\n", 0);
    assert_non_null(strstr(t.out.p, "Content-Length: 300000\r\n"));
    assert_true(str_ends(buf_str(&t.out), STR("\r\n\r\n")));
    assert_int_equal(count_of(&t.out, "\r\n\r\n"), 1);
    talk_all(&t, "GET /empty HTTP/1.1\r\n" H "\r\n", 0);
    assert_true(str_starts(buf_str(&t.out), STR("HTTP/1.1 204 No Content\r\n")));
    assert_null(strstr(t.out.p, "Content-Length"));
    talk_all(&t, "GET /echo HTTP/1.1\r\n" H "\r\n", 0);
    assert_non_null(strstr(t.out.p, "\r\nDate: "));
    assert_non_null(strstr(t.out.p, " GMT\r\n"));
    assert_non_null(strstr(t.out.p, "Content-Length: 0\r\n"));
    talk_end(&t);
}

static void pipelining(void **state)
{
    (void)state;
    struct talk t = {0};
    EXPECT("GET /echo HTTP/1.1\r\n" H "\r\nPOST /pool HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\none"
           "POST /stream HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n"
           "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\nConnection: close\r\n\r\nthree"
           "GET /echo HTTP/1.1\r\n" H "\r\n", 200, 4, true);
    const char *one = strstr(t.out.p, "\r\n\r\none"), *two = strstr(t.out.p, "3\r\ntwo\r\n0\r\n\r\n"), *three = strstr(t.out.p, "\r\n\r\nthree");
    assert_true(one && two && three && one < two && two < three);
    /* More answers than fit the window: all of them come, in order. */
    struct buf many;
    buf_init(&many, LIMIT_MIB(1));
    for (int i = 0; i < 20; i++)
        buf_add_cstr(&many, i % 3 == 0 ? "GET /big HTTP/1.1\r\n" H "\r\n" : "GET /echo HTTP/1.1\r\n" H "\r\n");
    for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
        talk_raw(&t, many.p, many.len, pieces[k]);
        assert_int_equal(count_of(&t.out, "HTTP/1.1 200 OK\r\n"), 20);
        assert_false(t.closed);
    }
    buf_clear(&many);
    talk_end(&t);
}

static void expect_continue(void **state)
{
    (void)state;
    struct talk t = {0};
    talk_all(&t, "POST /echo HTTP/1.1\r\n" H "Content-Length: 2\r\nExpect: 100-continue\r\n\r\nok", 1);
    assert_true(str_starts(buf_str(&t.out), STR("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")));
    /* The body is there already. */
    talk_all(&t, "POST /echo HTTP/1.1\r\n" H "Content-Length: 2\r\nExpect: 100-continue\r\n\r\nok", 0);
    assert_true(str_starts(buf_str(&t.out), STR("HTTP/1.1 200 OK\r\n")));
    /* Refused before the body: no 100, and the connection ends. */
    talk_all(&t, "POST /reject HTTP/1.1\r\n" H "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n", 1);
    assert_true(str_starts(buf_str(&t.out), STR("HTTP/1.1 403 ")));
    assert_true(t.closed);
    EXPECT("POST /echo HTTP/1.1\r\n" H "Content-Length: 2\r\nExpect: 200-ok\r\n\r\nok", 417, 1, true);
    EXPECT("POST /small HTTP/1.1\r\n" H "Content-Length: 11\r\nExpect: 100-continue\r\n\r\n", 413, 1, true);
    talk_end(&t);
}

static void limits(void **state)
{
    (void)state;
    struct talk t = {0};
    EXPECT("POST /small HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\n0123456789", 200, 1, false);
    EXPECT("POST /small HTTP/1.1\r\n" H "Content-Length: 11\r\n\r\n0123456789a", 413, 1, true);
    EXPECT("POST /small HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n9\r\n123456789\r\n2\r\nab\r\n0\r\n\r\n", 413, 1, true);
    /* A refused request with a small body keeps the connection, with a large one it does not. */
    EXPECT("POST /reject HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhelloGET /echo HTTP/1.1\r\n" H "\r\n", 403, 2, false);
    EXPECT("POST /reject HTTP/1.1\r\n" H "Content-Length: 500000\r\n\r\nhello", 403, 1, true);
    struct buf b;
    buf_init(&b, LIMIT_MIB(64));
    buf_add_cstr(&b, "GET /");
    for (size_t i = 0; i < LIMIT_HTTP_TARGET_BYTES; i++)
        buf_add_char(&b, 'a');
    buf_add_cstr(&b, " HTTP/1.1\r\n" H "\r\n");
    talk_raw(&t, b.p, b.len, 0);
    expect_at(__FILE__, __LINE__, &t, 0, "long target", 414, 1, true);
    talk_raw(&t, b.p, b.len, 100);
    expect_at(__FILE__, __LINE__, &t, 100, "long target", 414, 1, true);
    buf_reset(&b);
    buf_add_cstr(&b, "GET /echo HTTP/1.1\r\n" H);
    for (int i = 0; i < LIMIT_HTTP_HEADERS; i++)
        buf_addf(&b, "X%d: y\r\n", i);
    buf_add_cstr(&b, "\r\n");
    talk_raw(&t, b.p, b.len, 0);
    expect_at(__FILE__, __LINE__, &t, 0, "101 headers", 431, 1, true);
    buf_reset(&b);
    buf_add_cstr(&b, "GET /echo HTTP/1.1\r\n" H "X: ");
    for (size_t i = 0; i < LIMIT_MIB(8); i++) /* the start of a 1 GB header */
        buf_add_char(&b, 'a');
    talk_raw(&t, b.p, b.len, 0);
    expect_at(__FILE__, __LINE__, &t, 0, "endless header", 431, 1, true);
    buf_reset(&b);
    buf_add_cstr(&b, "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i <= LIMIT_HTTP_CHUNKS; i++)
        buf_add_cstr(&b, "1\r\na\r\n");
    talk_raw(&t, b.p, b.len, 0);
    expect_at(__FILE__, __LINE__, &t, 0, "65537 chunks", 413, 1, true);
    buf_reset(&b);
    buf_add_cstr(&b, "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5;x=");
    for (size_t i = 0; i < LIMIT_MIB(1); i++)
        buf_add_char(&b, 'a');
    talk_raw(&t, b.p, b.len, 0);
    expect_at(__FILE__, __LINE__, &t, 0, "endless extension", 431, 1, true);
    buf_reset(&b);
    buf_add_cstr(&b, "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n");
    for (size_t i = 0; i < LIMIT_MIB(1); i++)
        buf_add_char(&b, '0');
    talk_raw(&t, b.p, b.len, 0);
    expect_at(__FILE__, __LINE__, &t, 0, "endless zeros of a chunk's size", 431, 1, true);
    buf_clear(&b);
    talk_end(&t);
}

static void gzip_both_ways(void **state)
{
    (void)state;
    struct talk t = {0};
    talk_all(&t, "GET /text HTTP/1.1\r\n" H "Accept-Encoding: br, gzip;q=0.5\r\n\r\n", 0);
    assert_non_null(strstr(t.out.p, "Content-Encoding: gzip\r\n"));
    assert_non_null(strstr(t.out.p, "Vary: Accept-Encoding\r\n"));
    assert_true(t.out.len < 1000);
    talk_all(&t, "GET /text HTTP/1.1\r\n" H "Accept-Encoding: gzip;q=0\r\n\r\n", 0);
    assert_null(strstr(t.out.p, "Content-Encoding"));
    assert_true(t.out.len > 5000);
    struct buf packed, b;
    buf_init(&packed, LIMIT_MIB(16));
    buf_init(&b, LIMIT_MIB(16));
    assert_true(gzip_pack(STR("squeezed body"), &packed));
    buf_addf(&b, "POST /echo HTTP/1.1\r\n" H "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", packed.len);
    buf_add(&b, packed.p, packed.len);
    for (size_t piece = 0; piece < 3; piece++) {
        talk_raw(&t, b.p, b.len, piece);
        expect_at(__FILE__, __LINE__, &t, piece, "gzip body", 200, 1, false);
        assert_string_equal(t.seen.last_body, "squeezed body");
    }
    static const char zlib_form[] = "\x78\x9c\x2b\x2e\x2c\x4d\x4d\xad\x4a\x4d\x51\x48\xca\x4f\xa9\x04\x00\x25\x57\x05\x35";
    struct buf zlib;
    buf_init(&zlib, LIMIT_MIB(1));
    buf_addf(&zlib, "POST /echo HTTP/1.1\r\n" H "Content-Encoding: deflate\r\nContent-Length: %zu\r\n\r\n", sizeof(zlib_form) - 1);
    buf_add(&zlib, zlib_form, sizeof(zlib_form) - 1);
    talk_raw(&t, zlib.p, zlib.len, 0);
    expect_at(__FILE__, __LINE__, &t, 0, "deflate body", 200, 1, false);
    assert_string_equal(t.seen.last_body, "squeezed body");
    buf_clear(&zlib);
    /* Bytes changed, cut short, something behind the end, and a bomb. */
    b.p[b.len - 6] ^= 1;
    talk_raw(&t, b.p, b.len, 0);
    expect_at(__FILE__, __LINE__, &t, 0, "broken gzip", 400, 1, true);
    buf_reset(&b);
    buf_addf(&b, "POST /echo HTTP/1.1\r\n" H "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", packed.len - 4);
    buf_add(&b, packed.p, packed.len - 4);
    talk_raw(&t, b.p, b.len, 0);
    expect_at(__FILE__, __LINE__, &t, 0, "short gzip", 400, 1, true);
    buf_reset(&b);
    buf_addf(&b, "POST /echo HTTP/1.1\r\n" H "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", packed.len + 1);
    buf_add(&b, packed.p, packed.len);
    buf_add_char(&b, 'x');
    talk_raw(&t, b.p, b.len, 0);
    expect_at(__FILE__, __LINE__, &t, 0, "gzip and more", 400, 1, true);
    char *zeros = calloc(1, LIMIT_MIB(8));
    assert_non_null(zeros);
    buf_reset(&packed);
    assert_true(gzip_pack((struct str){zeros, LIMIT_MIB(8)}, &packed));
    free(zeros);
    buf_reset(&b);
    buf_addf(&b, "POST /echo HTTP/1.1\r\n" H "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", packed.len);
    buf_add(&b, packed.p, packed.len);
    talk_raw(&t, b.p, b.len, 0);
    expect_at(__FILE__, __LINE__, &t, 0, "gzip bomb", 413, 1, true);
    EXPECT("POST /echo HTTP/1.1\r\n" H "Content-Encoding: br\r\nContent-Length: 1\r\n\r\nx", 415, 1, true);
    EXPECT("POST /echo HTTP/1.1\r\n" H "Content-Encoding: gzip\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", 400, 1, true);
    buf_clear(&packed);
    buf_clear(&b);
    talk_end(&t);
}

static void streaming(void **state)
{
    (void)state;
    struct talk t = {0};
    struct buf b;
    buf_init(&b, LIMIT_MIB(16));
    static const size_t n = 3000000;
    buf_addf(&b, "POST /stream HTTP/1.1\r\n" H "Content-Length: %zu\r\n\r\n", n);
    for (size_t i = 0; i < n; i++)
        buf_add_char(&b, (char)('a' + i % 23));
    buf_add_cstr(&b, "GET /echo HTTP/1.1\r\n" H "\r\n");
    static const size_t sizes[] = {0, 1000, 65536, 100003};
    for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
        talk_raw(&t, b.p, b.len, sizes[k]);
        /* The answer began before the body had come, so the connection may not be kept. */
        assert_true(str_starts(buf_str(&t.out), STR("HTTP/1.1 200 OK\r\n")));
        assert_non_null(strstr(t.out.p, "Transfer-Encoding: chunked\r\n"));
        /* Take the chunks apart. */
        struct str rest = str_sub(buf_str(&t.out), str_find(buf_str(&t.out), STR("\r\n\r\n")) + 4, SIZE_MAX);
        size_t total = 0;
        for (;;) {
            size_t eol = str_find(rest, STR("\r\n"));
            assert_true(eol != SIZE_MAX && eol < 8);
            size_t len = strtoul(rest.p, NULL, 16);
            rest = str_sub(rest, eol + 2, SIZE_MAX);
            if (len == 0)
                break;
            for (size_t i = 0; i < len; i++, total++) {
                if (rest.p[i] != (char)('a' + total % 23))
                    fail_msg("byte %zu differs", total);
            }
            rest = str_sub(rest, len + 2, SIZE_MAX);
        }
        assert_int_equal(total, n);
    }
    EXPECT("POST /stream HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhelloGET /echo HTTP/1.1\r\n" H "\r\n", 200, 2, false);
    EXPECT("GET /sized HTTP/1.1\r\n" H "\r\n", 200, 1, false);
    assert_non_null(strstr(t.out.p, "Content-Length: 1000\r\n"));
    EXPECT("HEAD /sized HTTP/1.1\r\n" H "\r\n", 200, 1, false);
    assert_true(str_ends(buf_str(&t.out), STR("\r\n\r\n")));
    /* The announced bytes do not come, and the connection lives on as its head said. */
    EXPECT("HEAD /sized HTTP/1.1\r\n" H "\r\nGET /echo HTTP/1.1\r\n" H "\r\n", 200, 2, false);
    EXPECT("HEAD /stream HTTP/1.1\r\n" H "\r\nGET /echo HTTP/1.1\r\n" H "\r\n", 200, 2, false);
    EXPECT("GET /stream HTTP/1.0\r\n" H "\r\n", 200, 1, true); /* no length, no chunks: ends with the connection */
    assert_null(strstr(t.out.p, "chunked"));
    /* A handler that fails in the middle: no last chunk, closed. */
    EXPECT("GET /fail-stream HTTP/1.1\r\n" H "\r\nGET /echo HTTP/1.1\r\n" H "\r\n", 200, 1, true);
    assert_true(str_ends(buf_str(&t.out), STR("4\r\nhalf\r\n")));
    /* A body that ends early or is malformed: the handler's read fails. */
    talk_all(&t, "POST /stream HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\nhello", 0);
    assert_int_equal(t.seen.handled, 0);
    buf_clear(&b);
    talk_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_framing), cmocka_unit_test(refused_nul), cmocka_unit_test(accepted),
        cmocka_unit_test(answer_forms), cmocka_unit_test(pipelining), cmocka_unit_test(expect_continue),
        cmocka_unit_test(limits), cmocka_unit_test(gzip_both_ways), cmocka_unit_test(streaming),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
