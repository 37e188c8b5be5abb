/* The gate, over the loopback: rows, errors, identities and permissions; the authorisation matrix is made from the
 * route table itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/dispatch.h"
#include "base/limits.h"
#include "base/log.h"
#include "net/loopback.h"

static int handled;

static enum err answer(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)s;
    handled++;
    if (req->path_arg_count)
        buf_addf(&res->body, "arg=%.*s ", STR_FMT(req->path_args[0]));
    buf_addf(&res->body, "actor=%.*s body=%.*s", STR_FMT(op->actor.name), STR_FMT(req->body));
    return OK;
}
static enum err missing(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)s, (void)req;
    buf_add_cstr(&res->body, "half an answer");
    http_set_header(res, "X-Half", STR("1"));
    return op_fail(op, E_NOT_FOUND, "run 'x\"y' does not exist");
}
static enum err silent(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)op, (void)s, (void)req, (void)res;
    return E_CONFLICT;
}
static enum err lived_with(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)s, (void)req;
    enum err e = op_fail(op, E_NOT_FOUND, "no cache");
    buf_addf(&res->body, "went on after %s", err_name(e));
    return OK;
}

static enum err answer_later(struct op *op, struct http_req *req, struct http_res *res, void *arg)
{
    (void)op, (void)req;
    buf_addf(&res->body, "later %s", (const char *)arg);
    return OK;
}
/* What the last segment says happens: the work ends at once here; on other threads it is tests/unit/net/test_exchange.c. */
static enum err later(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    (void)s;
    char *how = str_cstr(op->arena, req->path_args[0]);
    void *l = http_later(res, answer_later, how);
    if (!strcmp(how, "refused")) /* nothing was started */
        return op_fail(op, E_INVALID, "refused");
    http_later_done(l, !strcmp(how, "failed") ? op_fail(op, E_CONFLICT, "failed") : OK);
    return OK;
}

static void dialect_form(struct op *op, struct http_req *req, struct http_res *res)
{
    (void)req;
    res->status = err_http(op->err);
    http_set_type(res, "application/json");
    buf_addf(&res->body, "{\"dialect\":\"%s\"}", err_name(op->err));
}

static const struct route rows[] = {
    {"GET", "/public", answer, PERM_PUBLIC, ROUTE_INLINE, 0, "x"},
    {"GET", "/read/{id}", answer, PERM_READ, ROUTE_INLINE, 0, "x"},
    {"GET", "/read-pool", answer, PERM_READ, ROUTE_POOL, 0, "x"},
    {"POST", "/run", answer, PERM_RUN_WRITE, ROUTE_POOL | ROUTE_WRITES, 100, "x"},
    {"PUT", "/file/{path*}", answer, PERM_MODEL_WRITE, ROUTE_POOL | ROUTE_WRITES | ROUTE_ANY_TYPE, 0, "x"},
    {"POST", "/infer", answer, PERM_INFER, ROUTE_INLINE, 0, "x"},
    {"POST", "/features", answer, PERM_FEATURE_WRITE, ROUTE_INLINE | ROUTE_WRITES, 0, "x"},
    {"PATCH", "/deploy", answer, PERM_DEPLOY, ROUTE_POOL | ROUTE_WRITES, 0, "x"},
    {"DELETE", "/admin", answer, PERM_ADMIN, ROUTE_POOL | ROUTE_WRITES, 0, "x"},
    {"GET", "/missing", missing, PERM_READ, ROUTE_INLINE, 0, "x"},
    {"GET", "/silent", silent, PERM_READ, ROUTE_POOL, 0, "x"},
    {"GET", "/lived", lived_with, PERM_READ, ROUTE_POOL, 0, "x"},
    {"GET", "/later/{how}", later, PERM_READ, ROUTE_LATER, 0, "x"},
};
static const struct route_table table = {.dialect = "test", .rows = rows, .len = ARRAY_LEN(rows), .error = dialect_form};
static const struct route_table *const tables[] = {&table, NULL};

/* Tokens "p<N>" carry exactly permission N (and PUBLIC); "all" everything; others nobody. */
static enum err check(void *arg, struct op *op, struct str token, bool peer_loopback, struct actor *ret)
{
    (void)arg, (void)peer_loopback;
    uint64_t perm;
    if (str_eqc(token, "all")) {
        *ret = (struct actor){STR("root"), UINT32_MAX};
        return OK;
    }
    if (token.len > 1 && token.p[0] == 'p' && str_parse_u64(str_sub(token, 1, SIZE_MAX), &perm) && perm < PERM_COUNT) {
        *ret = (struct actor){STR("limited"), 1u << perm | 1u << PERM_PUBLIC};
        return OK;
    }
    return op_fail(op, E_UNAUTHENTICATED, "who are you?");
}

struct fixture {
    struct arena *arena;
    struct op op;
    struct dispatch *d;
    struct buf out;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->arena = arena_create(LIMIT_MIB(64));
    op_init(&f->op, f->arena);
    buf_init(&f->out, LIMIT_MIB(4));
    struct dispatch_config c = {.tables = tables, .auth = {.check = check}, .missing = STR("/public")};
    assert_int_equal(dispatch_create(&f->op, &c, &f->d), OK);
    log_setup(LOG_ERROR, LOG_TEXT);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    dispatch_destroy(f->d);
    buf_clear(&f->out);
    arena_destroy(f->arena);
    free(f);
    return 0;
}

/* Status of one request; `extra`: further header lines. The answer stays in f->out. */
static int ask(struct fixture *f, const char *method, const char *path, const char *extra, const char *body)
{
    struct http_handler h = dispatch_handler(f->d);
    bool closed;
    char length[64] = "";
    if (body)
        snprintf(length, sizeof length, "Content-Length: %zu\r\n", strlen(body));
    const char *text = op_printf(&f->op, "%s %s HTTP/1.1\r\n%s%s%s\r\n%s", method, path, strstr(extra, "Host:") ? "" : "Host: localhost\r\n", extra, length, body ? body : "");
    buf_reset(&f->out);
    handled = 0;
    assert_int_equal(loopback_exchange(&f->op, &h, str_from(text), 0, &f->out, &closed), OK);
    int status = 0;
    assert_int_equal(sscanf(f->out.p, "HTTP/1.1 %d", &status), 1);
    return status;
}

static bool says(const struct fixture *f, const char *text)
{
    return strstr(f->out.p, text) != NULL;
}

#define ALL "Authorization: Bearer all\r\n"
#define JSON "Content-Type: application/json\r\n"

static void answers(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "GET", "/public", "", NULL), 200);
    assert_true(says(f, "actor=anonymous"));
    assert_true(says(f, "X-Content-Type-Options: nosniff\r\n") && says(f, "X-Frame-Options: SAMEORIGIN\r\n") && says(f, "Cache-Control: no-store\r\n"));
    assert_true(says(f, "X-Request-Id: "));
    assert_int_equal(ask(f, "GET", "/public", "X-Request-Id: abc-1\r\n", NULL), 200);
    assert_true(says(f, "X-Request-Id: abc-1\r\n"));
    assert_int_equal(ask(f, "GET", "/public", "X-Request-Id: <script>\r\n", NULL), 200);
    assert_false(says(f, "script"));
    assert_int_equal(ask(f, "GET", "/read/a%20b", ALL, NULL), 200);
    assert_true(says(f, "arg=a b actor=root"));
    assert_int_equal(ask(f, "HEAD", "/read/x", ALL, NULL), 200);
    assert_false(says(f, "actor=root"));
    assert_true(says(f, "Content-Length: "));
    assert_int_equal(ask(f, "POST", "/run", ALL JSON, "{}"), 200);
    assert_true(says(f, "body={}"));
    assert_int_equal(ask(f, "PUT", "/file/a/b", ALL, "bytes"), 200);
    assert_int_equal(ask(f, "GET", "/lived", ALL, NULL), 200);
    assert_true(says(f, "went on after NOT_FOUND"));
}

/* What reads pages is shown one at an address that is nobody's; programs, other methods and what stands below api/ get the error. */
static void missing_page(void **state)
{
    struct fixture *f = *state;
    const char *pages = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";
    assert_int_equal(ask(f, "GET", "/nowhere", pages, NULL), 200);
    assert_true(says(f, "actor=anonymous"));
    assert_int_equal(ask(f, "HEAD", "/nowhere", pages, NULL), 200);
    static const char *const others[][3] = {{"GET", "/nowhere", "Accept: */*\r\n"}, {"GET", "/nowhere", "Accept: application/json\r\n"}, {"GET", "/nowhere", ""},
                                            {"GET", "/api/nowhere", "Accept: text/html\r\n"}, {"GET", "/ajax-api/nowhere", "Accept: text/html\r\n"},
                                            {"OPTIONS", "/nowhere", "Accept: text/html\r\n"}, {"DELETE", "/nowhere", "Accept: text/html\r\n"}};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_int_equal(ask(f, others[i][0], others[i][1], others[i][2], NULL), 404);
        assert_true(says(f, "\"error_code\":\"NOT_FOUND\"") && says(f, "Content-Type: application/json"));
    }
    assert_int_equal(ask(f, "GET", "/run", pages, NULL), 405); /* it is somebody's */
    assert_int_equal(ask(f, "GET", "/missing", op_printf(&f->op, "%s" ALL, pages), NULL), 404);
    assert_true(says(f, "{\"dialect\":\"NOT_FOUND\"}"));
}

static void failures(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "GET", "/nowhere", "", NULL), 404);
    assert_true(says(f, "\"error_code\":\"NOT_FOUND\"") && says(f, "Content-Type: application/json"));
    assert_int_equal(ask(f, "POST", "/public", "", NULL), 405);
    assert_true(says(f, "Allow: GET, HEAD, OPTIONS\r\n"));
    assert_int_equal(ask(f, "PROPFIND", "/public", "", NULL), 405);
    assert_int_equal(ask(f, "OPTIONS", "/run", "", NULL), 204);
    assert_true(says(f, "Allow: POST, OPTIONS\r\n"));
    assert_int_equal(ask(f, "OPTIONS", "/nowhere", "", NULL), 404);
    assert_int_equal(ask(f, "GET", "/missing", ALL, NULL), 404);
    assert_true(says(f, "{\"dialect\":\"NOT_FOUND\"}"));
    assert_false(says(f, "half an answer") || says(f, "X-Half")); /* nothing of the broken answer leaves */
    assert_true(says(f, "nosniff"));
    assert_int_equal(ask(f, "GET", "/silent", ALL, NULL), 500);
    assert_int_equal(ask(f, "POST", "/run", ALL JSON, op_printf(&f->op, "%0101d", 1)), 413);
    assert_true(says(f, "{\"dialect\":\"TOO_LARGE\"}"));
    assert_int_equal(handled, 0);
    assert_int_equal(ask(f, "POST", "/run", ALL JSON "Transfer-Encoding: chunked\r\n\r\n65\r\n"
                         "12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901\r\n0\r\n", NULL), 413);
    assert_int_equal(ask(f, "GET", "/public", "Host: a b\r\n", NULL), 400);
    assert_true(says(f, "\"error_code\":\"INVALID\"") && says(f, "nosniff"));
    assert_int_equal(ask(f, "GET", "/public", "Host: evil.example\r\n", NULL), 403);
    assert_true(says(f, "Invalid Host header - possible DNS rebinding attack detected"));
    assert_int_equal(ask(f, "POST", "/run", ALL JSON "Origin: http://evil.example\r\n", "{}"), 403);
    assert_true(says(f, "{\"dialect\":\"DENIED\"}"));
    assert_int_equal(ask(f, "POST", "/run", ALL "Content-Type: text/plain\r\n", "{}"), 415);
    assert_int_equal(handled, 0);
}

/* Every row of the table x every token x aliases of the path. */
struct matrix {
    struct fixture *f;
    int checked;
};

static void matrix_row(void *arg, const struct route_table *t, const struct route *r)
{
    struct matrix *m = arg;
    (void)t;
    char path[128];
    snprintf(path, sizeof path, "%s", r->path);
    char *brace = strchr(path, '{');
    if (brace)
        snprintf(brace, 4, "abc");
    if (r->handler != answer)
        return;
    static const char *const none[] = {"", "Authorization: Bearer wrong\r\n", "Authorization: Basic YTpi\r\n", "Authorization: Bearer ' OR '1'='1\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(none); i++, m->checked++) {
        char headers[256];
        snprintf(headers, sizeof headers, "%s" JSON, none[i]);
        int want = r->perm == PERM_PUBLIC ? 200 : 401;
        if (ask(m->f, r->method, path, headers, NULL) != want || handled != (want == 200))
            fail_msg("%s %s with '%s': want %d:\n%s", r->method, path, none[i], want, m->f->out.p);
        if (want == 401)
            assert_true(says(m->f, "WWW-Authenticate: Bearer"));
    }
    for (int p = PERM_PUBLIC; p < PERM_COUNT; p++, m->checked++) {
        char headers[256];
        snprintf(headers, sizeof headers, "Authorization: Bearer p%d\r\n" JSON, p);
        int want = r->perm == PERM_PUBLIC || (int)r->perm == p ? 200 : 403;
        if (ask(m->f, r->method, path, headers, NULL) != want || handled != (want == 200))
            fail_msg("%s %s with permission %d: want %d:\n%s", r->method, path, p, want, m->f->out.p);
    }
    /* Other spellings of the same path reach nothing. */
    static const char *const aliases[] = {"/%s", "%s/", "%s;x", "/.%s", "%s/.", "/x/..%s", "%s%%2f", "%s%%00"};
    for (size_t i = 0; i < ARRAY_LEN(aliases); i++, m->checked++) {
        char other[160];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(other, sizeof other, aliases[i], path);
#pragma GCC diagnostic pop
        int got = ask(m->f, r->method, other, "Content-Type: application/json\r\n", NULL);
        if (got < 400 || handled)
            fail_msg("%s %s: %d", r->method, other, got);
    }
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++, m->checked++) {
        if (strcmp(methods[i], r->method) == 0)
            continue;
        assert_int_equal(ask(m->f, methods[i], path, "X-HTTP-Method-Override: POST\r\n" JSON, NULL), 405);
        assert_int_equal(handled, 0);
    }
}

static void authorisation_matrix(void **state)
{
    struct matrix m = {.f = *state};
    dispatch_each(m.f->d, matrix_row, &m);
    assert_int_equal(m.checked, 9 * (4 + (PERM_COUNT - 1) + 8 + 7));
}

static void refused_tables(void **state)
{
    struct fixture *f = *state;
    static const struct route bad[] = {
        {"GET", "/x", answer, PERM_NONE, ROUTE_INLINE, 0, "x"}, {"GET", "/x", NULL, PERM_READ, ROUTE_INLINE, 0, "x"},
        {"GET", "/x", answer, PERM_COUNT, ROUTE_INLINE, 0, "x"}, {"GET", "/x", answer, PERM_READ, 0, 0, "x"},
        {"GET", "/x", answer, PERM_READ, ROUTE_INLINE | ROUTE_POOL, 0, "x"}, {"GET", "/x", answer, PERM_READ, ROUTE_LATER | ROUTE_POOL, 0, "x"},
        {"PUT", "/x", answer, PERM_READ, ROUTE_LATER | ROUTE_STREAM_BODY, 0, "x"}, {"PUT", "/x", answer, PERM_READ, ROUTE_INLINE | ROUTE_STREAM_BODY, 0, "x"},
        {"GET", "x", answer, PERM_READ, ROUTE_INLINE, 0, "x"}, {"GET", "/public", answer, PERM_READ, ROUTE_INLINE, 0, "x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct route_table one = {.dialect = "bad", .rows = &bad[i], .len = 1};
        const struct route_table *const two[] = {&table, &one, NULL};
        struct dispatch_config c = {.tables = two, .auth = {.check = check}};
        struct dispatch *d;
        op_clear(&f->op);
        if (dispatch_create(&f->op, &c, &d) != E_INVALID)
            fail_msg("row %zu was taken", i);
    }
}

/* Answered, refused and failed later: each is in the dialect's form and counted once. */
static void later_answers(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "GET", "/later/well", ALL, NULL), 200);
    assert_true(says(f, "later well"));
    assert_int_equal(ask(f, "GET", "/later/failed", ALL, NULL), 409);
    assert_true(says(f, "{\"dialect\":\"CONFLICT\"}"));
    assert_int_equal(ask(f, "GET", "/later/refused", ALL, NULL), 400);
    assert_true(says(f, "{\"dialect\":\"INVALID\"}"));
    struct buf b;
    buf_init(&b, LIMIT_MIB(1));
    dispatch_metrics(f->d, &b);
    assert_non_null(strstr(b.p, "ingot_http_requests_total{method=\"GET\",route=\"/later/{how}\",code=\"2xx\"} 1\n"));
    assert_non_null(strstr(b.p, "ingot_http_requests_total{method=\"GET\",route=\"/later/{how}\",code=\"4xx\"} 2\n"));
    assert_non_null(strstr(b.p, "ingot_http_request_duration_seconds_count{method=\"GET\",route=\"/later/{how}\"} 3\n"));
    buf_clear(&b);
}

static void metrics(void **state)
{
    struct fixture *f = *state;
    ask(f, "GET", "/public", "", NULL);
    ask(f, "GET", "/public", "", NULL);
    ask(f, "GET", "/read/1", "", NULL);
    ask(f, "GET", "/nowhere", "", NULL);
    ask(f, "GET", "/public", "Host: a b\r\n", NULL);
    struct buf b;
    buf_init(&b, LIMIT_MIB(1));
    dispatch_metrics(f->d, &b);
    assert_non_null(strstr(b.p, "ingot_http_requests_total{method=\"GET\",route=\"/public\",code=\"2xx\"} 2\n"));
    assert_non_null(strstr(b.p, "ingot_http_requests_total{method=\"GET\",route=\"/read/{id}\",code=\"4xx\"} 1\n"));
    assert_non_null(strstr(b.p, "ingot_http_requests_total{method=\"\",route=\"(none)\",code=\"4xx\"} 1\n"));
    assert_non_null(strstr(b.p, "ingot_http_requests_total{method=\"\",route=\"(refused)\",code=\"4xx\"} 1\n"));
    assert_non_null(strstr(b.p, "ingot_http_request_duration_seconds_bucket{method=\"GET\",route=\"/public\",le=\"+Inf\"} 2\n"));
    assert_non_null(strstr(b.p, "ingot_http_request_duration_seconds_bucket{method=\"GET\",route=\"/public\",le=\"0.0001\"} "));
    assert_non_null(strstr(b.p, "ingot_http_request_duration_seconds_count{method=\"GET\",route=\"/public\"} 2\n"));
    buf_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers, setup, teardown), cmocka_unit_test_setup_teardown(missing_page, setup, teardown),
        cmocka_unit_test_setup_teardown(failures, setup, teardown),
        cmocka_unit_test_setup_teardown(authorisation_matrix, setup, teardown), cmocka_unit_test_setup_teardown(refused_tables, setup, teardown),
        cmocka_unit_test_setup_teardown(metrics, setup, teardown), cmocka_unit_test_setup_teardown(later_answers, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
