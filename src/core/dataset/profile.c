/* profile.c - one pass over a file.
 *
 * Different values are counted in a hash table per column, keyed by the 64-bit hash of the cell with a random seed;
 * when it holds LIMIT_PROFILE_DISTINCT values the column is "many" and the table is dropped. The sample for quantiles
 * is a reservoir (Vitter's algorithm R) with a fixed seed. Quantiles interpolate linearly, as numpy does. */
#include "core/dataset/profile.h"

#include <math.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/time.h"
#include "core/dataset/distinct.h"
#include "core/dataset/expect.h"

#define TEXT_SHOWN 256 /* bytes of a text that are kept; more would let a file of long texts fill the arena */

const double profile_levels[PROFILE_QUANTILES] = {0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99};

struct value {
    uint64_t hash; /* 0 = free */
    uint64_t count;
    struct str text;
};
struct working {
    struct profile_column *out;
    struct value *values; /* heap; NULL when given up */
    size_t slots, len;
    double *sample; /* heap */
    uint64_t seen;  /* values offered to the sample */
    double mean, m2;
    bool any;
    double low, high;          /* numbers; integers beyond 2^53 are rounded here */
    int64_t low_int, high_int; /* I64, TIMESTAMP, BOOL */
    char low_text[TEXT_SHOWN], high_text[TEXT_SHOWN];
    size_t low_len, high_len;
};
struct run {
    struct op *op;
    struct working *cols;
    size_t len;
    uint64_t seed, random;
};

static uint64_t draw(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15ULL); /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

/* The beginning of a text, not cut inside a character. */
static struct str shown(struct str s)
{
    s = str_sub(s, 0, TEXT_SHOWN);
    size_t whole = str_utf8_prefix(s);
    return str_sub(s, 0, s.len - whole < 4 ? whole : s.len);
}

static struct str text_json(struct op *op, struct str s)
{
    struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_KIB(16));
    json_out_init(&w, &b, 0);
    json_str(&w, shown(s));
    struct str r = str_dup(op->arena, buf_str(&b));
    buf_clear(&b);
    return r;
}

static struct str cell_text(struct op *op, const struct table_column *c, size_t row)
{
    if (c->type == TABLE_STRING)
        return text_json(op, ((const struct str *)c->data)[row]);
    struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_KIB(4));
    json_out_init(&w, &b, 0);
    expect_cell_json(&w, c, row);
    struct str s = str_dup(op->arena, buf_str(&b));
    buf_clear(&b);
    return s;
}

static void values_drop(struct working *w)
{
    free(w->values);
    w->values = NULL;
    w->out->distinct_capped = true;
}

static void values_grow(struct working *w)
{
    size_t slots = w->slots * 2;
    struct value *v = calloc(slots, sizeof *v);
    if (!v) {
        values_drop(w);
        return;
    }
    for (size_t i = 0; i < w->slots; i++) {
        if (!w->values[i].hash)
            continue;
        size_t at = w->values[i].hash & (slots - 1);
        while (v[at].hash)
            at = (at + 1) & (slots - 1);
        v[at] = w->values[i];
    }
    free(w->values);
    w->values = v;
    w->slots = slots;
}

static void values_add(struct run *r, struct working *w, const struct table_column *c, size_t row)
{
    uint64_t h = distinct_hash_cell(c, row, r->seed) | 1;
    size_t at = h & (w->slots - 1);
    while (w->values[at].hash && w->values[at].hash != h)
        at = (at + 1) & (w->slots - 1);
    if (w->values[at].hash) {
        w->values[at].count++;
        return;
    }
    if (w->len == LIMIT_PROFILE_DISTINCT) {
        values_drop(w);
        return;
    }
    w->values[at] = (struct value){h, 1, cell_text(r->op, c, row)};
    w->out->distinct = ++w->len;
    if (w->len * 2 > w->slots)
        values_grow(w);
}

static void add_number(struct run *r, struct working *w, double v)
{
    double d = v - w->mean;
    w->mean += d / (double)++w->seen;
    w->m2 += d * (v - w->mean);
    w->low = w->any && w->low < v ? w->low : v;
    w->high = w->any && w->high > v ? w->high : v;
    if (w->seen <= PROFILE_SAMPLE) {
        w->sample[w->seen - 1] = v;
        return;
    }
    uint64_t at = draw(&r->random) % w->seen;
    if (at < PROFILE_SAMPLE)
        w->sample[at] = v;
}

static void keep_text(char to[TEXT_SHOWN], size_t *len, struct str s)
{
    s = shown(s);
    if (s.len)
        memcpy(to, s.p, s.len);
    *len = s.len;
}

static void add_text(struct working *w, struct str s)
{
    if (!w->any || str_cmp(s, (struct str){w->low_text, w->low_len}) < 0)
        keep_text(w->low_text, &w->low_len, s);
    if (!w->any || str_cmp(s, (struct str){w->high_text, w->high_len}) > 0)
        keep_text(w->high_text, &w->high_len, s);
}

static void add_int(struct run *r, struct working *w, int64_t v)
{
    w->low_int = w->any && w->low_int < v ? w->low_int : v;
    w->high_int = w->any && w->high_int > v ? w->high_int : v;
    add_number(r, w, (double)v);
}

static void add_cell(struct run *r, struct working *w, const struct table_column *c, size_t row)
{
    bool real = c->type == TABLE_F32 || c->type == TABLE_F64;
    double f = !real ? 0 : c->type == TABLE_F32 ? (double)((const float *)c->data)[row] : ((const double *)c->data)[row];
    if (!table_valid(c, row) || isnan(f)) {
        w->out->nulls++;
        return;
    }
    if (real)
        add_number(r, w, f);
    else if (c->type == TABLE_STRING)
        add_text(w, ((const struct str *)c->data)[row]);
    else
        add_int(r, w, c->type == TABLE_BOOL ? ((const uint8_t *)c->data)[row] : ((const int64_t *)c->data)[row]);
    w->any = true;
    if (w->values)
        values_add(r, w, c, row);
}

static int compare_f64(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* More frequent first; of equal ones the lesser text. */
static bool before(const struct value *a, const struct value *b)
{
    return a->count != b->count ? a->count > b->count : str_cmp(a->text, b->text) < 0;
}

static void finish_top(struct working *w)
{
    const struct value *best[PROFILE_TOP];
    size_t n = 0;
    for (size_t i = 0; w->values && i < w->slots; i++) {
        if (!w->values[i].hash)
            continue;
        size_t at = n < PROFILE_TOP ? n : PROFILE_TOP;
        while (at > 0 && before(&w->values[i], best[at - 1]))
            at--;
        if (at == PROFILE_TOP)
            continue;
        n += n < PROFILE_TOP;
        memmove(&best[at + 1], &best[at], (n - at - 1) * sizeof *best);
        best[at] = &w->values[i];
    }
    for (size_t i = 0; i < n; i++)
        w->out->top[i] = (struct profile_top){best[i]->text, best[i]->count};
    w->out->top_len = n;
}

static struct str number_text(struct op *op, const struct working *w, bool high)
{
    char text[40];
    int64_t us = high ? w->high_int : w->low_int;
    if (!w->any)
        return STR("null");
    if (w->out->type == TABLE_TIMESTAMP) {
        time_format(us, text);
        return str_from(op_printf(op, "\"%s\"", text));
    }
    if (w->out->type == TABLE_F32 || w->out->type == TABLE_F64) {
        double f = high ? w->high : w->low;
        if (isinf(f))
            return f > 0 ? STR("\"Infinity\"") : STR("\"-Infinity\"");
        size_t n = json_format_f64(f, text);
        return str_dup(op->arena, (struct str){text, n});
    }
    return str_from(op_printf(op, "%lld", (long long)us));
}

static void finish_column(struct run *r, struct working *w)
{
    struct profile_column *out = w->out;
    finish_top(w);
    out->mean = out->stdev = NAN;
    for (size_t i = 0; i < PROFILE_QUANTILES; i++)
        out->quantiles[i] = NAN;
    if (out->type == TABLE_STRING) {
        out->min = w->any ? text_json(r->op, (struct str){w->low_text, w->low_len}) : STR("null");
        out->max = w->any ? text_json(r->op, (struct str){w->high_text, w->high_len}) : STR("null");
        return;
    }
    out->min = number_text(r->op, w, false);
    out->max = number_text(r->op, w, true);
    if (!w->any)
        return;
    out->mean = w->mean;
    out->stdev = w->seen > 1 ? sqrt(w->m2 / (double)(w->seen - 1)) : 0;
    size_t n = w->seen < PROFILE_SAMPLE ? (size_t)w->seen : PROFILE_SAMPLE;
    qsort(w->sample, n, sizeof *w->sample, compare_f64);
    for (size_t i = 0; i < PROFILE_QUANTILES; i++) {
        double at = profile_levels[i] * (double)(n - 1);
        size_t low = (size_t)at;
        double next = low + 1 < n ? w->sample[low + 1] : w->sample[low];
        out->quantiles[i] = w->sample[low] + (next - w->sample[low]) * (at - (double)low);
    }
}

static enum err start_columns(struct run *r, struct profile *p, const struct table_schema *schema)
{
    p->len = r->len = schema->len;
    p->columns = arena_array(r->op->arena, schema->len, struct profile_column);
    r->cols = arena_array(r->op->arena, schema->len, struct working);
    for (size_t i = 0; p->columns && r->cols && i < schema->len; i++) {
        p->columns[i] = (struct profile_column){.name = str_dup(r->op->arena, schema->fields[i].name), .type = schema->fields[i].type};
        r->cols[i] = (struct working){.out = &p->columns[i], .slots = 64};
        r->cols[i].values = calloc(64, sizeof(struct value));
        r->cols[i].sample = malloc(PROFILE_SAMPLE * sizeof(double));
        if (!r->cols[i].values || !r->cols[i].sample)
            return op_fail(r->op, E_TOO_LARGE, "out of memory for %zu columns", schema->len);
    }
    return p->columns && r->cols ? OK : op_fail(r->op, E_TOO_LARGE, "out of memory for %zu columns", schema->len);
}

enum err profile_run(struct op *op, struct table_engine *tables, struct str path, struct profile **ret)
{
    struct str from = {0};
    struct table_scan *scan = NULL;
    const struct table_schema *schema = NULL;
    struct run r = {.op = op, .seed = 1, .random = 42};
    struct profile *p = op_new(op, struct profile);
    enum err e = table_source_sql(op, path, false, &from);
    if (!e)
        e = table_scan_open(op, tables, str_from(op_printf(op, "SELECT * FROM %.*s", STR_FMT(from))), &scan, &schema);
    if (e)
        return op_context(op, "%.*s", STR_FMT(path));
    e = start_columns(&r, p, schema);
    while (!e) {
        const struct table_chunk *chunk = NULL;
        e = table_next(op, tables, scan, &chunk);
        if (e || !chunk)
            break;
        for (size_t c = 0; c < r.len; c++) {
            for (size_t i = 0; i < chunk->rows; i++)
                add_cell(&r, &r.cols[c], &chunk->cols[c], i);
        }
        p->rows += chunk->rows;
    }
    for (size_t c = 0; r.cols && c < r.len; c++) {
        if (!e)
            finish_column(&r, &r.cols[c]);
        free(r.cols[c].values);
        free(r.cols[c].sample);
    }
    table_scan_close(tables, scan);
    if (e)
        return op_context(op, "%.*s", STR_FMT(path));
    *ret = p;
    return OK;
}

static void write_quantiles(const struct profile_column *c, struct json_out *w)
{
    char key[32];
    json_key(w, "quantiles");
    json_begin_object(w);
    for (size_t i = 0; i < PROFILE_QUANTILES; i++) {
        json_format_f64(profile_levels[i], key);
        json_key_str(w, (struct str){key, json_format_f64(profile_levels[i], key)});
        if (isfinite(c->quantiles[i]))
            json_f64(w, c->quantiles[i]);
        else
            json_null(w);
    }
    json_end_object(w);
}

void profile_write(const struct profile *p, struct json_out *w)
{
    json_begin_object(w);
    json_kv_i64(w, "rows", (int64_t)p->rows);
    json_key(w, "columns");
    json_begin_array(w);
    for (size_t i = 0; i < p->len; i++) {
        const struct profile_column *c = &p->columns[i];
        json_begin_object(w);
        json_kv_str(w, "name", c->name);
        json_kv_cstr(w, "type", table_type_name(c->type));
        json_kv_i64(w, "nulls", (int64_t)c->nulls);
        json_kv_i64(w, "distinct", (int64_t)c->distinct);
        json_kv_bool(w, "distinct_capped", c->distinct_capped);
        json_key(w, "min");
        json_raw(w, c->min);
        json_key(w, "max");
        json_raw(w, c->max);
        if (c->type != TABLE_STRING && c->type != TABLE_TIMESTAMP && isfinite(c->mean)) {
            json_kv_f64(w, "mean", c->mean);
            json_kv_f64(w, "stdev", c->stdev);
        }
        if (c->type != TABLE_STRING)
            write_quantiles(c, w);
        json_key(w, "top");
        json_begin_array(w);
        for (size_t k = 0; k < c->top_len; k++) {
            json_begin_object(w);
            json_key(w, "value");
            json_raw(w, c->top[k].text);
            json_kv_i64(w, "count", (int64_t)c->top[k].count);
            json_end_object(w);
        }
        json_end_array(w);
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
}
