/* Ranks let a sort compare numbers instead of texts. New texts are few between two searches, so they are sorted by
 * themselves and merged with those that have a place already: linear in the number of texts, not n log n. */
#include "core/track/texts.h"

#include "base/hash.h"

#include <pthread.h>
#include <stdlib.h>

#define FIRST_SLOTS 16u
#define FIRST_BYTES 256u

static uint64_t seed;
static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

static void seed_make(void)
{
    hash_random(&seed, sizeof seed);
}

static uint64_t hash(struct str s)
{
    return hash64(s.p, s.len, seed);
}

void texts_clear(struct texts *t)
{
    free(t->bytes);
    free(t->ends);
    free(t->slots);
    free(t->sorted);
    free(t->ranks);
    *t = (struct texts){0};
}

struct str texts_get(const struct texts *t, uint32_t i)
{
    size_t from = i ? t->ends[i - 1] : 0;
    return (struct str){t->bytes + from, t->ends[i] - from};
}

/* The slot of `s`, or the empty one where it belongs. Needs slot_count > 0. */
static size_t slot_of(const struct texts *t, struct str s)
{
    size_t mask = t->slot_count - 1, i = (size_t)hash(s) & mask;
    while (t->slots[i] && !str_eq(texts_get(t, t->slots[i] - 1), s))
        i = (i + 1) & mask;
    return i;
}

uint32_t texts_find(const struct texts *t, struct str s)
{
    if (t->len == 0)
        return TEXTS_NONE;
    size_t i = slot_of(t, s);
    return t->slots[i] ? t->slots[i] - 1 : TEXTS_NONE;
}

static bool grow_slots(struct texts *t)
{
    if ((t->len + 1) * 4 <= t->slot_count * 3)
        return true;
    size_t n = t->slot_count ? t->slot_count * 2 : FIRST_SLOTS;
    uint32_t *slots = calloc(n, sizeof *slots);
    if (!slots)
        return false;
    free(t->slots);
    t->slots = slots;
    t->slot_count = n;
    for (uint32_t i = 0; i < t->len; i++)
        t->slots[slot_of(t, texts_get(t, i))] = i + 1;
    return true;
}

static bool grow_bytes(struct texts *t, size_t more)
{
    size_t need = t->bytes_len + more;
    if (need > UINT32_MAX || t->len >= TEXTS_NONE - 1)
        return false;
    if (need <= t->bytes_cap && t->len < t->ends_cap)
        return true;
    size_t cap = t->bytes_cap ? t->bytes_cap : FIRST_BYTES, ends = t->ends_cap ? t->ends_cap : FIRST_SLOTS;
    while (cap < need)
        cap *= 2;
    char *bytes = realloc(t->bytes, cap);
    if (!bytes)
        return false;
    t->bytes = bytes;
    t->bytes_cap = cap;
    if (t->len == ends)
        ends *= 2;
    uint32_t *p = realloc(t->ends, ends * sizeof *p);
    if (!p)
        return false;
    t->ends = p;
    t->ends_cap = ends;
    return true;
}

bool texts_add(struct texts *t, struct str s, uint32_t *ret)
{
    pthread_once(&seed_once, seed_make);
    uint32_t at = texts_find(t, s);
    if (at != TEXTS_NONE) {
        *ret = at;
        return true;
    }
    if (!grow_slots(t) || !grow_bytes(t, s.len))
        return false;
    at = (uint32_t)t->len;
    t->slots[slot_of(t, s)] = at + 1;
    if (s.len)
        memcpy(t->bytes + t->bytes_len, s.p, s.len);
    t->bytes_len += s.len;
    t->ends[at] = (uint32_t)t->bytes_len;
    t->len++;
    *ret = at;
    return true;
}

static int compare(const void *a, const void *b, void *arg)
{
    const struct texts *t = arg;
    return str_cmp(texts_get(t, *(const uint32_t *)a), texts_get(t, *(const uint32_t *)b));
}

bool texts_rank(struct texts *t)
{
    size_t fresh = t->len - t->ranked;
    if (fresh == 0)
        return true;
    uint32_t *out = malloc(t->ends_cap * sizeof *out), *tail = malloc(fresh * sizeof *tail);
    uint32_t *ranks = realloc(t->ranks, t->ends_cap * sizeof *ranks);
    if (ranks)
        t->ranks = ranks;
    if (!out || !tail || !ranks) {
        free(out);
        free(tail);
        return false;
    }
    for (size_t i = 0; i < fresh; i++)
        tail[i] = (uint32_t)(t->ranked + i);
    qsort_r(tail, fresh, sizeof *tail, compare, t);
    size_t a = 0, b = 0;
    for (size_t n = 0; n < t->len; n++) {
        bool old = b == fresh || (a < t->ranked && compare(&t->sorted[a], &tail[b], t) < 0);
        out[n] = old ? t->sorted[a++] : tail[b++];
        ranks[out[n]] = (uint32_t)n;
    }
    free(tail);
    free(t->sorted);
    t->sorted = out;
    t->ranked = t->len;
    t->rank_cap = t->ends_cap;
    return true;
}

uint32_t texts_rank_of(const struct texts *t, struct str s)
{
    size_t from = 0, to = t->ranked;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (str_cmp(texts_get(t, t->sorted[middle]), s) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return (uint32_t)from;
}

size_t texts_size(const struct texts *t)
{
    return t->bytes_cap + (t->ends_cap + t->slot_count + 2 * t->rank_cap) * sizeof(uint32_t);
}
