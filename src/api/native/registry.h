/* registry.h - what the handlers of models, approvals and cards share. */
#ifndef INGOT_API_NATIVE_REGISTRY_H
#define INGOT_API_NATIVE_REGISTRY_H

#include "base/json.h"
#include "core/registry/model_list.h"
#include "core/registry/version.h"
#include "net/http.h"

/* The version that a path's second argument names: a number, an alias or a range of semantic versions. */
MUST_USE enum err native_version_arg(struct op *op, struct db *db, const struct http_req *req, struct registry_version *ret);
/* The body as an object, an empty one where there is none; its "reason" becomes op->reason. */
MUST_USE enum err native_reason_body(struct op *op, struct http_req *req, struct json **ret);
/* "owner", "versions", "endpoints" of a model. */
void native_model_facts(struct json_out *w, const struct registry_model_row *r);

#endif
