#include "api/mlflow/mlflow.h"

#include "api/mlflow/artifacts.h"
#include "api/mlflow/encode.h"
#include "api/mlflow/experiments.h"
#include "api/mlflow/log.h"
#include "api/mlflow/info.h"
#include "api/mlflow/logged_models.h"
#include "api/mlflow/metrics.h"
#include "api/mlflow/models.h"
#include "api/mlflow/runs.h"
#include "api/mlflow/search.h"
#include "api/mlflow/uploads.h"
#include "api/mlflow/versions.h"
#include "api/mlflow/webhooks.h"
#include "base/limits.h"

/* MLflow's code and status where they differ from the house's. */
static const struct {
    int status;
    const char *code;
} errors[ERR_COUNT] = {
    [E_INVALID] = {400, "INVALID_PARAMETER_VALUE"},
    [E_UNAUTHENTICATED] = {401, "UNAUTHENTICATED"},
    [E_DENIED] = {403, "PERMISSION_DENIED"},
    [E_NOT_FOUND] = {404, "RESOURCE_DOES_NOT_EXIST"},
    [E_EXISTS] = {400, "RESOURCE_ALREADY_EXISTS"},
    [E_CONFLICT] = {400, "INVALID_PARAMETER_VALUE"},
    [E_TOO_LARGE] = {413, "INVALID_PARAMETER_VALUE"},
    [E_UNSUPPORTED] = {501, "NOT_IMPLEMENTED"},
    [E_BUSY] = {503, "TEMPORARILY_UNAVAILABLE"},
    [E_TIMEOUT] = {504, "DEADLINE_EXCEEDED"},
    [E_CANCELLED] = {499, "CANCELLED"},
    [E_IO] = {500, "INTERNAL_ERROR"},
    [E_CORRUPT] = {500, "DATA_LOSS"},
    [E_INTERNAL] = {500, "INTERNAL_ERROR"},
};

/* What MLflow derives from a code: its class of error and the state of that class. Codes that are not listed have none. */
static const struct {
    const char *code, *class, *state;
} classes[] = {
    {"BAD_REQUEST", "INVALID_PARAMETER_VALUE", "KAM00"},
    {"CUSTOMER_UNAUTHORIZED", "PERMISSION_DENIED", "KAM00"},
    {"ENDPOINT_NOT_FOUND", "RESOURCE_NOT_FOUND", "KAM00"},
    {"INTERNAL_ERROR", "CLIENT_INTERNAL_ERROR", "XXM00"},
    {"INVALID_PARAMETER_VALUE", "INVALID_PARAMETER_VALUE", "KAM00"},
    {"INVALID_STATE", "CLIENT_INTERNAL_ERROR", "XXM00"},
    {"NOT_FOUND", "RESOURCE_NOT_FOUND", "KAM00"},
    {"PERMISSION_DENIED", "PERMISSION_DENIED", "KAM00"},
    {"RESOURCE_ALREADY_EXISTS", "RESOURCE_ALREADY_EXISTS", "KAM00"},
    {"RESOURCE_DOES_NOT_EXIST", "RESOURCE_NOT_FOUND", "KAM00"},
    {"TEMPORARILY_UNAVAILABLE", "CLIENT_INTERNAL_ERROR", "XXM00"},
};

void mlflow_write_error(struct http_res *res, const char *code, const char *text)
{
    struct json_out w;
    encode_begin(&w, res);
    json_kv_cstr(&w, "error_code", code);
    json_kv_cstr(&w, "message", text);
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        if (strcmp(classes[i].code, code))
            continue;
        json_kv_cstr(&w, "sqlstate", classes[i].state);
        json_kv_cstr(&w, "error_class", classes[i].class);
    }
    json_end_object(&w);
}

void mlflow_error(struct op *op, struct http_req *req, struct http_res *res)
{
    (void)req;
    enum err e = op->err > OK && op->err < ERR_COUNT ? op->err : E_INTERNAL;
    http_set_status(res, errors[e].status);
    mlflow_write_error(res, errors[e].code, op->msg ? op->msg : "");
}

/* One declaration, two rows. */
#define BOTH(method, version, path, handler, perm, flags, max, help)          \
    {method, "/api/" version path, handler, perm, flags, max, help},          \
    {method, "/ajax-api/" version path, handler, perm, flags, max, help}
#define READ(method, path, handler, help) BOTH(method, "2.0/mlflow", path, handler, PERM_READ, ROUTE_POOL, LIMIT_TRACK_BODY_BYTES, help)
#define RUN(method, path, handler, help) BOTH(method, "2.0/mlflow", path, handler, PERM_RUN_WRITE, ROUTE_POOL | ROUTE_WRITES, LIMIT_TRACK_BODY_BYTES, help)
#define LOG(path, handler, help) BOTH("POST", "2.0/mlflow", path, handler, PERM_RUN_WRITE, ROUTE_LATER | ROUTE_WRITES, LIMIT_TRACK_BODY_BYTES, help)
#define MODEL(method, path, handler, help) BOTH(method, "2.0/mlflow", path, handler, PERM_MODEL_WRITE, ROUTE_POOL | ROUTE_WRITES, LIMIT_TRACK_BODY_BYTES, help)
#define HISTORY(path, handler, help) \
    BOTH("GET", "2.0/mlflow", path, handler, PERM_READ, ROUTE_POOL | ROUTE_TRANSFER, LIMIT_TRACK_BODY_BYTES, help)
/* They wait for receivers, so they have workers of their own. Who may tell others of what happens here is the admin's to say. */
#define HOOK(method, path, handler, flags, help) BOTH(method, "2.0/mlflow", path, handler, PERM_ADMIN, ROUTE_POOL | (flags), LIMIT_TRACK_BODY_BYTES, help)
#define PROXY(method, path, handler, perm, flags, max, help) BOTH(method, "2.0/mlflow-artifacts", path, handler, perm, ROUTE_POOL | (flags), max, help)

static const struct route rows[] = {
    RUN("POST", "/experiments/create", mlflow_experiment_create, "Create an experiment."),
    READ("GET", "/experiments/get", mlflow_experiment_get, "Read an experiment by id."),
    READ("GET", "/experiments/get-by-name", mlflow_experiment_get_by_name, "Read an experiment by name."),
    READ("GET", "/experiments/search", mlflow_experiment_search, "Find experiments by filter, order and page."),
    READ("POST", "/experiments/search", mlflow_experiment_search, "Find experiments by filter, order and page."),
    READ("POST", "/experiments/search-datasets", mlflow_dataset_search, "List the datasets that runs of some experiments read."),
    BOTH("POST", "2.0mlflow", "/experiments/search-datasets", mlflow_dataset_search, PERM_READ, ROUTE_POOL, LIMIT_TRACK_BODY_BYTES,
         "The same where MLflow's own description lacks a slash."),
    RUN("POST", "/experiments/delete", mlflow_experiment_delete, "Delete an experiment and its runs; both can be restored."),
    RUN("POST", "/experiments/restore", mlflow_experiment_restore, "Restore a deleted experiment and its runs."),
    RUN("POST", "/experiments/update", mlflow_experiment_update, "Rename an experiment."),
    RUN("POST", "/experiments/set-experiment-tag", mlflow_experiment_set_tag, "Set a tag of an experiment."),
    RUN("POST", "/experiments/delete-experiment-tag", mlflow_experiment_delete_tag, "Delete a tag of an experiment."),

    LOG("/runs/create", mlflow_run_create, "Start a run."),
    READ("GET", "/runs/get", mlflow_run_get, "Read a run with what it logged."),
    LOG("/runs/update", mlflow_run_update, "Set status, end time or name of a run."),
    RUN("POST", "/runs/delete", mlflow_run_delete, "Delete a run; it can be restored."),
    RUN("POST", "/runs/restore", mlflow_run_restore, "Restore a deleted run."),
    READ("POST", "/runs/search", mlflow_run_search, "Find runs by filter, order and page."),
    LOG("/runs/log-metric", mlflow_run_log_metric, "Log one point of a metric."),
    LOG("/runs/log-parameter", mlflow_run_log_param, "Log one parameter."),
    LOG("/runs/log-batch", mlflow_run_log_batch, "Log metrics, parameters and tags as one unit."),
    LOG("/runs/set-tag", mlflow_run_set_tag, "Set a tag of a run."),
    LOG("/runs/delete-tag", mlflow_run_delete_tag, "Delete a tag of a run."),
    BOTH("POST", "2.0/mlflow", "/runs/log-inputs", mlflow_run_log_inputs, PERM_RUN_WRITE, ROUTE_POOL | ROUTE_WRITES, LIMIT_HTTP_BODY_BYTES,
         "Log datasets and models that a run reads."),
    RUN("POST", "/runs/outputs", mlflow_run_log_outputs, "Log models that a run made."),
    RUN("POST", "/runs/log-model", mlflow_run_log_model, "Note a model of an older client in its run."),
    HISTORY("/metrics/get-history", mlflow_metric_history, "Read all points of a metric, page by page."),
    HISTORY("/metrics/get-history-bulk-interval", mlflow_metric_history_interval, "Read a sample of a metric's points in up to 100 runs."),
    {"GET", "/ajax-api/2.0/mlflow/metrics/get-history-bulk", mlflow_metric_history_bulk, PERM_READ, ROUTE_POOL | ROUTE_TRANSFER,
     LIMIT_TRACK_BODY_BYTES, "Read a metric's points in up to 100 runs."},
    READ("GET", "/artifacts/list", mlflow_run_artifacts, "List a folder of a run's artifacts."),

    RUN("POST", "/logged-models", mlflow_logged_model_create, "Create a logged model."),
    READ("POST", "/logged-models/search", mlflow_logged_model_search, "Find logged models by filter, order and page."),
    READ("GET", "/logged-models/{model_id}", mlflow_logged_model_get, "Read a logged model."),
    RUN("PATCH", "/logged-models/{model_id}", mlflow_logged_model_finalize, "Finish a logged model: ready or failed."),
    RUN("DELETE", "/logged-models/{model_id}", mlflow_logged_model_delete, "Delete a logged model."),
    RUN("POST", "/logged-models/{model_id}/params", mlflow_logged_model_params, "Log parameters of a logged model."),
    RUN("PATCH", "/logged-models/{model_id}/tags", mlflow_logged_model_set_tags, "Set tags of a logged model."),
    RUN("DELETE", "/logged-models/{model_id}/tags/{key}", mlflow_logged_model_delete_tag, "Delete a tag of a logged model."),
    READ("GET", "/logged-models/{model_id}/artifacts/directories", mlflow_logged_model_artifacts, "List a folder of a logged model's artifacts."),
    BOTH("GET", "2.0/mlflow", "/logged-models/{model_id}/artifacts/files", mlflow_logged_model_artifact, PERM_READ, ROUTE_POOL | ROUTE_TRANSFER,
         LIMIT_TRACK_BODY_BYTES, "Download a file of a logged model."),

    MODEL("POST", "/registered-models/create", mlflow_model_create, "Register a model name."),
    MODEL("POST", "/registered-models/rename", mlflow_model_rename, "Rename a registered model."),
    MODEL("PATCH", "/registered-models/update", mlflow_model_update, "Describe a registered model."),
    MODEL("DELETE", "/registered-models/delete", mlflow_model_delete, "Delete a registered model with its versions."),
    READ("GET", "/registered-models/get", mlflow_model_get, "Read a registered model."),
    READ("GET", "/registered-models/search", mlflow_model_search, "Find registered models."),
    READ("GET", "/registered-models/get-latest-versions", mlflow_model_latest, "Read the newest version of each stage."),
    READ("POST", "/registered-models/get-latest-versions", mlflow_model_latest, "Read the newest version of each stage."),
    MODEL("POST", "/registered-models/set-tag", mlflow_model_set_tag, "Set a tag of a registered model."),
    MODEL("DELETE", "/registered-models/delete-tag", mlflow_model_delete_tag, "Delete a tag of a registered model."),
    MODEL("POST", "/registered-models/alias", mlflow_alias_set, "Point an alias at a version."),
    MODEL("DELETE", "/registered-models/alias", mlflow_alias_delete, "Delete an alias."),
    READ("GET", "/registered-models/alias", mlflow_alias_get, "Read the version that an alias names."),

    MODEL("POST", "/model-versions/create", mlflow_version_create, "Create a version of a registered model."),
    MODEL("PATCH", "/model-versions/update", mlflow_version_update, "Describe a version."),
    MODEL("POST", "/model-versions/transition-stage", mlflow_version_stage, "Move a version to a stage."),
    MODEL("DELETE", "/model-versions/delete", mlflow_version_delete, "Delete a version."),
    READ("GET", "/model-versions/get", mlflow_version_get, "Read a version."),
    READ("GET", "/model-versions/search", mlflow_version_search, "Find versions."),
    READ("GET", "/model-versions/get-download-uri", mlflow_version_uri, "Read where a version's bytes are."),
    MODEL("POST", "/model-versions/set-tag", mlflow_version_set_tag, "Set a tag of a version."),
    MODEL("DELETE", "/model-versions/delete-tag", mlflow_version_delete_tag, "Delete a tag of a version."),

    HOOK("POST", "/webhooks", mlflow_webhook_create, ROUTE_WRITES | ROUTE_TRANSFER, "Register a webhook."),
    HOOK("GET", "/webhooks", mlflow_webhook_list, 0, "List the webhooks."),
    HOOK("GET", "/webhooks/{webhook_id}", mlflow_webhook_get, 0, "Read a webhook."),
    HOOK("PATCH", "/webhooks/{webhook_id}", mlflow_webhook_update, ROUTE_WRITES | ROUTE_TRANSFER, "Change a webhook."),
    HOOK("DELETE", "/webhooks/{webhook_id}", mlflow_webhook_delete, ROUTE_WRITES, "Delete a webhook; what still waits for it is given up."),
    HOOK("POST", "/webhooks/{webhook_id}/test", mlflow_webhook_test, ROUTE_WRITES | ROUTE_TRANSFER, "Send a webhook an example, once and now."),

    {"POST", "/ajax-api/2.0/mlflow/upload-artifact", mlflow_upload_form, PERM_RUN_WRITE, ROUTE_POOL | ROUTE_WRITES | ROUTE_ANY_TYPE,
     LIMIT_TRACK_BODY_BYTES, "Upload a small file of a run, as MLflow's interface does."},
    RUN("POST", "/artifacts/presigned-upload-url", mlflow_presigned_upload_url, "Not supported: files are uploaded to the server itself."),
    READ("POST", "/artifacts/presigned-download-url", mlflow_presigned_download_url, "Not supported: files are downloaded from the server itself."),
    {"GET", "/get-artifact", mlflow_run_artifact, PERM_READ, ROUTE_POOL | ROUTE_TRANSFER, 0, "Download a file of a run."},
    {"GET", "/model-versions/get-artifact", mlflow_version_artifact, PERM_READ, ROUTE_POOL | ROUTE_TRANSFER, 0, "Download a file of a version."},

    BOTH("GET", "3.0/mlflow", "/server-info", mlflow_server_info, PERM_PUBLIC, ROUTE_INLINE, 0, "What this server is, for clients that ask."),
};

const struct route_table mlflow_routes = {.dialect = "mlflow", .rows = rows, .len = ARRAY_LEN(rows), .error = mlflow_error};

static const struct route proxy_rows[] = {
    PROXY("GET", "/artifacts", mlflow_artifact_list, PERM_READ, 0, 0, "List a folder of the artifact store."),
    PROXY("GET", "/artifacts/{path*}", mlflow_artifact_download, PERM_READ, ROUTE_TRANSFER, 0, "Download an artifact, or a range of it."),
    PROXY("PUT", "/artifacts/{path*}", mlflow_artifact_upload, PERM_RUN_WRITE, ROUTE_STREAM_BODY | ROUTE_WRITES | ROUTE_ANY_TYPE,
          LIMIT_TRACK_ARTIFACT_BYTES, "Upload an artifact."),
    PROXY("DELETE", "/artifacts/{path*}", mlflow_artifact_delete, PERM_RUN_WRITE, ROUTE_WRITES | ROUTE_ANY_TYPE, 0, "Delete an artifact or a folder."),
    PROXY("POST", "/mpu/create/{path*}", mlflow_upload_create, PERM_RUN_WRITE, ROUTE_WRITES, LIMIT_TRACK_BODY_BYTES, "Begin to upload a file in parts."),
    PROXY("PUT", "/mpu/part", mlflow_upload_part, PERM_PUBLIC, ROUTE_STREAM_BODY | ROUTE_WRITES | ROUTE_ANY_TYPE, LIMIT_TRACK_ARTIFACT_BYTES,
          "Send a part of a file; the upload's id is the permission."),
    PROXY("POST", "/mpu/complete/{path*}", mlflow_upload_complete, PERM_RUN_WRITE, ROUTE_WRITES | ROUTE_TRANSFER, LIMIT_TRACK_BODY_BYTES,
          "Make a file of its parts."),
    PROXY("POST", "/mpu/abort/{path*}", mlflow_upload_abort, PERM_RUN_WRITE, ROUTE_WRITES, LIMIT_TRACK_BODY_BYTES, "Forget an upload in parts."),
    PROXY("GET", "/presigned/{path*}", mlflow_presigned_get, PERM_READ, 0, 0, "Not supported: files are downloaded from the server itself."),
};

const struct route_table mlflow_proxy_routes = {.dialect = "mlflow", .rows = proxy_rows, .len = ARRAY_LEN(proxy_rows), .error = mlflow_error};
