#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "app/state.h"
#include "contract/scratch.h"

static void one_holder_at_a_time(void **state UNUSED)
{
    struct scratch s;
    scratch_init(&s);
    struct state first = {0}, second = {0};
    struct blob_id id;
    assert_int_equal(state_open(&s.op, str_from(s.dir), STR(""), STR(""), &first), OK);
    assert_int_equal(blob_put(&s.op, first.blobs, STR("bytes"), &id), OK);
    assert_int_equal(state_open(&s.op, str_from(s.dir), STR(""), STR(""), &second), E_CONFLICT);
    assert_non_null(strstr(s.op.msg, "is used by"));
    op_clear(&s.op);
    state_close(&second);
    state_close(&first);
    assert_int_equal(state_open(&s.op, str_from(s.dir), STR(""), STR(""), &second), OK);
    struct str bytes;
    assert_int_equal(blob_get(&s.op, second.blobs, &id, 100, &bytes), OK);
    assert_true(str_eqc(bytes, "bytes"));
    state_close(&second);
    state_close(&second);
    scratch_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_holder_at_a_time)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
