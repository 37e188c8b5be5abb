/* infer.h - the handlers of ModelInfer and ModelStreamInfer: decode tensors, one call of core/serve/infer.h, encode tensors. */
#ifndef INGOT_API_GRPC_INFER_H
#define INGOT_API_GRPC_INFER_H

#include "api/route.h"

/* LATER: cheap models answer before it returns. */
MUST_USE enum err grpc_model_infer(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* DUPLEX: requests are answered one after the other, in their order. One that fails is answered by its text, and the stream goes on; only
 * what is no message ends it. At most LIMIT_GRPC_STREAMS at once. With services.grpc_stream_plain answers are ModelInferResponses, as MLServer's
 * clients expect, and the first failure ends the stream. */
MUST_USE enum err grpc_model_stream_infer(struct op *op, struct services *s, struct http_req *req, struct http_res *res);

#endif
