/* join.h - one run of a model for several requests: their rows one behind the other, the answer cut into theirs. Private to
 * core/serve. */
#ifndef INGOT_CORE_SERVE_JOIN_H
#define INGOT_CORE_SERVE_JOIN_H

#include "core/serve/call.h"

/* May the rows of `c` stand behind those of `first`? Same version, type, inputs and lengths but the first, and both prepared. */
bool join_fits(const struct serve_call *first, const struct serve_call *c);
/* Runs the calls of the list (by `next`), `rows` in all, as one. What lives as long as the run is in `op`'s arena, answers in the
 * calls' own. On an error no call has an answer, and the text is in `op`. */
MUST_USE enum err join_run(struct op *op, struct serve_call *first, size_t rows);

#endif
