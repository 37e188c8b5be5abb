#include "core/streaming/flight.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/time.h"

enum { PAUSE_MS = 20, PAUSE_MAX_MS = 1000 };

void flight_init(struct flight *f, size_t slots)
{
    *f = (struct flight){.slots = calloc(slots, sizeof(*f->slots)), .slot_count = slots};
    if (!f->slots)
        abort();
    mutex_init(&f->lock);
    cond_init(&f->over);
    for (size_t i = 0; i < slots; i++) {
        f->slots[i].arena = arena_create(LIMIT_REQUEST_ARENA);
        f->slots[i].flight = f;
    }
}

void flight_clear(struct flight *f)
{
    for (size_t i = 0; i < f->slot_count; i++)
        arena_destroy(f->slots[i].arena);
    free(f->slots);
    cond_clear(&f->over);
    mutex_clear(&f->lock);
}

/* ---- one record ---- */

static void *slot_begin(void *arg)
{
    struct flight_slot *s = arg;
    LOCK(&s->flight->lock);
    s->flight->pending++;
    return s;
}

static void slot_done(void *token, enum err e)
{
    struct flight_slot *s = token;
    struct flight *f = s->flight;
    LOCK(&f->lock);
    s->err = e;
    if (--f->pending == 0)
        cond_signal(&f->over);
}

static enum err slot_decode(struct flight_slot *s, const struct flight_ask *ask, const struct infer_signature *sig)
{
    s->question = (struct streaming_question){.key = STR("")};
    return ask->codec->decode(ask->codec->arg, &s->op, s->record, ask->info, sig, &s->question);
}

/* Its answer is there when this returns, or slot_done will be called. */
static void slot_ask(struct flight_slot *s, const struct flight_ask *ask)
{
    struct infer_signature sig;
    arena_reset(s->arena);
    op_init(&s->op, s->arena);
    s->err = OK;
    enum err e = serve_signature(&s->op, ask->endpoint, 0, &sig);
    if (!e)
        e = slot_decode(s, ask, &sig);
    if (!e) {
        s->question.infer.started_ns = time_mono_ns();
        e = serve_infer_start(&s->op, ask->endpoint, &s->question.infer, &s->answer, &(struct infer_later){slot_begin, slot_done, s});
    }
    if (e)
        s->err = e;
}

static void flight_wait(struct flight *f)
{
    LOCK(&f->lock);
    while (f->pending)
        cond_wait(&f->over, &f->lock);
}

/* ---- those that may be better next time ---- */

static bool may_pass(enum err e)
{
    return e == E_BUSY || e == E_TIMEOUT || e == E_IO || e == E_CANCELLED;
}

static void slot_retry(struct flight *f, struct flight_slot *s, const struct flight_ask *ask)
{
    int64_t pause_ms = PAUSE_MS;
    for (int i = 0; i < ask->retries && may_pass(s->err); i++) {
        for (int64_t left = pause_ms; left > 0 && !__atomic_load_n(ask->stop, __ATOMIC_RELAXED); left -= PAUSE_MS)
            time_sleep_ms(PAUSE_MS);
        pause_ms = pause_ms * 2 < PAUSE_MAX_MS ? pause_ms * 2 : PAUSE_MAX_MS;
        ++*ask->retried;
        slot_ask(s, ask);
        flight_wait(f);
    }
}

void flight_run(struct flight *f, const struct flight_ask *ask, const struct stream_record *records, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct flight_slot *s = &f->slots[i];
        s->record = &records[i];
        s->err = OK;
        if (records[i].has_value)
            slot_ask(s, ask);
    }
    flight_wait(f);
    for (size_t i = 0; i < n; i++)
        if (records[i].has_value && may_pass(f->slots[i].err))
            slot_retry(f, &f->slots[i], ask);
}
