#include "core/monitor/figures.h"

#include <math.h>
#include <stdlib.h>

#include "base/limits.h"
#include "num/drift.h"
#include "num/metrics.h"
#include "num/sort.h"

#define VERSIONS_SHOWN 8

/* NULL without a reference, or without memory: then it is not shown. */
static const struct monitor_shape *shape_of(struct op *op, const struct reference_column *ref, const double *cur, size_t n)
{
    struct monitor_shape *shape = ref && ref->n ? arena_alloc(op->arena, sizeof *shape) : NULL;
    if (!shape)
        return NULL;
    *shape = (struct monitor_shape){.bins = ref->bins};
    drift_counts_add_sorted(&shape->bins, &shape->counts, cur, n);
    return shape;
}

/* KS and PSI of one column against its reference; NaN below min_rows on either side. */
static void drift_figures(struct op *op, const struct reference_column *ref, double *cur, size_t rows, const struct monitor_config *config,
                          struct monitor_feature_figures *f)
{
    size_t n = drift_prepare(cur, rows);
    f->missing = rows - n;
    f->shape = shape_of(op, ref, cur, n);
    f->ks_d = f->ks_p = f->psi = NAN;
    size_t least = (size_t)config->min_rows;
    if (!ref || n < least || ref->n < least)
        return;
    struct drift_test ks = drift_ks(ref->values, ref->n, cur, n);
    f->ks_d = ks.statistic;
    f->ks_p = ks.p;
    f->psi = drift_psi(ref->values, ref->n, cur, n);
    f->drifted = (ks.p < config->ks_p && ks.statistic >= config->ks_min_d) || f->psi > config->psi_max;
}

static void quality(const struct monitor_batch *b, const struct monitor_config *config, double *score, uint8_t *label, struct monitor_window *w)
{
    size_t n = 0;
    for (size_t i = 0; i < b->rows; i++) {
        w->labelled += b->label[i] >= 0;
        if (b->label[i] < 0 || !b->ok[i] || isnan(b->score[i]))
            continue;
        score[n] = (double)b->score[i];
        label[n++] = (uint8_t)b->label[i];
    }
    w->auc = metrics_auc(score, label, n);
    w->logloss = metrics_logloss(score, label, n);
    w->brier = metrics_brier(score, label, n);
    w->ece = metrics_ece(score, label, n);
    w->accuracy = metrics_accuracy(score, label, n, config->threshold);
    w->base_rate = metrics_base_rate(label, n);
}

static void latencies(const struct monitor_batch *b, double *scratch, struct monitor_window *w)
{
    for (size_t i = 0; i < b->rows; i++) {
        scratch[i] = (double)b->latency_us[i];
        w->errors += !b->ok[i];
    }
    sort_f64(scratch, b->rows);
    w->p50_us = metrics_quantile_sorted(scratch, b->rows, 0.50);
    w->p95_us = metrics_quantile_sorted(scratch, b->rows, 0.95);
    w->p99_us = metrics_quantile_sorted(scratch, b->rows, 0.99);
    w->error_rate = b->rows ? (double)w->errors / (double)b->rows : NAN;
}

struct version_count {
    int64_t version;
    uint64_t n;
};

static int by_frequency(const void *a, const void *b)
{
    const struct version_count *x = a, *y = b;
    if (x->n != y->n)
        return x->n < y->n ? 1 : -1;
    return (x->version > y->version) - (x->version < y->version);
}

/* Few versions serve at once: a short list, with the rest of a flood of them left out of the picture. */
static void versions(const struct monitor_batch *b, struct monitor_window *w)
{
    struct version_count seen[64];
    size_t count = 0;
    for (size_t i = 0; i < b->rows; i++) {
        size_t k = 0;
        while (k < count && seen[k].version != b->version[i])
            k++;
        if (k == count && count < ARRAY_LEN(seen))
            seen[count++] = (struct version_count){b->version[i], 0};
        if (k < count)
            seen[k].n++;
    }
    qsort(seen, count, sizeof *seen, by_frequency);
    w->version_count = count < VERSIONS_SHOWN ? count : VERSIONS_SHOWN;
    for (size_t k = 0; k < w->version_count; k++) {
        w->versions[k].version = seen[k].version;
        w->versions[k].n = seen[k].n;
    }
}

static void score_figures(struct op *op, const struct monitor_batch *b, const struct reference *ref, const struct monitor_config *config, double *scratch,
                          struct monitor_window *w)
{
    size_t n = 0;
    for (size_t i = 0; i < b->rows; i++)
        if (b->ok[i] && !isnan(b->score[i]))
            scratch[n++] = (double)b->score[i];
    w->mean_score = metrics_mean(scratch, n);
    w->score.name = STR("score");
    drift_figures(op, ref && ref->score.n ? &ref->score : NULL, scratch, n, config, &w->score);
}

enum err figures_compute(struct op *op, const struct monitor_batch *batch, const struct reference *ref, const struct monitor_config *config,
                         struct monitor_window *ret)
{
    struct monitor_window w = {.start_us = batch->start_us, .end_us = batch->end_us, .revision = batch->revision, .predictions = batch->rows};
    /* A window from before the reference was replaced may have other columns: then features are not compared. */
    bool comparable = ref && ref->features == batch->features;
    w.feature_count = comparable ? ref->features : 0;
    w.features = arena_array(op->arena, w.feature_count + 1, struct monitor_feature_figures);
    double *scratch = malloc((batch->rows + 1) * sizeof *scratch);
    uint8_t *label = malloc(batch->rows + 1);
    if (!w.features || !scratch || !label) {
        free(scratch);
        free(label);
        return op_fail(op, E_TOO_LARGE, "the figures of %zu predictions find no room in memory", batch->rows);
    }
    quality(batch, config, scratch, label, &w);
    latencies(batch, scratch, &w);
    versions(batch, &w);
    score_figures(op, batch, ref, config, scratch, &w);
    for (size_t f = 0; f < w.feature_count; f++) {
        for (size_t i = 0; i < batch->rows; i++)
            scratch[i] = (double)batch->feature[f][i];
        w.features[f].name = str_dup(op->arena, ref->names[f]);
        drift_figures(op, &ref->columns[f], scratch, batch->rows, config, &w.features[f]);
        w.drifted += w.features[f].drifted;
    }
    free(scratch);
    free(label);
    *ret = w;
    return OK;
}

static void kv_u64(struct json_out *w, const char *key, uint64_t v)
{
    json_key(w, key);
    json_u64(w, v);
}

static void feature_json(struct json_out *w, const struct monitor_feature_figures *f)
{
    json_begin_object(w);
    json_kv_str(w, "name", f->name);
    json_kv_f64(w, "ks_d", f->ks_d);
    json_kv_f64(w, "ks_p", f->ks_p);
    json_kv_f64(w, "psi", f->psi);
    kv_u64(w, "missing", f->missing);
    json_kv_bool(w, "drifted", f->drifted);
    json_end_object(w);
}

void figures_json(struct json_out *w, const struct monitor_window *window)
{
    enum json_nonfinite before = w->nonfinite;
    w->nonfinite = JSON_NONFINITE_NULL;
    json_begin_object(w);
    json_kv_i64(w, "start_us", window->start_us);
    json_kv_i64(w, "end_us", window->end_us);
    json_kv_i64(w, "revision", window->revision);
    kv_u64(w, "predictions", window->predictions);
    kv_u64(w, "labelled", window->labelled);
    kv_u64(w, "errors", window->errors);
    const struct {
        const char *name;
        double v;
    } numbers[] = {{"auc", window->auc},           {"logloss", window->logloss},       {"brier", window->brier},   {"ece", window->ece},
                   {"accuracy", window->accuracy}, {"base_rate", window->base_rate},   {"mean_score", window->mean_score},
                   {"p50_us", window->p50_us},     {"p95_us", window->p95_us},         {"p99_us", window->p99_us},
                   {"error_rate", window->error_rate}};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        json_kv_f64(w, numbers[i].name, numbers[i].v);
    json_key(w, "score");
    feature_json(w, &window->score);
    json_key(w, "features");
    json_begin_array(w);
    for (size_t f = 0; f < window->feature_count; f++)
        feature_json(w, &window->features[f]);
    json_end_array(w);
    kv_u64(w, "drifted", window->drifted);
    json_key(w, "versions");
    json_begin_array(w);
    for (size_t k = 0; k < window->version_count; k++) {
        json_begin_object(w);
        json_kv_i64(w, "version", window->versions[k].version);
        kv_u64(w, "predictions", window->versions[k].n);
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
    w->nonfinite = before;
}

static void counts_json(struct json_out *w, const char *key, const uint64_t *counts, size_t n)
{
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < n; i++)
        json_u64(w, counts[i]);
    json_end_array(w);
}

static void shape_json(struct json_out *w, const struct monitor_shape *shape)
{
    if (!shape) {
        json_null(w);
        return;
    }
    json_begin_object(w);
    json_key(w, "edges");
    json_begin_array(w);
    for (size_t i = 0; i + 1 < shape->bins.bins; i++)
        json_f64(w, shape->bins.edge[i]);
    json_end_array(w);
    counts_json(w, "reference", shape->bins.ref, shape->bins.bins);
    counts_json(w, "current", shape->counts.count, shape->bins.bins);
    json_end_object(w);
}

void figures_shapes_json(struct json_out *w, const struct monitor_window *window)
{
    json_begin_object(w);
    json_key(w, "score");
    shape_json(w, window->score.shape);
    json_key(w, "features");
    json_begin_array(w);
    for (size_t f = 0; f < window->feature_count; f++)
        shape_json(w, window->features[f].shape);
    json_end_array(w);
    json_end_object(w);
}
