/* Transcripts: requests through the real connection code, the dispatcher and the handlers to SQLite and back. */
#include "unit/core/track/fixture.h"

#include "adapter/mem/mem.h"
#include "api/dispatch.h"
#include "api/mlflow/artifacts.h"
#include "api/mlflow/experiments.h"
#include "api/mlflow/log.h"
#include "api/mlflow/logged_models.h"
#include "api/mlflow/absent.h"
#include "api/mlflow/mlflow.h"
#include "api/mlflow/models.h"
#include "api/mlflow/runs.h"
#include "api/mlflow/versions.h"
#include "api/services.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
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
    w->services.blobs = mem_blobs_create(0);
    static const struct route_table *const tables[] = {&mlflow_routes, &mlflow_proxy_routes, &mlflow_absent_routes, NULL};
    struct dispatch_config c = {.tables = tables, .services = &w->services, .auth = {.check = everyone}};
    assert_ok(op, dispatch_create(op, &c, &w->dispatch));
    *state = w;
    return 0;
}

static int world_close(void **state)
{
    struct world *w = *state;
    dispatch_destroy(w->dispatch);
    blob_store_close(w->services.blobs);
    db_close(w->f.db);
    arena_destroy(w->f.op.arena);
    test_free(w);
    return 0;
}

/* Sends one request; returns the body and the status. */
static struct str ask(struct world *w, const char *method, const char *target, const char *body, int *ret_status)
{
    struct op *op = &w->f.op;
    struct buf out;
    buf_init(&out, LIMIT_MIB(4));
    struct http_handler handler = dispatch_handler(w->dispatch);
    char *text = op_printf(op, "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", method, target,
                           strlen(body), body);
    bool closed = false;
    assert_ok(op, loopback_exchange(op, &handler, str_from(text), 0, &out, &closed));
    struct str answer = str_dup(op->arena, buf_str(&out));
    buf_clear(&out);
    size_t end = str_find(answer, STR("\r\n\r\n"));
    assert_true(str_starts(answer, STR("HTTP/1.1 ")) && end != SIZE_MAX);
    int64_t status = 0;
    assert_true(str_parse_i64(str_sub(answer, 9, 3), &status));
    *ret_status = (int)status;
    return str_sub(answer, end + 4, answer.len);
}

struct turn {
    const char *method, *target, *body;
    int status;
    const char *part; /* must stand in the answer */
};

/* "$1" in target and body is replaced by `var`. */
static char *fill(struct op *op, const char *text, struct str var)
{
    const char *at = strstr(text, "$1");
    return at ? op_printf(op, "%.*s%.*s%s", (int)(at - text), text, STR_FMT(var), at + 2) : op_printf(op, "%s", text);
}

static void play(struct world *w, const struct turn *turns, size_t n, struct str var)
{
    struct op *op = &w->f.op;
    for (size_t i = 0; i < n; i++) {
        int status = 0;
        struct str got = ask(w, turns[i].method, fill(op, turns[i].target, var), fill(op, turns[i].body, var), &status);
        if (status != turns[i].status || str_find(got, str_from(turns[i].part)) == SIZE_MAX)
            fail_msg("turn %zu %s %s %s: %d %.*s", i, turns[i].method, turns[i].target, turns[i].body, status, STR_FMT(got));
    }
}

#define API "/api/2.0/mlflow/"
#define DOCS "See the API docs for more information about request parameters."

static void experiments(void **state)
{
    static const struct turn turns[] = {
        {"POST", API "experiments/create", "{\"name\":\"a\",\"tags\":[{\"key\":\"k\",\"value\":\"v\"}]}", 200, "{\"experiment_id\":\"1\"}"},
        {"POST", API "experiments/create", "{\"name\":\"a\"}", 400, "\"error_code\":\"RESOURCE_ALREADY_EXISTS\""},
        {"POST", API "experiments/create", "{}", 400, "\"Missing value for required parameter 'name'. " DOCS "\""},
        {"POST", API "experiments/create", "{\"name\":3}", 400,
         "\"Invalid value 3 for parameter 'name' supplied:  Hint: Value was of type 'int'. " DOCS "\""},
        {"POST", API "experiments/create", "{\"name\":[\"x\"]}", 400, "Invalid value [\\\"x\\\"] for parameter 'name' supplied:  Hint: Value was of type 'list'."},
        {"POST", API "experiments/create", "[1]", 400, "must be a JSON object"},
        {"POST", API "experiments/create", "{\"name\":", 400, "not valid JSON"},
        {"GET", API "experiments/get?experiment_id=1", "", 200, "\"tags\":[{\"key\":\"k\",\"value\":\"v\"}]"},
        {"GET", "/ajax-api/2.0/mlflow/experiments/get?experiment_id=0", "", 200, "\"name\":\"Default\",\"artifact_location\":\"mlflow-artifacts:/0\",\"lifecycle_stage\":\"active\""},
        {"GET", API "experiments/get?experiment_id=9", "", 404, "{\"error_code\":\"RESOURCE_DOES_NOT_EXIST\",\"message\":\"No Experiment with id=9 exists\",\"sqlstate\":\"KAM00\",\"error_class\":\"RESOURCE_NOT_FOUND\"}"},
        {"GET", API "experiments/get?experiment_id=x", "", 400, "Invalid experiment ID 'x'. Experiment ID must be a valid integer."},
        {"GET", API "experiments/get-by-name?experiment_name=a%20b", "", 404, "Could not find experiment with name 'a b'"},
        {"POST", API "experiments/search", "{}", 400, "It must be a positive integer"},
        {"GET", API "experiments/search?max_results=10&order_by=name%20DESC&view_type=ALL", "", 200, "{\"experiments\":[{\"experiment_id\":\"1\""},
        {"POST", API "experiments/delete", "{\"experiment_id\":\"1\"}", 200, "{}"},
        {"POST", API "runs/create", "{\"experiment_id\":\"1\"}", 400, "The experiment 1 must be in the 'active' state. Current state is deleted."},
        {"POST", API "experiments/restore", "{\"experiment_id\":\"1\"}", 200, "{}"},
        {"POST", API "experiments/update", "{\"experiment_id\":\"1\",\"new_name\":\"b\"}", 200, "{}"},
        {"POST", API "experiments/set-experiment-tag", "{\"experiment_id\":\"1\",\"key\":\"k\",\"value\":\"w\"}", 200, "{}"},
        {"POST", API "experiments/delete-experiment-tag", "{\"experiment_id\":\"1\",\"key\":\"z\"}", 404, "No tag with name: z"},
        {"GET", "/api/3.0/mlflow/server-info", "", 200, "\"store_type\":\"SqlStore\",\"workspaces_enabled\":false"},
        {"GET", "/api/3.0/mlflow/scorers/list", "", 200, "{}"},
        {"POST", "/api/3.0/mlflow/scorers/register", "{}", 404, "\"error_code\":\"ENDPOINT_NOT_FOUND\""},
    };
    play(*state, turns, ARRAY_LEN(turns), STR(""));
}

static struct str member(struct op *op, struct str body, const char *path)
{
    struct json *j = NULL;
    assert_ok(op, json_parse(op, body, JSON_STRICT, &j));
    const struct json *at = json_path(j, path);
    assert_non_null(at);
    return at->s;
}

static void runs(void **state)
{
    struct world *w = *state;
    int status = 0;
    struct str made = ask(w, "POST", API "runs/create", "{\"experiment_id\":\"0\",\"start_time\":\"5\",\"run_name\":\"r\",\"user_id\":\"u\"}", &status);
    assert_int_equal(status, 200);
    static const struct turn turns[] = {
        {"POST", API "runs/log-metric", "{\"run_uuid\":\"$1\",\"key\":\"m\",\"value\":-0.0,\"timestamp\":7}", 200, "{}"},
        {"POST", API "runs/log-metric", "{\"run_id\":\"$1\",\"key\":\"n\",\"value\":NaN,\"timestamp\":7,\"step\":2}", 200, "{}"},
        {"POST", API "runs/log-metric", "{\"run_id\":\"$1\",\"key\":\"b\",\"value\":1e999,\"timestamp\":7}", 400, "parameter 'value'"},
        {"POST", API "runs/log-metric", "{\"run_id\":\"$1\",\"key\":\"b\",\"value\":1,\"timestamp\":1e30}", 400, "for parameter 'timestamp' supplied"},
        {"POST", API "runs/log-metric", "{\"run_id\":\"$1\",\"key\":\"b\",\"value\":1,\"timestamp\":18446744073709551615}", 400, "parameter 'timestamp'"},
        {"POST", API "runs/log-metric", "{\"run_id\":\"$1\",\"key\":\"b\",\"value\":1,\"timestamp\":1.5}", 400, "Value was of type 'float'."},
        {"POST", API "runs/log-batch", "{\"run_id\":\"$1\",\"params\":[{\"key\":\"p\",\"value\":\"1\"}],\"tags\":[{\"key\":\"t\",\"value\":\"x\"}],\"metrics\":[{\"key\":\"q\",\"value\":1,\"timestamp\":1}]}", 200, "{}"},
        {"POST", API "runs/log-batch", "{\"run_id\":\"$1\",\"metrics\":[{\"key\":\"z\",\"value\":1,\"timestamp\":1},{\"value\":1,\"timestamp\":1}]}", 400, "'metrics[1].key'"},
        {"POST", API "runs/log-parameter", "{\"run_id\":\"$1\",\"key\":\"p\",\"value\":\"2\"}", 400, "was already logged with value='1'"},
        {"POST", API "runs/set-tag", "{\"run_id\":\"$1\",\"key\":\"u\"}", 200, "{}"},
        {"POST", API "runs/delete-tag", "{\"run_id\":\"$1\",\"key\":\"u\"}", 200, "{}"},
        {"POST", API "runs/update", "{\"run_id\":\"$1\",\"status\":\"FINISHED\",\"end_time\":9}", 200, "\"status\":\"FINISHED\",\"start_time\":5,\"end_time\":9"},
        {"POST", API "runs/update", "{\"run_id\":\"$1\",\"status\":4}", 200, "\"status\":\"FAILED\""},
        {"POST", API "runs/update", "{\"run_id\":\"$1\",\"status\":\"DONE\"}", 400, "parameter 'status'"},
        {"GET", API "runs/get?run_id=$1", "", 200,
         "\"data\":{\"metrics\":[{\"key\":\"m\",\"value\":-0.0,\"timestamp\":7,\"step\":0},{\"key\":\"n\",\"value\":\"NaN\",\"timestamp\":7,\"step\":2},{\"key\":\"q\",\"value\":1.0,\"timestamp\":1,\"step\":0}],"
         "\"params\":[{\"key\":\"p\",\"value\":\"1\"}],\"tags\":[{\"key\":\"mlflow.runName\",\"value\":\"r\"},{\"key\":\"t\",\"value\":\"x\"}]}"},
        {"GET", API "runs/get?run_id=00", "", 404, "Run with id=00 not found"},
        {"GET", API "metrics/get-history?run_id=$1&metric_key=m", "", 200, "{\"metrics\":[{\"key\":\"m\",\"value\":-0.0"},
        {"GET", API "metrics/get-history?run_id=$1&metric_key=m&max_results=0", "", 400, "It must be a positive integer"},
        {"GET", API "metrics/get-history?run_id=none&metric_key=m", "", 200, "{}"},
        {"POST", API "runs/search", "{\"experiment_ids\":[\"0\"],\"filter\":\"params.p = '1'\"}", 200, "{\"runs\":[{\"info\":"},
        {"POST", API "runs/search", "{\"experiment_ids\":[\"0\"],\"max_results\":123456789}", 400, "Invalid value 123456789 for parameter 'max_results' supplied"},
        {"POST", API "runs/search", "{\"experiment_ids\":[\"0\"],\"filter\":\"params.p = 1\"}", 400, "Expected a quoted string value for parameter"},
        {"POST", API "runs/search", "{\"experiment_ids\":[0]}", 400, "parameter 'experiment_ids'"},
        {"POST", API "runs/log-inputs", "{\"run_id\":\"$1\",\"datasets\":[{\"dataset\":{\"name\":\"d\",\"digest\":\"1\",\"source_type\":\"s\",\"source\":\"x\"}}]}", 200, "{}"},
        {"POST", API "runs/log-inputs", "{\"run_id\":\"$1\",\"datasets\":[{}]}", 400, "'datasets[0].dataset'"},
        {"GET", API "runs/get?run_id=$1", "", 200, "\"dataset_inputs\":[{\"dataset\":{\"name\":\"d\",\"digest\":\"1\""},
        {"POST", API "runs/log-model", "{\"run_id\":\"$1\",\"model_json\":\"{}\"}", 400, "Model json is missing mandatory fields"},
        {"POST", API "runs/delete", "{\"run_id\":\"$1\"}", 200, "{}"},
        {"POST", API "runs/set-tag", "{\"run_id\":\"$1\",\"key\":\"u\"}", 400, "must be in the 'active' state"},
        {"POST", API "runs/restore", "{\"run_id\":\"$1\"}", 200, "{}"},
    };
    play(w, turns, ARRAY_LEN(turns), member(&w->f.op, made, "run.info.run_id"));
}

/* Bodies that a worker decodes (LIMIT_HTTP_LATER_INLINE_BYTES): stored as a unit, or refused with the place of the fault. */
static void large_batches(void **state)
{
    struct world *w = *state;
    struct op *op = &w->f.op;
    int status = 0;
    struct str id = member(op, ask(w, "POST", API "runs/create", "{\"experiment_id\":\"0\"}", &status), "run.info.run_id");
    for (int bad = 0; bad < 2; bad++) {
        AUTO(buf) struct buf b;
        buf_init(&b, LIMIT_MIB(1));
        buf_addf(&b, "{\"run_id\":\"%.*s\",\"metrics\":[", STR_FMT(id));
        for (int i = 0; i < 1000; i++)
            buf_addf(&b, "%s{\"key\":\"m%d-%d\",\"value\":%d,\"timestamp\":%d,\"step\":%d,\"dataset_name\":\"\"}", i ? "," : "", bad, i, i, bad && i == 999 ? -1 : 1700000000, i);
        buf_add_cstr(&b, "]}");
        assert_true(b.len > LIMIT_HTTP_LATER_INLINE_BYTES);
        struct str got = ask(w, "POST", API "runs/log-batch", b.p, &status);
        assert_int_equal(status, bad ? 400 : 200);
        assert_true(str_find(got, bad ? STR("for parameter 'metrics[999].timestamp' supplied") : STR("{}")) != SIZE_MAX);
    }
    struct json *run = NULL;
    assert_ok(op, json_parse(op, ask(w, "GET", op_printf(op, API "runs/get?run_id=%.*s", STR_FMT(id)), "", &status), JSON_STRICT, &run));
    assert_int_equal(json_path(run, "run.data.metrics")->len, 1000);
}

static void registry(void **state)
{
    static const struct turn turns[] = {
        {"POST", API "registered-models/create", "{\"name\":\"m\",\"description\":\"d\"}", 200, "{\"registered_model\":{\"name\":\"m\","},
        {"POST", API "registered-models/create", "{\"name\":\"m\"}", 400, "Registered Model (name=m) already exists."},
        {"POST", API "model-versions/create", "{\"name\":\"m\",\"source\":\"s3://b/x\",\"signature\":\"{}\"}", 200, "\"version\":\"1\""},
        {"POST", API "model-versions/create", "{\"name\":\"m\",\"source\":\"s3://b/../x\"}", 400, "without relative path references"},
        {"POST", API "registered-models/alias", "{\"name\":\"m\",\"alias\":\"champion\",\"version\":\"1\"}", 200, "{}"},
        {"GET", API "registered-models/alias?name=m&alias=champion", "", 200, "\"aliases\":[\"champion\"]"},
        {"GET", API "registered-models/alias?name=m&alias=x", "", 400, "Registered model alias x not found."},
        {"GET", API "registered-models/get?name=m", "", 200, "\"aliases\":[{\"alias\":\"champion\",\"version\":\"1\"}]"},
        {"GET", API "registered-models/search?filter=name%3D%27m%27", "", 200, "{\"registered_models\":[{"},
        {"GET", API "registered-models/search?max_results=1001", "", 400, "Invalid value \\\"1001\\\" for parameter 'max_results' supplied"},
        {"GET", API "model-versions/get?name=m&version=x", "", 400, "Parameter 'version' must be an integer, got 'x'."},
        {"GET", API "model-versions/get-download-uri?name=m&version=1", "", 200, "{\"artifact_uri\":\"s3://b/x\"}"},
        {"POST", API "model-versions/transition-stage", "{\"name\":\"m\",\"version\":\"1\",\"stage\":\"staging\",\"archive_existing_versions\":true}", 200, "\"current_stage\":\"Staging\""},
        {"POST", API "registered-models/get-latest-versions", "{\"name\":\"m\",\"stages\":[\"Staging\"]}", 200, "{\"model_versions\":[{"},
        {"POST", API "model-versions/set-tag", "{\"name\":\"m\",\"version\":\"1\",\"key\":\"k\",\"value\":\"v\"}", 200, "{}"},
        {"DELETE", API "model-versions/delete-tag", "{\"name\":\"m\",\"version\":\"1\",\"key\":\"k\"}", 200, "{}"},
        {"PATCH", API "model-versions/update", "{\"name\":\"m\",\"version\":\"1\",\"description\":\"x\"}", 200, "\"description\":\"x\""},
        {"GET", API "model-versions/search?filter=name%3D%27m%27%20and%20version_number%3E0", "", 200, "{\"model_versions\":[{"},
        {"DELETE", API "registered-models/alias", "{\"name\":\"m\",\"alias\":\"champion\"}", 200, "{}"},
        {"DELETE", API "registered-models/alias", "{\"name\":\"m\",\"alias\":\"champion\"}", 200, "{}"},
        {"DELETE", API "model-versions/delete", "{\"name\":\"m\",\"version\":\"1\"}", 200, "{}"},
        {"GET", API "model-versions/get?name=m&version=1", "", 404, "Model Version (name=m, version=1) not found"},
        {"POST", API "registered-models/rename", "{\"name\":\"m\",\"new_name\":\"n\"}", 200, "\"name\":\"n\""},
        {"DELETE", API "registered-models/delete", "{\"name\":\"n\"}", 200, "{}"},
    };
    play(*state, turns, ARRAY_LEN(turns), STR(""));
}

#define FILES "/api/2.0/mlflow-artifacts/artifacts"

static void logged_models_and_artifacts(void **state)
{
    struct world *w = *state;
    int status = 0;
    struct str made = ask(w, "POST", API "logged-models", "{\"experiment_id\":\"0\",\"name\":\"lm\",\"params\":[{\"key\":\"a\",\"value\":\"1\"}]}", &status);
    assert_int_equal(status, 200);
    static const struct turn turns[] = {
        {"PUT", FILES "/0/models/$1/artifacts/dir/f.txt", "0123456789", 200, "{}"},
        {"PUT", FILES "/0/models/$1/artifacts/dir/f.txt/x", "1", 400, "is a file"},
        {"PUT", FILES "/0/models/$1/artifacts/dir", "1", 400, "is a folder"},
        {"GET", FILES "/0/models/$1/artifacts/dir/f.txt", "", 200, "0123456789"},
        {"GET", FILES "?path=0/models/$1/artifacts/dir", "", 200, "{\"files\":[{\"path\":\"f.txt\",\"is_dir\":false,\"file_size\":10}]}"},
        {"GET", FILES "?path=../..", "", 400, "\"message\":\"Invalid path\""},
        {"GET", FILES "/none", "", 404, "RESOURCE_DOES_NOT_EXIST"},
        {"GET", API "logged-models/$1/artifacts/directories", "", 200, "\"files\":[{\"path\":\"dir\",\"is_dir\":true}]"},
        {"GET", API "logged-models/$1/artifacts/files?artifact_file_path=dir/f.txt", "", 200, "0123456789"},
        {"GET", API "logged-models/$1/artifacts/files?artifact_file_path=/etc/passwd", "", 400, "Invalid path"},
        {"PATCH", API "logged-models/$1", "{\"status\":2}", 200, "\"status\":\"LOGGED_MODEL_READY\""},
        {"PATCH", API "logged-models/$1", "{\"status\":9}", 400, "parameter 'status'"},
        {"PATCH", API "logged-models/$1/tags", "{\"tags\":[{\"key\":\"t\",\"value\":\"1\"}]}", 200, "{}"},
        {"DELETE", API "logged-models/$1/tags/t", "", 200, "{}"},
        {"POST", API "logged-models/$1/params", "{\"params\":[{\"key\":\"a\",\"value\":\"2\"}]}", 400, "Changing param values"},
        {"POST", API "logged-models/search", "{\"experiment_ids\":[\"0\"],\"order_by\":[{\"field_name\":\"name\",\"ascending\":false}]}", 200, "{\"models\":[{\"info\":"},
        {"POST", API "logged-models/search", "{\"filter\":\"\"}", 400, "'experiment_ids'"},
        {"DELETE", FILES "/0/models/$1/artifacts/dir", "", 200, "{}"},
        {"DELETE", API "logged-models/$1", "", 200, "{}"},
        {"GET", API "logged-models/$1", "", 404, "Logged model with ID 'm-"},
        {"GET", API "logged-models/$1?allow_deleted=true", "", 200, "\"name\":\"lm\""},
    };
    play(w, turns, ARRAY_LEN(turns), member(&w->f.op, made, "model.info.model_id"));
}

#define world_test(name) cmocka_unit_test_setup_teardown(name, world_open, world_close)

int main(void)
{
    log_setup(LOG_ERROR, LOG_TEXT);
    const struct CMUnitTest tests[] = {world_test(experiments), world_test(runs), world_test(large_batches), world_test(registry), world_test(logged_models_and_artifacts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
