#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/metrics.h"
#include "app/remote.h"
#include "app/run_log.h"
#include "app/server.h"
#include "contract/scratch.h"

struct fixture {
    struct scratch scratch;
    struct platform *platform;
    struct client *client;
    struct config config;
};

static int up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    scratch_init(&f->scratch);
    struct op *op = &f->scratch.op;
    int port = 0;
    f->config = (struct config){.host = STR("127.0.0.1"), .data_dir = str_from(scratch_path(&f->scratch, "data")), .loopback = true, .pool_threads = 4,
                                .serve_artifacts = true, .webhook = {.timeout_s = 5, .workers = 2},
                                .log_level = STR("error"), .log_format = STR("text")};
    if (platform_start(op, &f->config, &f->platform, &port))
        return -1;
    struct client_config client = {.base_url = str_from(op_printf(op, "http://127.0.0.1:%d", port))};
    if (client_create(op, &client, &f->client))
        return -1;
    *state = f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;
    client_destroy(f->client);
    platform_stop(&f->scratch.op, f->platform);
    scratch_clear(&f->scratch);
    free(f);
    return 0;
}

static struct client_answer get(struct fixture *f, const char *path)
{
    struct client_answer a = {0};
    assert_int_equal(client_call(&f->scratch.op, f->client, "GET", str_from(path), STR(""), (struct str){0}, &a), OK);
    return a;
}

static void it_answers(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(get(f, "/health").status, 200);
    assert_true(str_starts(get(f, "/version").body, STR("3.")));
    struct client_answer m = get(f, "/metrics");
    assert_int_equal(m.status, 200);
    assert_true(str_find(m.body, STR("ingot_db_commits_total")) != SIZE_MAX);
    assert_int_equal(get(f, "/api/ingot/v1/endpoints/none").status, 404);
    assert_int_equal(get(f, "/nowhere").status, 404);
}

static void a_second_one_on_the_folder_refuses(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->scratch.op;
    struct platform *second = NULL;
    int port = 0;
    assert_int_equal(platform_start(op, &f->config, &second, &port), E_CONFLICT);
    assert_null(second);
    op_clear(op);
}

/* A run logged by the client half is there, and stays there over a restart. */
static void a_run_survives_a_restart(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->scratch.op;
    struct run_log *log = NULL;
    struct run_log_start start = {.experiment = STR("e"), .run_name = STR("r"), .source_name = STR("test"), .data_sha256 = STR("")};
    assert_int_equal(run_log_start(op, f->client, &start, &log), OK);
    assert_int_equal(run_log_metric(op, log, "loss", 0.1, 3), OK);
    assert_int_equal(run_log_artifact(op, log, "a/b.txt", STR("text/plain"), STR("bytes")), OK);
    assert_int_equal(run_log_end(op, log, true), OK);
    const char *path = op_printf(op, "/api/2.0/mlflow/runs/get?run_id=%.*s", STR_FMT(run_log_id(log)));
    platform_stop(op, f->platform);
    client_destroy(f->client);
    int port = 0;
    assert_int_equal(platform_start(op, &f->config, &f->platform, &port), OK);
    struct client_config client = {.base_url = str_from(op_printf(op, "http://127.0.0.1:%d", port))};
    assert_int_equal(client_create(op, &client, &f->client), OK);
    struct client_answer a = get(f, path);
    assert_int_equal(a.status, 200);
    assert_true(str_find(a.body, STR("FINISHED")) != SIZE_MAX && str_find(a.body, STR("0.1")) != SIZE_MAX);
}

static void paths_are_encoded(void **state)
{
    struct fixture *f = *state;
    struct str p = remote_path(&f->scratch.op, "endpoints", "a/../b c", "labels", NULL);
    assert_true(str_eqc(p, "/api/ingot/v1/endpoints/a%2F..%2Fb%20c/labels"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_answers, up, down),
        cmocka_unit_test_setup_teardown(a_second_one_on_the_folder_refuses, up, down),
        cmocka_unit_test_setup_teardown(a_run_survives_a_restart, up, down),
        cmocka_unit_test_setup_teardown(paths_are_encoded, up, down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
