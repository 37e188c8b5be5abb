/* v2.h - the Open Inference Protocol (KServe V2) over REST: health, metadata, inference. A model's name is an
 * endpoint's name, its versions are those that are loaded. Errors are {"error": text}.
 *
 * Inference takes one of three kinds of inputs, N rows each:
 *   - one tensor of shape [N, F] (or [F]) with the F features in the model's order, any name;
 *   - F tensors of shape [N] or [N, 1], named as the model's features, in any order;
 *   - for an endpoint with a feature view: the view's entity columns, its time column (INT64 microseconds, or BYTES in RFC
 *     3339) and its request columns; the server adds the features as of that time.
 * With the first two, a tensor named as the endpoint's id field and one named as the view's time column may come along: what
 * late labels refer to. Missing features are NaN or null. The answer's model_version (and parameters.version) tells who
 * answered; during a rollout that is decided by parameters.id, else the request's id, else the first row's id. */
#ifndef INGOT_API_V2_V2_H
#define INGOT_API_V2_V2_H

#include "api/route.h"

extern const struct route_table v2_routes;

#endif
