#include "app/fitted.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

static void test_read(void **state)
{
    struct arena *arena = arena_create(1 << 20);
    struct op op;
    struct fitted f;
    char folder[] = "/tmp/fitted.XXXXXX";
    (void)state;
    op_init(&op, arena);
    assert_non_null(mkdtemp(folder));
    const struct str model = str_from(op_printf(&op, "%s/m.json", folder));
    const char *transform = op_printf(&op, "%s/m.transform.json", folder), *calibrator = op_printf(&op, "%s/m.calibrator.json", folder);
    assert_int_equal(fitted_read(&op, model, &f), OK);
    assert_true(!f.transform && !f.calibrator);
    assert_int_equal(file_write(&op, transform, STR("{\"format\":\"ingot.transform\",\"version\":1,\"inputs\":[{\"name\":\"a\",\"type\":\"number\"}],\"columns\":[{\"column\":\"a\",\"steps\":[]}]}")), OK);
    assert_int_equal(file_write(&op, calibrator, STR("{\"format\":\"ingot.calibrator\",\"version\":1,\"method\":\"none\"}")), OK);
    assert_int_equal(fitted_read(&op, model, &f), OK);
    assert_true(f.transform->output_count == 1 && f.calibrator->method == CALIBRATE_NONE);
    assert_int_equal(file_write(&op, calibrator, STR("{}")), OK);
    assert_int_equal(fitted_read(&op, model, &f), E_INVALID);
    assert_non_null(strstr(op.msg, "beside "));
    assert_int_equal(unlink(transform) | unlink(calibrator) | rmdir(folder), 0);
    arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
