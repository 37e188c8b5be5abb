/* v1.h - the V1 protocol of KServe and the REST API of TensorFlow Serving, which are one family: /v1/models/NAME:predict with rows
 * ("instances" -> "predictions") or columns ("inputs" -> "outputs"). A model is an endpoint, its versions are those that are loaded, its
 * labels are the aliases of the registry. Where both protocols answer differently, the answer has the members of both.
 * Errors are {"error": text}. */
#ifndef INGOT_API_V1_V1_H
#define INGOT_API_V1_V1_H

#include "api/route.h"

extern const struct route_table v1_routes;
/* {"status": "alive"}: what KServe's clients want at "/", for servers that have no page there. */
enum err v1_alive(struct op *op, struct services *s, struct http_req *req, struct http_res *res);

#endif
