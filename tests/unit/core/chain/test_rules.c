#include "core/chain/rules.h"

#include "chain_fixture.h"

static const struct str features[] = {STR_INIT("a"), STR_INIT("b")};
static const double mins[] = {0, NAN}, maxs[] = {9, NAN};

static const struct validate_rule *rules(struct op *op, const struct chain_model *m, size_t want)
{
    const struct validate_rule *r = NULL;
    size_t n = 0;
    if (rules_of_model(op, m, &r, &n))
        fail_msg("%s", op->msg);
    assert_int_equal(n, want);
    return r;
}

static void test_signature(void **state)
{
    struct op *op = *state;
    struct chain_model m = {.features = 2, .feature_names = features, .mins = mins, .maxs = maxs,
                            .signature = STR("{\"inputs\":\"[{\\\"type\\\":\\\"long\\\",\\\"name\\\":\\\"a\\\",\\\"required\\\":false},{\\\"type\\\":\\\"string\\\",\\\"name\\\":\\\"s\\\"}]\"}")};
    const struct validate_rule *r = rules(op, &m, 2);
    assert_true(str_eqc(r[0].name, "a") && r[0].type == VALIDATE_INTEGER && !r[0].required && r[0].min == 0 && r[0].max == 9);
    assert_true(r[1].type == VALIDATE_STRING && r[1].required && isinf(r[1].max));
    static const char *const none[] = {"", "x", "{}", "{\"inputs\":[]}", "{\"inputs\":[{\"type\":\"tensor\"}]}", "{\"inputs\":\"x\"}"};
    for (size_t i = 0; i < ARRAY_LEN(none); i++) { /* the features speak for themselves */
        m.signature = str_from(none[i]);
        r = rules(op, &m, 2);
        assert_true(r[0].max == 9 && isinf(r[1].max) && r[1].type == VALIDATE_NUMBER);
    }
    m.feature_names = NULL;
    rules(op, &m, 0);
}

static void test_tensors_and_transforms(void **state)
{
    struct op *op = *state;
    const struct tensor_spec inputs[] = {{.name = STR_INIT("x"), .type = TENSOR_FP32, .rank = 2}, {.name = STR_INIT("s"), .type = TENSOR_BYTES, .optional = true}};
    const struct transform_input in[] = {{STR_INIT("age"), false, 1, 2}, {STR_INIT("city"), true, NAN, NAN}};
    const struct transform t = {.inputs = in, .input_count = 2};
    struct chain_model m = {.inputs = inputs, .input_count = 2};
    const struct validate_rule *r = rules(op, &m, 2);
    assert_true(r[0].type == VALIDATE_NUMBER && r[0].required && r[1].type == VALIDATE_STRING && !r[1].required);
    m.transform = &t;
    r = rules(op, &m, 2);
    assert_true(str_eqc(r[0].name, "age") && r[0].min == 1 && r[0].max == 2 && r[1].type == VALIDATE_STRING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_signature), TEST(test_tensors_and_transforms)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
