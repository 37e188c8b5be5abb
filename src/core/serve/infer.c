#include "core/serve/infer.h"

#include "base/time.h"
#include "core/serve/call.h"

/* The whole of it on this thread. */
static enum err infer_now(struct serve_call *c)
{
    int64_t from = time_mono_ns();
    atomic_fetch_add_explicit(&c->v->running, 1, memory_order_relaxed);
    c->t.input = (uint64_t)(from - c->entered_ns);
    enum err e = call_run(c);
    atomic_fetch_sub_explicit(&c->v->running, 1, memory_order_relaxed);
    if (e)
        return call_refuse(c, e);
    e = call_answer(c);
    if (!e)
        stats_execution(c->v->stats, c->rows.count, &c->t);
    return e;
}

static struct serve_call call_make(struct op *op, struct serve_endpoint *e, const struct infer_request *r, struct infer_answer *ret)
{
    int64_t now = time_mono_ns();
    return (struct serve_call){.op = op, .ep = e, .r = r, .ret = ret, .started_ns = r->started_ns ? r->started_ns : now, .entered_ns = now,
                               .rows.unit = STR("")};
}

enum err serve_infer_start(struct op *op, struct serve_endpoint *ep, const struct infer_request *r, struct infer_answer *ret,
                           const struct infer_later *later)
{
    (void)later;
    struct serve_call c = call_make(op, ep, r, ret);
    enum err e = call_prepare(&c);
    return e ? call_refuse(&c, e) : infer_now(&c);
}

enum err serve_infer(struct op *op, struct serve_endpoint *ep, const struct infer_request *r, struct infer_answer *ret)
{
    return serve_infer_start(op, ep, r, ret, NULL);
}

enum err serve_signature(struct op *op, struct serve_endpoint *e, int64_t version, struct infer_signature *ret)
{
    const struct serve_version *v = serve_endpoint_version(e, version ? version : e->info.live);
    if (!v && version)
        return op_fail(op, E_NOT_FOUND, "version %lld of \"%.*s\" is not loaded", (long long)version, STR_FMT(e->info.name));
    if (!v)
        return op_fail(op, E_BUSY, "\"%.*s\" is not ready: version %lld is not loaded", STR_FMT(e->info.name), (long long)e->info.live);
    *ret = (struct infer_signature){.inputs = v->inputs, .outputs = v->outputs, .input_count = v->input_count, .output_count = v->output_count,
                                    .platform = str_from(v->platform), .joins = v->rows || v->info->joins};
    return OK;
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
        all[i].running += running > 0 ? (uint64_t)running : 0;
    }
    *ret = all;
    return e->loaded_len;
}
