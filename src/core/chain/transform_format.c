#include "core/chain/transform_format.h"

#include <math.h>

#include "base/limits.h"
#include "base/map.h"
#include "core/chain/words.h"

const char *const transform_kind_names[] = {[TRANSFORM_IMPUTE] = "impute", [TRANSFORM_SCALE] = "scale", [TRANSFORM_CLIP] = "clip",
                                            [TRANSFORM_LOG1P] = "log1p", [TRANSFORM_BUCKETIZE] = "bucketize", [TRANSFORM_ONEHOT] = "onehot",
                                            [TRANSFORM_ORDINAL] = "ordinal", [TRANSFORM_TARGET] = "target", [TRANSFORM_HASH] = "hash", NULL};
static const char *const unknown_names[] = {[TRANSFORM_UNKNOWN_IGNORE] = "ignore", [TRANSFORM_UNKNOWN_ERROR] = "error",
                                            [TRANSFORM_UNKNOWN_INFREQUENT] = "infrequent", [TRANSFORM_UNKNOWN_VALUE] = "value", NULL};
static const char *const members[TRANSFORM_KINDS][8] = {
    [TRANSFORM_IMPUTE] = {"kind", "method", "value", "indicator", NULL},
    [TRANSFORM_SCALE] = {"kind", "method", "center", "scale", NULL},
    [TRANSFORM_CLIP] = {"kind", "min", "max", NULL},
    [TRANSFORM_LOG1P] = {"kind", NULL},
    [TRANSFORM_BUCKETIZE] = {"kind", "method", "edges", "onehot", NULL},
    [TRANSFORM_ONEHOT] = {"kind", "categories", "rare", "unknown", NULL},
    [TRANSFORM_ORDINAL] = {"kind", "categories", "unknown", "unknown_value", NULL},
    [TRANSFORM_TARGET] = {"kind", "categories", "values", "mean", NULL},
    [TRANSFORM_HASH] = {"kind", "buckets", "signs", NULL},
};

/* ---- reading ---- */

static enum err numbers_ascend(struct op *op, const char *path, const char *key, const double *v, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (!(v[i - 1] < v[i]))
            return op_fail_field(op, path, "%s.%s must ascend; [%zu] does not", path, key, i);
    return OK;
}

static enum err set_read(struct op *op, const char *path, const struct json *j, const char *key, bool text, struct transform_set *s)
{
    double *numbers = NULL;
    struct str *texts = NULL;
    if (!text) {
        enum err e = chain_numbers(op, path, j, key, LIMIT_CHAIN_CATEGORIES, &numbers, &s->len);
        s->numbers = numbers;
        return e ? e : numbers_ascend(op, path, key, numbers, s->len);
    }
    enum err e = chain_texts(op, path, j, key, LIMIT_CHAIN_CATEGORIES, &texts, &s->len);
    s->texts = texts;
    for (size_t i = 0; !e && i < s->len; i++)
        if (!texts[i].len || (i && str_cmp(texts[i - 1], texts[i]) >= 0))
            return op_fail_field(op, path, "%s.%s must ascend and not be empty; [%zu] does or is not", path, key, i);
    return e;
}

/* A number, or null for NaN. */
static enum err nullable_read(struct op *op, const char *path, const struct json *j, const char *key, double *ret)
{
    const struct json *v = json_get(j, key);
    if (v && v->type != JSON_NULL)
        return chain_number(op, path, j, key, NULL, ret);
    *ret = NAN;
    return OK;
}

static enum err impute_read(struct op *op, const char *path, const struct json *j, bool text, struct transform_step *s)
{
    enum err e = text ? json_want_str(op, j, "value", &s->text) : chain_number(op, path, j, "value", NULL, &s->number);
    if (!e && text && !s->text.len)
        e = op_fail_field(op, path, "%s.value must not be empty", path);
    return e ? e : json_opt_bool(op, j, "indicator", false, &s->indicator);
}

static enum err scale_read(struct op *op, const char *path, const struct json *j, struct transform_step *s)
{
    enum err e = chain_number(op, path, j, "center", NULL, &s->center);
    if (!e)
        e = chain_number(op, path, j, "scale", NULL, &s->scale);
    return e || s->scale != 0 ? e : op_fail_field(op, path, "%s.scale must not be 0", path);
}

static enum err clip_read(struct op *op, const char *path, const struct json *j, struct transform_step *s)
{
    const double below = -INFINITY, above = INFINITY;
    enum err e = chain_number(op, path, j, "min", &below, &s->min);
    if (!e)
        e = chain_number(op, path, j, "max", &above, &s->max);
    return e || s->min <= s->max ? e : op_fail_field(op, path, "%s: min is above max", path);
}

static enum err bucketize_read(struct op *op, const char *path, const struct json *j, struct transform_step *s)
{
    double *edges = NULL;
    enum err e = chain_numbers(op, path, j, "edges", LIMIT_CHAIN_CATEGORIES, &edges, &s->edge_count);
    if (!e && s->edge_count < 2)
        e = op_fail_field(op, path, "%s.edges must be at least 2", path);
    s->edges = edges;
    if (!e)
        e = numbers_ascend(op, path, "edges", edges, s->edge_count);
    return e ? e : json_opt_bool(op, j, "onehot", false, &s->onehot);
}

static enum err target_read(struct op *op, const char *path, const struct json *j, struct transform_step *s)
{
    double *values = NULL;
    size_t n = 0;
    enum err e = chain_numbers(op, path, j, "values", LIMIT_CHAIN_CATEGORIES, &values, &n);
    if (!e && n != s->known.len)
        e = op_fail_field(op, path, "%s has %zu categories and %zu values", path, s->known.len, n);
    s->values = values;
    return e ? e : chain_number(op, path, j, "mean", NULL, &s->unknown_value);
}

static enum err unknown_read(struct op *op, const char *path, const struct json *j, struct transform_step *s)
{
    size_t word = 0;
    enum err e = chain_word(op, path, j, "unknown", unknown_names, TRANSFORM_UNKNOWN_ERROR, &word);
    s->unknown = (enum transform_unknown)word;
    bool fits = s->kind == TRANSFORM_ONEHOT ? s->unknown != TRANSFORM_UNKNOWN_VALUE
                                            : s->unknown == TRANSFORM_UNKNOWN_ERROR || s->unknown == TRANSFORM_UNKNOWN_VALUE;
    if (!e && !fits)
        e = op_fail_field(op, path, "%s: %s has no unknown \"%s\"", path, transform_kind_names[s->kind], unknown_names[s->unknown]);
    return e || s->kind == TRANSFORM_ONEHOT ? e : nullable_read(op, path, j, "unknown_value", &s->unknown_value);
}

static enum err encoder_read(struct op *op, const char *path, const struct json *j, bool text, struct transform_step *s)
{
    enum err e = set_read(op, path, j, "categories", text, &s->known);
    if (!e && s->kind == TRANSFORM_ONEHOT && json_get(j, "rare"))
        e = set_read(op, path, j, "rare", text, &s->rare);
    if (e)
        return e;
    if (s->kind == TRANSFORM_TARGET)
        return target_read(op, path, j, s);
    if (!s->known.len && !s->rare.len)
        return op_fail_field(op, path, "%s.categories is empty", path);
    return unknown_read(op, path, j, s);
}

static enum err step_read(struct op *op, const char *path, const struct json *j, bool text, struct transform_step *s)
{
    size_t kind = 0;
    int64_t buckets = 0;
    enum err e = j->type == JSON_OBJECT ? chain_word(op, path, j, "kind", transform_kind_names, SIZE_MAX, &kind)
                                        : op_fail_field(op, path, "%s is %s, not an object", path, json_type_name(j->type));
    if (!e)
        e = chain_members_check(op, path, j, members[kind]);
    if (!e)
        e = json_opt_str(op, j, "method", STR(""), &s->method);
    if (e)
        return e;
    s->kind = (enum transform_kind)kind;
    switch (s->kind) {
    case TRANSFORM_IMPUTE:
        return impute_read(op, path, j, text, s);
    case TRANSFORM_SCALE:
        return scale_read(op, path, j, s);
    case TRANSFORM_CLIP:
        return clip_read(op, path, j, s);
    case TRANSFORM_BUCKETIZE:
        return bucketize_read(op, path, j, s);
    case TRANSFORM_ONEHOT:
    case TRANSFORM_ORDINAL:
    case TRANSFORM_TARGET:
        return encoder_read(op, path, j, text, s);
    case TRANSFORM_HASH:
        e = json_want_i64(op, j, "buckets", 1, LIMIT_CHAIN_OUTPUTS, &buckets);
        s->buckets = (uint32_t)buckets;
        return e ? e : json_opt_bool(op, j, "signs", false, &s->signs);
    case TRANSFORM_LOG1P:
    case TRANSFORM_KINDS:
        break;
    }
    return OK;
}

static enum err column_read(struct op *op, const char *path, const struct json *j, const struct map *inputs, struct transform_column *c)
{
    static const char *const known[] = {"column", "steps", NULL};
    const struct json *steps = NULL;
    enum err e = chain_members_check(op, path, j, known);
    if (!e)
        e = json_want_str(op, j, "column", &c->name);
    if (!e)
        e = json_want_array(op, j, "steps", &steps);
    if (e)
        return op_context(op, "%s", path);
    const struct transform_input *in = map_find(inputs, c->name);
    if (!in)
        return op_fail_field(op, path, "%s: \"%.*s\" is not among the inputs", path, STR_FMT(c->name));
    if (steps->type != JSON_ARRAY || steps->len > LIMIT_CHAIN_STEPS)
        return op_fail_field(op, path, "%s.steps must be a list of at most %d", path, LIMIT_CHAIN_STEPS);
    struct transform_step *list = arena_array(op->arena, (size_t)steps->len + 1, struct transform_step);
    if (!list)
        return op_fail(op, E_TOO_LARGE, "no memory for the steps");
    c->text = in->text;
    c->steps = list;
    c->step_count = steps->len;
    bool text = in->text;
    for (size_t i = 0; !e && i < steps->len; i++) {
        e = step_read(op, op_printf(op, "%s.steps[%zu]", path, i), &steps->items[i], text, &list[i]);
        text = text && list[i].kind == TRANSFORM_IMPUTE;
    }
    return e;
}

static enum err inputs_read(struct op *op, const struct json *doc, struct transform *t, struct map *by_name)
{
    static const char *const known[] = {"name", "type", "min", "max", NULL}, *const types[] = {"number", "string", NULL};
    const struct json *list = json_get(doc, "inputs");
    if (!list || list->type != JSON_ARRAY || !list->len || list->len > LIMIT_CHAIN_COLUMNS)
        return op_fail_field(op, "inputs", "inputs must be a list of 1 to %d columns", LIMIT_CHAIN_COLUMNS);
    struct transform_input *inputs = arena_array(op->arena, list->len, struct transform_input);
    enum err e = inputs ? OK : op_fail(op, E_TOO_LARGE, "no memory for %u inputs", list->len);
    for (size_t i = 0; !e && i < list->len; i++) {
        const char *path = op_printf(op, "inputs[%zu]", i);
        size_t type = 0;
        e = chain_members_check(op, path, &list->items[i], known);
        if (!e)
            e = json_want_str(op, &list->items[i], "name", &inputs[i].name);
        if (!e)
            e = chain_word(op, path, &list->items[i], "type", types, SIZE_MAX, &type);
        if (!e)
            e = nullable_read(op, path, &list->items[i], "min", &inputs[i].min);
        if (!e)
            e = nullable_read(op, path, &list->items[i], "max", &inputs[i].max);
        if (!e && (!inputs[i].name.len || map_has(by_name, inputs[i].name)))
            e = op_fail_field(op, path, "%s: the name is empty or stands there twice", path);
        inputs[i].text = type == 1;
        if (!e && !map_put(by_name, inputs[i].name, &inputs[i]))
            e = op_fail(op, E_TOO_LARGE, "no memory for %u inputs", list->len);
    }
    t->inputs = inputs;
    t->input_count = list->len;
    return e;
}

static enum err document_read(struct op *op, const struct json *doc, struct transform *t)
{
    static const char *const known[] = {"format", "version", "inputs", "columns", NULL};
    struct str format = STR("");
    int64_t version = 0;
    struct map inputs;
    map_init(&inputs, op->arena);
    enum err e = doc->type == JSON_OBJECT ? json_want_str(op, doc, "format", &format) : op_fail(op, E_INVALID, "it is %s, not an object", json_type_name(doc->type));
    if (!e && !str_eqc(format, "ingot.transform"))
        e = op_fail(op, E_INVALID, "its format is \"%.*s\", not \"ingot.transform\"", STR_FMT(format));
    if (!e)
        e = json_want_i64(op, doc, "version", 0, INT64_MAX, &version);
    if (!e && version != 1)
        e = op_fail(op, E_UNSUPPORTED, "version %lld of the format is not known; 1 is", (long long)version);
    if (!e)
        e = chain_members_check(op, "transform", doc, known);
    if (!e)
        e = inputs_read(op, doc, t, &inputs);
    const struct json *list = e ? NULL : json_get(doc, "columns");
    if (!e && (!list || list->type != JSON_ARRAY || !list->len || list->len > LIMIT_CHAIN_COLUMNS))
        e = op_fail_field(op, "columns", "columns must be a list of 1 to %d", LIMIT_CHAIN_COLUMNS);
    if (e)
        return e;
    struct transform_column *columns = arena_array(op->arena, list->len, struct transform_column);
    e = columns ? OK : op_fail(op, E_TOO_LARGE, "no memory for %u columns", list->len);
    for (size_t i = 0; !e && i < list->len; i++)
        e = column_read(op, op_printf(op, "columns[%zu]", i), &list->items[i], &inputs, &columns[i]);
    t->columns = columns;
    t->column_count = list->len;
    return e;
}

enum err transform_read(struct op *op, struct str bytes, struct transform **ret)
{
    struct transform *t = op_new(op, struct transform);
    struct json *doc = NULL;
    enum err e = bytes.len > LIMIT_CHAIN_FILE_BYTES ? op_fail(op, E_TOO_LARGE, "it has %zu bytes; %zu are allowed", bytes.len, LIMIT_CHAIN_FILE_BYTES)
                                                    : json_parse(op, bytes, JSON_STRICT, &doc);
    if (!e)
        e = document_read(op, doc, t);
    const size_t inputs = t->input_count;
    if (!e)
        e = transform_seal(op, t);
    if (!e && t->input_count != inputs)
        e = op_fail_field(op, "inputs", "an input has no column");
    if (e)
        return op_context(op, "transform");
    *ret = t;
    return OK;
}

/* ---- writing ---- */

static void numbers_write(struct json_out *w, const char *key, const double *v, size_t n)
{
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < n; i++)
        json_f64(w, v[i]);
    json_end_array(w);
}

static void set_write(struct json_out *w, const char *key, const struct transform_set *s)
{
    if (s->numbers) {
        numbers_write(w, key, s->numbers, s->len);
        return;
    }
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < s->len; i++)
        json_str(w, s->texts[i]);
    json_end_array(w);
}

static void known_write(struct json_out *w, const struct transform_step *s)
{
    set_write(w, "categories", &s->known);
    if (s->rare.len)
        set_write(w, "rare", &s->rare);
    if (s->kind == TRANSFORM_TARGET) {
        numbers_write(w, "values", s->values, s->known.len);
        json_kv_f64(w, "mean", s->unknown_value);
        return;
    }
    json_kv_cstr(w, "unknown", unknown_names[s->unknown]);
    if (s->unknown == TRANSFORM_UNKNOWN_VALUE)
        json_kv_f64(w, "unknown_value", s->unknown_value);
}

static void step_write(struct json_out *w, const struct transform_step *s)
{
    json_begin_object(w);
    json_kv_cstr(w, "kind", transform_kind_names[s->kind]);
    if (s->method.len)
        json_kv_str(w, "method", s->method);
    switch (s->kind) {
    case TRANSFORM_IMPUTE:
        if (s->text.len)
            json_kv_str(w, "value", s->text);
        else
            json_kv_f64(w, "value", s->number);
        json_kv_bool(w, "indicator", s->indicator);
        break;
    case TRANSFORM_SCALE:
        json_kv_f64(w, "center", s->center);
        json_kv_f64(w, "scale", s->scale);
        break;
    case TRANSFORM_CLIP:
        if (isfinite(s->min))
            json_kv_f64(w, "min", s->min);
        if (isfinite(s->max))
            json_kv_f64(w, "max", s->max);
        break;
    case TRANSFORM_BUCKETIZE:
        numbers_write(w, "edges", s->edges, s->edge_count);
        json_kv_bool(w, "onehot", s->onehot);
        break;
    case TRANSFORM_ONEHOT:
    case TRANSFORM_ORDINAL:
    case TRANSFORM_TARGET:
        known_write(w, s);
        break;
    case TRANSFORM_HASH:
        json_kv_i64(w, "buckets", s->buckets);
        json_kv_bool(w, "signs", s->signs);
        break;
    case TRANSFORM_LOG1P:
    case TRANSFORM_KINDS:
        break;
    }
    json_end_object(w);
}

void transform_write(struct json_out *w, const struct transform *t)
{
    w->nonfinite = JSON_NONFINITE_NULL;
    json_begin_object(w);
    json_kv_cstr(w, "format", "ingot.transform");
    json_kv_i64(w, "version", 1);
    json_key(w, "inputs");
    json_begin_array(w);
    for (size_t i = 0; i < t->input_count; i++) {
        json_begin_object(w);
        json_kv_str(w, "name", t->inputs[i].name);
        json_kv_cstr(w, "type", t->inputs[i].text ? "string" : "number");
        if (isfinite(t->inputs[i].min) && isfinite(t->inputs[i].max)) {
            json_kv_f64(w, "min", t->inputs[i].min);
            json_kv_f64(w, "max", t->inputs[i].max);
        }
        json_end_object(w);
    }
    json_end_array(w);
    json_key(w, "columns");
    json_begin_array(w);
    for (size_t i = 0; i < t->column_count; i++) {
        json_begin_object(w);
        json_kv_str(w, "column", t->columns[i].name);
        json_key(w, "steps");
        json_begin_array(w);
        for (size_t k = 0; k < t->columns[i].step_count; k++)
            step_write(w, &t->columns[i].steps[k]);
        json_end_array(w);
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
}
