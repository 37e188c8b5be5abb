/* idring.h - fixed-size entries in the order they came, found by a 64-bit id; when it is full the oldest goes. Internal to core/rollout.
 * Memory grows by doubling from 1024 entries to the maximum. Not thread-safe: the owner locks. */
#ifndef INGOT_CORE_ROLLOUT_IDRING_H
#define INGOT_CORE_ROLLOUT_IDRING_H

#include "base/cc.h"

struct idring;

/* `max`: a power of two of at least 1024 (asserted). */
struct idring *idring_create(size_t entry_bytes, size_t max, uint64_t seed);
void idring_destroy(struct idring *r); /* NULL is ignored */
/* A zeroed entry for `id`, valid until the next put. An older entry of the same id is replaced. *ret_evicted: another id's entry had to go.
 * Out of memory counts as full: the ring stays as large as it is. */
void *idring_put(struct idring *r, int64_t id, bool *ret_evicted);
/* NULL when absent. Valid until the next put. */
void *idring_find(struct idring *r, int64_t id);
void idring_remove(struct idring *r, int64_t id); /* absent: nothing happens */
size_t idring_count(const struct idring *r);

#endif
