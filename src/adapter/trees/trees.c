#include "adapter/trees/trees.h"

#include <math.h>

#include "adapter/trees/xgb_json.h"
#include "base/limits.h"

struct trees_model {
    struct arena *arena;     /* holds this struct and everything below */
    struct engine_info info;
    struct xgb_model xgb;
};

static enum err trees_load(struct op *op, struct str bytes, void **ret_model)
{
    struct arena *arena = arena_create(LIMIT_MODEL_BYTES);
    struct trees_model *m = arena_new(arena, struct trees_model);
    m->arena = arena;
    enum err e = xgb_json_load(op, arena, bytes, &m->xgb);
    if (e) {
        arena_destroy(arena);
        return e;
    }
    m->info = (struct engine_info){.format = STR("xgboost"),
                                   .features = m->xgb.features,
                                   .outputs = m->xgb.outputs,
                                   .feature_names = m->xgb.feature_names,
                                   .memory_bytes = arena_used(arena)};
    *ret_model = m;
    return OK;
}

static void trees_unload(void *model)
{
    struct trees_model *m = model;
    arena_destroy(m->arena);
}

static const struct engine_info *trees_info(const void *model)
{
    return &((const struct trees_model *)model)->info;
}

/* XGBoost's common/math.h, in float32 as there. */
static float logistic(float x)
{
    float e = fminf(-x, 88.7f); /* expf of more overflows */
    return 1.0f / (expf(e) + 1.0f + 1e-16f);
}

static void softmax(float *v, size_t n)
{
    float top = v[0];
    double sum = 0;
    for (size_t i = 1; i < n; i++)
        top = fmaxf(v[i], top);
    for (size_t i = 0; i < n; i++) {
        v[i] = expf(v[i] - top);
        sum += (double)v[i];
    }
    for (size_t i = 0; i < n; i++)
        v[i] /= (float)sum;
}

static void trees_predict(const void *model, const float *rows, size_t n_rows, float *out)
{
    const struct xgb_model *m = &((const struct trees_model *)model)->xgb;
    const size_t o = m->outputs;
    for (size_t i = 0; i < n_rows; i++)
        for (size_t k = 0; k < o; k++)
            out[i * o + k] = m->base_margin[k];
    forest_sum(m->forest, rows, n_rows, out);
    if (m->link == XGB_LINK_LOGISTIC)
        for (size_t i = 0; i < n_rows; i++)
            out[i] = logistic(out[i]);
    else if (m->link == XGB_LINK_SOFTMAX)
        for (size_t i = 0; i < n_rows; i++)
            softmax(out + i * o, o);
}

const struct engine_ops trees_engine = {
    .name = "trees",
    .accepts = xgb_json_accepts,
    .load = trees_load,
    .unload = trees_unload,
    .info = trees_info,
    .predict = trees_predict,
};
