/* warm.h - the first runs of a fresh version: they bring the model into the caches, show that it answers before anybody waits for
 * it, and measure what a run costs. Private to core/serve. */
#ifndef INGOT_CORE_SERVE_WARM_H
#define INGOT_CORE_SERVE_WARM_H

#include "core/serve/version.h"

/* Row models: E_INVALID when an ordinary row gets an answer that is no number. Tensor models: a sample of guessed shape that the
 * model refuses is only logged, and leaves the cost unknown; one whose shapes the configuration gave is an error. */
MUST_USE enum err serve_warm(struct op *op, struct serve_version *v, const struct serve_policy *policy);

#endif
