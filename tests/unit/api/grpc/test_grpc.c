/* The table of methods, and what they say on a server that has no model. Answers of real models: tests/e2e/test_grpc.py. */
#include "unit/base/base_test.h"

#include "api/grpc/control.h"
#include "api/grpc/grpc.h"
#include "api/grpc/infer.h"
#include "api/grpc/watch.h"
#include "base/limits.h"

static const struct engine_ops *const no_engines[] = {NULL};

static struct services empty_server(struct fixture *f)
{
    struct serve *serve = NULL;
    const struct serve_config config = {.engines = no_engines};
    assert_int_equal(serve_open(&f->op, &config, &serve), OK);
    return (struct services){.serve = serve, .data_dir = STR("")};
}

/* Every method is asked by POST, wants a permission, and refuses in gRPC's form. */
static void rows_are_calls(void **state UNUSED)
{
    size_t infers = 0;
    for (size_t i = 0; i < grpc_routes.len; i++) {
        const struct route *r = &grpc_routes.rows[i];
        assert_string_equal(r->method, "POST");
        assert_true(r->perm > PERM_NONE && r->perm < PERM_COUNT);
        assert_true(r->flags & ROUTE_OWN_REFUSALS && r->flags & ROUTE_ANY_TYPE && r->flags & ROUTE_WRITES);
        assert_true(r->body_max > 0 && r->help[0]);
        assert_true(!strncmp(r->path, "/inference.GRPCInferenceService/", 32) || !strncmp(r->path, "/grpc.health.v1.Health/", 23));
        infers += r->handler == grpc_model_infer || r->handler == grpc_model_stream_infer;
        assert_int_equal(r->handler == grpc_health_watch, strstr(r->path, "Watch") != NULL);
        if (strstr(r->path, "Infer") && strstr(r->path, "Model") && (strstr(r->path, "/ModelInfer") || strstr(r->path, "ModelStreamInfer")))
            assert_int_equal(r->perm, PERM_INFER);
    }
    assert_int_equal(infers, 2);
    assert_non_null(grpc_routes.error);
}

static void health_without_models(void **state)
{
    struct fixture *f = *state;
    struct services s = empty_server(f);
    struct serve_endpoint *ep = NULL;
    int64_t version = 0;
    assert_true(control_all_ready(&f->op, &s));
    assert_int_equal(control_health_of(&f->op, &s, ""), HEALTH_SERVING);
    assert_int_equal(control_health_of(&f->op, &s, "inference.GRPCInferenceService"), HEALTH_SERVING);
    assert_int_equal(control_health_of(&f->op, &s, "nobody"), HEALTH_UNKNOWN);
    op_clear(&f->op);
    assert_int_equal(control_model_get(&f->op, &s, "nobody", "", &ep, &version), E_NOT_FOUND);
    op_clear(&f->op);
    assert_null(ep);
    assert_string_equal(control_text(&f->op, (struct str){"ab\0cd", 5}), "ab");
    serve_close(s.serve);
}

/* What is no gRPC at all is refused before anything is read of it. */
static void heads_are_looked_at(void **state)
{
    struct fixture *f = *state;
    struct services s = empty_server(f);
    struct http_req req = {.version = 20, .content_type = STR("application/json"), .body = STR("{}")};
    struct http_res res = {.status = 200};
    buf_init(&res.body, LIMIT_KIB(64));
    assert_int_equal(grpc_model_infer(&f->op, &s, &req, &res), E_INVALID);
    op_clear(&f->op);
    req.content_type = STR("application/grpc");
    req.body = STR("\0\0\0\0\5abc"); /* says five bytes, has three */
    req.body.len = 8;
    assert_int_equal(grpc_model_infer(&f->op, &s, &req, &res), E_INVALID);
    op_clear(&f->op);
    req.body = (struct str){"\0\0\0\0\0", 5}; /* no model is named */
    assert_true(grpc_model_infer(&f->op, &s, &req, &res) != OK);
    op_clear(&f->op);
    buf_clear(&res.body);
    serve_close(s.serve);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(rows_are_calls), TEST(health_without_models), TEST(heads_are_looked_at)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
