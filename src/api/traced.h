/* traced.h - a request as the first span of its trace, named and described as OpenTelemetry's conventions say (HTTP server spans, gRPC server
 * spans). The dispatcher calls it; nothing is done for requests that are not sampled. */
#ifndef INGOT_API_TRACED_H
#define INGOT_API_TRACED_H

#include "api/route.h"

struct tracer; /* core/observe/tracer.h */

/* After the route is known. Public routes (health, version) leave no trace. `tracer` may be NULL. */
void traced_begin(struct tracer *tracer, struct op *op, const struct http_req *req, const struct route *route);
/* Tells the caller the trace that the answer belongs to (the field "traceresponse" of W3C Trace Context, level 2). */
void traced_header(struct op *op, struct http_res *res);
/* `status`: what the request counts as; op->trace is gone afterwards. */
void traced_end(struct tracer *tracer, struct op *op, const struct http_req *req, const struct http_res *res, const struct route *route, int status);

#endif
