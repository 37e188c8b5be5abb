/* repository.h - endpoints of a server without a database: what its source lists. Private to core/serve; its public side stands in
 * infer.h (serve_index, serve_repository_load, serve_repository_unload). */
#ifndef INGOT_CORE_SERVE_REPOSITORY_H
#define INGOT_CORE_SERVE_REPOSITORY_H

#include "core/serve/table.h"

/* Makes an endpoint of all that the source lists. One that cannot be loaded is there, not ready, and logged. */
MUST_USE enum err repository_open(struct op *op, struct serve *s);
/* serve.c's: brings an endpoint with a row to what the row and the rollouts say; loads what is missing. */
MUST_USE enum err serve_follow(struct op *op, struct serve *s, struct str name);

#endif
