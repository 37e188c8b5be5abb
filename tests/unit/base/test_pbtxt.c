/* Protobuf's text format: every form of a value, what is refused and where, and the same messages from JSON. */
#include "base_test.h"

#include "base/limits.h"
#include "base/pbtxt.h"
#include "base/pbtxt_json.h"

static const char *const words[] = {"TYPE_INVALID", "TYPE_BOOL", NULL};
static const struct pbtxt_message top;
static const struct pbtxt_field pair_fields[] = {PBTXT_ONE("key", PBTXT_STRING), PBTXT_ONE("value", PBTXT_STRING), {0}};
static const struct pbtxt_message pair = {"pair", pair_fields};
static const struct pbtxt_field level_fields[] = {PBTXT_ONE("key", PBTXT_UINT64), PBTXT_SUB("value", top), {0}};
static const struct pbtxt_message level = {"level", level_fields};
static const struct pbtxt_field top_fields[] = {
    PBTXT_ONE("i", PBTXT_INT32), PBTXT_ONE("l", PBTXT_INT64), PBTXT_ONE("u", PBTXT_UINT32), PBTXT_ONE("b", PBTXT_UINT64), PBTXT_ONE("f", PBTXT_FLOAT),
    PBTXT_ONE("yes", PBTXT_BOOL), PBTXT_ONE("name", PBTXT_STRING), PBTXT_WORD("data_type", words), PBTXT_LIST("dims", PBTXT_INT64),
    PBTXT_LIST("names", PBTXT_STRING), PBTXT_SUB("sub", top), PBTXT_SUBS("subs", top), PBTXT_ENTRIES("map", pair), PBTXT_ENTRIES("levels", level),
    {.name = "one", .kind = PBTXT_INT32, .oneof = 1}, {.name = "other", .kind = PBTXT_MESSAGE, .oneof = 1, .message = &top}, {0}};
static const struct pbtxt_message top = {"Top", top_fields};

static char *text_of(struct fixture *f, const struct json *j)
{
    AUTO(buf) struct buf b;
    buf_init(&b, 10000000);
    struct json_out w;
    json_out_init(&w, &b, 0);
    w.nonfinite = JSON_NONFINITE_BARE;
    json_value(&w, j);
    return str_cstr(f->arena, buf_str(&b));
}

static const struct {
    const char *text, *json;
} cases[] = {
    {"", "{}"}, {"# nothing", "{}"}, {"i: 1", "{\"i\":1}"}, {" i:-1 ; u : 0x1F,", "{\"i\":-1,\"u\":31}"}, {"i: 017", "{\"i\":15}"}, {"i: - 5", "{\"i\":-5}"},
    {"l: -9223372036854775808", "{\"l\":-9223372036854775808}"}, {"b: 18446744073709551615", "{\"b\":18446744073709551615}"}, {"i: 0", "{\"i\":0}"},
    {"f: 1.5 ", "{\"f\":1.5}"}, {"f: 2f", "{\"f\":2.0}"}, {"f: .5e-1F", "{\"f\":0.05}"}, {"f: 3", "{\"f\":3.0}"}, {"f: -inf", "{\"f\":-Infinity}"}, {"f: nan", "{\"f\":NaN}"},
    {"f: 0.5", "{\"f\":0.5}"}, {"f: 1e+3", "{\"f\":1000.0}"},
    {"yes: true", "{\"yes\":true}"}, {"yes: t", "{\"yes\":true}"}, {"yes: False", "{\"yes\":false}"}, {"yes: 0", "{\"yes\":false}"},
    {"name: 'a\"b'", "{\"name\":\"a\\\"b\"}"}, {"name: \"a\" 'b'\n # c\n \"c\"", "{\"name\":\"abc\"}"},
    {"name: \"\\n\\t\\\\\\'\\\"\\101\\x42\\u00e9\\U0001F600\\?\"", "{\"name\":\"\\n\\t\\\\'\\\"AB\xc3\xa9\xf0\x9f\x98\x80?\"}"},
    {"data_type: TYPE_BOOL", "{\"data_type\":\"TYPE_BOOL\"}"}, {"data_type: 1", "{\"data_type\":\"TYPE_BOOL\"}"},
    {"dims: [1, -1, 3]", "{\"dims\":[1,-1,3]}"}, {"dims: 1 dims: 2 i: 3 dims: [ 4 ]", "{\"dims\":[1,2,4],\"i\":3}"}, {"dims: []", "{}"}, {"i: 1 dims: [ ] u: 2", "{\"i\":1,\"u\":2}"},
    {"names: ['a' 'b', \"c\"]", "{\"names\":[\"ab\",\"c\"]}"},
    {"sub { i: 1 }", "{\"sub\":{\"i\":1}}"}, {"sub: < i: 1 sub { } >", "{\"sub\":{\"i\":1,\"sub\":{}}}"},
    {"subs { i: 1 } subs [ { i: 2 }, < i: 3 > ]; subs: []", "{\"subs\":[{\"i\":1},{\"i\":2},{\"i\":3}]}"},
    {"map { key: 'a' value: 'x' } map: [{ key: \"b\", value: \"y\" }, {key: 'a' value: 'z'}]", "{\"map\":{\"a\":\"z\",\"b\":\"y\"}}"},
    {"levels { key: 2 value { i: 1 } }", "{\"levels\":{\"2\":{\"i\":1}}}"}, {"other { one: 1 }", "{\"other\":{\"one\":1}}"},
};

static void values(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct json *j = NULL, *again = NULL;
        if (pbtxt_parse(&f->op, str_from(cases[i].text), &top, &j))
            fail_msg("'%s': %s", cases[i].text, f->op.msg);
        char *got = text_of(f, j);
        if (strcmp(got, cases[i].json) != 0)
            fail_msg("'%s' gave %s", cases[i].text, got);
        if (strstr(got, "Inf") || strstr(got, "NaN"))
            continue;
        if (pbtxt_of_json(&f->op, j, &top, &again)) /* what one gives the other takes */
            fail_msg("'%s': %s", got, f->op.msg);
        assert_string_equal(text_of(f, again), got);
    }
}

static const struct {
    const char *text, *error;
} wrong[] = {
    {"x: 1", "line 1, column 1: Top has no field \"x\""}, {"i: 1\n  sub { y: 1 }", "line 2, column 9: Top has no field \"y\""},
    {"i 1", "colon"}, {"i:", "a value is missing"}, {"i: 1 i: 2", "given twice"}, {"sub {} sub {}", "given twice"}, {"one: 1 other {}", "same choice"},
    {"i: 2147483648", "32 bits"}, {"u: -1", "4294967295"}, {"l: 9223372036854775808", "64 bits"}, {"b: 18446744073709551616", "0 or more"}, {"i: 1.5", "32 bits"},
    {"i: 'a'", "32 bits"}, {"i: 08", "no number"}, {"i: 0x", "no number"}, {"i: 12ab", "no number"}, {"f: 1.2.3", "no number"}, {"f: abc", "a number is wanted"}, {"f: -abc", "a sign before"},
    {"yes: 2", "true or false"}, {"yes: 'true'", "true or false"}, {"yes: yes", "true or false"}, {"name: a", "in quotes"}, {"name: 1", "in quotes"},
    {"name: 'a", "does not end"}, {"name: 'a\nb'", "does not end"}, {"name: '\\q'", "unknown escape"}, {"name: '\\u12'", "unknown escape"}, {"name: '\\ud800'", "unknown escape"},
    {"name: '\\400'", "unknown escape"}, {"name: '\\xff'", "not UTF-8"}, {"data_type: TYPE_NONE", "enumeration"}, {"data_type: 2", "enumeration"}, {"data_type: 'TYPE_BOOL' 'x'", "enumeration"},
    {"dims: [1, 2", "not closed"}, {"dims: [1,]", "missing"}, {"i: [1]", "missing"}, {"sub: [{}]", "in braces"}, {"subs: [{} {}]", "not closed"}, {"subs [", "in braces"}, {"sub: 1", "in braces"},
    {"sub {", "line 1, column 5: a message is not closed"}, {"sub { >", "name of a field"}, {"}", "name of a field"}, {"[a.b]: 1", "name of a field"}, {"\"a\": 1", "name of a field"},
    {"map { value: 'x' }", "has no key"}, {"map { key: 'x' }", "has no value"}, {"map { key: 1 value: '' }", "in quotes"}, {"i: 1 \x01", "name of a field"},
    {"sub{sub{sub{sub{sub{sub{sub{sub{sub{sub{sub{sub{sub{sub{sub{sub{", "too deep"},
};

static void refusals(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct json *j = NULL;
        op_clear(&f->op);
        if (pbtxt_parse(&f->op, str_from(wrong[i].text), &top, &j) != E_INVALID || !strstr(f->op.msg, wrong[i].error))
            fail_msg("'%s': %s", wrong[i].text, f->op.msg ? f->op.msg : "taken");
    }
    struct json *j = NULL;
    AUTO(buf) struct buf many;
    buf_init(&many, LIMIT_MIB(4));
    for (int i = 0; i <= LIMIT_PBTXT_VALUES; i++)
        buf_add_cstr(&many, "dims: 1 ");
    op_clear(&f->op);
    assert_int_equal(pbtxt_parse(&f->op, buf_str(&many), &top, &j), E_TOO_LARGE);
    assert_int_equal(pbtxt_parse(&f->op, (struct str){"", LIMIT_PBTXT_BYTES + 1}, &top, &j), E_TOO_LARGE);
}

static void from_json(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *json, *want, *error;
    } rows[] = {
        {"{\"dataType\": 1, \"l\": \"-5\", \"b\": \"18446744073709551615\", \"i\": 2.0, \"f\": 1, \"yes\": true, \"name\": null}",
         "{\"data_type\":\"TYPE_BOOL\",\"l\":-5,\"b\":18446744073709551615,\"i\":2,\"f\":1.0,\"yes\":true}", NULL},
        {"{\"subs\": [{\"map\": {\"a\": \"b\"}}], \"levels\": {\"1\": {\"dims\": [1, \"2\"]}}, \"dims\": []}",
         "{\"subs\":[{\"map\":{\"a\":\"b\"}}],\"levels\":{\"1\":{\"dims\":[1,2]}},\"dims\":[]}", NULL},
        {"{\"x\": 1}", NULL, "Top has no field \"x\""}, {"{\"data_type\": 1, \"dataType\": 1}", NULL, "given twice"}, {"{\"one\": 1, \"other\": {}}", NULL, "same choice"},
        {"{\"i\": \"a\"}", NULL, "32 bits"}, {"{\"dims\": 1}", NULL, "not a list"}, {"{\"sub\": []}", NULL, "not an object"}, {"{\"i\": []}", NULL, "i is a"}, {"[]", NULL, "not an object"},
        {"{\"name\": 1}", NULL, "in quotes"}, {"{\"sub\": {\"sub\": {\"y\": 1}}}", NULL, "no field \"y\""}, {"{\"yes\": \"true\"}", NULL, "true or false"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json *doc = NULL, *got = NULL;
        op_clear(&f->op);
        assert_int_equal(json_parse(&f->op, str_from(rows[i].json), JSON_STRICT, &doc), OK);
        enum err e = pbtxt_of_json(&f->op, doc, &top, &got);
        if (rows[i].want ? e != OK : e != E_INVALID || !strstr(f->op.msg, rows[i].error))
            fail_msg("%s: %s", rows[i].json, f->op.msg);
        if (rows[i].want)
            assert_string_equal(text_of(f, got), rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(values), TEST(refusals), TEST(from_json)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
