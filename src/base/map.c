/* Open addressing with linear probing over 32-bit entry numbers; the entries themselves stand in an array
 * in insertion order. At most three quarters of the slots are taken. Nothing is ever removed. */
#include "base/map.h"

#include "base/hash.h"

#include <pthread.h>

#define MAP_FIRST_SLOTS 16u

static uint64_t map_seed;
static pthread_once_t map_seed_once = PTHREAD_ONCE_INIT;

static void map_seed_make(void)
{
    hash_random(&map_seed, sizeof map_seed);
}

void map_init(struct map *m, struct arena *a)
{
    pthread_once(&map_seed_once, map_seed_make);
    *m = (struct map){.arena = a};
}

static uint64_t map_hash(struct str key)
{
    return hash64(key.p, key.len, map_seed);
}

/* The slot that holds `key`, or the empty one where it belongs. Needs slot_count > 0. */
static size_t map_slot(const struct map *m, struct str key, uint64_t hash)
{
    size_t mask = m->slot_count - 1;
    size_t i = (size_t)hash & mask;
    while (m->slots[i]) {
        const struct map_entry *e = &m->entries[m->slots[i] - 1];
        if (e->hash == hash && str_eq(e->key, key))
            break;
        i = (i + 1) & mask;
    }
    return i;
}

static const struct map_entry *map_entry_find(const struct map *m, struct str key)
{
    if (m->len == 0)
        return NULL;
    size_t i = map_slot(m, key, map_hash(key));
    return m->slots[i] ? &m->entries[m->slots[i] - 1] : NULL;
}

void *map_find(const struct map *m, struct str key)
{
    const struct map_entry *e = map_entry_find(m, key);
    return e ? e->value : NULL;
}

bool map_has(const struct map *m, struct str key)
{
    return map_entry_find(m, key) != NULL;
}

static bool map_grow(struct map *m)
{
    size_t slot_count = m->slot_count ? m->slot_count * 2 : MAP_FIRST_SLOTS;
    size_t cap = slot_count / 4 * 3;
    if (cap >= UINT32_MAX)
        return false;
    struct map_entry *entries = arena_array(m->arena, cap, struct map_entry);
    uint32_t *slots = arena_array(m->arena, slot_count, uint32_t);
    if (!entries || !slots)
        return false;
    if (m->len > 0)
        memcpy(entries, m->entries, m->len * sizeof *entries);
    for (size_t n = 0; n < m->len; n++) {
        size_t i = (size_t)entries[n].hash & (slot_count - 1);
        while (slots[i])
            i = (i + 1) & (slot_count - 1);
        slots[i] = (uint32_t)(n + 1);
    }
    m->entries = entries;
    m->slots = slots;
    m->cap = cap;
    m->slot_count = slot_count;
    return true;
}

bool map_put(struct map *m, struct str key, void *value)
{
    uint64_t hash = map_hash(key);
    if (m->slot_count > 0) {
        size_t i = map_slot(m, key, hash);
        if (m->slots[i]) {
            m->entries[m->slots[i] - 1].value = value;
            return true;
        }
    }
    if (m->len == m->cap && !map_grow(m))
        return false;
    size_t i = map_slot(m, key, hash);
    m->entries[m->len] = (struct map_entry){key, value, hash};
    m->slots[i] = (uint32_t)++m->len;
    return true;
}
