#include "core/serve/infer.h"

#include "base/time.h"
#include "core/serve/batch.h"
#include "core/serve/call.h"
#include "core/serve/graph_run.h"
#include "core/serve/chained.h"
#include "core/serve/lone.h"
#include "core/serve/table.h"

enum { SAMPLE_EVERY = 64 }; /* runs on I/O threads, of which one tells the cost */

static bool is_cheap(const struct serve_call *c)
{
    return !c->ep->batcher || cost_of(&c->v->cost, c->rows.count) <= (double)c->ep->spec.policy.inline_ns;
}

/* A model that was quick once may not be so with what it is asked now. */
static void cost_sample(struct serve_call *c)
{
    static _Thread_local unsigned runs;
    if (++runs % SAMPLE_EVERY == 0)
        cost_add(&c->v->cost, c->rows.count, (double)c->t.infer);
}

/* What a run on this thread gave. */
static enum err infer_ran(struct serve_call *c, enum err e)
{
    if (e)
        return call_refuse(c, e);
    c->t.input = (uint64_t)(c->run_ns - c->entered_ns);
    cost_sample(c);
    e = call_answer(c);
    if (!e)
        stats_execution(c->v->stats, c->rows.count, &c->t);
    return e;
}

/* The model on this thread. */
static enum err infer_now(struct serve_call *c)
{
    atomic_fetch_add_explicit(&c->v->running, 1, memory_order_relaxed);
    enum err e = call_run(c);
    atomic_fetch_sub_explicit(&c->v->running, 1, memory_order_relaxed);
    return infer_ran(c, e);
}

/* Hands a copy that lives as long as op to the queue. */
static enum err infer_queued(struct serve_call *c, const struct infer_later *later)
{
    struct serve_call *mine = arena_array(c->op->arena, 1, struct serve_call);
    if (!mine)
        return call_refuse(c, op_fail(c->op, E_TOO_LARGE, "no memory to queue the request"));
    call_copy(mine, c);
    mine->later = *later;
    serve_endpoint_ref(mine->ep);
    enum err e = batch_submit(c->ep->batcher, mine);
    if (e)
        serve_release(mine->ep); /* whoever asks holds another one */
    return e ? call_refuse(c, e) : OK;
}

/* A model in another process, asked from this thread; what it does not answer soon, an engine thread waits for. */
static enum err infer_apart(struct serve_call *c, const struct infer_later *later)
{
    enum err e = call_run_start(c);
    batch_run_end(c->ep->batcher, c);
    if (!e && !c->pending)
        return infer_ran(c, OK);
    if (e && e != E_BUSY)
        return call_refuse(c, e);
    op_clear(c->op);
    e = infer_queued(c, later);
    if (e)
        call_forget(c);
    return e;
}

/* An endpoint that wants nothing answered on I/O threads (inline_us 0) is left alone. */
static bool may_wait(const struct serve_call *c)
{
    const struct serve_version *v = c->v;
    return c->ep->batcher && c->ep->spec.policy.inline_ns > 0 && !v->rows && model_is_apart(v->model) && cost_of(&v->cost, c->rows.count) <= LIMIT_SERVE_LONE_NS;
}

/* Dear ones of `caller`s, who are no steps of a graph. */
static enum err infer_dear(struct serve_call *c, const struct infer_later *later, bool caller)
{
    if (!caller || !may_wait(c) || !lone_look(c->entered_ns))
        return infer_queued(c, later);
    const bool idle = batch_run_begin(c->ep->batcher, c), alone = lone_ask(c->entered_ns, idle);
    if (idle && !alone)
        batch_run_end(c->ep->batcher, c);
    enum err e = alone ? infer_apart(c, later) : infer_queued(c, later);
    lone_done();
    return e;
}

static struct serve_call call_make(struct op *op, struct serve_endpoint *e, const struct infer_request *r, struct infer_answer *ret)
{
    int64_t now = time_mono_ns();
    return (struct serve_call){.op = op, .ep = e, .r = r, .ret = ret, .started_ns = r->started_ns ? r->started_ns : now, .entered_ns = now,
                               .rows.unit = STR("")};
}

static enum err infer_as(struct op *op, struct serve_endpoint *ep, const struct infer_request *r, struct infer_answer *ret,
                         const struct infer_later *later, bool away, bool caller)
{
    struct serve_call c = call_make(op, ep, r, ret);
    enum err e = call_pick(&c);
    c.raw = !e && (c.chain || c.pick.shadow_version) && ep->batcher && call_is_dear(&c);
    if (c.raw)
        return infer_queued(&c, later);
    if (!e)
        e = call_prepare(&c);
    if (e)
        return call_refuse(&c, e);
    if (call_cached(&c))
        return call_answer(&c);
    if (c.v->graph)
        return graph_start(&c, later, away);
    if ((away && ep->batcher) || !is_cheap(&c))
        return infer_dear(&c, later, caller && !away);
    if (caller)
        lone_other(c.entered_ns);
    return infer_now(&c);
}

enum err infer_begin(struct op *op, struct serve_endpoint *ep, const struct infer_request *r, struct infer_answer *ret,
                     const struct infer_later *later, bool away)
{
    return infer_as(op, ep, r, ret, later, away, false);
}

enum err serve_infer_start(struct op *op, struct serve_endpoint *ep, const struct infer_request *r, struct infer_answer *ret,
                           const struct infer_later *later)
{
    return infer_as(op, ep, r, ret, later, false, true);
}

/* ---- waiting ---- */

struct wait {
    struct mutex lock;
    struct cond over;
    bool begun, done;
    enum err err;
};

static void *wait_begin(void *arg)
{
    struct wait *w = arg;
    w->begun = true;
    return w;
}

static void wait_done(void *token, enum err e)
{
    struct wait *w = token;
    LOCK(&w->lock);
    w->err = e;
    w->done = true;
    cond_signal(&w->over);
}

enum err infer_wait(enum err (*start)(void *arg, const struct infer_later *later), void *arg)
{
    struct wait w = {.err = OK};
    mutex_init(&w.lock);
    cond_init(&w.over);
    enum err e = start(arg, &(struct infer_later){wait_begin, wait_done, &w});
    if (!e && w.begun) {
        mutex_lock(&w.lock);
        while (!w.done)
            cond_wait(&w.over, &w.lock);
        e = w.err;
        mutex_unlock(&w.lock);
    }
    cond_clear(&w.over);
    mutex_clear(&w.lock);
    return e;
}

struct question {
    struct op *op;
    struct serve_endpoint *ep;
    const struct infer_request *r;
    struct infer_answer *ret;
};

static enum err question_start(void *arg, const struct infer_later *later)
{
    const struct question *q = arg;
    return serve_infer_start(q->op, q->ep, q->r, q->ret, later);
}

enum err serve_infer(struct op *op, struct serve_endpoint *ep, const struct infer_request *r, struct infer_answer *ret)
{
    return infer_wait(question_start, &(struct question){op, ep, r, ret});
}

enum err serve_signature(struct op *op, struct serve_endpoint *e, int64_t version, struct infer_signature *ret)
{
    const struct serve_version *v = serve_endpoint_version(e, version ? version : e->info.live);
    if (!v && version)
        return op_fail(op, E_NOT_FOUND, "version %lld of \"%.*s\" is not loaded", (long long)version, STR_FMT(e->info.name));
    if (!v)
        return op_fail(op, E_BUSY, "\"%.*s\" is not ready: version %lld is not loaded", STR_FMT(e->info.name), (long long)e->info.live);
    struct str why = STR("");
    if (!serve_version_answers(v, &why))
        return op_fail(op, E_BUSY, "\"%.*s\" is not ready: %.*s", STR_FMT(e->info.name), STR_FMT(why));
    const struct chain *chain = chained_find(e, v);
    *ret = chain ? (struct infer_signature){.inputs = chain->inputs, .outputs = chain->outputs, .input_count = chain->input_count, .output_count = chain->output_count,
                                    .platform = str_from(v->platform), .joins = v->rows || v->info->joins}
           : (struct infer_signature){.inputs = v->inputs, .outputs = v->outputs, .input_count = v->input_count, .output_count = v->output_count,
                                    .platform = str_from(v->platform), .joins = v->rows || v->info->joins};
    return OK;
}

void serve_figures(struct serve *s, struct serve_figures *ret)
{
    mirror_figures(s->mirror, &ret->shadow_dropped, &ret->shadow_waiting);
}

size_t serve_stats(struct op *op, struct serve_endpoint *e, struct infer_stats **ret)
{
    struct infer_stats *all = arena_alloc(op->arena, (e->loaded_len + 1) * sizeof(*all));
    for (size_t i = 0; i < e->loaded_len; i++) {
        struct serve_version *v = e->loaded[i];
        stats_read(v->stats, &all[i]);
        all[i].version = v->version;
        all[i].memory_bytes = v->memory_bytes;
        int running = atomic_load_explicit(&v->running, memory_order_relaxed);
        all[i].running = running > 0 ? (uint64_t)running : 0;
        if (e->batcher)
            batch_read(e->batcher, v, &all[i]);
    }
    *ret = all;
    return e->loaded_len;
}
