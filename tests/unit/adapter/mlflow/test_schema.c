#include "adapter/mlflow/schema.h"

#include "unit/core/track/fixture.h"

static void revisions_tell_what_there_is(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    struct mlflow_schema s;
    assert_ok(op, mlflow_schema_of(op, STR("acf3f17fdcc7"), false, &s)); /* 2.8 */
    assert_true(!s.logged_models && !s.traces);
    assert_ok(op, mlflow_schema_of(op, STR("0584bdc529eb"), false, &s)); /* 2.22 */
    assert_true(!s.logged_models && s.traces);
    assert_ok(op, mlflow_schema_of(op, STR("6953534de441"), false, &s)); /* 3.0 */
    assert_true(s.logged_models && s.traces);
    assert_ok(op, mlflow_schema_of(op, STR("dc11669786a5"), false, &s)); /* 3.17 */
    assert_true(s.logged_models && s.traces);
    assert_fails(op, mlflow_schema_of(op, STR("451aebb31d03"), false, &s), E_UNSUPPORTED, "mlflow db upgrade");
    assert_fails(op, mlflow_schema_of(op, STR(""), false, &s), E_UNSUPPORTED, "not known");
    assert_ok(op, mlflow_schema_of(op, STR("ffffffffffff"), true, &s));
    assert_true(s.logged_models);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(revisions_tell_what_there_is)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
