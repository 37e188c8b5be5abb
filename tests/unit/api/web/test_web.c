/* test_web.c - pages and files over the loopback: statuses, caching, prefix, the two home pages. */
#include "api/web/web.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/dispatch.h"
#include "api/services.h"
#include "api/web/site.h"
#include "base/limits.h"
#include "net/loopback.h"
#include "web_gen.h"

struct world {
    struct op op;
    struct services services;
    struct dispatch *dispatch;
};

static void up(struct world *w, const char *prefix)
{
    static const struct route_table *const tables[] = {&web_routes, &web_home_routes, NULL};
    *w = (struct world){0};
    op_init(&w->op, arena_create(LIMIT_MIB(64)));
    assert_int_equal(site_open(&w->op, web_files, web_file_count, NULL, &w->services.site), OK);
    w->services.prefix = str_from(prefix);
    struct dispatch_config c = {.tables = tables, .services = &w->services, .prefix = str_from(prefix)};
    assert_int_equal(dispatch_create(&w->op, &c, &w->dispatch), OK);
}

static void down(struct world *w)
{
    dispatch_destroy(w->dispatch);
    site_close(w->services.site);
    arena_destroy(w->op.arena);
}

static const char *asked(struct world *w, const char *path, const char *headers)
{
    struct buf out;
    bool closed = false;
    struct http_handler handler = dispatch_handler(w->dispatch);
    buf_init(&out, LIMIT_MIB(8));
    assert_int_equal(loopback_exchange(&w->op, &handler, str_from(op_printf(&w->op, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", path, headers)), 0, &out, &closed), OK);
    struct str all = str_dup(w->op.arena, buf_str(&out));
    buf_clear(&out);
    return all.p;
}

static void pages_and_files(void **state)
{
    (void)state;
    struct world w;
    up(&w, "");
    const char *text = asked(&w, "/runs/x", "");
    assert_true(strstr(text, "200 OK") && strstr(text, "Cache-Control: no-cache") && strstr(text, "default-src 'self'") && strstr(text, "<!doctype html>"));
    const char *build = str_cstr(w.op.arena, site_build(w.services.site));
    text = asked(&w, op_printf(&w.op, "/ui/%s/app.js", build), "Accept-Encoding: gzip\r\n");
    assert_true(strstr(text, "200 OK") && strstr(text, "immutable") && strstr(text, "Content-Encoding: gzip"));
    text = asked(&w, "/ui/app.js", "");
    assert_true(strstr(text, "200 OK") && strstr(text, "Cache-Control: no-cache") && !strstr(text, "Content-Encoding"));
    char *tag = str_cstr(w.op.arena, str_sub(str_from(strstr(text, "ETag: \"")), 7, 32));
    assert_non_null(strstr(asked(&w, "/ui/app.js", op_printf(&w.op, "If-None-Match: \"%s-gz\"\r\n", tag)), "304 "));
    assert_non_null(strstr(asked(&w, "/ui/0123456789abcdef/app.js", ""), "another version"));
    assert_non_null(strstr(asked(&w, "/ui/index.html", ""), "404 "));
    assert_non_null(strstr(asked(&w, "/ui/none.js", ""), "404 "));
    assert_non_null(strstr(asked(&w, "/home", ""), "Location: /\r\n"));
    w.services.ui = (struct ui *)&w; /* MLflow's interface has the root */
    assert_non_null(strstr(asked(&w, "/home", ""), "content=\"/home\""));
    down(&w);
}

static void below_a_prefix(void **state)
{
    (void)state;
    struct world w;
    up(&w, "/ml");
    assert_non_null(strstr(asked(&w, "/ml/audit", ""), "\"/ml/ui/"));
    assert_null(strstr(asked(&w, "/audit", ""), "/ml/ui/"));
    assert_non_null(strstr(asked(&w, "/ml/home", ""), "Location: /ml/\r\n"));
    assert_non_null(strstr(asked(&w, "/ml/ui/app.js", ""), "200 OK"));
    down(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pages_and_files), cmocka_unit_test(below_a_prefix)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
