#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/match.h"

struct fixture {
    struct arena *arena;
    struct op op;
    struct matcher m;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->arena = arena_create(LIMIT_MIB(16));
    op_init(&f->op, f->arena);
    match_init(&f->m, f->arena);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_destroy(f->arena);
    free(f);
    return 0;
}

static void add(struct fixture *f, const char *method, const char *path)
{
    enum err e = match_add(&f->op, &f->m, method, path, (void *)(uintptr_t)path);
    if (e)
        fail_msg("%s", f->op.msg);
}

/* The row's own path text is its value; "" expects no row. */
static struct match_result find(struct fixture *f, enum http_method method, const char *path, const char *want)
{
    struct match_result r;
    match_find(&f->m, method, str_from(path), &r);
    assert_string_equal(r.value ? (const char *)r.value : "", want);
    return r;
}

static void rows(void **state)
{
    struct fixture *f = *state;
    add(f, "GET", "/");
    add(f, "GET", "/health");
    add(f, "GET", "/v2/models/{model}");
    add(f, "POST", "/v2/models/{model}/infer");
    add(f, "POST", "/v2/models/{model}/versions/{version}/infer");
    add(f, "GET", "/v2/models/list");
    add(f, "GET", "/files/{path*}");
    add(f, "PUT", "/files/{path*}");
    add(f, "GET", "/files/special/{name}");
    find(f, HTTP_GET, "/", "/");
    find(f, HTTP_GET, "/health", "/health");
    find(f, HTTP_HEAD, "/health", "/health");
    find(f, HTTP_GET, "/healt", "");
    find(f, HTTP_GET, "/health/", "");
    find(f, HTTP_GET, "/Health", "");
    find(f, HTTP_GET, "/v2/models/list", "/v2/models/list"); /* literal before {x} */
    struct match_result r = find(f, HTTP_GET, "/v2/models/flights-delay", "/v2/models/{model}");
    assert_true(str_eqc(r.args[0], "flights-delay") && r.arg_count == 1);
    r = find(f, HTTP_POST, "/v2/models/list/infer", "/v2/models/{model}/infer"); /* steps back from the literal */
    assert_true(str_eqc(r.args[0], "list"));
    r = find(f, HTTP_POST, "/v2/models/m/versions/7/infer", "/v2/models/{model}/versions/{version}/infer");
    assert_true(r.arg_count == 2 && str_eqc(r.args[0], "m") && str_eqc(r.args[1], "7"));
    find(f, HTTP_GET, "/v2/models/", ""); /* {x} is never empty */
    r = find(f, HTTP_GET, "/files/a/b/c.txt", "/files/{path*}");
    assert_true(r.arg_count == 1 && str_eqc(r.args[0], "a/b/c.txt"));
    find(f, HTTP_GET, "/files/", "");
    r = find(f, HTTP_GET, "/files/special/x", "/files/special/{name}");
    r = find(f, HTTP_GET, "/files/special/x/y", "/files/{path*}");
    assert_true(r.arg_count == 1 && str_eqc(r.args[0], "special/x/y"));
    r = find(f, HTTP_PUT, "/files/special/x", "/files/{path*}"); /* the deeper row has no PUT */
    assert_true(str_eqc(r.args[0], "special/x"));
}

static void methods(void **state)
{
    struct fixture *f = *state;
    add(f, "GET", "/a/{x}");
    add(f, "DELETE", "/a/{x}");
    struct match_result r = find(f, HTTP_POST, "/a/1", "");
    assert_int_equal(r.allowed, 1u << HTTP_GET | 1u << HTTP_DELETE);
    r = find(f, HTTP_OTHER, "/a/1", "");
    assert_int_not_equal(r.allowed, 0);
    r = find(f, HTTP_POST, "/b/1", "");
    assert_int_equal(r.allowed, 0);
}

static void refused_rows(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[][2] = {
        {"GET", "x"}, {"FETCH", "/x"}, {"GET", "/a{b}"}, {"GET", "/{b}c"}, {"GET", "/{p*}/more"}, {"GET", "/{a}/{b}/{c}/{d}/{e}/{f}/{g}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        op_clear(&f->op);
        assert_int_equal(match_add(&f->op, &f->m, bad[i][0], bad[i][1], f), E_INVALID);
    }
    add(f, "GET", "/a/{x}");
    assert_int_equal(match_add(&f->op, &f->m, "GET", "/a/{y}", f), E_INVALID); /* the same requests */
    op_clear(&f->op);
    add(f, "GET", "/a/b");
    assert_int_equal(match_add(&f->op, &f->m, "GET", "/a/b", f), E_INVALID);
}

static void deep_paths(void **state)
{
    struct fixture *f = *state;
    add(f, "GET", "/{a}/{b}/end");
    add(f, "GET", "/deep/{rest*}");
    char path[4096] = "/deep";
    for (size_t i = 5; i + 2 < sizeof path; i += 2)
        memcpy(path + i, "/x", 2);
    struct match_result r = find(f, HTTP_GET, path, "/deep/{rest*}");
    assert_int_equal(r.args[0].len, strlen(path) - 6);
    memcpy(path, "/peed", 5);
    find(f, HTTP_GET, path, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows, setup, teardown), cmocka_unit_test_setup_teardown(methods, setup, teardown),
        cmocka_unit_test_setup_teardown(refused_rows, setup, teardown), cmocka_unit_test_setup_teardown(deep_paths, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
