/* arena.h - memory that lives and dies together: one per request, job or loaded object.
 * Single-threaded. Everything handed out is zeroed and aligned to 16 bytes.
 * Under ASan freed and unused parts are poisoned. */
#ifndef INGOT_BASE_ARENA_H
#define INGOT_BASE_ARENA_H

#include "base/cc.h"

struct arena;

/* `max_bytes` caps the sum of all allocations. Aborts only if the first block cannot be had. */
struct arena *arena_create(size_t max_bytes);
/* NULL is ignored. */
void arena_destroy(struct arena *a);
/* Frees all but the first block; pointers handed out before are dead. */
void arena_reset(struct arena *a);
/* For sizes fixed by our own code. Goes up to 1 MiB beyond the cap, so that a full arena can still be answered from; aborts the process when memory or that is exhausted. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((malloc, alloc_size(2)));
/* For sizes that input decides: NULL when `count * size` overflows, exceeds the cap or memory. */
void *arena_try_alloc(struct arena *a, size_t count, size_t size) __attribute__((alloc_size(2, 3)));
size_t arena_used(const struct arena *a);
size_t arena_left(const struct arena *a);

static inline void arena_auto(struct arena **a) { arena_destroy(*a); }

#define arena_new(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define arena_array(a, n, type) ((type *)arena_try_alloc((a), (n), sizeof(type)))

#endif
