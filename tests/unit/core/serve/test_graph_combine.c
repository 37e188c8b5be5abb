/* Operators: each against figures made by hand (numpy says the same), what is left out, and what does not fit. */
#include <math.h>

#include "core/serve/graph_combine.h"
#include "infer_fixture.h"

static int setup(void **state)
{
    static struct op op;
    op_init(&op, arena_create(LIMIT_MIB(16)));
    *state = &op;
    return 0;
}

static int teardown(void **state)
{
    arena_destroy(((struct op *)*state)->arena);
    return 0;
}

static enum err combine(struct op *op, const char *step, const struct tensor *in, size_t n, struct tensor *ret)
{
    struct json *doc = NULL;
    struct graph_combine c;
    op_clear(op);
    enum err e = json_parse(op, str_from(step), JSON_STRICT, &doc);
    if (!e)
        e = combine_parse(op, doc, n, &c);
    return e ? e : combine_run(op, &c, in, n, STR("out"), ret);
}

#define IN(...) (const struct tensor[]){__VA_ARGS__}, sizeof((const struct tensor[]){__VA_ARGS__}) / sizeof(struct tensor)
#define NONE (struct tensor){.type = TENSOR_TYPE_COUNT}

static void floats_check(void **state, const char *step, const struct tensor *in, size_t n, const float *want, size_t len)
{
    struct op *op = *state;
    struct tensor t;
    if (combine(op, step, in, n, &t))
        fail_msg("%s: %s", step, op->msg);
    assert_true(t.type == TENSOR_FP32 && t.count == len && str_eqc(t.name, "out"));
    for (size_t i = 0; i < len; i++)
        if (!(fabsf(((const float *)t.data)[i] - want[i]) <= 1e-6F))
            fail_msg("%s: [%zu] is %g, not %g", step, i, (double)((const float *)t.data)[i], (double)want[i]);
}
#define WANT(...) (const float[]){__VA_ARGS__}, sizeof((const float[]){__VA_ARGS__}) / sizeof(float)

static void test_numbers(void **state)
{
    const struct tensor a = FP32("a", (2), 1, 10), b = FP32("b", (2, 1), 2, 20), c = INT64("c", (2), 6, 0), gone = NONE;
    floats_check(state, "{\"combine\":\"mean\"}", IN(a, b, c), WANT(3, 10));
    floats_check(state, "{\"combine\":\"mean\",\"weights\":[1,2,0]}", IN(a, b, c), WANT(5.F / 3, 50.F / 3));
    floats_check(state, "{\"combine\":\"mean\",\"weights\":[1,2,1]}", IN(a, gone, c), WANT(3.5F, 5));
    floats_check(state, "{\"combine\":\"median\"}", IN(a, b, c), WANT(2, 10));
    floats_check(state, "{\"combine\":\"median\"}", IN(a, b), WANT(1.5F, 15));
    floats_check(state, "{\"combine\":\"max\"}", IN(a, b, c), WANT(6, 20));
    floats_check(state, "{\"combine\":\"min\"}", IN(a, b, c), WANT(1, 0));
    floats_check(state, "{\"combine\":\"sum\",\"weights\":[0.5,-1,2],\"bias\":1}", IN(a, b, c), WANT(11.5F, -14));
    const struct tensor p = FP32("p", (2, 2), 0, 0, 1, 3), q = FP32("q", (2, 2), 1000, 1000, 5, 5);
    const float s = 1 / (1 + expf(2));
    floats_check(state, "{\"combine\":\"softmax_mean\"}", IN(p, q), WANT(0.5F, 0.5F, (s + 0.5F) / 2, (1 - s + 0.5F) / 2));
    floats_check(state, "{\"combine\":\"softmax_mean\",\"weights\":[3,1]}", IN(p, q), WANT(0.5F, 0.5F, (3 * s + 0.5F) / 4, (3 * (1 - s) + 0.5F) / 4));
    struct tensor t;
    const struct tensor d = FP64("d", (2), 1, NAN);
    assert_int_equal(combine(*state, "{\"combine\":\"mean\"}", IN(a, d), &t), OK);
    assert_true(t.type == TENSOR_FP64 && ((const double *)t.data)[0] == 1 && isnan(((const double *)t.data)[1]));
    assert_int_equal(combine(*state, "{\"combine\":\"median\"}", IN(a, d), &t), OK);
    assert_true(isnan(((const double *)t.data)[1]));
    assert_int_equal(combine(*state, "{\"combine\":\"max\"}", IN(d, a), &t), OK);
    assert_true(isnan(((const double *)t.data)[1]));
}

static void test_columns(void **state)
{
    struct op *op = *state;
    const struct tensor a = FP32("a", (2), 1, 2), m = FP32("m", (2, 3), 1, 2, 3, 4, 5, 6), i = INT64("i", (2, 1), 7, 8);
    floats_check(state, "{\"combine\":\"concat\"}", IN(a, m, i), WANT(1, 1, 2, 3, 7, 2, 4, 5, 6, 8));
    floats_check(state, "{\"combine\":\"slice\",\"column\":1}", IN(m), WANT(2, 5));
    floats_check(state, "{\"combine\":\"slice\",\"column\":-1}", IN(m), WANT(3, 6));
    floats_check(state, "{\"combine\":\"slice\",\"columns\":[1,3]}", IN(m), WANT(2, 3, 5, 6));
    floats_check(state, "{\"combine\":\"slice\",\"columns\":[-2,null]}", IN(m), WANT(2, 3, 5, 6));
    floats_check(state, "{\"combine\":\"cast\",\"datatype\":\"FP32\"}", IN(i), WANT(7, 8));
    floats_check(state, "{\"combine\":\"rename\"}", IN(a), WANT(1, 2));
    floats_check(state, "{\"combine\":\"first\"}", IN(NONE, a), WANT(1, 2));
    struct tensor t;
    const struct tensor s = BYTES("s", (2), STR("a"), STR("b")), u = BYTES("u", (2, 2), STR("c"), STR("d"), STR("e"), STR("f"));
    assert_int_equal(combine(op, "{\"combine\":\"concat\"}", IN(s, u), &t), OK);
    assert_true(t.type == TENSOR_BYTES && t.shape[1] == 3 && str_eqc(t.texts[3], "b") && str_eqc(t.texts[5], "f"));
    assert_int_equal(combine(op, "{\"combine\":\"slice\",\"column\":1}", IN(u), &t), OK);
    assert_true(t.rank == 1 && str_eqc(t.texts[1], "f"));
    const struct tensor r = FP64("r", (3), -1.9, 2.9, 255);
    assert_int_equal(combine(op, "{\"combine\":\"cast\",\"datatype\":\"INT32\"}", IN(r), &t), OK);
    assert_true(((const int32_t *)t.data)[0] == -1 && ((const int32_t *)t.data)[1] == 2);
    assert_int_equal(combine(op, "{\"combine\":\"cast\",\"datatype\":\"UINT8\"}", IN(r), &t), E_INVALID);
    const struct tensor big = INT64("big", (1), 9007199254740993);
    assert_int_equal(combine(op, "{\"combine\":\"cast\",\"datatype\":\"INT64\"}", IN(big), &t), OK);
    assert_true(((const int64_t *)t.data)[0] == 9007199254740993);
}

static void test_votes(void **state)
{
    struct op *op = *state;
    struct tensor t;
    const struct tensor a = BYTES("a", (2), STR("yes"), STR("no")), b = BYTES("b", (2), STR("no"), STR("no")), c = BYTES("c", (2), STR("no"), STR("maybe"));
    assert_int_equal(combine(op, "{\"combine\":\"vote\"}", IN(a, b, c), &t), OK);
    assert_true(str_eqc(t.texts[0], "no") && str_eqc(t.texts[1], "no"));
    assert_int_equal(combine(op, "{\"combine\":\"vote\",\"weights\":[3,1,1]}", IN(a, b, c), &t), OK);
    assert_true(str_eqc(t.texts[0], "yes"));
    assert_int_equal(combine(op, "{\"combine\":\"vote\"}", IN(a, c), &t), OK); /* a tie: the first */
    assert_true(str_eqc(t.texts[0], "yes") && str_eqc(t.texts[1], "no"));
    const struct tensor p = FP32("p", (2, 3), 1, 3, 2, 9, 0, 0), q = FP32("q", (2, 3), 0, 1, 0, 0, 0, 1), r = FP32("r", (2, 3), 5, 0, 0, 0, 0, 1);
    assert_int_equal(combine(op, "{\"combine\":\"vote\"}", IN(p, q, r), &t), OK);
    assert_true(t.type == TENSOR_INT64 && t.rank == 1 && ((const int64_t *)t.data)[0] == 1 && ((const int64_t *)t.data)[1] == 2);
    const struct tensor x = FP32("x", (2), 0.5F, 0.4F), y = FP64("y", (2), 0.9, 0.1), z = FP32("z", (2), 0, 1);
    assert_int_equal(combine(op, "{\"combine\":\"vote\"}", IN(x, y, z), &t), OK);
    assert_true(((const int64_t *)t.data)[0] == 1 && ((const int64_t *)t.data)[1] == 0);
}

static void test_misfits(void **state)
{
    const struct tensor a = FP32("a", (2), 1, 2), b = FP32("b", (3), 1, 2, 3), m = FP32("m", (2, 3), 1, 2, 3, 4, 5, 6), s = BYTES("s", (2), STR("a"), STR("b"));
    const struct tensor cube = FP32("cube", (1, 2, 1), 1, 2), i = INT64("i", (2), 1, 2);
    const struct {
        const char *step;
        struct tensor in[2];
        size_t n;
        const char *why;
    } cases[] = {
        {"{\"combine\":\"mean\"}", {a, b}, 2, "another shape"}, {"{\"combine\":\"mean\"}", {a, m}, 2, "another shape"}, {"{\"combine\":\"mean\"}", {a, s}, 2, "texts"},
        {"{\"combine\":\"mean\",\"weights\":[1,0]}", {NONE, a}, 2, "no weight"}, {"{\"combine\":\"softmax_mean\"}", {a, a}, 2, "rows of columns"},
        {"{\"combine\":\"vote\"}", {a, s}, 2, "another datatype"}, {"{\"combine\":\"vote\"}", {a, i}, 2, "another datatype"},
        {"{\"combine\":\"concat\"}", {a, s}, 2, "numbers and texts"}, {"{\"combine\":\"concat\"}", {a, cube}, 2, "neither a column"},
        {"{\"combine\":\"concat\"}", {a, b}, 2, "3 rows, not 2"}, {"{\"combine\":\"slice\",\"column\":3}", {m}, 1, "does not have these"},
        {"{\"combine\":\"slice\",\"column\":-4}", {m}, 1, "does not have these"}, {"{\"combine\":\"slice\",\"columns\":[2,2]}", {m}, 1, "does not have these"},
        {"{\"combine\":\"slice\",\"column\":0}", {a}, 1, "no columns"}, {"{\"combine\":\"cast\",\"datatype\":\"FP32\"}", {s}, 1, "texts"},
    };
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        struct op *op = *state;
        struct tensor t;
        if (combine(op, cases[k].step, cases[k].in, cases[k].n, &t) != E_INVALID || !strstr(op->msg, cases[k].why))
            fail_msg("case %zu %s: %s", k, cases[k].step, op->msg ? op->msg : "taken");
    }
}

/* What a model says of its outputs need not be sane. */
static void test_shapes_that_overflow(void **state)
{
    struct op *op = *state;
    struct json *doc = NULL;
    struct graph_combine c;
    struct tensor_spec out;
    const struct tensor_spec in[] = {{.name = STR("a"), .type = TENSOR_FP32, .rank = 2, .shape = {1, INT64_MAX}},
                                     {.name = STR("b"), .type = TENSOR_FP32, .rank = 2, .shape = {1, 2}}};
    assert_int_equal(json_parse(op, STR("{\"combine\":\"concat\"}"), JSON_STRICT, &doc), OK);
    assert_int_equal(combine_parse(op, doc, 2, &c), OK);
    assert_int_equal(combine_spec(op, &c, in, 2, &out), E_INVALID);
    assert_non_null(strstr(op->msg, "too many columns"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_numbers), TEST(test_columns), TEST(test_votes), TEST(test_misfits), TEST(test_shapes_that_overflow)};
    return cmocka_run_group_tests_name("graph_combine", tests, NULL, NULL);
}
