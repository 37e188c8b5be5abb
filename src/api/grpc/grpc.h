/* grpc.h - the V2 protocol over gRPC (proto/inference.proto) and the health service (proto/health.proto), on the same port as everything else,
 * over HTTP/2. Each method is a row of the route table: POST /package.Service/Method. */
#ifndef INGOT_API_GRPC_GRPC_H
#define INGOT_API_GRPC_GRPC_H

#include "api/route.h"

extern const struct route_table grpc_routes;

#endif
