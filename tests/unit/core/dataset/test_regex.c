/* Python's patterns in POSIX clothes. */
#include "unit/core/dataset/data_fixture.h"

#include "core/dataset/regex.h"

static void test_matches(void **state)
{
    struct data *f = *state;
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"^[A-Z]{3}$", "ORD", true}, {"^[A-Z]{3}$", "ORDX", false}, {"^[A-Z]{3}$", "ord", false}, {"b", "abc", true},
        {"^b", "abc", false}, {"\\d+", "x12", true}, {"^\\d+$", "12x", false}, {"[\\d.]+$", "1.5", true}, {"^(?:ab)+$", "abab", true},
        {"^a|b$", "xb", true}, {"\\.", "a.b", true}, {"^\\.$", "x", false}, {"^\\w+@\\w+\\.com$", "a_1@b.com", true}, {"^\\S+$", "a b", false},
        {"\\bcat\\b", "a cat!", true}, {"\\bcat\\b", "concat", false}, {"", "", true}, {"", "x", true}, {"^$", "", true}, {"[]]", "]", true},
        {"^[^]]$", "]", false}, {"^.{2,3}$", "abc", true}, {"^.{2,3}$", "abcd", false}, {"^[a\\]", "a", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases) - 1; i++) {
        struct regex *r = NULL;
        op_clear(&f->op);
        must(f, regex_create(&f->op, str_from(cases[i].pattern), &r));
        for (int again = 0; again < 2; again++) { /* the second answer comes from memory */
            if (regex_matches(r, str_from(cases[i].text)) != cases[i].matches)
                print_error("%s on %s\n", cases[i].pattern, cases[i].text);
            assert_int_equal(regex_matches(r, str_from(cases[i].text)), cases[i].matches);
        }
        regex_destroy(r);
    }
    regex_destroy(NULL);
}

static void test_long_and_binary_text(void **state)
{
    struct data *f = *state;
    struct regex *r = NULL;
    must(f, regex_create(&f->op, STR("x$"), &r));
    static char text[100000];
    memset(text, 'a', sizeof text);
    assert_false(regex_matches(r, (struct str){text, sizeof text}));
    text[sizeof text - 1] = 'x';
    assert_true(regex_matches(r, (struct str){text, sizeof text}));
    /* A view ends where it says, not at a NUL. */
    assert_true(regex_matches(r, (struct str){"yxz", 2}));
    assert_false(regex_matches(r, (struct str){"yxz", 3}));
    assert_false(regex_matches(r, (struct str){NULL, 0}));
    regex_destroy(r);
}

static void test_refused(void **state)
{
    struct data *f = *state;
    static const char *const bad[] = {"(a", "[a", "a\\", "(?=a)", "(?P<n>a)", "(?i)a", "a*?", "a+?", "a??", "a{2}?", "a*+", "(a)\\1", "\\pL", "\\A", "[\\D]", "[\\]a]", "a{999}", "a{2,99999}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct regex *r = NULL;
        op_clear(&f->op);
        enum err e = regex_create(&f->op, str_from(bad[i]), &r);
        if (!e)
            print_error("accepted %s\n", bad[i]);
        assert_int_equal(e, E_INVALID);
        assert_string_equal(f->op.field, "regex");
    }
    struct regex *r = NULL;
    op_clear(&f->op);
    assert_int_equal(regex_create(&f->op, (struct str){"a\0b", 3}, &r), E_INVALID);
    op_clear(&f->op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_matches), cmocka_unit_test(test_long_and_binary_text), cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, data_setup, data_teardown);
}
