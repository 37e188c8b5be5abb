/* predictor.c - the library as a fallback.
 *
 * The binary format (LearnerModelParamLegacy and what follows it, in XGBoost's learner.cc up to 3.0): "binf", which may be absent; 136 bytes
 * of numbers as they lie in memory: base_score (float), num_feature, num_class (32 bits each), the rest flags and reserved; then
 * two texts, each with its length in 64 bits: the objective ("binary:logistic") and the booster ("gbtree"). Newer libraries
 * refuse it; Debian's 1.7 reads it. We look at that much to know the format, and leave the trees to the library. */
#include "adapter/xgboost/predictor.h"

#include <math.h>
#include <stdlib.h>

#include "adapter/xgboost/lib.h"
#include "base/limits.h"
#include "base/thread.h"

enum { PARAM_BYTES = 136, NAME_MAX_BYTES = 64 };

struct predictor {
    const struct xgb_lib *lib;
    BoosterHandle booster;
    struct mutex lock; /* the library configures itself while it predicts */
    struct engine_info info;
    struct tensor_spec in, out;
};

/* A text with its length before it, of the letters that names of objectives and boosters have. */
static bool name_take(struct str *rest, struct str *ret)
{
    uint64_t len = 0;
    if (rest->len < sizeof len)
        return false;
    memcpy(&len, rest->p, sizeof len);
    *rest = str_sub(*rest, sizeof len, rest->len);
    if (!len || len > NAME_MAX_BYTES || len > rest->len)
        return false;
    *ret = str_sub(*rest, 0, (size_t)len);
    *rest = str_sub(*rest, (size_t)len, rest->len);
    for (size_t i = 0; i < ret->len; i++)
        if (!((ret->p[i] >= 'a' && ret->p[i] <= 'z') || ret->p[i] == ':' || ret->p[i] == '_'))
            return false;
    return true;
}

static bool binary_accepts(struct str bytes)
{
    struct str objective, booster;
    if (str_starts(bytes, STR("binf")))
        bytes = str_sub(bytes, 4, bytes.len);
    if (bytes.len < PARAM_BYTES)
        return false;
    bytes = str_sub(bytes, PARAM_BYTES, bytes.len);
    return name_take(&bytes, &objective) && name_take(&bytes, &booster) &&
           (str_eqc(booster, "gbtree") || str_eqc(booster, "dart") || str_eqc(booster, "gblinear"));
}

enum err xgboost_prepare(struct op *op)
{
    const struct xgb_lib *lib = NULL;
    enum err e = xgb_lib_get(op, &lib);
    if (!e)
        (void)lib->XGBSetGlobalConfig("{\"verbosity\": 0}"); /* it would warn of the format at every load */
    return e;
}

/* The answer to `rows`; *ret lies in the library until the next call. The lock is held, or nobody else has the model yet. */
static enum err predict(struct op *op, struct predictor *m, const float *x, size_t rows, const float **ret, size_t *ret_per_row)
{
    static const char config[] = "{\"type\": 0, \"training\": false, \"iteration_begin\": 0, \"iteration_end\": 0, \"strict_shape\": true}";
    DMatrixHandle data = NULL;
    const bst_ulong *shape = NULL;
    bst_ulong dim = 0;
    if (m->lib->XGDMatrixCreateFromMat_omp(x, rows, (size_t)m->in.shape[1], NAN, &data, 1) != 0)
        return xgb_lib_fail(op, m->lib, E_INVALID, "data");
    int failed = m->lib->XGBoosterPredictFromDMatrix(m->booster, data, config, &shape, &dim, ret);
    enum err e = failed ? xgb_lib_fail(op, m->lib, E_INVALID, "prediction") : OK;
    m->lib->XGDMatrixFree(data);
    if (e)
        return e;
    size_t per_row = 1;
    for (bst_ulong i = 1; i < dim; i++)
        per_row *= (size_t)shape[i];
    if (!dim || shape[0] != rows || !per_row || per_row > LIMIT_TREE_OUTPUTS)
        return op_fail(op, E_UNSUPPORTED, "xgboost answers in a shape that is not known here");
    *ret_per_row = per_row;
    return OK;
}

static void predictor_unload(void *model)
{
    struct predictor *m = model;
    if (m->booster)
        m->lib->XGBoosterFree(m->booster);
    mutex_clear(&m->lock);
    free(m);
}

static enum err booster_load(struct op *op, struct predictor *m, struct str bytes)
{
    bst_ulong features = 0;
    size_t outputs = 0;
    const float *answer = NULL;
    if (m->lib->XGBoosterCreate(NULL, 0, &m->booster) != 0)
        return xgb_lib_fail(op, m->lib, E_IO, "start");
    if (m->lib->XGBoosterLoadModelFromBuffer(m->booster, bytes.p, bytes.len) != 0)
        return xgb_lib_fail(op, m->lib, E_INVALID, "model");
    if (m->lib->XGBoosterSetParam(m->booster, "nthread", "1") != 0 || m->lib->XGBoosterGetNumFeature(m->booster, &features) != 0)
        return xgb_lib_fail(op, m->lib, E_INVALID, "model");
    if (!features || features > LIMIT_TREE_FEATURES)
        return op_fail(op, E_TOO_LARGE, "a model of %llu features; the limit is %d", (unsigned long long)features, LIMIT_TREE_FEATURES);
    m->in = (struct tensor_spec){.name = STR("features"), .type = TENSOR_FP32, .rank = 2, .shape = {-1, (int64_t)features}};
    float *missing = arena_array(op->arena, (size_t)features, float);
    if (!missing)
        return op_fail(op, E_TOO_LARGE, "no memory for a row");
    for (size_t i = 0; i < features; i++)
        missing[i] = NAN;
    enum err e = predict(op, m, missing, 1, &answer, &outputs); /* says how many outputs there are, and that it can predict at all */
    if (e)
        return e;
    m->out = (struct tensor_spec){.name = STR("score"), .type = TENSOR_FP32, .rank = outputs > 1 ? 2 : 1, .shape = {-1}};
    if (outputs > 1)
        m->out.shape[1] = (int64_t)outputs;
    m->info = (struct engine_info){.format = STR("xgboost"), .outputs = outputs, .memory_bytes = bytes.len, .inputs_spec = &m->in, .outputs_spec = &m->out,
                                   .input_count = 1, .output_count = 1, .joins = true};
    return OK;
}

static enum err predictor_load(struct op *op, struct str bytes, void **ret_model)
{
    const struct xgb_lib *lib = NULL;
    enum err e = xgb_lib_get(op, &lib);
    if (e)
        return e;
    struct predictor *m = calloc(1, sizeof *m);
    if (!m)
        abort();
    m->lib = lib;
    mutex_init(&m->lock);
    e = booster_load(op, m, bytes);
    if (e)
        predictor_unload(m);
    else
        *ret_model = m;
    return e;
}

static const struct engine_info *predictor_info(const void *model)
{
    return &((const struct predictor *)model)->info;
}

static enum err predictor_run(struct op *op, const void *model, const struct tensor *inputs, const bool *wanted, struct tensor *ret_outputs)
{
    struct predictor *m = (struct predictor *)(uintptr_t)model;
    struct tensor t = inputs[0];
    ret_outputs[0] = (struct tensor){0};
    if (wanted && !wanted[0])
        return OK;
    if (t.type != TENSOR_FP32 || t.rank != 2 || t.shape[1] != m->in.shape[1])
        return op_fail(op, E_INVALID, "the model takes FP32 of shape [n, %lld]", (long long)m->in.shape[1]);
    const size_t rows = (size_t)t.shape[0];
    size_t per_row = m->info.outputs;
    float *out = arena_array(op->arena, rows * per_row + 1, float);
    enum err e = tensor_align(op, &t);
    if (e || !out)
        return e ? e : op_fail(op, E_TOO_LARGE, "no memory for %zu rows", rows);
    if (rows) {
        const float *answer = NULL;
        LOCK(&m->lock);
        e = predict(op, m, t.data, rows, &answer, &per_row);
        if (!e && per_row != m->info.outputs)
            e = op_fail(op, E_IO, "xgboost answers %zu values, not %zu", per_row, m->info.outputs);
        if (e)
            return e;
        memcpy(out, answer, rows * per_row * sizeof *out);
    }
    ret_outputs[0] = (struct tensor){.type = TENSOR_FP32, .rank = m->out.rank, .shape = {(int64_t)rows}, .count = rows * per_row, .data = out};
    if (m->out.rank == 2)
        ret_outputs[0].shape[1] = (int64_t)per_row;
    return OK;
}

const struct engine_ops xgboost_engine = {
    .name = "xgboost",
    .accepts = binary_accepts,
    .load = predictor_load,
    .unload = predictor_unload,
    .info = predictor_info,
    .run = predictor_run,
};
