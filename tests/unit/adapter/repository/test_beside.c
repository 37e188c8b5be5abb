#include "adapter/repository/beside.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

static void write_one(struct op *op, const char *folder, const char *name, const char *text)
{
    assert_int_equal(file_write(op, op_printf(op, "%s/%s", folder, name), str_from(text)), OK);
}

static void test_read(void **state)
{
    struct arena *arena = arena_create(1 << 20);
    struct op op;
    struct str transform, calibrator;
    char folder[] = "/tmp/beside.XXXXXX";
    (void)state;
    op_init(&op, arena);
    assert_non_null(mkdtemp(folder));
    write_one(&op, folder, "a.transform.json", "A");
    write_one(&op, folder, "transform.json", "T");
    write_one(&op, folder, "calibrator.json", "C");
    assert_int_equal(beside_read(&op, str_from(op_printf(&op, "%s/a.json", folder)), &transform, &calibrator), OK);
    assert_true(str_eqc(transform, "A"));
    assert_int_equal(calibrator.len, 0);
    assert_int_equal(beside_read(&op, str_from(op_printf(&op, "%s/model.ubj", folder)), &transform, &calibrator), OK);
    assert_true(str_eqc(transform, "T"));
    assert_true(str_eqc(calibrator, "C"));
    assert_int_equal(beside_read(&op, str_from(op_printf(&op, "%s/b.json", folder)), &transform, &calibrator), OK);
    assert_int_equal(transform.len + calibrator.len, 0);
    static const char *const names[] = {"a.transform.json", "transform.json", "calibrator.json"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_int_equal(unlink(op_printf(&op, "%s/%s", folder, names[i])), 0);
    assert_int_equal(rmdir(folder), 0);
    arena_destroy(arena);
}

static void test_names(void **state)
{
    (void)state;
    assert_true(beside_is(STR("a.transform.json")) && beside_is(STR("reference.bin")) && beside_is(STR("calibrator.json")));
    assert_false(beside_is(STR("model.json")) || beside_is(STR("transform.onnx")) || beside_is(STR("mytransform.json")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_read), cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
