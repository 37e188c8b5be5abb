/* web_fixture.h - one dialect's routes before the serve fixture, asked in HTTP bytes through the loopback. The includer defines
 * WEB_ROUTES, the table under test. */
#ifndef INGOT_TESTS_UNIT_API_WEB_FIXTURE_H
#define INGOT_TESTS_UNIT_API_WEB_FIXTURE_H

#include "api/dispatch.h"
#include "api/services.h"
#include "net/loopback.h"
#include "unit/core/serve/serve_fixture.h"

struct web {
    struct fixture *f;
    struct services services;
    struct dispatch *dispatch;
    struct buf out;              /* the last answer */
};

static enum err web_anybody(void *arg, struct op *op, struct str token, bool peer_loopback, struct actor *ret)
{
    (void)arg, (void)op, (void)token, (void)peer_loopback;
    *ret = (struct actor){STR("tester"), UINT32_MAX};
    return OK;
}

static int web_setup(void **state)
{
    static const struct route_table *const tables[] = {&WEB_ROUTES, NULL};
    int rc = fixture_setup(state);
    struct web *w = calloc(1, sizeof(*w));
    w->f = *state;
    w->services = (struct services){.db = w->f->db, .serve = w->f->serve, .features = w->f->features, .monitor = w->f->monitor};
    buf_init(&w->out, LIMIT_MIB(16));
    const struct dispatch_config config = {.tables = tables, .services = &w->services, .auth = {.check = web_anybody}};
    if (dispatch_create(&w->f->op, &config, &w->dispatch) != OK)
        fail_msg("%s", w->f->op.msg);
    *state = w;
    return rc;
}

static int web_teardown(void **state)
{
    struct web *w = *state;
    void *f = w->f;
    dispatch_destroy(w->dispatch);
    buf_clear(&w->out);
    free(w);
    return fixture_teardown(&f);
}

/* One request with any body and header lines ("A: b\r\n" or ""); the status, and the answer's body. */
static inline int web_send(struct web *w, const char *method, const char *path, const char *headers, struct str body, struct str *ret)
{
    struct op *op = &w->f->op;
    struct buf in;
    bool closed;
    int status = 0;
    buf_init(&in, LIMIT_MIB(16));
    buf_reset(&w->out);
    buf_addf(&in, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s", method, path, headers);
    if (body.p)
        buf_addf(&in, "Content-Length: %zu\r\n", body.len);
    buf_add_cstr(&in, "\r\n");
    buf_add_str(&in, body);
    struct http_handler h = dispatch_handler(w->dispatch);
    w->services.serve = w->f->serve;
    op_clear(op);
    if (loopback_exchange(op, &h, buf_str(&in), 0, &w->out, &closed) != OK)
        fail_msg("%s", op->msg);
    buf_clear(&in);
    assert_int_equal(sscanf(w->out.p, "HTTP/1.1 %d", &status), 1);
    size_t at = str_find(buf_str(&w->out), STR("\r\n\r\n"));
    assert_true(at != SIZE_MAX);
    *ret = str_sub(buf_str(&w->out), at + 4, SIZE_MAX);
    return status;
}

/* The same with a JSON body (NULL: none) and the answer as JSON (NULL when it is none). */
static inline int web_call(struct web *w, const char *method, const char *path, const char *body, const struct json **ret)
{
    struct json *doc = NULL;
    struct str text;
    int status = web_send(w, method, path, body ? "Content-Type: application/json\r\n" : "", body ? str_from(body) : (struct str){NULL, 0}, &text);
    *ret = NULL;
    if (json_parse(&w->f->op, text, JSON_NAN, &doc) == OK)
        *ret = doc;
    else
        op_clear(&w->f->op);
    return status;
}

static inline bool web_has_header(const struct web *w, const char *line)
{
    return str_find(buf_str(&w->out), str_from(line)) != SIZE_MAX;
}

static inline struct str web_text(const struct json *doc, const char *path)
{
    const struct json *j = json_path(doc, path);
    return j && j->type == JSON_STRING ? j->s : STR("");
}

static inline bool web_true(const struct json *doc, const char *path)
{
    const struct json *j = json_path(doc, path);
    return j && j->type == JSON_BOOL && j->boolean;
}

#define WEB_TEST(fn) cmocka_unit_test_setup_teardown(fn, web_setup, web_teardown)

#endif
