#include "core/serve/rows.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/time.h"

enum { FEW = 12 }; /* so many names are compared faster than hashed */

/* ---- names ---- */

enum err tensor_set_make(struct op *op, const struct tensor *inputs, size_t n, struct tensor_set *ret)
{
    *ret = (struct tensor_set){inputs, n, NULL};
    if (n > LIMIT_SERVE_INPUTS)
        return op_fail(op, E_INVALID, "%zu inputs; a request may have %d", n, LIMIT_SERVE_INPUTS);
    if (n > FEW) {
        ret->map = op_new(op, struct map);
        map_init(ret->map, op->arena);
    }
    for (size_t i = 0; i < n; i++) {
        bool twice = false;
        for (size_t k = 0; !ret->map && k < i; k++)
            twice = twice || str_eq(inputs[k].name, inputs[i].name);
        if (twice || (ret->map && map_has(ret->map, inputs[i].name)))
            return op_fail(op, E_INVALID, "input \"%.*s\" stands there twice", STR_FMT(inputs[i].name));
        if (ret->map && !map_put(ret->map, inputs[i].name, (void *)(uintptr_t)&inputs[i]))
            return op_fail(op, E_TOO_LARGE, "no memory for %zu inputs", n);
    }
    return OK;
}

const struct tensor *tensor_set_find(const struct tensor_set *s, struct str name, size_t hint)
{
    if (!name.len)
        return NULL;
    if (hint < s->len && str_eq(s->all[hint].name, name))
        return &s->all[hint];
    if (s->map)
        return map_find(s->map, name);
    for (size_t i = 0; i < s->len; i++)
        if (str_eq(s->all[i].name, name))
            return &s->all[i];
    return NULL;
}

/* ---- one request ---- */

struct reading {
    struct op *op;
    const struct rows_want *want;
    const struct tensor_set *set;
    size_t n;                /* rows; SIZE_MAX: not known yet */
};

static enum err unknown_input(const struct reading *p, struct str name)
{
    return op_fail(p->op, E_INVALID, "\"%.*s\" has no input \"%.*s\"", STR_FMT(p->want->endpoint), STR_FMT(name));
}

static enum err no_memory(struct op *op, size_t n)
{
    return op_fail(op, E_TOO_LARGE, "no memory for %zu rows", n);
}

static enum err count_check(struct op *op, size_t n)
{
    return n <= LIMIT_SERVE_ROWS ? OK : op_fail(op, E_TOO_LARGE, "%zu rows; a request may have %d", n, LIMIT_SERVE_ROWS);
}

/* A column of as many rows as the others; the first sets the number. */
static enum err column_check(struct reading *p, const struct tensor *t)
{
    size_t n;
    if (!tensor_is_vector(t, &n))
        return op_fail(p->op, E_INVALID, "input \"%.*s\": shape [n] or [n, 1] is wanted", STR_FMT(t->name));
    if (!n)
        return op_fail(p->op, E_INVALID, "input \"%.*s\" has no rows", STR_FMT(t->name));
    if (p->n == SIZE_MAX)
        p->n = n;
    if (n != p->n)
        return op_fail(p->op, E_INVALID, "input \"%.*s\" has %zu rows, the others %zu", STR_FMT(t->name), n, p->n);
    return count_check(p->op, n);
}

static enum err vector_length(struct op *op, const struct tensor *t, size_t n, size_t *ret)
{
    size_t len;
    if (!tensor_is_vector(t, &len) || !len)
        return op_fail(op, E_INVALID, "input \"%.*s\": shape [n] or [n, 1] is wanted", STR_FMT(t->name));
    if (n && len != n)
        return op_fail(op, E_INVALID, "input \"%.*s\" has %zu rows, the others %zu", STR_FMT(t->name), len, n);
    *ret = len;
    return count_check(op, len);
}

enum err rows_read_times(struct op *op, const struct tensor *t, size_t n, struct rows *ret)
{
    size_t len = 0;
    enum err e = vector_length(op, t, n, &len);
    if (e)
        return e;
    int64_t *out = arena_array(op->arena, len, int64_t);
    if (!out)
        return no_memory(op, len);
    ret->event_us = out;
    if (t->type != TENSOR_BYTES)
        return tensor_to_i64(op, t, out);
    for (size_t i = 0; i < len; i++)
        if (!time_parse(t->texts[i], &out[i]))
            return op_fail(op, E_INVALID, "input \"%.*s\": data[%zu] is not a time in RFC 3339", STR_FMT(t->name), i);
    return OK;
}

/* Integers as they are; texts by their hash, as the labels' side does. */
enum err rows_read_ids(struct op *op, const struct tensor *t, size_t n, struct rows *ret)
{
    size_t len = 0;
    enum err e = vector_length(op, t, n, &len);
    if (e)
        return e;
    int64_t *out = arena_array(op->arena, len, int64_t);
    if (!out)
        return no_memory(op, len);
    if (t->type == TENSOR_BYTES) {
        for (size_t i = 0; i < len; i++)
            out[i] = (int64_t)hash64(t->texts[i].p, t->texts[i].len, 0);
        ret->unit = t->texts[0];
    } else {
        char text[24];
        e = tensor_to_i64(op, t, out);
        int k = e ? 0 : snprintf(text, sizeof(text), "%" PRId64, out[0]);
        ret->unit = str_dup(op->arena, (struct str){text, (size_t)k});
    }
    ret->ids = out;
    return e;
}

/* What may come along with either kind: the row ids and, with features, the times. */
static enum err extras_read(struct reading *p, struct rows *r, bool times)
{
    const struct tensor *id = tensor_set_find(p->set, p->want->id_field, SIZE_MAX);
    const struct tensor *time = times && p->want->view ? tensor_set_find(p->set, p->want->view->timestamp_field, SIZE_MAX) : NULL;
    enum err e = id ? column_check(p, id) : OK;
    if (!e && id)
        e = rows_read_ids(p->op, id, p->n, r);
    if (!e && time)
        e = column_check(p, time);
    return !e && time ? rows_read_times(p->op, time, p->n, r) : e;
}

/* ---- entity rows ---- */

static bool is_view_column(const struct feature_view *v, struct str name)
{
    if (str_eq(name, v->timestamp_field))
        return true;
    for (size_t i = 0; i < v->key_len; i++)
        if (str_eq(name, v->keys[i]))
            return true;
    for (size_t i = 0; i < v->number_len; i++)
        if (str_eq(name, v->numbers[i]))
            return true;
    return false;
}

static bool has_entities(const struct reading *p)
{
    const struct feature_view *v = p->want->view;
    for (size_t i = 0; v && i < v->key_len; i++)
        if (tensor_set_find(p->set, v->keys[i], SIZE_MAX))
            return true;
    return false;
}

static enum err column_find(struct reading *p, struct str name, size_t hint, const struct tensor **ret)
{
    *ret = tensor_set_find(p->set, name, hint);
    return *ret ? column_check(p, *ret) : op_fail(p->op, E_INVALID, "input \"%.*s\" is missing", STR_FMT(name));
}

static enum err keys_read(struct reading *p, struct str *keys)
{
    const struct feature_view *v = p->want->view;
    for (size_t k = 0; k < v->key_len; k++) {
        const struct tensor *t = NULL;
        enum err e = column_find(p, v->keys[k], SIZE_MAX, &t);
        if (!e && t->type != TENSOR_BYTES)
            e = op_fail(p->op, E_INVALID, "input \"%.*s\" has datatype %s; BYTES is wanted", STR_FMT(t->name), tensor_type_name(t->type));
        if (e)
            return e;
        for (size_t i = 0; i < p->n; i++)
            keys[i * v->key_len + k] = t->texts[i];
    }
    return OK;
}

static enum err numbers_read(struct reading *p, double *numbers)
{
    const struct feature_view *v = p->want->view;
    for (size_t k = 0; k < v->number_len; k++) {
        const struct tensor *t = NULL;
        enum err e = column_find(p, v->numbers[k], SIZE_MAX, &t);
        if (!e)
            e = tensor_to_f64(p->op, t, numbers + k, v->number_len);
        if (e)
            return e;
    }
    return OK;
}

static enum err entities_read(struct reading *p, struct rows *r)
{
    const struct feature_view *v = p->want->view;
    const struct tensor *time = NULL;
    for (size_t i = 0; i < p->set->len; i++)
        if (!is_view_column(v, p->set->all[i].name) && !str_eq(p->set->all[i].name, p->want->id_field))
            return unknown_input(p, p->set->all[i].name);
    enum err e = column_find(p, v->timestamp_field, SIZE_MAX, &time);
    if (!e)
        e = rows_read_times(p->op, time, p->n, r);
    if (e)
        return e;
    struct feature_row *rows = arena_array(p->op->arena, p->n, struct feature_row);
    struct str *keys = arena_array(p->op->arena, p->n * v->key_len + 1, struct str);
    double *numbers = arena_array(p->op->arena, p->n * v->number_len + 1, double);
    if (!rows || !keys || !numbers)
        return no_memory(p->op, p->n);
    e = keys_read(p, keys);
    if (!e)
        e = numbers_read(p, numbers);
    if (!e)
        e = extras_read(p, r, false);
    for (size_t i = 0; !e && i < p->n; i++)
        rows[i] = (struct feature_row){.t_us = r->event_us[i], .keys = keys + i * v->key_len, .numbers = numbers + i * v->number_len};
    r->entities = rows;
    r->count = p->n;
    return e;
}

/* ---- features ---- */

/* Types whose values a float does not hold. */
static bool is_wide(enum tensor_type t)
{
    return t == TENSOR_FP64 || t == TENSOR_INT64 || t == TENSOR_UINT64 || t == TENSOR_INT32 || t == TENSOR_UINT32;
}

static enum err numbers_wanted(struct op *op, const struct tensor *t)
{
    return t->type != TENSOR_BYTES ? OK : op_fail(op, E_INVALID, "input \"%.*s\": features are numbers, not BYTES", STR_FMT(t->name));
}

static enum err matrix_read(struct reading *p, const struct tensor *t, struct rows *r)
{
    const size_t width = p->want->features;
    bool row = t->rank == 1 && (size_t)t->shape[0] == width;
    bool rows = t->rank == 2 && (size_t)t->shape[1] == width && t->shape[0] > 0;
    if (!row && !rows)
        return op_fail(p->op, E_INVALID, "input \"%.*s\": shape [n, %zu] is wanted", STR_FMT(t->name), width);
    p->n = row ? 1 : (size_t)t->shape[0];
    enum err e = count_check(p->op, p->n);
    if (!e)
        e = numbers_wanted(p->op, t);
    if (e)
        return e;
    if (t->type == TENSOR_FP32 && (uintptr_t)t->data % sizeof(float) == 0) {
        r->x = t->data;
        return OK;
    }
    if (p->want->doubles && is_wide(t->type)) {
        double *wide = arena_array(p->op->arena, t->count, double);
        r->x64 = wide;
        return wide ? tensor_to_f64(p->op, t, wide, 1) : no_memory(p->op, p->n);
    }
    float *x = arena_array(p->op->arena, t->count, float);
    r->x = x;
    return x ? tensor_to_f32(p->op, t, x, 1) : no_memory(p->op, p->n);
}

static enum err columns_read(struct reading *p, struct rows *r)
{
    const struct rows_want *w = p->want;
    if (!w->feature_names)
        return op_fail(p->op, E_INVALID, "the model has no feature names: send one tensor of shape [n, %zu]", w->features);
    float *x = NULL;
    double *wide = NULL;
    bool any_wide = false;
    for (size_t i = 0; w->doubles && i < p->set->len; i++)
        any_wide = any_wide || is_wide(p->set->all[i].type);
    for (size_t j = 0; j < w->features; j++) {
        const struct tensor *t = NULL;
        enum err e = column_find(p, w->feature_names[j], j, &t);
        if (!e)
            e = numbers_wanted(p->op, t);
        if (!e && any_wide && !wide && !(wide = arena_array(p->op->arena, p->n * w->features, double)))
            e = no_memory(p->op, p->n);
        if (!e && !any_wide && !x && !(x = arena_array(p->op->arena, p->n * w->features, float)))
            e = no_memory(p->op, p->n);
        if (!e)
            e = any_wide ? tensor_to_f64(p->op, t, wide + j, w->features) : tensor_to_f32(p->op, t, x + j, w->features);
        if (e)
            return e;
    }
    r->x = x;
    r->x64 = wide;
    return OK;
}

/* How many of the tensors bear a feature's name. */
static size_t feature_count(const struct reading *p)
{
    size_t n = 0;
    for (size_t i = 0; p->want->feature_names && i < p->want->features; i++)
        n += tensor_set_find(p->set, p->want->feature_names[i], i) != NULL;
    return n;
}

static bool is_feature(const struct rows_want *w, struct str name)
{
    for (size_t i = 0; w->feature_names && i < w->features; i++)
        if (str_eq(w->feature_names[i], name))
            return true;
    return false;
}

/* Is this tensor there for the labels only? A feature may bear the name of the time column; then it is the feature. */
static bool is_extra(const struct reading *p, struct str name)
{
    const struct rows_want *w = p->want;
    bool named = (w->id_field.len && str_eq(name, w->id_field)) || (w->view && str_eq(name, w->view->timestamp_field));
    return named && !is_feature(w, name);
}

/* The first tensor that is neither a feature nor an extra. */
static const struct tensor *stranger_find(const struct reading *p)
{
    for (size_t i = 0; i < p->set->len; i++)
        if (!is_extra(p, p->set->all[i].name) && !is_feature(p->want, p->set->all[i].name))
            return &p->set->all[i];
    return &p->set->all[0];
}

static enum err features_read(struct reading *p, struct rows *r)
{
    const struct tensor *all = p->set->all, *matrix = NULL;
    const size_t len = p->set->len, named = len == 1 && p->want->features > 1 ? 0 : feature_count(p);
    size_t extras = 0;
    for (size_t i = 0; i < len && len - named <= 3; i++) {
        bool extra = is_extra(p, all[i].name);
        extras += extra;
        matrix = !extra && !named ? &all[i] : matrix;
    }
    if (len - named - extras > (named ? 0 : 1))
        return unknown_input(p, stranger_find(p)->name);
    enum err e = matrix ? matrix_read(p, matrix, r) : columns_read(p, r);
    if (!e)
        e = extras_read(p, r, true);
    r->count = p->n;
    return e;
}

enum err rows_read(struct op *op, const struct rows_want *want, const struct tensor_set *set, struct rows *ret)
{
    struct reading p = {.op = op, .want = want, .set = set, .n = SIZE_MAX};
    struct rows r = {.unit = STR("")};
    if (!set->len)
        return op_fail(op, E_INVALID, "the request has no inputs");
    enum err e = has_entities(&p) ? entities_read(&p, &r) : features_read(&p, &r);
    if (!e)
        *ret = r;
    return e;
}
