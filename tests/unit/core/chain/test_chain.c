/* The compiled whole: what is asked for, what is left out, what is made, and that 28 checked columns change nothing. */
#include "core/chain/chain.h"

#include "chain_fixture.h"
#include "core/chain/transform_format.h"

static const struct tensor_spec score = {.name = STR_INIT("score"), .type = TENSOR_FP32, .rank = 1, .shape = {-1}};
static const struct tensor_spec matrix = {.name = STR_INIT("features"), .type = TENSOR_FP32, .rank = 2, .shape = {-1, 2}};
static const struct str features[] = {STR_INIT("n"), STR_INIT("t_a")}, beside[] = {STR_INIT("id")};
static const char file[] = "{\"format\":\"ingot.transform\",\"version\":1,\"inputs\":[{\"name\":\"n\",\"type\":\"number\"},{\"name\":\"t\",\"type\":\"string\"}],"
                           "\"columns\":[{\"column\":\"n\",\"steps\":[{\"kind\":\"scale\",\"center\":1,\"scale\":2}]},{\"column\":\"t\",\"steps\":[{\"kind\":\"onehot\",\"categories\":[\"a\"],\"unknown\":\"ignore\"}]}]}";

static struct chain_model model(struct op *op, bool transform)
{
    struct transform *t = NULL;
    if (transform && transform_read(op, str_from(file), &t))
        fail_msg("%s", op->msg);
    return (struct chain_model){.inputs = &matrix, .outputs = &score, .input_count = 1, .output_count = 1, .features = 2, .feature_names = features, .transform = t,
                                .signature = STR("")};
}

static enum err compile(struct op *op, const char *config, const struct chain_model *m, struct chain **ret)
{
    struct chain_spec spec;
    enum err e = chain_spec_parse(op, json_of(op, config), 0.5, false, &spec);
    return e ? e : chain_compile(op, &spec, m, beside, 1, ret);
}

static void test_nothing(void **state)
{
    struct op *op = *state;
    const struct chain_model m = model(op, false);
    struct chain *c = NULL;
    struct str *rules = NULL;
    assert_int_equal(compile(op, "{}", &m, &c), OK);
    assert_null(c);
    assert_int_equal(chain_rules(c, op, &rules), 0);
}

static void test_before(void **state)
{
    struct op *op = *state;
    const struct chain_model m = model(op, true);
    struct chain *c = NULL;
    const double n[] = {3, 5};
    const struct str t[] = {STR("a"), STR("z")};
    const int64_t id[] = {1, 2};
    const struct tensor all[] = {column("t", TENSOR_BYTES, 2, t), column("id", TENSOR_INT64, 2, id), column("n", TENSOR_FP64, 2, n), column("z", TENSOR_FP64, 2, n)};
    struct chain_columns in = {.all = all, .len = 4}, out;
    const char *warning;
    assert_int_equal(compile(op, "{\"validate\":{\"unknown\":\"ignore\"}}", &m, &c), OK);
    assert_int_equal(c->input_count, 2);
    if (chain_before(op, c, &in, &out, &warning))
        fail_msg("%s", op->msg);
    assert_int_equal(out.len, 2);
    assert_true(str_eqc(out.all[0].name, "features") && str_eqc(out.all[1].name, "id"));
    const float *x = out.all[0].data;
    assert_true(x[0] == 1 && x[1] == 1 && x[2] == 2 && x[3] == 0);
    assert_int_equal(compile(op, "{}", &m, &c), OK);
    REFUSED(op, chain_before(op, c, &in, &out, &warning), "no input \"z\"");
    in.len = 1;
    REFUSED(op, chain_before(op, c, &in, &out, &warning), "\"n\" is missing");
    assert_int_equal(compile(op, "{\"validate\":{\"columns\":{\"n\":{\"required\":false}}}}", &m, &c), OK);
    op_clear(op);
    if (chain_before(op, c, &in, &out, &warning))
        fail_msg("%s", op->msg);
    x = out.all[0].data;
    assert_true(isnan(x[0]) && x[1] == 1);
}

static void test_check(void **state)
{
    struct op *op = *state;
    struct chain_model m = model(op, true);
    const struct str other[] = {STR("n"), STR("t_b")};
    struct chain *c = NULL;
    m.feature_names = other;
    REFUSED(op, compile(op, "{}", &m, &c), "column 1 of the transform is \"t_a\"");
    m.features = 3;
    REFUSED(op, compile(op, "{}", &m, &c), "makes 2 columns, the model takes 3");
    struct tensor_spec wide = matrix;
    m = model(op, true);
    m.features = 0;
    m.feature_names = NULL;
    m.inputs = &wide;
    assert_int_equal(compile(op, "{}", &m, &c), OK);
    wide.shape[1] = 3;
    REFUSED(op, compile(op, "{}", &m, &c), "does not take one matrix");
}

/* 28 columns that obey their rules leave the request as it is, and nothing behind in the arena. */
static void test_costs_nothing(void **state)
{
    struct op *op = *state;
    enum { WIDTH = 28 };
    static struct str names[WIDTH];
    struct tensor all[WIDTH];
    const double v = 1;
    struct chain *c = NULL;
    struct chain_model m = model(op, false);
    const char *config = "", *warning;
    for (int i = 0; i < WIDTH; i++) {
        names[i] = str_from(op_printf(op, "feature_%d", i));
        config = op_printf(op, "%s%s\"feature_%d\":{\"type\":\"number\",\"min\":0,\"max\":120}", config, i ? "," : "", i);
        all[i] = (struct tensor){.name = names[i], .type = TENSOR_FP64, .rank = 1, .shape = {1}, .count = 1, .data = &v};
    }
    m.features = WIDTH;
    m.feature_names = names;
    assert_int_equal(compile(op, op_printf(op, "{\"validate\":{\"columns\":{%s}}}", config), &m, &c), OK);
    const struct chain_columns in = {.all = all, .len = WIDTH};
    struct chain_columns out;
    const size_t used = arena_used(op->arena);
    assert_int_equal(chain_before(op, c, &in, &out, &warning), OK);
    assert_int_equal(arena_used(op->arena), used);
    assert_ptr_equal(out.all, in.all);
    assert_null(warning);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_nothing), TEST(test_before), TEST(test_check), TEST(test_costs_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
