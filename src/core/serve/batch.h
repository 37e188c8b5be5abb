/* batch.h - requests that are too dear for the I/O thread: a queue per version, threads that run them, and rows of several requests
 * joined into one run where that pays. Private to core/serve; batch.c's head says how it is decided.
 *
 * One batcher per server; its threads start with the first request. Thread-safe. */
#ifndef INGOT_CORE_SERVE_BATCH_H
#define INGOT_CORE_SERVE_BATCH_H

#include "core/serve/call.h"

struct batcher;
/* threads 0: one per core. `max_bytes`: memory of all requests that wait or run; 0: LIMIT_SERVE_QUEUES_BYTES; SIZE_MAX: no
 * limit, nor of a version's: who asks has one. */
struct batcher *batcher_create(int threads, size_t max_bytes);
/* What waits is answered E_CANCELLED; what runs is waited for. NULL is ignored. */
void batcher_destroy(struct batcher *b);

/* Takes the call, which lives in op's arena and holds a reference to its endpoint: begins it, and answers it once by
 * c->later. One that is `raw` is prepared (call_prepare) on the thread that runs it. E_BUSY: the queue is full, by requests or by the memory
 * that they hold; E_CANCELLED: the server stops. Then it is the caller's as before. */
MUST_USE enum err batch_submit(struct batcher *b, struct serve_call *c);
/* For a run of this call on the caller's thread. False: something waits, or runs for this version; then it belongs into the queue. */
bool batch_run_begin(struct batcher *b, struct serve_call *c);
/* It is over, or goes on by batch_submit, which takes one that is pending whatever waits. */
void batch_run_end(struct batcher *b, struct serve_call *c);
/* Adds what waits and runs to the figures. */
void batch_read(struct batcher *b, struct serve_version *v, struct infer_stats *stats);

#endif
