/* The matrix of Host, Origin, Sec-Fetch-Site and Content-Type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/guard.h"
#include "base/limits.h"

static struct http_req request(const char *host, struct http_header *headers, size_t n)
{
    return (struct http_req){.host = str_from(host), .headers = headers, .header_count = n, .peer_loopback = true, .content_type = STR(""), .query = STR("")};
}

static void hosts(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool loopback;
        int status;
    } cases[] = {
        {"localhost", true, 0}, {"localhost:5000", true, 0}, {"LOCALHOST:5000", true, 0}, {"127.0.0.1", true, 0}, {"127.0.0.1:5000", true, 0},
        {"[::1]:5000", true, 0}, {"[::1]", true, 0}, {"evil.example", true, 403}, {"localhost.evil.example", true, 403},
        {"127.0.0.1.evil.example", true, 403}, {"evil.example:5000", true, 403}, {"127.0.0.2", true, 403}, {"0.0.0.0", true, 403}, {"localhos", true, 403},
        {"localhost", false, 403}, {"127.0.0.1:5000", false, 403}, {"ml.corp.example", false, 0}, {"ml.corp.example:443", false, 0},
        {"other.corp.example", false, 403}, {"fixed.example:9", false, 0}, {"fixed.example:10", false, 403}, {"fixed.example", false, 403},
    };
    static const struct str allowed[] = {STR_INIT("ml.corp.example"), STR_INIT("fixed.example:9")};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_req req = request(cases[i].host, NULL, 0);
        req.peer_loopback = cases[i].loopback;
        struct guard_verdict v = guard_host(&req, allowed, 2);
        if (v.status != cases[i].status)
            fail_msg("host %s: %d, want %d", cases[i].host, v.status, cases[i].status);
    }
    struct http_req req = request("anything", NULL, 0);
    req.peer_loopback = false;
    static const struct str any[] = {STR_INIT("*")};
    assert_int_equal(guard_host(&req, any, 1).status, 0);
}

/* Every combination is judged by a rule written down once more here, in other words than in guard.c. */
static void browser_matrix(void **state)
{
    (void)state;
    static const char *const origins[] = {NULL, "http://localhost:5000", "http://LOCALHOST:5000", "http://localhost", "http://evil.example", "null", "https://localhost:5000", "http://localhost:5001", "file://"};
    static const char *const sites[] = {NULL, "same-origin", "none", "same-site", "cross-site"};
    static const char *const types[] = {"", "application/json", "application/vnd.x+json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"};
    static const unsigned flags[] = {ROUTE_INLINE, ROUTE_WRITES, ROUTE_WRITES | ROUTE_ANY_TYPE};
    int checked = 0;
    for (size_t o = 0; o < ARRAY_LEN(origins); o++)
        for (size_t s = 0; s < ARRAY_LEN(sites); s++)
            for (size_t t = 0; t < ARRAY_LEN(types); t++)
                for (size_t f = 0; f < ARRAY_LEN(flags); f++)
                    for (int body = 0; body < 2; body++) {
                        struct http_header h[2];
                        size_t n = 0;
                        if (origins[o])
                            h[n++] = (struct http_header){STR("origin"), str_from(origins[o])};
                        if (sites[s])
                            h[n++] = (struct http_header){STR("sec-fetch-site"), str_from(sites[s])};
                        struct http_req req = request("localhost:5000", h, n);
                        req.content_type = str_from(types[t]);
                        req.has_body = body;
                        bool writes = flags[f] & ROUTE_WRITES, foreign = o > 2 || s > 2;
                        bool type_ok = (flags[f] & ROUTE_ANY_TYPE) || t == 1 || t == 2 || (t == 0 && !body);
                        int want = !writes ? 0 : foreign ? 403 : type_ok ? 0 : 415;
                        struct guard_verdict v = guard_browser(&req, flags[f], NULL, 0);
                        if (v.status != want)
                            fail_msg("origin %s site %s type %s flags %x body %d: %d, want %d", origins[o] ? origins[o] : "-", sites[s] ? sites[s] : "-", types[t], flags[f], body, v.status, want);
                        checked++;
                    }
    assert_int_equal(checked, 9 * 5 * 6 * 3 * 2);
}

static void tls_origin(void **state)
{
    (void)state;
    struct http_header h = {STR("origin"), STR("https://ml.corp.example")};
    struct http_req req = request("ml.corp.example:443", &h, 1);
    req.content_type = STR("application/json");
    req.tls = true;
    assert_int_equal(guard_browser(&req, ROUTE_WRITES, NULL, 0).status, 0);
    h.value = STR("http://ml.corp.example");
    assert_int_equal(guard_browser(&req, ROUTE_WRITES, NULL, 0).status, 403);
}

static void tokens(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"Bearer abc.def", "abc.def"}, {"bearer abc", "abc"}, {"Bearer  abc ", "abc"}, {"Bearer", ""}, {"Bearer ", ""}, {"Token abc", ""}, {"", ""},
        {"Basic dXNlcjpwYXNzOndvcmQ=", "pass:word"}, {"Basic dXNlcjo=", ""}, {"Basic dXNlcg==", ""}, {"Basic !!!!", ""}, {"Basic Og==", ""}, {"basic YTpi", "b"},
    };
    struct arena *a = arena_create(LIMIT_MIB(1));
    struct op op;
    op_init(&op, a);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_header h = {STR("authorization"), str_from(cases[i][0])};
        struct http_req req = request("localhost", &h, 1);
        struct str t = guard_token(&op, &req);
        if (!str_eqc(t, cases[i][1]))
            fail_msg("'%s': '%.*s', want '%s'", cases[i][0], STR_FMT(t), cases[i][1]);
    }
    arena_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hosts), cmocka_unit_test(browser_matrix), cmocka_unit_test(tls_origin), cmocka_unit_test(tokens)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
