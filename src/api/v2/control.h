/* control.h - the protocol's extensions about the server itself: the repository, settings of logging and tracing, shared memory (of
 * GPUs there is none). Handlers of routes (api/route.h). */
#ifndef INGOT_API_V2_CONTROL_H
#define INGOT_API_V2_CONTROL_H

#include "api/route.h"

enum err v2_repository_index(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err v2_repository_load(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err v2_repository_unload(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* With a path argument: of one model. A body changes, none asks. */
enum err v2_trace_setting(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err v2_logging(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err v2_memory_status(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err v2_memory_register(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err v2_memory_unregister(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err v2_no_memory_status(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err v2_no_memory_register(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err v2_no_memory_unregister(struct op *op, struct services *s, struct http_req *req, struct http_res *res);

#endif
