/* The format, version 1; every member is needed and no other is allowed:
 *     {"format": "ingot-linear", "version": 1, "objective": "binary:logistic",
 *      "names": [...], "mean": [...], "scale": [...], "weight": [...], "bias": -1.5}
 * The four lists have equal length, names are distinct and not empty, numbers finite, scales above zero.
 * Doubles are written as the shortest text that reads back the same, so a model survives any number of copies. */
#include "port/linear_format.h"

#include <assert.h>
#include <math.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/map.h"

static void numbers_write(struct json_out *w, const char *key, const double *v, size_t n)
{
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < n; i++) {
        assert(isfinite(v[i]));
        json_f64(w, v[i]);
    }
    json_end_array(w);
}

void linear_format(const struct linear_weights *m, struct buf *out)
{
    struct json_out w;
    json_out_init(&w, out, 0);
    json_begin_object(&w);
    json_kv_cstr(&w, "format", "ingot-linear");
    json_kv_i64(&w, "version", 1);
    json_kv_cstr(&w, "objective", "binary:logistic");
    json_key(&w, "names");
    json_begin_array(&w);
    for (size_t i = 0; i < m->features; i++)
        json_str(&w, m->names[i]);
    json_end_array(&w);
    numbers_write(&w, "mean", m->mean, m->features);
    numbers_write(&w, "scale", m->scale, m->features);
    numbers_write(&w, "weight", m->weight, m->features);
    assert(isfinite(m->bias));
    json_kv_f64(&w, "bias", m->bias);
    json_end_object(&w);
}

bool linear_accepts(struct str bytes)
{
    struct str head = str_trim(str_sub(bytes, 0, 256));
    return head.len && head.p[0] == '{' && str_find(head, STR("\"ingot-linear\"")) != SIZE_MAX;
}

static enum err numbers_read(struct op *op, struct arena *arena, const struct json *doc, const char *key, size_t n,
                             const double **ret)
{
    const struct json *a = NULL;
    enum err e = json_want_array(op, doc, key, &a);
    if (e)
        return e;
    if (a->len != n)
        return op_fail_field(op, key, "%s has %u items, names has %zu", key, a->len, n);
    double *v = arena_array(arena, n, double);
    if (!v)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu features", n);
    for (size_t i = 0; i < n; i++)
        if (!json_as_f64(&a->items[i], &v[i]) || !isfinite(v[i]))
            return op_fail_field(op, key, "%s[%zu] is not a finite number", key, i);
    *ret = v;
    return OK;
}

static enum err names_read(struct op *op, struct arena *arena, const struct json *doc, struct linear_weights *w)
{
    const struct json *a = NULL;
    enum err e = json_want_array(op, doc, "names", &a);
    if (e)
        return e;
    if (!a->len || a->len > LIMIT_LINEAR_FEATURES)
        return op_fail(op, E_TOO_LARGE, "%u features; a linear model may have 1 to %d", a->len, LIMIT_LINEAR_FEATURES);
    struct str *names = arena_array(arena, a->len, struct str);
    if (!names)
        return op_fail(op, E_TOO_LARGE, "no memory for %u features", a->len);
    struct map seen;
    map_init(&seen, op->arena);
    for (size_t i = 0; i < a->len; i++) {
        if (a->items[i].type != JSON_STRING || !a->items[i].s.len)
            return op_fail_field(op, "names", "names[%zu] is not a name", i);
        names[i] = str_dup(arena, a->items[i].s);
        if (map_has(&seen, names[i]))
            return op_fail_field(op, "names", "names[%zu] \"%.*s\" stands there twice", i, STR_FMT(names[i]));
        if (!map_put(&seen, names[i], &names[i]))
            return op_fail(op, E_TOO_LARGE, "no memory for %u features", a->len);
    }
    w->features = a->len;
    w->names = names;
    return OK;
}

static enum err head_check(struct op *op, const struct json *doc)
{
    struct str format, objective;
    int64_t version;
    enum err e = json_want_str(op, doc, "format", &format);
    if (!e)
        e = json_want_i64(op, doc, "version", 1, 1, &version);
    if (!e)
        e = json_want_str(op, doc, "objective", &objective);
    if (e)
        return e;
    if (!str_eqc(format, "ingot-linear") || !str_eqc(objective, "binary:logistic"))
        return op_fail(op, E_INVALID, "format \"%.*s\" with objective \"%.*s\" is not known", STR_FMT(format),
                       STR_FMT(objective));
    if (doc->len != 8)
        return op_fail(op, E_INVALID, "%u members, the format has 8", doc->len);
    return OK;
}

enum err linear_parse(struct op *op, struct arena *arena, struct str bytes, struct linear_weights *ret)
{
    struct json *doc = NULL;
    struct linear_weights w = {0};
    enum err e = json_parse(op, bytes, JSON_STRICT, &doc);
    if (!e)
        e = head_check(op, doc);
    if (!e)
        e = names_read(op, arena, doc, &w);
    if (!e)
        e = numbers_read(op, arena, doc, "mean", w.features, &w.mean);
    if (!e)
        e = numbers_read(op, arena, doc, "scale", w.features, &w.scale);
    if (!e)
        e = numbers_read(op, arena, doc, "weight", w.features, &w.weight);
    if (!e)
        e = json_want_f64(op, doc, "bias", &w.bias);
    if (e)
        return op_context(op, "linear model");
    for (size_t i = 0; i < w.features; i++)
        if (!(w.scale[i] > 0) || !isfinite(w.weight[i] / w.scale[i]))
            return op_fail_field(op, "scale", "linear model: scale[%zu] is not above zero, or weight / scale overflows", i);
    *ret = w;
    return OK;
}
