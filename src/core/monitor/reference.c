/* reference.c - sampling, sorting, and the file of a reference.
 *
 * File: the 8 bytes "INGOTREF", the length of a JSON header as 4 bytes little-endian, the header
 *     {"format":1,"version":3,"rows":1000,"features":["hour",...],"scores":true,"auc":0.7,...}    (null: not known)
 * then the columns one after the other, features in order and then the scores, each `rows` IEEE 754 singles little-endian.
 * The length of the file must be exactly what the header says. */
#include "core/monitor/reference.h"

#include <math.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/map.h"
#include "num/drift.h"

#define REFERENCE_MAGIC "INGOTREF"
#define REFERENCE_HEADER_MAX LIMIT_MIB(4)

static size_t sample_size(size_t rows)
{
    return rows < LIMIT_MONITOR_REFERENCE ? rows : LIMIT_MONITOR_REFERENCE;
}

static size_t sample_row(size_t i, size_t rows)
{
    return rows <= LIMIT_MONITOR_REFERENCE ? i : (size_t)((unsigned __int128)i * rows / LIMIT_MONITOR_REFERENCE);
}

static enum err reference_check(struct op *op, const struct monitor_reference *ref)
{
    if (ref->features > LIMIT_MONITOR_FEATURES)
        return op_fail(op, E_TOO_LARGE, "a reference of %zu features; the limit is %d", ref->features, LIMIT_MONITOR_FEATURES);
    struct map seen;
    map_init(&seen, op->arena);
    for (size_t f = 0; f < ref->features; f++) {
        struct str name = ref->names[f];
        if (!name.len || name.len > LIMIT_MONITOR_ENDPOINT_NAME || !str_is_utf8(name) || memchr(name.p, 0, name.len))
            return op_fail_field(op, "features", "feature %zu of the reference has no proper name", f);
        if (map_has(&seen, name))
            return op_fail_field(op, "features", "feature '%.*s' stands twice in the reference", STR_FMT(name));
        if (!map_put(&seen, name, (void *)(uintptr_t)1))
            return op_fail(op, E_TOO_LARGE, "no room for the reference's names");
    }
    return OK;
}

static bool column_fill(struct arena *a, const float *from, size_t rows, struct reference_column *ret)
{
    size_t n = sample_size(rows);
    ret->values = arena_array(a, n + 1, double);
    if (!ret->values)
        return false;
    for (size_t i = 0; i < n; i++)
        ret->values[i] = (double)from[sample_row(i, rows)];
    ret->n = drift_prepare(ret->values, n);
    ret->missing = n - ret->n;
    if (ret->n)
        drift_bins_init(&ret->bins, ret->values, ret->n);
    return true;
}

enum err reference_create(struct op *op, const struct monitor_reference *from, struct reference **ret)
{
    enum err e = reference_check(op, from);
    if (e)
        return e;
    struct arena *a = arena_create(2 * LIMIT_MONITOR_REFERENCE_BYTES);
    struct reference *r = arena_new(a, struct reference);
    *r = (struct reference){.arena = a, .version = from->version, .features = from->features, .auc = from->auc, .accuracy = from->accuracy,
                            .logloss = from->logloss, .brier = from->brier, .ece = from->ece};
    r->names = arena_array(a, from->features + 1, struct str);
    r->columns = arena_array(a, from->features + 1, struct reference_column);
    bool room = r->names && r->columns;
    for (size_t f = 0; room && f < from->features; f++) {
        r->names[f] = str_dup(a, from->names[f]);
        room = column_fill(a, from->columns[f], from->rows, &r->columns[f]);
    }
    if (room && from->scores)
        room = column_fill(a, from->scores, from->rows, &r->score);
    if (!room) {
        arena_destroy(a);
        return op_fail(op, E_TOO_LARGE, "a reference of %zu features and %zu rows finds no room", from->features, from->rows);
    }
    *ret = r;
    return OK;
}

void reference_destroy(struct reference *r)
{
    if (r)
        arena_destroy(r->arena);
}

/* ---- the file ---- */
static const struct {
    const char *name;
    size_t offset;
} quality_fields[] = {
    {"auc", offsetof(struct monitor_reference, auc)},         {"accuracy", offsetof(struct monitor_reference, accuracy)},
    {"logloss", offsetof(struct monitor_reference, logloss)}, {"brier", offsetof(struct monitor_reference, brier)},
    {"ece", offsetof(struct monitor_reference, ece)},
};

static void header_write(struct buf *b, const struct monitor_reference *ref)
{
    struct json_out w;
    json_out_init(&w, b, 0);
    w.nonfinite = JSON_NONFINITE_NULL;
    json_begin_object(&w);
    json_kv_i64(&w, "format", 1);
    json_kv_i64(&w, "version", ref->version);
    json_kv_i64(&w, "rows", (int64_t)sample_size(ref->rows));
    json_key(&w, "features");
    json_begin_array(&w);
    for (size_t f = 0; f < ref->features; f++)
        json_str(&w, ref->names[f]);
    json_end_array(&w);
    json_kv_bool(&w, "scores", ref->scores != NULL);
    for (size_t i = 0; i < ARRAY_LEN(quality_fields); i++) {
        double v;
        memcpy(&v, (const char *)ref + quality_fields[i].offset, sizeof v);
        json_kv_f64(&w, quality_fields[i].name, v);
    }
    json_end_object(&w);
}

static void column_write(struct buf *b, const float *column, size_t rows)
{
    size_t n = sample_size(rows);
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &column[sample_row(i, rows)], sizeof bits);
        uint8_t bytes[4] = {(uint8_t)bits, (uint8_t)(bits >> 8), (uint8_t)(bits >> 16), (uint8_t)(bits >> 24)};
        buf_add(b, bytes, sizeof bytes);
    }
}

enum err monitor_reference_format(struct op *op, const struct monitor_reference *ref, struct buf *ret)
{
    enum err e = reference_check(op, ref);
    if (e)
        return e;
    AUTO(buf) struct buf header;
    buf_init(&header, REFERENCE_HEADER_MAX);
    header_write(&header, ref);
    if (header.failed)
        return op_fail(op, E_TOO_LARGE, "the names of the reference are too long");
    uint8_t length[4] = {(uint8_t)header.len, (uint8_t)(header.len >> 8), (uint8_t)(header.len >> 16), (uint8_t)(header.len >> 24)};
    buf_add(ret, REFERENCE_MAGIC, strlen(REFERENCE_MAGIC));
    buf_add(ret, length, sizeof length);
    buf_add(ret, header.p, header.len);
    for (size_t f = 0; f < ref->features; f++)
        column_write(ret, ref->columns[f], ref->rows);
    if (ref->scores)
        column_write(ret, ref->scores, ref->rows);
    return ret->failed ? op_fail(op, E_TOO_LARGE, "the reference does not fit into its buffer") : OK;
}

static enum err header_parse(struct op *op, struct str text, struct monitor_reference *ref, bool *ret_scores)
{
    struct json *j = NULL;
    int64_t format = 0, rows = 0;
    const struct json *features = NULL;
    enum err e = json_parse(op, text, JSON_STRICT, &j);
    if (!e)
        e = json_want_i64(op, j, "format", 1, 1, &format);
    if (!e)
        e = json_want_i64(op, j, "version", INT64_MIN, INT64_MAX, &ref->version);
    if (!e)
        e = json_want_i64(op, j, "rows", 0, LIMIT_MONITOR_REFERENCE, &rows);
    if (!e)
        e = json_want_array(op, j, "features", &features);
    if (!e)
        e = json_opt_bool(op, j, "scores", false, ret_scores);
    for (size_t i = 0; !e && i < ARRAY_LEN(quality_fields); i++) {
        double v = NAN;
        e = json_opt_f64(op, j, quality_fields[i].name, NAN, &v);
        memcpy((char *)ref + quality_fields[i].offset, &v, sizeof v);
    }
    if (e)
        return e;
    ref->rows = (size_t)rows;
    ref->features = features->len;
    if (ref->features > LIMIT_MONITOR_FEATURES)
        return op_fail(op, E_TOO_LARGE, "a reference of %zu features; the limit is %d", ref->features, LIMIT_MONITOR_FEATURES);
    struct str *names = arena_array(op->arena, ref->features + 1, struct str);
    if (!names)
        return op_fail(op, E_TOO_LARGE, "no room for the reference's names");
    for (size_t f = 0; f < ref->features; f++) {
        if (features->items[f].type != JSON_STRING)
            return op_fail_field(op, "features", "feature %zu is no name", f);
        names[f] = features->items[f].s;
    }
    ref->names = names;
    return reference_check(op, ref);
}

static float *column_parse(struct op *op, const uint8_t *from, size_t rows)
{
    float *column = arena_array(op->arena, rows + 1, float);
    for (size_t i = 0; column && i < rows; i++) {
        const uint8_t *p = from + 4 * i;
        uint32_t bits = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        memcpy(&column[i], &bits, sizeof bits);
    }
    return column;
}

enum err monitor_reference_parse(struct op *op, struct str bytes, struct monitor_reference *ret)
{
    const size_t lead = sizeof REFERENCE_MAGIC - 1 + 4;
    if (bytes.len < lead || memcmp(bytes.p, REFERENCE_MAGIC, sizeof REFERENCE_MAGIC - 1) != 0)
        return op_fail(op, E_INVALID, "these bytes are no monitor reference");
    const uint8_t *p = (const uint8_t *)bytes.p;
    size_t header = (size_t)p[8] | (size_t)p[9] << 8 | (size_t)p[10] << 16 | (size_t)p[11] << 24;
    if (header > REFERENCE_HEADER_MAX || header > bytes.len - lead)
        return op_fail(op, E_INVALID, "the monitor reference is cut off in its header");
    struct monitor_reference ref = {0};
    bool scores = false;
    enum err e = header_parse(op, str_sub(bytes, lead, header), &ref, &scores);
    if (e)
        return op_context(op, "monitor reference");
    size_t columns = ref.features + scores; /* at most 4097 columns of 100000 rows: no overflow */
    if (bytes.len - lead - header != columns * ref.rows * 4)
        return op_fail(op, E_INVALID, "the monitor reference holds %zu bytes of columns, %zu are wanted", bytes.len - lead - header,
                       columns * ref.rows * 4);
    float **at = arena_array(op->arena, columns + 1, float *);
    for (size_t c = 0; at && c < columns; c++) {
        at[c] = column_parse(op, p + lead + header + c * ref.rows * 4, ref.rows);
        if (!at[c])
            at = NULL;
    }
    if (!at)
        return op_fail(op, E_TOO_LARGE, "the monitor reference finds no room in memory");
    ref.columns = (const float *const *)at;
    ref.scores = scores ? at[ref.features] : NULL;
    *ret = ref;
    return OK;
}
