/* logged_models.h - handlers of /mlflow/logged-models. */
#ifndef INGOT_API_MLFLOW_LOGGED_MODELS_H
#define INGOT_API_MLFLOW_LOGGED_MODELS_H

#include "api/mlflow/mlflow.h"

MLFLOW_HANDLER(mlflow_logged_model_create);
MLFLOW_HANDLER(mlflow_logged_model_get);
MLFLOW_HANDLER(mlflow_logged_model_finalize);
MLFLOW_HANDLER(mlflow_logged_model_delete);
MLFLOW_HANDLER(mlflow_logged_model_params);
MLFLOW_HANDLER(mlflow_logged_model_set_tags);
MLFLOW_HANDLER(mlflow_logged_model_delete_tag);
MLFLOW_HANDLER(mlflow_logged_model_search);

#endif
