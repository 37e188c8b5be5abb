/* The client against our own server: statuses, JSON errors, uploads, a server that is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "net/client.h"
#include "net/server.h"
#include "unit/net/sock_helper.h"

struct world {
    struct arena *arena;
    struct op op;
    struct pool *pool;
    struct server *server;
    struct client *client;
    int port;
};

static void plan(void *arg, struct op *op, struct http_req *req, struct http_res *res, struct http_plan *p)
{
    (void)arg, (void)op, (void)res;
    p->pool = str_eqc(req->path, "/slow");
}

static void handle(void *arg, struct op *op, struct http_req *req, struct http_res *res)
{
    struct str status = STR("200"), body = STR("");
    int64_t n;
    (void)arg;
    if (http_query_get(op, req, "status", &status) && str_parse_i64(status, &n))
        res->status = (int)n;
    if (str_eqc(req->path, "/slow"))
        time_sleep_ms(1500);
    if (http_query_get(op, req, "body", &body)) {
        buf_add_str(&res->body, body);
        http_set_type(res, "application/json");
        return;
    }
    http_set_type(res, "text/x-echo");
    buf_addf(&res->body, "%.*s|%.*s|%.*s|", STR_FMT(req->method_text), STR_FMT(req->content_type), STR_FMT(http_header_get(req, "authorization")));
    buf_add_str(&res->body, req->body);
}

static void refuse(void *arg, struct op *op, int status, const char *text, struct http_res *res)
{
    (void)arg, (void)op, (void)text;
    res->status = status;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    w->arena = arena_create(LIMIT_MIB(64));
    op_init(&w->op, w->arena);
    w->pool = pool_create("client", 2, 8);
    struct server_config sc = {.host = STR("127.0.0.1"), .io_threads = 1, .pool = w->pool, .handler = {.plan = plan, .handle = handle, .refuse = refuse}};
    assert_int_equal(server_start(&w->op, &sc, &w->server, &w->port), OK);
    struct client_config cc = {.base_url = str_from(op_printf(&w->op, "http://127.0.0.1:%d/", w->port)), .bearer_token = STR("s3cret"), .timeout_ms = 1000};
    assert_int_equal(client_create(&w->op, &cc, &w->client), OK);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    client_destroy(w->client);
    server_stop(w->server);
    pool_destroy(w->pool);
    arena_destroy(w->arena);
    free(w);
    return 0;
}

static const struct str none = {NULL, 0};

static void calls(void **state)
{
    struct world *w = *state;
    struct client_answer a;
    assert_int_equal(client_call(&w->op, w->client, "GET", STR("/x"), STR(""), none, &a), OK);
    assert_true(a.status == 200 && str_eqc(a.body, "GET||Bearer s3cret|") && str_eqc(a.content_type, "text/x-echo"));
    assert_int_equal(client_call(&w->op, w->client, "PUT", STR("/x?status=404"), STR("text/plain"), STR("abc"), &a), OK);
    assert_true(a.status == 404 && str_eqc(a.body, "PUT|text/plain|Bearer s3cret|abc"));
    assert_int_equal(client_call(&w->op, w->client, "POST", STR("/x"), STR("application/json"), STR(""), &a), OK);
    assert_true(str_eqc(a.body, "POST|application/json|Bearer s3cret|"));
    assert_int_equal(client_call(&w->op, w->client, "DELETE", STR("/x"), STR(""), none, &a), OK);
    assert_true(str_eqc(a.body, "DELETE||Bearer s3cret|"));
    assert_int_equal(client_call(&w->op, w->client, "HEAD", STR("/x"), STR(""), none, &a), OK);
    assert_true(a.status == 200 && a.body.len == 0);
    assert_int_equal(client_call(&w->op, w->client, "GET", STR("/x"), STR(""), none, &a), OK); /* nothing is left over */
    assert_true(str_eqc(a.body, "GET||Bearer s3cret|"));
}

static void uploads(void **state)
{
    struct world *w = *state;
    struct client_answer a;
    char path[] = "/tmp/ingot-test-upload-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, "from a file", 11) == 11);
    close(fd);
    assert_int_equal(client_upload(&w->op, w->client, "PUT", STR("/x"), STR("text/plain"), path, &a), OK);
    assert_true(str_eqc(a.body, "PUT|text/plain|Bearer s3cret|from a file"));
    unlink(path);
    assert_int_equal(client_upload(&w->op, w->client, "PUT", STR("/x"), STR("text/plain"), path, &a), E_NOT_FOUND);
}

static void json_calls(void **state)
{
    struct world *w = *state;
    struct json *j;
    assert_int_equal(client_json(&w->op, w->client, "GET", STR("/x?body=%7B%22a%22%3A1%7D"), none, &j), OK);
    int64_t v;
    assert_int_equal(json_want_i64(&w->op, j, "a", 0, 9, &v), OK);
    static const struct {
        const char *path;
        enum err e;
        const char *text;
    } cases[] = {
        {"/x?status=404&body=%7B%22error_code%22%3A%22X%22%2C%22message%22%3A%22no+run%22%7D", E_NOT_FOUND, "404 no run"},
        {"/x?status=409&body=%7B%22error%22%3A%22busy+model%22%7D", E_EXISTS, "409 busy model"},
        {"/x?status=400&body=%7B%22error%22%3A%7B%22message%22%3A%22deep%22%7D%7D", E_INVALID, "400 deep"},
        {"/x?status=401&body=not+json", E_UNAUTHENTICATED, "401 Unauthorized"},
        {"/x?status=502&body=", E_IO, "502 Bad Gateway"},
        {"/x?status=422&body=%7B%7D", E_INVALID, "422 Unprocessable Content"},
        {"/x?status=503&body=%7B%7D", E_BUSY, "503"},
        {"/x?status=200&body=not+json", E_INVALID, "/x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        op_clear(&w->op);
        enum err e = client_json(&w->op, w->client, "GET", str_from(cases[i].path), none, &j);
        bool same = e == cases[i].e || (e == E_CONFLICT && cases[i].e == E_EXISTS); /* both are 409 */
        if (!same || !strstr(w->op.msg, cases[i].text))
            fail_msg("case %zu: %s %s", i, err_name(e), w->op.msg);
    }
}

static void failures(void **state)
{
    struct world *w = *state;
    struct client_answer a;
    assert_int_equal(client_call(&w->op, w->client, "GET", STR("/slow"), STR(""), none, &a), E_TIMEOUT);
    op_clear(&w->op);
    struct client *c;
    struct client_config cc = {.base_url = STR("ftp://127.0.0.1")};
    assert_int_equal(client_create(&w->op, &cc, &c), E_INVALID);
    op_clear(&w->op);
    cc.base_url = STR("http://127.0.0.1:1");
    assert_int_equal(client_create(&w->op, &cc, &c), OK);
    assert_int_equal(client_call(&w->op, c, "GET", STR("/"), STR(""), none, &a), E_IO);
    assert_non_null(strstr(w->op.msg, "http://127.0.0.1:1/"));
    client_destroy(c);
    client_destroy(NULL);
}

int main(void)
{
    log_setup(LOG_ERROR, LOG_TEXT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(calls, setup, teardown), cmocka_unit_test_setup_teardown(uploads, setup, teardown),
        cmocka_unit_test_setup_teardown(json_calls, setup, teardown), cmocka_unit_test_setup_teardown(failures, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
