#include "base_test.h"

#include "base/json.h"

#include <math.h>

static void writes_compact(void **state)
{
    (void)state;
    AUTO(buf) struct buf b;
    buf_init(&b, 1 << 20);
    struct json_out w;
    json_out_init(&w, &b, 0);
    json_begin_object(&w);
    json_kv_i64(&w, "i", INT64_MIN);
    json_kv_str(&w, "s", (struct str){"a\"\\\n\x01\0/", 7});
    json_key(&w, "u");
    json_u64(&w, UINT64_MAX);
    json_key(&w, "e");
    json_begin_array(&w);
    json_end_array(&w);
    json_key(&w, "l");
    json_begin_array(&w);
    json_bool(&w, true);
    json_null(&w);
    json_begin_object(&w);
    json_end_object(&w);
    json_cstr(&w, NULL);
    json_raw(&w, STR("[1]"));
    json_f32(&w, 0.1f);
    json_end_array(&w);
    json_kv_cstr(&w, "c", "x");
    json_kv_f64(&w, "f", 2);
    json_kv_bool(&w, "b", false);
    json_end_object(&w);
    assert_string_equal(b.p, "{\"i\":-9223372036854775808,\"s\":\"a\\\"\\\\\\n\\u0001\\u0000/\",\"u\":18446744073709551615,\"e\":[],"
                             "\"l\":[true,null,{},null,[1],0.1],\"c\":\"x\",\"f\":2.0,\"b\":false}");
    assert_int_equal(w.depth, 0);
}

static void writes_indented(void **state)
{
    struct fixture *f = *state;
    struct json *j;
    ASSERT_OK(&f->op, json_parse(&f->op, STR("{\"a\":[1,{\"b\":[]},{}],\"c\":\"x\"}"), 0, &j));
    AUTO(buf) struct buf b;
    buf_init(&b, 1 << 20);
    struct json_out w;
    json_out_init(&w, &b, 2);
    json_value(&w, j);
    assert_string_equal(b.p, "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    },\n    {}\n  ],\n  \"c\": \"x\"\n}");
}

static void not_numbers(void **state)
{
    (void)state;
    static const struct {
        enum json_nonfinite how;
        const char *want;
    } cases[] = {
        {JSON_NONFINITE_STRING, "[\"NaN\",\"Infinity\",\"-Infinity\",\"NaN\"]"},
        {JSON_NONFINITE_BARE, "[NaN,Infinity,-Infinity,NaN]"},
        {JSON_NONFINITE_NULL, "[null,null,null,null]"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(buf) struct buf b;
        buf_init(&b, 1000);
        struct json_out w;
        json_out_init(&w, &b, 0);
        w.nonfinite = cases[i].how;
        json_begin_array(&w);
        json_f64(&w, NAN);
        json_f64(&w, INFINITY);
        json_f32(&w, -INFINITY);
        json_f32(&w, NAN);
        json_end_array(&w);
        assert_string_equal(b.p, cases[i].want);
    }
}

static void broken_utf8_is_replaced(void **state)
{
    (void)state;
    AUTO(buf) struct buf b;
    buf_init(&b, 1000);
    struct json_out w;
    json_out_init(&w, &b, 0);
    json_str(&w, STR("\xc3\xbc\xff" "a\xed\xa0\x80" "\xf0\x9f\x98\x80\xc3"));
    assert_string_equal(b.p, "\"\xc3\xbc\xEF\xBF\xBD" "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xf0\x9f\x98\x80\xEF\xBF\xBD\"");
}

static void numbers_as_python_writes_them(void **state)
{
    (void)state;
    static const struct {
        double v;
        const char *want;
    } cases[] = {
        {0, "0.0"}, {-0.0, "-0.0"}, {1, "1.0"}, {-1.5, "-1.5"}, {1e15, "1000000000000000.0"}, {1e16, "1e+16"},
        {9007199254740993.0, "9007199254740992.0"}, {1.5e16, "1.5e+16"}, {1e-4, "0.0001"}, {1e-5, "1e-05"}, {1.25e-5, "1.25e-05"},
        {1e100, "1e+100"}, {1.7976931348623157e308, "1.7976931348623157e+308"}, {5e-324, "5e-324"}, {0.1, "0.1"}, {123.456, "123.456"},
        {1234567890123456.7, "1234567890123456.8"}, {-0.001, "-0.001"},
    };
    char text[32];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(json_format_f64(cases[i].v, text), strlen(cases[i].want));
        assert_string_equal(text, cases[i].want);
    }
    assert_int_equal(json_format_f32(16777216.0f, text), 10);
    assert_string_equal(text, "16777216.0");
    json_format_f32(3.4028235e38f, text);
    assert_string_equal(text, "3.4028235e+38");
}

/* Strings are looked at in words: every byte at every place of strings of some lengths, as a key and as a value. */
static void every_byte_everywhere(void **state)
{
    (void)state;
    for (size_t len = 1; len < 20; len++)
        for (size_t at = 0; at < len; at++)
            for (unsigned c = 0; c < 0x80; c++) {
                char text[20], want[80], escape[8];
                memset(text, at % 2 ? '~' : '#', len);
                text[at] = (char)c;
                static const char special[] = "\"\\\b\t\n\f\r", letters[] = "\"\\btnfr";
                const char *found = c ? strchr(special, (int)c) : NULL;
                if (found)
                    snprintf(escape, sizeof escape, "\\%c", letters[found - special]);
                else
                    snprintf(escape, sizeof escape, c < 0x20 ? "\\u%04x" : "%c", c);
                snprintf(want, sizeof want, "{\"%.*s%s%.*s\":[\"%.*s%s%.*s\"]}", (int)at, text, escape, (int)(len - at - 1), text + at + 1, (int)at, text, escape,
                         (int)(len - at - 1), text + at + 1);
                AUTO(buf) struct buf b;
                buf_init(&b, 200);
                struct json_out w;
                json_out_init(&w, &b, 0);
                json_begin_object(&w);
                json_key_str(&w, (struct str){text, len});
                json_begin_array(&w);
                json_str(&w, (struct str){text, len});
                json_end_array(&w);
                json_end_object(&w);
                assert_string_equal(b.p, want);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(writes_compact), TEST(writes_indented), TEST(not_numbers), TEST(broken_utf8_is_replaced), TEST(every_byte_everywhere), TEST(numbers_as_python_writes_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
