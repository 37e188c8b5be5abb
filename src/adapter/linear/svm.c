#include "adapter/linear/svm.h"

#include <math.h>

#include "adapter/linear/svm_pairs.h"
#include "adapter/linear/svm_text.h"
#include "base/limits.h"

#define LEAST_PROBABILITY 1e-7 /* of one class of a pair, as LIBSVM has it */
enum { SUMS = LIMIT_SVM_CLASSES * (LIMIT_SVM_CLASSES - 1) / 2 }; /* of a row, of either library */
_Static_assert(SUMS >= LIMIT_TREE_OUTPUTS, "classes of LIBLINEAR");

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
                                   .outputs = m->t.outputs,
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

/* Of the two forms the one that does not overflow. */
static double platt(double sum, double a, double b)
{
    const double z = sum * a + b;
    return z >= 0 ? exp(-z) / (1 + exp(-z)) : 1 / (1 + exp(z));
}

/* The libraries' own formulae; of two classes the second's probability is what the first's leaves. */
static double link_one(const struct svm_text *t, double sum)
{
    if (t->link == SVM_VALUES)
        return t->turned ? -sum : sum;
    const double p = t->link == SVM_PROBABILITY ? 1 / (1 + exp(-sum)) : platt(sum, t->a[0], t->b[0]);
    return t->turned ? 1 - p : p;
}

static void link_pairs(const struct svm_text *t, double *sums, float *out)
{
    double values[LIMIT_SVM_CLASSES];
    for (size_t c = 0; t->link == SVM_COUPLED && c < t->columns; c++)
        sums[c] = fmin(fmax(platt(sums[c], t->a[c], t->b[c]), LEAST_PROBABILITY), 1 - LEAST_PROBABILITY);
    if (t->link == SVM_COUPLED)
        svm_pairs_couple(sums, t->outputs, values);
    else
        svm_pairs_vote(sums, t->outputs, values);
    for (size_t c = 0; c < t->outputs; c++)
        out[c] = (float)values[t->order[c]];
}

static void link_all(const struct svm_text *t, double *sums, float *out)
{
    double total = 0;
    if (t->link == SVM_VOTES || t->link == SVM_COUPLED) {
        link_pairs(t, sums, out);
        return;
    }
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
        double sums[SUMS];
        memset(sums, 0, t->columns * sizeof *sums);
        for (size_t f = 0; f < t->features; f++)
            add(t, f, rows[i * t->features + f], sums);
        finish(t, sums, out + i * t->outputs);
    }
}

static void svm_predict(const void *model, const float *rows, size_t n_rows, float *out)
{
    const struct svm_text *t = &((const struct svm_model *)model)->t;
    for (size_t i = 0; i < n_rows; i++) {
        double sums[SUMS];
        memset(sums, 0, t->columns * sizeof *sums);
        for (size_t f = 0; f < t->features; f++)
            add(t, f, (double)rows[i * t->features + f], sums);
        finish(t, sums, out + i * t->outputs);
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
