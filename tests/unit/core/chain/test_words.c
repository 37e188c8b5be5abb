#include "core/chain/words.h"

#include "chain_fixture.h"

static void test_members(void **state)
{
    struct op *op = *state;
    static const char *const known[] = {"a", "b", NULL};
    assert_int_equal(chain_members_check(op, "p", json_of(op, "{\"b\":1}"), known), OK);
    REFUSED(op, chain_members_check(op, "p", json_of(op, "{\"c\":1}"), known), "p has no member \"c\"");
    REFUSED(op, chain_members_check(op, "p", json_of(op, "[]"), known), "not an object");
    REFUSED(op, chain_members_check(op, "p", NULL, known), "p is missing");
}

static void test_word(void **state)
{
    struct op *op = *state;
    static const char *const words[] = {"x", "y", "z", NULL};
    size_t k = 9;
    assert_int_equal(chain_word(op, "p", json_of(op, "{\"k\":\"y\"}"), "k", words, 0, &k), OK);
    assert_int_equal(k, 1);
    assert_int_equal(chain_word(op, "p", json_of(op, "{}"), "k", words, 2, &k), OK);
    assert_int_equal(k, 2);
    REFUSED(op, chain_word(op, "p", json_of(op, "{}"), "k", words, SIZE_MAX, &k), "p.k must be x, y or z");
    REFUSED(op, chain_word(op, "p", json_of(op, "{\"k\":7}"), "k", words, 0, &k), "p.k must be");
}

static void test_lists(void **state)
{
    struct op *op = *state;
    const double dflt = 7;
    double v = 0, *numbers = NULL;
    struct str *texts = NULL;
    size_t n = 0;
    assert_int_equal(chain_number(op, "p", json_of(op, "{}"), "k", &dflt, &v), OK);
    assert_true(v == 7);
    REFUSED(op, chain_number(op, "p", json_of(op, "{}"), "k", NULL, &v), "p.k must be a finite number");
    REFUSED(op, chain_number(op, "p", json_of(op, "{\"k\":\"1\"}"), "k", &dflt, &v), "finite");
    assert_int_equal(chain_numbers(op, "p", json_of(op, "{\"k\":[1,2.5]}"), "k", 2, &numbers, &n), OK);
    assert_true(n == 2 && numbers[1] == 2.5);
    REFUSED(op, chain_numbers(op, "p", json_of(op, "{\"k\":[1,2,3]}"), "k", 2, &numbers, &n), "at most 2");
    REFUSED(op, chain_numbers(op, "p", json_of(op, "{\"k\":[1,null]}"), "k", 2, &numbers, &n), "k[1]");
    assert_int_equal(chain_texts(op, "p", json_of(op, "{\"k\":[\"a\"]}"), "k", 2, &texts, &n), OK);
    assert_true(n == 1 && str_eqc(texts[0], "a"));
    REFUSED(op, chain_texts(op, "p", json_of(op, "{\"k\":[1]}"), "k", 2, &texts, &n), "k[0] is not a text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_members), TEST(test_word), TEST(test_lists)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
