/* Tensors: every way in which shape, nesting, datatype and values can disagree is refused before a value is used. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/v2/tensor.h"
#include "base/limits.h"

static enum err parse(struct op *op, const char *text, struct v2_tensor *t)
{
    struct json *doc = NULL;
    op_clear(op);
    if (json_parse(op, str_from(text), JSON_NAN, &doc) != OK)
        fail_msg("%s: %s", text, op->msg);
    return v2_tensor_parse(op, doc, 0, 1000, t);
}

static void test_shapes_and_nesting(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t count;
        float last;
    } cases[] = {
        {"{\"name\":\"x\",\"shape\":[3],\"datatype\":\"FP32\",\"data\":[1,2.5,3]}", 3, 3},
        {"{\"name\":\"x\",\"shape\":[1,3],\"datatype\":\"FP32\",\"data\":[1,2.5,3]}", 3, 3},
        {"{\"name\":\"x\",\"shape\":[1,3],\"datatype\":\"FP32\",\"data\":[[1,2.5,3]]}", 3, 3},
        {"{\"name\":\"x\",\"shape\":[2,2],\"datatype\":\"FP64\",\"data\":[[1,2],[3,4]]}", 4, 4},
        {"{\"name\":\"x\",\"shape\":[2,2],\"datatype\":\"INT8\",\"data\":[1,2,3,-128]}", 4, -128},
        {"{\"name\":\"x\",\"shape\":[2,1,2],\"datatype\":\"FP32\",\"data\":[[[1,2]],[[3,4.5]]]}", 4, 4.5f},
        {"{\"name\":\"x\",\"shape\":[2,1],\"datatype\":\"BOOL\",\"data\":[[true],[false]]}", 2, 0},
        {"{\"name\":\"x\",\"shape\":[2],\"datatype\":\"FP32\",\"data\":[1e0,3.4028234663852886e38]}", 2, 3.4028234663852886e38f},
        {"{\"name\":\"x\",\"shape\":[1],\"datatype\":\"FP32\",\"data\":[Infinity]}", 1, INFINITY},
        {"{\"name\":\"x\",\"shape\":[1],\"datatype\":\"UINT64\",\"data\":[9223372036854775807]}", 1, 9223372036854775807.0f},
        {"{\"name\":\"x\",\"shape\":[1],\"datatype\":\"FP32\",\"data\":[7],\"parameters\":{\"content_type\":\"np\"}}", 1, 7},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_create(LIMIT_MIB(8));
        struct op op;
        struct v2_tensor t;
        float out[16];
        op_init(&op, a);
        if (parse(&op, cases[i].text, &t) != OK || v2_tensor_f32(&op, &t, out, 1) != OK)
            fail_msg("%s: %s", cases[i].text, op.msg);
        assert_int_equal(t.count, cases[i].count);
        assert_true(out[t.count - 1] == cases[i].last);
        arena_destroy(a);
    }
}

static void test_missing_values(void **state)
{
    (void)state;
    struct arena *a = arena_create(LIMIT_MIB(8));
    struct op op;
    struct v2_tensor t;
    float out[6];
    double wide[3];
    op_init(&op, a);
    assert_int_equal(parse(&op, "{\"name\":\"x\",\"shape\":[3],\"datatype\":\"FP32\",\"data\":[NaN,null,1]}", &t), OK);
    assert_int_equal(v2_tensor_f32(&op, &t, out, 2), OK); /* every second place */
    assert_true(isnan(out[0]) && isnan(out[2]) && out[4] == 1);
    assert_int_equal(v2_tensor_f64(&op, &t, wide), OK);
    assert_true(isnan(wide[0]) && isnan(wide[1]) && wide[2] == 1);
    arena_destroy(a);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err want;
        const char *says;
    } cases[] = {
        {"3", E_INVALID, "inputs[0]"},
        {"{}", E_INVALID, "no name"},
        {"{\"name\":\"\"}", E_INVALID, "no name"},
        {"{\"name\":7}", E_INVALID, "no name"},
        {"{\"name\":\"x\"}", E_INVALID, "datatype"},
        {"{\"name\":\"x\",\"datatype\":\"FLOAT\"}", E_INVALID, "FLOAT"},
        {"{\"name\":\"x\",\"datatype\":\"FP16\"}", E_INVALID, "FP16"},
        {"{\"name\":\"x\",\"datatype\":\"FP32\"}", E_INVALID, "shape"},
        {"{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[],\"data\":[1]}", E_INVALID, "shape"},
        {"{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data\":[1]}", E_INVALID, "shape"},
        {"{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[-1],\"data\":[1]}", E_INVALID, "shape[0]"},
        {"{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1.5],\"data\":[1]}", E_INVALID, "shape[0]"},
        {"{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[\"1\"],\"data\":[1]}", E_INVALID, "shape[0]"},
        {"{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1001],\"data\":[1]}", E_TOO_LARGE, "1000"},
        {"{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[9223372036854775807,9223372036854775807],\"data\":[1]}", E_TOO_LARGE, "1000"},
        {"{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1]}", E_INVALID, "no data"},
        {"{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1],\"data\":1}", E_INVALID, "no data"},
        {"{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[2],\"data\":[1]}", E_INVALID, "1 values, the shape says 2"},
        {"{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1],\"data\":[1,2]}", E_INVALID, "2 values"},
        {"{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1],\"data\":[[1]]}", E_INVALID, "data[0] is a"},
        {"{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[2,2],\"data\":[[1,2],[3]]}", E_INVALID, "1 items, the shape says 2"},
        {"{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[2,2],\"data\":[[1,2],[3,4,5]]}", E_INVALID, "3 items"},
        {"{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[2,2],\"data\":[[1,2],3]}", E_INVALID, "nested"},
        {"{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[2,2],\"data\":[[1,2],[3,[4]]]}", E_INVALID, "nested"},
        {"{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[2,2],\"data\":[[1,2],[3,4],[5,6]]}", E_INVALID, "3 items"},
        {"{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1,2],\"data\":[[1,2],[3,4]]}", E_INVALID, "2 items"},
        {"{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1,2],\"data\":[[[1,2]]]}", E_INVALID, "1 values"},
        {"{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[2],\"data\":[1,{}]}", E_INVALID, "data[1]"},
        {"{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[2],\"parameters\":{\"binary_data_size\":8}}", E_UNSUPPORTED, "binary"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_create(LIMIT_MIB(8));
        struct op op;
        struct v2_tensor t;
        op_init(&op, a);
        enum err e = parse(&op, cases[i].text, &t);
        if (e != cases[i].want || !strstr(op.msg, cases[i].says))
            fail_msg("%s: %s \"%s\"", cases[i].text, err_name(e), e ? op.msg : "");
        arena_destroy(a);
    }
}

static void test_values_and_datatypes(void **state)
{
    (void)state;
    static const struct {
        const char *type, *data;
        char as;             /* f, i or s */
        enum err want;
    } cases[] = {
        {"FP32", "[\"1\"]", 'f', E_INVALID},  {"FP32", "[true]", 'f', E_INVALID},       {"FP32", "[1e39]", 'f', E_INVALID},
        {"FP64", "[1e39]", 'f', OK},          {"INT64", "[1.5]", 'f', E_INVALID},       {"INT64", "[2.0]", 'i', OK},
        {"INT8", "[128]", 'f', E_INVALID},    {"INT8", "[-129]", 'i', E_INVALID},       {"UINT8", "[-1]", 'i', E_INVALID},
        {"UINT8", "[255]", 'i', OK},          {"BOOL", "[true]", 'i', OK},              {"BOOL", "[1]", 'i', OK},
        {"BOOL", "[2]", 'i', E_INVALID},      {"INT64", "[true]", 'i', E_INVALID},      {"INT64", "[null]", 'f', E_INVALID},
        {"INT64", "[NaN]", 'f', E_INVALID},   {"FP32", "[1]", 'i', E_INVALID},          {"BYTES", "[\"a\"]", 's', OK},
        {"BYTES", "[\"a\"]", 'f', E_INVALID}, {"BYTES", "[\"a\"]", 'i', E_INVALID},     {"BYTES", "[1]", 's', E_INVALID},
        {"FP32", "[1]", 's', E_INVALID},      {"UINT64", "[18446744073709551615]", 'i', E_INVALID}, {"INT32", "[2147483648]", 'i', E_INVALID},
        {"FP32", "[18446744073709551615]", 'f', OK},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_create(LIMIT_MIB(8));
        struct op op;
        struct v2_tensor t;
        float f;
        int64_t n;
        struct str s;
        op_init(&op, a);
        const char *text = op_printf(&op, "{\"name\":\"x\",\"shape\":[1],\"datatype\":\"%s\",\"data\":%s}", cases[i].type, cases[i].data);
        assert_int_equal(parse(&op, text, &t), OK);
        enum err e = cases[i].as == 'f' ? v2_tensor_f32(&op, &t, &f, 1) : cases[i].as == 'i' ? v2_tensor_i64(&op, &t, &n) : v2_tensor_str(&op, &t, &s);
        if (e != cases[i].want)
            fail_msg("%s as %c: %s", text, cases[i].as, err_name(e));
        assert_true(e == OK || strstr(op.msg, "\"x\""));
        arena_destroy(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shapes_and_nesting), cmocka_unit_test(test_missing_values),
                                       cmocka_unit_test(test_refusals), cmocka_unit_test(test_values_and_datatypes)};
    return cmocka_run_group_tests_name("tensor", tests, NULL, NULL);
}
