/* answer.h - an answered question as the protocol's body: JSON, with the tensors that are wanted in binary behind it. */
#ifndef INGOT_API_V2_ANSWER_H
#define INGOT_API_V2_ANSWER_H

#include "api/v2/request.h"
#include "net/http.h"

/* E_INVALID: a tensor that has no form in JSON (FP16, BF16, bytes that are no text, by the request's choice NaN); E_TOO_LARGE. */
MUST_USE enum err v2_answer_write(struct op *op, struct str model, const struct v2_request *r, const struct infer_answer *a, struct http_res *res);

#endif
