/* webhooks.h - handlers of /mlflow/webhooks. */
#ifndef INGOT_API_MLFLOW_WEBHOOKS_H
#define INGOT_API_MLFLOW_WEBHOOKS_H

#include "api/mlflow/mlflow.h"

MLFLOW_HANDLER(mlflow_webhook_create);
MLFLOW_HANDLER(mlflow_webhook_list);
MLFLOW_HANDLER(mlflow_webhook_get);
MLFLOW_HANDLER(mlflow_webhook_update);
MLFLOW_HANDLER(mlflow_webhook_delete);
MLFLOW_HANDLER(mlflow_webhook_test);

#endif
