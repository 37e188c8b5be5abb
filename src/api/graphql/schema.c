#include "api/graphql/schema.h"

#include "api/graphql/roots.h"

#include <string.h>

#define TEXT(n, type, member) {.name = n, .source = GQL_FROM_TEXT, .at = offsetof(type, member)}
#define LONG(n, type, member) {.name = n, .source = GQL_FROM_LONG, .at = offsetof(type, member)}
#define ID(n, type, member) {.name = n, .source = GQL_FROM_ID, .at = offsetof(type, member)}
#define FLOAT(n, type, member) {.name = n, .source = GQL_FROM_FLOAT, .at = offsetof(type, member)}
#define CALL(n, fn, scalar_name) {.name = n, .source = GQL_FROM_CALL, .text = fn, .scalar = scalar_name}
#define SELF(n, t) {.name = n, .source = GQL_FROM_SELF, .type = &(t)}
#define NOTHING(n, t, is_list) {.name = n, .source = GQL_FROM_NOTHING, .type = (t), .list = (is_list)}
#define ITEMS(n, t, owner, pointer, count)                                                                          \
    {.name = n, .source = GQL_FROM_ITEMS, .type = (t), .list = true, .at = offsetof(owner, pointer), .len = offsetof(owner, count), \
     .size = sizeof *((owner *)0)->pointer}
#define LOAD(n, t, is_list, item, fn) {.name = n, .source = GQL_FROM_LOAD, .type = (t), .list = (is_list), .size = sizeof(item), .load = fn}
#define ROOT(n, t, fn, in) {.name = n, .source = GQL_FROM_LOAD, .type = &(t), .load = fn, .input = &(in), .argument = "input"}
#define OBJECT(var, type_name, ...)                                \
    static const struct gql_field var##_fields[] = {__VA_ARGS__}; \
    static const struct gql_type var = {type_name, var##_fields, ARRAY_LEN(var##_fields)}

static const char *lifecycle_of_experiment(const void *o)
{
    return ((const struct experiment *)o)->deleted ? "deleted" : "active";
}

static const char *lifecycle_of_run(const void *o)
{
    return ((const struct track_run *)o)->deleted ? "deleted" : "active";
}

static const char *status_of_run(const void *o)
{
    return track_run_status_name(((const struct track_run *)o)->status);
}

static const char *stage_of_version(const void *o)
{
    return registry_stage_name(((const struct registry_version *)o)->stage);
}

static const char *ready(const void *o)
{
    (void)o;
    return "READY";
}

static const char *default_workspace(const void *o)
{
    (void)o;
    return "default";
}

OBJECT(error_detail, "ErrorDetail", NOTHING("field", NULL, false), NOTHING("message", NULL, false));
OBJECT(api_error, "ApiError", NOTHING("code", NULL, false), NOTHING("message", NULL, false), NOTHING("helpUrl", NULL, false),
       NOTHING("traceId", NULL, false), NOTHING("errorDetails", &error_detail, true));
/* An answer that failed is an entry of "errors" upstream as well; apiError is always null. */
#define API_ERROR NOTHING("apiError", &api_error, false)

#define KEY_VALUE(var, type_name) OBJECT(var, type_name, TEXT("key", struct track_kv, key), TEXT("value", struct track_kv, value))
KEY_VALUE(experiment_tag, "MlflowExperimentTag");
KEY_VALUE(run_tag, "MlflowRunTag");
KEY_VALUE(param, "MlflowParam");
KEY_VALUE(input_tag, "MlflowInputTag");
KEY_VALUE(version_tag, "MlflowModelVersionTag");

OBJECT(experiment, "MlflowExperiment", ID("experimentId", struct experiment, id), TEXT("name", struct experiment, name),
       TEXT("artifactLocation", struct experiment, artifact_location), CALL("lifecycleStage", lifecycle_of_experiment, "String"),
       LONG("lastUpdateTime", struct experiment, updated_ms), LONG("creationTime", struct experiment, created_ms),
       ITEMS("tags", &experiment_tag, struct experiment, tags.p, tags.len), NOTHING("effectiveTraceArchivalRetention", NULL, false),
       CALL("workspace", default_workspace, "String"));

#define METRIC_FIELDS                                                                                                       \
    TEXT("key", struct track_metric, key), FLOAT("value", struct track_metric, value), LONG("timestamp", struct track_metric, time_ms), \
        LONG("step", struct track_metric, step), TEXT("runId", struct track_metric, run_id)
OBJECT(metric, "MlflowMetricExtension", METRIC_FIELDS, TEXT("datasetName", struct track_metric, dataset_name),
       TEXT("datasetDigest", struct track_metric, dataset_digest), TEXT("modelId", struct track_metric, model_id));
OBJECT(metric_of_run, "MlflowMetricWithRunId", METRIC_FIELDS);

OBJECT(dataset, "MlflowDataset", TEXT("name", struct track_dataset, name), TEXT("digest", struct track_dataset, digest),
       TEXT("sourceType", struct track_dataset, source_type), TEXT("source", struct track_dataset, source),
       TEXT("schema", struct track_dataset, schema), TEXT("profile", struct track_dataset, profile));
OBJECT(dataset_input, "MlflowDatasetInput", ITEMS("tags", &input_tag, struct track_dataset, tags.p, tags.len), SELF("dataset", dataset));
OBJECT(model_input, "MlflowModelInput", TEXT("modelId", struct track_run_model, model_id));
OBJECT(model_output, "MlflowModelOutput", TEXT("modelId", struct track_run_model, model_id), LONG("step", struct track_run_model, step));

OBJECT(deployment_job, "MlflowModelVersionDeploymentJobState", NOTHING("jobId", NULL, false), NOTHING("runId", NULL, false),
       NOTHING("jobState", NULL, false), NOTHING("runState", NULL, false), NOTHING("currentTaskName", NULL, false));
OBJECT(model_param, "MlflowModelParam", NOTHING("name", NULL, false), NOTHING("value", NULL, false));
OBJECT(version, "MlflowModelVersion", TEXT("name", struct registry_version, name), ID("version", struct registry_version, version),
       LONG("creationTimestamp", struct registry_version, created_ms), LONG("lastUpdatedTimestamp", struct registry_version, updated_ms),
       TEXT("userId", struct registry_version, user_id), CALL("currentStage", stage_of_version, "String"),
       TEXT("description", struct registry_version, description), TEXT("source", struct registry_version, source),
       TEXT("runId", struct registry_version, run_id), CALL("status", ready, "MlflowModelVersionStatus"), NOTHING("statusMessage", NULL, false),
       ITEMS("tags", &version_tag, struct registry_version, tags.p, tags.len), TEXT("runLink", struct registry_version, run_link),
       ITEMS("aliases", NULL, struct registry_version, aliases, alias_count), TEXT("modelId", struct registry_version, model_id),
       NOTHING("modelParams", &model_param, true), NOTHING("modelMetrics", &metric, true), NOTHING("deploymentJobState", &deployment_job, false));

OBJECT(run_info, "MlflowRunInfo", TEXT("runId", struct track_run, run_id), TEXT("runUuid", struct track_run, run_id),
       TEXT("runName", struct track_run, name), ID("experimentId", struct track_run, experiment_id), TEXT("userId", struct track_run, user_id),
       CALL("status", status_of_run, "MlflowRunStatus"), LONG("startTime", struct track_run, start_ms), LONG("endTime", struct track_run, end_ms),
       TEXT("artifactUri", struct track_run, artifact_uri), CALL("lifecycleStage", lifecycle_of_run, "String"));
OBJECT(run_data, "MlflowRunData", ITEMS("metrics", &metric, struct track_run, metrics, metric_count),
       ITEMS("params", &param, struct track_run, params.p, params.len), ITEMS("tags", &run_tag, struct track_run, tags.p, tags.len));
OBJECT(run_inputs, "MlflowRunInputs", ITEMS("datasetInputs", &dataset_input, struct track_run, datasets, dataset_count),
       ITEMS("modelInputs", &model_input, struct track_run, inputs, input_count));
OBJECT(run_outputs, "MlflowRunOutputs", ITEMS("modelOutputs", &model_output, struct track_run, outputs, output_count));
OBJECT(run, "MlflowRunExtension", SELF("info", run_info), SELF("data", run_data), SELF("inputs", run_inputs), SELF("outputs", run_outputs),
       LOAD("experiment", &experiment, false, struct experiment, gql_load_experiment_of_run),
       LOAD("modelVersions", &version, true, struct registry_version, gql_load_versions_of_run));

OBJECT(file_info, "MlflowFileInfo", TEXT("path", struct artifact_info, path),
       {.name = "isDir", .source = GQL_FROM_FLAG, .at = offsetof(struct artifact_info, is_dir)}, LONG("fileSize", struct artifact_info, size_bytes));
OBJECT(dataset_summary, "MlflowDatasetSummary", ID("experimentId", struct dataset_summary, experiment_id),
       TEXT("name", struct dataset_summary, name), TEXT("digest", struct dataset_summary, digest),
       TEXT("context", struct dataset_summary, context));

OBJECT(test, "Test", {.name = "output", .source = GQL_FROM_NULLABLE, .at = offsetof(struct gql_test, text)});
OBJECT(test_mutation, "TestMutation", {.name = "output", .source = GQL_FROM_NULLABLE, .at = offsetof(struct gql_test, text)});
OBJECT(get_experiment, "MlflowGetExperimentResponse", SELF("experiment", experiment), API_ERROR);
OBJECT(get_run, "MlflowGetRunResponse", SELF("run", run), API_ERROR);
OBJECT(search_runs, "MlflowSearchRunsResponse", ITEMS("runs", &run, struct run_page, runs, len),
       TEXT("nextPageToken", struct run_page, next_token), API_ERROR);
OBJECT(search_versions, "MlflowSearchModelVersionsResponse", ITEMS("modelVersions", &version, struct registry_version_page, versions, len),
       TEXT("nextPageToken", struct registry_version_page, next_token), API_ERROR);
OBJECT(list_artifacts, "MlflowListArtifactsResponse", TEXT("rootUri", struct gql_artifacts, root_uri),
       ITEMS("files", &file_info, struct gql_artifacts, list.items, list.len), NOTHING("nextPageToken", NULL, false), API_ERROR);
OBJECT(interval, "MlflowGetMetricHistoryBulkIntervalResponse", ITEMS("metrics", &metric_of_run, struct gql_metrics, p, len), API_ERROR);
OBJECT(search_datasets, "MlflowSearchDatasetsResponse", ITEMS("datasetSummaries", &dataset_summary, struct gql_datasets, p, len), API_ERROR);

static const struct gql_field query_fields[] = {
    ROOT("mlflowGetExperiment", get_experiment, gql_load_experiment, gql_input_get_experiment),
    ROOT("mlflowGetRun", get_run, gql_load_run, gql_input_get_run),
    ROOT("mlflowSearchRuns", search_runs, gql_load_runs, gql_input_search_runs),
    ROOT("mlflowSearchModelVersions", search_versions, gql_load_versions, gql_input_search_versions),
    ROOT("mlflowListArtifacts", list_artifacts, gql_load_artifacts, gql_input_list_artifacts),
    ROOT("mlflowGetMetricHistoryBulkInterval", interval, gql_load_interval, gql_input_interval),
    {.name = "test", .source = GQL_FROM_LOAD, .type = &test, .load = gql_load_test, .input = &gql_input_text, .argument = "inputString"},
};
/* Upstream's mutations change nothing either: they are searches that were declared as POST. */
static const struct gql_field mutation_fields[] = {
    ROOT("mlflowSearchRuns", search_runs, gql_load_runs, gql_input_search_runs),
    ROOT("mlflowSearchDatasets", search_datasets, gql_load_datasets, gql_input_search_datasets),
    {.name = "testMutation", .source = GQL_FROM_LOAD, .type = &test_mutation, .load = gql_load_test, .input = &gql_input_text, .argument = "inputString"},
};
const struct gql_type gql_query = {"Query", query_fields, ARRAY_LEN(query_fields)};
const struct gql_type gql_mutation = {"Mutation", mutation_fields, ARRAY_LEN(mutation_fields)};

static const struct gql_type *const types[] = {
    &gql_query, &gql_mutation, &error_detail, &api_error, &experiment_tag, &run_tag, &param, &input_tag, &version_tag, &experiment, &metric,
    &metric_of_run, &dataset, &dataset_input, &model_input, &model_output, &deployment_job, &model_param, &version, &run_info, &run_data,
    &run_inputs, &run_outputs, &run, &file_info, &dataset_summary, &test, &test_mutation, &get_experiment, &get_run, &search_runs,
    &search_versions, &list_artifacts, &interval, &search_datasets,
};

const struct gql_type *gql_type_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_eqc(name, types[i]->name))
            return types[i];
    return NULL;
}

const struct gql_field *gql_field_find(const struct gql_type *t, struct str name)
{
    for (size_t i = 0; i < t->len; i++)
        if (str_eqc(name, t->fields[i].name))
            return &t->fields[i];
    return NULL;
}

const char *gql_field_type_name(struct op *op, const struct gql_field *f)
{
    static const char *const of_source[] = {[GQL_FROM_LONG] = "LongString", [GQL_FROM_FLOAT] = "Float", [GQL_FROM_FLAG] = "Boolean", [GQL_FROM_LOAD] = NULL};
    const char *scalar = f->scalar ? f->scalar : (size_t)f->source < ARRAY_LEN(of_source) && of_source[f->source] ? of_source[f->source] : "String";
    if (f->list)
        return f->type ? op_printf(op, "[%s!]", f->type->name) : op_printf(op, "[%s]", scalar);
    return f->type ? f->type->name : scalar;
}
