/* test_media.c - media types by name. */
#include "api/media.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void types(void **state)
{
    (void)state;
    assert_string_equal(media_of_name(STR("lib/api.js")), "text/javascript; charset=utf-8");
    assert_string_equal(media_of_name(STR("style/base.css")), "text/css; charset=utf-8");
    assert_string_equal(media_of_name(STR("icon.svg")), "image/svg+xml");
    assert_string_equal(media_of_name(STR("a.js.exe")), "application/octet-stream");
    assert_string_equal(media_of_name(STR("js")), "application/octet-stream");
    assert_string_equal(media_of_name(STR("")), "application/octet-stream");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(types)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
