/* runs.h - handlers of /mlflow/runs. */
#ifndef INGOT_API_MLFLOW_RUNS_H
#define INGOT_API_MLFLOW_RUNS_H

#include "api/mlflow/mlflow.h"

MLFLOW_HANDLER(mlflow_run_create);
MLFLOW_HANDLER(mlflow_run_get);
MLFLOW_HANDLER(mlflow_run_update);
MLFLOW_HANDLER(mlflow_run_delete);
MLFLOW_HANDLER(mlflow_run_restore);
MLFLOW_HANDLER(mlflow_run_log_inputs);
MLFLOW_HANDLER(mlflow_run_log_outputs);
MLFLOW_HANDLER(mlflow_run_log_model);

#endif
