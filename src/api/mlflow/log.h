/* log.h - handlers of what clients log to runs, most of a server's traffic: /mlflow/runs/log-metric, log-parameter,
 * log-batch, set-tag, delete-tag. All of them answer later (ROUTE_LATER): no thread waits for the disk. */
#ifndef INGOT_API_MLFLOW_LOG_H
#define INGOT_API_MLFLOW_LOG_H

#include "api/mlflow/mlflow.h"

MLFLOW_HANDLER(mlflow_run_log_metric);
MLFLOW_HANDLER(mlflow_run_log_param);
MLFLOW_HANDLER(mlflow_run_log_batch);
MLFLOW_HANDLER(mlflow_run_set_tag);
MLFLOW_HANDLER(mlflow_run_delete_tag);

#endif
