#include "base_test.h"

#include "base/limits.h"
#include "base/yaml.h"

#include <math.h>

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

/* YAML, and the JSON of the same tree. The values are those that ruamel.yaml 0.19 (YAML 1.2, safe) gave; where the
 * header says that we differ (dates, keys), ours. */
static const struct {
    const char *yaml, *json;
} cases[] = {
    {"yes", "\"yes\""}, {"on", "\"on\""}, {"Off", "\"Off\""}, {"y", "\"y\""}, {"12:30:45", "\"12:30:45\""},
    {"0o17", "15"}, {"+0o7", "7"}, {"017", "17"}, {"-017", "-17"}, {"08", "8"}, {"0o8", "\"0o8\""}, {"1_000", "1000"}, {"1_", "1"},
    {"1__0", "10"}, {"_1", "\"_1\""}, {"+1", "1"}, {"-0", "0"}, {"0x1F", "31"}, {"-0x1f", "-31"}, {"0x_1", "1"}, {"0xg", "\"0xg\""},
    {"0b11", "3"}, {"0b", "\"0b\""}, {"2020-01-01", "\"2020-01-01\""}, {"1e-3", "0.001"}, {"1e3", "1000.0"}, {"1E3", "1000.0"},
    {"1.", "1.0"}, {"0.", "0.0"}, {"1.e3", "1000.0"}, {".5", "0.5"}, {"-.5", "-0.5"}, {".5e3", "\".5e3\""}, {".5e+3", "500.0"},
    {"+.5e-3", "0.0005"}, {"1.5_0", "1.5"}, {"1_000.5", "1000.5"}, {"09.5", "9.5"}, {"._1", "0.1"}, {"1e5_0", "\"1e5_0\""},
    {"1e", "\"1e\""}, {"1.e", "\"1.e\""}, {"e3", "\"e3\""}, {".e3", "\".e3\""}, {".", "\".\""}, {"+", "\"+\""}, {"1.2.3", "\"1.2.3\""},
    {"0.0e999", "0.0"}, {".inf", "Infinity"}, {"-.INF", "-Infinity"}, {"+.inf", "Infinity"}, {".nan", "NaN"}, {".NaN", "NaN"},
    {"18446744073709551615", "18446744073709551615"}, {"-9223372036854775808", "-9223372036854775808"},
    {"99999999999999999999", "1e+20"}, {"-9223372036854775809", "-9.223372036854776e+18"},
    {"~", "null"}, {"", "null"}, {"# nothing\n", "null"}, {"null", "null"}, {"Null", "null"}, {"NULL", "null"}, {"nULL", "\"nULL\""},
    {"true", "true"}, {"TRUE", "true"}, {"tRUE", "\"tRUE\""}, {"False", "false"}, {"'1'", "\"1\""}, {"\"true\"", "\"true\""},
    {"!!str 1", "\"1\""}, {"! 1", "\"1\""}, {"!!int '1'", "1"}, {"!!float 1", "1.0"}, {"!!null ''", "null"}, {"!!bool 'true'", "true"},
    {"!!seq [1]", "[1]"}, {"!!map {}", "{}"}, {"- 1\n-   \n- a", "[1,null,\"a\"]"}, {"- -", "[[null]]"}, {"{a: 1, b}", "{\"a\":1,\"b\":null}"},
    {"[a, b: c]", "[\"a\",{\"b\":\"c\"}]"}, {"? a", "{\"a\":null}"}, {"1: x\nnull: y\ntrue: z", "{\"1\":\"x\",\"null\":\"y\",\"true\":\"z\"}"},
    {"{\"a\":1,\"b\":[true,null]}", "{\"a\":1,\"b\":[true,null]}"}, {"key: |\n  x\n  y\n", "{\"key\":\"x\\ny\\n\"}"},
    {"k: >\n  x\n  y\n", "{\"k\":\"x y\\n\"}"}, {"a: 'x' # c", "{\"a\":\"x\"}"}, {"\"\\x41\\u00e9\\0\"", "\"A\xc3\xa9\\u0000\""},
    {"%YAML 1.2\n---\nyes\n...\n", "\"yes\""}, {"\xef\xbb\xbf" "a: 1", "{\"a\":1}"},
    {"a: &x 1\nb: *x", "{\"a\":1,\"b\":1}"}, {"&a a: *a", "{\"a\":\"a\"}"}, {"- &a 1\n- &a 2\n- *a", "[1,2,2]"},
    {"a: &x {p: 1, q: 2}\nb:\n  q: 3\n  <<: *x\n  r: 4", "{\"a\":{\"p\":1,\"q\":2},\"b\":{\"p\":1,\"q\":3,\"r\":4}}"},
    {"a: &x {p: 1, q: 2}\nc: &y {p: 5, s: 6}\nb:\n  <<: [*x, *y]\n  r: 4",
     "{\"a\":{\"p\":1,\"q\":2},\"c\":{\"p\":5,\"s\":6},\"b\":{\"p\":1,\"q\":2,\"s\":6,\"r\":4}}"},
    {"'<<': 1", "{\"<<\":1}"},
    {"stages:\n  prepare:\n    cmd: python a.py\n    deps:\n    - a.py\n    - data: {x: 1}\n", "{\"stages\":{\"prepare\":{\"cmd\":\"python a.py\","
     "\"deps\":[\"a.py\",{\"data\":{\"x\":1}}]}}}"},
};

static void values(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct json *j;
        if (yaml_parse(&f->op, str_from(cases[i].yaml), &j))
            fail_msg("'%s': %s", cases[i].yaml, f->op.msg);
        char *got = text_of(f, j);
        if (strcmp(got, cases[i].json) != 0)
            fail_msg("'%s' gave %s", cases[i].yaml, got);
    }
}

static const struct {
    const char *yaml, *where;
} refused[] = {
    {"a: 1\nb: 2\na: 3", "line 3 column 1: the key \"a\""}, {"{x: 1, <<: {}, y: 1, y: 2}", "column 22"}, {"a\n---\nb", "line 2 column 1: a second document"},
    {"a: *nope", "line 1 column 4"}, {"a: &x [*x]", "column 8"}, {"&x {a: *x}", "column 8"}, {"!foo 1", "tag !foo"}, {"!!bool yes", "does not fit"},
    {"!!int x", "does not fit"}, {"!!omap [a: 1]", "column 1"}, {"!!map [1]", "does not fit"}, {"!!binary aGk=", "core schema"},
    {"'a", "line 1"}, {"a: b: c", "column 5"}, {"\ta: 1", "line 1"}, {"x: @a", "line 1"}, {"? [a]\n: b", "a key must be a scalar"},
    {"? {a: 1}\n: b", "a key must be a scalar"}, {"- &l [1]\n- *l : 1", "a key must be a scalar"}, {"1e999", "too large"},
    {"0o7777777777777777777777777", "too large"}, {"%YAML 1.1\n---\nyes", "1.2"}, {"a: \xff", "YAML byte"}, {"<<: 1", "<<"}, {"<<: [1]", "<<"},
    {"{<<: {a: 1}, <<: {b: 1}}", "twice"}, {"[1, 2", "line"}, {"- a\nb: 1", "line 2"}, {"a: \"\\x4\"", "line"}, {"a: \x01", "YAML"},
};

static void errors(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct json *j = NULL;
        if (yaml_parse(&f->op, str_from(refused[i].yaml), &j) != E_INVALID)
            fail_msg("'%s' was read", refused[i].yaml);
        assert_null(j);
        if (!strstr(f->op.msg, refused[i].where))
            fail_msg("'%s': \"%s\" says nothing of \"%s\"", refused[i].yaml, f->op.msg, refused[i].where);
        op_clear(&f->op);
    }
}

static void bombs(void **state)
{
    struct fixture *f = *state;
    struct json *j;
    AUTO(buf) struct buf b;
    buf_init(&b, 10000000);
    buf_add_cstr(&b, "a0: &a0 [1,2,3,4,5,6,7,8,9]\n");
    for (int i = 1; i < 20; i++)
        buf_addf(&b, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    assert_int_equal(yaml_parse(&f->op, buf_str(&b), &j), E_INVALID);
    assert_non_null(strstr(f->op.msg, "aliases written out"));
    op_clear(&f->op);
    /* Depth, by brackets and by aliases. */
    for (int n = LIMIT_JSON_DEPTH; n <= LIMIT_JSON_DEPTH + 1; n++) {
        buf_reset(&b);
        for (int i = 0; i < n; i++)
            buf_add_char(&b, '[');
        for (int i = 0; i < n; i++)
            buf_add_char(&b, ']');
        assert_int_equal(yaml_parse(&f->op, buf_str(&b), &j), n == LIMIT_JSON_DEPTH ? OK : E_INVALID);
        op_clear(&f->op);
        buf_reset(&b);
        buf_add_cstr(&b, "- &a0 []\n"); /* &a_k has k + 1 levels, and the list around them is one more */
        for (int i = 1; i < n - 1; i++)
            buf_addf(&b, "- &a%d [*a%d]\n", i, i - 1);
        assert_int_equal(yaml_parse(&f->op, buf_str(&b), &j), n == LIMIT_JSON_DEPTH ? OK : E_INVALID);
        op_clear(&f->op);
    }
    struct arena *small = arena_create(2000);
    struct op op;
    op_init(&op, small);
    buf_reset(&b);
    for (int i = 0; i < 1000; i++)
        buf_addf(&b, "- %d\n", i);
    assert_int_equal(yaml_parse(&op, buf_str(&b), &j), E_TOO_LARGE);
    arena_destroy(small);
    buf_reset(&b);
    assert_non_null(buf_reserve(&b, 5000000));
    memset(b.p, '[', 5000000);
    assert_int_equal(yaml_parse(&f->op, (struct str){b.p, 5000000}, &j), E_INVALID);
}

static void written(void **state)
{
    struct fixture *f = *state;
    struct json *j;
    ASSERT_OK(&f->op, json_parse(&f->op, STR("{\"schema\":\"2.0\",\"stages\":{\"train\":{\"cmd\":\"python a.py --x '1'\",\"deps\":[{\"path\":\"a.py\",\"hash\":\"md5\","
                                             "\"md5\":\"123e4567\",\"size\":12},[1,[2.5]],[],{}],\"n\":null,\"y\":\"yes\",\"t\":\"\",\"l\":\"a\\nb\",\"o\":true,"
                                             "\"d\":\"2020-01-01\",\"c\":\"a: b\",\"u\":\"\xc3\xbc\",\"w\":\" x\",\"-\":\"-\",\"e\":{}}}}"), 0, &j));
    AUTO(buf) struct buf b;
    buf_init(&b, 1 << 20);
    yaml_write(&b, j);
    assert_string_equal(b.p, "schema: '2.0'\nstages:\n  train:\n    cmd: python a.py --x '1'\n    deps:\n    - path: a.py\n      hash: md5\n      md5: '123e4567'\n"
                             "      size: 12\n    - - 1\n      - - 2.5\n    - []\n    - {}\n    'n': null\n    'y': 'yes'\n    t: ''\n    l: \"a\\nb\"\n    o: true\n"
                             "    d: '2020-01-01'\n    c: 'a: b'\n    u: \xc3\xbc\n    w: ' x'\n    '-': '-'\n    e: {}\n");
}

static uint64_t rng = 88172645463325252ULL;

static uint64_t next_random(void)
{
    rng ^= rng << 13, rng ^= rng >> 7, rng ^= rng << 17;
    return rng;
}

/* A random tree as JSON text: strings of awkward pieces, all kinds of numbers, some depth. */
static void random_tree(struct buf *b)
{
    static const char *const pieces[] = {"a", " ", ": ", " #", "- ", "'", "\\\"", "\\n", "\\u0000", "\\u0085", "\\u2028", "\\ufeff", "1", ".", "e", "0x", "_",
                                         "yes", "~", "null", "\\u00e9", "\\ud83d\\ude00", "[", "{", "]", ",", "?", "&", "*", "!", "%", "@", "`", "|", ">",
                                         "\\t", "\\\\", "---", "2001-01-01", "\\u007f", "\\uffff", "=", "<<", "\\u0007", "\\u200b", "long key long key long key long key long key long key long key long key long key long key long key long key l"};
    int depth = 0, budget = 30, in_object[8], count[8];
    static int serial;
    for (;;) {
        bool value_done = true;
        switch (depth < 7 && budget-- > 0 ? next_random() % 9 : 2 + next_random() % 7) {
        case 0:
        case 1:
            in_object[depth] = next_random() % 2;
            count[depth] = (int)(next_random() % 4);
            buf_add_char(b, in_object[depth] ? '{' : '[');
            depth++;
            value_done = false;
            break;
        case 2:
            buf_addf(b, "%lld", (long long)next_random());
            break;
        case 3:
            buf_addf(b, "%.17g", (double)(int64_t)next_random() / 1e12 + 0.5);
            break;
        case 4:
            buf_add_cstr(b, next_random() % 2 ? "null" : next_random() % 2 ? "true" : "1e300");
            break;
        default:
            buf_add_char(b, '"');
            for (uint64_t i = next_random() % 5; i > 0; i--)
                buf_add_cstr(b, pieces[next_random() % ARRAY_LEN(pieces)]);
            buf_add_char(b, '"');
        }
        bool first = !value_done;
        while (depth > 0 && (count[depth - 1] == 0)) {
            buf_add_char(b, in_object[--depth] ? '}' : ']');
            first = false;
        }
        if (depth == 0)
            return;
        count[depth - 1]--;
        if (!first)
            buf_add_char(b, ',');
        if (in_object[depth - 1])
            buf_addf(b, "\"%s%d\":", pieces[next_random() % ARRAY_LEN(pieces)], serial++);
    }
}

static void what_is_written_reads_back(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 3000; i++) {
        struct json *j, *back;
        AUTO(buf) struct buf text;
        AUTO(buf) struct buf yaml;
        buf_init(&text, 1 << 20);
        buf_init(&yaml, 1 << 20);
        random_tree(&text);
        ASSERT_OK(&f->op, json_parse(&f->op, buf_str(&text), 0, &j));
        yaml_write(&yaml, j);
        if (yaml_parse(&f->op, buf_str(&yaml), &back))
            fail_msg("%s\nfrom %s\nas:\n%s", f->op.msg, text.p, yaml.p);
        char *want = text_of(f, j), *got = text_of(f, back);
        if (strcmp(want, got) != 0)
            fail_msg("%s\ncame back as\n%s\nthrough\n%s", want, got, yaml.p);
        arena_reset(f->arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(values), TEST(errors), TEST(bombs), TEST(written), TEST(what_is_written_reads_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
