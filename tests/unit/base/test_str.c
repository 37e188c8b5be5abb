#include "base_test.h"

#include <math.h>

static void compares_and_finds(void **state)
{
    (void)state;
    assert_true(str_eq(STR(""), str_from(NULL)));
    assert_true(str_eqc(STR("ab"), "ab"));
    assert_false(str_eqc(STR("ab"), "abc"));
    assert_true(str_ieq(STR("Content-LENGTH"), STR("content-length")));
    assert_false(str_ieq(STR("["), STR("{"))); /* differ by the case bit only */
    assert_true(str_cmp(STR("a"), STR("b")) < 0);
    assert_true(str_cmp(STR("a"), STR("aa")) < 0);
    assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
    assert_int_equal(str_cmp(STR("x"), STR("x")), 0);
    assert_true(str_starts(STR("abc"), STR("ab")) && str_ends(STR("abc"), STR("bc")) && str_starts(STR("a"), STR("")));
    assert_false(str_starts(STR("a"), STR("ab")) || str_ends(STR("c"), STR("bc")));
    assert_int_equal(str_find(STR("hello"), STR("l")), 2);
    assert_int_equal(str_find(STR("hello"), STR("lx")), SIZE_MAX);
    assert_int_equal(str_find_char(STR("hello"), 'o'), 4);
    assert_int_equal(str_find_char((struct str){NULL, 0}, 'o'), SIZE_MAX);
    ASSERT_STR(str_sub(STR("hello"), 1, 3), "ell");
    ASSERT_STR(str_sub(STR("hello"), 9, 3), "");
    ASSERT_STR(str_sub(STR("hello"), 3, SIZE_MAX), "lo");
    ASSERT_STR(str_trim(STR(" \t\r\n a b \v")), "a b");
    ASSERT_STR(str_trim(STR("   ")), "");
}

static void splits(void **state)
{
    (void)state;
    struct str rest = STR("a,,b"), part;
    assert_true(str_split(&rest, ',', &part));
    ASSERT_STR(part, "a");
    assert_true(str_split(&rest, ',', &part));
    ASSERT_STR(part, "");
    assert_true(str_split(&rest, ',', &part));
    ASSERT_STR(part, "b");
    assert_false(str_split(&rest, ',', &part));
    rest = STR("x,");
    int n = 0;
    while (str_split(&rest, ',', &part))
        n++;
    assert_int_equal(n, 2);
    rest = STR("");
    assert_true(str_split(&rest, ',', &part));
    assert_false(str_split(&rest, ',', &part));
}

static void copies(void **state)
{
    struct fixture *f = *state;
    struct str s = str_dup(f->arena, (struct str){"a\0b", 3});
    assert_memory_equal(s.p, "a\0b", 4);
    assert_string_equal(str_cstr(f->arena, STR("xyz")), "xyz");
    assert_string_equal(str_cstr(f->arena, (struct str){NULL, 0}), "");
}

static void integers(void **state)
{
    (void)state;
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 256; i++) {
        const char *at = i ? strchr(digits, i >= 'A' && i <= 'Z' ? i + 32 : i) : NULL;
        assert_int_equal(str_hex_digit((char)i), at ? at - digits : -1);
    }
    static const struct {
        const char *text;
        bool ok;
        int64_t v;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"007", true, 7},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"99999999999999999999", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"--1", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1x", false, 0},
        {"0x1", false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t v = 77;
        bool ok = str_parse_i64(str_from(cases[i].text), &v);
        if (ok != cases[i].ok || v != (ok ? cases[i].v : 77))
            fail_msg("'%s'", cases[i].text);
    }
    uint64_t u;
    assert_true(str_parse_u64(STR("18446744073709551615"), &u));
    assert_true(u == UINT64_MAX);
    assert_false(str_parse_u64(STR("18446744073709551616"), &u));
    assert_false(str_parse_u64(STR("-1"), &u));
    assert_false(str_parse_i64((struct str){"1\0", 2}, &(int64_t){0}));
}

static void reals(void **state)
{
    (void)state;
    double v;
    assert_true(str_parse_f64(STR("-1.5e3"), false, &v) && v == -1500.0);
    assert_true(str_parse_f64(STR("+.5"), false, &v) && v == 0.5);
    assert_true(str_parse_f64(STR("1."), false, &v) && v == 1.0);
    assert_true(str_parse_f64(STR("1e-400"), false, &v) && v == 0.0);
    assert_true(str_parse_f64(STR("-0"), false, &v) && signbit(v));
    static const char *const bad[] = {"", " 1", "1 ", "0x10", "1e", "e5", "1e999", "-1e999", "inf", "nan", "1,5", "--1", ".", "1_000"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (str_parse_f64(str_from(bad[i]), false, &v))
            fail_msg("'%s' was read as %g", bad[i], v);
    assert_true(str_parse_f64(STR("-Infinity"), true, &v) && isinf(v) && v < 0);
    assert_true(str_parse_f64(STR("NaN"), true, &v) && isnan(v));
    assert_true(str_parse_f64(STR("inf"), true, &v) && isinf(v));
    assert_false(str_parse_f64(STR("infinit"), true, &v));
    assert_false(str_parse_f64(STR("nan(1)"), true, &v));
}

/* Every sequence of one to three bytes against a decoder written the other way round: decode, then check. */
static bool slow_utf8(const unsigned char *p, size_t n)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    for (size_t i = 0; i < n;) {
        size_t len = p[i] < 0x80 ? 1 : (p[i] & 0xE0) == 0xC0 ? 2 : (p[i] & 0xF0) == 0xE0 ? 3 : (p[i] & 0xF8) == 0xF0 ? 4 : 0;
        if (len == 0 || len > n - i)
            return false;
        uint32_t code = len == 1 ? p[i] : p[i] & (0x7Fu >> len);
        for (size_t k = 1; k < len; k++) {
            if ((p[i + k] & 0xC0) != 0x80)
                return false;
            code = code << 6 | (p[i + k] & 0x3F);
        }
        if (code < least[len] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
            return false;
        i += len;
    }
    return true;
}

static void utf8(void **state)
{
    (void)state;
    for (uint32_t word = 0; word < 1u << 24; word += word >= 0x800000 ? 1 : 3) {
        unsigned char p[12] = {(unsigned char)(word >> 16), (unsigned char)(word >> 8), (unsigned char)word, 0x80, 'a'};
        for (size_t n = 1; n <= 4; n += 3)
            if (str_is_utf8((struct str){(char *)p, n}) != slow_utf8(p, n))
                fail_msg("%06x, %zu bytes", word, n);
    }
    assert_true(str_is_utf8(STR("")));
    assert_true(str_is_utf8(STR("0123456789 gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80")));
    assert_false(str_is_utf8(STR("0123456789abcdef\xc3")));
    assert_false(str_is_utf8(STR("\xf4\x90\x80\x80")));
    assert_int_equal(str_utf8_prefix(STR("abc\xff")), 3);
    assert_int_equal(str_utf8_prefix(STR("abcdefgh\xc3\xbc\xc3")), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(compares_and_finds), TEST(splits), TEST(copies), TEST(integers), TEST(reals), TEST(utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
