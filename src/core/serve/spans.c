#include "core/serve/spans.h"

#include "base/time.h"
#include "base/trace.h"

static void describe(const struct serve_call *c, struct trace *t, int span)
{
    trace_attr_text(t, span, "ingot.endpoint", c->ep->info.name);
    if (c->r && c->r->id.len)
        trace_attr_text(t, span, "ingot.inference.id", c->r->id);
    if (!c->v)
        return;
    trace_attr_text(t, span, "ingot.model.name", c->ep->info.model);
    trace_attr_i64(t, span, "ingot.model.version", c->v->version);
    trace_attr_text(t, span, "ingot.model.platform", str_from(c->v->platform));
    trace_attr_i64(t, span, "ingot.rows", (int64_t)c->rows.count);
    if (c->cached)
        trace_attr_bool(t, span, "ingot.cached", true);
    if (c->pick.arm != ROLLOUT_ARM_NONE) {
        trace_attr_i64(t, span, "ingot.rollout.id", c->ep->info.weights.id);
        trace_attr_text(t, span, "ingot.rollout.arm", c->pick.arm == ROLLOUT_ARM_CONTROL ? STR("control") : STR("candidate"));
        trace_attr_f64(t, span, "ingot.rollout.propensity", (double)c->pick.propensity);
    }
}

void call_spans(const struct serve_call *c, enum err e)
{
    struct trace *t = c->op->trace;
    const int64_t now = time_mono_ns();
    const bool queued = c->queued_ns > 0;
    const int64_t run = c->run_ns, ran = run + (int64_t)c->t.infer;
    int infer = trace_span(t, TRACE_NONE, TRACE_INTERNAL, STR("inference"), c->entered_ns, now);
    describe(c, t, infer);
    int64_t prepared = queued ? c->queued_ns : run;
    if (prepared)
        (void)trace_span(t, infer, TRACE_INTERNAL, STR("prepare"), c->entered_ns, prepared);
    if (queued)
        (void)trace_span(t, infer, TRACE_INTERNAL, STR("queue"), c->queued_ns, run ? run : now);
    if (run) {
        int compute = trace_span(t, infer, TRACE_INTERNAL, STR("compute"), run, ran);
        trace_attr_i64(t, compute, "ingot.rows", (int64_t)c->rows.count);
        trace_attr_i64(t, infer, "ingot.queue_us", (int64_t)c->t.queue / 1000);
        if (!e)
            (void)trace_span(t, infer, TRACE_INTERNAL, STR("answer"), ran, now);
    }
    if (e) {
        trace_attr_text(t, infer, "error.type", str_from(err_name(e)));
        trace_fail(t, infer, str_from(c->op->msg ? c->op->msg : ""));
    }
}
