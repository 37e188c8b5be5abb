/* graph_run.h - one request on its way through a graph: all steps that are ready start at once, a finished step starts its followers, and no
 * thread waits. Private to core/serve.
 *
 * A graph of models that are cheap together answers on the thread that asks. Else its first steps are queued as requests to their
 * members, and what follows runs where they finish. Deadline and cancellation carry over to every step. A step that fails ends the
 * request, unless it is optional; those under way are waited for, since the request's memory is theirs. */
#ifndef INGOT_CORE_SERVE_GRAPH_RUN_H
#define INGOT_CORE_SERVE_GRAPH_RUN_H

#include "core/serve/call.h"

/* A prepared call of a linked graph, with the contract of serve_infer_start. `away`: no model runs on this thread. */
MUST_USE enum err graph_start(struct serve_call *c, const struct infer_later *later, bool away);
/* The same as call_run: waits, makes the outputs, counts nothing. Not for I/O threads. */
MUST_USE enum err graph_run(struct serve_call *c);

#endif
