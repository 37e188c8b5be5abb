/* chained.h - an endpoint's chains (core/chain): one per loaded version, compiled when the endpoint gets a state, and where a request meets
 * them. Private to core/serve. */
#ifndef INGOT_CORE_SERVE_CHAINED_H
#define INGOT_CORE_SERVE_CHAINED_H

#include "core/chain/chain.h"
#include "core/serve/endpoint.h"
#include "core/serve/rows.h"

struct serve_call;

/* A version as its chain sees it; borrows from it. */
struct chain_model chained_model(const struct serve_version *v);
/* Would the version do with this configuration? Nothing is kept. `view` NULL: none. E_INVALID, E_UNSUPPORTED. */
MUST_USE enum err chained_check(struct op *op, const struct serve_spec *spec, const struct feature_view *view, const struct serve_version *v);
/* Compiles the chains of all loaded versions into ep's arena; counters go on from `old` (NULL: none). */
MUST_USE enum err chained_make(struct op *op, struct serve_endpoint *ep, const struct serve_endpoint *old);
void chained_clear(struct serve_endpoint *ep);
/* NULL: that version has no chain here. */
const struct chain *chained_find(const struct serve_endpoint *ep, const struct serve_version *v);

/* The first half: the set as the model takes it; the call's warning. */
MUST_USE enum err chained_before(struct serve_call *c, struct tensor_set *set);
/* The second half: `out` as the request wants it, from what the model gave. *ret_len of them. */
MUST_USE enum err chained_after(struct serve_call *c, struct tensor **ret, size_t *ret_len);
/* The inputs of `c` for another version with a transform of its own: its matrix, in op's arena. */
MUST_USE enum err chained_transform(struct op *op, const struct serve_call *c, const struct chain *chain, struct tensor *ret);

#endif
