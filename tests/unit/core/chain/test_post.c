/* From the model's outputs to named classes: which output is the source, thresholds, rounding, places and types. */
#include "core/chain/post.h"

#include "chain_fixture.h"

static const struct tensor_spec score = {.name = STR_INIT("score"), .type = TENSOR_FP32, .rank = 1, .shape = {-1}};
static const struct str abc[] = {STR_INIT("a"), STR_INIT("b"), STR_INIT("c")};
static const struct tensor_spec onnx[] = {{.name = STR_INIT("label"), .type = TENSOR_INT64, .rank = 1, .shape = {-1}},
                                          {.name = STR_INIT("probabilities"), .type = TENSOR_FP32, .rank = 2, .shape = {-1, 3}, .labels = abc, .label_count = 3}};

static enum err make(struct op *op, const char *text, const struct tensor_spec *outputs, size_t n, struct post **ret)
{
    struct post_spec *spec = NULL;
    enum err e = post_parse(op, json_of(op, text), 0.5, &spec);
    return e ? e : post_compile(op, spec, NULL, 0.5, outputs, n, ret);
}

static struct post_result run(struct op *op, const struct post *p, const struct tensor_spec *s, size_t rows, const float *values)
{
    struct tensor t = {.name = s->name, .type = s->type, .rank = s->rank, .shape = {(int64_t)rows, s->shape[1]}, .count = rows * p->width, .data = values};
    struct post_result r;
    if (post_run(op, p, &t, rows, NULL, &r))
        fail_msg("%s", op->msg);
    return r;
}

static void test_binary(void **state)
{
    struct op *op = *state;
    struct post *p = NULL;
    assert_int_equal(make(op, "{\"labels\":[\"no\",\"yes\"],\"threshold\":0.25}", &score, 1, &p), OK);
    assert_int_equal(p->output_count, 2); /* score stands in the model's place, label behind */
    assert_int_equal(p->places[0].what, POST_SCORE);
    assert_int_equal(p->outputs[0].type, TENSOR_FP32); /* neither calibrated nor rounded */
    assert_true(str_eqc(p->outputs[1].name, "label"));
    const float v[] = {0.2F, 0.25F, NAN};
    const struct post_result r = run(op, p, &score, 3, v);
    assert_memory_equal(r.made[POST_SCORE].data, v, sizeof(v));
    assert_true(str_eqc(r.made[POST_LABEL].texts[0], "no") && str_eqc(r.made[POST_LABEL].texts[1], "yes") && str_eqc(r.made[POST_LABEL].texts[2], "no"));
    assert_memory_equal(r.scores, v, sizeof(v));
}

static void test_classes(void **state)
{
    struct op *op = *state;
    struct post *p = NULL;
    const float v[] = {0.5F, 0.3F, 0.2F, 0.1F, 0.45F, 0.45F};
    assert_int_equal(make(op, "{\"threshold\":{\"b\":0.2},\"outputs\":[\"label\",\"score\",\"probabilities\"],\"round\":1}", onnx, 2, &p), OK);
    assert_int_equal(p->source, 1);
    assert_int_equal(p->output_count, 3);
    assert_int_equal(p->outputs[0].type, TENSOR_BYTES); /* in the place of the model's label */
    assert_true(str_eqc(p->outputs[2].name, "score"));
    struct post_result r = run(op, p, &onnx[1], 2, v);
    assert_true(str_eqc(r.made[POST_LABEL].texts[0], "b") && str_eqc(r.made[POST_LABEL].texts[1], "b"));
    assert_true(((const double *)r.made[POST_SCORE].data)[1] == 0.4 || ((const double *)r.made[POST_SCORE].data)[1] == 0.5);
    near("score", 0, (double)r.scores[1], 0.45, 1e-6);
    assert_int_equal(r.made[POST_PROBABILITIES].count, 6);
    assert_int_equal(make(op, "{}", onnx, 2, &p), OK); /* no threshold: probabilities alone, as they are; the model's own label stays */
    assert_int_equal(p->output_count, 2);
    assert_int_equal(p->outputs[0].type, TENSOR_INT64);
    r = run(op, p, &onnx[1], 2, v);
    assert_memory_equal(r.made[POST_PROBABILITIES].data, v, sizeof(v));
}

static void test_own_calibrator(void **state)
{
    struct op *op = *state;
    struct calibrator *own = NULL;
    struct post_spec *spec = NULL;
    struct post *p = NULL;
    assert_int_equal(calibrator_parse(op, json_of(op, "{\"method\":\"isotonic\",\"x\":[0,1],\"y\":[0.25,0.75]}"), &own), OK);
    assert_int_equal(post_compile(op, NULL, own, 0.5, &score, 1, &p), OK);
    assert_int_equal(p->outputs[0].type, TENSOR_FP64);
    const float v[] = {0.5F, 1};
    near("calibrated", 1, ((const double *)run(op, p, &score, 2, v).made[POST_SCORE].data)[1], 0.75, 0);
    assert_int_equal(post_parse(op, json_of(op, "{\"calibrate\":\"none\"}"), 0.5, &spec), OK);
    assert_int_equal(post_compile(op, spec, own, 0.5, &score, 1, &p), OK);
    assert_null(p->calibrator);
    assert_int_equal(post_compile(op, NULL, NULL, 0.5, &score, 1, &p), OK);
    assert_null(p);
    assert_int_equal(post_parse(op, NULL, 0.5, &spec), OK);
    assert_null(spec);
    REFUSED(op, post_compile(op, NULL, own, 0.5, onnx, 2, &p), "gives 3 values");
}

static void test_refused(void **state)
{
    struct op *op = *state;
    struct post *p = NULL;
    static const char *const bad[][2] = {
        {"{\"source\":\"label\"}", "holds no scores"}, {"{\"source\":\"z\"}", "no output \"z\""}, {"{\"labels\":[\"a\"]}", "at least 2"},
        {"{\"labels\":[\"a\",\"b\"]}", "2 names"}, {"{\"labels\":[\"a\",\"a\",\"b\"]}", "twice"}, {"{\"threshold\":{\"z\":0.5}}", "no class \"z\""},
        {"{\"threshold\":{\"a\":0}}", "post.threshold"}, {"{\"threshold\":-1}", "post.threshold"}, {"{\"outputs\":[]}", "post.outputs"},
        {"{\"outputs\":[\"score\",\"score\"]}", "twice"}, {"{\"round\":99}", "round"}, {"{\"rounds\":1}", "no member"},
        {"{\"calibrate\":{\"method\":\"platt\",\"a\":1,\"b\":1}}", "gives 3 values"}, {"{\"calibrate\":\"sometimes\"}", "calibrate"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        REFUSED(op, make(op, bad[i][0], onnx, 2, &p), bad[i][1]);
    REFUSED(op, make(op, "{}", onnx, 1, &p), "no output of scores");
}

/* The names of a model's classes are as long as its file likes. */
static void test_long_labels(void **state)
{
    struct op *op = *state;
    enum { LONG = 3 << 20 };
    char *text = arena_array(op->arena, LONG, char);
    memset(text, 'x', LONG);
    const struct str labels[] = {STR("a"), {text, LONG}, STR("c")};
    struct tensor_spec spec = onnx[1];
    struct post *p = NULL;
    spec.labels = labels;
    AUTO(arena) struct arena *small = arena_create(LIMIT_KIB(256));
    struct op sub;
    op_init(&sub, small);
    assert_int_equal(make(&sub, "{}", &spec, 1, &p), E_TOO_LARGE);
    assert_int_equal(make(op, "{\"outputs\":[\"label\"]}", &spec, 1, &p), OK);
    const float v[] = {0.1F, 0.8F, 0.1F};
    const struct tensor t = {.name = spec.name, .type = TENSOR_FP32, .rank = 2, .shape = {1, 3}, .count = 3, .data = v};
    struct post_result r;
    op_clear(&sub);
    assert_int_equal(post_run(&sub, p, &t, 1, NULL, &r), E_TOO_LARGE);
    assert_int_equal(post_run(op, p, &t, 1, NULL, &r), OK);
    assert_int_equal(r.made[POST_LABEL].texts[0].len, LONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_binary), TEST(test_classes), TEST(test_own_calibrator), TEST(test_refused), TEST(test_long_labels)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
