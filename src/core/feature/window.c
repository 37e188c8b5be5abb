/* window.c - ordered events with a running count, searched by instant.
 *
 * One series per entity and key: `at` ascending, and `sum[i]` = flagged events among the first i + 1 ever seen (modulo
 * 2^32; only differences are used). A window (t - W, t] is two binary searches: its count is the distance
 * of the places, its flagged events the difference of the sums: the same integers as the offline sweep (join.c).
 * A late event is inserted in place, which moves the events after it; pushes are nearly in order, so that is
 * a short move at the tail.
 *
 * Nothing older than newest - retain is ever needed, so series drop it as they grow and, once a day of event time,
 * all at once; keys without events go then too. Ids live in a hash set with their instants and leave it when the set
 * grows. Hashes are keyed by a random seed: chosen keys cannot make it slow. */
#include "core/feature/window.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/time.h"

struct series {
    uint64_t hash;
    int64_t *at;
    uint32_t *sum;
    uint32_t head, len, cap; /* live items are [head, len) */
    uint32_t base;           /* sum before `head` */
    uint32_t key_bytes;
    char key[];              /* per part: uint32_t length, bytes; a null part never gets here */
};

struct key_table {
    struct series **slots;
    size_t slot_count, len;
};

struct id_item {
    int64_t id;
    int64_t at; /* INT64_MIN: the slot is free */
};

struct window_index {
    const struct feature_view *view;
    int64_t retain_us, newest_us, swept_us;
    uint64_t seed;
    struct key_table *tables; /* per entity */
    struct id_item *ids;
    size_t id_slots, id_len;
};

static void *must(void *p)
{
    if (!p)
        abort();
    return p;
}

struct window_index *window_index_create(const struct feature_view *view, int64_t retain_us)
{
    struct window_index *x = must(calloc(1, sizeof *x));
    x->view = view;
    x->retain_us = retain_us;
    x->newest_us = x->swept_us = INT64_MIN;
    x->tables = must(calloc(view->entity_len, sizeof *x->tables));
    hash_random(&x->seed, sizeof x->seed);
    return x;
}

static void series_free(struct series *s)
{
    free(s->at);
    free(s->sum);
    free(s);
}

void window_index_destroy(struct window_index *x)
{
    if (!x)
        return;
    for (size_t e = 0; e < x->view->entity_len; e++) {
        for (size_t i = 0; i < x->tables[e].slot_count; i++) {
            if (x->tables[e].slots[i])
                series_free(x->tables[e].slots[i]);
        }
        free(x->tables[e].slots);
    }
    free(x->tables);
    free(x->ids);
    free(x);
}

static int64_t cutoff(const struct window_index *x)
{
    return x->newest_us < INT64_MIN + x->retain_us ? INT64_MIN : x->newest_us - x->retain_us;
}

/* ---- keys ---- */

/* The hash over an entity's parts; false when a part is null. */
static bool key_hash(const struct window_index *x, const struct feature_entity *en, const struct str *keys, uint64_t *ret)
{
    uint64_t h = x->seed;
    for (size_t i = 0; i < en->key_len; i++) {
        struct str part = keys[en->keys[i]];
        if (!part.p)
            return false;
        h = hash64(part.p, part.len, h);
    }
    *ret = h;
    return true;
}

static bool key_matches(const struct series *s, const struct feature_entity *en, const struct str *keys)
{
    const char *p = s->key;
    for (size_t i = 0; i < en->key_len; i++) {
        struct str part = keys[en->keys[i]];
        uint32_t n;
        memcpy(&n, p, sizeof n);
        if (n != part.len || memcmp(p + sizeof n, part.p, n) != 0)
            return false;
        p += sizeof n + n;
    }
    return true;
}

static struct series *series_find(const struct key_table *t, const struct feature_entity *en, const struct str *keys, uint64_t hash)
{
    if (!t->slot_count)
        return NULL;
    for (size_t i = hash & (t->slot_count - 1); t->slots[i]; i = (i + 1) & (t->slot_count - 1)) {
        if (t->slots[i]->hash == hash && key_matches(t->slots[i], en, keys))
            return t->slots[i];
    }
    return NULL;
}

static void slot_put(struct series **slots, size_t count, struct series *s)
{
    size_t i = s->hash & (count - 1);
    while (slots[i])
        i = (i + 1) & (count - 1);
    slots[i] = s;
}

static bool table_resize(struct key_table *t, size_t count)
{
    struct series **slots = calloc(count, sizeof(struct series *));
    if (!slots)
        return false;
    for (size_t i = 0; i < t->slot_count; i++) {
        if (t->slots[i])
            slot_put(slots, count, t->slots[i]);
    }
    free(t->slots);
    t->slots = slots;
    t->slot_count = count;
    return true;
}

static struct series *series_add(struct key_table *t, const struct feature_entity *en, const struct str *keys, uint64_t hash)
{
    if ((t->len + 1) * 2 > t->slot_count && !table_resize(t, t->slot_count ? t->slot_count * 2 : 64))
        return NULL;
    size_t bytes = 0;
    for (size_t i = 0; i < en->key_len; i++)
        bytes += sizeof(uint32_t) + keys[en->keys[i]].len;
    struct series *s = calloc(1, sizeof *s + bytes);
    if (!s)
        return NULL;
    s->hash = hash;
    s->key_bytes = (uint32_t)bytes;
    char *p = s->key;
    for (size_t i = 0; i < en->key_len; i++) {
        struct str part = keys[en->keys[i]];
        uint32_t n = (uint32_t)part.len;
        memcpy(p, &n, sizeof n);
        memcpy(p + sizeof n, part.p, n);
        p += sizeof n + n;
    }
    slot_put(t->slots, t->slot_count, s);
    t->len++;
    return s;
}

/* ---- series ---- */

/* The first place in [from, to) whose instant is after t. */
static uint32_t upper(const int64_t *at, uint32_t from, uint32_t to, int64_t t)
{
    while (from < to) {
        uint32_t mid = from + (to - from) / 2;
        if (at[mid] <= t)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

static uint32_t sum_before(const struct series *s, uint32_t i)
{
    return i > s->head ? s->sum[i - 1] : s->base;
}

static void series_expire(struct series *s, int64_t until)
{
    uint32_t keep = upper(s->at, s->head, s->len, until);
    s->base = sum_before(s, keep);
    s->head = keep;
    if (s->head < 64 || s->head < s->len / 2)
        return;
    memmove(s->at, s->at + s->head, (s->len - s->head) * sizeof *s->at);
    memmove(s->sum, s->sum + s->head, (s->len - s->head) * sizeof *s->sum);
    s->len -= s->head;
    s->head = 0;
}

static bool series_reserve(struct series *s, int64_t until)
{
    if (s->len < s->cap)
        return true;
    series_expire(s, until);
    if (s->len < s->cap)
        return true;
    if (s->cap > UINT32_MAX / 4)
        return false;
    uint32_t cap = s->cap ? s->cap * 2 : 8;
    int64_t *at = realloc(s->at, cap * sizeof *at);
    if (!at)
        return false;
    s->at = at;
    uint32_t *sum = realloc(s->sum, cap * sizeof *sum);
    if (!sum)
        return false;
    s->sum = sum;
    s->cap = cap;
    return true;
}

/* Room is there. */
static void series_insert(struct series *s, int64_t at, bool flagged)
{
    uint32_t i = s->len;
    if (i > s->head && s->at[i - 1] > at) {
        i = upper(s->at, s->head, s->len, at);
        memmove(s->at + i + 1, s->at + i, (s->len - i) * sizeof *s->at);
        memmove(s->sum + i + 1, s->sum + i, (s->len - i) * sizeof *s->sum);
    }
    uint32_t before = sum_before(s, i);
    s->at[i] = at;
    s->sum[i] = before + flagged;
    s->len++;
    for (uint32_t k = i + 1; flagged && k < s->len; k++)
        s->sum[k]++;
}

/* ---- ids ---- */

static void id_put(struct id_item *slots, size_t count, uint64_t seed, struct id_item item)
{
    size_t i = hash64(&item.id, sizeof item.id, seed) & (count - 1);
    while (slots[i].at != INT64_MIN)
        i = (i + 1) & (count - 1);
    slots[i] = item;
}

/* Rebuilds the set without what has expired, with room to spare. */
static bool ids_grow(struct window_index *x)
{
    size_t live = 0;
    for (size_t i = 0; i < x->id_slots; i++)
        live += x->ids[i].at != INT64_MIN && x->ids[i].at > cutoff(x);
    size_t count = 1024;
    while (count < live * 4)
        count *= 2;
    struct id_item *slots = malloc(count * sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < count; i++)
        slots[i].at = INT64_MIN;
    for (size_t i = 0; i < x->id_slots; i++) {
        if (x->ids[i].at != INT64_MIN && x->ids[i].at > cutoff(x))
            id_put(slots, count, x->seed, x->ids[i]);
    }
    free(x->ids);
    x->ids = slots;
    x->id_slots = count;
    x->id_len = live;
    return true;
}

static bool id_known(const struct window_index *x, int64_t id)
{
    if (!x->id_slots)
        return false;
    size_t i = hash64(&id, sizeof id, x->seed) & (x->id_slots - 1);
    for (; x->ids[i].at != INT64_MIN; i = (i + 1) & (x->id_slots - 1)) {
        if (x->ids[i].id == id)
            return true;
    }
    return false;
}

/* ---- the index ---- */

/* Drops what has expired from every series, and keys that are left empty. */
static void sweep(struct window_index *x)
{
    for (size_t e = 0; e < x->view->entity_len; e++) {
        struct key_table *t = &x->tables[e];
        size_t empty = 0;
        for (size_t i = 0; i < t->slot_count; i++) {
            if (!t->slots[i])
                continue;
            series_expire(t->slots[i], cutoff(x));
            empty += t->slots[i]->head == t->slots[i]->len;
        }
        if (empty * 2 <= t->len)
            continue;
        struct series **slots = calloc(t->slot_count, sizeof(struct series *));
        if (!slots)
            continue; /* the next sweep tries again */
        for (size_t i = 0; i < t->slot_count; i++) {
            struct series *s = t->slots[i];
            if (s && s->head < s->len)
                slot_put(slots, t->slot_count, s);
            else if (s)
                series_free(s);
        }
        free(t->slots);
        t->slots = slots;
        t->len -= empty;
    }
    x->swept_us = x->newest_us;
}

enum window_insert window_index_insert(struct window_index *x, const struct str *keys, int64_t at_us, bool flagged, int64_t id)
{
    const struct feature_view *v = x->view;
    bool with_id = v->id_field.len > 0;
    struct series *found[FEATURE_ENTITIES_MAX];
    if (at_us <= cutoff(x))
        return WINDOW_EXPIRED;
    if (with_id && id_known(x, id))
        return WINDOW_DUPLICATE;
    /* All room is made before the first change, so that a refused allocation changes nothing. */
    if (with_id && (x->id_len + 1) * 2 > x->id_slots && !ids_grow(x))
        return WINDOW_NO_MEMORY;
    for (size_t e = 0; e < v->entity_len; e++) {
        uint64_t hash = 0;
        found[e] = NULL;
        if (!key_hash(x, &v->entities[e], keys, &hash))
            continue;
        found[e] = series_find(&x->tables[e], &v->entities[e], keys, hash);
        if (!found[e])
            found[e] = series_add(&x->tables[e], &v->entities[e], keys, hash);
        if (!found[e] || !series_reserve(found[e], cutoff(x)))
            return WINDOW_NO_MEMORY;
    }
    for (size_t e = 0; e < v->entity_len; e++) {
        if (found[e])
            series_insert(found[e], at_us, flagged);
    }
    if (with_id) {
        id_put(x->ids, x->id_slots, x->seed, (struct id_item){id, at_us});
        x->id_len++;
    }
    if (at_us > x->newest_us)
        x->newest_us = at_us;
    if (x->swept_us == INT64_MIN)
        x->swept_us = x->newest_us;
    else if (x->newest_us - x->swept_us > TIME_US_PER_DAY)
        sweep(x);
    return WINDOW_ADDED;
}

void window_index_read(const struct window_index *x, const struct str *keys, int64_t t_us, struct feature_tally *tallies)
{
    const struct feature_view *v = x->view;
    for (size_t e = 0; e < v->entity_len; e++) {
        struct feature_tally *out = &tallies[e * v->window_len];
        uint64_t hash = 0;
        const struct series *s = NULL;
        if (key_hash(x, &v->entities[e], keys, &hash))
            s = series_find(&x->tables[e], &v->entities[e], keys, hash);
        if (!s) {
            memset(out, 0, v->window_len * sizeof *out);
            continue;
        }
        uint32_t high = upper(s->at, s->head, s->len, t_us);
        uint32_t flagged = sum_before(s, high);
        /* Widest first: each narrower window begins at or behind the one before. */
        uint32_t low = s->head;
        for (size_t w = v->window_len; w-- > 0;) {
            low = upper(s->at, low, high, t_us - v->windows[w].width_us);
            out[w] = (struct feature_tally){high - low, flagged - sum_before(s, low)};
        }
    }
}

int64_t window_index_newest(const struct window_index *x)
{
    return x->newest_us;
}

struct window_stats window_index_stats(const struct window_index *x)
{
    struct window_stats r = {.memory_bytes = x->id_slots * sizeof *x->ids + sizeof *x};
    for (size_t e = 0; e < x->view->entity_len; e++) {
        const struct key_table *t = &x->tables[e];
        uint64_t events = 0;
        r.keys += t->len;
        r.memory_bytes += t->slot_count * sizeof *t->slots;
        for (size_t i = 0; i < t->slot_count; i++) {
            const struct series *s = t->slots[i];
            if (!s)
                continue;
            events += s->len - s->head;
            r.memory_bytes += sizeof *s + s->key_bytes + s->cap * (sizeof *s->at + sizeof *s->sum);
        }
        r.events = events > r.events ? events : r.events; /* events with a null key miss in some entity */
    }
    return r;
}
