/* Fields of a request become the same struct that an HTTP/1.1 head becomes, or are refused for the same reasons. */
#include "h2_helper.h"

#include "net/conn.h"
#include "net/http2_head.h"

struct fixture {
    struct net_env env;
    struct conn conn;
    struct http_exchange *ex;
};

static void begin(struct fixture *f)
{
    *f = (struct fixture){0};
    f->conn.env = &f->env;
    f->ex = exchange_get(&f->env, &f->conn);
}

static void end(struct fixture *f)
{
    exchange_put(f->ex);
    exchange_free_spare(&f->env);
}

/* "name: value" lines; true when the head is accepted. */
static bool head(struct fixture *f, const char *fields)
{
    struct str rest = str_from(fields), line;
    while (rest.p && str_split(&rest, '\n', &line)) {
        if (line.len == 0)
            continue;
        size_t at = str_find(str_sub(line, 1, SIZE_MAX), STR(": ")) + 1;
        http2_head_add(f->ex, str_sub(line, 0, at), str_sub(line, at + 2, SIZE_MAX));
    }
    return http2_head_finish(f->ex, true);
}

static void a_request(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    assert_true(head(&f, H2_POST("/a%20b?x=1") "content-type: Application/GRPC; x=y\nuser-agent: me\ncookie: a=1\ncookie: b=2\nx: y\ncookie: c=3\n"));
    struct http_req *req = &f.ex->req;
    assert_int_equal(req->version, 20);
    assert_int_equal(req->method, HTTP_POST);
    assert_true(str_eqc(req->path, "/a b"));
    assert_true(str_eqc(req->query, "x=1"));
    assert_true(str_eqc(req->target, "/a%20b?x=1"));
    assert_true(str_eqc(req->host, "localhost"));
    assert_true(str_eqc(req->content_type, "application/grpc"));
    assert_false(req->has_body);
    assert_int_equal(req->header_count, 4);
    assert_true(str_eqc(http_header_get(req, "cookie"), "a=1; b=2; c=3"));
    assert_true(str_eqc(http_header_get(req, "x"), "y"));
    assert_null(http_header_get(req, ":path").p);
    end(&f);
    begin(&f);
    assert_true(head(&f, ":method: HEAD\n:scheme: https\n:path: /x\nhost: Example:80\n"));
    assert_true(str_eqc(f.ex->req.host, "Example:80"));
    assert_true(f.ex->head_only);
    end(&f);
    begin(&f);
    assert_true(head(&f, H2_GET("/x") "host: LOCALHOST\n"));
    end(&f);
    begin(&f);
    assert_true(head(&f, ":method: OPTIONS\n:scheme: http\n:authority: localhost\n:path: *\n"));
    assert_true(str_eqc(f.ex->req.path, "/"));
    end(&f);
}

static void refused_heads(void **state)
{
    (void)state;
    static const struct {
        const char *fields;
        int status;
    } bad[] = {
        {H2_GET("/x") "host: other\n", 400},
        {":method: GET\n:scheme: http\n:path: /x\n", 400},
        {":method: GET\n:scheme: http\n:authority: a b\n:path: /x\n", 400},
        {":method: GET\n:scheme: http\n:authority: u@localhost\n:path: /x\n", 400},
        {":method: GET\n:scheme: http\n:authority: a,b\n:path: /x\n", 400},
        {":method: CONNECT\n:authority: localhost:80\n", 400},
        {":method: get\n:scheme: http\n:authority: localhost\n:path: /x\n", 400},
        {H2_GET("/../x"), 400},
        {H2_GET("/%2e%2e/x"), 400},
        {H2_GET("/a//b"), 400},
        {H2_GET("/%252e"), 400},
        {H2_GET("/x#y"), 400},
        {H2_GET("/x y"), 400},
        {H2_GET("/\x80"), 400},
        {H2_GET("x"), 400},
        {H2_GET("http://other/x"), 400},
        {H2_GET("*"), 400},
        {H2_POST("/x") "content-length: 1\ncontent-length: 1\n", 400},
        {H2_POST("/x") "content-length: +1\n", 400},
        {H2_POST("/x") "content-encoding: br\n", 415},
        {H2_POST("/x") "expect: something\n", 417},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct fixture f;
        begin(&f);
        if (head(&f, bad[i].fields) || f.ex->h2.fault.status != bad[i].status)
            fail_msg("%s: %d", bad[i].fields, f.ex->h2.fault.status);
        end(&f);
    }
}

static void too_much(void **state)
{
    (void)state;
    struct fixture f;
    char *text = malloc(LIMIT_HTTP_TARGET_BYTES + 100);
    memset(text, 'a', LIMIT_HTTP_TARGET_BYTES + 100);
    text[0] = '/';
    begin(&f);
    http2_head_add(f.ex, STR(":path"), (struct str){text, LIMIT_HTTP_TARGET_BYTES + 1});
    assert_false(head(&f, ":method: GET\n:scheme: http\n:authority: localhost\n"));
    assert_int_equal(f.ex->h2.fault.status, 414);
    end(&f);
    for (int extra = 0; extra < 2; extra++) { /* the last field that fits, and one more */
        begin(&f);
        for (int i = 0; i < LIMIT_HTTP_HEADERS + extra; i++)
            http2_head_add(f.ex, STR("a"), STR("b"));
        assert_int_equal(f.ex->h2.fault.status, extra ? 431 : 0);
        assert_int_equal(f.ex->req.header_count, LIMIT_HTTP_HEADERS);
        end(&f);
    }
    begin(&f);
    for (int i = 0; i < 90; i++)
        http2_head_add(f.ex, STR("a"), (struct str){text, 1000});
    assert_int_equal(f.ex->h2.fault.status, 431);
    size_t kept = arena_used(f.ex->arena);
    for (int i = 0; i < 1000; i++)
        http2_head_add(f.ex, STR("a"), (struct str){text, 1000});
    assert_int_equal(arena_used(f.ex->arena), kept); /* counted, not kept */
    end(&f);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_request), cmocka_unit_test(refused_heads), cmocka_unit_test(too_much)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
