#include "base_test.h"

static void every_error_has_a_name_and_a_status(void **state)
{
    (void)state;
    for (int e = 0; e < ERR_COUNT; e++) {
        assert_in_range(err_http((enum err)e), 200, 599);
        assert_true(e == OK ? err_http((enum err)e) == 200 : err_http((enum err)e) >= 400);
        assert_true(strlen(err_name((enum err)e)) > 1);
        for (int other = 0; other < e; other++)
            assert_string_not_equal(err_name((enum err)e), err_name((enum err)other));
    }
    assert_int_equal(err_http(E_TOO_LARGE), 413);
    assert_int_equal(err_http(E_BUSY), 503);
    assert_string_equal(err_name(E_NOT_FOUND), "NOT_FOUND");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_error_has_a_name_and_a_status)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
