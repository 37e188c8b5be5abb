/* live.c - one short lock per endpoint guards its sums and rings; the table of endpoints only grows while the server lives, so finding one
 * needs no lock (as in core/monitor). What counts for decisions is taken out as sums (live_take) and, when the database
 * refuses them, put back (live_put_back): merging is exact, so nothing is counted twice or lost. */
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
        joined++;
    }
    return joined;
}

bool rollout_live_take_shadow(struct rollout_live *live, struct str endpoint, int64_t rollout, struct rollout_shadow *ret)
{
    struct endpoint *e = find(live, endpoint);
    if (!e)
        return false;
    LOCK(&e->lock);
    if (e->rollout != rollout || !e->sums)
        return false;
    *ret = *e->sums;
    free(e->sums);
    e->sums = NULL;
    return true;
}

void rollout_live_put_back_shadow(struct rollout_live *live, struct str endpoint, int64_t rollout, const struct rollout_shadow *sums)
{
    struct endpoint *e = find(live, endpoint);
    if (!e)
        return;
    LOCK(&e->lock);
    if (e->rollout == rollout && sums_of(e))
        rollout_shadow_merge(e->sums, sums);
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
