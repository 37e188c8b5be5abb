#include "core/chain/calibrate.h"

#include <math.h>

#include "base/limits.h"
#include "core/chain/words.h"

#define EDGE 1e-15

const char *const calibrate_method_names[] = {[CALIBRATE_NONE] = "none", [CALIBRATE_PLATT] = "platt", [CALIBRATE_ISOTONIC] = "isotonic",
                                              [CALIBRATE_TEMPERATURE] = "temperature", [CALIBRATE_BETA] = "beta", NULL};

/* ---- reading ---- */

static enum err points_read(struct op *op, const char *path, const struct json *j, struct calibrate_map *m)
{
    double *x = NULL, *y = NULL;
    size_t n = 0;
    enum err e = chain_numbers(op, path, j, "x", LIMIT_CHAIN_POINTS, &x, &m->len);
    if (!e)
        e = chain_numbers(op, path, j, "y", LIMIT_CHAIN_POINTS, &y, &n);
    if (!e && (!n || n != m->len))
        e = op_fail_field(op, path, "%s: x and y must have the same number of points, at least one", path);
    for (size_t i = 1; !e && i < n; i++)
        if (!(x[i - 1] < x[i]))
            e = op_fail_field(op, path, "%s.x must ascend; x[%zu] does not", path, i);
    m->x = x;
    m->y = y;
    return e;
}

static enum err map_read(struct op *op, const char *path, enum calibrate_method method, const struct json *j, struct calibrate_map *m)
{
    enum err e = OK;
    switch (method) {
    case CALIBRATE_NONE:
        return OK;
    case CALIBRATE_ISOTONIC:
        return points_read(op, path, j, m);
    case CALIBRATE_TEMPERATURE:
        e = chain_number(op, path, j, "t", NULL, &m->a);
        return e || m->a > 0 ? e : op_fail_field(op, path, "%s.t must be above 0", path);
    case CALIBRATE_PLATT:
    case CALIBRATE_BETA:
        e = chain_number(op, path, j, "a", NULL, &m->a);
        if (!e)
            e = chain_number(op, path, j, "b", NULL, &m->b);
        if (!e && method == CALIBRATE_BETA)
            e = chain_number(op, path, j, "c", NULL, &m->c);
        return e;
    }
    return e;
}

/* Which members each method has, behind the common ones. */
static const char *const top_members[][8] = {
    [CALIBRATE_NONE] = {"format", "version", "method", NULL},
    [CALIBRATE_PLATT] = {"format", "version", "method", "classes", "a", "b", NULL},
    [CALIBRATE_ISOTONIC] = {"format", "version", "method", "classes", "x", "y", NULL},
    [CALIBRATE_TEMPERATURE] = {"format", "version", "method", "t", NULL},
    [CALIBRATE_BETA] = {"format", "version", "method", "classes", "a", "b", "c", NULL},
};

static enum err head_check(struct op *op, const struct json *j)
{
    struct str format;
    int64_t version = 1;
    enum err e = json_opt_str(op, j, "format", STR("ingot.calibrator"), &format);
    if (!e)
        e = json_opt_i64(op, j, "version", 0, INT64_MAX, 1, &version);
    if (!e && (!str_eqc(format, "ingot.calibrator") || version != 1))
        e = op_fail(op, E_UNSUPPORTED, "calibrate: format \"%.*s\" version %lld is not known", STR_FMT(format), (long long)version);
    return e;
}

enum err calibrator_parse(struct op *op, const struct json *j, struct calibrator **ret)
{
    struct calibrator *c = op_new(op, struct calibrator);
    size_t method = 0;
    if (!j || j->type != JSON_OBJECT)
        return op_fail_field(op, "calibrate", "calibrate is %s, not an object", j ? json_type_name(j->type) : "missing");
    enum err e = head_check(op, j);
    if (!e)
        e = chain_word(op, "calibrate", j, "method", calibrate_method_names, SIZE_MAX, &method);
    if (!e)
        e = chain_members_check(op, "calibrate", j, top_members[method]);
    if (e)
        return e;
    const struct json *classes = json_get(j, "classes");
    if (classes && (classes->type != JSON_ARRAY || classes->len < 2 || classes->len > LIMIT_CHAIN_CLASSES || j->len > 4))
        return op_fail_field(op, "calibrate", "calibrate.classes must be a list of 2 to %d maps, and then the numbers stand in them", LIMIT_CHAIN_CLASSES);
    c->method = (enum calibrate_method)method;
    c->classes = classes ? classes->len : 0;
    struct calibrate_map *maps = arena_array(op->arena, c->classes + 1, struct calibrate_map);
    if (!maps)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu classes", c->classes);
    for (size_t i = 0; !e && i < c->classes; i++) {
        const char *path = op_printf(op, "calibrate.classes[%zu]", i);
        e = chain_members_check(op, path, &classes->items[i], top_members[method] + 4);
        if (!e)
            e = map_read(op, path, c->method, &classes->items[i], &maps[i]);
    }
    if (!e && !classes)
        e = map_read(op, "calibrate", c->method, j, &maps[0]);
    c->maps = maps;
    if (!e)
        *ret = c;
    return e;
}

enum err calibrator_read(struct op *op, struct str bytes, struct calibrator **ret)
{
    struct json *doc = NULL;
    enum err e = bytes.len > LIMIT_CHAIN_FILE_BYTES ? op_fail(op, E_TOO_LARGE, "it has %zu bytes; %zu are allowed", bytes.len, LIMIT_CHAIN_FILE_BYTES)
                                                    : json_parse(op, bytes, JSON_STRICT, &doc);
    if (!e && (doc->type != JSON_OBJECT || !json_get(doc, "format")))
        e = op_fail(op, E_INVALID, "it is no calibrator: the member \"format\" is missing");
    return e ? e : calibrator_parse(op, doc, ret);
}

static void numbers_write(struct json_out *w, const char *key, const double *v, size_t n)
{
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < n; i++)
        json_f64(w, v[i]);
    json_end_array(w);
}

static void map_write(struct json_out *w, enum calibrate_method method, const struct calibrate_map *m)
{
    if (method == CALIBRATE_ISOTONIC) {
        numbers_write(w, "x", m->x, m->len);
        numbers_write(w, "y", m->y, m->len);
    } else if (method == CALIBRATE_TEMPERATURE) {
        json_kv_f64(w, "t", m->a);
    } else if (method != CALIBRATE_NONE) {
        json_kv_f64(w, "a", m->a);
        json_kv_f64(w, "b", m->b);
        if (method == CALIBRATE_BETA)
            json_kv_f64(w, "c", m->c);
    }
}

void calibrator_write(struct json_out *w, const struct calibrator *c)
{
    json_begin_object(w);
    json_kv_cstr(w, "format", "ingot.calibrator");
    json_kv_i64(w, "version", 1);
    json_kv_cstr(w, "method", calibrate_method_names[c->method]);
    if (!c->classes)
        map_write(w, c->method, &c->maps[0]);
    if (c->classes) {
        json_key(w, "classes");
        json_begin_array(w);
        for (size_t i = 0; i < c->classes; i++) {
            json_begin_object(w);
            map_write(w, c->method, &c->maps[i]);
            json_end_object(w);
        }
        json_end_array(w);
    }
    json_end_object(w);
}

/* ---- asking ---- */

bool calibrator_fits(const struct calibrator *c, size_t width)
{
    if (c->method == CALIBRATE_NONE || (c->method == CALIBRATE_TEMPERATURE && width))
        return true;
    return c->classes ? c->classes == width : width == 1 || width == 2;
}

/* 1 / (1 + exp(-v)) without overflow on either side. */
static double logistic(double v)
{
    const double e = exp(-fabs(v));
    return v >= 0 ? 1 / (1 + e) : e / (1 + e);
}

static double inside(double s)
{
    return s < EDGE ? EDGE : s > 1 - EDGE ? 1 - EDGE : s;
}

static double isotonic(const struct calibrate_map *m, double s)
{
    size_t lo = 0, hi = m->len; /* the first x that is not below s */
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (m->x[mid] < s)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == m->len)
        return m->y[m->len - 1];
    if (!lo || m->x[lo] == s)
        return m->y[lo];
    const double slope = (m->y[lo] - m->y[lo - 1]) / (m->x[lo] - m->x[lo - 1]);
    return slope * (s - m->x[lo - 1]) + m->y[lo - 1];
}

static double map_score(enum calibrate_method method, const struct calibrate_map *m, double s)
{
    if (isnan(s))
        return s;
    switch (method) {
    case CALIBRATE_NONE:
        return s;
    case CALIBRATE_PLATT:
        return logistic(-(m->a * s + m->b));
    case CALIBRATE_ISOTONIC:
        return isotonic(m, s);
    case CALIBRATE_TEMPERATURE:
        s = inside(s);
        return logistic((log(s) - log1p(-s)) / m->a);
    case CALIBRATE_BETA:
        s = inside(s);
        return logistic(m->a * log(s) - m->b * log1p(-s) + m->c);
    }
    return s;
}

double calibrator_score(const struct calibrator *c, double score)
{
    return map_score(c->method, &c->maps[0], score);
}

void calibrator_classes(const struct calibrator *c, double *p, size_t n)
{
    double sum = 0, most = -INFINITY;
    const bool soft = c->method == CALIBRATE_TEMPERATURE;
    if (c->method == CALIBRATE_NONE || (!soft && c->classes != n))
        return;
    for (size_t i = 0; i < n; i++) {
        p[i] = soft ? log(p[i] < EDGE ? EDGE : p[i]) / c->maps[0].a : map_score(c->method, &c->maps[i], p[i]);
        most = p[i] > most ? p[i] : most;
    }
    for (size_t i = 0; i < n; i++) {
        p[i] = soft ? exp(p[i] - most) : p[i];
        sum += p[i];
    }
    for (size_t i = 0; i < n; i++)
        p[i] = sum == 0 ? 1 / (double)n : p[i] / sum;
}
