#include "core/serve/record.h"

#include <math.h>

#include "base/hash.h"
#include "base/time.h"

static bool is_float(enum tensor_type t)
{
    return t == TENSOR_FP32 || t == TENSOR_FP64 || t == TENSOR_FP16 || t == TENSOR_BF16;
}

/* The scores of a tensor model's answer, one per row; NULL: it has none. */
static const float *tensor_scores(struct serve_call *c)
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
        for (size_t k = 0; width > 1 && k < rows; k++)
            all[k] = all[k * width + (width == 2)];
        return all;
    }
    return NULL;
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

void call_record(struct serve_call *c, bool ok)
{
    const struct serve_endpoint *e = c->ep;
    const size_t rows = c->rows.count ? c->rows.count : 1;
    if (!e->monitor)
        return;
    struct prediction one, *p = rows == 1 ? &one : arena_array(c->op->arena, rows, struct prediction);
    if (!p)
        return;
    const float *scores = !ok ? NULL : c->v->rows ? c->scores : tensor_scores(c), *features = c->v->rows && c->rows.count ? features_of(c) : NULL;
    const size_t stride = c->v->rows ? c->v->info->outputs : 1, width = c->v->info->features;
    int64_t us = (time_mono_ns() - c->started_ns) / 1000;
    uint64_t first = c->rows.ids ? 0 : hash64(c->rows.unit.p, c->rows.unit.len, 0);
    for (size_t i = 0; i < rows; i++)
        p[i] = (struct prediction){.id = c->rows.ids ? c->rows.ids[i] : (int64_t)(first + i),
                                   .event_us = c->rows.event_us ? c->rows.event_us[i] : c->op->now_us,
                                   .version = c->v->version,
                                   .score = scores ? scores[i * stride] : NAN,
                                   .latency_us = us < 0 ? 0 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us,
                                   .arm = (uint8_t)c->pick.arm,
                                   .ok = ok,
                                   .features = features ? features + i * width : NULL,
                                   .feature_count = (uint32_t)width};
    monitor_record_many(e->monitor, e->info.name, p, rows);
}
