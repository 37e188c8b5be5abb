#include "app/replay_events.h"

#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/limits.h"

enum { COL_ID, COL_T, COL_KNOWN, COL_LABEL, COL_KEYS };

static enum err events_sql(struct op *op, const struct feature_view *v, struct str data_path, int64_t from_us, int64_t end_us, struct str *ret)
{
    struct str from;
    enum err e = table_source_sql(op, data_path.len ? data_path : v->source_path, true, &from);
    if (e)
        return e;
    struct buf b;
    buf_init(&b, LIMIT_MIB(1));
    buf_addf(&b, "SELECT * FROM (SELECT CAST(file_row_number AS BIGINT) AS r, CAST(\"%.*s\" AS TIMESTAMP) AS t, "
                 "CAST((%.*s\n) AS TIMESTAMP) AS a, CAST((%.*s\n) AS BIGINT) AS l",
             STR_FMT(v->timestamp_field), STR_FMT(v->available_at_sql), STR_FMT(v->label_sql));
    for (size_t i = 0; i < v->key_len; i++)
        buf_addf(&b, ", CAST(\"%.*s\" AS VARCHAR) AS k%zu", STR_FMT(v->keys[i]), i);
    for (size_t i = 0; i < v->number_len; i++)
        buf_addf(&b, ", CAST(\"%.*s\" AS DOUBLE) AS n%zu", STR_FMT(v->numbers[i]), i);
    int64_t history = from_us - v->windows[v->window_len - 1].width_us;
    buf_addf(&b, " FROM %.*s) WHERE epoch_us(t) < %lld AND (epoch_us(t) >= %lld OR epoch_us(a) > %lld) ORDER BY t, r", STR_FMT(from),
             (long long)end_us, (long long)from_us, (long long)history);
    *ret = str_dup(op->arena, buf_str(&b));
    e = b.failed ? op_fail(op, E_TOO_LARGE, "the view's expressions are too long") : OK;
    buf_clear(&b);
    return e;
}

static enum err frame_check(struct op *op, const struct frame *f)
{
    static const char *const names[] = {"row number", "time", "available_at", "label"};
    for (int i = COL_ID; i < COL_KEYS; i++) {
        if (f->cols[i].null_count)
            return op_fail(op, E_INVALID, "%zu rows have no %s", f->cols[i].null_count, names[i]);
    }
    for (size_t i = 0; i < f->rows; i++) {
        if (f->cols[COL_LABEL].i64[i] != 0 && f->cols[COL_LABEL].i64[i] != 1)
            return op_fail(op, E_INVALID, "the label of row %lld is neither 0 nor 1", (long long)f->cols[COL_ID].i64[i]);
    }
    return OK;
}

/* The values that a sort compares; qsort_r passes it through. */
static int by_value(const void *a, const void *b, void *values)
{
    const int64_t *v = values;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return v[x] != v[y] ? (v[x] < v[y] ? -1 : 1) : (x > y) - (x < y);
}

static enum err order_make(struct op *op, struct replay_events *ev, const int64_t *values, uint32_t **ret)
{
    uint32_t *order = arena_array(ev->frame->arena, ev->rows + 1, uint32_t);
    if (!order)
        return op_fail(op, E_TOO_LARGE, "%zu rows do not fit into memory", ev->rows);
    for (uint32_t i = 0; i < ev->rows; i++)
        order[i] = i;
    qsort_r(order, ev->rows, sizeof(*order), by_value, (void *)(uintptr_t)values);
    *ret = order;
    return OK;
}

static enum err texts_make(struct op *op, struct replay_events *ev)
{
    const struct feature_view *v = ev->view;
    struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_MIB(1));
    ev->key_text = arena_alloc(op->arena, (v->key_len + 1) * sizeof(*ev->key_text));
    for (size_t k = 0; k < v->key_len; k++) {
        const struct frame_column *c = &ev->frame->cols[COL_KEYS + k];
        if (c->null_count) {
            buf_clear(&b);
            return op_fail(op, E_INVALID, "%zu rows have no '%.*s'", c->null_count, STR_FMT(v->keys[k]));
        }
        ev->key_text[k] = arena_alloc(op->arena, (c->dict_len + 1) * sizeof(struct str));
        for (size_t i = 0; i < c->dict_len; i++) {
            buf_reset(&b);
            json_out_init(&w, &b, 0);
            json_str(&w, c->dict[i]);
            ev->key_text[k][i] = str_dup(op->arena, buf_str(&b));
        }
    }
    buf_clear(&b);
    ev->number_whole = arena_alloc(op->arena, v->number_len + 1);
    for (size_t k = 0; k < v->number_len; k++) {
        const double *x = ev->frame->cols[COL_KEYS + v->key_len + k].f64;
        bool whole = true;
        for (size_t i = 0; whole && i < ev->rows; i++)
            whole = x[i] == floor(x[i]) && fabs(x[i]) < 9007199254740992.0;
        ev->number_whole[k] = whole;
    }
    return OK;
}

enum err replay_events_load(struct op *op, struct table_engine *tables, const struct feature_view *view, struct str data_path,
                            int64_t from_us, int64_t end_us, int64_t label_delay_us, struct replay_events **ret)
{
    struct str sql;
    struct replay_events *ev = op_new(op, struct replay_events);
    enum err e = events_sql(op, view, data_path, from_us, end_us, &sql);
    if (!e)
        e = frame_load(op, tables, sql, LIMIT_MIB(2048), &ev->frame);
    if (e)
        return e;
    struct frame *f = ev->frame;
    ev->view = view;
    ev->rows = f->rows;
    ev->id = f->cols[COL_ID].i64;
    ev->t = f->cols[COL_T].i64;
    ev->known = f->cols[COL_KNOWN].i64;
    ev->label = f->cols[COL_LABEL].i64;
    e = frame_check(op, f);
    if (!e)
        e = texts_make(op, ev);
    if (!e && !(ev->label_at = arena_array(f->arena, ev->rows + 1, int64_t)))
        e = op_fail(op, E_TOO_LARGE, "%zu rows do not fit into memory", ev->rows);
    for (size_t i = 0; !e && i < ev->rows; i++) {
        int64_t late = ev->t[i] + label_delay_us;
        ev->label_at[i] = late > ev->known[i] ? late : ev->known[i];
    }
    if (!e)
        e = order_make(op, ev, ev->known, &ev->by_known);
    if (!e)
        e = order_make(op, ev, ev->label_at, &ev->by_label);
    if (e) {
        replay_events_destroy(ev);
        return e;
    }
    *ret = ev;
    return OK;
}

void replay_events_destroy(struct replay_events *ev)
{
    if (ev)
        frame_destroy(ev->frame);
}

size_t replay_lower_bound(const int64_t *values, const uint32_t *order, size_t n, int64_t at)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (values[order ? order[mid] : mid] < at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* --- bodies: written by hand, because a replay writes millions of them --- */

static void add_i64(struct buf *b, int64_t v)
{
    char text[24], *p = text + sizeof(text);
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do {
        *--p = (char)('0' + u % 10);
        u /= 10;
    } while (u);
    if (v < 0)
        *--p = '-';
    buf_add(b, p, (size_t)(text + sizeof(text) - p));
}

static void add_f64(struct buf *b, double v)
{
    char text[32];
    if (isfinite(v))
        buf_add(b, text, json_format_f64(v, text));
    else
        buf_add_cstr(b, "NaN");
}

static void tensor_begin(struct buf *b, struct str name, const char *type, size_t n)
{
    buf_add_cstr(b, "{\"name\":\"");
    buf_add_str(b, name); /* a column name; the view's parser admits plain identifiers */
    buf_add_cstr(b, "\",\"datatype\":\"");
    buf_add_cstr(b, type);
    buf_add_cstr(b, "\",\"shape\":[");
    add_i64(b, (int64_t)n);
    buf_add_cstr(b, "],\"data\":[");
}

static void tensor_i64(struct buf *b, struct str name, const int64_t *v, size_t n)
{
    tensor_begin(b, name, "INT64", n);
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_add_char(b, ',');
        add_i64(b, v[i]);
    }
    buf_add_cstr(b, "]}");
}

static void tensor_number(struct buf *b, struct str name, const double *v, size_t n, bool whole)
{
    tensor_begin(b, name, whole ? "INT64" : "FP64", n);
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_add_char(b, ',');
        if (whole)
            add_i64(b, (int64_t)v[i]);
        else
            add_f64(b, v[i]);
    }
    buf_add_cstr(b, "]}");
}

void replay_infer_body(const struct replay_events *ev, size_t first, size_t n, struct buf *out)
{
    const struct feature_view *v = ev->view;
    buf_add_cstr(out, "{\"id\":\"");
    add_i64(out, ev->id[first]);
    buf_add_cstr(out, "\",\"inputs\":[");
    if (v->id_field.len) {
        tensor_i64(out, v->id_field, ev->id + first, n);
        buf_add_char(out, ',');
    }
    tensor_i64(out, v->timestamp_field, ev->t + first, n);
    for (size_t k = 0; k < v->key_len; k++) {
        const uint32_t *code = ev->frame->cols[COL_KEYS + k].code;
        buf_add_char(out, ',');
        tensor_begin(out, v->keys[k], "BYTES", n);
        for (size_t i = 0; i < n; i++) {
            if (i)
                buf_add_char(out, ',');
            buf_add_str(out, ev->key_text[k][code[first + i]]);
        }
        buf_add_cstr(out, "]}");
    }
    for (size_t k = 0; k < v->number_len; k++) {
        buf_add_char(out, ',');
        tensor_number(out, v->numbers[k], ev->frame->cols[COL_KEYS + v->key_len + k].f64 + first, n, ev->number_whole[k]);
    }
    buf_add_cstr(out, "]}");
}

static void column_picked(struct buf *b, const char *key, const int64_t *v, const uint32_t *rows, size_t n)
{
    buf_addf(b, "\"%s\":[", key);
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_add_char(b, ',');
        add_i64(b, v[rows[i]]);
    }
    buf_add_char(b, ']');
}

void replay_push_body(const struct replay_events *ev, const uint32_t *rows, size_t n, struct buf *out)
{
    const struct feature_view *v = ev->view;
    buf_add_char(out, '{');
    column_picked(out, "ids", ev->id, rows, n);
    buf_add_char(out, ',');
    column_picked(out, "available_at_us", ev->known, rows, n);
    buf_add_char(out, ',');
    column_picked(out, "labels", ev->label, rows, n);
    buf_add_cstr(out, ",\"keys\":{");
    for (size_t k = 0; k < v->key_len; k++) {
        const uint32_t *code = ev->frame->cols[COL_KEYS + k].code;
        buf_addf(out, "%s\"%.*s\":[", k ? "," : "", STR_FMT(v->keys[k]));
        for (size_t i = 0; i < n; i++) {
            if (i)
                buf_add_char(out, ',');
            buf_add_str(out, ev->key_text[k][code[rows[i]]]);
        }
        buf_add_char(out, ']');
    }
    buf_add_cstr(out, "}}");
}

void replay_labels_body(const struct replay_events *ev, const uint32_t *rows, size_t n, int64_t watermark_us, struct buf *out)
{
    buf_add_char(out, '{');
    column_picked(out, "ids", ev->id, rows, n);
    buf_add_char(out, ',');
    column_picked(out, "labels", ev->label, rows, n);
    buf_add_char(out, ',');
    column_picked(out, "times_us", ev->label_at, rows, n);
    buf_addf(out, ",\"watermark_us\":%lld}", (long long)watermark_us);
}
