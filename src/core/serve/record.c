#include "core/serve/record.h"

#include <math.h>

#include "base/hash.h"
#include "base/time.h"
#include "core/rollout/live.h"
#include "core/rollout/units.h"

static bool is_float(enum tensor_type t)
{
    return t == TENSOR_FP32 || t == TENSOR_FP64 || t == TENSOR_FP16 || t == TENSOR_BF16;
}

static const float *tensor_scores(struct serve_call *c, size_t *ret_per_row)
{
    const size_t rows = c->rows.count;
    for (size_t i = 0; i < c->v->output_count; i++) {
        const struct tensor *t = &c->outputs[i];
        if (!is_float(t->type) || !t->data || !rows || t->count < rows || t->count % rows)
            continue;
        const size_t width = t->count / rows;
        float *all = arena_array(c->op->arena, t->count, float);
        struct op sub = *c->op; /* its failure is nobody's */
        if (!all || tensor_to_f32(&sub, t, all, 1))
            return NULL;
        for (size_t k = 0; width == 2 && k < rows; k++)
            all[k] = all[2 * k + 1];
        *ret_per_row = width == 2 ? 1 : width;
        return all;
    }
    return NULL;
}

const float *call_scores(struct serve_call *c, size_t *ret_per_row)
{
    *ret_per_row = c->v->info->outputs;
    return c->v->rows ? c->scores : tensor_scores(c, ret_per_row);
}

int64_t call_row_id(const struct serve_call *c, size_t row)
{
    return c->rows.ids ? c->rows.ids[row] : (int64_t)(hash64(c->rows.unit.p, c->rows.unit.len, 0) + row);
}

int64_t call_row_time(const struct serve_call *c, size_t row)
{
    return c->rows.event_us ? c->rows.event_us[row] : c->op->now_us;
}

/* A number that the call gave itself (call.c, unit_make) names nobody. */
static bool call_unit_is_made(const struct serve_call *c)
{
    return c->rows.unit.p >= c->unit_text && c->rows.unit.p < c->unit_text + sizeof(c->unit_text) && *c->rows.unit.p == '#';
}

/* The features as floats, as the monitor keeps them. */
static const float *features_of(struct serve_call *c)
{
    if (c->rows.x || !c->rows.x64)
        return c->rows.x;
    const size_t n = c->rows.count * c->v->info->features;
    float *x = arena_array(c->op->arena, n, float);
    for (size_t i = 0; x && i < n; i++)
        x[i] = (float)c->rows.x64[i];
    return x;
}

static void monitor_tell(struct serve_call *c, bool ok, size_t rows)
{
    struct prediction one, *p = rows == 1 ? &one : arena_array(c->op->arena, rows, struct prediction);
    if (!p)
        return;
    size_t stride = 1;
    const float *scores = !ok ? NULL : c->final ? c->final : call_scores(c, &stride), *features = c->v->rows && c->rows.count ? features_of(c) : NULL;
    const size_t width = c->v->info->features;
    int64_t us = (time_mono_ns() - c->started_ns) / 1000;
    const int64_t rollout = c->ep->info.weights.active ? c->ep->info.weights.id : 0;
    const uint64_t unit = rollout && c->pick.arm != ROLLOUT_ARM_NONE && !call_unit_is_made(c) ? units_hash(c->rows.unit) : 0;
    for (size_t i = 0; i < rows; i++)
        p[i] = (struct prediction){.id = call_row_id(c, i),
                                   .event_us = call_row_time(c, i),
                                   .version = c->v->version,
                                   .rollout = rollout,
                                   .unit = unit,
                                   .more = i > 0,
                                   .score = scores ? scores[i * stride] : NAN,
                                   .latency_us = us < 0 ? 0 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us,
                                   .arm = (uint8_t)c->pick.arm,
                                   .ok = ok,
                                   .features = features ? features + i * width : NULL,
                                   .feature_count = (uint32_t)width};
    monitor_record_many(c->ep->monitor, c->ep->info.name, p, rows);
}

void call_record(struct serve_call *c, bool ok)
{
    const size_t rows = c->rows.count ? c->rows.count : 1;
    const struct rollout_weights *w = &c->ep->info.weights;
    if (c->ep->monitor)
        monitor_tell(c, ok, rows);
    /* An unasked-for version is no pick of the rollout's. */
    for (size_t i = 0; ok && c->ep->live && w->active && !c->r->version && i < rows; i++)
        rollout_note(c->ep->live, c->ep->info.name, w, call_row_id(c, i), call_row_time(c, i), &c->pick);
}
