/* Every kind of step, fitted and applied, against scikit-learn (make_sklearn.py); then through the file format and back to the same bits. */
#include "core/chain/transform_fit.h"

#include "chain_fixture.h"
#include "core/chain/transform_format.h"

static struct transform_values values_of(struct op *op, const struct json *list, bool text)
{
    struct str *texts = arena_array(op->arena, (size_t)list->len + 1, struct str);
    double *numbers = NULL;
    for (size_t i = 0; text && i < list->len; i++)
        texts[i] = list->items[i].s;
    if (!text)
        numbers_of(op, list, &numbers);
    return (struct transform_values){.numbers = numbers, .texts = text ? texts : NULL};
}

static struct transform *reread(struct op *op, const struct transform *t)
{
    struct buf b;
    struct json_out w;
    struct transform *again = NULL;
    buf_init(&b, LIMIT_MIB(16));
    json_out_init(&w, &b, 0);
    transform_write(&w, t);
    if (transform_read(op, str_dup(op->arena, buf_str(&b)), &again))
        fail_msg("%s: %.*s", op->msg, STR_FMT(buf_str(&b)));
    buf_clear(&b);
    return again;
}

static void compare(struct op *op, const char *name, const struct transform *t, const struct json *in, const struct json *want, bool text)
{
    const struct transform_values v = values_of(op, in, text);
    const struct transform *again = reread(op, t);
    double *out = arena_array(op->arena, in->len * t->output_count + 1, double), *second = arena_array(op->arena, in->len * t->output_count + 1, double), *numbers;
    if (transform_apply(op, t, &v, in->len, NULL, out) || transform_apply(op, again, &v, in->len, NULL, second))
        fail_msg("%s: %s", name, op->msg);
    assert_int_equal(numbers_of(op, want, &numbers), in->len * t->output_count);
    assert_int_equal(again->output_count, t->output_count);
    for (size_t i = 0; i < want->len; i++) {
        near(name, i, out[i], numbers[i], 1e-12);
        assert_memory_equal(&out[i], &second[i], sizeof(double));
    }
}

static void test_sklearn(void **state)
{
    struct op *op = *state;
    const struct json *all = recorded(op), *cases = json_get(all, "cases");
    const float *labels = floats_of(op, json_get(all, "labels"));
    for (size_t i = 0; i < cases->len; i++) {
        const struct json *c = &cases->items[i], *source = json_get(c, "source");
        const char *name = str_cstr(op->arena, json_get(c, "name")->s);
        const bool text = json_get(c, "text")->boolean;
        const struct json *steps = json_get(c, "steps");
        struct json_member entry[] = {{STR("column"), {.type = JSON_STRING, .s = STR("c")}}, {STR("steps"), *steps}};
        struct json object = {.type = JSON_OBJECT, .len = 2, .members = entry};
        struct json_member outer[] = {{STR("columns"), {.type = JSON_ARRAY, .len = 1, .items = &object}}};
        const struct json plan = {.type = JSON_OBJECT, .len = 1, .members = outer};
        const struct transform_values v = values_of(op, source, text);
        const struct transform_source from = {.name = STR("c"), .numbers = v.numbers, .texts = v.texts};
        struct transform *t = NULL;
        int64_t width = 0;
        if (transform_fit(op, &plan, &from, 1, source->len, labels, &t))
            fail_msg("%s: %s", name, op->msg);
        assert_true(json_as_i64(json_get(c, "width"), &width));
        if (t->output_count != (size_t)width)
            fail_msg("%s: %zu outputs, not %lld", name, t->output_count, (long long)width);
        compare(op, name, t, source, json_get(c, "out"), text);
        compare(op, name, t, json_get(c, "fresh"), json_get(c, "fresh_out"), text);
    }
    assert_int_equal(cases->len, 54);
}

static const double numbers[] = {1, 2, NAN, 4};
static const struct str texts[] = {STR_INIT("b"), STR_INIT("a"), STR_INIT(""), STR_INIT("a")};
static const struct transform_source sources[] = {{STR_INIT("n"), numbers, NULL}, {STR_INIT("t"), NULL, texts}};

static enum err fit(struct op *op, const char *plan, struct transform **ret)
{
    return transform_fit(op, json_of(op, plan), sources, 2, 4, NULL, ret);
}

static void test_names_and_ranges(void **state)
{
    struct op *op = *state;
    struct transform *t = NULL;
    struct str *names = NULL;
    size_t n = 0;
    const char *plan = "{\"columns\":[{\"columns\":[\"n\"],\"steps\":[{\"kind\":\"impute\",\"indicator\":true},{\"kind\":\"scale\"}]},"
                       "{\"column\":\"t\",\"steps\":[{\"kind\":\"onehot\"}]},{\"column\":\"n\"},{\"column\":\"t\",\"steps\":[{\"kind\":\"ordinal\"}]}]}";
    assert_int_equal(transform_plan_names(op, json_of(op, plan), &names, &n), OK);
    assert_int_equal(n, 2);
    if (fit(op, plan, &t))
        fail_msg("%s", op->msg);
    static const char *const want[] = {"n", "n_missing", "t_a", "t_b", "n#2", "t"};
    assert_int_equal(t->output_count, ARRAY_LEN(want));
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_true(str_eqc(t->outputs[i], want[i]));
    assert_int_equal(t->input_count, 2);
    assert_true(t->inputs[0].min == 1 && t->inputs[0].max == 4);
    assert_true(t->inputs[1].text && isnan(t->inputs[1].min));
    const struct transform_values v[] = {{.numbers = (const double[]){NAN}}, {.texts = (const struct str[]){STR("")}}};
    float x[6];
    assert_int_equal(transform_apply(op, t, v, 1, x, NULL), OK);
    assert_true(x[0] == 0 && x[1] == 1 && x[2] == 0 && x[3] == 0 && isnan(x[4]) && isnan(x[5]));
}

static void test_refused(void **state)
{
    struct op *op = *state;
    struct transform *t = NULL;
    static const struct {
        const char *plan, *text;
    } bad[] = {
        {"[]", "not an object"},
        {"{\"columns\":[]}", "at least one column"},
        {"{\"columns\":[{\"column\":\"z\"}]}", "there is no column \"z\""},
        {"{\"columns\":[{\"column\":\"t\"}]}", "stays a text"},
        {"{\"columns\":[{\"column\":\"t\",\"steps\":[{\"kind\":\"scale\"}]}]}", "scale is for numbers"},
        {"{\"columns\":[{\"column\":\"n\",\"steps\":[{\"kind\":\"hash\",\"buckets\":4}]}]}", "hash is for texts"},
        {"{\"columns\":[{\"column\":\"n\",\"steps\":[{\"kind\":\"scal\"}]}]}", "kind must be"},
        {"{\"columns\":[{\"column\":\"n\",\"steps\":[{\"kind\":\"scale\",\"metod\":1}]}]}", "no member \"metod\""},
        {"{\"columns\":[{\"column\":\"t\",\"steps\":[{\"kind\":\"target\"}]}]}", "needs labels"},
        {"{\"columns\":[{\"column\":\"t\",\"steps\":[{\"kind\":\"onehot\"},{\"kind\":\"scale\"}]}]}", "makes several values"},
        {"{\"columns\":[{\"column\":\"n\",\"columns\":[\"n\"]}]}", "must name a column"},
        {"{\"columns\":[{\"column\":\"t\",\"steps\":[{\"kind\":\"impute\",\"strategy\":\"mean\"}]}]}", "texts are imputed by"},
        {"{\"columns\":[{\"column\":\"n\",\"steps\":[{\"kind\":\"bucketize\",\"edges\":[1,1]}]}]}", "must ascend"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        REFUSED(op, fit(op, bad[i].plan, &t), bad[i].text);
    static const double none[] = {NAN, NAN};
    const struct transform_source empty = {STR_INIT("n"), none, NULL};
    REFUSED(op, transform_fit(op, json_of(op, "{\"columns\":[{\"column\":\"n\",\"steps\":[{\"kind\":\"scale\"}]}]}"), &empty, 1, 2, NULL, &t), "all 2 values are missing");
    assert_null(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_sklearn), TEST(test_names_and_ranges), TEST(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
