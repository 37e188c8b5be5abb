/* loader.h - the thread on which everything is done that a load takes: reading and checking files, building a model, its first runs, and
 * letting go of models and of what a load needed for itself. Private to core/serve.
 *
 * Once loader_yield() was called, the thread has the scheduler's lowest priority (SCHED_IDLE): a request that arrives has the processor at
 * once. Two rules follow. Nobody whom a request waits for may wait for this thread or for a lock that it holds, so states are
 * swapped by the caller, and loader_bury() takes no lock. And where other work takes all processors, a load that gets next to nothing for
 * LIMIT_LOADER_STARVED_MS gets the priority of a batch job until it has ended, where the process may do that (CAP_SYS_NICE or RLIMIT_NICE
 * of 20); where it may not, the thread is a batch job of the lowest priority from the beginning, which always gets some 1.5 %.
 *
 * A caller waits for its load; one load after the other. A model whose engine starts threads or processes (engine_ops.spawns) is built
 * on the caller's thread, since they would keep the low priority. Thread-safe. */
#ifndef INGOT_CORE_SERVE_LOADER_H
#define INGOT_CORE_SERVE_LOADER_H

#include "core/serve/version.h"

struct serve_files;
struct loader;
/* Its thread has an ordinary priority at first: a server that starts serves nobody yet. */
struct loader *loader_create(void);
/* Unloads what is buried and ends the thread. Nobody may load any more. NULL is ignored. */
void loader_destroy(struct loader *l);
/* From the next load on at the lowest priority. */
void loader_yield(struct loader *l);
/* Runs fn(arg) over there and waits for its end; on that thread itself at once. Blocks: not for I/O threads. */
void loader_run(struct loader *l, void (*fn)(void *arg), void *arg);
/* serve_version_load() of the model among the files, and extras_load(); the version will be unloaded over there. Blocks: not for I/O threads. */
MUST_USE enum err loader_load(struct op *op, struct loader *l, const struct engine_ops *const *engines, const struct serve_files *files, int64_t version,
                              const struct serve_policy *policy, struct serve_version **ret);
/* The version, made elsewhere, will be unloaded over there. */
void loader_adopt(struct loader *l, struct serve_version *v);
/* Takes a version without references. Never blocks. */
void loader_bury(struct loader *l, struct serve_version *take_v);
/* Destroys an arena over there: giving much memory back takes time. NULL is ignored. */
void loader_bury_arena(struct loader *l, struct arena *take_a);
/* What all versions that came from here hold, until they are unloaded. */
size_t loader_memory(struct loader *l);

#endif
