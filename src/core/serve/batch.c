/* Who runs next, and with whom.
 *
 * Threads. A model that takes long would hold up all requests of an I/O thread, so it runs here, on as many threads as there are
 * cores (more would only switch). A thread that is free takes the version that has used the least engine time among those that have
 * something to run and are below their limit of runs at a time; a version that comes to the queue after a rest starts from where the
 * others are, so it gains no credit by resting (start-time fair queueing: Goyal, Vin, Cheng 1997).
 *
 * Joining. A run over n rows takes fixed + n * row (cost.h). Requests that wait while all threads are busy are joined anyway. When a
 * thread is free it waits for one more request only as long as this pays: the k requests that wait lose `gap` each, the time to the
 * next arrival; one run less saves `fixed`. So it waits while k * gap < fixed, but no longer than twice the gap after the last
 * arrival (then the stream has ended), than max_delay_us after the first request came, or than what leaves the first to expire the
 * time to run; and not at all at a preferred size or when the batch is full. With few requests the gap is long, and nothing waits.
 * BentoML's dispatcher fits the same line; its waiting rule is another one.
 *
 * Order. Of one version: by priority, then those in time before those delayed, then by arrival. A batch is a prefix of that order, so
 * answers of one priority are made in the order of their requests.
 *
 * Who waits no more. A request that expires is refused by the clock thread at that time, even if all threads are busy; one
 * whose peer left is dropped when its turn comes.
 *
 * Who is alone. A thread that asks one question at a time of a model in another process may ask it without the queue (lone.h); that counts as a
 * run here. What such a model does not answer at once comes into the queue `pending`: a thread waits for the answer.
 *
 * A joined run that fails is run again one by one, so that nobody fails by a neighbour's fault.
 *
 * Memory. A request may be small and hold much: its tensors are in its arena, decoded, and a transform makes many columns of one. So what
 * is bounded besides the number of requests is the memory that they hold when they come, from then until they are answered. A request
 * whose chain has much to do comes raw: it holds what was sent and no more, and an engine thread makes the rest when its turn is there, for
 * as many requests at a time as there are threads. It is not joined with others: nobody knows yet whether it is sound. */
#include "core/serve/batch.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/time.h"
#include "core/serve/graph_run.h"
#include "core/serve/join.h"

enum { WIDEN_EVERY = 16 };

struct batcher {
    struct mutex lock;
    struct cond work, clock;
    struct serve_version *active;   /* with requests that wait, in no order */
    double used_ns;                 /* of the version that ran last, when it was chosen */
    int64_t clock_ns;               /* when the clock thread wakes; INT64_MAX: when it is told */
    atomic_size_t bytes;            /* memory of all requests that wait or run; grows under the lock */
    size_t max_bytes;
    bool started, stopping;
    int thread_count;
    pthread_t threads[LIMIT_SERVE_THREADS + 1];
};
struct batch {
    struct serve_version *v;        /* a reference */
    struct serve_call *first;
    size_t rows, count;
};

/* ---- lists; the lock is held ---- */

static void list_push(struct call_list *l, struct serve_call *c)
{
    c->next = NULL;
    c->prev = l->last;
    if (l->last)
        l->last->next = c;
    else
        l->first = c;
    l->last = c;
}

static void list_remove(struct call_list *l, struct serve_call *c)
{
    if (c->prev)
        c->prev->next = c->next;
    else
        l->first = c->next;
    if (c->next)
        c->next->prev = c->prev;
    else
        l->last = c->prev;
    c->next = c->prev = NULL;
}

static struct call_list *list_of(struct serve_call *c)
{
    return &c->v->queue.levels[c->level][c->delayed];
}

static void version_activate(struct batcher *b, struct serve_version *v)
{
    struct version_queue *q = &v->queue;
    q->used_ns = q->used_ns > b->used_ns ? q->used_ns : b->used_ns;
    q->next = b->active;
    q->prev = NULL;
    if (b->active)
        b->active->queue.prev = v;
    b->active = v;
}

static void version_rest(struct batcher *b, struct serve_version *v)
{
    struct version_queue *q = &v->queue;
    if (q->prev)
        q->prev->queue.next = q->next;
    else
        b->active = q->next;
    if (q->next)
        q->next->queue.prev = q->prev;
    q->next = q->prev = NULL;
    q->expires_ns = INT64_MAX;
}

/* A request came. */
static void gap_note(struct version_queue *q, int64_t now_ns)
{
    const double gap = (double)(now_ns - q->arrived_ns);
    if (q->arrived_ns) /* a long rest says little of the stream that begins now */
        q->gap_ns = q->gap_ns > 0 ? 0.8 * q->gap_ns + 0.2 * (gap < 10 * q->gap_ns ? gap : 10 * q->gap_ns) : gap;
    q->arrived_ns = now_ns;
}

static void call_enter(struct batcher *b, struct serve_call *c)
{
    struct version_queue *q = &c->v->queue;
    if (!q->waiting)
        version_activate(b, c->v);
    int64_t due = c->expires_ns < c->delays_ns ? c->expires_ns : c->delays_ns;
    if (!q->waiting || due < q->expires_ns)
        q->expires_ns = due;
    q->waiting++;
    q->waiting_rows += c->rows.count;
    list_push(list_of(c), c);
    if (!c->pending) /* else it was counted by batch_run_end */
        gap_note(q, c->queued_ns);
    if (due < b->clock_ns) {
        b->clock_ns = due;
        cond_signal(&b->clock);
    }
}

static void call_leave(struct batcher *b, struct serve_call *c)
{
    struct version_queue *q = &c->v->queue;
    list_remove(list_of(c), c);
    q->waiting--;
    q->waiting_rows -= c->rows.count;
    if (!q->waiting)
        version_rest(b, c->v);
}

static struct serve_call *call_first(const struct version_queue *q)
{
    for (size_t i = 0; i <= LIMIT_SERVE_PRIORITIES; i++)
        for (size_t late = 0; late < 2; late++)
            if (q->levels[i][late].first)
                return q->levels[i][late].first;
    return NULL;
}

/* ---- answering; no lock is held ---- */

/* The call lies in its op's arena, which is the dialect's again as soon as it is told. */
static void call_done(struct serve_call *c, enum err e)
{
    struct serve_endpoint *ep = c->ep;
    void (*done)(void *, enum err) = c->later.done;
    atomic_fetch_sub_explicit(&c->v->queue.bytes, c->bytes, memory_order_relaxed);
    atomic_fetch_sub_explicit(&ep->batcher->bytes, c->bytes, memory_order_relaxed);
    done(c->token, e);
    serve_release(ep);
}

static void call_drop(struct serve_call *c, enum err e)
{
    if (e == E_TIMEOUT)
        stats_count(c->v->stats, STATS_TIMED_OUT);
    else
        stats_count(c->v->stats, STATS_CANCELLED);
    call_forget(c);
    e = op_fail(c->op, e, e == E_TIMEOUT ? "the request waited too long for \"%.*s\"" : "the request was given up before \"%.*s\" had its turn",
                STR_FMT(c->ep->info.name));
    call_done(c, call_refuse(c, e));
}

static void list_drop(struct serve_call *list, enum err e)
{
    for (struct serve_call *next; list; list = next) {
        next = list->next;
        call_drop(list, op_is_gone(list->op) ? E_CANCELLED : e);
    }
}

/* ---- when ---- */

static size_t batch_max(const struct serve_version *v, const struct serve_policy *p)
{
    if (!v->rows && !v->info->joins)
        return 1;
    return p->batch.max_size ? p->batch.max_size : cost_batch(&v->cost, LIMIT_SERVE_BATCH_DEFAULT);
}

static bool is_preferred(const struct serve_policy *p, size_t rows)
{
    for (size_t i = 0; i < p->batch.preferred_len; i++)
        if (p->batch.preferred[i] == rows)
            return true;
    return false;
}

static size_t lesser(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Is `rows` the largest preferred size that `most` rows can fill? */
static bool preferred_stop(const struct serve_policy *p, size_t rows, size_t most)
{
    bool stop = is_preferred(p, rows) && rows < most;
    for (size_t i = 0; stop && i < p->batch.preferred_len; i++)
        stop = p->batch.preferred[i] <= rows || p->batch.preferred[i] > most;
    return stop;
}

static int64_t oldest_ns(const struct version_queue *q)
{
    int64_t oldest = INT64_MAX;
    for (size_t i = 0; i <= LIMIT_SERVE_PRIORITIES; i++)
        for (size_t late = 0; late < 2; late++)
            if (q->levels[i][late].first && q->levels[i][late].first->queued_ns < oldest)
                oldest = q->levels[i][late].first->queued_ns;
    return oldest;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* From when on a free thread should run what waits for `v`; 0: at once. */
static int64_t ready_at(const struct serve_version *v)
{
    const struct version_queue *q = &v->queue;
    const struct serve_policy *p = &call_first(q)->ep->spec.policy;
    const size_t max = batch_max(v, p);
    const double fixed = cost_fixed(&v->cost);
    if (max <= 1 || q->waiting_rows >= max || is_preferred(p, q->waiting_rows) || !(q->gap_ns > 0) || (double)q->waiting * q->gap_ns >= fixed)
        return 0;
    int64_t at = earlier(oldest_ns(q) + p->batch.max_delay_us * 1000, q->arrived_ns + (int64_t)(2 * q->gap_ns));
    if (q->expires_ns != INT64_MAX)
        at = earlier(at, q->expires_ns - (int64_t)(1.5 * cost_of(&v->cost, q->waiting_rows)));
    return at;
}

/* ---- what; the lock is held ---- */

/* Rows of the batch that begins with `c`. What was measured when the model was loaded on a busy machine may say that joining saves nothing, and
 * runs of one size never say anything else: so now and then more are joined than is thought to pay. */
static size_t batch_most(struct serve_version *v, const struct serve_call *c)
{
    const struct serve_policy *p = &c->ep->spec.policy;
    const size_t max = batch_max(v, p);
    if (p->batch.max_size || max >= LIMIT_SERVE_BATCH_DEFAULT || v->queue.waiting_rows <= max || (!v->rows && !v->info->joins))
        return max;
    return ++v->queue.narrow % WIDEN_EVERY ? max : 2 * max;
}

/* The next batch of `v` and, apart, those that are to be dropped. */
static void batch_take(struct batcher *b, struct serve_version *v, int64_t now, struct batch *ret, struct serve_call **ret_gone, struct serve_call **ret_late)
{
    struct call_list taken = {0}, gone = {0}, late = {0};
    size_t max = 0;
    *ret = (struct batch){.v = serve_version_ref(v)};
    for (struct serve_call *c; (c = call_first(&v->queue));) {
        if ((op_is_gone(c->op) && !c->pending) || c->expires_ns <= now) { /* one that is asked already is waited for */
            call_leave(b, c);
            list_push(op_is_gone(c->op) ? &gone : &late, c);
            continue;
        }
        max = ret->count ? max : batch_most(v, c);
        if (ret->count && (ret->rows + c->rows.count > max || !join_fits(taken.first, c)))
            break;
        call_leave(b, c);
        list_push(&taken, c);
        ret->count++;
        ret->rows += c->rows.count;
        if (preferred_stop(&c->ep->spec.policy, ret->rows, lesser(max, v->queue.waiting_rows + ret->rows)))
            break;
    }
    ret->first = taken.first;
    *ret_gone = gone.first;
    *ret_late = late.first;
    v->queue.running += ret->count > 0;
}

static uint32_t run_limit(const struct batcher *b, const struct serve_version *v)
{
    uint32_t limit = call_first(&v->queue)->ep->spec.policy.concurrency;
    return limit ? limit : (uint32_t)b->thread_count;
}

/* The version that a free thread should serve now; NULL: none before *ret_wake. */
static struct serve_version *version_choose(const struct batcher *b, int64_t now, int64_t *ret_wake)
{
    struct serve_version *best = NULL;
    *ret_wake = INT64_MAX;
    for (struct serve_version *v = b->active; v; v = v->queue.next) {
        if (v->queue.running >= run_limit(b, v))
            continue;
        int64_t at = b->stopping ? 0 : ready_at(v);
        if (at > now)
            *ret_wake = earlier(*ret_wake, at);
        else if (!best || v->queue.used_ns < best->queue.used_ns)
            best = v;
    }
    return best;
}

/* ---- running; no lock is held ---- */

static void batch_answer(struct batch *k, enum err e)
{
    struct stats_times whole = {0};
    for (struct serve_call *c = k->first, *next; c; c = next) {
        next = c->next;
        enum err mine = e ? call_refuse(c, e) : call_answer(c);
        whole.infer = c->t.infer;
        whole.input = c->t.input > whole.input ? c->t.input : whole.input;
        whole.output += c->t.output;
        if (!next && !e) /* before the last one is told, so that whoever asks then sees the run */
            stats_execution(k->v->stats, k->rows, &whole);
        call_done(c, mine);
    }
}

static void one_run(struct serve_call *c)
{
    struct batch k = {c->v, c, c->rows.count, 1};
    c->next = NULL;
    enum err e = call_run(c);
    if (!e)
        cost_add(&c->v->cost, c->rows.count, (double)c->t.infer);
    batch_answer(&k, e);
}

/* What a graph says to a request that is queued already. */
struct again {
    struct serve_call *c;
    bool begun;
};

static void *again_begin(void *arg)
{
    struct again *a = arg;
    a->begun = true;
    return a->c;
}

static void again_done(void *token, enum err e)
{
    call_done(token, e);
}

static void graph_go(struct serve_call *c)
{
    struct again a = {c, false};
    enum err e = graph_start(c, &(struct infer_later){again_begin, again_done, &a}, true);
    if (!a.begun)
        call_done(c, e);
}

static void raw_run(struct serve_call *c)
{
    const int64_t from = time_mono_ns();
    c->raw = false;
    enum err e = call_prepare(c);
    c->t.input += (uint64_t)(time_mono_ns() - from);
    const bool cached = !e && call_cached(c);
    if (e || cached)
        call_done(c, e ? call_refuse(c, e) : call_answer(c));
    else if (c->v->graph)
        graph_go(c);
    else
        one_run(c);
}

static void batch_run(struct arena *arena, struct batch *k)
{
    int64_t now = time_mono_ns();
    for (struct serve_call *c = k->first; c; c = c->next)
        c->t.queue = (uint64_t)(now - c->queued_ns);
    if (k->count == 1) {
        if (k->first->raw)
            raw_run(k->first);
        else
            one_run(k->first);
        return;
    }
    struct op op;
    op_init(&op, arena);
    for (const struct serve_call *c = k->first; c && !op.trace; c = c->next)
        op.trace = c->op->trace; /* what the engine notes goes to the first that is traced */
    enum err e = join_run(&op, k->first, k->rows);
    if (!e) {
        cost_add(&k->v->cost, k->rows, (double)k->first->t.infer);
        batch_answer(k, OK);
    }
    for (struct serve_call *c = k->first, *next; e && c; c = next) {
        next = c->next;
        op_clear(c->op);
        one_run(c);
    }
    arena_reset(arena);
}

static void *engine_thread(void *arg)
{
    struct batcher *b = arg;
    struct arena *arena = arena_create(LIMIT_REQUEST_ARENA);
    mutex_lock(&b->lock);
    while (!b->stopping) {
        int64_t now = time_mono_ns(), wake;
        struct serve_version *v = version_choose(b, now, &wake);
        struct batch k;
        struct serve_call *gone, *late;
        if (!v) {
            if (wake == INT64_MAX)
                cond_wait(&b->work, &b->lock);
            else
                (void)cond_wait_until(&b->work, &b->lock, wake);
            continue;
        }
        b->used_ns = v->queue.used_ns > b->used_ns ? v->queue.used_ns : b->used_ns;
        batch_take(b, v, now, &k, &gone, &late);
        const bool more = b->active;
        mutex_unlock(&b->lock);
        if (more)
            cond_signal(&b->work); /* another thread may have something to do as well */
        list_drop(gone, E_CANCELLED);
        list_drop(late, E_TIMEOUT);
        int64_t from = time_mono_ns();
        if (k.count)
            batch_run(arena, &k);
        double used = (double)(time_mono_ns() - from);
        mutex_lock(&b->lock);
        v->queue.used_ns += used;
        v->queue.running -= k.count > 0;
        mutex_unlock(&b->lock);
        serve_version_unref(v); /* may be the last one: not under the lock */
        mutex_lock(&b->lock);
    }
    mutex_unlock(&b->lock);
    arena_destroy(arena);
    return NULL;
}

/* ---- the clock ---- */

/* Takes out of `v` what is due and tells when to look again. */
static void version_expire(struct batcher *b, struct serve_version *v, int64_t now, struct call_list *late)
{
    struct version_queue *q = &v->queue;
    int64_t due = INT64_MAX;
    for (size_t i = 0; i <= LIMIT_SERVE_PRIORITIES; i++) {
        for (size_t l = 0; l < 2; l++) {
            for (struct serve_call *c = q->levels[i][l].first, *next; c; c = next) {
                next = c->next;
                if (c->expires_ns <= now) {
                    call_leave(b, c);
                    list_push(late, c);
                    continue;
                }
                if (c->delays_ns <= now) {
                    list_remove(list_of(c), c);
                    c->delayed = true;
                    c->delays_ns = INT64_MAX;
                    list_push(list_of(c), c);
                }
                due = earlier(due, earlier(c->expires_ns, c->delays_ns));
            }
        }
    }
    q->expires_ns = due;
    b->clock_ns = earlier(b->clock_ns, due);
}

static void *clock_thread(void *arg)
{
    struct batcher *b = arg;
    mutex_lock(&b->lock);
    while (!b->stopping) {
        int64_t now = time_mono_ns();
        if (b->clock_ns > now) {
            if (b->clock_ns == INT64_MAX)
                cond_wait(&b->clock, &b->lock);
            else
                (void)cond_wait_until(&b->clock, &b->lock, b->clock_ns);
            continue;
        }
        struct call_list late = {0};
        b->clock_ns = INT64_MAX;
        for (struct serve_version *v = b->active, *next; v; v = next) {
            next = v->queue.next;
            if (v->queue.expires_ns <= now)
                version_expire(b, v, now, &late);
            else
                b->clock_ns = earlier(b->clock_ns, v->queue.expires_ns);
        }
        mutex_unlock(&b->lock);
        list_drop(late.first, E_TIMEOUT);
        mutex_lock(&b->lock);
    }
    mutex_unlock(&b->lock);
    return NULL;
}

/* ---- from outside ---- */

struct batcher *batcher_create(int threads, size_t max_bytes)
{
    struct batcher *b = calloc(1, sizeof(*b));
    if (!b)
        abort();
    mutex_init(&b->lock);
    cond_init(&b->work);
    cond_init(&b->clock);
    b->clock_ns = INT64_MAX;
    b->max_bytes = max_bytes ? max_bytes : LIMIT_SERVE_QUEUES_BYTES;
    b->thread_count = threads > 0 ? threads : thread_cpu_count();
    if (b->thread_count > LIMIT_SERVE_THREADS)
        b->thread_count = LIMIT_SERVE_THREADS;
    return b;
}

void batcher_destroy(struct batcher *b)
{
    if (!b)
        return;
    struct call_list left = {0};
    mutex_lock(&b->lock);
    b->stopping = true;
    while (b->active) {
        struct serve_call *c = call_first(&b->active->queue);
        call_leave(b, c);
        list_push(&left, c);
    }
    cond_broadcast(&b->work);
    cond_broadcast(&b->clock);
    mutex_unlock(&b->lock);
    list_drop(left.first, E_CANCELLED);
    for (int i = 0; b->started && i <= b->thread_count; i++)
        thread_join(b->threads[i]);
    cond_clear(&b->work);
    cond_clear(&b->clock);
    mutex_clear(&b->lock);
    free(b);
}

/* A server whose models are all cheap never has these threads. */
static void threads_start(struct batcher *b)
{
    b->started = true;
    for (int i = 0; i < b->thread_count; i++)
        b->threads[i] = thread_start("engine", engine_thread, b);
    b->threads[b->thread_count] = thread_start("engine-clock", clock_thread, b);
}

/* Priority and times by the endpoint's policy. */
static void call_schedule(struct serve_call *c)
{
    const struct serve_policy *p = &c->ep->spec.policy;
    const struct infer_request *r = c->r;
    c->level = !p->queue.levels ? 0 : r->priority && r->priority <= p->queue.levels ? r->priority : p->queue.default_level;
    const struct serve_patience *patience = &p->queue.patience[c->level];
    int64_t timeout = c->pending ? 0 : patience->timeout_us; /* it does not wait any more */
    if (!c->pending && patience->override && r->timeout_us > 0 && (!timeout || r->timeout_us < timeout))
        timeout = r->timeout_us;
    c->delayed = false;
    c->queued_ns = time_mono_ns();
    c->t.input = (uint64_t)(c->queued_ns - c->entered_ns);
    c->expires_ns = c->op->deadline_ms ? c->op->deadline_ms * 1000000 : INT64_MAX;
    c->delays_ns = INT64_MAX;
    if (timeout > 0 && timeout < INT64_MAX / 2000) {
        int64_t at = c->queued_ns + timeout * 1000;
        if (patience->delay)
            c->delays_ns = at;
        else
            c->expires_ns = earlier(c->expires_ns, at);
    }
}

enum room { ROOM, FULL, FULL_BYTES, FULL_ALL };

/* Is there room for `c`? The lock is held. */
static enum room room_for(struct batcher *b, const struct serve_call *c)
{
    const struct serve_policy *p = &c->ep->spec.policy;
    struct version_queue *q = &c->v->queue;
    const size_t mine = atomic_load_explicit(&q->bytes, memory_order_relaxed), all = atomic_load_explicit(&b->bytes, memory_order_relaxed);
    if (q->waiting + q->promised >= p->queue.max_size)
        return FULL;
    if (b->max_bytes == SIZE_MAX)
        return ROOM;
    if (mine && mine + c->bytes > p->queue.max_bytes)
        return FULL_BYTES;
    return all && all + c->bytes > b->max_bytes ? FULL_ALL : ROOM;
}

static enum err room_refuse(const struct batcher *b, struct serve_call *c, enum room room)
{
    const struct str name = c->ep->info.name;
    stats_count(c->v->stats, STATS_REJECTED);
    if (room == FULL_BYTES)
        return op_fail(c->op, E_BUSY, "the queue of \"%.*s\" is full: its requests hold up to %zu bytes and no more", STR_FMT(name),
                       c->ep->spec.policy.queue.max_bytes);
    if (room == FULL_ALL)
        return op_fail(c->op, E_BUSY, "no room to queue a request to \"%.*s\": the requests of all models hold up to %zu bytes and no more", STR_FMT(name),
                       b->max_bytes);
    return op_fail(c->op, E_BUSY, "the queue of \"%.*s\" is full", STR_FMT(name));
}

enum err batch_submit(struct batcher *b, struct serve_call *c)
{
    struct version_queue *q = &c->v->queue;
    call_schedule(c);
    c->bytes = arena_used(c->op->arena);
    mutex_lock(&b->lock);
    const bool stopping = b->stopping;
    const enum room room = c->pending ? ROOM : room_for(b, c);
    if (!stopping && room == ROOM) {
        atomic_fetch_add_explicit(&q->bytes, c->bytes, memory_order_relaxed);
        atomic_fetch_add_explicit(&b->bytes, c->bytes, memory_order_relaxed);
        q->promised++;
        if (!b->started)
            threads_start(b);
    }
    mutex_unlock(&b->lock);
    if (stopping)
        return op_fail(c->op, E_CANCELLED, "the server stops");
    if (room != ROOM)
        return room_refuse(b, c, room);
    c->token = c->later.begin(c->later.arg);
    mutex_lock(&b->lock);
    q->promised--;
    bool late = b->stopping;
    if (!late)
        call_enter(b, c);
    mutex_unlock(&b->lock);
    if (late)
        list_drop(c, E_CANCELLED);
    else
        cond_signal(&b->work); /* not under the lock: who wakes on this processor would only meet it and sleep again. `c` is not ours any more */
    return OK;
}

bool batch_run_begin(struct batcher *b, struct serve_call *c)
{
    struct version_queue *q = &c->v->queue;
    LOCK(&b->lock);
    if (b->stopping || b->active || q->promised || q->running)
        return false;
    q->running++;
    return true;
}

void batch_run_end(struct batcher *b, struct serve_call *c)
{
    struct version_queue *q = &c->v->queue;
    mutex_lock(&b->lock);
    q->running--;
    q->used_ns += (double)c->t.infer;
    if (c->ran_ns)
        gap_note(q, c->entered_ns);
    const bool waiting = b->active;
    mutex_unlock(&b->lock);
    if (waiting)
        cond_signal(&b->work); /* it may have waited for this run to end */
}

void batch_read(struct batcher *b, struct serve_version *v, struct infer_stats *stats)
{
    LOCK(&b->lock);
    stats->queued += v->queue.waiting;
    stats->queue_bytes += atomic_load_explicit(&v->queue.bytes, memory_order_relaxed);
    stats->running += v->queue.running;
}
