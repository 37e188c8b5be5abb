#include "base_test.h"

#include "base/yaml_scalar.h"

static void plain_or_not(void **state)
{
    (void)state;
    static const char *const plain[] = {"a", "python train.py --lr 0.1", "a:b", "a#b", "-x", "--flag", "?x", ":x", "data/x.csv", "x y", "é", "1.2.3",
                                        "e3", "a'b", "a\"b", "a, b", "a]", "http://x/y?z=1", "null-ish", "7up", "$(x)", "_1", "\xe2\x80\xa6"};
    static const char *const quoted[] = {
        "", "~", "null", "true", "FALSE", "1", "-1", "+1", "1.5", ".5", "1e3", "0x1F", "0o7", "0b1", "0x_", "1_000", ".inf", ".nan", "-.INF", "yes",
        "No", "on", "off", "y", "2020-01-01", "2001-12-14t21:59:43Z", "12:30:45", "<<", "=", "---", "--- a", "...", " a", "a ", "a: b", "a:", ":", "-",
        "?", "- a", "? a", "a #b", "#a", "[a", "]a", "{a", "}a", ",a", "&a", "*a", "!a", "|a", ">a", "'a", "\"a", "%a", "@a", "`a", "a\nb", "a\tb",
        "\x01", "\x7f", "\xc2\x85", "\xe2\x80\xa8", "\357\273\277a", "\xef\xbf\xbf", "\xff", "+_1",
    };
    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        if (!yaml_scalar_plain(str_from(plain[i])))
            fail_msg("'%s' need not be quoted", plain[i]);
    for (size_t i = 0; i < ARRAY_LEN(quoted); i++)
        if (yaml_scalar_plain(str_from(quoted[i])))
            fail_msg("'%s' must be quoted", quoted[i]);
}

static void long_numbers(void **state)
{
    (void)state;
    static char digits[2000];
    struct json j;
    memset(digits, '9', sizeof digits);
    assert_false(yaml_scalar_resolve((struct str){digits, 400}, &j)); /* beyond a double */
    assert_true(yaml_scalar_resolve((struct str){digits, 300}, &j));
    assert_int_equal(j.type, JSON_REAL);
    assert_true(j.f == 1e300);
    assert_true(yaml_scalar_resolve((struct str){digits, 1024}, &j));
    assert_int_equal(j.type, JSON_STRING);
    assert_true(yaml_scalar_resolve(STR("+_007"), &j));
    assert_int_equal(j.i, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(plain_or_not), cmocka_unit_test(long_numbers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
