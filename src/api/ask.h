/* ask.h - what every REST dialect does around its one call of core/serve/infer.h: find the endpoint and the version, ask without holding
 * the I/O thread up, answer now or later, say when to try again. No threads of its own. */
#ifndef INGOT_API_ASK_H
#define INGOT_API_ASK_H

#include "api/services.h"
#include "core/serve/infer.h"
#include "net/http.h"

/* `version`: "" or a number; it must be loaded. E_INVALID: no number; E_NOT_FOUND. Pair with serve_release. */
MUST_USE enum err ask_endpoint(struct op *op, struct services *s, struct str name, struct str version, struct serve_endpoint **ret, int64_t *ret_version);

/* One question, in op's arena. The dialect fills request, encode and arg; `answer` is there when `encode` runs. */
struct ask {
    struct infer_request request;
    struct infer_answer answer;
    struct str name;          /* the endpoint's, in op's arena */
    http_answer_fn encode;    /* writes the answer from `answer`; `arg` is the struct ask */
    void *arg;                /* the dialect's own */
    struct http_res *res;     /* filled by ask_start */
};
struct ask *ask_create(struct op *op, struct serve_endpoint *ep, const struct http_req *req, http_answer_fn encode);
/* For LATER routes: the answer is in `res` when this returns OK, or comes later (res->later). The endpoint may be released at once. */
MUST_USE enum err ask_start(struct op *op, struct serve_endpoint *ep, struct ask *a, struct http_req *req, struct http_res *res);

/* For dialects whose answers have no room for it: what the endpoint's validation found, as the header X-Ingot-Warning. */
void ask_warn(struct op *op, const struct ask *a, struct http_res *res);

/* In a dialect's error form: Retry-After where trying again makes sense. */
void ask_retry_after(const struct op *op, struct http_res *res);
/* {"error": text}, the form of V2, V1 and TensorFlow Serving, with the status of op->err. */
void ask_error(struct op *op, struct http_req *req, struct http_res *res);
/* The text alone, for pages, probes and figures. */
void ask_plain_error(struct op *op, struct http_req *req, struct http_res *res);
/* Begins a JSON answer. */
void ask_reply(struct http_res *res, struct json_out *w);

#endif
