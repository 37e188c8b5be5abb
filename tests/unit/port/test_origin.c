#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "port/origin.h"

static int files_closed, closed;

static void file_close(void *self)
{
    assert_ptr_equal(self, &closed);
    files_closed++;
}

static void close_it(void *self)
{
    assert_ptr_equal(self, &closed);
    closed++;
}

static void closing_ends_an_open_file_first_and_happens_once(void **state UNUSED)
{
    const struct origin_ops ops = {.file_close = file_close, .close = close_it};
    struct origin o = {&ops, &closed};
    origin_close(NULL);
    origin_close(&(struct origin){0});
    origin_close(&o);
    origin_close(&o);
    assert_int_equal(files_closed, 1);
    assert_int_equal(closed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(closing_ends_an_open_file_first_and_happens_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
