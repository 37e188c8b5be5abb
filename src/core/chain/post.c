#include "core/chain/post.h"

#include <math.h>

#include "base/limits.h"
#include "core/chain/columns.h"
#include "core/chain/words.h"

enum { DIGITS_MAX = 15 };
static const char *const output_names[] = {[POST_SCORE] = "score", [POST_LABEL] = "label", [POST_PROBABILITIES] = "probabilities", NULL};

/* ---- configuration ---- */

static enum err calibrate_read(struct op *op, const struct json *j, struct post_spec *s)
{
    static const struct calibrate_map none;
    static const struct calibrator keep = {.method = CALIBRATE_NONE, .maps = &none};
    struct calibrator *c = NULL;
    if (!j || j->type == JSON_NULL || (j->type == JSON_STRING && str_eqc(j->s, "package")))
        return OK;
    if (j->type == JSON_STRING && str_eqc(j->s, "none")) {
        s->calibrator = &keep;
        return OK;
    }
    enum err e = calibrator_parse(op, j, &c);
    s->calibrator = c;
    return e ? op_context(op, "post") : OK;
}

static enum err threshold_read(struct op *op, const struct json *j, struct post_spec *s)
{
    double v = 0;
    if (!j || j->type == JSON_NULL)
        return OK;
    s->decides = true;
    if (json_as_f64(j, &v) && v >= 0 && v <= 1) {
        s->threshold = v;
        return OK;
    }
    bool sound = j->type == JSON_OBJECT;
    for (size_t i = 0; sound && i < j->len; i++)
        sound = json_as_f64(&j->members[i].value, &v) && v > 0 && v <= 1;
    s->per_class = j;
    return sound ? OK : op_fail_field(op, "post.threshold", "post.threshold must be in [0, 1], or an object of thresholds in (0, 1] by class");
}

static enum err outputs_read(struct op *op, const struct json *j, struct post_spec *s)
{
    if (!j || j->type == JSON_NULL)
        return OK;
    if (j->type != JSON_ARRAY || !j->len)
        return op_fail_field(op, "post.outputs", "post.outputs must be a list of score, label and probabilities");
    s->chosen = true;
    for (size_t i = 0; i < j->len; i++) {
        size_t k = 0;
        while (output_names[k] && (j->items[i].type != JSON_STRING || !str_eqc(j->items[i].s, output_names[k])))
            k++;
        if (!output_names[k] || s->wanted[k])
            return op_fail_field(op, "post.outputs", "post.outputs[%zu] is none of score, label, probabilities, or stands there twice", i);
        s->wanted[k] = true;
    }
    return OK;
}

enum err post_parse(struct op *op, const struct json *j, double threshold, struct post_spec **ret)
{
    static const char *const known[] = {"source", "calibrate", "threshold", "labels", "outputs", "round", NULL};
    *ret = NULL;
    if (!j || j->type == JSON_NULL)
        return OK;
    struct post_spec *s = op_new(op, struct post_spec);
    struct str *labels = NULL;
    int64_t digits = 0;
    s->threshold = threshold;
    enum err e = chain_members_check(op, "post", j, known);
    if (!e)
        e = json_opt_str(op, j, "source", STR(""), &s->source);
    if (!e)
        e = calibrate_read(op, json_get(j, "calibrate"), s);
    if (!e)
        e = threshold_read(op, json_get(j, "threshold"), s);
    if (!e && json_get(j, "labels"))
        e = chain_texts(op, "post", j, "labels", LIMIT_CHAIN_CLASSES, &labels, &s->label_count);
    if (!e && labels && s->label_count < 2)
        e = op_fail_field(op, "post.labels", "post.labels must name at least 2 classes");
    s->labels = labels;
    for (size_t i = 0; !e && i < s->label_count; i++)
        for (size_t k = 0; k < i; k++)
            if (str_eq(labels[i], labels[k]))
                return op_fail_field(op, "post.labels", "post.labels[%zu] stands there twice", i);
    if (!e)
        e = outputs_read(op, json_get(j, "outputs"), s);
    if (!e)
        e = json_opt_i64(op, j, "round", 0, DIGITS_MAX, 0, &digits);
    s->round = json_get(j, "round") ? (int)digits : -1;
    if (!e)
        *ret = s;
    return e;
}

/* ---- compiling ---- */

static bool is_score(const struct tensor_spec *s)
{
    bool real = s->type == TENSOR_FP32 || s->type == TENSOR_FP64 || s->type == TENSOR_FP16 || s->type == TENSOR_BF16;
    return real && (s->rank == 1 || (s->rank == 2 && s->shape[1] > 0 && s->shape[1] <= LIMIT_CHAIN_CLASSES));
}

static enum err source_find(struct op *op, const struct post_spec *spec, const struct tensor_spec *outputs, size_t n, struct post *p)
{
    const bool named = spec && spec->source.len;
    for (size_t i = 0; i < n; i++) {
        if (named ? !str_eq(outputs[i].name, spec->source) : !is_score(&outputs[i]))
            continue;
        if (!is_score(&outputs[i]))
            return op_fail_field(op, "post.source", "output \"%.*s\" holds no scores: floats of shape [n] or [n, classes] are wanted", STR_FMT(spec->source));
        p->source = i;
        p->width = outputs[i].rank == 1 ? 1 : (size_t)outputs[i].shape[1];
        return OK;
    }
    return named ? op_fail_field(op, "post.source", "the model has no output \"%.*s\"", STR_FMT(spec->source))
                 : op_fail_field(op, "post", "the model has no output of scores");
}

static enum err labels_make(struct op *op, const struct post_spec *spec, const struct tensor_spec *source, struct post *p)
{
    p->classes = p->width == 1 ? 2 : p->width;
    if (spec && spec->labels && spec->label_count != p->classes)
        return op_fail_field(op, "post.labels", "post.labels has %zu names; the model has %zu classes", spec->label_count, p->classes);
    if (spec && spec->labels) {
        p->labels = spec->labels;
        return OK;
    }
    struct str *labels = arena_array(op->arena, p->classes, struct str);
    if (!labels)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu classes", p->classes);
    const struct str *own = source->labels && source->label_count == p->classes ? source->labels : NULL;
    for (size_t i = 0; i < p->classes; i++) {
        if (own && arena_left(op->arena) < own[i].len + 64)
            return op_fail(op, E_TOO_LARGE, "no memory for the names of %zu classes", p->classes);
        labels[i] = own ? str_dup(op->arena, own[i]) : str_from(op_printf(op, "%zu", i));
    }
    p->labels = labels;
    return OK;
}

static enum err thresholds_make(struct op *op, const struct post_spec *spec, struct post *p)
{
    if (!spec || !spec->per_class)
        return OK;
    double *t = arena_array(op->arena, p->classes, double);
    if (!t)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu classes", p->classes);
    for (size_t i = 0; i < p->classes; i++)
        t[i] = 0.5;
    for (size_t m = 0; m < spec->per_class->len; m++) {
        size_t i = 0;
        while (i < p->classes && !str_eq(p->labels[i], spec->per_class->members[m].key))
            i++;
        if (i == p->classes)
            return op_fail_field(op, "post.threshold", "post.threshold: there is no class \"%.*s\"", STR_FMT(spec->per_class->members[m].key));
        (void)json_as_f64(&spec->per_class->members[m].value, &t[i]);
    }
    p->thresholds = t;
    return OK;
}

static struct tensor_spec output_spec(const struct post *p, enum post_output what)
{
    struct tensor_spec s = {.name = str_from(output_names[what]), .type = what == POST_LABEL ? TENSOR_BYTES : p->type, .rank = 1, .shape = {-1}};
    if (what == POST_PROBABILITIES) {
        s.rank = 2;
        s.shape[1] = (int64_t)p->classes;
    }
    if (what == POST_PROBABILITIES || (what == POST_SCORE && p->width <= 2)) {
        s.labels = p->labels;
        s.label_count = p->classes;
    }
    return s;
}

static enum err outputs_make(struct op *op, const bool *wanted, const struct tensor_spec *outputs, size_t n, struct post *p)
{
    struct tensor_spec *specs = arena_array(op->arena, n + POST_OUTPUTS, struct tensor_spec);
    struct post_place *places = arena_array(op->arena, n + POST_OUTPUTS, struct post_place);
    size_t len = n;
    if (!specs || !places)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu outputs", n);
    for (size_t i = 0; i < n; i++) {
        specs[i] = outputs[i];
        places[i].model = i;
    }
    for (size_t k = 0; k < POST_OUTPUTS; k++) {
        size_t at = 0;
        while (wanted[k] && at < n && !str_eqc(outputs[at].name, output_names[k]))
            at++;
        if (!wanted[k])
            continue;
        at = at < n ? at : len++;
        specs[at] = output_spec(p, (enum post_output)k);
        places[at] = (struct post_place){SIZE_MAX, (enum post_output)k};
    }
    p->outputs = specs;
    p->places = places;
    p->output_count = len;
    return OK;
}

enum err post_compile(struct op *op, const struct post_spec *spec, const struct calibrator *own, double threshold, const struct tensor_spec *outputs,
                      size_t output_count, struct post **ret)
{
    *ret = NULL;
    if (!spec && !own)
        return OK;
    struct post *p = op_new(op, struct post);
    p->calibrator = spec && spec->calibrator ? spec->calibrator : own;
    if (p->calibrator && p->calibrator->method == CALIBRATE_NONE)
        p->calibrator = NULL;
    p->threshold = spec ? spec->threshold : threshold;
    p->round = spec ? spec->round : -1;
    enum err e = source_find(op, spec, outputs, output_count, p);
    if (!e && p->calibrator && !calibrator_fits(p->calibrator, p->width))
        e = op_fail_field(op, "post.calibrate", "the calibration is of %zu classes, the model gives %zu values", p->calibrator->classes, p->width);
    if (!e)
        e = labels_make(op, spec, &outputs[p->source], p);
    if (!e)
        e = thresholds_make(op, spec, p);
    if (e)
        return e;
    p->type = !p->calibrator && p->round < 0 && outputs[p->source].type == TENSOR_FP32 ? TENSOR_FP32 : TENSOR_FP64;
    bool wanted[POST_OUTPUTS] = {[POST_SCORE] = p->width <= 2, [POST_PROBABILITIES] = p->width > 2, [POST_LABEL] = spec && (spec->labels || spec->decides)};
    e = outputs_make(op, spec && spec->chosen ? spec->wanted : wanted, outputs, output_count, p);
    if (!e)
        *ret = p;
    return e;
}

/* ---- a request ---- */

/* What a row is read into and written from. */
struct writing {
    const struct post *p;
    double *row;                       /* `classes` probabilities */
    void *score, *probabilities;
    struct str *labels, *copies;       /* of each row; of each class, made when first needed: an answer outlives the endpoint */
    float *final;
    bool full;                         /* no memory for a label */
};

/* The larger is taken; of equal ones the first. */
static size_t class_choose(const struct post *p, const double *row)
{
    size_t best = 0;
    if (p->width <= 2 && !p->thresholds)
        return row[1] >= p->threshold;
    for (size_t i = 1; i < p->classes; i++)
        if (p->thresholds ? row[i] / p->thresholds[i] > row[best] / p->thresholds[best] : row[i] > row[best])
            best = i;
    return best;
}

static double round_to(double v, int digits)
{
    static const double powers[DIGITS_MAX + 1] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    return digits < 0 || !isfinite(v) || fabs(v) > 1e15 / powers[digits] ? v : rint(v * powers[digits]) / powers[digits];
}

static void number_put(const struct post *p, void *to, size_t at, double v)
{
    v = round_to(v, p->round);
    if (p->type == TENSOR_FP32)
        ((float *)to)[at] = (float)v;
    else
        ((double *)to)[at] = v;
}

static struct str label_of(struct op *op, struct writing *w, size_t k)
{
    if (!w->copies[k].p && arena_left(op->arena) < w->p->labels[k].len + 64)
        w->full = true;
    else if (!w->copies[k].p)
        w->copies[k] = str_dup(op->arena, w->p->labels[k]);
    return w->copies[k];
}

static void row_run(struct op *op, struct writing *w, const struct tensor *source, size_t i)
{
    const struct post *p = w->p;
    double *row = w->row, score;
    if (p->width <= 2) {
        score = chain_value(source, i * p->width + p->width - 1);
        if (p->calibrator && p->calibrator->classes) {
            row[0] = chain_value(source, i * p->width);
            row[1] = score;
            calibrator_classes(p->calibrator, row, 2);
            score = row[1];
        } else if (p->calibrator) {
            score = calibrator_score(p->calibrator, score);
        }
        row[0] = 1 - score;
        row[1] = score;
    } else {
        for (size_t k = 0; k < p->width; k++)
            row[k] = chain_value(source, i * p->width + k);
        if (p->calibrator)
            calibrator_classes(p->calibrator, row, p->width);
    }
    const size_t chosen = class_choose(p, row);
    score = row[1];
    for (size_t k = 0; p->width > 2 && k < p->classes; k++)
        score = !k || row[k] > score ? row[k] : score;
    w->final[i] = (float)score;
    if (w->score)
        number_put(p, w->score, i, score);
    if (w->labels)
        w->labels[i] = label_of(op, w, chosen);
    for (size_t k = 0; w->probabilities && k < p->classes; k++)
        number_put(p, w->probabilities, i * p->classes + k, row[k]);
}

enum err post_run(struct op *op, const struct post *p, const struct tensor *source, size_t rows, const bool *wanted, struct post_result *ret)
{
    const size_t size = tensor_type_size(p->type);
    struct writing w = {.p = p, .row = arena_array(op->arena, p->classes, double), .final = arena_array(op->arena, rows + 1, float)};
    bool want[POST_OUTPUTS] = {false}, room = w.row && w.final;
    if (source->count != rows * p->width)
        return op_fail(op, E_IO, "output \"%.*s\" has %zu values, not %zu for each of %zu rows", STR_FMT(source->name), source->count, p->width, rows);
    for (size_t i = 0; i < p->output_count; i++)
        if (p->places[i].model == SIZE_MAX && (!wanted || wanted[i]))
            want[p->places[i].what] = true;
    if (want[POST_SCORE])
        room = (w.score = arena_try_alloc(op->arena, rows + 1, size)) && room;
    if (want[POST_LABEL])
        room = (w.labels = arena_array(op->arena, rows + 1, struct str)) && (w.copies = arena_array(op->arena, p->classes, struct str)) && room;
    if (want[POST_PROBABILITIES])
        room = (w.probabilities = arena_try_alloc(op->arena, rows * p->classes + 1, size)) && room;
    if (!room)
        return op_fail(op, E_TOO_LARGE, "no memory for the answers of %zu rows", rows);
    for (size_t i = 0; i < rows; i++)
        row_run(op, &w, source, i);
    if (w.full)
        return op_fail(op, E_TOO_LARGE, "no memory for the labels of %zu rows", rows);
    *ret = (struct post_result){.scores = w.final};
    for (size_t k = 0; k < POST_OUTPUTS; k++) {
        struct tensor *t = &ret->made[k];
        *t = (struct tensor){.name = str_from(output_names[k]), .type = k == POST_LABEL ? TENSOR_BYTES : p->type, .rank = k == POST_PROBABILITIES ? 2 : 1,
                             .shape = {(int64_t)rows, k == POST_PROBABILITIES ? (int64_t)p->classes : 0},
                             .count = k == POST_PROBABILITIES ? rows * p->classes : rows};
        t->data = k == POST_SCORE ? w.score : k == POST_PROBABILITIES ? w.probabilities : NULL;
        t->texts = k == POST_LABEL ? w.labels : NULL;
    }
    return OK;
}
