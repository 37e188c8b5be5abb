/* The head's scanner and parser by themselves: the result must not depend on how the bytes come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"
#include "net/head.h"

static void ends(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum head_status want;
        size_t len;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest", HEAD_COMPLETE, 27},
        {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", HEAD_COMPLETE, 29},
        {"GET / HTTP/1.1\r\n\r\n", HEAD_COMPLETE, 18}, /* the Host is missed later */
        {"GET / HTTP/1.1\r\nHost: a\r\n\r", HEAD_MORE, 0},
        {"GET / HTTP/1.1\r\nHost: a\r", HEAD_MORE, 0},
        {"G", HEAD_MORE, 0},
        {"\r", HEAD_MORE, 0},
        {"GET / HTTP/1.1\r\nHost: a\r\nb", HEAD_MORE, 0},
        {"GET / HTTP/1.1\r\nHost: a\r\rb", HEAD_REFUSED, 0},
        {"GET / HTTP/1.1\nHost", HEAD_REFUSED, 0},
        {"g", HEAD_REFUSED, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t n = strlen(cases[i].text), len = 0;
        struct head_fault f;
        struct head_scan whole = {0}, cut = {0};
        assert_int_equal(head_find_end(&whole, cases[i].text, n, &len, &f), cases[i].want);
        if (cases[i].want == HEAD_COMPLETE)
            assert_int_equal(len, cases[i].len);
        enum head_status got = HEAD_MORE;
        for (size_t k = 1; k <= n && got == HEAD_MORE; k++)
            got = head_find_end(&cut, cases[i].text, k, &len, &f);
        if (got != cases[i].want || (got == HEAD_COMPLETE && len != cases[i].len))
            fail_msg("case %zu byte by byte: %d", i, got);
    }
}

/* Random bytes made of the pieces heads consist of: whole and byte by byte must agree, and what is complete must
 * parse or be refused, never crash. */
static void random_heads(void **state)
{
    (void)state;
    static const char *const parts[] = {"GET ", "/", "a", " HTTP/1.1", "\r\n", "\r", "\n", "Host", ":", " ", "x", "\r\n\r\n", "\t", "%2e", "..", "Content-Length: 5", "é", ";", "?", "*"};
    struct arena *arena = arena_create(LIMIT_MIB(4));
    uint64_t r = 0x9e3779b97f4a7c15ull;
    int complete = 0;
    for (int round = 0; round < 30000; round++) {
        char text[400] = "GET / HTTP/1.1\r\nHost: a\r\n";
        size_t n = round % 3 ? strlen(text) : 0;
        for (int k = 0; k < 12; k++) {
            r ^= r << 13, r ^= r >> 7, r ^= r << 17;
            const char *p = parts[(r >> 11) % ARRAY_LEN(parts)];
            memcpy(text + n, p, strlen(p));
            n += strlen(p);
        }
        struct head_fault f = {0};
        struct head_scan whole = {0}, cut = {0};
        size_t len = 0, cut_len = 0;
        enum head_status a = head_find_end(&whole, text, n, &len, &f), b = HEAD_MORE;
        for (size_t k = 1; k <= n && b == HEAD_MORE; k++)
            b = head_find_end(&cut, text, k, &cut_len, &f);
        assert_true(a == b && (a != HEAD_COMPLETE || len == cut_len));
        if (a != HEAD_COMPLETE)
            continue;
        complete++;
        arena_reset(arena);
        struct http_req req = {0};
        struct head head;
        char *copy = arena_alloc(arena, len + 1);
        memcpy(copy, text + whole.start, len - whole.start);
        if (!head_parse(arena, copy, len - whole.start, &req, &head, &f))
            assert_true(f.status >= 400 && f.text);
        else
            assert_true(req.host.len > 0 && req.path.p[0] == '/');
    }
    assert_true(complete > 300);
    arena_destroy(arena);
}

static void parsed(void **state)
{
    (void)state;
    struct arena *arena = arena_create(LIMIT_MIB(1));
    char text[] = "POST /a%20b?q=1 HTTP/1.1\r\nHost: LOCALHOST:80\r\nContent-Type:  Application/JSON; charset=utf-8 \r\nX-Empty:\r\ncontent-length: 12\r\nExpect: 100-Continue\r\n\r\n";
    struct http_req req = {.content_type = STR("")};
    struct head head;
    struct head_fault f;
    assert_true(head_parse(arena, text, sizeof text - 1, &req, &head, &f));
    assert_true(req.method == HTTP_POST && str_eqc(req.path, "/a b") && str_eqc(req.query, "q=1") && str_eqc(req.target, "/a%20b?q=1"));
    assert_true(str_eqc(req.host, "LOCALHOST:80") && str_eqc(req.content_type, "application/json"));
    assert_true(str_eqc(http_header_get(&req, "x-empty"), "") && http_header_get(&req, "x-empty").p);
    assert_true(head.has_length && head.length == 12 && head.expect_continue && !head.chunked && !head.http_1_0 && req.has_body);
    arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ends), cmocka_unit_test(random_heads), cmocka_unit_test(parsed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
