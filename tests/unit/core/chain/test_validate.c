/* Rules one by one, on columns and on matrices; what is counted; how long the text gets. */
#include "core/chain/validate.h"

#include "chain_fixture.h"

static const struct str features[] = {STR_INIT("a"), STR_INIT("b")}, beside[] = {STR_INIT("id")};
static const struct validate_names names = {.features = features, .feature_count = 2, .beside = beside, .beside_count = 1};

static struct validate *parse(struct op *op, const char *text)
{
    struct validate *v = NULL;
    if (validate_parse(op, json_of(op, text), true, &v))
        fail_msg("%s", op->msg);
    return v;
}

static const char *judge(struct op *op, const char *config, const struct tensor *t, size_t n)
{
    const struct chain_columns in = {.all = t, .len = n};
    const char *warning = NULL;
    struct validate *v = parse(op, config);
    enum err e = validate_run(op, v, &names, &in, NULL, &warning);
    assert_int_equal(e, v->warn || !op->msg ? OK : E_INVALID);
    return v->warn ? warning : op->msg;
}

#define ONE(column_rules) "{\"columns\":{\"a\":" column_rules "}}"

static void test_rules(void **state)
{
    struct op *op = *state;
    static const double v[] = {1, 2.5, NAN, INFINITY};
    static const struct str s[] = {STR_INIT("x"), STR_INIT(""), STR_INIT("\xc3\xbc\xc3\xbc")};
    static const int64_t whole[] = {3, 4};
    const struct tensor numbers = column("a", TENSOR_FP64, 4, v), texts = column("a", TENSOR_BYTES, 3, s), ints = column("a", TENSOR_INT64, 2, whole),
                        other = column("z", TENSOR_INT64, 2, whole), some = column("a", TENSOR_FP64, 2, v);
    const struct tensor two[] = {ints, other};
    static const struct {
        const char *config, *want; /* NULL: nothing to say */
        int which;
    } all[] = {
        {ONE("{}"), NULL, 0},
        {ONE("{\"type\":\"number\"}"), NULL, 0},
        {ONE("{\"type\":\"integer\"}"), "column \"a\", row 1: 2.5 is not an integer", 0},
        {ONE("{\"type\":\"boolean\"}"), "column \"a\", row 1: 2.5 is neither 0 nor 1; column \"a\", row 3: Infinity is neither 0 nor 1", 0},
        {ONE("{\"min\":1.5}"), "column \"a\", row 0: 1.0 is below 1.5", 0},
        {ONE("{\"max\":100}"), "column \"a\", row 3: Infinity is above 100.0", 0},
        {ONE("{\"nullable\":false}"), "column \"a\", row 2: NaN is not allowed", 0},
        {ONE("{\"in\":[2.5,1,7]}"), "column \"a\", row 3: Infinity is none of the values that may stand here", 0},
        {"{\"nan\":\"reject\",\"columns\":{\"a\":{}}}", "column \"a\", row 2: NaN is not allowed; column \"a\", row 3: Infinity is not allowed", 0},
        {"{\"nan\":\"reject\"}", "column \"a\", row 2: NaN is not allowed; column \"a\", row 3: Infinity is not allowed", 0},
        {ONE("{\"type\":\"string\"}"), "column \"a\": its datatype is FP64, a text is wanted", 0},
        {ONE("{\"type\":\"number\"}"), "column \"a\": its datatype is BYTES, a number is wanted", 1},
        {ONE("{\"type\":\"string\",\"max_length\":2}"), NULL, 1},
        {ONE("{\"max_length\":1}"), "column \"a\", row 2: \"\xc3\xbc\xc3\xbc\" is too long", 1},
        {ONE("{\"nullable\":false}"), "column \"a\", row 1: \"\" is not allowed", 1},
        {ONE("{\"in\":[\"y\",\"x\"]}"), "column \"a\", row 2: \"\xc3\xbc\xc3\xbc\" is none of the values that may stand here", 1},
        {"{\"columns\":{\"b\":{}}}", "column \"b\": it is missing", 0},
        {"{\"columns\":{\"b\":{\"required\":false}}}", NULL, 0},
        {"{\"unknown\":\"reject\"}", "column \"z\": it is not known", 2},
        {"{\"unknown\":\"ignore\"}", NULL, 2},
        {"{\"policy\":\"warn\",\"columns\":{\"a\":{\"min\":4}}}", "column \"a\", row 0: 3.0 is below 4.0", 2},
        {ONE("{\"type\":\"integer\"}"), NULL, 2},
        {ONE("{\"max\":1}"), "column \"a\", row 1: 2.5 is above 1.0", 3},
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        op_clear(op);
        const struct tensor *t = all[i].which == 0 ? &numbers : all[i].which == 1 ? &texts : all[i].which == 2 ? two : &some;
        const char *got = judge(op, all[i].config, t, all[i].which == 2 ? 2 : 1);
        if (!got != !all[i].want || (got && strcmp(got, all[i].want) != 0))
            fail_msg("%s: \"%s\", not \"%s\"", all[i].config, got ? got : "nothing", all[i].want ? all[i].want : "nothing");
    }
}

static void test_matrix(void **state)
{
    struct op *op = *state;
    static const float v[] = {1, 2, 3, NAN};
    static const int64_t ids[] = {1, 2};
    struct tensor m[] = {column("whatever", TENSOR_FP32, 4, v), column("id", TENSOR_INT64, 2, ids)};
    m[0].rank = 2;
    m[0].shape[0] = m[0].shape[1] = 2;
    op_clear(op);
    assert_string_equal(judge(op, "{\"columns\":{\"b\":{\"max\":1},\"a\":{\"max\":2}}}", m, 2), "column \"b\", row 0: 2.0 is above 1.0; column \"a\", row 1: 3.0 is above 2.0");
    op_clear(op);
    assert_string_equal(judge(op, "{\"nan\":\"reject\",\"columns\":{\"a\":{}}}", m, 1), "column \"b\", row 1: NaN is not allowed");
    op_clear(op);
    static float many[40000];
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = NAN;
    struct tensor full = column("m", TENSOR_FP32, ARRAY_LEN(many), many);
    full.rank = 2;
    full.shape[0] = ARRAY_LEN(many) / 2;
    full.shape[1] = 2;
    const char *text = judge(op, "{\"nan\":\"reject\",\"columns\":{\"b\":{}}}", &full, 1);
    assert_true(str_starts(str_from(text), STR("column \"b\", row 0: NaN is not allowed; column \"b\", row 1:")));
    assert_true(str_ends(str_from(text), STR("; and 39990 more"))); /* each is counted once, be there a rule for its column or not */
    op_clear(op);
    assert_string_equal(judge(op, "{\"columns\":{\"c\":{}}}", m, 1), "column \"c\": it is missing");
    op_clear(op);
    assert_string_equal(judge(op, "{\"columns\":{\"a\":{\"type\":\"string\"}}}", m, 1), "column \"a\": a text is wanted, not a place in a matrix of numbers");
}

static void test_many(void **state)
{
    struct op *op = *state;
    double v[1000] = {0};
    const struct tensor t = column("a", TENSOR_FP64, 1000, v);
    const struct chain_columns in = {.all = &t, .len = 1};
    struct validate *rules = parse(op, ONE("{\"min\":1}"));
    const struct str name = STR("a");
    struct tally *tally = tally_create(&name, 1);
    const char *warning;
    assert_int_equal(validate_run(op, rules, &names, &in, tally, &warning), E_INVALID);
    assert_int_equal(tally_get(tally, 0), 1000);
    assert_non_null(strstr(op->msg, "row 9: "));
    assert_null(strstr(op->msg, "row 10: "));
    assert_non_null(strstr(op->msg, "; and 990 more"));
    tally_unref(tally);
}

static void test_refused(void **state)
{
    struct op *op = *state;
    struct validate *v = NULL;
    static const char *const bad[][2] = {
        {"7", "not an object"}, {"\"always\"", "not an object"}, {"{\"polcy\":1}", "no member"}, {"{\"policy\":\"log\"}", "reject or warn"},
        {"{\"columns\":[]}", "an object of at most"}, {ONE("7"), "not an object"}, {ONE("{\"type\":\"float\"}"), "type must be"},
        {ONE("{\"min\":2,\"max\":1}"), "min is above max"}, {ONE("{\"type\":\"string\",\"min\":1}"), "a text has no min"},
        {ONE("{\"type\":\"number\",\"max_length\":1}"), "only a text has a length"}, {ONE("{\"in\":[]}"), "1 to"}, {ONE("{\"in\":[null]}"), "neither a number nor a text"},
        {ONE("{\"required\":1}"), "required"}, {ONE("{\"min\":\"1\"}"), "finite number"}, {"{\"nan\":true}", "allow or reject"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        REFUSED(op, validate_parse(op, json_of(op, bad[i][0]), true, &v), bad[i][1]);
    assert_null(v);
    assert_int_equal(validate_parse(op, NULL, true, &v), OK);
    assert_null(v);
    assert_true(parse(op, "\"signature\"")->warn && parse(op, "{\"columns\":\"signature\"}")->signature);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_rules), TEST(test_matrix), TEST(test_many), TEST(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
