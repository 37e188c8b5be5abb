/* Places of outputs, unknown categories, and what steps may stand where. Values of every kind: test_transform_fit.c. */
#include "core/chain/transform.h"

#include "chain_fixture.h"

static const struct str cities[] = {STR_INIT("a"), STR_INIT("b")}, few[] = {STR_INIT("r")};
static const double months[] = {1, 2.5};

static enum err apply(struct op *op, const struct transform_step *steps, size_t n, bool text, const struct str *t, const double *v, size_t rows, double *out,
                      size_t *ret_width)
{
    struct transform_column *c = op_new(op, struct transform_column);
    struct transform all = {.columns = c, .column_count = 1};
    *c = (struct transform_column){.name = STR("c"), .text = text, .steps = steps, .step_count = n};
    enum err e = transform_seal(op, &all);
    *ret_width = all.output_count;
    return e ? e : transform_apply(op, &all, &(struct transform_values){.numbers = v, .texts = t}, rows, NULL, out);
}

static void test_unknown(void **state)
{
    struct op *op = *state;
    struct transform_step s = {.kind = TRANSFORM_ONEHOT, .known = {.texts = cities, .len = 2}, .rare = {.texts = few, .len = 1}};
    const struct str in[] = {STR("b"), STR("r"), STR("z"), STR("")};
    double out[12];
    size_t width;
    assert_int_equal(apply(op, &s, 1, true, in, NULL, 4, out, &width), OK);
    assert_int_equal(width, 3);
    static const double ignored[] = {0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}, shared[] = {0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1};
    assert_memory_equal(out, ignored, sizeof(out));
    s.unknown = TRANSFORM_UNKNOWN_INFREQUENT;
    assert_int_equal(apply(op, &s, 1, true, in, NULL, 4, out, &width), OK);
    assert_memory_equal(out, shared, sizeof(out));
    s.unknown = TRANSFORM_UNKNOWN_ERROR;
    REFUSED(op, apply(op, &s, 1, true, in, NULL, 4, out, &width), "column \"c\", row 2: \"z\" is a category that training did not see");
    s = (struct transform_step){.kind = TRANSFORM_ORDINAL, .known = {.numbers = months, .len = 2}, .unknown = TRANSFORM_UNKNOWN_ERROR};
    const double v[] = {2.5, NAN, 3};
    assert_int_equal(apply(op, &s, 1, false, NULL, v, 2, out, &width), OK);
    assert_true(out[0] == 1 && isnan(out[1])); /* missing is not unknown */
    REFUSED(op, apply(op, &s, 1, false, NULL, v, 3, out, &width), "row 2: 3 is a category");
}

static void test_floats_and_doubles(void **state)
{
    struct op *op = *state;
    const struct transform_step s[] = {{.kind = TRANSFORM_SCALE, .center = 0.1, .scale = 3}};
    struct transform_column c = {.name = STR("c"), .steps = s, .step_count = 1};
    struct transform t = {.columns = &c, .column_count = 1};
    const double v[] = {1};
    float x = 0;
    double wide = 0;
    assert_int_equal(transform_seal(op, &t), OK);
    assert_int_equal(transform_apply(op, &t, &(struct transform_values){.numbers = v}, 1, &x, NULL), OK);
    assert_int_equal(transform_apply(op, &t, &(struct transform_values){.numbers = v}, 1, NULL, &wide), OK);
    assert_true(wide == (1 - 0.1) / 3 && x == (float)wide);
}

static void test_edges(void **state)
{
    struct op *op = *state;
    static const double edges[] = {0, 1, 2};
    const struct transform_step buckets = {.kind = TRANSFORM_BUCKETIZE, .edges = edges, .edge_count = 3}, log = {.kind = TRANSFORM_LOG1P},
                                clip = {.kind = TRANSFORM_CLIP, .min = -1, .max = INFINITY};
    const double v[] = {-5, 1, 9, NAN, -1};
    double out[5];
    size_t width;
    assert_int_equal(apply(op, &buckets, 1, false, NULL, v, 4, out, &width), OK);
    assert_true(out[0] == 0 && out[1] == 1 && out[2] == 1 && isnan(out[3]));
    assert_int_equal(apply(op, &log, 1, false, NULL, v, 5, out, &width), OK);
    assert_true(isnan(out[0]) && out[1] == log1p(1) && isnan(out[4]));
    assert_int_equal(apply(op, &clip, 1, false, NULL, v, 4, out, &width), OK);
    assert_true(out[0] == -1 && out[2] == 9 && isnan(out[3]));
}

static void test_refused(void **state)
{
    struct op *op = *state;
    const struct transform_step onehot = {.kind = TRANSFORM_ONEHOT, .known = {.texts = cities, .len = 2}}, scale = {.kind = TRANSFORM_SCALE, .scale = 1},
                                hash = {.kind = TRANSFORM_HASH, .buckets = 2};
    const struct transform_step twice[] = {onehot, scale};
    const double v = 1;
    double out[4];
    size_t width;
    REFUSED(op, apply(op, &scale, 1, true, cities, NULL, 1, out, &width), "is for numbers");
    REFUSED(op, apply(op, &hash, 1, false, NULL, &v, 1, out, &width), "only texts are hashed");
    REFUSED(op, apply(op, &onehot, 1, false, NULL, &v, 1, out, &width), "not of the column's type");
    REFUSED(op, apply(op, twice, 2, true, cities, NULL, 1, out, &width), "behind one that makes several");
    REFUSED(op, apply(op, NULL, 0, true, cities, NULL, 1, out, &width), "stays a text");
    struct transform none = {0};
    REFUSED(op, transform_seal(op, &none), "makes no columns");
    struct transform_column both[] = {{.name = STR("c")}, {.name = STR("c"), .text = true, .steps = &onehot, .step_count = 1}};
    struct transform mixed = {.columns = both, .column_count = 2};
    REFUSED(op, transform_seal(op, &mixed), "as number and as text");
}

/* A file may say the same column thousands of times, and give it long names: an error at most. */
static void test_equal_names(void **state)
{
    struct op *op = *state;
    enum { N = 5000 };
    struct transform_column *c = arena_array(op->arena, N, struct transform_column);
    struct transform t = {.columns = c, .column_count = N};
    const size_t before = arena_used(op->arena);
    for (size_t i = 0; i < N; i++)
        c[i].name = STR("a");
    c[2].name = STR("a#2");
    assert_int_equal(transform_seal(op, &t), OK);
    assert_true(str_eqc(t.outputs[0], "a") && str_eqc(t.outputs[1], "a#2") && str_eqc(t.outputs[2], "a#2#2") && str_eqc(t.outputs[3], "a#3"));
    assert_true(str_eqc(t.outputs[N - 1], "a#4999"));
    assert_true(arena_used(op->arena) - before < LIMIT_MIB(8));
    AUTO(arena) struct arena *small = arena_create(LIMIT_MIB(2));
    char *wide = arena_array(small, LIMIT_KIB(300) + 1, char);
    struct op sub;
    struct transform_column two[4] = {0};
    op_init(&sub, small);
    memset(wide, 'x', LIMIT_KIB(300));
    for (size_t i = 0; i < ARRAY_LEN(two); i++)
        two[i].name = (struct str){wide, LIMIT_KIB(300)};
    t = (struct transform){.columns = two, .column_count = ARRAY_LEN(two)};
    assert_int_equal(transform_seal(&sub, &t), E_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_unknown), TEST(test_floats_and_doubles), TEST(test_edges), TEST(test_refused), TEST(test_equal_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
