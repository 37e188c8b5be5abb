#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/report_page.h"
#include "scratch_op.h"

/* A document with a hostile name stays data: it cannot end its block. */
static void names_cannot_break_out(void **state)
{
    struct op *op = *state;
    struct json *alerts = NULL;
    AUTO(buf) struct buf page;
    buf_init(&page, (size_t)16 << 20);
    assert_int_equal(json_parse(op, STR("[{\"rule\":\"</script><script>alert(1)</script>\",\"subject\":\"<img>\",\"state\":\"firing\"}]"), JSON_STRICT, &alerts), OK);
    struct report_docs docs = {.alerts = alerts, .seconds = 7};
    assert_int_equal(report_page(op, &docs, &page), OK);
    struct str text = buf_str(&page);
    assert_true(str_find(text, STR("alert(1)")) != SIZE_MAX);
    assert_true(str_find(text, STR("<script>alert")) == SIZE_MAX);
    assert_true(str_find(text, STR("\\u003c/script")) != SIZE_MAX);
    assert_true(str_find(text, STR("@@DATA@@")) == SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(names_cannot_break_out, scratch_op_up, scratch_op_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
