/* artifacts.h - handlers that list, upload, download and delete artifacts: the proxy /mlflow-artifacts, the listings of
 * runs and logged models, and the download routes. Bytes are streamed both ways; an upload is durable before its
 * answer; downloads are attachments that browsers do not sniff. */
#ifndef INGOT_API_MLFLOW_ARTIFACTS_H
#define INGOT_API_MLFLOW_ARTIFACTS_H

#include "api/mlflow/mlflow.h"
#include "port/blob.h"

/* Streams the request's body into a blob. Nothing is stored when it breaks off. */
MUST_USE enum err artifacts_store_body(struct op *op, struct services *s, struct http_req *req, struct blob_id *ret_id, uint64_t *ret_size);

MLFLOW_HANDLER(mlflow_artifact_upload);
MLFLOW_HANDLER(mlflow_artifact_download);
MLFLOW_HANDLER(mlflow_artifact_delete);
MLFLOW_HANDLER(mlflow_artifact_list);
MLFLOW_HANDLER(mlflow_run_artifacts);
MLFLOW_HANDLER(mlflow_run_artifact);
MLFLOW_HANDLER(mlflow_version_artifact);
MLFLOW_HANDLER(mlflow_logged_model_artifacts);
MLFLOW_HANDLER(mlflow_logged_model_artifact);

#endif
