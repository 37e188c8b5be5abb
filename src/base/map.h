/* map.h - a hash map from byte strings to pointers, in an arena. Keys are borrowed unless map_put_dup.
 * Keyed with a per-process random seed, so that chosen keys cannot make it slow. Insertion order is kept
 * for iteration. Not thread-safe. */
#ifndef INGOT_BASE_MAP_H
#define INGOT_BASE_MAP_H

#include "base/arena.h"
#include "base/str.h"

struct map_entry {
    struct str key;
    void *value;
    uint64_t hash;
};

struct map {
    struct arena *arena;
    struct map_entry *entries; /* in insertion order, `len` of them */
    uint32_t *slots;           /* entry index + 1, 0 = empty */
    size_t len, cap, slot_count;
};

void map_init(struct map *m, struct arena *a);
/* NULL when absent. */
void *map_find(const struct map *m, struct str key);
bool map_has(const struct map *m, struct str key);
/* Overwrites. False only when the arena's cap is hit. */
MUST_USE bool map_put(struct map *m, struct str key, void *value);

#endif
