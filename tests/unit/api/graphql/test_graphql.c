/* Documents through the real connection code, the dispatcher, the whole folder and SQLite. */
#include "unit/core/track/fixture.h"

#include "adapter/mem/mem.h"
#include "api/dispatch.h"
#include "api/graphql/collect.h"
#include "api/graphql/execute.h"
#include "api/graphql/graphql.h"
#include "api/graphql/input.h"
#include "api/graphql/roots.h"
#include "api/graphql/schema.h"
#include "api/services.h"
#include "base/json.h"
#include "base/log.h"
#include "core/registry/model.h"
#include "core/track/artifact.h"
#include "core/track/experiment.h"
#include "core/track/input.h"
#include "core/track/metric.h"
#include "core/track/run.h"
#include "net/loopback.h"

#include <math.h>

struct world {
    struct fixture f; /* first: the fixture's own functions see it */
    struct services services;
    struct dispatch *dispatch;
    struct track_run run;
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

static void fill(struct world *w)
{
    struct op *op = &w->f.op;
    struct track_kv tag = {STR("team"), STR("a \"b\"")}, param = {STR("lr"), STR("0.1")};
    assert_ok(op, track_run_create(op, w->f.db, 0, STR("first"), STR("me"), 1000, &tag, 1, &w->run));
    struct track_metric m[] = {{.key = STR("loss"), .value = 0.5, .time_ms = 10, .step = 0}, {.key = STR("loss"), .value = (double)NAN, .time_ms = 11, .step = 1},
                               {.key = STR("loss"), .value = 0.25, .time_ms = 12, .step = 5000000000}};
    struct track_batch b = {.run_id = w->run.run_id, .metrics = m, .metric_count = 3, .params = &param, .param_count = 1};
    assert_ok(op, metric_log_batch(op, w->f.db, &b));
    struct track_kv context = {STR("mlflow.data.context"), STR("train")};
    struct track_dataset d = {.name = STR("d"), .digest = STR("9"), .source_type = STR("local"), .source = STR("s"), .tags = {&context, 1}};
    assert_ok(op, input_log(op, w->f.db, w->run.run_id, &d, 1, NULL, 0));
    struct registry_model model;
    struct registry_version v;
    assert_ok(op, registry_model_create(op, w->f.db, STR("m"), STR(""), NULL, 0, &model));
    struct registry_version_new fresh = {.name = STR("m"), .source = str_from(op_printf(op, "mlflow-artifacts:/0/%.*s/artifacts/model", STR_FMT(w->run.run_id))),
                                         .run_id = w->run.run_id};
    assert_ok(op, registry_version_create(op, w->f.db, &fresh, &v));
    assert_ok(op, registry_alias_set(op, w->f.db, STR("m"), STR("best"), 1));
    struct blob_id id = {0};
    assert_ok(op, artifact_put(op, w->f.db, str_from(op_printf(op, "0/%.*s/artifacts/model/MLmodel", STR_FMT(w->run.run_id))), &id, 7));
}

static int world_open(void **state)
{
    void *inner = NULL;
    fixture_open(&inner);
    struct world *w = test_calloc(1, sizeof *w);
    w->f = *(struct fixture *)inner;
    test_free(inner);
    w->services.db = w->f.db;
    w->services.blobs = mem_blobs_create(0);
    static const struct route_table *const tables[] = {&graphql_routes, NULL};
    struct dispatch_config c = {.tables = tables, .services = &w->services, .auth = {.check = everyone}};
    assert_ok(&w->f.op, dispatch_create(&w->f.op, &c, &w->dispatch));
    fill(w);
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

static struct str ask(struct world *w, const char *method, const char *target, struct str body, int *ret_status)
{
    struct op *op = &w->f.op;
    struct buf out;
    buf_init(&out, LIMIT_MIB(4));
    struct http_handler handler = dispatch_handler(w->dispatch);
    char *text = op_printf(op, "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%.*s", method, target, body.len,
                           STR_FMT(body));
    bool closed = false;
    assert_ok(op, loopback_exchange(op, &handler, str_from(text), 0, &out, &closed));
    struct str answer = str_dup(op->arena, buf_str(&out));
    buf_clear(&out);
    int64_t status = 0;
    assert_true(str_parse_i64(str_sub(answer, 9, 3), &status));
    *ret_status = (int)status;
    return str_sub(answer, str_find(answer, STR("\r\n\r\n")) + 4, answer.len);
}

/* "$1" is the run's id. */
static struct str filled(struct world *w, const char *text)
{
    const char *at = strstr(text, "$1");
    return str_from(at ? op_printf(&w->f.op, "%.*s%.*s%s", (int)(at - text), text, STR_FMT(w->run.run_id), at + 2) : text);
}

static struct str request(struct world *w, const char *query, const char *variables)
{
    struct op *op = &w->f.op;
    struct buf b;
    struct json_out o;
    buf_init(&b, LIMIT_MIB(1));
    json_out_init(&o, &b, 0);
    json_begin_object(&o);
    json_kv_str(&o, "query", filled(w, query));
    if (variables) {
        json_key(&o, "variables");
        json_raw(&o, filled(w, variables));
    }
    json_end_object(&o);
    struct str body = str_dup(op->arena, buf_str(&b));
    buf_clear(&b);
    return body;
}

struct turn {
    const char *query, *variables, *want; /* the whole answer, "$1" as above */
};

static void play(struct world *w, const struct turn *t, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int status = 0;
        struct str got = ask(w, "POST", "/graphql", request(w, t[i].query, t[i].variables), &status), want = filled(w, t[i].want);
        if (status != 200 || !str_eq(got, want))
            fail_msg("turn %zu %s:\n%d %.*s\nnot\n%.*s", i, t[i].query, status, STR_FMT(got), STR_FMT(want));
    }
}

#define DATA(text) "{\"data\":" text ",\"errors\":null}"
#define ERROR(text) "{\"data\":null,\"errors\":[\"" text "\"]}"

static void answers(void **state)
{
    static const struct turn turns[] = {
        {"{test(inputString:\"a\"){output}}", NULL, DATA("{\"test\":{\"output\":\"a\"}}")},
        {"{test(inputString:null){output}}", NULL, DATA("{\"test\":{\"output\":null}}")},
        {"query Q($s:String){ a: test(inputString:$s){output __typename} __typename }", "{\"s\":\"x\"}",
         DATA("{\"a\":{\"output\":\"x\",\"__typename\":\"Test\"},\"__typename\":\"Query\"}")},
        {"query A{...F} fragment F on Query{test(inputString:\"a\"){output}}", NULL, DATA("{\"test\":{\"output\":\"a\"}}")},
        /* Equal keys are merged. */
        {"{mlflowGetRun(input:{runId:\"$1\"}){run{info{runName}} ... on MlflowGetRunResponse{run{info{runId}}}}}", NULL,
         DATA("{\"mlflowGetRun\":{\"run\":{\"info\":{\"runName\":\"first\",\"runId\":\"$1\"}}}}")},
        {"query GetRun($data: MlflowGetRunInput!) @component(name: \"x\") {mlflowGetRun(input: $data) {apiError {helpUrl code message} run {info {status experimentId "
         "endTime lifecycleStage startTime userId} experiment {experimentId name tags {key value} lifecycleStage} modelVersions {status version name aliases} "
         "data {metrics {key value step timestamp} params {key value} tags {key value}} inputs {datasetInputs {dataset {digest name profile schema source sourceType} "
         "tags {key value}} modelInputs {modelId}} outputs {modelOutputs {modelId step}}}}}",
         "{\"data\":{\"runId\":\"$1\"}}",
         DATA("{\"mlflowGetRun\":{\"apiError\":null,\"run\":{\"info\":{\"status\":\"RUNNING\",\"experimentId\":\"0\",\"endTime\":\"0\",\"lifecycleStage\":\"active\","
              "\"startTime\":\"1000\",\"userId\":\"me\"},\"experiment\":{\"experimentId\":\"0\",\"name\":\"Default\",\"tags\":[],\"lifecycleStage\":\"active\"},"
              "\"modelVersions\":[{\"status\":\"READY\",\"version\":\"1\",\"name\":\"m\",\"aliases\":[\"best\"]}],"
              "\"data\":{\"metrics\":[{\"key\":\"loss\",\"value\":0.25,\"step\":\"5000000000\",\"timestamp\":\"12\"}],\"params\":[{\"key\":\"lr\",\"value\":\"0.1\"}],"
              "\"tags\":[{\"key\":\"mlflow.runName\",\"value\":\"first\"},{\"key\":\"team\",\"value\":\"a \\\"b\\\"\"}]},"
              "\"inputs\":{\"datasetInputs\":[{\"dataset\":{\"digest\":\"9\",\"name\":\"d\",\"profile\":\"\",\"schema\":\"\",\"source\":\"s\",\"sourceType\":\"local\"},"
              "\"tags\":[{\"key\":\"mlflow.data.context\",\"value\":\"train\"}]}],\"modelInputs\":[]},\"outputs\":{\"modelOutputs\":[]}}}}")},
        {"{mlflowGetExperiment(input:{experimentId:\"0\"}){experiment{name artifactLocation effectiveTraceArchivalRetention workspace}}}", NULL,
         DATA("{\"mlflowGetExperiment\":{\"experiment\":{\"name\":\"Default\",\"artifactLocation\":\"mlflow-artifacts:/0\",\"effectiveTraceArchivalRetention\":\"\","
              "\"workspace\":\"default\"}}}")},
        {"{mlflowGetMetricHistoryBulkInterval(input:{runIds:[\"$1\"],metricKey:\"loss\"}){metrics{value step timestamp}}}", NULL,
         DATA("{\"mlflowGetMetricHistoryBulkInterval\":{\"metrics\":[{\"value\":0.5,\"step\":\"0\",\"timestamp\":\"10\"},{\"value\":null,\"step\":\"1\",\"timestamp\":\"11\"},"
              "{\"value\":0.25,\"step\":\"5000000000\",\"timestamp\":\"12\"}]}}")},
        {"{mlflowGetMetricHistoryBulkInterval(input:{runIds:\"$1\",metricKey:\"loss\",maxResults:1}){metrics{step}}}", NULL,
         DATA("{\"mlflowGetMetricHistoryBulkInterval\":{\"metrics\":[{\"step\":\"5000000000\"}]}}")},
        {"mutation{mlflowSearchRuns(input:{experimentIds:[\"0\"],maxResults:1,filter:\"params.lr='0.1'\"}){runs{info{runName}} nextPageToken}}", NULL,
         DATA("{\"mlflowSearchRuns\":{\"runs\":[{\"info\":{\"runName\":\"first\"}}],\"nextPageToken\":\"\"}}")},
        {"query S($d:MlflowSearchRunsInput!){mlflowSearchRuns(input:$d){runs{info{runId}}}}", "{\"d\":{\"experimentIds\":[\"0\"],\"runViewType\":\"DELETED_ONLY\"}}",
         DATA("{\"mlflowSearchRuns\":{\"runs\":[]}}")},
        {"{mlflowListArtifacts(input:{runId:\"$1\",path:\"model\"}){files{path isDir fileSize} nextPageToken}}", NULL,
         DATA("{\"mlflowListArtifacts\":{\"files\":[{\"path\":\"model/MLmodel\",\"isDir\":false,\"fileSize\":\"7\"}],\"nextPageToken\":\"\"}}")},
        {"{mlflowSearchModelVersions(input:{maxResults:5}){modelVersions{name version currentStage}}}", NULL,
         DATA("{\"mlflowSearchModelVersions\":{\"modelVersions\":[{\"name\":\"m\",\"version\":\"1\",\"currentStage\":\"None\"}]}}")},
        {"mutation{mlflowSearchDatasets(input:{experimentIds:[\"0\"]}){datasetSummaries{experimentId name digest context}}}", NULL,
         DATA("{\"mlflowSearchDatasets\":{\"datasetSummaries\":[{\"experimentId\":\"0\",\"name\":\"d\",\"digest\":\"9\",\"context\":\"train\"}]}}")},
        /* A field that fails is null; the others are answered. */
        {"{a:mlflowGetRun(input:{runId:\"nosuch\"}){run{info{runId}}} b:test(inputString:\"x\"){output} c:mlflowGetRun{run{info{runId}}}}", NULL,
         "{\"data\":{\"a\":null,\"b\":{\"output\":\"x\"},\"c\":null},\"errors\":[\"Run with id=nosuch not found\","
         "\"QueryType.resolve_mlflow_get_run() missing 1 required positional argument: 'input'\"]}"},
    };
    play(*state, turns, ARRAY_LEN(turns));
}

/* The texts are upstream's, taken from a running MLflow 3.17.2 (tests/e2e/test_graphql.py compares them again). */
static void checks(void **state)
{
    static const struct turn turns[] = {
        {"query Q($s:String!){ a: test(inputString:$s){output} }", "{}", ERROR("Variable '$s' of required type 'String!' was not provided.")},
        {"query Q($s:String){ a: test(inputString:$s){output} }", "{\"s\":4}",
         ERROR("Variable '$s' got invalid value 4; String cannot represent a non string value: 4")},
        {"query Q($s:MlflowGetRunInput){ a: mlflowGetRun(input:$s){run{info{runId}}} }", "{\"s\":{\"runId\":4}}",
         ERROR("Variable '$s' got invalid value 4 at 's.runId'; String cannot represent a non string value: 4")},
        {"query Q($s:Int){ test(inputString:$s){output} }", NULL, ERROR("Variable '$s' of type 'Int' used in position expecting type 'String'.")},
        {"query Q($s:Nope){ test(inputString:$s){output} }", NULL, ERROR("Variable '$s' of type 'Nope' used in position expecting type 'String'.")},
        {"query Q{ test(inputString:$s){output} }", NULL, ERROR("Variable '$s' is not defined by operation 'Q'.")},
        {"query Q($s:String){ test(inputString:\"a\"){output} }", NULL, ERROR("Variable '$s' is never used in operation 'Q'.")},
        {"{nosuch}", NULL, ERROR("Cannot query field 'nosuch' on type 'Query'.")},
        {"{test(inputString:\"a\"){nosuch}}", NULL, ERROR("Cannot query field 'nosuch' on type 'Test'.")},
        {"{test(inputString:\"a\")}", NULL, ERROR("Field 'test' of type 'Test' must have a selection of subfields. Did you mean 'test { ... }'?")},
        {"{test(inputString:\"a\"){output{x}}}", NULL, ERROR("Field 'output' must not have a selection since type 'String' has no subfields.")},
        {"{test(input:\"a\"){output}}", NULL, ERROR("Unknown argument 'input' on field 'Query.test'.")},
        {"{test(inputString:4){output}}", NULL, ERROR("String cannot represent a non string value: 4")},
        {"{mlflowGetRun(input:{bogus:1}){run{info{runId}}}}", NULL, ERROR("Field 'bogus' is not defined by type 'MlflowGetRunInput'.")},
        {"{mlflowSearchRuns(input:{runViewType:SOME}){nextPageToken}}", NULL, ERROR("Value 'SOME' does not exist in 'MlflowViewType' enum.")},
        {"{mlflowSearchRuns(input:{maxResults:99999999999}){nextPageToken}}", NULL, ERROR("Int cannot represent non 32-bit signed integer value: 99999999999")},
        {"{mlflowSearchRuns(input:{maxResults:\"1\"}){nextPageToken}}", NULL, ERROR("Int cannot represent non-integer value: \\\"1\\\"")},
        {"query A{test(inputString:\"a\"){output}} query B{test(inputString:\"b\"){output}}", NULL,
         ERROR("Must provide operation name if query contains multiple operations.")},
        {"query A{...G}", NULL, ERROR("Unknown fragment 'G'.")},
        {"query A{__typename} fragment G on Query{__typename}", NULL, ERROR("Fragment 'G' is never used.")},
        {"query A{...G} fragment G on Query{...H} fragment H on Query{...G}", NULL, ERROR("Cannot spread fragment 'G' within itself via 'H'.")},
        {"{...G} fragment G on Test{output}", NULL,
         ERROR("Fragment 'G' cannot be spread here as objects of type 'Query' can never be of type 'Test'.")},
        {"{...on Nope{a}}", NULL, ERROR("Unknown type 'Nope'.")},
        {"{a:test(inputString:\"a\"){output} a:test(inputString:\"b\"){output}}", NULL,
         ERROR("Fields 'a' conflict because they have differing arguments. Use different aliases on the fields to fetch both if this was intentional.")},
        {"{test(inputString:\"a\")@include(if:false){output}}", NULL, ERROR("Unknown directive '@include'.")},
        {"{test(inputString:\"a\")@component(name:\"x\"){output}}", NULL, ERROR("Directive '@component' may not be used on field.")},
        {"{...on Query@component(name:\"x\"){__typename}}", NULL, ERROR("Directive '@component' may not be used on inline fragment.")},
        {"subscription{test(inputString:\"a\"){output}}", NULL, ERROR("Schema is not configured to execute subscription operation.")},
        {"{a:__typename b:__typename c:__typename d:__typename e:__typename f:__typename g:__typename h:__typename i:__typename j:__typename k:__typename}", NULL,
         ERROR("GraphQL queries should have at most 10 root fields, got 11 root fields. To increase the limit, set the MLFLOW_SERVER_GRAPHQL_MAX_ROOT_FIELDS "
               "environment variable.")},
        {"{test{a:output b:output c:output d:output e:output f:output ...on Test{g:output h:output i:output j:output k:output}}}", NULL,
         ERROR("GraphQL queries should have at most 10 aliases, got 11 aliases. To increase the limit, set the MLFLOW_SERVER_GRAPHQL_MAX_ALIASES environment variable.")},
        {"{a{a{a{a{a{a{a{a{a{a{a}}}}}}}}}}}", NULL, ERROR("Query exceeds maximum depth of 10")},
    };
    play(*state, turns, ARRAY_LEN(turns));
}

static void limits_are_settings(void **state)
{
    struct world *w = *state;
    int status = 0;
    w->services.graphql_root_fields = 1;
    struct str got = ask(w, "POST", "/graphql", request(w, "{a:__typename b:__typename}", NULL), &status);
    assert_true(status == 200 && str_find(got, STR("at most 1 root fields, got 2")) != SIZE_MAX);
    struct buf b;
    buf_init(&b, LIMIT_MIB(1));
    buf_add_cstr(&b, "{test{");
    for (int i = 0; i < 1000; i++)
        buf_add_cstr(&b, "output ");
    buf_add_cstr(&b, "}}");
    buf_add_char(&b, '\0');
    got = ask(w, "POST", "/graphql", request(w, b.p, NULL), &status);
    assert_str(got, ERROR("Query exceeds maximum total selections of 1000"));
    buf_clear(&b);
}

static void requests(void **state)
{
    struct world *w = *state;
    int status = 0;
    struct str got = ask(w, "GET", "/graphql?query=%7Btest(inputString:%22a%22)%7Boutput%7D%7D", STR(""), &status);
    assert_true(status == 200 && str_eqc(got, DATA("{\"test\":{\"output\":\"a\"}}")));
    got = ask(w, "GET", "/graphql?query=query%20A($s:String)%7Btest(inputString:$s)%7Boutput%7D%7D&operationName=A&variables=%7B%22s%22:%22b%22%7D", STR(""), &status);
    assert_true(status == 200 && str_eqc(got, DATA("{\"test\":{\"output\":\"b\"}}")));
    static const struct {
        const char *body, *part;
    } bad[] = {
        {"", "not valid JSON"}, {"xx", "not valid JSON"}, {"[]", "must be a JSON object"}, {"{}", "the text 'query'"}, {"{\"query\":3}", "the text 'query'"},
        {"{\"query\":\"{\"}", "Syntax Error"}, {"{\"query\":\"{a}\",\"variables\":[]}", "must be an object"}, {"{\"query\":\"{a}\",\"operationName\":1}", "must be a text"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        got = ask(w, "POST", "/graphql", str_from(bad[i].body), &status);
        if (status != 400 || !str_starts(got, STR("{\"data\":null,\"errors\":[")) || str_find(got, str_from(bad[i].part)) == SIZE_MAX)
            fail_msg("%s: %d %.*s", bad[i].body, status, STR_FMT(got));
    }
    got = ask(w, "POST", "/graphql", STR("{\"query\":\"query A{__typename} query B{a:__typename}\",\"operationName\":\"B\"}"), &status);
    assert_str(got, DATA("{\"a\":\"Query\"}"));
    got = ask(w, "POST", "/graphql", STR("{\"query\":\"query A{__typename} query B{a:__typename}\",\"operationName\":\"C\"}"), &status);
    assert_str(got, ERROR("Unknown operation named 'C'."));
}

int main(void)
{
    log_setup(LOG_ERROR, LOG_TEXT);
#define world_test(name) cmocka_unit_test_setup_teardown(name, world_open, world_close)
    const struct CMUnitTest tests[] = {world_test(answers), world_test(checks), world_test(limits_are_settings), world_test(requests)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
