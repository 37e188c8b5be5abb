#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/backends.h"
#include "scratch_op.h"

static void the_table_says_what_is_lost(void **state)
{
    struct op *op = *state;
    for (const struct backend *b = backends; b->name; b++) {
        assert_true(b->port && *b->port && b->without && *b->without && b->install && *b->install);
        if (b->built && b->check)
            assert_int_equal(b->check(op), OK);
    }
}

static void learners_are_found_by_name(void **state)
{
    (void)state;
    assert_non_null(backend_learner(STR("xgboost")));
    assert_non_null(backend_learner(STR("logistic")));
    assert_null(backend_learner(STR("oracle")));
}

static void files_of_no_engine_are_refused(void **state)
{
    struct op *op = *state;
    struct model *m = NULL;
    assert_int_equal(model_load(op, backend_engines, STR("\x80\x04\x95 pickle"), &m), E_INVALID);
    assert_null(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_table_says_what_is_lost, scratch_op_up, scratch_op_down),
        cmocka_unit_test(learners_are_found_by_name),
        cmocka_unit_test_setup_teardown(files_of_no_engine_are_refused, scratch_op_up, scratch_op_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
