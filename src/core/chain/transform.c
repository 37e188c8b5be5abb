/* Sources of what is computed: scikit-learn's SimpleImputer, StandardScaler, MinMaxScaler, RobustScaler, MaxAbsScaler, OneHotEncoder,
 * OrdinalEncoder, TargetEncoder, KBinsDiscretizer and FeatureHasher; tests/unit/core/chain compares with them. The hash is MurmurHash3_x86_32
 * with seed 0 (Appleby), its place the absolute value modulo the buckets, as FeatureHasher has it. */
#include "core/chain/transform.h"

#include <math.h>
#include <stdio.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/map.h"

/* ---- categories ---- */

static size_t set_find(const struct transform_set *s, const struct transform_cell *c)
{
    size_t lo = 0, hi = s->len;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int order = c->text ? str_cmp(s->texts[mid], c->t) : (s->numbers[mid] > c->v) - (s->numbers[mid] < c->v);
        if (!order)
            return mid;
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return SIZE_MAX;
}

static bool is_missing(const struct transform_cell *c)
{
    return c->text ? !c->t.len : isnan(c->v);
}

static size_t category_find(const struct transform_set *s, const struct transform_cell *c)
{
    return is_missing(c) ? SIZE_MAX : set_find(s, c);
}

/* ---- hashing ---- */

static uint32_t turn(uint32_t v, int by)
{
    return v << by | v >> (32 - by);
}

static uint32_t murmur3(const char *p, size_t n)
{
    uint32_t h = 0, k = 0;
    const size_t whole = n / 4 * 4;
    for (size_t i = 0; i < whole; i += 4) {
        memcpy(&k, p + i, sizeof(k));
        h ^= turn(k * 0xcc9e2d51u, 15) * 0x1b873593u;
        h = turn(h, 13) * 5 + 0xe6546b64u;
    }
    k = 0;
    for (size_t i = n; i > whole; i--)
        k = k << 8 | (uint8_t)p[i - 1];
    h ^= turn(k * 0xcc9e2d51u, 15) * 0x1b873593u;
    h ^= (uint32_t)n;
    h = (h ^ h >> 16) * 0x85ebca6bu;
    h = (h ^ h >> 13) * 0xc2b2ae35u;
    return h ^ h >> 16;
}

/* ---- one step ---- */

bool transform_step_is_wide(const struct transform_step *s)
{
    return s->kind == TRANSFORM_ONEHOT || s->kind == TRANSFORM_HASH || (s->kind == TRANSFORM_BUCKETIZE && s->onehot);
}

static size_t step_width(const struct transform_step *s)
{
    switch (s->kind) {
    case TRANSFORM_ONEHOT:
        return s->known.len + (s->rare.len > 0);
    case TRANSFORM_HASH:
        return s->buckets;
    case TRANSFORM_BUCKETIZE:
        return s->onehot ? s->edge_count - 1 : 1;
    default:
        return 1;
    }
}

/* How many of the inner edges are not above v; NaN gives NaN. */
static double bucket_of(const struct transform_step *s, double v)
{
    size_t lo = 1, hi = s->edge_count - 1;
    if (isnan(v))
        return v;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->edges[mid] <= v)
            lo = mid + 1;
        else
            hi = mid;
    }
    return (double)(lo - 1);
}

bool transform_step_run(const struct transform_step *s, struct transform_cell *c)
{
    size_t k;
    switch (s->kind) {
    case TRANSFORM_IMPUTE:
        if (is_missing(c)) {
            c->v = s->number;
            c->t = s->text;
        }
        return true;
    case TRANSFORM_SCALE:
        c->v = (c->v - s->center) / s->scale;
        return true;
    case TRANSFORM_CLIP:
        c->v = c->v < s->min ? s->min : c->v > s->max ? s->max : c->v;
        return true;
    case TRANSFORM_LOG1P:
        c->v = c->v > -1 ? log1p(c->v) : (double)NAN;
        return true;
    case TRANSFORM_BUCKETIZE:
        c->v = bucket_of(s, c->v);
        return true;
    case TRANSFORM_ORDINAL:
        k = category_find(&s->known, c);
        if (k == SIZE_MAX && s->unknown == TRANSFORM_UNKNOWN_ERROR && !is_missing(c))
            return false;
        c->v = k != SIZE_MAX ? (double)k : is_missing(c) ? (double)NAN : s->unknown_value;
        c->text = false;
        return true;
    case TRANSFORM_TARGET:
        k = category_find(&s->known, c);
        c->v = k == SIZE_MAX ? s->unknown_value : s->values[k];
        c->text = false;
        return true;
    case TRANSFORM_ONEHOT:
    case TRANSFORM_HASH:
    case TRANSFORM_KINDS:
        break;
    }
    return true;
}

/* ---- a row ---- */

struct output {
    float *x;                          /* one of both, at the row's first value */
    double *x64;
};

static void put(const struct output *o, size_t at, double v)
{
    if (o->x)
        o->x[at] = (float)v;
    else
        o->x64[at] = v;
}

/* Where the 1 stands among the step's outputs; SIZE_MAX: nowhere. False: an unknown category that is an error. */
static bool place_find(const struct transform_step *s, const struct transform_cell *c, size_t *ret, double *ret_value)
{
    *ret = SIZE_MAX;
    *ret_value = 1;
    if (s->kind == TRANSFORM_HASH) {
        int32_t h = is_missing(c) ? 0 : (int32_t)murmur3(c->t.p, c->t.len);
        if (is_missing(c))
            return true;
        *ret = (h == INT32_MIN ? 2147483648u : (uint32_t)(h < 0 ? -h : h)) % s->buckets;
        *ret_value = s->signs && h < 0 ? -1 : 1;
        return true;
    }
    if (s->kind == TRANSFORM_BUCKETIZE) {
        const double k = bucket_of(s, c->v);
        *ret = isnan(k) ? SIZE_MAX : (size_t)k;
        return true;
    }
    *ret = category_find(&s->known, c);
    if (*ret != SIZE_MAX)
        return true;
    if (s->rare.len && (category_find(&s->rare, c) != SIZE_MAX || s->unknown == TRANSFORM_UNKNOWN_INFREQUENT))
        *ret = s->known.len;
    else if (s->unknown == TRANSFORM_UNKNOWN_ERROR)
        return false;
    return true;
}

static bool cell_run(const struct transform_column *c, struct transform_cell cell, const struct output *o)
{
    const bool missing = is_missing(&cell);
    const size_t wide = c->width - c->indicator;
    for (size_t i = 0; i < c->step_count; i++) {
        const struct transform_step *s = &c->steps[i];
        size_t place;
        double value;
        if (!transform_step_is_wide(s)) {
            if (!transform_step_run(s, &cell))
                return false;
            continue;
        }
        if (!place_find(s, &cell, &place, &value))
            return false;
        for (size_t k = 0; k < wide; k++)
            put(o, c->at + k, k == place ? value : 0);
        if (c->indicator)
            put(o, c->at + wide, missing);
        return true;
    }
    put(o, c->at, cell.v);
    if (c->indicator)
        put(o, c->at + 1, missing);
    return true;
}

static enum err unknown_fail(struct op *op, const struct transform_column *c, const struct transform_values *in, size_t row)
{
    char number[40] = "NaN";
    if (c->text)
        return op_fail(op, E_INVALID, "column \"%.*s\", row %zu: \"%.*s\" is a category that training did not see", STR_FMT(c->name), row,
                       STR_FMT(str_sub(in->texts[row], 0, str_utf8_prefix(str_sub(in->texts[row], 0, 100)))));
    if (isfinite(in->numbers[row]))
        snprintf(number, sizeof(number), "%.17g", in->numbers[row]);
    return op_fail(op, E_INVALID, "column \"%.*s\", row %zu: %s is a category that training did not see", STR_FMT(c->name), row, number);
}

enum err transform_apply(struct op *op, const struct transform *t, const struct transform_values *in, size_t rows, float *x, double *x64)
{
    for (size_t i = 0; i < rows; i++) {
        const struct output o = {x ? x + i * t->output_count : NULL, x ? NULL : x64 + i * t->output_count};
        for (size_t k = 0; k < t->column_count; k++) {
            const struct transform_column *c = &t->columns[k];
            const struct transform_values *from = &in[c->input];
            struct transform_cell cell = {.text = c->text};
            if (c->text)
                cell.t = from->texts[i];
            else
                cell.v = from->numbers[i];
            if (!cell_run(c, cell, &o))
                return unknown_fail(op, c, from, i);
        }
    }
    return OK;
}

/* ---- sealing ---- */

static enum err steps_check(struct op *op, struct transform_column *c)
{
    bool text = c->text, wide = false;
    c->indicator = false;
    c->width = 1;
    for (size_t i = 0; i < c->step_count; i++) {
        const struct transform_step *s = &c->steps[i];
        const bool encodes = s->kind == TRANSFORM_ONEHOT || s->kind == TRANSFORM_ORDINAL || s->kind == TRANSFORM_TARGET;
        if (wide)
            return op_fail(op, E_INVALID, "column \"%.*s\": a step stands behind one that makes several values", STR_FMT(c->name));
        if (text && !encodes && s->kind != TRANSFORM_IMPUTE && s->kind != TRANSFORM_HASH)
            return op_fail(op, E_INVALID, "column \"%.*s\": step %zu is for numbers, the column has texts", STR_FMT(c->name), i);
        if (s->kind == TRANSFORM_HASH && !text)
            return op_fail(op, E_INVALID, "column \"%.*s\": only texts are hashed", STR_FMT(c->name));
        if (encodes && ((s->known.len && !s->known.texts == text) || (s->rare.len && !s->rare.texts == text)))
            return op_fail(op, E_INVALID, "column \"%.*s\": the categories of step %zu are not of the column's type", STR_FMT(c->name), i);
        wide = transform_step_is_wide(s);
        text = text && s->kind == TRANSFORM_IMPUTE;
        c->indicator = c->indicator || (s->kind == TRANSFORM_IMPUTE && s->indicator);
        c->width = step_width(s);
    }
    if (text)
        return op_fail(op, E_INVALID, "column \"%.*s\" stays a text: onehot, ordinal, target or hash is wanted", STR_FMT(c->name));
    c->width += c->indicator;
    return OK;
}

static enum err inputs_make(struct op *op, struct transform *t, struct transform_column *columns)
{
    const struct transform_input *old = t->inputs;
    const size_t old_count = t->input_count;
    struct transform_input *inputs = arena_array(op->arena, t->column_count + 1, struct transform_input);
    struct map places;
    map_init(&places, op->arena);
    if (!inputs)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu columns", t->column_count);
    t->inputs = inputs;
    t->input_count = 0;
    for (size_t i = 0; i < t->column_count; i++) {
        struct transform_column *c = &columns[i];
        uintptr_t at = (uintptr_t)map_find(&places, c->name);
        if (!at) {
            at = ++t->input_count;
            inputs[at - 1] = (struct transform_input){.name = c->name, .text = c->text, .min = NAN, .max = NAN};
            if (!map_put(&places, c->name, (void *)at))
                return op_fail(op, E_TOO_LARGE, "no memory for %zu columns", t->column_count);
        }
        if (inputs[at - 1].text != c->text)
            return op_fail(op, E_INVALID, "column \"%.*s\" stands there as number and as text", STR_FMT(c->name));
        c->input = at - 1;
    }
    for (size_t k = 0; k < old_count; k++) {
        uintptr_t at = (uintptr_t)map_find(&places, old[k].name);
        if (at) {
            inputs[at - 1].min = old[k].min;
            inputs[at - 1].max = old[k].max;
        }
    }
    return OK;
}

/* What stands behind the column's name for output `k` of its last step: a word and a text, which may lie in `number`. */
static const char *suffix_of(const struct transform_column *c, size_t k, char number[40], struct str *ret_text)
{
    const struct transform_step *s = c->step_count ? &c->steps[c->step_count - 1] : NULL;
    *ret_text = STR("");
    if (c->indicator && k == c->width - 1)
        return "_missing";
    if (!s || !transform_step_is_wide(s))
        return "";
    if (s->kind == TRANSFORM_HASH || s->kind == TRANSFORM_BUCKETIZE) {
        *ret_text = (struct str){number, (size_t)snprintf(number, 40, "%zu", k)};
        return s->kind == TRANSFORM_HASH ? "_hash" : "_bucket";
    }
    if (k == s->known.len)
        return "_infrequent";
    *ret_text = s->known.texts ? s->known.texts[k] : (struct str){number, json_format_f64(s->known.numbers[k], number)};
    return "_";
}

/* The name of output `k` of a column; `n` above 1: a further one of the same name. Names are as long and as many as the file likes. */
static enum err name_make(struct op *op, const struct transform_column *c, size_t k, size_t n, struct str *ret)
{
    char number[40], more[24] = "";
    struct str text;
    const char *word = suffix_of(c, k, number, &text);
    if (n > 1)
        snprintf(more, sizeof(more), "#%zu", n);
    const size_t size = c->name.len + strlen(word) + text.len + strlen(more) + 1;
    char *p = arena_array(op->arena, size, char);
    if (!p)
        return op_fail(op, E_TOO_LARGE, "no memory for the names of what the transform makes");
    snprintf(p, size, "%.*s%s%.*s%s", STR_FMT(c->name), word, STR_FMT(text), more);
    *ret = str_from(p);
    return OK;
}

/* One that is not taken yet. For a name that is, the map tells which number to try next, so that equal columns do not try them all again. */
static enum err name_find(struct op *op, const struct transform_column *c, size_t k, struct map *seen, struct str *ret)
{
    struct str name;
    enum err e = name_make(op, c, k, 1, &name);
    const struct str plain = name;
    uintptr_t next = e ? 0 : (uintptr_t)map_find(seen, plain);
    const bool taken = next > 0;
    while (!e && next && map_has(seen, name))
        e = name_make(op, c, k, next++, &name);
    if (!e && (!map_put(seen, name, (void *)2) || (taken && !map_put(seen, plain, (void *)next))))
        e = op_fail(op, E_TOO_LARGE, "no memory for the names of what the transform makes");
    *ret = name;
    return e;
}

static enum err outputs_make(struct op *op, struct transform *t)
{
    struct str *names = arena_array(op->arena, t->output_count + 1, struct str);
    struct map seen;
    size_t at = 0;
    map_init(&seen, op->arena);
    if (!names)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu outputs", t->output_count);
    for (size_t i = 0; i < t->column_count; i++) {
        const struct transform_column *c = &t->columns[i];
        for (size_t k = 0; k < c->width; k++) {
            enum err e = name_find(op, c, k, &seen, &names[at++]);
            if (e)
                return e;
        }
    }
    t->outputs = names;
    return OK;
}

enum err transform_seal(struct op *op, struct transform *t)
{
    struct transform_column *columns = (struct transform_column *)(uintptr_t)t->columns;
    t->output_count = 0;
    for (size_t i = 0; i < t->column_count; i++) {
        enum err e = steps_check(op, &columns[i]);
        if (e)
            return e;
        columns[i].at = t->output_count;
        t->output_count += columns[i].width;
        if (t->output_count > LIMIT_CHAIN_OUTPUTS)
            return op_fail(op, E_TOO_LARGE, "the transform makes more than %d columns", LIMIT_CHAIN_OUTPUTS);
    }
    if (!t->output_count)
        return op_fail(op, E_INVALID, "the transform makes no columns");
    enum err e = inputs_make(op, t, columns);
    return e ? e : outputs_make(op, t);
}
