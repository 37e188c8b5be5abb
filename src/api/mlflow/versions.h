/* versions.h - handlers of /mlflow/model-versions. */
#ifndef INGOT_API_MLFLOW_VERSIONS_H
#define INGOT_API_MLFLOW_VERSIONS_H

#include "api/mlflow/mlflow.h"

MLFLOW_HANDLER(mlflow_version_create);
MLFLOW_HANDLER(mlflow_version_get);
MLFLOW_HANDLER(mlflow_version_update);
MLFLOW_HANDLER(mlflow_version_delete);
MLFLOW_HANDLER(mlflow_version_search);
MLFLOW_HANDLER(mlflow_version_stage);
MLFLOW_HANDLER(mlflow_version_set_tag);
MLFLOW_HANDLER(mlflow_version_delete_tag);
MLFLOW_HANDLER(mlflow_version_uri);

#endif
