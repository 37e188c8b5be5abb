#include "app/ticker.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/time.h"
#include "core/payload/store.h"
#include "core/retention/rules.h"

struct ticker {
    struct ticker_config config;
    struct mutex lock;
    struct cond wake;
    bool stopping;
    int64_t retention_due_ms; /* monotonic */
    pthread_t thread;
};

static bool is_stopping(struct ticker *t)
{
    LOCK(&t->lock);
    return t->stopping;
}

/* Writes what the endpoint's rollout has recorded since the last time, so that a kill loses little of it, and follows what it decides. */
static enum err live_flush(struct op *op, struct ticker *t, struct str endpoint)
{
    struct monitor_stats stats;
    struct rollout_decision shadow;
    if (!t->config.live || !rollout_live_pending(t->config.live, endpoint) || !monitor_stats(t->config.monitor, endpoint, &stats) ||
        stats.latest_event_us == INT64_MIN)
        return OK;
    enum err e = rollout_live_flush(op, t->config.db, t->config.live, endpoint, stats.latest_event_us, &shadow);
    return e ? e : serve_apply(op, t->config.serve, endpoint, &shadow);
}

static void look(struct op *op, struct ticker *t, struct str endpoint)
{
    struct monitor_report *report = NULL;
    size_t started = 0;
    enum err e = monitor_tick(op, t->config.monitor, endpoint, &report);
    if (e == E_NOT_FOUND) /* nobody has asked it anything yet */
        return;
    if (!e)
        e = live_flush(op, t, endpoint);
    if (!e)
        e = serve_react(op, t->config.serve, &t->config.retrainer, endpoint, report, &started);
    if (e)
        log_at(LOG_ERROR, "ticker.failed", {"endpoint", LOG_S(endpoint)}, {"error", LOG_C(op->msg)});
    else if (report->window_count || started)
        log_at(LOG_INFO, "ticker.closed", {"endpoint", LOG_S(endpoint)}, {"windows", LOG_I((int64_t)report->window_count)},
               {"alerts", LOG_I((int64_t)report->alert_count)}, {"retrains", LOG_I((int64_t)started)});
}

static void write_live(struct op *op, struct ticker *t, struct str endpoint)
{
    if (live_flush(op, t, endpoint))
        log_at(LOG_ERROR, "ticker.rollout", {"endpoint", LOG_S(endpoint)}, {"error", LOG_C(op->msg)});
}

/* The names lie in an arena of their own: each look's memory is given back before the next. */
static void each_endpoint(struct ticker *t, struct arena *names_arena, struct arena *arena, void (*fn)(struct op *, struct ticker *, struct str), bool to_the_end)
{
    struct op op;
    struct str *names = NULL;
    op_init(&op, names_arena);
    size_t n = serve_list(&op, t->config.serve, &names);
    for (size_t i = 0; i < n && (to_the_end || !is_stopping(t)); i++) {
        struct op each;
        op_init(&each, arena);
        each.actor.name = STR("ticker");
        fn(&each, t, names[i]);
        arena_reset(arena);
    }
    arena_reset(names_arena);
}

static void retain(struct ticker *t, struct arena *arena)
{
    int64_t now_ms = time_mono_ms();
    if (!t->config.retention_ms || now_ms < t->retention_due_ms)
        return;
    t->retention_due_ms = now_ms + t->config.retention_ms;
    struct op op;
    struct rules_report r = {0};
    op_init(&op, arena);
    op.actor.name = STR("retention");
    op.deadline_ms = now_ms + LIMIT_RETENTION_TURN_MS;
    enum err e = retention_apply(&op, t->config.db, &r);
    op.deadline_ms = 0;
    if (e == E_TIMEOUT)
        t->retention_due_ms = 0; /* goes on after the next look at the endpoints */
    else if (e)
        log_at(LOG_ERROR, "ticker.retention", {"error", LOG_C(op.msg)});
    if (r.deleted || r.purged)
        log_at(LOG_INFO, "ticker.retention", {"deleted", LOG_I(r.deleted)}, {"purged", LOG_I(r.purged)}, {"kept", LOG_I(r.kept)});
    int64_t files = 0;
    op_clear(&op);
    if (payload_expire(&op, t->config.db, &files))
        log_at(LOG_ERROR, "ticker.retention", {"error", LOG_C(op.msg)});
    if (files)
        log_at(LOG_INFO, "ticker.retention", {"payload_files", LOG_I(files)});
    arena_reset(arena);
}

/* False when stopping. */
static bool pause_for(struct ticker *t, int64_t ms)
{
    int64_t end_ms = time_mono_ms() + ms;
    LOCK(&t->lock);
    for (int64_t left; !t->stopping && (left = end_ms - time_mono_ms()) > 0;)
        cond_wait_ms(&t->wake, &t->lock, left);
    return !t->stopping;
}

/* Until the next beat: at full seconds by the wall clock, so that what is noted belongs to one second. */
static int64_t beat_ms(const struct ticker *t)
{
    int64_t beat = LIMIT_ROLLOUT_FLUSH_MS < LIMIT_SERVE_TREND_BEAT_MS ? LIMIT_ROLLOUT_FLUSH_MS : LIMIT_SERVE_TREND_BEAT_MS;
    if (t->config.interval_ms < beat)
        return t->config.interval_ms;
    int64_t left_ms = beat - time_now_us() / 1000 % beat;
    return left_ms < beat / 8 ? left_ms + beat : left_ms; /* woken a little early: that beat is over */
}

/* Looks at everything once in an interval, and writes what rollouts recorded in between, more often. */
static void *ticker_main(void *arg)
{
    struct ticker *t = arg;
    struct arena *names = arena_create(LIMIT_MIB(1)), *arena = arena_create(LIMIT_REQUEST_ARENA);
    int64_t look_ms = time_mono_ms() + t->config.interval_ms;
    while (pause_for(t, beat_ms(t))) {
        if (t->config.trend)
            trend_sample(t->config.trend, t->config.serve, time_now_us());
        bool due = time_mono_ms() >= look_ms;
        if (!due && (!t->config.live || !rollout_live_pending(t->config.live, STR(""))))
            continue;
        each_endpoint(t, names, arena, due ? look : write_live, false);
        if (!due)
            continue;
        retain(t, arena);
        look_ms = time_mono_ms() + t->config.interval_ms;
    }
    if (t->config.live && rollout_live_pending(t->config.live, STR(""))) /* an orderly end loses nothing */
        each_endpoint(t, names, arena, write_live, true);
    arena_destroy(arena);
    arena_destroy(names);
    return NULL;
}

struct ticker *ticker_start(const struct ticker_config *config)
{
    struct ticker *t = calloc(1, sizeof *t);
    if (!t)
        abort();
    t->config = *config;
    mutex_init(&t->lock);
    cond_init(&t->wake);
    t->thread = thread_start("ticker", ticker_main, t);
    return t;
}

void ticker_stop(struct ticker *t)
{
    if (!t)
        return;
    mutex_lock(&t->lock);
    t->stopping = true;
    cond_broadcast(&t->wake);
    mutex_unlock(&t->lock);
    thread_join(t->thread);
    cond_clear(&t->wake);
    mutex_clear(&t->lock);
    free(t);
}
