/* runs/search and search-datasets through the dispatcher: the forms of what is ours beyond MLflow. */
#include "unit/core/track/fixture.h"

#include "api/dispatch.h"
#include "api/mlflow/mlflow.h"
#include "api/mlflow/search.h"
#include "api/services.h"
#include "core/track/index.h"
#include "core/track/metric.h"
#include "core/track/run.h"
#include "net/loopback.h"

struct world {
    struct fixture f; /* first: the fixture's own functions see it */
    struct services services;
    struct dispatch *dispatch;
};

static enum err everyone(void *arg, struct op *op, struct str token, bool loopback, struct actor *ret)
{
    (void)arg;
    (void)op;
    (void)token;
    (void)loopback;
    *ret = (struct actor){STR("tester"), ~0u};
    return OK;
}

static int world_open(void **state)
{
    void *inner = NULL;
    fixture_open(&inner);
    struct world *w = test_calloc(1, sizeof *w);
    w->f = *(struct fixture *)inner;
    test_free(inner);
    struct op *op = &w->f.op;
    w->services.db = w->f.db;
    w->services.run_index = run_index_create(LIMIT_MIB(8));
    static const struct route_table *const tables[] = {&mlflow_routes, NULL};
    struct dispatch_config c = {.tables = tables, .services = &w->services, .auth = {.check = everyone}};
    assert_ok(op, dispatch_create(op, &c, &w->dispatch));
    for (int i = 0; i < 5; i++) {
        struct track_run r;
        struct track_metric m = {.key = STR("loss"), .value = i};
        struct track_kv kv = {STR("p"), str_from(op_printf(op, "v%d", i))};
        assert_ok(op, track_run_create(op, w->f.db, 0, str_from(op_printf(op, "r%d", i)), STR(""), i, NULL, 0, &r));
        struct track_batch b = {.run_id = r.run_id, .metrics = &m, .metric_count = 1, .params = &kv, .param_count = 1};
        assert_ok(op, metric_log_batch(op, w->f.db, &b));
    }
    *state = w;
    return 0;
}

static int world_close(void **state)
{
    struct world *w = *state;
    dispatch_destroy(w->dispatch);
    run_index_destroy(w->services.run_index);
    db_close(w->f.db);
    arena_destroy(w->f.op.arena);
    test_free(w);
    return 0;
}

static void forms(void **state)
{
    static const struct {
        const char *path, *body;
        int status;
        const char *want, *not_want;
    } turns[] = {
        {"/api/2.0/mlflow/runs/search", "{\"experiment_ids\":[\"0\"],\"count_only\":true}", 200, "\r\n\r\n{\"total\":5}", "runs"},
        {"/api/2.0/mlflow/runs/search", "{\"experiment_ids\":[\"0\"],\"count_only\":true,\"max_results\":0}", 200, "{\"total\":5}", "runs"},
        {"/ajax-api/2.0/mlflow/runs/search", "{\"all_experiments\":true,\"count_only\":true,\"filter\":\"metrics.loss > 1 OR params.p = 'v0'\"}", 200, "{\"total\":4}", "runs"},
        {"/api/2.0/mlflow/runs/search", "{\"experiment_ids\":[\"0\"],\"include_total\":true,\"max_results\":2}", 200, ",\"total\":5}", "r2"},
        {"/api/2.0/mlflow/runs/search", "{\"experiment_ids\":[\"0\"],\"columns\":[\"metrics.loss\"],\"max_results\":1}", 200, "{\"metrics\":[{\"key\":\"loss\",\"value\":4.0", "params"},
        {"/api/2.0/mlflow/runs/search", "{\"experiment_ids\":[\"0\"],\"columns\":[]}", 200, "\"run_name\":\"r4\"", "params"},
        {"/api/2.0/mlflow/runs/search", "{\"experiment_ids\":[\"0\"]}", 200, "\"params\":[{\"key\":\"p\",\"value\":\"v4\"}]", "total"},
        {"/api/2.0/mlflow/runs/search", "{}", 200, "\r\n\r\n{}", "runs"},
        {"/api/2.0/mlflow/runs/search", "{\"experiment_ids\":[\"0\"],\"columns\":[\"x\"]}", 400, "Invalid column 'x'", "runs"},
        {"/api/2.0/mlflow/runs/search", "{\"experiment_ids\":[\"0\"],\"max_results\":-1}", 400, "positive integer", "runs"},
        {"/api/2.0/mlflow/runs/search", "{\"experiment_ids\":[\"0\"],\"page_token\":\"AAAA\"}", 400, "Invalid page token", "runs"},
        {"/api/2.0mlflow/experiments/search-datasets", "{\"experiment_ids\":[\"0\"]}", 200, "\r\n\r\n{}", "x"},
        {"/ajax-api/2.0/mlflow/experiments/search-datasets", "{}", 400, "must specify at least one experiment_id", "summaries"},
    };
    struct world *w = *state;
    struct op *op = &w->f.op;
    struct http_handler handler = dispatch_handler(w->dispatch);
    for (size_t i = 0; i < ARRAY_LEN(turns); i++) {
        struct buf out;
        bool closed = false;
        buf_init(&out, LIMIT_MIB(1));
        char *text = op_printf(op, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                               turns[i].path, strlen(turns[i].body), turns[i].body);
        assert_ok(op, loopback_exchange(op, &handler, str_from(text), 0, &out, &closed));
        int64_t status = 0;
        struct str body = str_sub(buf_str(&out), str_find(buf_str(&out), STR("\r\n\r\n")), out.len);
        assert_true(str_parse_i64(str_sub(buf_str(&out), 9, 3), &status));
        if (status != turns[i].status || str_find(buf_str(&out), str_from(turns[i].want)) == SIZE_MAX ||
            (status == 200 && str_find(body, str_from(turns[i].not_want)) != SIZE_MAX))
            fail_msg("turn %zu: %.*s", i, STR_FMT(buf_str(&out)));
        buf_clear(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(forms, world_open, world_close)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
