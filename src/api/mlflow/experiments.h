/* experiments.h - handlers of /mlflow/experiments. */
#ifndef INGOT_API_MLFLOW_EXPERIMENTS_H
#define INGOT_API_MLFLOW_EXPERIMENTS_H

#include "api/mlflow/mlflow.h"

MLFLOW_HANDLER(mlflow_experiment_create);
MLFLOW_HANDLER(mlflow_experiment_get);
MLFLOW_HANDLER(mlflow_experiment_get_by_name);
MLFLOW_HANDLER(mlflow_experiment_delete);
MLFLOW_HANDLER(mlflow_experiment_restore);
MLFLOW_HANDLER(mlflow_experiment_update);
MLFLOW_HANDLER(mlflow_experiment_search);
MLFLOW_HANDLER(mlflow_experiment_set_tag);
MLFLOW_HANDLER(mlflow_experiment_delete_tag);

#endif
