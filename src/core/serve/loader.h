/* loader.h - the thread that loads models and lets them go: at low priority (nice 10, SCHED_BATCH), so that requests that are being
 * answered notice nothing. Private to core/serve.
 *
 * A caller waits for its load; one load after the other. Versions that nobody refers to any more are unloaded here too, never on
 * the thread that gave the last reference up. A model whose engine starts threads or processes (engine_ops.spawns) is loaded on the
 * caller's thread, since they would keep the low priority. Thread-safe. */
#ifndef INGOT_CORE_SERVE_LOADER_H
#define INGOT_CORE_SERVE_LOADER_H

#include "core/serve/version.h"

struct loader;
struct loader *loader_create(void);
/* Unloads what is buried and ends the thread. Nobody may load any more. NULL is ignored. */
void loader_destroy(struct loader *l);
/* serve_version_load(); the version will be unloaded over there. Blocks: not for I/O threads. */
MUST_USE enum err loader_load(struct op *op, struct loader *l, const struct engine_ops *const *engines, struct str bytes, int64_t version,
                              const struct serve_policy *policy, struct serve_version **ret);
/* The version, made elsewhere, will be unloaded over there. */
void loader_adopt(struct loader *l, struct serve_version *v);
/* Takes a version without references. Never blocks for long. */
void loader_bury(struct loader *l, struct serve_version *take_v);
/* What all versions that came from here hold, until they are unloaded. */
size_t loader_memory(struct loader *l);

#endif
