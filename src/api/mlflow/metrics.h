/* metrics.h - handlers of /mlflow/metrics: histories, in whole, of many runs, and sampled. */
#ifndef INGOT_API_MLFLOW_METRICS_H
#define INGOT_API_MLFLOW_METRICS_H

#include "api/mlflow/mlflow.h"

MLFLOW_HANDLER(mlflow_metric_history);
MLFLOW_HANDLER(mlflow_metric_history_bulk);
MLFLOW_HANDLER(mlflow_metric_history_interval);

#endif
