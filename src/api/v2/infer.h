/* infer.h - one inference request: the body's tensors become a serve_request. See v2.h for what is accepted. */
#ifndef INGOT_API_V2_INFER_H
#define INGOT_API_V2_INFER_H

#include "base/json.h"
#include "core/serve/serve.h"

struct infer_request {
    struct str id;             /* "" = none; comes back in the answer */
    struct serve_request serve;
};
/* Parses and checks the body against the endpoint. E_INVALID, E_UNSUPPORTED, E_TOO_LARGE. */
MUST_USE enum err infer_parse(struct op *op, struct str body, const struct serve_info *info, struct infer_request *ret);
/* The answer's JSON. */
void infer_format(const struct infer_request *r, const struct serve_info *info, const struct serve_answer *answer, struct buf *out);

#endif
