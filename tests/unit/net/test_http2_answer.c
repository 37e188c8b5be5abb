/* Answers over HTTP/2: trailers, the peer's windows, both ways at once; and HTTP/1.1's trailers beside them. */
#include "h2_helper.h"

#include "net/http2_answer.h"

static const size_t pieces[] = {0, 1, 7, 100};

static void trailers(void **state)
{
    (void)state;
    struct h2_bytes b = {0};
    h2_hello(&b, true);
    h2_post(&b, 1, H2_POST("/trailers"), "body");
    h2_post(&b, 3, H2_POST("/stream-trailers"), "body");
    h2_get(&b, 5, H2_GET("/status"));
    h2_get(&b, 7, ":method: HEAD\n:scheme: http\n:authority: localhost\n:path: /trailers\n");
    h2_get(&b, 9, H2_GET("/empty"));
    for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
        struct talk t = {0};
        struct h2_seen s;
        h2_talk(&t, &b, pieces[k], &s);
        for (uint32_t id = 1; id <= 5; id += 2) {
            struct h2_stream *st = h2_stream(&s, id);
            assert_int_equal(st->status, 200);
            assert_string_equal(st->trailers, "x-one: 1\nx-two: two\n");
            assert_true(st->ended && !st->head_ends);
            assert_false(h2_has(st->fields, "content-length"));
            assert_true(str_eqc(buf_str(&st->body), id == 5 ? "" : "body"));
        }
        assert_int_equal(h2_stream(&s, 5)->data_frames, 0);
        for (uint32_t id = 7; id <= 9; id += 2) /* what has no body has no trailers: one frame */
            assert_true(h2_stream(&s, id)->head_ends && h2_stream(&s, id)->ended && !h2_stream(&s, id)->trailers[0]);
        h2_seen_clear(&s);
        talk_end(&t);
    }
    free(b.p);
}

static void http1_has_trailers_behind_chunks(void **state)
{
    (void)state;
    struct talk t = {0};
    static const char chunked[] = "POST /stream-trailers HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody";
    static const char whole[] = "POST /trailers HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody";
    static const char old[] = "POST /stream-trailers HTTP/1.0\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody";
    talk_raw(&t, chunked, sizeof chunked - 1, 0);
    assert_true(str_ends(buf_str(&t.out), STR("\r\n4\r\nbody\r\n0\r\nX-One: 1\r\nx-two: two\r\n\r\n")));
    talk_raw(&t, whole, sizeof whole - 1, 0);
    assert_true(str_ends(buf_str(&t.out), STR("\r\n\r\nbody")));
    assert_int_equal(count_of(&t.out, "x-two"), 0);
    talk_raw(&t, old, sizeof old - 1, 0);
    assert_true(str_ends(buf_str(&t.out), STR("\r\n\r\nbody")));
    talk_end(&t);
}

/* No byte leaves that the peer has not made room for, in the stream or in the connection; and none is lost. */
static void windows_hold(void **state)
{
    (void)state;
    struct h2_bytes b = {0};
    h2_hello(&b, false); /* 65535 for the connection, and for each stream */
    h2_get(&b, 1, H2_GET("/big"));
    h2_get(&b, 3, H2_GET("/big"));
    size_t first = b.len;
    struct talk t = {0};
    struct h2_seen s;
    h2_talk(&t, &b, 0, &s);
    assert_int_equal(h2_stream(&s, 1)->body.len + h2_stream(&s, 3)->body.len, 65535);
    assert_false(h2_stream(&s, 1)->ended || h2_stream(&s, 3)->ended);
    h2_seen_clear(&s);
    h2_frame_u32(&b, H2_WINDOW, 0, 1000000);
    h2_frame_u32(&b, H2_WINDOW, 3, 234465); /* exactly the rest of one */
    h2_talk(&t, &b, 0, &s);
    assert_int_equal(h2_stream(&s, 1)->body.len, 65535);
    assert_false(h2_stream(&s, 1)->ended);
    assert_int_equal(h2_stream(&s, 3)->body.len, 300000);
    assert_true(h2_stream(&s, 3)->ended);
    for (size_t i = 0; i < 300000; i++)
        assert_int_equal(h2_stream(&s, 3)->body.p[i], 'a' + i % 26);
    h2_seen_clear(&s);
    /* The same in small steps, for both. */
    b.len = first;
    for (int i = 0; i < 200; i++) {
        h2_frame_u32(&b, H2_WINDOW, 0, 3003);
        h2_frame_u32(&b, H2_WINDOW, i % 2 ? 1 : 3, 3003);
    }
    h2_talk(&t, &b, 26, &s);
    for (uint32_t id = 1; id <= 3; id += 2) {
        assert_int_equal(h2_stream(&s, id)->body.len, 300000);
        assert_true(h2_stream(&s, id)->ended);
        for (size_t i = 0; i < 300000; i++)
            assert_int_equal(h2_stream(&s, id)->body.p[i], 'a' + i % 26);
    }
    h2_seen_clear(&s);
    talk_end(&t);
    free(b.p);
}

static void a_streamed_answer_waits_for_windows(void **state)
{
    (void)state;
    struct h2_bytes b = {0};
    char *block = calloc(1, 16384);
    h2_hello(&b, false);
    h2_headers(&b, 1, H2_POST("/stream"), false);
    for (int i = 0; i < 12; i++) {
        h2_frame(&b, H2_DATA, i == 11 ? H2_END_STREAM : 0, 1, block, 16384);
        h2_frame_u32(&b, H2_WINDOW, 0, 16384);
        h2_frame_u32(&b, H2_WINDOW, 1, 16384);
    }
    for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
        struct talk t = {0};
        struct h2_seen s;
        h2_talk(&t, &b, pieces[k] ? pieces[k] * 100 : 0, &s);
        assert_int_equal(h2_stream(&s, 1)->body.len, 12 * 16384);
        assert_true(h2_stream(&s, 1)->ended);
        h2_seen_clear(&s);
        talk_end(&t);
    }
    free(block);
    free(b.p);
}

/* Pieces of the answer leave while the request still comes. */
static void both_ways_at_once(void **state)
{
    (void)state;
    struct h2_bytes b = {0};
    h2_hello(&b, false);
    h2_headers(&b, 1, H2_POST("/call"), false);
    size_t opened = b.len;
    struct talk t = {0};
    struct h2_seen s;
    h2_talk(&t, &b, 0, &s);
    assert_int_equal(h2_stream(&s, 1)->status, 200); /* the handler speaks first */
    assert_false(h2_stream(&s, 1)->ended);
    h2_seen_clear(&s);
    for (int i = 0; i < 5; i++)
        h2_frame(&b, H2_DATA, i == 4 ? H2_END_STREAM : 0, 1, "message", 7);
    for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
        h2_talk(&t, &b, pieces[k], &s);
        struct h2_stream *st = h2_stream(&s, 1);
        assert_true(st->ended && st->body.len >= 1 && st->body.p[0] == 'x');
        assert_string_equal(st->trailers, "x-one: 1\nx-two: two\n");
        h2_seen_clear(&s);
    }
    h2_talk(&t, &(struct h2_bytes){.p = b.p, .len = opened + 2 * 16}, 16, &s); /* two messages, then the peer is gone */
    assert_true(h2_stream(&s, 1)->body.len >= 1 && !h2_stream(&s, 1)->ended);
    h2_seen_clear(&s);
    talk_end(&t);
    free(b.p);
}

/* What cannot be sent as HTTP/2 resets its stream and no other. */
static void an_answer_that_cannot_be_sent(void **state)
{
    (void)state;
    struct h2_bytes b = {0};
    h2_hello(&b, false);
    h2_get(&b, 1, H2_GET("/huge-head"));
    h2_get(&b, 3, H2_GET("/echo"));
    struct talk t = {0};
    struct h2_seen s;
    h2_talk(&t, &b, 0, &s);
    assert_int_equal(h2_stream(&s, 1)->reset, NGHTTP2_INTERNAL_ERROR);
    assert_int_equal(h2_stream(&s, 3)->status, 200);
    assert_false(t.closed);
    h2_seen_clear(&s);
    talk_end(&t);
    free(b.p);
}

/* The answer is over before the request: a call is ended at once, of others a small rest is taken. */
static void an_answer_before_the_end(void **state)
{
    (void)state;
    struct h2_bytes b = {0};
    char block[16384] = {0};
    h2_hello(&b, false);
    h2_headers(&b, 1, H2_POST("/reject"), false);
    h2_frame(&b, H2_DATA, H2_END_STREAM, 1, block, 1000);
    h2_headers(&b, 3, H2_POST("/reject"), false);
    for (int i = 0; i < 3; i++)
        h2_frame(&b, H2_DATA, 0, 3, block, sizeof block);
    size_t small = b.len;
    for (int i = 0; i < 3; i++)
        h2_frame(&b, H2_DATA, 0, 3, block, sizeof block);
    h2_headers(&b, 5, H2_POST("/reject") "content-length: 1000000\n", false);
    for (int cut = 0; cut < 2; cut++) {
        struct talk t = {0};
        struct h2_seen s;
        h2_talk(&t, &(struct h2_bytes){.p = b.p, .len = cut ? small : b.len}, 5000, &s);
        for (uint32_t id = 1; id <= (cut ? 3 : 5); id += 2)
            assert_true(h2_stream(&s, id)->status == 403 && h2_stream(&s, id)->ended);
        assert_int_equal(h2_stream(&s, 1)->reset, -1);
        assert_int_equal(h2_stream(&s, 3)->reset, cut ? -1 : NGHTTP2_NO_ERROR);
        assert_int_equal(h2_stream(&s, 5)->reset, cut ? -1 : NGHTTP2_NO_ERROR);
        assert_int_equal(t.seen.handled, 0);
        h2_seen_clear(&s);
        talk_end(&t);
    }
    free(b.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trailers), cmocka_unit_test(http1_has_trailers_behind_chunks), cmocka_unit_test(windows_hold),
        cmocka_unit_test(a_streamed_answer_waits_for_windows), cmocka_unit_test(both_ways_at_once),
        cmocka_unit_test(an_answer_that_cannot_be_sent), cmocka_unit_test(an_answer_before_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
