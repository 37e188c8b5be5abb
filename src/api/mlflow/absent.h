/* absent.h - what MLflow's clients and its web interface ask for and this server does not have. Three kinds of rows: things that are honestly
 * empty here (no traces, no scorers, no gateway), so that a page that polls them stays quiet; the artifact proxy of a server
 * whose clients keep artifacts elsewhere (503, as MLflow); and everything else below /mlflow/ (404 ENDPOINT_NOT_FOUND, which clients take for
 * an older server and get along with). */
#ifndef INGOT_API_MLFLOW_ABSENT_H
#define INGOT_API_MLFLOW_ABSENT_H

#include "api/route.h"

extern const struct route_table mlflow_absent_routes;
/* In place of mlflow_proxy_routes, with --no-serve-artifacts. */
extern const struct route_table mlflow_proxy_off_routes;

#endif
