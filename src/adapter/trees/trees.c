#include "adapter/trees/trees.h"

#include <math.h>

#include "adapter/trees/xgb_model.h"
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
    enum err e = xgb_load(op, arena, bytes, &m->xgb);
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

/* The first of the largest. */
static float argmax(const float *v, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        best = v[i] > v[best] ? i : best;
    return (float)best;
}

/* From the sums of one row to its answer, which may stand in the same place. */
static void link_apply(const struct xgb_model *m, float *sums, float *out)
{
    const size_t n = m->groups;
    if (m->link == XGB_LINK_ARGMAX) {
        out[0] = argmax(sums, n);
        return;
    }
    if (sums != out)
        memcpy(out, sums, n * sizeof(*out));
    if (m->link == XGB_LINK_SOFTMAX)
        softmax(out, n);
    for (size_t i = 0; i < n; i++) {
        if (m->link == XGB_LINK_LOGISTIC)
            out[i] = logistic(out[i]);
        else if (m->link == XGB_LINK_EXP)
            out[i] = expf(out[i]);
        else if (m->link == XGB_LINK_HINGE)
            out[i] = out[i] > 0.0f ? 1.0f : 0.0f;
    }
}

/* gblinear: a missing value adds nothing. All outputs start from the first base score, as in XGBoost's gblinear (seen in 3.2). */
static void linear_sum(const struct xgb_model *m, const float *row, float *sums)
{
    const float *bias = m->weights + m->features * m->groups;
    for (size_t k = 0; k < m->groups; k++) {
        float sum = bias[k] + m->base_margin[0];
        for (size_t i = 0; i < m->features; i++)
            if (!isnan(row[i]))
                sum += row[i] * m->weights[i * m->groups + k];
        sums[k] = sum;
    }
}

/* `n` rows, whose sums fit into SUMS_ROOM. */
enum { SUMS_ROOM = LIMIT_TREE_OUTPUTS };

static void sums_make(const struct xgb_model *m, const float *rows, size_t n, float *sums)
{
    const size_t groups = m->groups;
    if (m->weights) {
        for (size_t i = 0; i < n; i++)
            linear_sum(m, rows + i * m->features, sums + i * groups);
    } else if (m->vectors) {
        double wide[SUMS_ROOM];
        for (size_t i = 0; i < n * groups; i++)
            wide[i] = (double)m->base_margin[i % groups];
        forest_sum_rows(m->forest, rows, n, wide);
        for (size_t i = 0; i < n * groups; i++)
            sums[i] = (float)wide[i];
    } else {
        for (size_t i = 0; i < n * groups; i++)
            sums[i] = m->base_margin[i % groups];
        forest_sum(m->forest, rows, n, sums);
    }
}

static void trees_predict(const void *model, const float *rows, size_t n_rows, float *out)
{
    const struct xgb_model *m = &((const struct trees_model *)model)->xgb;
    const bool in_place = m->outputs == m->groups;
    const size_t step = SUMS_ROOM / m->groups;
    for (size_t done = 0; done < n_rows; done += step) {
        const size_t n = n_rows - done < step ? n_rows - done : step;
        float room[SUMS_ROOM], *answer = out + done * m->outputs, *sums = in_place ? answer : room;
        sums_make(m, rows + done * m->features, n, sums);
        for (size_t i = 0; i < n; i++)
            link_apply(m, sums + i * m->groups, answer + i * m->outputs);
    }
}

const struct engine_ops trees_engine = {
    .name = "trees",
    .accepts = xgb_accepts,
    .load = trees_load,
    .unload = trees_unload,
    .info = trees_info,
    .predict = trees_predict,
};
