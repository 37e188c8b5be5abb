/* One stream over the loopback: refusals, bodies and their windows, padding and interim answers, peers that leave. */
#include "h2_helper.h"

#include "net/http2_stream.h"

static void refused_requests_are_answered(void **state)
{
    (void)state;
    static const struct {
        const char *fields;
        int status;
    } bad[] = {
        {H2_GET("/a/../b"), 400}, {H2_GET("/x") "host: other\n", 400}, {H2_POST("/echo") "content-encoding: br\n", 415},
        {H2_POST("/small") "content-length: 11\n", 413}, {H2_POST("/small"), 413}, {H2_POST("/echo") "content-encoding: gzip\n", 400},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct h2_bytes b = {0};
        h2_hello(&b, false);
        h2_post(&b, 1, bad[i].fields, "hello world");
        h2_get(&b, 3, H2_GET("/echo"));
        h2_expect(&b, 1, bad[i].status, -1, -1);
        h2_expect(&b, 3, 200, -1, -1);
        free(b.p);
    }
}

static void bodies_flow(void **state)
{
    (void)state;
    /* Larger than the windows: credit comes back while the handler reads, and for whole bodies at once. */
    struct h2_bytes b = {0};
    char *block = calloc(1, 16384);
    memset(block, 'z', 16384);
    h2_hello(&b, true);
    h2_headers(&b, 1, H2_POST("/stream"), false);
    h2_headers(&b, 3, H2_POST("/echo"), false);
    enum { FRAMES = 200 }; /* three windows each */
    for (int i = 1; i <= FRAMES; i++) {
        h2_frame(&b, H2_DATA, i == FRAMES ? H2_END_STREAM : 0, 1, block, 16384);
        h2_frame(&b, H2_DATA, i == FRAMES ? H2_END_STREAM : 0, 3, block, 16384);
    }
    struct talk t = {0};
    struct h2_seen s;
    h2_talk(&t, &b, 0, &s);
    assert_int_equal(h2_stream(&s, 1)->body.len, FRAMES * 16384);
    assert_int_equal(h2_stream(&s, 3)->body.len, FRAMES * 16384);
    assert_true(s.window_updates >= 6);
    assert_int_equal(s.goaway, -1);
    h2_seen_clear(&s);
    talk_end(&t);
    free(block);
    free(b.p);
}

static void padding_priorities_trailers_and_interim(void **state)
{
    (void)state;
    struct h2_bytes b = {0}, block = {0};
    h2_hello(&b, false);
    h2_raw(&block, "\5\x80\0\0\0\x10", 6); /* padding of five, and a priority */
    h2_block(&block, H2_POST("/echo") "expect: 100-continue\n");
    h2_raw(&block, "\0\0\0\0\0", 5);
    h2_frame(&b, H2_HEADERS, H2_END_HEADERS | H2_PADDED | H2_WITH_PRIORITY, 1, block.p, block.len);
    h2_frame(&b, H2_DATA, H2_PADDED, 1, "\3abc\0\0\0", 7);
    h2_frame(&b, H2_DATA, 0, 1, "def", 3);
    h2_headers(&b, 1, "x-checksum: 1\n", true); /* dropped */
    struct h2_bytes cut = {0}; /* a header block in three frames */
    h2_block(&cut, H2_GET("/echo?cut") "x-long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n");
    h2_frame(&b, H2_HEADERS, H2_END_STREAM, 3, cut.p, 10);
    h2_frame(&b, H2_CONTINUATION, 0, 3, cut.p + 10, 1);
    h2_frame(&b, H2_CONTINUATION, H2_END_HEADERS, 3, cut.p + 11, cut.len - 11);
    for (size_t k = 0; k < ARRAY_LEN(h2_pieces); k++) {
        struct talk t = {0};
        struct h2_seen s;
        h2_talk(&t, &b, h2_pieces[k], &s);
        assert_int_equal(h2_stream(&s, 1)->status, 200);
        assert_int_equal(h2_stream(&s, 1)->interim, 1);
        assert_true(str_eqc(buf_str(&h2_stream(&s, 1)->body), "abcdef"));
        assert_int_equal(h2_stream(&s, 3)->status, 200);
        assert_string_equal(t.seen.last_query, "cut");
        h2_seen_clear(&s);
        talk_end(&t);
    }
    free(b.p);
    free(block.p);
    free(cut.p);
}

/* Answers that the peer does not take are bounded: no new streams until it does. */
static void answers_are_limited(void **state)
{
    (void)state;
    enum { FIT = LIMIT_HTTP2_ANSWERS_BYTES / LIMIT_MIB(16) };
    struct h2_bytes b = {0};
    h2_hello(&b, false);
    for (uint32_t i = 0; i <= FIT + 1; i++)
        h2_get(&b, 2 * i + 1, H2_GET("/large"));
    h2_frame_u32(&b, H2_RST, 1, NGHTTP2_CANCEL);
    h2_frame_u32(&b, H2_RST, 3, NGHTTP2_CANCEL);
    h2_get(&b, 2 * FIT + 5, H2_GET("/echo"));
    struct talk t = {0};
    struct h2_seen s;
    h2_talk(&t, &b, 100, &s);
    assert_int_equal(h2_stream(&s, 2 * FIT + 1)->status, 200); /* the one that crosses the limit */
    assert_int_equal(h2_stream(&s, 2 * FIT + 3)->reset, NGHTTP2_REFUSED_STREAM);
    assert_int_equal(h2_stream(&s, 2 * FIT + 5)->status, 200);
    assert_int_equal(t.seen.handled, FIT + 2);
    h2_seen_clear(&s);
    talk_end(&t);
    free(b.p);
}

static void a_peer_that_leaves_cancels(void **state)
{
    (void)state;
    struct h2_bytes b = {0};
    h2_hello(&b, false);
    h2_headers(&b, 1, H2_POST("/call"), false); /* its handler waits for more when the bytes end */
    h2_frame(&b, H2_DATA, 0, 1, "a", 1);
    h2_headers(&b, 3, H2_POST("/call"), false);
    h2_frame_u32(&b, H2_RST, 3, NGHTTP2_CANCEL);
    h2_headers(&b, 5, H2_POST("/echo"), false);
    for (size_t k = 0; k < ARRAY_LEN(h2_pieces); k++) {
        struct talk t = {0};
        struct h2_seen s;
        h2_talk(&t, &b, h2_pieces[k], &s);
        assert_true(str_eqc(buf_str(&h2_stream(&s, 1)->body), "x")); /* it had answered already */
        assert_int_equal(t.seen.handled, 2);
        h2_seen_clear(&s);
        talk_end(&t);
    }
    free(b.p);
}

/* The head is the whole answer here, refused for its many pieces; more of them came in the same read: a reset must not overtake it. */
static void a_refusal_is_not_overtaken(void **state)
{
    (void)state;
    struct h2_bytes b = {0};
    h2_hello(&b, true);
    h2_headers(&b, 1, ":method: HEAD\n:scheme: http\n:authority: localhost\n:path: /echo\n", false);
    for (int i = 0; i < LIMIT_HTTP2_BODY_FRAMES + 1000; i++)
        h2_frame(&b, H2_DATA, 0, 1, "abcdefgh", 8);
    h2_get(&b, 3, H2_GET("/echo"));
    struct talk t = {0};
    struct h2_seen s;
    h2_talk(&t, &b, 0, &s);
    assert_int_equal(h2_stream(&s, 1)->status, 413);
    assert_int_equal(h2_stream(&s, 3)->status, 200);
    h2_seen_clear(&s);
    talk_end(&t);
    free(b.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_requests_are_answered),
        cmocka_unit_test(bodies_flow),
        cmocka_unit_test(padding_priorities_trailers_and_interim),
        cmocka_unit_test(answers_are_limited),
        cmocka_unit_test(a_peer_that_leaves_cancels),
        cmocka_unit_test(a_refusal_is_not_overtaken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
