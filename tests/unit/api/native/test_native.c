#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/native/native.h"
#include "base/op.h"

static int up(void **state)
{
    struct arena *arena = arena_create((size_t)64 << 20);
    struct op *op = arena_new(arena, struct op);
    op_init(op, arena);
    *state = op;
    return 0;
}

static int down(void **state)
{
    arena_destroy(((struct op *)*state)->arena);
    return 0;
}

static const struct json *doc(struct op *op, const char *text)
{
    struct json *j = NULL;
    assert_int_equal(json_parse(op, str_from(text), JSON_STRICT, &j), OK);
    return j;
}

static void columns_are_read(void **state)
{
    struct op *op = *state;
    size_t n = SIZE_MAX;
    int64_t *ids = NULL;
    uint8_t *labels = NULL;
    struct str *keys = NULL;
    double *numbers = NULL;
    const struct json *j = doc(op, "{\"i\":[1,-9223372036854775808],\"l\":[0,1],\"s\":[\"a\",null],\"f\":[1.5,null]}");
    assert_int_equal(native_i64_column(op, j, "i", &n, &ids), OK);
    assert_true(n == 2 && ids[0] == 1 && ids[1] == INT64_MIN);
    assert_int_equal(native_label_column(op, j, "l", &n, &labels), OK);
    assert_true(labels[0] == 0 && labels[1] == 1);
    assert_int_equal(native_str_column(op, j, "s", &n, &keys), OK);
    assert_true(str_eqc(keys[0], "a") && !keys[1].p);
    assert_int_equal(native_f64_column(op, j, "f", &n, &numbers), OK);
    assert_true(numbers[0] == 1.5 && numbers[1] != numbers[1]);
}

static void the_value_at_fault_is_named(void **state)
{
    struct op *op = *state;
    int64_t *ids = NULL;
    uint8_t *labels = NULL;
    static const char *const bad[][2] = {
        {"{\"i\":[1,1.5]}", "i[1]"}, {"{\"i\":[\"1\"]}", "i[0]"}, {"{\"i\":[9223372036854775808]}", "i[0]"}, {"{\"i\":[true]}", "i[0]"}, {"{\"i\":1}", "i"}, {"{}", "i"}};
    for (size_t k = 0; k < ARRAY_LEN(bad); k++) {
        size_t n = SIZE_MAX;
        op_clear(op);
        assert_int_equal(native_i64_column(op, doc(op, bad[k][0]), "i", &n, &ids), E_INVALID);
        assert_string_equal(op->field, bad[k][1]);
    }
    size_t n = SIZE_MAX;
    op_clear(op);
    assert_int_equal(native_label_column(op, doc(op, "{\"l\":[0,2]}"), "l", &n, &labels), E_INVALID);
    assert_string_equal(op->field, "l[1]");
    n = 3;
    op_clear(op);
    assert_int_equal(native_label_column(op, doc(op, "{\"l\":[0,1]}"), "l", &n, &labels), E_INVALID);
}

static void every_route_has_a_permission(void **state)
{
    (void)state;
    for (size_t i = 0; i < native_routes.len; i++) {
        const struct route *r = &native_routes.rows[i];
        bool session = !strcmp(r->path, "/api/ingot/v1/session"); /* where one comes to have permissions */
        if ((r->perm <= PERM_PUBLIC && !session) || r->perm >= PERM_COUNT || !r->handler || !r->help)
            fail_msg("%s %s", r->method, r->path);
        /* What may only be read with is a question with a body; all else changes something. */
        if (strcmp(r->method, "GET") && !(r->flags & ROUTE_WRITES) && (strcmp(r->method, "POST") || r->perm != PERM_READ))
            fail_msg("%s %s", r->method, r->path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(columns_are_read, up, down),
        cmocka_unit_test_setup_teardown(the_value_at_fault_is_named, up, down),
        cmocka_unit_test(every_route_has_a_permission),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
