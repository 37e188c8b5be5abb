#include "adapter/linear/linear.h"

#include <math.h>

#include "base/limits.h"
#include "port/linear_format.h"

struct linear_model {
    struct arena *arena;     /* holds this struct and everything below */
    struct engine_info info;
    struct linear_weights w;
    double *factor;          /* weight / scale */
};

static enum err model_fill(struct op *op, struct str bytes, struct linear_model *m)
{
    enum err e = linear_parse(op, m->arena, bytes, &m->w);
    if (e)
        return e;
    struct str *names = arena_array(m->arena, m->w.features, struct str);
    m->factor = arena_array(m->arena, m->w.features, double);
    if (!m->factor || !names)
        return op_fail(op, E_TOO_LARGE, "linear model: no memory for %zu features", m->w.features);
    for (size_t i = 0; i < m->w.features; i++) {
        m->factor[i] = m->w.weight[i] / m->w.scale[i];
        names[i] = m->w.names[i];
    }
    m->info = (struct engine_info){.format = STR("ingot-linear"),
                                   .features = m->w.features,
                                   .outputs = 1,
                                   .feature_names = names,
                                   .memory_bytes = arena_used(m->arena)};
    return OK;
}

static enum err linear_load(struct op *op, struct str bytes, void **ret_model)
{
    struct arena *arena = arena_create(LIMIT_MODEL_BYTES);
    struct linear_model *m = arena_new(arena, struct linear_model);
    m->arena = arena;
    enum err e = model_fill(op, bytes, m);
    if (e) {
        arena_destroy(arena);
        return e;
    }
    *ret_model = m;
    return OK;
}

static void linear_unload(void *model)
{
    arena_destroy(((struct linear_model *)model)->arena);
}

static const struct engine_info *linear_info(const void *model)
{
    return &((const struct linear_model *)model)->info;
}

static void linear_predict(const void *model, const float *rows, size_t n_rows, float *out)
{
    const struct linear_model *m = model;
    const size_t n = m->w.features;
    for (size_t i = 0; i < n_rows; i++, rows += n) {
        double z = m->w.bias;
        for (size_t j = 0; j < n; j++) {
            double d = (double)rows[j] - m->w.mean[j];
            z += isnan(d) ? 0.0 : m->factor[j] * d;
        }
        out[i] = (float)(1.0 / (1.0 + exp(-z)));
    }
}

const struct engine_ops linear_engine = {
    .name = "linear",
    .accepts = linear_accepts,
    .load = linear_load,
    .unload = linear_unload,
    .info = linear_info,
    .predict = linear_predict,
};
