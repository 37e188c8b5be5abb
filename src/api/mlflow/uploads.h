/* uploads.h - handlers of the less usual ways to bring artifacts: in parts (/mlflow-artifacts/mpu/...), the small uploads of MLflow's
 * interface (/ajax-api/2.0/mlflow/upload-artifact), and the addresses signed for a cloud store, of which there are none here because
 * clients never talk to the store themselves. */
#ifndef INGOT_API_MLFLOW_UPLOADS_H
#define INGOT_API_MLFLOW_UPLOADS_H

#include "api/mlflow/mlflow.h"

MLFLOW_HANDLER(mlflow_upload_create);
/* Public: the id of the upload is the permission. */
MLFLOW_HANDLER(mlflow_upload_part);
MLFLOW_HANDLER(mlflow_upload_complete);
MLFLOW_HANDLER(mlflow_upload_abort);
MLFLOW_HANDLER(mlflow_upload_form);
MLFLOW_HANDLER(mlflow_presigned_get);
MLFLOW_HANDLER(mlflow_presigned_upload_url);
MLFLOW_HANDLER(mlflow_presigned_download_url);

#endif
