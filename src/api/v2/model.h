/* model.h - what the protocol tells of one endpoint: metadata, configuration, statistics. Handlers of routes (api/route.h). */
#ifndef INGOT_API_V2_MODEL_H
#define INGOT_API_V2_MODEL_H

#include "api/route.h"

enum err v2_model_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err v2_model_ready(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
enum err v2_model_metadata(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* As Triton's model configuration in JSON. */
enum err v2_model_config(struct op *op, struct services *s, struct http_req *req, struct http_res *res);
/* Of all endpoints, of one, of one version. */
enum err v2_model_stats(struct op *op, struct services *s, struct http_req *req, struct http_res *res);

#endif
