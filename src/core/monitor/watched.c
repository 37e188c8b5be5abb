#include "core/monitor/watched.h"

#include <assert.h>
#include <stdlib.h>

#define EVENT_TIME_MAX 4000000000000000000 /* beyond it window arithmetic could overflow */

struct watched *watched_create(struct str name)
{
    assert(name.len <= LIMIT_MONITOR_ENDPOINT_NAME);
    struct watched *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    memcpy(e->name, name.p, name.len);
    e->name_len = name.len;
    monitor_config_default(&e->config);
    e->window_us = e->config.window_us;
    e->closed_until_us = e->watermark_us = e->latest_event_us = e->last_trigger_us = INT64_MIN;
    mutex_init(&e->record);
    mutex_init(&e->labels);
    if (!watched_fit_states(e, NULL, 0)) {
        watched_destroy(e);
        return NULL;
    }
    return e;
}

static void names_free(struct str *names, size_t n)
{
    for (size_t i = 0; names && i < n; i++)
        free((void *)(uintptr_t)names[i].p);
    free(names);
}

void watched_destroy(struct watched *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < e->open_count; i++)
        predbuf_destroy(e->open[i]);
    for (int i = 0; i < LIMIT_ROLLOUT_ARMS; i++) {
        free(e->requests.slot[i]);
        free(e->spare.slot[i]);
    }
    reference_destroy(e->reference);
    free(e->states);
    names_free(e->state_names, e->state_features);
    mutex_clear(&e->record);
    mutex_clear(&e->labels);
    free(e);
}

struct str watched_name(const struct watched *e)
{
    return (struct str){e->name, e->name_len};
}

/* ---- recording ---- */
static int64_t window_start(int64_t t, int64_t length)
{
    int64_t rest = t % length;
    return t - (rest < 0 ? rest + length : rest);
}

/* The open window for an event time, made when there is none. NULL: no room. */
static struct predbuf *window_for(struct watched *e, int64_t event_us)
{
    for (size_t i = e->open_count; i-- > 0;) {
        struct predbuf *b = e->open[i];
        if (event_us >= predbuf_start(b) && event_us < predbuf_end(b))
            return b;
    }
    if (e->open_count == LIMIT_MONITOR_OPEN_WINDOWS)
        return NULL;
    int64_t start = window_start(event_us, e->window_us);
    struct predbuf *b = predbuf_create(start, start + e->window_us, e->features);
    if (b)
        e->open[e->open_count++] = b;
    return b;
}

/* The counts of this version, made when it is new; older rollouts' give way. NULL: no room. */
static struct watched_requests *requests_of(struct watched_table *t, int64_t rollout, int64_t version)
{
    int vacant = -1;
    for (int i = 0; i < LIMIT_ROLLOUT_ARMS; i++) {
        const struct watched_requests *r = t->slot[i];
        if (r && r->n && r->version == version && r->rollout == rollout)
            return t->slot[i];
        if (vacant < 0 && (!r || !r->n))
            vacant = i;
    }
    for (int i = 0; vacant < 0 && i < LIMIT_ROLLOUT_ARMS; i++)
        if (t->slot[i]->rollout < rollout)
            vacant = i; /* another rollout began: the old counts belong to nobody */
    if (vacant < 0)
        return NULL;
    if (!t->slot[vacant])
        t->slot[vacant] = malloc(sizeof *t->slot[vacant]);
    if (t->slot[vacant])
        *t->slot[vacant] = (struct watched_requests){.rollout = rollout, .version = version};
    return t->slot[vacant];
}

static bool unit_known(const struct watched_table *t, int64_t rollout, uint64_t unit)
{
    for (int i = 0; i < LIMIT_ROLLOUT_ARMS; i++)
        if (t->slot[i] && t->slot[i]->n && t->slot[i]->rollout == rollout && units_has(&t->slot[i]->units, unit))
            return true;
    return false;
}

static void count_request(struct watched *e, const struct prediction *p)
{
    latency_hist_add(&e->latency, p->latency_us);
    e->counts.errors += !p->ok;
    struct watched_requests *r = p->arm > ROLLOUT_ARM_CANDIDATE ? NULL : requests_of(&e->requests, p->rollout, p->version);
    if (!r)
        return;
    r->n++;
    r->errors += !p->ok;
    latency_hist_add(&r->latency, p->latency_us);
    if (p->more)
        return;
    if (!p->unit)
        r->unnamed++;
    else if (!unit_known(&e->requests, p->rollout, p->unit))
        units_add(&r->units, p->unit);
}

void watched_record(struct watched *e, const struct prediction *p, size_t n)
{
    LOCK(&e->record);
    for (size_t i = 0; i < n; i++) {
        count_request(e, &p[i]);
        bool sane = p[i].event_us > -EVENT_TIME_MAX && p[i].event_us < EVENT_TIME_MAX;
        struct predbuf *b = sane && e->open_rows < LIMIT_MONITOR_OPEN_ROWS ? window_for(e, p[i].event_us) : NULL;
        if (!b || !predbuf_append(b, &p[i])) {
            e->counts.dropped++;
            continue;
        }
        e->open_rows++;
        e->counts.recorded++;
        e->counts.late += p[i].event_us < e->closed_until_us;
        e->counts.bad_features += p[i].features && p[i].feature_count != predbuf_features(b);
        e->latest_event_us = p[i].event_us > e->latest_event_us ? p[i].event_us : e->latest_event_us;
    }
}

/* ---- the label side ---- */
static int by_start(const void *a, const void *b)
{
    int64_t x = predbuf_start(*(struct predbuf *const *)a), y = predbuf_start(*(struct predbuf *const *)b);
    return (x > y) - (x < y);
}

static void count_rows(struct due *d)
{
    qsort(d->windows, d->count, sizeof *d->windows, by_start);
    for (size_t i = 0; i < d->count; i++)
        d->rows[i] = predbuf_rows(d->windows[i]);
}

void watched_look(struct watched *e, struct due *ret)
{
    LOCK(&e->record);
    ret->count = e->open_count;
    memcpy(ret->windows, e->open, e->open_count * sizeof *e->open);
    count_rows(ret);
}

void watched_detach(struct watched *e, int64_t until_us, struct due *ret)
{
    LOCK(&e->record);
    ret->count = 0;
    size_t kept = 0;
    for (size_t i = 0; i < e->open_count; i++) {
        if (predbuf_end(e->open[i]) <= until_us)
            ret->windows[ret->count++] = e->open[i];
        else
            e->open[kept++] = e->open[i];
    }
    e->open_count = kept;
    count_rows(ret);
    for (size_t i = 0; i < ret->count; i++)
        e->open_rows -= ret->rows[i];
}

/* While a window was out, rows of its time may have opened another one; then both stand, and if the table is full the
 * newcomer's rows have to be counted as dropped. */
void watched_put_back(struct watched *e, const struct due *due)
{
    LOCK(&e->record);
    for (size_t i = 0; i < due->count; i++) {
        if (e->open_count == LIMIT_MONITOR_OPEN_WINDOWS) {
            struct predbuf *newest = e->open[--e->open_count];
            e->counts.dropped += predbuf_rows(newest);
            e->counts.recorded -= predbuf_rows(newest);
            e->open_rows -= predbuf_rows(newest);
            predbuf_destroy(newest);
        }
        memmove(&e->open[1], &e->open[0], e->open_count++ * sizeof *e->open);
        e->open[0] = due->windows[i];
        e->open_rows += due->rows[i];
    }
}

void watched_drain_requests(struct watched *e)
{
    LOCK(&e->record);
    struct watched_table full = e->requests;
    e->requests = e->spare;
    e->spare = full;
}

void watched_forget_requests(struct watched *e)
{
    for (int i = 0; i < LIMIT_ROLLOUT_ARMS; i++)
        if (e->spare.slot[i])
            *e->spare.slot[i] = (struct watched_requests){0};
}

/* What was drained came first, so its units' bits stay where they were. */
static void requests_merge(struct watched_table *t, const struct watched_requests *then)
{
    struct watched_requests *now = requests_of(t, then->rollout, then->version);
    if (!now)
        return;
    for (int i = 0; i < LIMIT_ROLLOUT_ARMS; i++)
        if (t->slot[i] && t->slot[i]->rollout == then->rollout)
            units_subtract(&t->slot[i]->units, &then->units);
    now->n += then->n;
    now->errors += then->errors;
    now->unnamed += then->unnamed;
    latency_hist_merge(&now->latency, &then->latency);
    (void)units_merge(&now->units, &then->units);
}

void watched_restore_requests(struct watched *e)
{
    {
        LOCK(&e->record);
        for (int i = 0; i < LIMIT_ROLLOUT_ARMS; i++)
            if (e->spare.slot[i] && e->spare.slot[i]->n)
                requests_merge(&e->requests, e->spare.slot[i]);
    }
    watched_forget_requests(e);
}

static size_t name_index(const struct str *names, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(names[i], name))
            return i;
    return SIZE_MAX;
}

bool watched_fit_states(struct watched *e, const struct str *names, size_t features)
{
    struct rule_state *states = calloc(rules_slots(features), sizeof *states);
    struct str *copies = calloc(features + 1, sizeof *copies);
    bool room = states && copies;
    for (size_t f = 0; room && f < features; f++) {
        char *text = malloc(names[f].len + 1);
        room = text != NULL;
        if (room)
            memcpy(text, names[f].p, names[f].len);
        copies[f] = (struct str){text, names[f].len};
    }
    if (!room) {
        free(states);
        names_free(copies, features);
        return false;
    }
    size_t single = rules_slots(0), per_feature = rules_slots(1) - single;
    if (e->states) {
        memcpy(states, e->states, single * sizeof *states);
        for (size_t f = 0; f < features; f++) {
            size_t old = name_index(e->state_names, e->state_features, names[f]);
            for (size_t r = 0; old != SIZE_MAX && r < per_feature; r++)
                states[single + r * features + f] = e->states[single + r * e->state_features + old];
        }
    }
    free(e->states);
    names_free(e->state_names, e->state_features);
    e->states = states;
    e->state_names = copies;
    e->state_features = features;
    return true;
}
