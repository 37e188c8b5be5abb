#include "core/serve/tell.h"

#include "base/hash.h"
#include "base/time.h"
#include "base/trace.h"
#include "core/payload/payload.h"
#include "core/serve/record.h"

static const int64_t *ids_of(const struct serve_call *c)
{
    if (c->rows.ids || !c->rows.count)
        return c->rows.ids;
    int64_t *ids = arena_array(c->op->arena, c->rows.count, int64_t);
    for (size_t i = 0; ids && i < c->rows.count; i++)
        ids[i] = call_row_id(c, i);
    return ids;
}

static struct str trace_id_of(const struct op *op)
{
    if (!op->trace)
        return STR("");
    char *hex = arena_alloc(op->arena, 2 * TRACE_ID_BYTES + 1);
    hash_hex(op->trace->context.trace_id, TRACE_ID_BYTES, hex);
    return (struct str){hex, 2 * TRACE_ID_BYTES};
}

void call_tell(struct serve_call *c, enum err e)
{
    const struct payload_config *config = &c->ep->spec.payload;
    if (!c->ep->payload || payload_config_is_off(config) || !c->r)
        return;
    const int64_t us = (time_mono_ns() - c->started_ns) / 1000;
    const bool named = c->v && c->v->rows && c->v->info->feature_names;
    const struct payload_note note = {
        .config = config, .endpoint = c->ep->info.name, .request_id = c->op->request_id, .inference_id = c->r->id, .trace_id = trace_id_of(c->op),
        .unit_id = c->rows.unit, .version = c->v ? c->v->version : 0, .rollout = c->ep->info.weights.active ? c->ep->info.weights.id : 0,
        .time_us = c->op->now_us, .latency_us = us > 0 ? us : 0,
        .arm = c->pick.arm == ROLLOUT_ARM_NONE || !c->ep->info.weights.active ? NULL : c->pick.arm == ROLLOUT_ARM_CONTROL ? "control" : "candidate",
        .propensity = c->v ? (double)c->pick.propensity : 1, .rows = c->rows.count, .ids = ids_of(c),
        .id_field = c->ep->info.id_field, .err = e,
        .error = str_from(e && c->op->msg ? c->op->msg : ""), .inputs = c->r->inputs, .input_count = c->r->input_count,
        .outputs = e ? NULL : c->ret->outputs, .output_count = e ? 0 : c->ret->output_count,
        .features = named ? c->v->info->feature_names : NULL, .feature_count = named ? c->v->info->features : 0};
    payload_tell(c->ep->payload, &note);
}
