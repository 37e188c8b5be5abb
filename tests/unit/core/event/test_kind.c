/* test_kind.c - the table of kinds. */
#include "core/event/kind.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void names_go_both_ways(void **state)
{
    (void)state;
    for (unsigned k = 0; k < EVENT_KINDS; k++) {
        enum event_kind back;
        assert_true(event_kind_name((enum event_kind)k).len > 0);
        assert_true(event_kind_parse(event_kind_name((enum event_kind)k), &back) && back == k);
        assert_true(!strcmp(event_kind_field((enum event_kind)k), "id") || !strcmp(event_kind_field((enum event_kind)k), "name"));
    }
    enum event_kind none;
    assert_false(event_kind_parse(STR("Run"), &none) || event_kind_parse(STR("run "), &none) || event_kind_parse(STR(""), &none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names_go_both_ways)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
