#include "core/chain/tally.h"

#include "chain_fixture.h"

static void test_counts(void **state)
{
    const struct str names[] = {STR("a"), STR(""), STR("b")};
    struct tally *t = tally_create(names, 3), *other = tally_ref(t);
    (void)state;
    tally_add(t, 0, 2);
    tally_add(other, 2, 5);
    tally_unref(t);
    assert_int_equal(tally_len(other), 3);
    assert_int_equal(tally_get(other, 0), 2);
    assert_int_equal(tally_get(other, 1), 0);
    assert_int_equal(tally_get(other, 2), 5);
    assert_true(str_eqc(tally_name(other, 2), "b"));
    assert_true(tally_is_of(other, names, 3));
    assert_false(tally_is_of(other, names, 2) || tally_is_of(other, (const struct str[]){STR("a"), STR("b"), STR("b")}, 3));
    tally_unref(other);
    tally_unref(NULL);
    assert_null(tally_ref(NULL));
    struct tally *none = tally_create(NULL, 0);
    assert_int_equal(tally_len(none), 0);
    tally_unref(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
