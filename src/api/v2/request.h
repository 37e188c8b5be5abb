/* request.h - the body of one inference request as tensors: JSON, JSON with binary tensors behind it, or one raw tensor
 * (binary tensor extension). Binary tensors stay where they are in the body; what comes from JSON lives in op's arena. */
#ifndef INGOT_API_V2_REQUEST_H
#define INGOT_API_V2_REQUEST_H

#include "api/memory.h"
#include "base/json.h"
#include "core/serve/infer.h"

struct v2_request {
    struct infer_request infer;       /* version and started_ns are the caller's to set */
    bool binary;                      /* outputs that say nothing else go out in binary */
    struct memory_places places;      /* of outputs that go to shared memory */
    bool refuse_nonfinite;            /* parameter "nonfinite": "refuse" */
    enum json_nonfinite nonfinite;    /* ... "bare" (as Python writes it), "null", "string" */
};
/* `json_len`: the Inference-Header-Content-Length as sent; p NULL: none, the body is JSON. "0": the body is the one tensor of `sig`.
 * `memory`: where tensors in shared memory are read; NULL: they are refused. E_INVALID says what is wrong, and names the tensor. */
MUST_USE enum err v2_request_read(struct op *op, struct str body, struct str json_len, const struct infer_signature *sig, struct memory_regions *memory,
                                  struct v2_request *ret);

#endif
