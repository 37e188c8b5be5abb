/* graphql.h - POST|GET /graphql: the documents of MLflow's web interface (and any others over the same schema).
 * Answers are {"data": ..., "errors": [text, ...] or null}, as MLflow's: errors are bare texts and a document that fails is a 200. What
 * is no request at all (no JSON, no query, a syntax error) is a 400 in the same form, where upstream answers 500. */
#ifndef INGOT_API_GRAPHQL_GRAPHQL_H
#define INGOT_API_GRAPHQL_GRAPHQL_H

#include "api/route.h"

extern const struct route_table graphql_routes;

#endif
