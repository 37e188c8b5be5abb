/* idring.c - entries lie in a circle of `cap` places, numbered by a running sequence (place = sequence % cap); a table of open addressing
 * with linear probing, twice as large, maps ids to sequences. Removing from the table moves later entries of the run back (Knuth 6.4,
 * algorithm R), so no tombstones gather while entries come and go for weeks. */
#include "core/rollout/idring.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum { RING_FIRST = 1024 };

struct place {
    int64_t id;
    bool live;
};
struct idring {
    size_t bytes, cap, max, count;
    uint64_t seed, tail, head; /* sequences in use: tail <= s < head; dead ones among them */
    struct place *places;
    unsigned char *entries;
    uint64_t *table; /* sequence + 1; 0 = empty */
};

static void *get_memory(size_t n, size_t size)
{
    return calloc(n, size);
}

static bool room_make(struct idring *r, size_t cap, struct place **ret_places, unsigned char **ret_entries, uint64_t **ret_table)
{
    *ret_places = get_memory(cap, sizeof **ret_places);
    *ret_entries = get_memory(cap, r->bytes);
    *ret_table = get_memory(cap * 2, sizeof **ret_table);
    if (*ret_places && *ret_entries && *ret_table)
        return true;
    free(*ret_places);
    free(*ret_entries);
    free(*ret_table);
    return false;
}

struct idring *idring_create(size_t entry_bytes, size_t max, uint64_t seed)
{
    assert(max >= RING_FIRST && (max & (max - 1)) == 0 && entry_bytes > 0);
    struct idring *r = calloc(1, sizeof *r);
    if (!r)
        abort();
    *r = (struct idring){.bytes = entry_bytes, .cap = RING_FIRST, .max = max, .seed = seed};
    if (!room_make(r, r->cap, &r->places, &r->entries, &r->table))
        abort();
    return r;
}

void idring_destroy(struct idring *r)
{
    if (!r)
        return;
    free(r->places);
    free(r->entries);
    free(r->table);
    free(r);
}

static size_t home(const struct idring *r, int64_t id)
{
    return (size_t)hash64(&id, sizeof id, r->seed) & (r->cap * 2 - 1);
}

/* The slot of the table that holds `id`, or the empty one where it would go. */
static size_t slot_of(const struct idring *r, int64_t id)
{
    size_t at = home(r, id);
    while (r->table[at] && r->places[(r->table[at] - 1) & (r->cap - 1)].id != id)
        at = (at + 1) & (r->cap * 2 - 1);
    return at;
}

static void slot_clear(struct idring *r, size_t at)
{
    size_t mask = r->cap * 2 - 1, next = at;
    for (;;) {
        next = (next + 1) & mask;
        if (!r->table[next])
            break;
        size_t wants = home(r, r->places[(r->table[next] - 1) & (r->cap - 1)].id);
        /* It may move to `at` unless its home lies in the run after `at`. */
        if (((next - wants) & mask) < ((next - at) & mask))
            continue;
        r->table[at] = r->table[next];
        at = next;
    }
    r->table[at] = 0;
}

static void drop(struct idring *r, size_t at)
{
    r->places[(r->table[at] - 1) & (r->cap - 1)].live = false;
    slot_clear(r, at);
    r->count--;
}

static void skip_dead(struct idring *r)
{
    while (r->tail < r->head && !r->places[r->tail & (r->cap - 1)].live)
        r->tail++;
}

static void grow(struct idring *r)
{
    struct idring old = *r;
    struct idring wide = *r;
    wide.cap = r->cap * 2;
    if (!room_make(&wide, wide.cap, &wide.places, &wide.entries, &wide.table))
        return;
    *r = wide;
    for (uint64_t s = old.tail; s < old.head; s++) {
        const struct place *p = &old.places[s & (old.cap - 1)];
        r->places[s & (r->cap - 1)] = *p;
        if (!p->live)
            continue;
        memcpy(r->entries + (s & (r->cap - 1)) * r->bytes, old.entries + (s & (old.cap - 1)) * r->bytes, r->bytes);
        r->table[slot_of(r, p->id)] = s + 1;
    }
    free(old.places);
    free(old.entries);
    free(old.table);
}

void *idring_put(struct idring *r, int64_t id, bool *ret_evicted)
{
    idring_remove(r, id);
    skip_dead(r);
    *ret_evicted = false;
    if (r->head - r->tail == r->cap && r->cap < r->max)
        grow(r);
    if (r->head - r->tail == r->cap) {
        drop(r, slot_of(r, r->places[r->tail & (r->cap - 1)].id));
        skip_dead(r);
        *ret_evicted = true;
    }
    uint64_t s = r->head++;
    size_t place = s & (r->cap - 1);
    r->places[place] = (struct place){id, true};
    r->table[slot_of(r, id)] = s + 1;
    r->count++;
    return memset(r->entries + place * r->bytes, 0, r->bytes);
}

void *idring_find(struct idring *r, int64_t id)
{
    size_t at = slot_of(r, id);
    return r->table[at] ? r->entries + ((r->table[at] - 1) & (r->cap - 1)) * r->bytes : NULL;
}

void idring_remove(struct idring *r, int64_t id)
{
    size_t at = slot_of(r, id);
    if (r->table[at])
        drop(r, at);
}

size_t idring_count(const struct idring *r)
{
    return r->count;
}
