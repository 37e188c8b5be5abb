#include "base_test.h"

#include "base/buf.h"

static void grows_and_stays_terminated(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 20);
    ASSERT_STR(buf_str(&b), "");
    for (int i = 0; i < 10000; i++) {
        buf_addf(&b, "%d,", i);
        assert_int_equal(b.p[b.len], 0);
    }
    assert_false(b.failed);
    assert_int_equal(b.len, 48890);
    assert_int_equal(strlen(b.p), b.len);
    buf_consume(&b, b.len - 5);
    ASSERT_STR(buf_str(&b), "9999,");
    buf_reset(&b);
    buf_add_char(&b, 'x');
    buf_add_str(&b, STR("yz"));
    buf_add_cstr(&b, "!");
    ASSERT_STR(buf_str(&b), "xyz!");
    buf_clear(&b);
    ASSERT_STR(buf_str(&b), "");
    buf_clear(&b);
}

static void failure_sticks(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    buf_add_cstr(&b, "12345678");
    buf_add_cstr(&b, "abc"); /* 11 > 10 */
    assert_true(b.failed);
    buf_add_cstr(&b, "9");
    ASSERT_STR(buf_str(&b), "12345678");
    assert_null(buf_reserve(&b, 1));
    buf_reset(&b);
    buf_add_cstr(&b, "1234567890");
    assert_false(b.failed);
    ASSERT_STR(buf_str(&b), "1234567890");
    assert_null(buf_reserve(&b, 1));
    assert_true(b.failed);
    buf_clear(&b);
}

static void long_format_and_reserve(void **state)
{
    (void)state;
    AUTO(buf) struct buf b;
    buf_init(&b, 100000);
    buf_addf(&b, "%5000s|", "x");
    assert_int_equal(b.len, 5001);
    assert_int_equal(b.p[4999], 'x');
    char *room = buf_reserve(&b, 3);
    memcpy(room, "abc", 3);
    b.len += 3;
    ASSERT_STR(str_sub(buf_str(&b), 4999, 10), "x|abc");
    buf_addf(&b, "%s", "");
    buf_add(&b, NULL, 0);
    assert_int_equal(b.len, 5004);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_stays_terminated),
        cmocka_unit_test(failure_sticks),
        cmocka_unit_test(long_format_and_reserve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
