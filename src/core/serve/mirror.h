/* mirror.h - copies of answered requests for the version that a rollout shadows, and the pairs of answers that come of it. Private to
 * core/serve.
 *
 * A copy is made when the answer is there and run by a thread of low priority; when LIMIT_SERVE_SHADOWS copies or
 * LIMIT_SERVE_SHADOW_BYTES of them wait, further ones are dropped and counted. The answer never waits for it. Thread-safe. */
#ifndef INGOT_CORE_SERVE_MIRROR_H
#define INGOT_CORE_SERVE_MIRROR_H

#include "core/serve/call.h"

struct mirror;
struct mirror *mirror_create(struct rollout_live *live); /* the thread starts with the first copy */
/* Waits for the copy that runs and begins no other; further ones are dropped. For those who end what copies run on. NULL is ignored. */
void mirror_stop(struct mirror *m);
void mirror_destroy(struct mirror *m);                   /* drops what waits; NULL is ignored */
/* Copies that were dropped since the start, and that wait now. NULL: none. */
void mirror_figures(struct mirror *m, uint64_t *ret_dropped, uint64_t *ret_waiting);
/* After the model has answered `c`, or has failed (`ok` false). Does nothing unless the pick has a shadow. */
void mirror_send(struct mirror *m, struct serve_call *c, bool ok);

#endif
