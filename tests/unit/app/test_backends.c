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
    for (const struct backend *b = backends; b->name; b++)
        if (str_eqc(str_from(b->port), "learner"))
            assert_int_equal(backend_learner(str_from(b->name)) != NULL, b->built);
    assert_null(backend_learner(STR("oracle")));
}

/* Serving needs no library of a learner. */
static void linear_models_are_served_by_every_build(void **state)
{
    struct op *op = *state;
    struct model *m = NULL;
    const struct str bytes = STR_INIT("{\"format\": \"ingot-linear\", \"version\": 1, \"objective\": \"binary:logistic\", \"names\": [\"a\"],"
                                      " \"mean\": [0], \"scale\": [1], \"weight\": [2], \"bias\": 0}");
    float score = 0;
    assert_int_equal(model_load(op, backend_engines, bytes, &m), OK);
    model_predict(m, &(float){0}, 1, &score);
    assert_float_equal(score, 0.5f, 0);
    model_unload(m);
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
        cmocka_unit_test_setup_teardown(linear_models_are_served_by_every_build, scratch_op_up, scratch_op_down),
        cmocka_unit_test_setup_teardown(files_of_no_engine_are_refused, scratch_op_up, scratch_op_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
