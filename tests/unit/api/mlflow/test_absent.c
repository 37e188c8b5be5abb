/* What is not there: empty answers that are JSON, the switched-off proxy, and 404 for the rest; and what the server says of itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/mlflow/absent.h"
#include "api/mlflow/info.h"
#include "api/services.h"
#include "base/json.h"
#include "base/limits.h"

static struct str answer(struct op *op, route_fn fn, const struct route *row, struct services *s, int want)
{
    struct http_req req = {.route = row, .method_text = STR("GET"), .path = str_from(row ? row->path : "/x")};
    struct http_res *res = arena_new(op->arena, struct http_res);
    res->status = 200;
    buf_init(&res->body, LIMIT_MIB(1));
    assert_int_equal(fn(op, s, &req, res), OK);
    assert_int_equal(res->status, want);
    struct str text = str_dup(op->arena, buf_str(&res->body));
    buf_clear(&res->body);
    return text;
}

static void every_row_answers_json(void **state)
{
    (void)state;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(16));
    struct op op;
    op_init(&op, arena);
    size_t empty = 0, absent = 0;
    for (size_t i = 0; i < mlflow_absent_routes.len; i++) {
        const struct route *row = &mlflow_absent_routes.rows[i];
        bool rest = strstr(row->path, "{rest*}") != NULL;
        struct json *j = NULL;
        assert_int_equal(json_parse(&op, answer(&op, row->handler, row, NULL, rest ? 404 : 200), JSON_STRICT, &j), OK);
        assert_int_equal(j->type, JSON_OBJECT);
        if (rest) {
            assert_true(str_eqc(json_get(j, "error_code")->s, "ENDPOINT_NOT_FOUND"));
            assert_true(str_eqc(json_get(j, "error_class")->s, "RESOURCE_NOT_FOUND"));
        }
        *(rest ? &absent : &empty) += 1;
    }
    assert_int_equal(absent, 20);
    assert_true(empty > 10);
    struct services none = {0};
    for (size_t i = 0; i < mlflow_proxy_off_routes.len; i++) {
        const struct route *row = &mlflow_proxy_off_routes.rows[i];
        struct str text = answer(&op, row->handler, row, &none, 503);
        assert_true(str_find(text, STR("`--no-serve-artifacts`")) != SIZE_MAX && str_find(text, str_from(row->path)) != SIZE_MAX);
    }
}

static void info(void **state)
{
    (void)state;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(16));
    struct op op;
    op_init(&op, arena);
    for (int elsewhere = 0; elsewhere < 2; elsewhere++) {
        struct services s = {.artifacts_elsewhere = elsewhere};
        struct json *j = NULL;
        assert_int_equal(json_parse(&op, answer(&op, mlflow_server_info, NULL, &s, 200), JSON_STRICT, &j), OK);
        assert_true(str_eqc(json_get(j, "store_type")->s, "SqlStore"));
        assert_int_equal(json_get(j, "multipart_uploads_enabled")->boolean, !elsewhere);
        assert_false(json_path(j, "features_enabled.gateway")->boolean);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_row_answers_json), cmocka_unit_test(info)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
