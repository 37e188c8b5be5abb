/* invocations.h - what MLflow's scoring server speaks: POST /invocations with dataframe_split, dataframe_records, instances or inputs in
 * JSON, or CSV, answered by {"predictions": ...}. A server with one endpoint needs no name; else it stands in the path
 * (/endpoints/NAME/invocations) or as ?endpoint=NAME. Errors are {"error_code", "message"}: BAD_REQUEST for a body that cannot be read,
 * INVALID_PARAMETER_VALUE for one that does not fit the model. */
#ifndef INGOT_API_INVOCATIONS_INVOCATIONS_H
#define INGOT_API_INVOCATIONS_INVOCATIONS_H

#include "api/route.h"

extern const struct route_table invocations_routes;

#endif
