/* Small columns whose figures are known by hand; large ones against scikit-learn in test_transform_fit.c. */
#include "core/chain/step_fit.h"

#include "chain_fixture.h"

static double numbers[] = {4, NAN, 2, 8, 2};
static struct str texts[] = {STR_INIT("b"), STR_INIT(""), STR_INIT("a"), STR_INIT("b"), STR_INIT("c")};
static const float labels[] = {1, 1, 0, 0, 1};

static struct transform_step fit(struct op *op, bool text, const char *plan)
{
    struct transform_step s;
    const struct step_column c = {.op = op, .path = "p", .text = text, .v = numbers, .t = texts, .n = 5, .labels = labels};
    if (step_fit(&c, json_of(op, plan), &s))
        fail_msg("%s: %s", plan, op->msg);
    return s;
}

static void test_numbers(void **state)
{
    struct op *op = *state;
    assert_true(fit(op, false, "{\"kind\":\"impute\"}").number == 4);
    assert_true(fit(op, false, "{\"kind\":\"impute\",\"strategy\":\"median\"}").number == 3);
    assert_true(fit(op, false, "{\"kind\":\"impute\",\"strategy\":\"most_frequent\"}").number == 2);
    assert_true(fit(op, false, "{\"kind\":\"scale\"}").scale == sqrt(6));
    const struct transform_step minmax = fit(op, false, "{\"kind\":\"scale\",\"method\":\"minmax\"}"), robust = fit(op, false, "{\"kind\":\"scale\",\"method\":\"robust\"}");
    assert_true(minmax.center == 2 && minmax.scale == 6);
    assert_true(robust.center == 3 && robust.scale == 3); /* quartiles 2 and 5 */
    const struct transform_step cut = fit(op, false, "{\"kind\":\"bucketize\",\"buckets\":4}");
    assert_int_equal(cut.edge_count, 4); /* 2, 2, 3, 5, 8: equal ones are joined */
    assert_true(cut.edges[0] == 2 && cut.edges[1] == 3 && cut.edges[3] == 8);
}

static void test_texts(void **state)
{
    struct op *op = *state;
    assert_true(str_eqc(fit(op, true, "{\"kind\":\"impute\"}").text, "b"));
    const struct transform_step all = fit(op, true, "{\"kind\":\"onehot\"}"), two = fit(op, true, "{\"kind\":\"onehot\",\"min_frequency\":2}");
    assert_int_equal(all.known.len, 3);
    assert_true(str_eqc(all.known.texts[0], "a") && str_eqc(all.known.texts[2], "c"));
    assert_true(two.known.len == 1 && two.rare.len == 2 && str_eqc(two.known.texts[0], "b"));
    const struct transform_step target = fit(op, true, "{\"kind\":\"target\",\"smooth\":1}");
    assert_true(target.unknown_value == (double)3 / 5);
    near("target", 0, target.values[0], 0.3, 1e-15);
    near("target", 1, target.values[1], (1 + 0.6) / 3, 1e-15);
    assert_int_equal(fit(op, true, "{\"kind\":\"hash\",\"buckets\":8,\"signs\":true}").buckets, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_numbers), TEST(test_texts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
