/* scoring.h - the bodies of /invocations and their answers. See frame.h for types. */
#ifndef INGOT_API_INVOCATIONS_SCORING_H
#define INGOT_API_INVOCATIONS_SCORING_H

#include "api/frame.h"
#include "net/http.h"

struct scoring_request {
    struct frame_tensors inputs;
    bool frame;              /* it came as rows of named columns: several outputs go back so */
    struct str unit;         /* params.id; "" */
};
/* `type`: the media type, application/json or text/csv. E_INVALID; E_UNSUPPORTED for what only language models take. */
MUST_USE enum err scoring_read(struct op *op, struct str body, struct str type, const struct frame_want *want, struct scoring_request *ret);
MUST_USE enum err scoring_write(struct op *op, const struct scoring_request *r, const struct infer_answer *a, struct http_res *res);

#endif
