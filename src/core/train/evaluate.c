#include "core/train/evaluate.h"

#include <math.h>
#include <stdlib.h>

#include "base/limits.h"

enum { ECE_ROUNDS = 200, ECE_SEED = 1 };

static enum err features_match(struct op *op, const struct engine_info *info, const struct train_rows *rows)
{
    for (size_t i = 0; info->feature_names && i < info->features; i++) {
        if (i >= rows->cols)
            return op_fail(op, E_INVALID, "feature %zu of the model, \"%.*s\", is not in the frame", i, STR_FMT(info->feature_names[i]));
        if (!str_eq(info->feature_names[i], rows->names[i]))
            return op_fail(op, E_INVALID, "feature %zu is \"%.*s\" in the model, \"%.*s\" in the frame", i,
                           STR_FMT(info->feature_names[i]), STR_FMT(rows->names[i]));
    }
    if (info->features != rows->cols)
        return op_fail(op, E_INVALID, "the model wants %zu features, the frame has %zu", info->features, rows->cols);
    return OK;
}

enum err train_predict(struct op *op, const struct model *model, const struct train_rows *rows, float **ret_scores)
{
    const struct engine_info *info = model_info(model);
    enum err e = features_match(op, info, rows);
    if (e)
        return e;
    enum { BLOCK = 4096 };
    float *scores = malloc((rows->rows ? rows->rows : 1) * sizeof(float));
    float *block = malloc(BLOCK * info->outputs * sizeof(float));
    if (!scores || !block) {
        free(scores);
        free(block);
        return op_fail(op, E_TOO_LARGE, "no memory for %zu scores", rows->rows);
    }
    for (size_t i = 0; i < rows->rows; i += BLOCK) {
        size_t n = rows->rows - i < BLOCK ? rows->rows - i : BLOCK;
        model_predict(model, rows->x + i * rows->cols, n, block);
        for (size_t k = 0; k < n; k++)
            scores[i + k] = block[k * info->outputs];
    }
    free(block);
    *ret_scores = scores;
    return OK;
}

static void scores_measure(const struct train_params *p, const double *score, const uint8_t *label, size_t n,
                           struct train_scores *ret)
{
    *ret = (struct train_scores){.rows = n, .mean_score = metrics_mean(score, n)};
    for (size_t i = 0; i < n; i++)
        ret->positives += label[i];
    const double level = p->confidence;
    ret->metric[TRAIN_AUC] = metrics_auc_ci(score, label, n, level);
    ret->metric[TRAIN_LOG_LOSS] = metrics_logloss_ci(score, label, n, level);
    ret->metric[TRAIN_BRIER] = metrics_brier_ci(score, label, n, level);
    ret->metric[TRAIN_ECE] = metrics_ece_ci(score, label, n, level, ECE_ROUNDS, ECE_SEED);
    ret->metric[TRAIN_ACCURACY] = metrics_accuracy_ci(score, label, n, p->threshold, level);
}

struct segment_count {
    uint32_t segment;
    uint64_t rows;
    struct str name;
};

static int by_count(const void *a, const void *b)
{
    const struct segment_count *x = a, *y = b;
    if (x->rows != y->rows)
        return x->rows < y->rows ? 1 : -1;
    return str_cmp(x->name, y->name);
}

static enum err segments_measure(struct op *op, const struct train_params *p, const struct train_rows *rows,
                                 const double *score, const uint8_t *label, struct train_evaluation *ev)
{
    struct segment_count *count = arena_array(op->arena, rows->segment_len, struct segment_count);
    double *s = malloc((rows->rows + 1) * sizeof(double));
    uint8_t *y = malloc(rows->rows + 1);
    enum err e = OK;
    if (!count || !s || !y) {
        e = op_fail(op, E_TOO_LARGE, "no memory for %zu segments", rows->segment_len);
        goto done;
    }
    for (size_t i = 0; i < rows->segment_len; i++)
        count[i] = (struct segment_count){.segment = (uint32_t)i, .name = rows->segments[i]};
    for (size_t i = 0; i < rows->rows; i++)
        count[rows->segment[i]].rows++;
    qsort(count, rows->segment_len, sizeof(*count), by_count);
    size_t top = rows->segment_len < p->segment_top ? rows->segment_len : p->segment_top;
    ev->segments = arena_array(op->arena, top ? top : 1, struct train_segment);
    if (!ev->segments) {
        e = op_fail(op, E_TOO_LARGE, "no memory for %zu segments", top);
        goto done;
    }
    for (size_t k = 0; k < top; k++) {
        size_t n = 0;
        for (size_t i = 0; i < rows->rows; i++) {
            if (rows->segment[i] != count[k].segment)
                continue;
            s[n] = score[i];
            y[n++] = label[i];
        }
        ev->segments[k].name = str_dup(op->arena, count[k].name);
        scores_measure(p, s, y, n, &ev->segments[k].scores);
    }
    ev->segment_len = top;
done:
    free(s);
    free(y);
    return e;
}

enum err train_evaluate(struct op *op, const struct train_params *params, const struct train_rows *rows,
                        const float *scores, struct train_evaluation **ret)
{
    if (!rows->rows || !rows->y)
        return op_fail(op, E_INVALID, "there is nothing to evaluate on: %zu rows, %s labels", rows->rows,
                       rows->y ? "with" : "without");
    double *s = malloc(rows->rows * sizeof(double));
    uint8_t *y = malloc(rows->rows);
    if (!s || !y) {
        free(s);
        free(y);
        return op_fail(op, E_TOO_LARGE, "no memory for %zu rows", rows->rows);
    }
    for (size_t i = 0; i < rows->rows; i++) {
        s[i] = (double)scores[i];
        y[i] = rows->y[i] != 0;
    }
    struct train_evaluation *ev = op_new(op, struct train_evaluation);
    scores_measure(params, s, y, rows->rows, &ev->all);
    metrics_calibration(s, y, rows->rows, METRICS_ECE_BINS, ev->bins);
    enum err e = rows->segment ? segments_measure(op, params, rows, s, y, ev) : OK;
    free(s);
    free(y);
    if (e)
        return e;
    *ret = ev;
    return OK;
}

static void number_or_null(struct json_out *w, const char *key, double v)
{
    json_key(w, key);
    if (isfinite(v))
        json_f64(w, v);
    else
        json_null(w);
}

static void scores_json(struct json_out *w, const struct train_scores *s)
{
    json_kv_i64(w, "rows", (int64_t)s->rows);
    json_kv_i64(w, "positives", (int64_t)s->positives);
    number_or_null(w, "base_rate", s->rows ? (double)s->positives / (double)s->rows : NAN);
    number_or_null(w, "mean_score", s->mean_score);
    for (size_t i = 0; i < TRAIN_METRIC_COUNT; i++) {
        json_key(w, train_metric_name((enum train_metric)i));
        json_begin_object(w);
        number_or_null(w, "value", s->metric[i].value);
        number_or_null(w, "lo", s->metric[i].lo);
        number_or_null(w, "hi", s->metric[i].hi);
        json_end_object(w);
    }
}

void train_evaluation_json(struct json_out *w, const struct train_evaluation *e)
{
    json_begin_object(w);
    scores_json(w, &e->all);
    json_key(w, "calibration");
    json_begin_array(w);
    for (size_t i = 0; i < METRICS_ECE_BINS; i++) {
        json_begin_object(w);
        json_kv_f64(w, "from", e->bins[i].lo);
        json_kv_f64(w, "to", e->bins[i].hi);
        json_kv_i64(w, "rows", (int64_t)e->bins[i].n);
        json_kv_f64(w, "mean_score", e->bins[i].mean_score);
        json_kv_f64(w, "mean_label", e->bins[i].mean_label);
        json_end_object(w);
    }
    json_end_array(w);
    json_key(w, "segments");
    json_begin_array(w);
    for (size_t i = 0; i < e->segment_len; i++) {
        json_begin_object(w);
        json_kv_str(w, "name", e->segments[i].name);
        scores_json(w, &e->segments[i].scores);
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
}

static const char *const compare_text[] = {[TRAIN_GE] = ">=", [TRAIN_GT] = ">", [TRAIN_LE] = "<=", [TRAIN_LT] = "<"};

static struct train_gate_result gate_judge(const struct train_gate *g, struct str segment, double value)
{
    bool pass = false; /* comparisons with NaN are false: undefined fails */
    switch (g->compare) {
    case TRAIN_GE:
        pass = value >= g->value;
        break;
    case TRAIN_GT:
        pass = value > g->value;
        break;
    case TRAIN_LE:
        pass = value <= g->value;
        break;
    case TRAIN_LT:
        pass = value < g->value;
        break;
    }
    return (struct train_gate_result){.gate = g, .segment = segment, .value = value, .pass = pass};
}

enum err train_gates_check(struct op *op, const struct train_params *params, const struct train_evaluation *e,
                           struct train_gate_result **ret, size_t *ret_len)
{
    size_t n = 0;
    struct train_gate_result *r =
        arena_array(op->arena, params->gate_len * (e->segment_len + 1) + 1, struct train_gate_result);
    if (!r)
        return op_fail(op, E_TOO_LARGE, "no memory for the gates");
    for (size_t i = 0; i < params->gate_len; i++) {
        const struct train_gate *g = &params->gates[i];
        if (!g->segment.len) {
            r[n++] = gate_judge(g, STR(""), e->all.metric[g->metric].value);
            continue;
        }
        bool every = str_eqc(g->segment, "*"), found = false;
        for (size_t k = 0; k < e->segment_len; k++) {
            if (!every && !str_eq(g->segment, e->segments[k].name))
                continue;
            found = true;
            r[n++] = gate_judge(g, e->segments[k].name, e->segments[k].scores.metric[g->metric].value);
        }
        if (!found)
            r[n++] = gate_judge(g, g->segment, NAN);
    }
    *ret = r;
    *ret_len = n;
    return OK;
}

void train_gates_json(struct json_out *w, const struct train_gate_result *results, size_t n)
{
    json_begin_array(w);
    for (size_t i = 0; i < n; i++) {
        const struct train_gate_result *r = &results[i];
        json_begin_object(w);
        json_kv_cstr(w, "metric", train_metric_name(r->gate->metric));
        json_kv_cstr(w, "op", compare_text[r->gate->compare]);
        json_kv_f64(w, "limit", r->gate->value);
        if (r->segment.len)
            json_kv_str(w, "segment", r->segment);
        number_or_null(w, "value", r->value);
        json_kv_bool(w, "pass", r->pass);
        json_end_object(w);
    }
    json_end_array(w);
}

char *train_gate_text(struct op *op, const struct train_params *params, const struct train_gate_result *r)
{
    const char *metric = train_metric_name(r->gate->metric), *compare = compare_text[r->gate->compare];
    if (!r->segment.len)
        return op_printf(op, "%s %s %g: %g", metric, compare, r->gate->value, r->value);
    return op_printf(op, "%s %s %g on %.*s %.*s: %g", metric, compare, r->gate->value, STR_FMT(params->segment_column),
                     STR_FMT(r->segment), r->value);
}

bool train_is_better(const struct train_params *params, const struct train_evaluation *a, const struct train_evaluation *b)
{
    double x = a->all.metric[params->best_metric].value, y = b->all.metric[params->best_metric].value;
    if (isnan(x) || isnan(y))
        return !isnan(x);
    return params->best_is_max ? x > y : x < y;
}
