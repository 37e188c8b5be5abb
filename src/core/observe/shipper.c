/* The thread sleeps until LIMIT_TRACE_BATCH spans wait or the oldest has waited for the delay, takes up to that many, and sends them as
 * one message. A message that fails in a way that may pass is tried again after 1, 2, 4 ... seconds, up to
 * LIMIT_TRACE_BACKOFF_MS, each with up to a quarter added by chance so that servers do not come back all at once; a Retry-After of the
 * receiver stands above that. Meanwhile the queue fills and its oldest entries go: whoever looks at traces of an outage wants the latest. */
#include "core/observe/shipper.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/time.h"

enum { BATCH_TRACES = LIMIT_TRACE_BATCH };

struct item {
    struct item *next;
    struct trace *trace;
    size_t bytes;
    int64_t at_ms;
};
struct shipper {
    struct telemetry *sink;
    int64_t delay_ms;
    pthread_t thread;
    struct mutex lock;
    struct cond wake;
    struct item *first, **last;
    size_t bytes, spans;
    bool stopping;
    int64_t stop_ms;          /* when the last message must be out */
    atomic_bool cut;          /* ends a sending under way */
    struct tracer_stats stats;
};
struct batch {
    const struct trace *traces[BATCH_TRACES];
    size_t count, spans;
};

static struct item *item_pop(struct shipper *s)
{
    struct item *i = s->first;
    s->first = i->next;
    if (!s->first)
        s->last = &s->first;
    s->bytes -= i->bytes;
    s->spans -= i->trace->span_count;
    return i;
}

static void item_destroy(struct item *i)
{
    free(i->trace);
    free(i);
}

void shipper_take(struct shipper *s, struct trace *take_trace, size_t bytes)
{
    struct item *item = malloc(sizeof *item);
    if (!item)
        abort();
    *item = (struct item){.trace = take_trace, .bytes = bytes + sizeof *item, .at_ms = time_mono_ms()};
    LOCK(&s->lock);
    bool first = !s->first;
    *s->last = item;
    s->last = &item->next;
    s->bytes += item->bytes;
    s->spans += take_trace->span_count;
    while (s->bytes > LIMIT_TRACE_QUEUE_BYTES) {
        struct item *old = item_pop(s);
        s->stats.dropped_spans += old->trace->span_count;
        item_destroy(old);
    }
    if (first || s->spans >= LIMIT_TRACE_BATCH)
        cond_signal(&s->wake);
}

/* ---- the thread ---- */

/* Waits until there is something worth sending. False: it stops and nothing is left. */
static bool batch_take(struct shipper *s, struct batch *b)
{
    *b = (struct batch){0};
    LOCK(&s->lock);
    while (!s->stopping && s->spans < LIMIT_TRACE_BATCH) {
        int64_t left = s->first ? s->first->at_ms + s->delay_ms - time_mono_ms() : INT64_MAX;
        if (left <= 0)
            break;
        if (s->first)
            (void)cond_wait_ms(&s->wake, &s->lock, left);
        else
            cond_wait(&s->wake, &s->lock);
    }
    while (s->first && b->count < BATCH_TRACES && b->spans < LIMIT_TRACE_BATCH) {
        struct item *i = item_pop(s);
        b->traces[b->count++] = i->trace;
        b->spans += i->trace->span_count;
        free(i);
    }
    return b->count > 0;
}

static int64_t pause_of(int attempt, int64_t wish_ms)
{
    int64_t ms = 1000;
    for (int i = 1; i < attempt && ms < LIMIT_TRACE_BACKOFF_MS; i++)
        ms *= 2;
    ms = ms < LIMIT_TRACE_BACKOFF_MS ? ms : LIMIT_TRACE_BACKOFF_MS;
    uint32_t chance;
    hash_random(&chance, sizeof chance);
    ms += ms * (int64_t)(chance % 256) / 1024;
    wish_ms = wish_ms < LIMIT_TRACE_RETRY_AFTER_MS ? wish_ms : LIMIT_TRACE_RETRY_AFTER_MS;
    return wish_ms > ms ? wish_ms : ms;
}

/* False: there is no time left for another attempt. */
static bool pause_wait(struct shipper *s, int64_t ms)
{
    int64_t until = time_mono_ms() + ms;
    LOCK(&s->lock);
    s->stats.retries++;
    for (int64_t now; (now = time_mono_ms()) < until;) {
        if (s->stopping && until > s->stop_ms)
            return false;
        (void)cond_wait_ms(&s->wake, &s->lock, until - now);
    }
    return true;
}

static void batch_over(struct shipper *s, const struct batch *b, bool sent, uint64_t rejected)
{
    LOCK(&s->lock);
    rejected = !sent || rejected > b->spans ? b->spans : rejected;
    s->stats.messages += sent;
    s->stats.sent_spans += b->spans - rejected;
    s->stats.dropped_spans += rejected;
}

static void batch_send(struct shipper *s, struct op *op, const struct batch *b)
{
    const int64_t give_up = time_mono_ms() + LIMIT_TRACE_GIVE_UP_MS;
    struct telemetry_answer answer = {0};
    enum err e = OK;
    bool again = true;
    for (int attempt = 1; again; attempt++) {
        op_clear(op);
        e = telemetry_send(op, s->sink, b->traces, b->count, &s->cut, &answer);
        again = (e == E_BUSY || e == E_IO || e == E_TIMEOUT) && time_mono_ms() < give_up && pause_wait(s, pause_of(attempt, answer.retry_after_ms));
    }
    if (e)
        log_at(LOG_WARN, "trace.dropped", {"spans", LOG_I(b->spans)}, {"error", LOG_C(op->msg ? op->msg : err_name(e))});
    batch_over(s, b, !e, answer.rejected);
}

static void *shipper_thread(void *arg)
{
    struct shipper *s = arg;
    struct arena *arena = arena_create(LIMIT_REQUEST_ARENA);
    struct batch b;
    while (batch_take(s, &b)) {
        struct op op;
        op_init(&op, arena);
        batch_send(s, &op, &b);
        for (size_t i = 0; i < b.count; i++)
            free((struct trace *)(uintptr_t)b.traces[i]);
        arena_reset(arena);
    }
    arena_destroy(arena);
    return NULL;
}

/* ---- life ---- */

struct shipper *shipper_create(struct telemetry *sink, int64_t delay_ms)
{
    struct shipper *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->sink = sink;
    s->delay_ms = delay_ms > 0 ? delay_ms : LIMIT_TRACE_DELAY_MS;
    s->last = &s->first;
    mutex_init(&s->lock);
    cond_init(&s->wake);
    s->thread = thread_start("telemetry", shipper_thread, s);
    return s;
}

/* A message that hangs at the end is cut off by a second thread's hand: the one that stops. */
static void shipper_end(struct shipper *s)
{
    mutex_lock(&s->lock);
    s->stopping = true;
    s->stop_ms = time_mono_ms() + LIMIT_TRACE_STOP_MS;
    cond_broadcast(&s->wake);
    mutex_unlock(&s->lock);
    for (;;) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 50000000;
        if (until.tv_nsec >= 1000000000)
            until.tv_sec++, until.tv_nsec -= 1000000000;
        if (!pthread_timedjoin_np(s->thread, NULL, &until))
            return;
        if (time_mono_ms() >= s->stop_ms)
            atomic_store(&s->cut, true);
    }
}

void shipper_destroy(struct shipper *s)
{
    if (!s)
        return;
    shipper_end(s);
    while (s->first)
        item_destroy(item_pop(s));
    cond_clear(&s->wake);
    mutex_clear(&s->lock);
    free(s);
}

void shipper_stats(struct shipper *s, struct tracer_stats *ret)
{
    LOCK(&s->lock);
    uint64_t sampled = ret->sampled;
    *ret = s->stats;
    ret->sampled = sampled;
    ret->queued_bytes = s->bytes;
}
