#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "port/origin.h"

static int closed;

static void close_it(void *self)
{
    assert_ptr_equal(self, &closed);
    closed++;
}

static void closing_happens_once(void **state UNUSED)
{
    const struct origin_ops ops = {.close = close_it};
    struct origin o = {&ops, &closed};
    origin_close(NULL);
    origin_close(&(struct origin){0});
    origin_close(&o);
    origin_close(&o);
    assert_int_equal(closed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(closing_happens_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
