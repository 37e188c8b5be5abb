/* The two parsers against each other and against what RFC 8259 says. */
#include "base_test.h"

#include "base/json_parse.h"

#include <math.h>

static const char *const accepted[] = {
    "null", " true ", "\r\n\tfalse", "0", "-1", "1.5e+10", "1E2", "\"\"", "\"a\\u00e9\\ud83d\\ude00\\n\\/\"", "[]", "[ ]", "{}", "{ }",
    "[1,2,[3,[]],{\"a\":{}}]", "{\"a\":[1,{\"b\":null}],\"\":\"\"}", "\"\\u0000\"", "\"\x7f\"", "\"\xf4\x8f\xbf\xbf\"", "[-0.0]",
    "[0.1,1e-7,2.5e300,5e-324,1.7976931348623157e308,123456.789e-3]", "[9223372036854775807,-9223372036854775808,18446744073709551615]",
};

/* Text, and where the error stands. */
static const struct {
    const char *text, *where;
} refused[] = {
    {"", "line 1 column 1:"}, {"  ", "line 1 column 3:"}, {"nul", "column 1:"}, {"True", "column 1:"}, {"[1,]", "column 4:"},
    {"[1 2]", "column 4:"}, {"[,1]", "column 2:"}, {"{\"a\":1,}", "column 8:"}, {"{a:1}", "column 2:"}, {"{'a':1}", "column 2:"},
    {"{\"a\" 1}", "column 6:"}, {"{\"a\":}", "column 6:"}, {"[1]\n\n x", "line 3 column 2:"}, {"[\"\xc3\xbc\",\"\xc3\xbc\" 1]", "column 10:"},
    {"01", "number begins with 0"}, {"-", "column 2:"}, {"1.", "column 3:"}, {".5", "column 1:"}, {"1e", "column 3:"}, {"+1", "column 1:"},
    {"1e+", "column 4:"}, {"0x10", "column 2:"}, {"1e999", "too large"}, {"-1e999", "too large"}, {"[1e400]", "column 2:"},
    {"\"", "inside a string"}, {"\"\\\"", "inside a string"}, {"\"a\nb\"", "control character"}, {"\"\\x\"", "escape"},
    {"\"\\u12g4\"", "hex"}, {"\"\\u12", "inside a string"}, {"\"\\ud800\"", "surrogate"}, {"\"\\udc00\"", "surrogate"},
    {"\"\\ud800\\u0041\"", "surrogate"}, {"\"\\ud800\\\"", "string"}, {"\"\xff\"", "UTF-8"}, {"\"\xed\xa0\x80\"", "UTF-8"},
    {"\"\xc0\x80\"", "UTF-8"}, {"\xef\xbb\xbf[]", "column 1:"}, {"[", "ends"}, {"{", "key"}, {"]", "column 1:"}, {"[}", "column 2:"},
    {"{\"a\":1]", "column 7:"}, {"/* c */ 1", "column 1:"}, {"[1]]", "column 4:"}, {"{\"a\":1 \"b\":2}", "column 8:"}, {"{1:2}", "column 2:"},
    {"{\"a\":1,\"a\":1}", "twice"}, {"NaN", "column 1:"}, {"[1\x0c]", "column 3:"}, {"tru", "column 1:"}, {"truee", "column 5:"},
};

static char *text_of(struct fixture *f, const struct json *j)
{
    struct buf b;
    buf_init(&b, 100000000);
    struct json_out w;
    json_out_init(&w, &b, 0);
    w.nonfinite = JSON_NONFINITE_BARE;
    json_value(&w, j);
    assert_false(b.failed);
    char *copy = str_cstr(f->arena, buf_str(&b));
    buf_clear(&b);
    return copy;
}

static void both_accept_the_same(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        struct json *fast = NULL, *exact = NULL;
        ASSERT_OK(&f->op, json_parse_fast(&f->op, str_from(accepted[i]), 0, &fast));
        ASSERT_OK(&f->op, json_parse_exact(&f->op, str_from(accepted[i]), 0, &exact));
        if (!fast)
            fail_msg("simdjson refused '%s'", accepted[i]);
        assert_string_equal(text_of(f, fast), text_of(f, exact));
    }
}

static void both_refuse_the_same(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct json *fast = NULL, *tree = NULL;
        if (refused[i].text[0])
            ASSERT_OK(&f->op, json_parse_fast(&f->op, str_from(refused[i].text), 0, &fast));
        if (fast)
            fail_msg("simdjson took '%s'", refused[i].text);
        assert_int_equal(json_parse(&f->op, str_from(refused[i].text), 0, &tree), E_INVALID);
        assert_null(tree);
        if (!strstr(f->op.msg, refused[i].where))
            fail_msg("'%s': \"%s\" says nothing of \"%s\"", refused[i].text, f->op.msg, refused[i].where);
        op_clear(&f->op);
    }
}

/* Each prefix of a valid text is refused by both, and never read beyond (the copy has exactly its size). */
static void prefixes(void **state)
{
    struct fixture *f = *state;
    const char *text = "{\"a\\u00e9\\ud83d\\ude00\":[1.5e-3,true,false,null,{\"\xf0\x9f\x98\x80\":[-12]}],\"z\":\"x\\n\"}";
    for (size_t n = 0; n < strlen(text); n++) {
        char *copy = malloc(n + 1);
        assert_non_null(copy);
        char *exact = realloc(copy, n ? n : 1);
        memcpy(exact, text, n);
        struct json *j = NULL;
        assert_int_equal(json_parse(&f->op, (struct str){exact, n}, 0, &j), E_INVALID);
        op_clear(&f->op);
        assert_int_equal(json_parse_exact(&f->op, (struct str){exact, n}, JSON_NAN, &j), E_INVALID);
        op_clear(&f->op);
        free(exact);
    }
}

static uint64_t rng = 0x9e3779b97f4a7c15ULL;

static uint64_t next_random(void)
{
    rng ^= rng << 13, rng ^= rng >> 7, rng ^= rng << 17;
    return rng;
}

/* Any bit pattern that is a number: printed, and read by both parsers, it is the same again. */
static void doubles_round_trip(void **state)
{
    struct fixture *f = *state;
    char *text = malloc(8 << 20);
    assert_non_null(text);
    enum { N = 20000 };
    static double want[N];
    for (int round = 0; round < 8; round++) {
        size_t n = 0;
        text[n++] = '[';
        for (int i = 0; i < N; i++) {
            uint64_t bits = next_random();
            if (round == 1)
                bits &= 0x800fffffffffffffULL; /* subnormals */
            memcpy(&want[i], &bits, 8);
            if (!isfinite(want[i]))
                want[i] = (double)i;
            if (round == 2)
                want[i] = (double)(int64_t)(bits >> 5) / 1000;
            if (round == 3)
                want[i] = (double)(int64_t)(bits >> (bits & 63));
            n += json_format_f64(want[i], text + n);
            text[n++] = i == N - 1 ? ']' : ',';
        }
        struct json *fast = NULL, *exact = NULL;
        ASSERT_OK(&f->op, json_parse_fast(&f->op, (struct str){text, n}, 0, &fast));
        ASSERT_OK(&f->op, json_parse_exact(&f->op, (struct str){text, n}, 0, &exact));
        assert_non_null(fast);
        for (int i = 0; i < N; i++)
            if (fast->items[i].type != JSON_REAL || memcmp(&fast->items[i].f, &want[i], 8) != 0 ||
                exact->items[i].type != JSON_REAL || memcmp(&exact->items[i].f, &want[i], 8) != 0)
                fail_msg("%a", want[i]);
        arena_reset(f->arena);
    }
    free(text);
}

static void floats_round_trip(void **state)
{
    (void)state;
    for (int i = 0; i < 200000; i++) {
        uint32_t bits = (uint32_t)next_random();
        float v, back;
        memcpy(&v, &bits, 4);
        if (!isfinite(v))
            continue;
        char text[32];
        size_t n = json_format_f32(v, text);
        assert_true(n < sizeof text && n == strlen(text));
        back = strtof(text, NULL);
        if (memcmp(&v, &back, 4) != 0)
            fail_msg("%s is not %a", text, (double)v);
    }
}

static void long_numbers(void **state)
{
    struct fixture *f = *state;
    char text[3000];
    /* 0.000...1 with 2000 zeros and an exponent that undoes them: 1. */
    size_t n = 2;
    memcpy(text, "0.", 2);
    memset(text + n, '0', 2000);
    n += 2000;
    memcpy(text + n, "1e2001", 6);
    n += 6;
    double v = 0;
    assert_true(json_number_f64((struct str){text, n}, &v));
    assert_true(v == 1.0);
    memset(text, '9', 400);
    assert_false(json_number_f64((struct str){text, 400}, &v));
    assert_true(json_number_f64((struct str){text, 300}, &v) && v == 1e300);
    assert_true(json_number_f64(STR("1e-99999"), &v) && v == 0);
    assert_true(json_number_f64(STR("-2e-324"), &v) && v == 0 && signbit(v));
    assert_true(json_number_f64(STR("3e-324"), &v) && v == 5e-324);
    (void)f;
}

/* What is packed and what is not, by both parsers alike. */
static void numbers_in_one_piece(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text;
        enum json_type type;
    } cases[] = {
        {"[1,-2,3]", JSON_INTS},    {"[1,2.5,null]", JSON_REALS},          {"[null]", JSON_REALS},       {"[]", JSON_ARRAY},
        {"[1,\"a\"]", JSON_ARRAY}, {"[1,[2]]", JSON_ARRAY},              {"[true]", JSON_ARRAY},       {"[18446744073709551615]", JSON_ARRAY},
        {"[1.5,{}]", JSON_ARRAY},   {"[9007199254740993,1.5]", JSON_ARRAY}, {"[1.5,9007199254740993]", JSON_ARRAY},
        {"[9007199254740993,2]", JSON_INTS}, {"[-9007199254740992,0.5]", JSON_REALS},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct json *fast = NULL, *exact = NULL;
        struct str text = str_from(cases[i].text);
        assert_int_equal(json_parse_fast(&f->op, text, JSON_PACK, &fast), OK);
        assert_int_equal(json_parse_exact(&f->op, text, JSON_PACK, &exact), OK);
        if (!exact || exact->type != cases[i].type || (fast && fast->type != exact->type))
            fail_msg("%s: %d", cases[i].text, exact ? (int)exact->type : -1);
    }
    struct json *j = NULL;
    assert_int_equal(json_parse(&f->op, STR("[1,2.5,null,-9007199254740992]"), JSON_PACK, &j), OK);
    assert_true(j->len == 4 && j->reals[0] == 1 && j->reals[1] == 2.5 && isnan(j->reals[2]) && j->reals[3] == -0x1p53);
    assert_int_equal(json_parse(&f->op, STR("[NaN,-Infinity,7]"), JSON_PACK | JSON_NAN, &j), OK);
    assert_true(j->type == JSON_REALS && isnan(j->reals[0]) && isinf(j->reals[1]) && j->reals[2] == 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(both_accept_the_same), TEST(both_refuse_the_same), TEST(prefixes), TEST(doubles_round_trip), TEST(floats_round_trip), TEST(long_numbers),
        TEST(numbers_in_one_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
