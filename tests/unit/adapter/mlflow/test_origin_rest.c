/* What a real server answers is tested in tests/e2e/test_import.py; here, one that does not. */
#include "adapter/mlflow/origin_rest.h"

#include "adapter/mlflow/rest.h"
#include "unit/core/track/fixture.h"

static void nobody_there_is_told(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    struct origin o;
    assert_fails(op, mlflow_rest_origin(op, &(struct mlflow_rest_config){.url = STR("http://127.0.0.1:1")}, &o), E_IO, "127.0.0.1:1");
    assert_fails(op, mlflow_rest_origin(op, &(struct mlflow_rest_config){.url = STR("ftp://x")}, &o), E_INVALID, "http");
}

static void names_are_quoted_and_listings_end(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    struct json *j;
    assert_str(rest_quote(op, STR("a b/c&d=%")), "a%20b%2Fc%26d%3D%25");
    assert_ok(op, json_parse(op, STR("{\"next_page_token\": \"t\"}"), JSON_STRICT, &j));
    assert_str(rest_next(j), "t");
    assert_ok(op, json_parse(op, STR("{\"next_page_token\": \"\"}"), JSON_STRICT, &j));
    assert_str(rest_next(j), "end");
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(nobody_there_is_told), fixture_test(names_are_quoted_and_listings_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
