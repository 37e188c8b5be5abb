/* info.h - what this server says of itself to MLflow's clients and its web interface. */
#ifndef INGOT_API_MLFLOW_INFO_H
#define INGOT_API_MLFLOW_INFO_H

#include "api/mlflow/mlflow.h"

/* Public: clients ask before they have credentials, so nothing private is in it. */
MLFLOW_HANDLER(mlflow_server_info);

#endif
