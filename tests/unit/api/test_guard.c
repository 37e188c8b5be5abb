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

/* "*" stands for any text, in hosts and in origins. */
static void patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *host;
        bool fits;
    } cases[] = {
        {"*", "x", true}, {"*.a.example", "b.a.example", true}, {"*.a.example", "a.example", false}, {"*.a.example", "b.a.example.evil", false},
        {"10.*", "10.1.2.3", true}, {"10.*", "110.1.2.3", false}, {"app-*.example:80*", "app-1.example:8080", true}, {"app-*.example", "app-1.example:8080", true},
        {"A.Example", "a.eXAMPLE", true}, {"*a*b*c*", "xxaxxbxxcxx", true}, {"*a*b*c*", "xxaxxcxxbxx", false}, {"**", "", true}, {"", "x", false},
        {"*aaaaaaaaaaaaaaab", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_req req = request(cases[i].host, NULL, 0);
        req.peer_loopback = false;
        struct str allowed = str_from(cases[i].pattern);
        if (!guard_host(&req, &allowed, 1).status != cases[i].fits)
            fail_msg("%s and %s", cases[i].pattern, cases[i].host);
    }
    struct http_req probe = request("10.0.0.7:5000", NULL, 0);
    probe.peer_loopback = false;
    probe.path = STR("/health");
    assert_int_equal(guard_host(&probe, NULL, 0).status, 0);
    probe.path = STR("/healthy");
    assert_int_equal(guard_host(&probe, NULL, 0).status, 403);
}

static const char *sent(const struct http_res *res, const char *name)
{
    for (size_t i = 0; i < res->header_count; i++)
        if (str_ieq(res->headers[i].name, str_from(name)))
            return res->headers[i].value.p;
    return NULL;
}

static void listed_origins(void **state)
{
    (void)state;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(1));
    struct op op;
    op_init(&op, arena);
    static const struct str list[] = {STR_INIT("https://app.example"), STR_INIT("https://*.lab.example")}, any[] = {STR_INIT("*")};
    static const struct {
        const char *origin;
        bool ok;
    } cases[] = {{"https://app.example", true}, {"https://x.lab.example", true}, {"https://lab.example", false}, {"http://app.example", false}, {"null", false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_header h[] = {{STR("origin"), str_from(cases[i].origin)}, {STR("sec-fetch-site"), STR("cross-site")}};
        struct http_req req = request("localhost:5000", h, 2);
        struct http_res res = {0};
        assert_int_equal(guard_browser(&req, ROUTE_WRITES, list, 2).status, cases[i].ok ? 0 : 403);
        guard_cors(&op, &req, list, 2, &res);
        assert_int_equal(sent(&res, "Access-Control-Allow-Origin") != NULL, cases[i].ok);
        assert_int_equal(sent(&res, "Access-Control-Allow-Credentials") != NULL, cases[i].ok);
        assert_non_null(sent(&res, "Vary"));
        struct http_res all = {0};
        guard_cors(&op, &req, any, 1, &all);
        assert_string_equal(sent(&all, "Access-Control-Allow-Origin"), "*");
        assert_null(sent(&all, "Access-Control-Allow-Credentials"));
        struct http_res none = {0};
        guard_cors(&op, &req, NULL, 0, &none);
        assert_int_equal(none.header_count, 0);
    }
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

static void cookies(void **state)
{
    (void)state;
    static const struct {
        const char *host, *cookie, *want;
    } cases[] = {
        {"localhost:5000", "ingot_session_5000=abc", "abc"}, {"localhost:5000", "a=b; ingot_session_5000=abc;c=d", "abc"}, {"localhost", "ingot_session=abc", "abc"},
        {"[::1]:80", "ingot_session_80=abc", "abc"},         {"localhost:5000", "ingot_session=abc", ""},                  {"localhost:5000", "xingot_session_5000=abc", ""},
        {"localhost:5000", "ingot_session_5000", ""},        {"localhost:5000", "ingot_session_50001=abc", ""},            {"localhost:5000", "", ""},
        {"localhost:5000", ";;=;", ""},                      {"localhost:x", "ingot_session=abc", "abc"},                  {"localhost:5000", "a=ingot_session_5000=abc", ""},
    };
    struct arena *a = arena_create(LIMIT_MIB(1));
    struct op op;
    op_init(&op, a);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_header h[] = {{STR("cookie"), str_from(cases[i].cookie)}, {STR("authorization"), STR("Bearer x")}};
        struct http_req req = request(cases[i].host, h, 1);
        if (!str_eqc(guard_session(&op, &req), cases[i].want))
            fail_msg("'%s' at '%s'", cases[i].cookie, cases[i].host);
        req = request(cases[i].host, h, 2); /* a token speaks before it */
        assert_int_equal(guard_session(&op, &req).len, 0);
    }
    arena_destroy(a);
}

static void a_cookie_speaks_for_our_own_pages(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
        bool reads, writes;
    } cases[] = {
        {"accept", "x", true, false},
        {"x-ingot-request", "1", true, true},
        {"x-ingot-request", "", true, false},
        {"origin", "http://localhost:5000", true, false},
        {"origin", "http://evil.example", false, false},
        {"origin", "null", false, false},
        {"sec-fetch-site", "same-origin", true, false},
        {"sec-fetch-site", "none", true, false},
        {"sec-fetch-site", "same-site", false, false},
        {"sec-fetch-site", "cross-site", false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_header h = {str_from(cases[i].name), str_from(cases[i].value)};
        struct http_req req = request("localhost:5000", &h, 1);
        bool reads = !guard_cookie_refusal(&req, ROUTE_POOL), writes = !guard_cookie_refusal(&req, ROUTE_POOL | ROUTE_WRITES);
        if (reads != cases[i].reads || writes != cases[i].writes)
            fail_msg("%s: %s", cases[i].name, cases[i].value);
    }
    struct http_header script = {STR("sec-fetch-dest"), STR("empty")}, page = {STR("sec-fetch-dest"), STR("document")};
    struct http_req req = request("localhost", &script, 1);
    assert_true(guard_is_script(&req));
    req = request("localhost", &page, 1);
    assert_false(guard_is_script(&req));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hosts), cmocka_unit_test(browser_matrix), cmocka_unit_test(patterns), cmocka_unit_test(listed_origins), cmocka_unit_test(tls_origin), cmocka_unit_test(tokens),
                                       cmocka_unit_test(cookies), cmocka_unit_test(a_cookie_speaks_for_our_own_pages)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
