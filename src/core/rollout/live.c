/* live.c - one short lock per endpoint guards its sums and rings; the table of endpoints only grows while the server lives, so finding one
 * needs no lock (as in core/monitor). What counts for decisions is taken out as sums (live_take), together with the journal's entries of the
 * same moment, and, when the database refuses them, put back (live_put_back): merging is exact, so nothing is counted twice or lost. */
#include "core/rollout/live.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/thread.h"
#include "core/rollout/idring.h"
#include "core/rollout/shadow.h"

enum { LIVE_ENDPOINTS = LIMIT_MONITOR_ENDPOINTS };

struct waiting_pair {
    float control, candidate;
};
struct endpoint {
    char name[LIMIT_MONITOR_ENDPOINT_NAME + 1];
    size_t name_len;
    struct mutex lock;
    int64_t rollout;               /* what the rest belongs to */
    double threshold;
    struct rollout_shadow *sums;   /* NULL until the first pair */
    struct idring *pairs, *notes;  /* NULL until needed */
    struct live_entry *entries;    /* for the journal: pending of room; at most LIMIT_ROLLOUT_NOTES, then new ones stay in memory alone */
    size_t pending, room;
};
struct rollout_live {
    uint64_t seed;
    struct mutex add;
    struct endpoint *endpoints[LIVE_ENDPOINTS];
    _Atomic size_t count;
};

struct rollout_live *rollout_live_create(void)
{
    struct rollout_live *live = calloc(1, sizeof *live);
    if (!live)
        abort();
    hash_random(&live->seed, sizeof live->seed);
    mutex_init(&live->add);
    return live;
}

static void forget(struct endpoint *e, int64_t rollout)
{
    free(e->sums);
    idring_destroy(e->pairs);
    idring_destroy(e->notes);
    e->sums = NULL;
    e->pairs = e->notes = NULL;
    free(e->entries);
    e->entries = NULL;
    e->pending = e->room = 0;
    e->rollout = rollout;
}

void rollout_live_destroy(struct rollout_live *live)
{
    if (!live)
        return;
    for (size_t i = 0; i < atomic_load(&live->count); i++) {
        forget(live->endpoints[i], 0);
        mutex_clear(&live->endpoints[i]->lock);
        free(live->endpoints[i]);
    }
    mutex_clear(&live->add);
    free(live);
}

static struct endpoint *find(struct rollout_live *live, struct str name)
{
    size_t n = atomic_load_explicit(&live->count, memory_order_acquire);
    for (size_t i = 0; i < n; i++) {
        struct endpoint *e = live->endpoints[i];
        if (e->name_len == name.len && !memcmp(e->name, name.p, name.len))
            return e;
    }
    return NULL;
}

/* NULL: a bad name or no place; then nothing is remembered. */
static struct endpoint *find_or_add(struct rollout_live *live, struct str name)
{
    struct endpoint *e = find(live, name);
    if (e || !name.len || name.len > LIMIT_MONITOR_ENDPOINT_NAME)
        return e;
    LOCK(&live->add);
    size_t n = atomic_load(&live->count);
    e = find(live, name);
    if (e || n == LIVE_ENDPOINTS)
        return e;
    e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    memcpy(e->name, name.p, name.len);
    e->name_len = name.len;
    mutex_init(&e->lock);
    live->endpoints[n] = e;
    atomic_store_explicit(&live->count, n + 1, memory_order_release);
    return e;
}

/* The endpoint is for this rollout now; false when what comes belongs to an older one. The lock is held. */
static bool belongs(struct endpoint *e, const struct rollout_weights *w)
{
    if (w->id > e->rollout)
        forget(e, w->id);
    return w->id == e->rollout;
}

/* Without room or memory the entry is not for the journal. The lock is held. */
static void pend(struct endpoint *e, const struct live_entry *entry)
{
    if (e->pending == e->room) {
        size_t room = e->room ? e->room * 2 : 64;
        struct live_entry *more = room <= LIMIT_ROLLOUT_NOTES ? realloc(e->entries, room * sizeof *more) : NULL;
        if (!more)
            return;
        e->entries = more;
        e->room = room;
    }
    e->entries[e->pending++] = *entry;
}

/* ---- recording ---- */
static struct rollout_shadow *sums_of(struct endpoint *e)
{
    if (!e->sums)
        e->sums = calloc(1, sizeof *e->sums);
    return e->sums;
}

void rollout_pair_record(struct rollout_live *live, struct str endpoint, const struct rollout_weights *w, const struct rollout_pair *pair)
{
    struct endpoint *e = w->active && w->shadow ? find_or_add(live, endpoint) : NULL;
    if (!e)
        return;
    LOCK(&e->lock);
    if (!belongs(e, w) || !sums_of(e))
        return;
    e->threshold = w->threshold;
    rollout_shadow_add(e->sums, pair, w->threshold, w->tolerance);
    if (!pair->control_ok || !pair->candidate_ok || !pair->outputs)
        return;
    bool evicted;
    if (!e->pairs)
        e->pairs = idring_create(sizeof(struct waiting_pair), LIMIT_ROLLOUT_PAIRS, live->seed);
    struct waiting_pair *p = idring_put(e->pairs, pair->id, &evicted);
    *p = (struct waiting_pair){pair->control_out[0], pair->candidate_out[0]};
    pend(e, &(struct live_entry){.id = pair->id, .event_us = pair->event_us, .a = p->control, .b = p->candidate, .kind = LIVE_PAIR});
}

void rollout_pair_dropped(struct rollout_live *live, struct str endpoint, const struct rollout_weights *w, uint64_t n)
{
    struct endpoint *e = w->active && w->shadow ? find_or_add(live, endpoint) : NULL;
    if (!e)
        return;
    LOCK(&e->lock);
    if (belongs(e, w) && sums_of(e))
        e->sums->dropped += n;
}

void rollout_note(struct rollout_live *live, struct str endpoint, const struct rollout_weights *w, int64_t id, int64_t event_us,
                  const struct rollout_pick *pick)
{
    if (!w->active || !w->arm_count || pick->arm == ROLLOUT_ARM_NONE)
        return;
    struct endpoint *e = find_or_add(live, endpoint);
    if (!e)
        return;
    LOCK(&e->lock);
    if (!belongs(e, w))
        return;
    bool evicted;
    if (!e->notes)
        e->notes = idring_create(sizeof(struct rollout_noted), LIMIT_ROLLOUT_NOTES, live->seed);
    struct rollout_noted *n = idring_put(e->notes, id, &evicted);
    *n = (struct rollout_noted){.event_us = event_us, .version = pick->version, .propensity = pick->propensity};
    pend(e, &(struct live_entry){.id = id, .event_us = event_us, .version = pick->version, .a = pick->propensity, .kind = LIVE_NOTE});
}

void rollout_live_restore(struct rollout_live *live, struct str endpoint, const struct rollout_weights *w, const struct live_entry *entry)
{
    struct endpoint *e = find_or_add(live, endpoint);
    bool evicted;
    if (!e)
        return;
    LOCK(&e->lock);
    if (!belongs(e, w))
        return;
    e->threshold = w->threshold;
    struct idring **ring = entry->kind == LIVE_PAIR ? &e->pairs : &e->notes;
    if (!*ring)
        *ring = entry->kind == LIVE_PAIR ? idring_create(sizeof(struct waiting_pair), LIMIT_ROLLOUT_PAIRS, live->seed)
                                         : idring_create(sizeof(struct rollout_noted), LIMIT_ROLLOUT_NOTES, live->seed);
    void *to = idring_put(*ring, entry->id, &evicted);
    if (entry->kind == LIVE_PAIR)
        *(struct waiting_pair *)to = (struct waiting_pair){entry->a, entry->b};
    else
        *(struct rollout_noted *)to = (struct rollout_noted){.event_us = entry->event_us, .version = entry->version, .propensity = entry->a};
}

/* ---- labels and rewards ---- */
size_t rollout_live_labels(struct rollout_live *live, struct str endpoint, const int64_t *ids, const uint8_t *labels, size_t n)
{
    struct endpoint *e = find(live, endpoint);
    size_t joined = 0;
    if (!e)
        return 0;
    LOCK(&e->lock);
    for (size_t i = 0; e->pairs && sums_of(e) && i < n; i++) {
        const struct waiting_pair *p = idring_find(e->pairs, ids[i]);
        if (!p)
            continue;
        rollout_shadow_label(e->sums, (double)p->control, (double)p->candidate, labels[i] != 0, e->threshold);
        idring_remove(e->pairs, ids[i]);
        pend(e, &(struct live_entry){.id = ids[i], .kind = LIVE_TAKEN});
        joined++;
    }
    return joined;
}

static bool endpoint_pending(struct endpoint *e)
{
    LOCK(&e->lock);
    return e->pending || e->sums;
}

bool rollout_live_pending(struct rollout_live *live, struct str endpoint)
{
    struct endpoint *one = endpoint.len ? find(live, endpoint) : NULL;
    if (endpoint.len)
        return one && endpoint_pending(one);
    size_t n = atomic_load_explicit(&live->count, memory_order_acquire);
    for (size_t i = 0; i < n; i++)
        if (endpoint_pending(live->endpoints[i]))
            return true;
    return false;
}

void rollout_live_take(struct rollout_live *live, struct str endpoint, int64_t rollout, struct rollout_shadow *ret_sums, bool *ret_taken,
                       struct live_batch *ret_batch)
{
    struct endpoint *e = find(live, endpoint);
    *ret_taken = false;
    *ret_batch = (struct live_batch){0};
    if (!e)
        return;
    LOCK(&e->lock);
    if (e->rollout < rollout)
        forget(e, rollout); /* nothing of an older one is wanted any more */
    if (e->rollout != rollout)
        return;
    if (ret_sums && e->sums) {
        *ret_sums = *e->sums;
        free(e->sums);
        e->sums = NULL;
        *ret_taken = true;
    }
    *ret_batch = (struct live_batch){e->entries, e->pending};
    e->entries = NULL;
    e->pending = e->room = 0;
}

void rollout_live_put_back(struct rollout_live *live, struct str endpoint, int64_t rollout, const struct rollout_shadow *sums,
                           struct live_batch *take_batch)
{
    struct endpoint *e = find(live, endpoint);
    if (e) {
        LOCK(&e->lock);
        if (sums && e->rollout == rollout && sums_of(e))
            rollout_shadow_merge(e->sums, sums);
        for (size_t i = 0; e->rollout == rollout && i < take_batch->n; i++)
            pend(e, &take_batch->entries[i]);
    }
    free(take_batch->entries);
    *take_batch = (struct live_batch){0};
}

void rollout_live_discard(struct rollout_live *live, struct str endpoint)
{
    struct endpoint *e = find(live, endpoint);
    if (!e)
        return;
    LOCK(&e->lock);
    free(e->sums);
    e->sums = NULL;
    e->pending = 0;
}

bool rollout_live_take_note(struct rollout_live *live, struct str endpoint, int64_t id, struct rollout_noted *ret)
{
    struct endpoint *e = find(live, endpoint);
    if (!e)
        return false;
    LOCK(&e->lock);
    const struct rollout_noted *n = e->notes ? idring_find(e->notes, id) : NULL;
    if (!n)
        return false;
    *ret = *n;
    ret->rollout = e->rollout;
    idring_remove(e->notes, id);
    return true;
}

void rollout_live_put_back_note(struct rollout_live *live, struct str endpoint, int64_t id, const struct rollout_noted *note)
{
    struct endpoint *e = find(live, endpoint);
    if (!e)
        return;
    LOCK(&e->lock);
    bool evicted;
    if (e->notes && e->rollout == note->rollout)
        *(struct rollout_noted *)idring_put(e->notes, id, &evicted) = *note;
}
