#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/config.h"
#include "scratch_op.h"

static void addresses(void **state)
{
    struct op *op = *state;
    struct str host;
    int port = 0;
    assert_int_equal(config_parse_listen(op, STR("127.0.0.1:5000"), &host, &port), OK);
    assert_true(str_eqc(host, "127.0.0.1") && port == 5000);
    assert_int_equal(config_parse_listen(op, STR("[::1]:0"), &host, &port), OK);
    assert_true(str_eqc(host, "::1") && port == 0);
    assert_int_equal(config_parse_listen(op, STR("localhost:80"), &host, &port), OK);
    assert_true(str_eqc(host, "127.0.0.1"));
    static const char *const bad[] = {"", "5000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:5000x", "example.com:80", "1.2.3:80"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        op_clear(op);
        assert_int_equal(config_parse_listen(op, str_from(bad[i]), &host, &port), E_INVALID);
        assert_non_null(op->msg);
    }
}

static void the_table_has_a_help_for_every_key(void **state)
{
    (void)state;
    for (const struct option_row *row = config_options; row->name; row++)
        assert_true(row->help && *row->help && !row->required);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(addresses, scratch_op_up, scratch_op_down),
        cmocka_unit_test(the_table_has_a_help_for_every_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
