#include "core/train/params.h"

#include <math.h>

#include "base/limits.h"
#include "base/time.h"
#include "base/yaml.h"

static const char *const metric_names[TRAIN_METRIC_COUNT] = {
    [TRAIN_AUC] = "auc",
    [TRAIN_LOG_LOSS] = "log_loss",
    [TRAIN_BRIER] = "brier",
    [TRAIN_ECE] = "ece",
    [TRAIN_ACCURACY] = "accuracy",
};

const char *train_metric_name(enum train_metric m)
{
    return metric_names[m];
}

bool train_metric_find(struct str name, enum train_metric *ret)
{
    for (size_t i = 0; i < TRAIN_METRIC_COUNT; i++) {
        if (str_eqc(name, metric_names[i])) {
            *ret = (enum train_metric)i;
            return true;
        }
    }
    return false;
}

/* Refuses members that are not in the NULL-ended list. `obj` NULL is fine. */
static enum err keys_check(struct op *op, const struct json *obj, const char *path, const char *const *known)
{
    if (!obj || obj->type == JSON_NULL)
        return OK;
    if (obj->type != JSON_OBJECT)
        return op_fail_field(op, path, "%s is a %s, not a mapping", path, json_type_name(obj->type));
    for (size_t i = 0; i < obj->len; i++) {
        size_t k = 0;
        while (known[k] && !str_eqc(obj->members[i].key, known[k]))
            k++;
        if (!known[k])
            return op_fail_field(op, path, "%s has no key \"%.*s\"", path, STR_FMT(obj->members[i].key));
    }
    return OK;
}

static enum err time_read(struct op *op, const struct json *split, const char *key, int64_t *ret)
{
    struct str s;
    enum err e = json_want_str(op, split, key, &s);
    if (e)
        return e;
    if (!time_parse(s, ret))
        return op_fail_field(op, key, "split.%s is \"%.*s\", not a date or an RFC 3339 time", key, STR_FMT(s));
    return OK;
}

static enum err split_read(struct op *op, const struct json *doc, struct train_params *p)
{
    static const char *const known[] = {"fit_start", "fit_end", "valid_end", NULL};
    const struct json *split = NULL;
    enum err e = json_want_object(op, doc, "split", &split);
    if (!e)
        e = keys_check(op, split, "split", known);
    if (!e)
        e = time_read(op, split, "fit_start", &p->fit_start_us);
    if (!e)
        e = time_read(op, split, "fit_end", &p->fit_end_us);
    if (!e)
        e = time_read(op, split, "valid_end", &p->valid_end_us);
    if (!e && !(p->fit_start_us < p->fit_end_us && p->fit_end_us < p->valid_end_us))
        e = op_fail_field(op, "split", "split: fit_start < fit_end < valid_end does not hold");
    return e;
}

static enum err columns_read(struct op *op, const struct json *doc, struct train_params *p)
{
    static const char *const known[] = {"id", "time", "label", "features", NULL};
    const struct json *c = json_get(doc, "columns");
    enum err e = keys_check(op, c, "columns", known);
    if (!e)
        e = json_opt_str(op, c, "id", STR(""), &p->id);
    if (!e)
        e = json_opt_str(op, c, "time", STR("date"), &p->time);
    if (!e)
        e = json_opt_str(op, c, "label", STR("label"), &p->label);
    const struct json *f = c ? json_get(c, "features") : NULL;
    if (e || !f || f->type == JSON_NULL)
        return e;
    if (f->type != JSON_ARRAY || !f->len || f->len > LIMIT_TREE_FEATURES)
        return op_fail_field(op, "columns.features", "columns.features is not a list of 1 to %u names", LIMIT_TREE_FEATURES);
    p->features = arena_array(op->arena, f->len, struct str);
    if (!p->features)
        return op_fail(op, E_TOO_LARGE, "no memory for %u features", f->len);
    for (size_t i = 0; i < f->len; i++) {
        if (f->items[i].type != JSON_STRING)
            return op_fail_field(op, "columns.features", "columns.features[%zu] is not a name", i);
        p->features[i] = f->items[i].s;
    }
    p->feature_len = f->len;
    return OK;
}

static enum err gate_read(struct op *op, const struct json *obj, size_t i, struct train_gate *g)
{
    static const char *const known[] = {"metric", "op", "value", "segment", NULL};
    static const char *const compares[] = {[TRAIN_GE] = ">=", [TRAIN_GT] = ">", [TRAIN_LE] = "<=", [TRAIN_LT] = "<"};
    const char *path = op_printf(op, "evaluate.gates[%zu]", i);
    struct str metric, compare;
    enum err e = keys_check(op, obj, path, known);
    if (!e)
        e = json_want_str(op, obj, "metric", &metric);
    if (!e)
        e = json_want_str(op, obj, "op", &compare);
    if (!e)
        e = json_want_f64(op, obj, "value", &g->value);
    if (!e)
        e = json_opt_str(op, obj, "segment", STR(""), &g->segment);
    if (e)
        return op_context(op, "%s", path);
    if (!train_metric_find(metric, &g->metric) || !isfinite(g->value))
        return op_fail_field(op, path, "%s: \"%.*s\" is no metric, or its value is not finite", path, STR_FMT(metric));
    for (size_t k = 0; k < ARRAY_LEN(compares); k++) {
        if (str_eqc(compare, compares[k])) {
            g->compare = (enum train_compare)k;
            return OK;
        }
    }
    return op_fail_field(op, path, "%s: op is \"%.*s\", not >=, >, <= or <", path, STR_FMT(compare));
}

static enum err gates_read(struct op *op, const struct json *evaluate, struct train_params *p)
{
    const struct json *gates = evaluate ? json_get(evaluate, "gates") : NULL;
    if (!gates || gates->type == JSON_NULL)
        return OK;
    if (gates->type != JSON_ARRAY || gates->len > LIMIT_TRAIN_GATES)
        return op_fail_field(op, "evaluate.gates", "evaluate.gates is not a list of at most %d", LIMIT_TRAIN_GATES);
    p->gates = arena_array(op->arena, gates->len ? gates->len : 1, struct train_gate);
    if (!p->gates)
        return op_fail(op, E_TOO_LARGE, "no memory for the gates");
    p->gate_len = gates->len;
    enum err e = OK;
    for (size_t i = 0; !e && i < gates->len; i++)
        e = gate_read(op, &gates->items[i], i, &p->gates[i]);
    return e;
}

static enum err best_read(struct op *op, const struct json *evaluate, struct train_params *p)
{
    static const char *const known[] = {"metric", "goal", NULL};
    const struct json *best = evaluate ? json_get(evaluate, "best") : NULL;
    struct str metric, goal;
    enum err e = keys_check(op, best, "evaluate.best", known);
    if (!e)
        e = json_opt_str(op, best, "metric", STR("log_loss"), &metric);
    if (e)
        return e;
    if (!train_metric_find(metric, &p->best_metric))
        return op_fail_field(op, "evaluate.best.metric", "evaluate.best.metric: \"%.*s\" is no metric", STR_FMT(metric));
    bool higher = p->best_metric == TRAIN_AUC || p->best_metric == TRAIN_ACCURACY;
    e = json_opt_str(op, best, "goal", higher ? STR("max") : STR("min"), &goal);
    if (e)
        return e;
    p->best_is_max = str_eqc(goal, "max");
    if (!p->best_is_max && !str_eqc(goal, "min"))
        return op_fail_field(op, "evaluate.best.goal", "evaluate.best.goal is \"%.*s\", not min or max", STR_FMT(goal));
    return OK;
}

static enum err evaluate_read(struct op *op, const struct json *doc, struct train_params *p)
{
    static const char *const known[] = {"best", "segments", "confidence", "gates", NULL};
    static const char *const segment_keys[] = {"column", "top", NULL};
    const struct json *ev = json_get(doc, "evaluate");
    const struct json *seg = ev ? json_get(ev, "segments") : NULL;
    int64_t top = 0;
    enum err e = keys_check(op, ev, "evaluate", known);
    if (!e)
        e = keys_check(op, seg, "evaluate.segments", segment_keys);
    if (!e)
        e = json_opt_str(op, seg, "column", STR(""), &p->segment_column);
    if (!e)
        e = json_opt_i64(op, seg, "top", 1, LIMIT_TRAIN_SEGMENTS, 20, &top);
    if (!e)
        e = json_opt_f64(op, ev, "confidence", 0.95, &p->confidence);
    if (!e && !(p->confidence > 0 && p->confidence < 1))
        e = op_fail_field(op, "evaluate.confidence", "evaluate.confidence is not inside (0, 1)");
    p->segment_top = (size_t)top;
    if (!e)
        e = best_read(op, ev, p);
    return e ? e : gates_read(op, ev, p);
}

static enum err reference_read(struct op *op, const struct json *doc, struct train_params *p)
{
    static const char *const names[] = {"all", "fit", "valid"};
    struct str s;
    enum err e = json_opt_str(op, doc, "reference", STR("all"), &s);
    for (size_t i = 0; !e && i < ARRAY_LEN(names); i++) {
        if (str_eqc(s, names[i])) {
            p->reference = (enum train_reference)i;
            return OK;
        }
    }
    return e ? e : op_fail_field(op, "reference", "reference is \"%.*s\", not all, fit or valid", STR_FMT(s));
}

enum err train_params_parse(struct op *op, struct str yaml, struct train_params **ret)
{
    struct json *doc = NULL;
    struct train_params *p = op_new(op, struct train_params);
    enum err e = yaml_parse(op, yaml, &doc);
    if (!e && doc->type != JSON_OBJECT)
        e = op_fail(op, E_INVALID, "it is a %s, not a mapping", json_type_name(doc->type));
    if (!e)
        e = columns_read(op, doc, p);
    if (!e)
        e = split_read(op, doc, p);
    if (!e)
        e = json_opt_f64(op, doc, "threshold", 0.5, &p->threshold);
    if (!e && !(p->threshold >= 0 && p->threshold <= 1))
        e = op_fail_field(op, "threshold", "threshold must be in [0, 1]");
    if (!e)
        e = reference_read(op, doc, p);
    if (!e)
        e = evaluate_read(op, doc, p);
    if (e)
        return op_context(op, "params");
    p->doc = doc;
    p->transform = json_get(doc, "transform");
    p->transform = p->transform && p->transform->type != JSON_NULL ? p->transform : NULL;
    p->calibrate = json_get(doc, "calibrate");
    p->calibrate = p->calibrate && p->calibrate->type != JSON_NULL ? p->calibrate : NULL;
    if (p->transform && p->features)
        return op_fail_field(op, "columns.features", "params: with a transform the features are what it makes; columns.features must not stand there");
    *ret = p;
    return OK;
}

const struct json *train_params_learner(const struct train_params *p, const char *learner)
{
    return json_get(p->doc, learner);
}
