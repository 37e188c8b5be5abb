/* The maps by their formulae, the form they are written in, and what is refused. */
#include "core/chain/calibrate.h"

#include "chain_fixture.h"

static struct calibrator *parse(struct op *op, const char *text)
{
    struct calibrator *c = NULL;
    if (calibrator_parse(op, json_of(op, text), &c))
        fail_msg("%s", op->msg);
    return c;
}

static double logistic(double v)
{
    return 1 / (1 + exp(-v));
}

static void test_formulae(void **state)
{
    struct op *op = *state;
    const struct calibrator *platt = parse(op, "{\"method\":\"platt\",\"a\":-3,\"b\":1}"), *t = parse(op, "{\"method\":\"temperature\",\"t\":2}"),
                            *beta = parse(op, "{\"method\":\"beta\",\"a\":2,\"b\":0.5,\"c\":-1}"), *none = parse(op, "{\"method\":\"none\"}"),
                            *iso = parse(op, "{\"method\":\"isotonic\",\"x\":[0.25,0.5,0.75],\"y\":[0.125,0.25,1]}");
    for (double s = 0.05; s < 1; s += 0.05) {
        near("platt", 0, calibrator_score(platt, s), logistic(3 * s - 1), 1e-14);
        near("temperature", 0, calibrator_score(t, s), sqrt(s) / (sqrt(s) + sqrt(1 - s)), 1e-14);
        near("beta", 0, calibrator_score(beta, s), logistic(2 * log(s) - 0.5 * log(1 - s) - 1), 1e-14);
        near("none", 0, calibrator_score(none, s), s, 0);
    }
    static const double at[][2] = {{-1, 0.125}, {0.25, 0.125}, {0.375, 0.1875}, {0.5, 0.25}, {0.625, 0.625}, {0.75, 1}, {9, 1}};
    for (size_t i = 0; i < ARRAY_LEN(at); i++)
        near("isotonic", i, calibrator_score(iso, at[i][0]), at[i][1], 0);
    assert_true(isnan(calibrator_score(iso, NAN)) && isnan(calibrator_score(beta, NAN)));
    assert_true(isfinite(calibrator_score(beta, 0)) && isfinite(calibrator_score(t, 1)));
}

static void test_classes(void **state)
{
    struct op *op = *state;
    const struct calibrator *each = parse(op, "{\"method\":\"platt\",\"classes\":[{\"a\":-1,\"b\":0},{\"a\":-2,\"b\":0},{\"a\":-3,\"b\":0}]}"),
                            *soft = parse(op, "{\"method\":\"temperature\",\"t\":0.5}"),
                            *nothing = parse(op, "{\"method\":\"isotonic\",\"classes\":[{\"x\":[0],\"y\":[0]},{\"x\":[0],\"y\":[0]}]}");
    double p[] = {0.5, 0.3, 0.2}, q[] = {0.5, 0.3, 0.2}, r[] = {0.6, 0.4};
    const double a = logistic(0.5), b = logistic(0.6), c = logistic(0.6);
    calibrator_classes(each, p, 3);
    near("one map per class", 0, p[0], a / (a + b + c), 1e-14);
    near("one map per class", 1, p[1], b / (a + b + c), 1e-14);
    calibrator_classes(soft, q, 3);
    near("temperature", 0, q[0], 0.25 / 0.38, 1e-14);
    calibrator_classes(nothing, r, 2);
    assert_true(r[0] == 0.5 && r[1] == 0.5);
    assert_true(calibrator_fits(each, 3) && !calibrator_fits(each, 2) && calibrator_fits(soft, 9));
    assert_true(calibrator_fits(parse(op, "{\"method\":\"platt\",\"a\":1,\"b\":1}"), 2) && !calibrator_fits(parse(op, "{\"method\":\"platt\",\"a\":1,\"b\":1}"), 3));
}

static void test_writes_what_it_reads(void **state)
{
    struct op *op = *state;
    static const char *const texts[] = {
        "{\"format\":\"ingot.calibrator\",\"version\":1,\"method\":\"none\"}",
        "{\"format\":\"ingot.calibrator\",\"version\":1,\"method\":\"platt\",\"a\":-3.5,\"b\":1.0}",
        "{\"format\":\"ingot.calibrator\",\"version\":1,\"method\":\"temperature\",\"t\":2.5}",
        "{\"format\":\"ingot.calibrator\",\"version\":1,\"method\":\"beta\",\"a\":1.0,\"b\":2.0,\"c\":3.0}",
        "{\"format\":\"ingot.calibrator\",\"version\":1,\"method\":\"isotonic\",\"x\":[0.0,1.0],\"y\":[0.1,0.9]}",
        "{\"format\":\"ingot.calibrator\",\"version\":1,\"method\":\"beta\",\"classes\":[{\"a\":1.0,\"b\":2.0,\"c\":3.0},{\"a\":1.0,\"b\":2.0,\"c\":3.0}]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct calibrator *c = NULL;
        struct buf b;
        struct json_out w;
        assert_int_equal(calibrator_read(op, str_from(texts[i]), &c), OK);
        buf_init(&b, LIMIT_KIB(4));
        json_out_init(&w, &b, 0);
        calibrator_write(&w, c);
        assert_string_equal(b.p, texts[i]);
        buf_clear(&b);
    }
}

static void test_refused(void **state)
{
    struct op *op = *state;
    static const char *const bad[][2] = {
        {"[]", "not an object"}, {"{}", "method must be"}, {"{\"method\":\"platt\"}", "calibrate.a"}, {"{\"method\":\"platt\",\"a\":1,\"b\":1,\"c\":1}", "no member \"c\""},
        {"{\"method\":\"temperature\",\"t\":0}", "above 0"}, {"{\"method\":\"isotonic\",\"x\":[],\"y\":[]}", "at least one"},
        {"{\"method\":\"isotonic\",\"x\":[1],\"y\":[1,2]}", "same number"}, {"{\"method\":\"isotonic\",\"x\":[1,1],\"y\":[1,2]}", "must ascend"},
        {"{\"method\":\"platt\",\"classes\":[{\"a\":1,\"b\":1}]}", "2 to"}, {"{\"method\":\"platt\",\"classes\":[{\"a\":1,\"b\":1},{\"a\":1}]}", "classes[1].b"},
        {"{\"format\":\"other\",\"method\":\"none\"}", "is not known"}, {"{\"version\":2,\"method\":\"none\"}", "is not known"},
    };
    struct calibrator *c = NULL;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        REFUSED(op, calibrator_parse(op, json_of(op, bad[i][0]), &c), bad[i][1]);
    REFUSED(op, calibrator_read(op, STR("{\"method\":\"none\"}"), &c), "\"format\" is missing");
    REFUSED(op, calibrator_read(op, STR("x"), &c), "line 1");
    assert_null(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_formulae), TEST(test_classes), TEST(test_writes_what_it_reads), TEST(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
