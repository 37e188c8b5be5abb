#include "unit/core/track/fixture.h"

#include "core/track/texts.h"

static void numbers(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    struct texts t = {0};
    uint32_t at = 7, again = 8;
    assert_int_equal(texts_find(&t, STR("")), TEXTS_NONE);
    assert_true(texts_add(&t, STR(""), &at));
    assert_int_equal(at, 0);
    for (uint32_t i = 0; i < 3000; i++) {
        struct str s = str_from(op_printf(op, "text %u", i * 7919 % 3000));
        assert_true(texts_add(&t, s, &at) && at == i + 1);
        assert_true(texts_add(&t, s, &again) && again == at);
        assert_int_equal(texts_find(&t, s), at);
    }
    assert_str(texts_get(&t, 1), "text 0");
    assert_str(texts_get(&t, 0), "");
    assert_int_equal(texts_find(&t, STR("text")), TEXTS_NONE);
    assert_int_equal(t.len, 3001);
    assert_true(texts_size(&t) > 3000 * 8);
    texts_clear(&t);
    assert_int_equal(texts_size(&t), 0);
}

/* Ranks order as texts do, also when some come later. */
static void ranks(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    struct texts t = {0};
    uint32_t at;
    assert_true(texts_rank(&t));
    for (uint32_t i = 0; i < 600; i++) {
        assert_true(texts_add(&t, str_from(op_printf(op, "%c%u\xc3\xa9", "bZa"[i % 3], i * 37 % 601)), &at));
        if (i % 50 == 3 || i == 599)
            assert_true(texts_rank(&t));
    }
    for (uint32_t i = 0; i < t.len; i++) {
        for (uint32_t k = 0; k < t.len; k += 13)
            assert_true((str_cmp(texts_get(&t, i), texts_get(&t, k)) < 0) == (t.ranks[i] < t.ranks[k]));
    }
    texts_clear(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(numbers), fixture_test(ranks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
