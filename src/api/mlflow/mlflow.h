/* mlflow.h - MLflow's REST dialect (client 2.9 to 3.17): tracking, registry and artifact proxy over core/track and
 * core/registry. A handler decodes by field table, makes one core call, encodes. Every row answers under /api
 * and under /ajax-api. Errors have MLflow's form {"error_code", "message"} and its statuses. */
#ifndef INGOT_API_MLFLOW_MLFLOW_H
#define INGOT_API_MLFLOW_MLFLOW_H

#include "api/route.h"

extern const struct route_table mlflow_routes;
extern const struct route_table mlflow_proxy_routes; /* artifacts through this server: /mlflow-artifacts */

/* A failure in MLflow's form, from op->err: the error writer of all tables of this folder. */
void mlflow_error(struct op *op, struct http_req *req, struct http_res *res);
/* {"error_code", "message"} and the class that MLflow derives from the code. */
void mlflow_write_error(struct http_res *res, const char *code, const char *text);

/* All handlers of this folder have this shape. */
#define MLFLOW_HANDLER(name) enum err name(struct op *op, struct services *s, struct http_req *req, struct http_res *res)

#endif
