#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/log.h"
#include "net/http.h"

static struct arena *arena;
static struct op op;

static int setup(void **state)
{
    (void)state;
    log_setup(LOG_ERROR + 1, LOG_TEXT); /* refused headers are logged: not wanted here */
    arena = arena_create(LIMIT_MIB(4));
    op_init(&op, arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_destroy(arena);
    return 0;
}

static void queries(void **state)
{
    (void)state;
    struct http_req req = {.query = STR("a=1&b=x%20y+z&&c&a=2&d=%zz&%65=enc&f=&g=a=b&plus%2B=1")};
    struct str v;
    assert_true(http_query_get(&op, &req, "a", &v) && str_eqc(v, "1"));
    assert_true(http_query_get(&op, &req, "b", &v) && str_eqc(v, "x y z"));
    assert_true(http_query_get(&op, &req, "c", &v) && v.len == 0);
    assert_true(http_query_get(&op, &req, "d", &v) && str_eqc(v, "%zz")); /* broken: as it is */
    assert_true(http_query_get(&op, &req, "e", &v) && str_eqc(v, "enc"));
    assert_true(http_query_get(&op, &req, "f", &v) && v.len == 0);
    assert_true(http_query_get(&op, &req, "g", &v) && str_eqc(v, "a=b"));
    assert_true(http_query_get(&op, &req, "plus+", &v) && str_eqc(v, "1"));
    assert_false(http_query_get(&op, &req, "h", &v));
    assert_false(http_query_get(&op, &req, "", &v));
    struct str *all;
    assert_int_equal(http_query_all(&op, &req, "a", &all), 2);
    assert_true(str_eqc(all[0], "1") && str_eqc(all[1], "2"));
    assert_int_equal(http_query_all(&op, &req, "zz", &all), 0);
    req.query = STR("");
    assert_false(http_query_get(&op, &req, "a", &v));
}

static void percent(void **state)
{
    (void)state;
    struct str v;
    assert_true(http_percent_decode(arena, STR("a%2Fb%00c+"), false, &v));
    assert_true(v.len == 6 && memcmp(v.p, "a/b\0c+", 6) == 0);
    static const char *const bad[] = {"%", "%2", "%g0", "%0g", "a%2", "% 1", "%+1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(http_percent_decode(arena, str_from(bad[i]), false, &v));
    assert_true(str_eqc(http_percent_encode(arena, STR("a b/\xc3\xa9~-._"), true), "a%20b%2F%C3%A9~-._"));
    assert_true(str_eqc(http_percent_encode(arena, STR("a/b?"), false), "a/b%3F"));
    char bytes[256];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)i;
    struct str all = {bytes, sizeof bytes};
    assert_true(http_percent_decode(arena, http_percent_encode(arena, all, true), true, &v) && str_eq(v, all));
}

static void headers(void **state)
{
    (void)state;
    struct http_header h[] = {{STR("a"), STR("1")}, {STR("accept"), STR("x")}, {STR("a"), STR("2")}};
    struct http_req req = {.headers = h, .header_count = 3};
    assert_true(str_eqc(http_header_get(&req, "a"), "1"));
    assert_null(http_header_get(&req, "acc").p);
    struct http_res res = {0};
    http_set_header(&res, "X-A", STR("1"));
    http_set_header(&res, "x-a", STR("2"));
    assert_true(res.header_count == 1 && str_eqc(res.headers[0].value, "2"));
    http_set_header(&res, "X-B", STR("a\r\nSet-Cookie: b"));
    http_set_header(&res, "X-C", STR("a\0b"));
    assert_int_equal(res.header_count, 1);
    static const char names[30][4] = {"A0", "A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "B0", "B1", "B2", "B3", "B4",
                                      "B5", "B6", "B7", "B8", "B9", "C0", "C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        http_set_header(&res, names[i], STR("v"));
    assert_int_equal(res.header_count, ARRAY_LEN(res.headers));
}

static void ranges(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        uint64_t size, from, len;
        int result; /* 0: serve all, 1: a range, 2: unsatisfiable */
    } cases[] = {
        {"bytes=0-0", 10, 0, 1, 1}, {"bytes=0-9", 10, 0, 10, 1}, {"bytes=0-99", 10, 0, 10, 1}, {"bytes=5-", 10, 5, 5, 1}, {"bytes=-3", 10, 7, 3, 1},
        {"bytes=-30", 10, 0, 10, 1}, {"bytes=10-", 10, 10, 0, 2}, {"bytes=10-20", 10, 10, 0, 2}, {"bytes=-0", 10, 10, 0, 2}, {"bytes=0-", 0, 0, 0, 2},
        {"bytes=9-18446744073709551615", 10, 9, 1, 1}, {"bytes=18446744073709551615-", 10, 0, 0, 2}, {"bytes=5-4", 10, 0, 0, 0}, {"bytes=", 10, 0, 0, 0},
        {"bytes=-", 10, 0, 0, 0}, {"bytes=a-b", 10, 0, 0, 0}, {"bytes=0-1,3-4", 10, 0, 0, 0}, {"items=0-1", 10, 0, 0, 0}, {"bytes=0-18446744073709551616", 10, 0, 0, 0},
        {"bytes=--1", 10, 0, 0, 0}, {"bytes=1--1", 10, 0, 0, 0}, {"", 10, 0, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t from = 0, len = 0;
        bool un = false;
        int got = http_range_parse(str_from(cases[i].header), cases[i].size, &from, &len, &un) ? 1 + un : 0;
        if (got != cases[i].result || (got == 1 && (from != cases[i].from || len != cases[i].len)))
            fail_msg("%s: %d %llu %llu", cases[i].header, got, (unsigned long long)from, (unsigned long long)len);
    }
    uint64_t a, b;
    bool c;
    assert_false(http_range_parse((struct str){NULL, 0}, 10, &a, &b, &c));
}

static void reasons(void **state)
{
    (void)state;
    assert_string_equal(http_reason(200), "OK");
    assert_string_equal(http_reason(418), "Client Error");
    assert_string_equal(http_reason(599), "Server Error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(queries, setup, teardown), cmocka_unit_test_setup_teardown(percent, setup, teardown),
        cmocka_unit_test_setup_teardown(headers, setup, teardown), cmocka_unit_test_setup_teardown(ranges, setup, teardown),
        cmocka_unit_test_setup_teardown(reasons, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
