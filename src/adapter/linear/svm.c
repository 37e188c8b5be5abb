#include "adapter/linear/svm.h"

#include <math.h>

#include "adapter/linear/svm_text.h"
#include "base/limits.h"

struct svm_model {
    struct arena *arena; /* holds this struct and everything below */
    struct engine_info info;
    struct svm_text t;
};

static enum err svm_load(struct op *op, struct str bytes, void **ret_model)
{
    struct arena *arena = arena_create(LIMIT_MODEL_BYTES);
    struct svm_model *m = arena_new(arena, struct svm_model);
    m->arena = arena;
    enum err e = svm_text_load(op, arena, bytes, &m->t);
    if (e) {
        arena_destroy(arena);
        return e;
    }
    m->info = (struct engine_info){.format = str_starts(bytes, STR("svm_type")) ? STR("libsvm") : STR("liblinear"),
                                   .features = m->t.features,
                                   .outputs = m->t.columns,
                                   .labels = m->t.labels,
                                   .label_count = m->t.label_count,
                                   .memory_bytes = arena_used(arena)};
    *ret_model = m;
    return OK;
}

static void svm_unload(void *model)
{
    arena_destroy(((struct svm_model *)model)->arena);
}

static const struct engine_info *svm_info(const void *model)
{
    return &((const struct svm_model *)model)->info;
}

/* The libraries' own formulae; of two classes the second's probability is what the first's leaves. */
static double link_one(const struct svm_text *t, double sum)
{
    if (t->link == SVM_VALUES)
        return t->turned ? -sum : sum;
    double p;
    if (t->link == SVM_PROBABILITY) {
        p = 1 / (1 + exp(-sum));
    } else { /* of the two forms the one that does not overflow */
        double z = sum * t->a + t->b;
        p = z >= 0 ? exp(-z) / (1 + exp(-z)) : 1 / (1 + exp(z));
    }
    return t->turned ? 1 - p : p;
}

static void link_all(const struct svm_text *t, double *sums, float *out)
{
    double total = 0;
    if (t->columns == 1) {
        out[0] = (float)link_one(t, sums[0]);
        return;
    }
    for (size_t c = 0; t->link == SVM_PROBABILITY && c < t->columns; c++) {
        sums[c] = 1 / (1 + exp(-sums[c]));
        total += sums[c];
    }
    for (size_t c = 0; c < t->columns; c++)
        out[c] = (float)(total > 0 ? sums[t->order[c]] / total : sums[t->order[c]]);
}

static inline void add(const struct svm_text *t, size_t feature, double x, double *sums)
{
    const double *w = t->weight + feature * t->columns;
    if (isnan(x))
        return;
    for (size_t c = 0; c < t->columns; c++)
        sums[c] += w[c] * x;
}

static void finish(const struct svm_text *t, double *sums, float *out)
{
    for (size_t c = 0; c < t->columns; c++)
        sums[c] += t->bias[c];
    link_all(t, sums, out);
}

static void svm_predict_f64(const void *model, const double *rows, size_t n_rows, float *out)
{
    const struct svm_text *t = &((const struct svm_model *)model)->t;
    for (size_t i = 0; i < n_rows; i++) {
        double sums[LIMIT_TREE_OUTPUTS];
        memset(sums, 0, t->columns * sizeof *sums);
        for (size_t f = 0; f < t->features; f++)
            add(t, f, rows[i * t->features + f], sums);
        finish(t, sums, out + i * t->columns);
    }
}

static void svm_predict(const void *model, const float *rows, size_t n_rows, float *out)
{
    const struct svm_text *t = &((const struct svm_model *)model)->t;
    for (size_t i = 0; i < n_rows; i++) {
        double sums[LIMIT_TREE_OUTPUTS];
        memset(sums, 0, t->columns * sizeof *sums);
        for (size_t f = 0; f < t->features; f++)
            add(t, f, (double)rows[i * t->features + f], sums);
        finish(t, sums, out + i * t->columns);
    }
}

const struct engine_ops svm_engine = {
    .name = "svm",
    .accepts = svm_text_accepts,
    .load = svm_load,
    .unload = svm_unload,
    .info = svm_info,
    .predict = svm_predict,
    .predict_f64 = svm_predict_f64,
};
