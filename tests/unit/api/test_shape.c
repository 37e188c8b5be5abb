/* The notation of shapes, the schemas it makes, and its mistakes. The shapes of the program: native/test_shapes.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/shape.h"
#include "base/limits.h"

static const struct shape_name names[] = {
    {"Colour", "'red' | 'green'"}, {"Car", "wheels: int(3..4)\ncolour?: Colour -- Of the paint."}, {"Snake", "tail: int\n...Snake"}, {NULL, NULL}};

static int setup(void **state)
{
    struct op *op = calloc(1, sizeof *op);
    op_init(op, arena_create(LIMIT_MIB(16)));
    *state = op;
    return 0;
}

static int teardown(void **state)
{
    struct op *op = *state;
    arena_destroy(op->arena);
    free(op);
    return 0;
}

static void assert_schema(struct op *op, const char *text, bool null_absent, const char *want)
{
    struct shape *s = NULL;
    struct json_out w;
    AUTO(buf) struct buf b;
    if (shape_parse(op, text, names, &s))
        fail_msg("%s", op->msg);
    buf_init(&b, LIMIT_KIB(64));
    json_out_init(&w, &b, 0);
    shape_schema(&w, s, null_absent);
    buf_add_char(&b, 0);
    assert_string_equal(b.p, want);
}

static void one_of_each(void **state)
{
    assert_schema(*state, "<int>", false, "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"}}");
    assert_schema(*state, "[num(0..0.5)]", false, "{\"type\":\"array\",\"items\":{\"type\":\"number\",\"minimum\":0,\"maximum\":0.5}}");
    assert_schema(*state, "[int(-1..)]", false, "{\"type\":\"array\",\"items\":{\"type\":\"integer\",\"minimum\":-1}}");
    assert_schema(*state, "[any]", false, "{\"type\":\"array\",\"items\":{}}");
    assert_schema(*state, "[object]", false, "{\"type\":\"array\",\"items\":{\"type\":\"object\"}}");
    assert_schema(*state, "{}", false, "{\"type\":\"object\",\"properties\":{}}");
    assert_schema(*state, "", false, "{\"type\":\"object\",\"properties\":{}}");
    assert_schema(*state, "Car", false, "{\"$ref\":\"#/components/schemas/Car\"}");
}

static void alternatives(void **state)
{
    assert_schema(*state, "'a' | 'b c'", false, "{\"type\":\"string\",\"enum\":[\"a\",\"b c\"]}");
    assert_schema(*state, "'a' | null", false, "{\"type\":[\"string\",\"null\"],\"enum\":[\"a\",null]}");
    assert_schema(*state, "[text | null]", false, "{\"type\":\"array\",\"items\":{\"type\":[\"string\",\"null\"]}}");
    assert_schema(*state, "[null]", false, "{\"type\":\"array\",\"items\":{\"type\":\"null\"}}");
    assert_schema(*state, "[Car | null]", false, "{\"type\":\"array\",\"items\":{\"anyOf\":[{\"$ref\":\"#/components/schemas/Car\"},{\"type\":\"null\"}]}}");
    assert_schema(*state, "[num | null | 'NaN']", false, "{\"type\":\"array\",\"items\":{\"anyOf\":[{\"type\":\"number\"},{\"const\":\"NaN\"},{\"type\":\"null\"}]}}");
}

static void members(void **state)
{
    assert_schema(*state, "a: int, b?: text -- Two, or none.\nc: bool", false,
                  "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":\"string\",\"description\":\"Two, or none.\"},\"c\":{\"type\":\"boolean\"}},"
                  "\"required\":[\"a\",\"c\"]}");
    assert_schema(*state, "a: { b?: { c?: int } }\n", true,
                  "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"object\",\"properties\":{\"b\":{\"type\":[\"object\",\"null\"],\"properties\":{\"c\":{\"type\":[\"integer\",\"null\"]}}}}}},"
                  "\"required\":[\"a\"]}");
    assert_schema(*state, "...Car\nname: text", false,
                  "{\"type\":\"object\",\"properties\":{\"wheels\":{\"type\":\"integer\",\"minimum\":3,\"maximum\":4},\"colour\":{\"$ref\":\"#/components/schemas/Colour\","
                  "\"description\":\"Of the paint.\"},\"name\":{\"type\":\"string\"}},\"required\":[\"wheels\",\"name\"]}");
}

static void mistakes(void **state)
{
    static const char *const wrong[] = {"a", "a:", "a: it", "a: int(1)", "a: int(..)", "a: int(1..b)", "a: [int", "a: {b: int", "a: 'x", "a: Lorry", "...Lorry", "...Snake", "a: int b: int", "[int] x", "a: int |"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct op *op = *state;
        struct shape *s = NULL;
        op_clear(op);
        if (shape_parse(op, wrong[i], names, &s) != E_INTERNAL || s)
            fail_msg("'%s' was read", wrong[i]);
        assert_non_null(strstr(op->msg, "shape"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_of_each, setup, teardown), cmocka_unit_test_setup_teardown(alternatives, setup, teardown),
        cmocka_unit_test_setup_teardown(members, setup, teardown),     cmocka_unit_test_setup_teardown(mistakes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
