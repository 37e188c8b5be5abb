#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/native/registry.h"

static int up(void **state)
{
    struct op *op = test_calloc(1, sizeof *op);
    op_init(op, arena_create((size_t)16 << 20));
    *state = op;
    return 0;
}

static int down(void **state)
{
    struct op *op = *state;
    arena_destroy(op->arena);
    test_free(op);
    return 0;
}

/* The body's reason goes before the header's; a call without a body is one with an empty object. */
static void reasons(void **state)
{
    struct op *op = *state;
    struct http_req req = {0};
    struct json *body = NULL;
    op->reason = STR("by header");
    assert_int_equal(native_reason_body(op, &req, &body), OK);
    assert_true(body->type == JSON_OBJECT && !body->len && str_eqc(op->reason, "by header"));
    req.body = STR("{\"version\": 3}");
    assert_int_equal(native_reason_body(op, &req, &body), OK);
    assert_true(json_get(body, "version") && str_eqc(op->reason, "by header"));
    req.body = STR("{\"reason\": \"by body\"}");
    assert_int_equal(native_reason_body(op, &req, &body), OK);
    assert_true(str_eqc(op->reason, "by body"));
    static const char *const bad[] = {"[]", "{\"reason\": 3}", "{", "3"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        req.body = str_from(bad[i]);
        assert_int_equal(native_reason_body(op, &req, &body), E_INVALID);
        op_clear(op);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(reasons, up, down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
