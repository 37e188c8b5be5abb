/* origin_rest.h - a running MLflow server (2.x or 3.x, or Ingot) as an origin, over its REST API: what its clients can see.
 * Versions that were deleted are not shown there, and points are read again by every import. */
#ifndef INGOT_ADAPTER_MLFLOW_ORIGIN_REST_H
#define INGOT_ADAPTER_MLFLOW_ORIGIN_REST_H

#include "port/origin.h"

struct mlflow_rest_config {
    struct str url;            /* "http://host:5000", with the server's static prefix if it has one */
    struct str token;          /* or empty */
    struct str user, password; /* basic authentication, or empty */
};
/* E_IO: no answer; E_UNAUTHENTICATED and the like as the server says. */
MUST_USE enum err mlflow_rest_origin(struct op *op, const struct mlflow_rest_config *config, struct origin *ret);

#endif
