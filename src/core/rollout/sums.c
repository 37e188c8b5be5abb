#include "core/rollout/sums.h"

#include <math.h>

void sums_count_json(struct json_out *w, const char *key, uint64_t v)
{
    json_key(w, key);
    json_u64(w, v);
}

static void reals_json(struct json_out *w, const char *key, uint64_t n, const double *v, size_t len)
{
    json_key(w, key);
    json_begin_array(w);
    json_u64(w, n);
    for (size_t i = 0; i < len; i++)
        json_f64(w, v[i]);
    json_end_array(w);
}

void sums_moments_json(struct json_out *w, const char *key, const struct moments *m)
{
    reals_json(w, key, m->n, (const double[]){m->mean, m->m2}, 2);
}

void sums_moments2_json(struct json_out *w, const char *key, const struct moments2 *m)
{
    reals_json(w, key, m->n, (const double[]){m->mean_y, m->mean_x, m->m2_y, m->m2_x, m->m_xy}, 5);
}

void sums_sketch_json(struct json_out *w, const char *key, const struct sketch *s)
{
    json_key(w, key);
    json_begin_object(w);
    sums_count_json(w, "n", s->n);
    sums_count_json(w, "missing", s->missing);
    json_key(w, "cells");
    json_begin_array(w);
    for (int i = 0; i < SKETCH_KEYS; i++) {
        if (!s->count[i])
            continue;
        json_i64(w, i);
        json_i64(w, s->count[i]);
    }
    json_end_array(w);
    json_end_object(w);
}

void sums_hist_json(struct json_out *w, const char *key, const struct latency_hist *h)
{
    if (!h->n)
        return;
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        if (!h->count[i])
            continue;
        json_u64(w, i);
        json_u64(w, h->count[i]);
    }
    json_end_array(w);
}

static enum err lacks(struct op *op, const char *key)
{
    return op_fail(op, E_CORRUPT, "rollout evidence lacks '%s'", key);
}

enum err sums_count_parse(struct op *op, const struct json *obj, const char *key, uint64_t *ret)
{
    int64_t whole = 0;
    const struct json *v = json_get(obj, key);
    if (!v || !json_as_i64(v, &whole) || whole < 0)
        return lacks(op, key);
    *ret = (uint64_t)whole;
    return OK;
}

enum err sums_f64_parse(struct op *op, const struct json *obj, const char *key, double *ret)
{
    double real;
    const struct json *v = json_get(obj, key);
    if (!v || !json_as_f64(v, &real) || !isfinite(real))
        return lacks(op, key);
    *ret = real;
    return OK;
}

static enum err reals_parse(struct op *op, const struct json *obj, const char *key, uint64_t *ret_n, double *const *ret, size_t len)
{
    const struct json *a = json_get(obj, key);
    int64_t n = 0;
    if (!a || a->type != JSON_ARRAY || a->len != len + 1 || !json_as_i64(&a->items[0], &n) || n < 0)
        return lacks(op, key);
    for (size_t i = 0; i < len; i++)
        if (!json_as_f64(&a->items[i + 1], ret[i]))
            return lacks(op, key);
    *ret_n = (uint64_t)n;
    return OK;
}

enum err sums_moments_parse(struct op *op, const struct json *obj, const char *key, struct moments *ret)
{
    return reals_parse(op, obj, key, &ret->n, (double *const[]){&ret->mean, &ret->m2}, 2);
}

enum err sums_moments2_parse(struct op *op, const struct json *obj, const char *key, struct moments2 *ret)
{
    return reals_parse(op, obj, key, &ret->n, (double *const[]){&ret->mean_y, &ret->mean_x, &ret->m2_y, &ret->m2_x, &ret->m_xy}, 5);
}

enum err sums_sketch_parse(struct op *op, const struct json *obj, const char *key, struct sketch *ret)
{
    const struct json *s = json_get(obj, key), *cells = json_get(s, "cells");
    enum err e = sums_count_parse(op, s, "n", &ret->n);
    if (!e)
        e = sums_count_parse(op, s, "missing", &ret->missing);
    if (e)
        return op_context(op, "%s", key);
    if (!cells || cells->type != JSON_ARRAY || cells->len % 2)
        return lacks(op, key);
    for (uint32_t i = 0; i < cells->len; i += 2) {
        int64_t cell, count;
        if (!json_as_i64(&cells->items[i], &cell) || !json_as_i64(&cells->items[i + 1], &count) || cell < 0 || cell >= SKETCH_KEYS || count < 0 ||
            count > UINT32_MAX)
            return lacks(op, key);
        ret->count[cell] = (uint32_t)count;
    }
    return OK;
}

enum err sums_hist_parse(struct op *op, const struct json *obj, const char *key, struct latency_hist *ret)
{
    const struct json *cells = json_get(obj, key);
    if (cells && (cells->type != JSON_ARRAY || cells->len % 2))
        return lacks(op, key);
    for (uint32_t i = 0; cells && i < cells->len; i += 2) {
        int64_t bucket, count;
        if (!json_as_i64(&cells->items[i], &bucket) || !json_as_i64(&cells->items[i + 1], &count) || bucket < 0 ||
            bucket >= (int64_t)LATENCY_BUCKETS || count < 1 || count > INT64_MAX / (int64_t)LATENCY_BUCKETS || ret->count[bucket])
            return lacks(op, key);
        ret->count[bucket] = (uint64_t)count;
        ret->n += (uint64_t)count;
    }
    return OK;
}
