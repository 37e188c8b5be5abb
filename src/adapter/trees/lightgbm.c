#include "adapter/trees/lightgbm.h"

#include <math.h>

#include "adapter/trees/lgb_text.h"
#include "base/limits.h"

struct lightgbm_model {
    struct arena *arena;     /* holds this struct and everything below */
    struct engine_info info;
    struct lgb_model lgb;
};

static enum err lightgbm_load(struct op *op, struct str bytes, void **ret_model)
{
    struct arena *arena = arena_create(LIMIT_MODEL_BYTES);
    struct lightgbm_model *m = arena_new(arena, struct lightgbm_model);
    m->arena = arena;
    enum err e = lgb_load(op, arena, bytes, &m->lgb);
    if (e) {
        arena_destroy(arena);
        return e;
    }
    m->info = (struct engine_info){.format = STR("lightgbm"),
                                   .features = m->lgb.features,
                                   .outputs = m->lgb.outputs,
                                   .feature_names = m->lgb.feature_names,
                                   .memory_bytes = arena_used(arena)};
    *ret_model = m;
    return OK;
}

static void lightgbm_unload(void *model)
{
    struct lightgbm_model *m = model;
    arena_destroy(m->arena);
}

static const struct engine_info *lightgbm_info(const void *model)
{
    return &((const struct lightgbm_model *)model)->info;
}

/* ConvertOutput of LightGBM's objectives. */
static double link_one(const struct lgb_model *m, double x)
{
    switch (m->link) {
    case LGB_LINK_SQUARE: return x < 0 ? -x * x : x * x;
    case LGB_LINK_EXP: return exp(x);
    case LGB_LINK_SIGMOID: return 1 / (1 + exp(-m->sigmoid * x));
    case LGB_LINK_LOG1P_EXP: return log1p(exp(x));
    case LGB_LINK_IDENTITY: case LGB_LINK_SOFTMAX: default: return x;
    }
}

static void softmax(double *v, size_t n)
{
    double top = v[0], sum = 0;
    for (size_t i = 1; i < n; i++)
        top = fmax(v[i], top);
    for (size_t i = 0; i < n; i++)
        sum += v[i] = exp(v[i] - top);
    for (size_t i = 0; i < n; i++)
        v[i] /= sum;
}

static void link_apply(const struct lgb_model *m, double *sums, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++) {
        double *row = sums + i * m->outputs;
        for (size_t k = 0; k < m->outputs; k++)
            row[k] /= m->divisor;
        if (m->link == LGB_LINK_SOFTMAX)
            softmax(row, m->outputs);
        for (size_t k = 0; k < m->outputs; k++)
            out[i * m->outputs + k] = (float)link_one(m, row[k]);
    }
}

/* Rows are asked in groups whose sums fit on the stack. */
enum { SUMS_ROOM = LIMIT_TREE_OUTPUTS };

static void lightgbm_predict(const void *model, const float *rows, size_t n_rows, float *out)
{
    const struct lgb_model *m = &((const struct lightgbm_model *)model)->lgb;
    const size_t step = SUMS_ROOM / m->outputs;
    for (size_t done = 0; done < n_rows; done += step) {
        const size_t n = n_rows - done < step ? n_rows - done : step;
        double sums[SUMS_ROOM];
        memset(sums, 0, n * m->outputs * sizeof(*sums));
        forest_sum_rows(m->forest, rows + done * m->features, n, sums);
        link_apply(m, sums, n, out + done * m->outputs);
    }
}

static void lightgbm_predict_f64(const void *model, const double *rows, size_t n_rows, float *out)
{
    const struct lgb_model *m = &((const struct lightgbm_model *)model)->lgb;
    const size_t step = SUMS_ROOM / m->outputs;
    for (size_t done = 0; done < n_rows; done += step) {
        const size_t n = n_rows - done < step ? n_rows - done : step;
        double sums[SUMS_ROOM];
        memset(sums, 0, n * m->outputs * sizeof(*sums));
        forest_sum_f64(m->forest, rows + done * m->features, n, sums);
        link_apply(m, sums, n, out + done * m->outputs);
    }
}

const struct engine_ops lightgbm_engine = {
    .name = "lightgbm",
    .accepts = lgb_accepts,
    .load = lightgbm_load,
    .unload = lightgbm_unload,
    .info = lightgbm_info,
    .predict = lightgbm_predict,
    .predict_f64 = lightgbm_predict_f64,
};
