/* HTTP/2 over the loopback: what the session lets through, limits, floods; whole and in pieces. */
#include "h2_helper.h"

#include "net/http2.h"

static void requests_of_every_kind(void **state)
{
    (void)state;
    struct h2_bytes b = {0};
    h2_hello(&b, true);
    h2_get(&b, 1, H2_GET("/echo?a=b"));
    h2_post(&b, 3, H2_POST("/echo") "content-type: text/plain\n", "inline body");
    h2_post(&b, 5, H2_POST("/pool"), "pool body");
    h2_post(&b, 7, H2_POST("/stream"), "streamed body");
    h2_get(&b, 9, H2_GET("/empty"));
    h2_get(&b, 11, H2_GET("/big"));
    h2_get(&b, 13, ":method: HEAD\n:scheme: http\n:authority: localhost\n:path: /big\n");
    h2_get(&b, 15, H2_GET("/text") "accept-encoding: gzip\n");
    h2_get(&b, 17, H2_GET("/reject"));
    h2_get(&b, 19, H2_GET("/sized"));
    h2_get(&b, 21, H2_GET("/fail-stream"));
    for (size_t k = 0; k < ARRAY_LEN(h2_pieces); k++) {
        struct talk t = {0};
        struct h2_seen s;
        h2_talk(&t, &b, h2_pieces[k], &s);
        assert_false(t.closed);
        assert_int_equal(s.settings_acks, 1);
        assert_int_equal(s.goaway, -1);
        for (uint32_t id = 1; id <= 19; id += 2) {
            struct h2_stream *st = h2_stream(&s, id);
            assert_int_equal(st->status, id == 9 ? 204 : id == 17 ? 403 : 200);
            assert_int_equal(st->reset, -1);
            assert_true(st->ended);
        }
        assert_true(str_eqc(buf_str(&h2_stream(&s, 3)->body), "inline body"));
        assert_true(str_eqc(buf_str(&h2_stream(&s, 5)->body), "pool body"));
        assert_true(str_eqc(buf_str(&h2_stream(&s, 7)->body), "streamed body"));
        assert_true(h2_has(h2_stream(&s, 3)->fields, "content-length: 11\n"));
        assert_false(h2_has(h2_stream(&s, 7)->fields, "content-length"));
        assert_true(h2_stream(&s, 9)->head_ends);
        assert_int_equal(h2_stream(&s, 11)->body.len, 300000);
        assert_true(h2_stream(&s, 13)->head_ends && h2_has(h2_stream(&s, 13)->fields, "content-length: 300000\n"));
        assert_true(h2_has(h2_stream(&s, 15)->fields, "content-encoding: gzip\n") && h2_stream(&s, 15)->body.len < 5000);
        assert_int_equal(h2_stream(&s, 19)->body.len, 1000);
        assert_true(h2_has(h2_stream(&s, 19)->fields, "content-length: 1000\n"));
        struct h2_stream *broken = h2_stream(&s, 21); /* the handler failed in the middle */
        assert_true(broken->status == 200 && !broken->ended && broken->reset == NGHTTP2_INTERNAL_ERROR);
        assert_true(str_eqc(buf_str(&broken->body), "half"));
        assert_int_equal(t.seen.handled, 10);
        assert_int_equal(t.seen.planned, 11);
        h2_seen_clear(&s);
        talk_end(&t);
    }
    free(b.p);
}

static void malformed_requests_reset_their_stream(void **state)
{
    (void)state;
    static const char *const bad[] = {
        ":method: GET\n:scheme: http\n:path: /x\nHost: localhost\n", /* upper case */
        ":method: GET\n:scheme: http\n:path: /x\n:path: /y\n:authority: localhost\n",
        ":method: GET\n:scheme: http\n:authority: localhost\n",
        ":scheme: http\n:path: /x\n:authority: localhost\n",
        ":method: GET\n:path: /x\n:authority: localhost\n",
        ":method: GET\nx: y\n:scheme: http\n:path: /x\n:authority: localhost\n",
        ":method: GET\n:scheme: http\n:path: /x\n:authority: localhost\n:other: x\n",
        ":method: GET\n:scheme: http\n:path: /x\n:authority: localhost\n:status: 200\n",
        ":method: GET\n:scheme: http\n:path: \n:authority: localhost\n",
        H2_GET("/x") "connection: close\n", H2_GET("/x") "transfer-encoding: chunked\n", H2_GET("/x") "upgrade: x\n", H2_GET("/x") "keep-alive: 1\n",
        H2_GET("/x") "te: gzip\n", H2_GET("/x") "x: a\rb\n", H2_GET("/x") "x: a\x01\n", H2_GET("/x") "x y: a\n", H2_GET("/x") "content-length: 5\n",
        H2_GET("/x") "host: a b\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct h2_bytes b = {0};
        h2_hello(&b, false);
        h2_get(&b, 1, bad[i]);
        h2_get(&b, 3, H2_GET("/echo"));
        h2_expect(&b, 1, 0, NGHTTP2_PROTOCOL_ERROR, -1);
        h2_expect(&b, 3, 200, -1, -1); /* the others are not touched */
        free(b.p);
    }
    struct h2_bytes b = {0}; /* a length that the body does not have */
    h2_hello(&b, false);
    h2_headers(&b, 1, H2_POST("/echo") "content-length: 4\n", false);
    h2_frame(&b, H2_DATA, H2_END_STREAM, 1, "hello", 5);
    h2_expect(&b, 1, 0, NGHTTP2_PROTOCOL_ERROR, -1);
    free(b.p);
}

static void what_breaks_the_protocol_ends_the_connection(void **state)
{
    (void)state;
    struct h2_bytes b = {0};
    h2_hello(&b, false);
    h2_get(&b, 1, H2_GET("/echo"));
    h2_frame(&b, H2_DATA, H2_END_STREAM, 1, "late", 4);
    h2_expect(&b, 1, -1, -1, NGHTTP2_STREAM_CLOSED); /* in one piece it comes before the answer has left */
    b.len = 0;
    h2_hello(&b, false);
    h2_get(&b, 5, H2_GET("/echo"));
    h2_get(&b, 3, H2_GET("/echo"));
    h2_expect(&b, 5, -1, -1, NGHTTP2_PROTOCOL_ERROR);
    b.len = 0;
    h2_hello(&b, false);
    h2_get(&b, 2, H2_GET("/echo"));
    h2_expect(&b, 1, 0, -1, NGHTTP2_PROTOCOL_ERROR);
    b.len = 0;
    h2_hello(&b, false);
    h2_frame(&b, H2_DATA, 0, 1, "x", 1); /* a stream that was never opened */
    h2_expect(&b, 1, 0, -1, NGHTTP2_PROTOCOL_ERROR);
    b.len = 0;
    h2_raw(&b, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
    h2_frame(&b, H2_PING, 0, 0, "12345678", 8); /* settings come first */
    h2_expect(&b, 1, 0, -1, NGHTTP2_PROTOCOL_ERROR);
    free(b.p);
}

/* What does not begin as HTTP/2 is HTTP/1.1, and what is neither gets no answer. */
static void the_first_bytes_choose(void **state)
{
    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(h2_pieces); k++) {
        struct talk t = {0};
        static const char old[] = "PRINT /echo HTTP/1.1\r\nHost: localhost\r\n\r\n", get[] = "GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n";
        static const char neither[] = "INVALID CONNECTION PREFACE\r\n\r\n";
        talk_raw(&t, old, sizeof old - 1, h2_pieces[k]);
        assert_true(str_starts(buf_str(&t.out), STR("HTTP/1.1 400 ")));
        talk_raw(&t, get, sizeof get - 1, h2_pieces[k]);
        assert_true(str_starts(buf_str(&t.out), STR("HTTP/1.1 200 ")));
        talk_raw(&t, neither, sizeof neither - 1, h2_pieces[k]);
        assert_true(t.closed && t.out.len == 0);
        talk_raw(&t, "PRI * HTTP/2.0\r\n\r\nSM", 20, h2_pieces[k]);
        assert_true(!t.closed && t.out.len == 0);
        talk_end(&t);
    }
}

/* Each flood ends the connection with ENHANCE_YOUR_CALM, and is bounded work until then. */
static void floods(void **state)
{
    (void)state;
    enum { PINGS, SETTINGS, PRIORITIES, WINDOWS, EMPTY, PADDED, UNKNOWN, RESETS, RAPID, REFUSED, LATE, KINDS };
    for (int kind = 0; kind < KINDS; kind++) {
        struct h2_bytes b = {0};
        h2_hello(&b, false);
        h2_headers(&b, 1, H2_POST("/echo"), false);
        uint32_t id = 3;
        for (int i = 0; i < 20000; i++) {
            switch (kind) {
            case PINGS: h2_frame(&b, H2_PING, 0, 0, "12345678", 8); break;
            case SETTINGS: h2_frame(&b, H2_SETTINGS, 0, 0, NULL, 0); break;
            case PRIORITIES: h2_frame(&b, H2_PRIORITY, 0, 9, "\0\0\0\0\x10", 5); break;
            case WINDOWS: h2_frame_u32(&b, H2_WINDOW, 1, 1); break;
            case EMPTY: h2_frame(&b, H2_DATA, 0, 1, NULL, 0); break;
            case PADDED: h2_frame(&b, H2_DATA, H2_PADDED, 1, "\0", 1); break;
            case UNKNOWN: h2_frame(&b, 200, 0, 0, NULL, 0); break;
            case RESETS: h2_frame_u32(&b, H2_RST, 1, NGHTTP2_CANCEL); break;
            case RAPID: /* CVE-2023-44487 */
                h2_headers(&b, id, H2_POST("/pool"), true);
                h2_frame_u32(&b, H2_RST, id, NGHTTP2_CANCEL);
                break;
            case REFUSED: h2_headers(&b, id, H2_POST("/echo"), false); break; /* more streams than are allowed */
            case LATE: /* we reset, and more comes for the stream */
                if (i == 0)
                    h2_headers(&b, id, H2_GET("/x") "connection: x\n", false);
                else
                    h2_frame(&b, H2_DATA, 0, 3, "x", 1);
                break;
            default: break;
            }
            id += 2;
        }
        struct talk t = {0};
        struct h2_seen *s = calloc(1, sizeof *s);
        talk_raw(&t, b.p, b.len, 0);
        assert_true(t.closed);
        assert_true(t.seen.handled <= LIMIT_HTTP2_RESETS + LIMIT_HTTP2_STREAMS + 2);
        assert_true(t.out.len < LIMIT_KIB(200));
        if (kind != RAPID && kind != REFUSED) { /* those have more streams than the reader keeps */
            h2_read(s, buf_str(&t.out));
            if (s->goaway != NGHTTP2_ENHANCE_YOUR_CALM)
                fail_msg("kind %d: goaway %lld", kind, (long long)s->goaway);
            h2_seen_clear(s);
        }
        free(s);
        talk_end(&t);
        free(b.p);
    }
}

static void header_floods(void **state)
{
    (void)state;
    /* CONTINUATION without end. */
    struct h2_bytes b = {0}, block = {0};
    h2_hello(&b, false);
    h2_block(&block, H2_GET("/echo"));
    h2_frame(&b, H2_HEADERS, H2_END_STREAM, 1, block.p, block.len);
    for (int i = 0; i < 1000; i++)
        h2_frame(&b, H2_CONTINUATION, 0, 1, NULL, 0);
    h2_expect(&b, 1, 0, -1, NGHTTP2_ENHANCE_YOUR_CALM);
    /* A field of 4000 bytes that is put into the table once and named by one byte from then on. */
    char large[3900];
    memset(large, 'b', sizeof large);
    block.len = b.len = 0;
    h2_hello(&b, false);
    h2_block(&block, H2_GET("/echo"));
    h2_raw(&block, "\x40\1x", 3);
    h2_length(&block, sizeof large);
    h2_raw(&block, large, sizeof large);
    for (int i = 0; i < 10000; i++)
        h2_raw(&block, "\xbe", 1);
    h2_frame(&b, H2_HEADERS, H2_END_STREAM | H2_END_HEADERS, 1, block.p, block.len);
    h2_expect(&b, 1, 0, -1, NGHTTP2_ENHANCE_YOUR_CALM);
    /* Too large for us, but no bomb: an answer, and the connection lives. */
    block.len = b.len = 0;
    h2_hello(&b, false);
    h2_block(&block, H2_GET("/echo"));
    h2_raw(&block, "\x40\1x", 3);
    h2_length(&block, sizeof large);
    h2_raw(&block, large, sizeof large);
    for (int i = 0; i < 20; i++)
        h2_raw(&block, "\xbe", 1);
    h2_frame(&b, H2_HEADERS, H2_END_STREAM | H2_END_HEADERS, 1, block.p, block.len);
    h2_get(&b, 3, H2_GET("/echo"));
    h2_expect(&b, 1, 431, -1, -1);
    h2_expect(&b, 3, 200, -1, -1);
    free(b.p);
    free(block.p);
}

static void streams_are_limited(void **state)
{
    (void)state;
    struct h2_bytes b = {0};
    h2_hello(&b, false);
    for (uint32_t i = 0; i < LIMIT_HTTP2_STREAMS; i++)
        h2_headers(&b, 2 * i + 1, H2_POST("/echo"), false);
    size_t full = b.len;
    h2_headers(&b, 2 * LIMIT_HTTP2_STREAMS + 1, H2_POST("/echo"), false);
    h2_expect(&b, 1, 0, -1, NGHTTP2_PROTOCOL_ERROR); /* the peer had agreed to the limit */
    b.len = full;
    h2_frame(&b, H2_DATA, H2_END_STREAM, 1, "a", 1);
    h2_get(&b, 2 * LIMIT_HTTP2_STREAMS + 1, H2_GET("/echo")); /* there is room again, once the answer has left */
    for (size_t piece = 1; piece < 10; piece += 3) {
        struct talk t = {0};
        struct h2_seen s;
        h2_talk(&t, &b, piece, &s);
        assert_int_equal(h2_stream(&s, 1)->status, 200);
        assert_int_equal(h2_stream(&s, 2 * LIMIT_HTTP2_STREAMS + 1)->status, 200);
        assert_int_equal(t.seen.handled, 2);
        h2_seen_clear(&s);
        talk_end(&t);
    }
    free(b.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_of_every_kind),
        cmocka_unit_test(malformed_requests_reset_their_stream),
        cmocka_unit_test(what_breaks_the_protocol_ends_the_connection),
        cmocka_unit_test(the_first_bytes_choose),
        cmocka_unit_test(floods),
        cmocka_unit_test(header_floods),
        cmocka_unit_test(streams_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
