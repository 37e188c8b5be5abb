#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/services.h"
#include "api/ui/ui.h"
#include "base/limits.h"

struct scene {
    char folder[64];
    struct arena *arena;
    struct op op;
};

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    snprintf(s->folder, sizeof s->folder, "/tmp/ingot-ui-XXXXXX");
    s->arena = arena_create(LIMIT_MIB(8));
    op_init(&s->op, s->arena);
    *state = s;
    return mkdtemp(s->folder) ? 0 : -1;
}

static int down(void **state)
{
    struct scene *s = *state;
    static const char *const names[] = {"index.html", "static/a.js", "link.js", "up", ".hidden", "late.js", "static"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        (void)remove(op_printf(&s->op, "%s/%s", s->folder, names[i]));
    int left = rmdir(s->folder);
    arena_destroy(s->arena);
    free(s);
    return left;
}

/* Asks for /static-files/<name>, or for / with NULL. */
static enum err ask(struct scene *s, struct ui *ui, const char *name, struct http_res *res)
{
    struct services services = {.ui = ui};
    struct http_req req = {.path_arg_count = 1};
    req.path_args[0] = str_from(name ? name : "");
    *res = (struct http_res){.status = 200};
    buf_init(&res->body, LIMIT_MIB(1));
    op_clear(&s->op);
    return ui_routes.rows[name ? 1 : 0].handler(&s->op, &services, &req, res);
}

static void listed_names_only(void **state)
{
    struct scene *s = *state;
    struct op *op = &s->op;
    put(op_printf(op, "%s/index.html", s->folder), "<html>");
    assert_int_equal(mkdir(op_printf(op, "%s/static", s->folder), 0700), 0);
    put(op_printf(op, "%s/static/a.js", s->folder), "1;");
    put(op_printf(op, "%s/.hidden", s->folder), "h");
    assert_int_equal(symlink("/etc/passwd", op_printf(op, "%s/link.js", s->folder)), 0);
    assert_int_equal(symlink("/etc", op_printf(op, "%s/up", s->folder)), 0);
    struct ui *ui = NULL;
    assert_int_equal(ui_open(op, s->folder, &ui), OK);
    assert_int_equal(ui_listed_count(ui), 2);
    struct http_res res;
    assert_int_equal(ask(s, ui, NULL, &res), OK);
    assert_true(str_eqc(buf_str(&res.body), "<html>"));
    buf_clear(&res.body);
    assert_int_equal(ask(s, ui, "static/a.js", &res), OK);
    assert_true(str_eqc(buf_str(&res.body), "1;"));
    buf_clear(&res.body);
    put(op_printf(op, "%s/late.js", s->folder), "late");
    static const char *const none[] = {"", "static", "static/", "link.js", "up/passwd", ".hidden", "late.js", "../index.html", "/etc/passwd", "static/../index.html", "Index.html"};
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        if (ask(s, ui, none[i], &res) != E_NOT_FOUND || res.body.len)
            fail_msg("'%s' was served", none[i]);
        buf_clear(&res.body);
    }
    /* What was listed and is a link now is not followed. */
    assert_int_equal(remove(op_printf(op, "%s/static/a.js", s->folder)), 0);
    assert_int_equal(symlink("/etc/passwd", op_printf(op, "%s/static/a.js", s->folder)), 0);
    assert_int_equal(ask(s, ui, "static/a.js", &res), E_NOT_FOUND);
    buf_clear(&res.body);
    ui_close(ui);
}

static void no_interface(void **state)
{
    struct scene *s = *state;
    struct ui *ui = NULL;
    assert_int_equal(ui_open(&s->op, s->folder, &ui), E_NOT_FOUND); /* no index.html */
    op_clear(&s->op);
    assert_int_equal(ui_open(&s->op, "/nonexistent/folder", &ui), E_NOT_FOUND);
    assert_null(ui);
    struct http_res res;
    assert_int_equal(ask(s, NULL, NULL, &res), E_NOT_FOUND);
    assert_non_null(strstr(s->op.msg, "--ui-dir"));
    buf_clear(&res.body);
    ui_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(listed_names_only, up, down),
        cmocka_unit_test_setup_teardown(no_interface, up, down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
