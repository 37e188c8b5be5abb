/* search.h - handlers of runs/search and experiments/search-datasets. What runs/search understands beyond MLflow
 * stands in docs/search.md. */
#ifndef INGOT_API_MLFLOW_SEARCH_H
#define INGOT_API_MLFLOW_SEARCH_H

#include "api/mlflow/mlflow.h"

MLFLOW_HANDLER(mlflow_run_search);
MLFLOW_HANDLER(mlflow_dataset_search);

#endif
