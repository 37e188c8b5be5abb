/* models.h - handlers of /mlflow/registered-models. */
#ifndef INGOT_API_MLFLOW_MODELS_H
#define INGOT_API_MLFLOW_MODELS_H

#include "api/mlflow/mlflow.h"

MLFLOW_HANDLER(mlflow_model_create);
MLFLOW_HANDLER(mlflow_model_get);
MLFLOW_HANDLER(mlflow_model_rename);
MLFLOW_HANDLER(mlflow_model_update);
MLFLOW_HANDLER(mlflow_model_delete);
MLFLOW_HANDLER(mlflow_model_search);
MLFLOW_HANDLER(mlflow_model_latest);
MLFLOW_HANDLER(mlflow_model_set_tag);
MLFLOW_HANDLER(mlflow_model_delete_tag);
MLFLOW_HANDLER(mlflow_alias_set);
MLFLOW_HANDLER(mlflow_alias_delete);
MLFLOW_HANDLER(mlflow_alias_get);

#endif
