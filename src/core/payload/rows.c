#include "core/payload/rows.h"

#include <math.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/time.h"
#include "core/predlog/columns.h"

enum fixed {
    TIME, ID, ROW, REQUEST, INFERENCE, TRACE, ENDPOINT, VERSION, ROLLOUT, ARM, PROPENSITY, UNIT, LATENCY, IS_OK, PROBLEM, FIXED
};
static const struct table_field fixed_fields[FIXED] = {
    [TIME] = {STR_INIT("time"), TABLE_TIMESTAMP},      [ID] = {STR_INIT("id"), TABLE_I64},
    [ROW] = {STR_INIT("row"), TABLE_I64},              [REQUEST] = {STR_INIT("request_id"), TABLE_STRING},
    [INFERENCE] = {STR_INIT("inference_id"), TABLE_STRING}, [TRACE] = {STR_INIT("trace_id"), TABLE_STRING},
    [ENDPOINT] = {STR_INIT("endpoint"), TABLE_STRING}, [VERSION] = {STR_INIT("version"), TABLE_I64},
    [ROLLOUT] = {STR_INIT("rollout"), TABLE_I64},      [ARM] = {STR_INIT("arm"), TABLE_STRING},
    [PROPENSITY] = {STR_INIT("propensity"), TABLE_F64}, [UNIT] = {STR_INIT("unit_id"), TABLE_STRING},
    [LATENCY] = {STR_INIT("latency_us"), TABLE_I64},   [IS_OK] = {STR_INIT("ok"), TABLE_BOOL},
    [PROBLEM] = {STR_INIT("error"), TABLE_STRING},
};

/* How a column gets its values. */
enum source { FROM_NOTE, ONE_VALUE, ROW_JSON, WHOLE_JSON, HIDDEN };
struct payload_plan {
    struct str name;
    const char *prefix;              /* of the name in the file */
    enum table_type type;
    enum source source;
    const struct tensor *tensor;
    size_t width, at;                /* value `at` of `width` in each row */
    const bool *hidden;              /* of JSON: which values of a row are redacted; NULL: none */
};
struct payload_column {
    struct str name;
    enum table_type type;
    struct buf values;               /* of the type; of texts: their ends in `text`, as size_t */
    struct buf text, valid;          /* `valid`: one byte per row */
};

static size_t value_size(enum table_type type)
{
    static const size_t sizes[] = {[TABLE_BOOL] = 1, [TABLE_I64] = 8, [TABLE_F32] = 4, [TABLE_F64] = 8, [TABLE_TIMESTAMP] = 8, [TABLE_STRING] = sizeof(size_t)};
    return sizes[type];
}

static enum table_type column_type(enum tensor_type t)
{
    switch (t) {
    case TENSOR_BOOL: return TABLE_BOOL;
    case TENSOR_FP16: case TENSOR_BF16: case TENSOR_FP32: return TABLE_F32;
    case TENSOR_FP64: return TABLE_F64;
    case TENSOR_UINT64: case TENSOR_BYTES: case TENSOR_TYPE_COUNT: return TABLE_STRING; /* a UINT64 need not fit a signed column */
    case TENSOR_UINT8: case TENSOR_UINT16: case TENSOR_UINT32: case TENSOR_INT8: case TENSOR_INT16: case TENSOR_INT32: case TENSOR_INT64: break;
    }
    return TABLE_I64;
}

/* ---- values ---- */

static double real_at(const struct tensor *t, size_t i)
{
    uint16_t half;
    float f;
    double d;
    switch (t->type) {
    case TENSOR_FP16: memcpy(&half, (const char *)t->data + 2 * i, 2); return (double)tensor_from_fp16(half);
    case TENSOR_BF16: memcpy(&half, (const char *)t->data + 2 * i, 2); return (double)tensor_from_bf16(half);
    case TENSOR_FP32: memcpy(&f, (const char *)t->data + 4 * i, 4); return (double)f;
    default: memcpy(&d, (const char *)t->data + 8 * i, 8); return d;
    }
}

static int64_t whole_at(const struct tensor *t, size_t i)
{
    const size_t size = tensor_type_size(t->type);
    uint64_t u = 0;
    memcpy(&u, (const char *)t->data + size * i, size);
    const unsigned shift = (unsigned)(64 - 8 * size);
    bool sign = t->type == TENSOR_INT8 || t->type == TENSOR_INT16 || t->type == TENSOR_INT32 || t->type == TENSOR_INT64;
    return sign ? (int64_t)(u << shift) >> shift : (int64_t)u;
}

enum err payload_hidden(struct op *op, const struct payload_item *item, const struct tensor *t, size_t width, const bool **ret)
{
    const struct payload_note *n = &item->note;
    const struct payload_config *c = &item->config;
    *ret = NULL;
    if (!c->redact_count || !width)
        return OK;
    bool *hidden = arena_array(op->arena, width, bool);
    if (!hidden)
        return op_fail(op, E_TOO_LARGE, "no memory to hide values of %.*s", STR_FMT(t->name));
    const bool whole = payload_config_hides(c, t->name), named = n->features && width == n->feature_count;
    for (size_t i = 0; i < width && (whole || named); i++)
        hidden[i] = whole || payload_config_hides(c, n->features[i]);
    payload_config_hide_places(c, t->name, hidden, width);
    *ret = hidden;
    return OK;
}

void payload_values_json(struct json_out *w, const struct tensor *t, size_t from, size_t n, const bool *hidden, size_t width)
{
    json_begin_array(w);
    for (size_t i = from; i < from + n; i++) {
        if (hidden && hidden[i % width])
            json_null(w);
        else if (t->type == TENSOR_BYTES)
            json_str(w, t->texts[i]);
        else if (t->type == TENSOR_BOOL)
            json_bool(w, whole_at(t, i) != 0);
        else if (t->type == TENSOR_FP64)
            json_f64(w, real_at(t, i));
        else if (column_type(t->type) == TABLE_F32)
            json_f32(w, (float)real_at(t, i));
        else if (t->type == TENSOR_UINT64)
            json_u64(w, (uint64_t)whole_at(t, i));
        else
            json_i64(w, whole_at(t, i));
    }
    json_end_array(w);
}

/* ---- which columns ---- */

struct planner {
    struct op *op;
    const struct payload_item *item;
    struct payload_shape *shape;
    enum err err;
};

static void plan_add(struct planner *p, const char *prefix, struct str name, const struct payload_plan *plan)
{
    struct payload_shape *s = p->shape;
    if (!payload_config_takes(&p->item->config, name) || p->err)
        return;
    if (s->len == LIMIT_PAYLOAD_COLUMNS) {
        p->err = op_fail(p->op, E_TOO_LARGE, "more than %d columns", LIMIT_PAYLOAD_COLUMNS);
        return;
    }
    struct payload_plan *to = &s->plans[s->len++];
    *to = *plan;
    to->name = name;
    to->prefix = prefix;
    if (payload_config_hides(&p->item->config, name))
        to->type = TABLE_STRING, to->source = HIDDEN;
}

/* NAME_0, NAME_1 ...; a name may be as long as a model makes it. */
static struct str part_name(struct planner *p, struct str name, size_t i)
{
    char *text = arena_array(p->op->arena, name.len + 24, char);
    if (!text) {
        p->err = op_fail(p->op, E_TOO_LARGE, "no memory for the names of the columns");
        return STR("");
    }
    if (name.len)
        memcpy(text, name.p, name.len);
    int n = snprintf(text + name.len, 24, "_%zu", i);
    return (struct str){text, name.len + (size_t)n};
}

/* The features' own names where there is one for each value of a row. */
static void spread(struct planner *p, const char *prefix, const struct tensor *t, size_t width, bool features)
{
    const struct payload_note *n = &p->item->note;
    /* A tensor that is hidden or chosen as a whole answers for its parts; a part may be hidden though the whole is chosen. */
    const bool whole = payload_config_hides(&p->item->config, t->name);
    for (size_t i = 0; i < width && !p->err; i++) {
        struct str name = features ? n->features[i] : part_name(p, t->name, i);
        const bool hidden = whole || payload_config_hides(&p->item->config, name);
        struct payload_plan plan = {.type = hidden ? TABLE_STRING : column_type(t->type), .source = hidden ? HIDDEN : ONE_VALUE, .tensor = t, .width = width, .at = i};
        if (p->item->config.columns && !payload_config_takes(&p->item->config, name) && payload_config_takes(&p->item->config, t->name)) {
            struct payload_shape *s = p->shape;
            if (s->len < LIMIT_PAYLOAD_COLUMNS) {
                s->plans[s->len] = plan;
                s->plans[s->len].name = name;
                s->plans[s->len++].prefix = prefix;
            }
            continue;
        }
        plan_add(p, prefix, name, &plan);
    }
}

static void tensor_plan(struct planner *p, const char *prefix, const struct tensor *t, bool input)
{
    const struct payload_note *n = &p->item->note;
    const size_t rows = n->rows, width = rows && t->count % rows == 0 ? t->count / rows : 0;
    bool features = input && n->features && width == n->feature_count && width > 1;
    struct payload_plan plan = {.type = TABLE_STRING, .tensor = t, .width = width, .source = width ? ROW_JSON : WHOLE_JSON};
    if (width == 1)
        plan.type = column_type(t->type), plan.source = ONE_VALUE;
    if (features || (width > 1 && width <= PAYLOAD_SPREAD)) {
        spread(p, prefix, t, width, features);
        return;
    }
    if (plan.source != ONE_VALUE && !p->err)
        p->err = payload_hidden(p->op, p->item, t, width ? width : t->count, &plan.hidden);
    plan_add(p, prefix, t->name, &plan);
}

/* Their names in the file: no two are alike. */
static enum err names_part(struct op *op, struct payload_shape *s)
{
    struct column_names names;
    enum err e = OK;
    column_names_init(op, &names);
    for (size_t i = 0; !e && i < s->len; i++)
        e = column_names_take(op, &names, i < FIXED ? "" : s->plans[i].prefix, s->plans[i].name, "", "_", &s->plans[i].name);
    return e;
}

enum err payload_shape_make(struct op *op, const struct payload_item *item, struct payload_shape *ret)
{
    struct payload_shape s = {.plans = arena_array(op->arena, LIMIT_PAYLOAD_COLUMNS + 1, struct payload_plan)};
    struct planner p = {.op = op, .item = item, .shape = &s};
    if (!s.plans)
        return op_fail(op, E_TOO_LARGE, "no memory for the columns");
    for (; s.len < FIXED; s.len++)
        s.plans[s.len] = (struct payload_plan){.name = fixed_fields[s.len].name, .type = fixed_fields[s.len].type, .source = FROM_NOTE};
    for (size_t i = 0; i < item->note.input_count; i++)
        tensor_plan(&p, "in_", &item->note.inputs[i], true);
    for (size_t i = 0; i < item->note.output_count; i++)
        tensor_plan(&p, "out_", &item->note.outputs[i], false);
    enum err e = p.err ? p.err : names_part(op, &s);
    if (e)
        return e;
    for (size_t i = 0; i < s.len; i++)
        s.hash = hash64(s.plans[i].name.p, s.plans[i].name.len, s.hash * 31 + (uint64_t)s.plans[i].type + 1);
    *ret = s;
    return OK;
}

/* ---- rows in memory ---- */

struct payload_rows *payload_rows_create(const struct payload_item *item, const struct payload_shape *shape)
{
    struct arena *a = arena_create(LIMIT_MIB(64));
    struct payload_rows *r = arena_new(a, struct payload_rows);
    const struct payload_config *c = &item->config;
    *r = (struct payload_rows){.arena = a, .endpoint = str_dup(a, item->note.endpoint), .shape = shape->hash, .hour = item->note.time_us / (3600 * TIME_US_PER_S),
                               .start_us = item->note.time_us, .end_us = item->note.time_us, .opened_ms = time_mono_ms(), .flush_us = c->flush_us,
                               .keep_us = c->keep_us, .max_bytes = c->max_bytes, .len = shape->len};
    r->columns = arena_alloc(a, (shape->len + 1) * sizeof *r->columns);
    for (size_t i = 0; i < shape->len; i++) {
        struct payload_column *k = &r->columns[i];
        k->name = str_dup(a, shape->plans[i].name);
        k->type = shape->plans[i].type;
        buf_init(&k->values, LIMIT_PAYLOAD_FILE_BYTES * 2);
        buf_init(&k->text, LIMIT_PAYLOAD_FILE_BYTES * 2);
        buf_init(&k->valid, LIMIT_PAYLOAD_FILE_BYTES * 2);
    }
    return r;
}

void payload_rows_destroy(struct payload_rows *r)
{
    for (size_t i = 0; r && i < r->len; i++) {
        buf_clear(&r->columns[i].values);
        buf_clear(&r->columns[i].text);
        buf_clear(&r->columns[i].valid);
    }
    if (r)
        arena_destroy(r->arena);
}

static void put(struct payload_column *c, const void *value, bool valid)
{
    const uint64_t none = 0;
    buf_add(&c->values, valid ? value : &none, value_size(c->type));
    buf_add_char(&c->valid, (char)valid);
}

/* Parquet's texts are UTF-8; bytes that are none become question marks. */
static void put_text(struct payload_column *c, struct str s, bool valid)
{
    for (size_t at = 0; valid && at < s.len;) {
        struct str rest = str_sub(s, at, SIZE_MAX);
        size_t good = str_utf8_prefix(rest);
        buf_add(&c->text, rest.p, good);
        at += good;
        if (at < s.len)
            buf_add_char(&c->text, '?'), at++;
    }
    size_t end = c->text.len;
    buf_add(&c->values, &end, sizeof end);
    buf_add_char(&c->valid, (char)valid);
}

static void put_i64(struct payload_column *c, int64_t v, bool valid)
{
    put(c, &v, valid);
}

static void note_put(struct payload_column *c, const struct payload_note *n, size_t row)
{
    for (size_t i = 0; i < FIXED; i++)
        switch ((enum fixed)i) {
        case TIME: put_i64(&c[i], n->time_us, true); break;
        case ID: put_i64(&c[i], n->ids ? n->ids[row] : 0, n->ids != NULL); break;
        case ROW: put_i64(&c[i], (int64_t)row, true); break;
        case REQUEST: put_text(&c[i], n->request_id, n->request_id.len); break;
        case INFERENCE: put_text(&c[i], n->inference_id, n->inference_id.len); break;
        case TRACE: put_text(&c[i], n->trace_id, n->trace_id.len); break;
        case ENDPOINT: put_text(&c[i], n->endpoint, true); break;
        case VERSION: put_i64(&c[i], n->version, n->version != 0); break;
        case ROLLOUT: put_i64(&c[i], n->rollout, n->rollout != 0); break;
        case ARM: put_text(&c[i], str_from(n->arm), n->arm != NULL); break;
        case PROPENSITY: put(&c[i], &n->propensity, true); break;
        case UNIT: put_text(&c[i], n->unit_id, n->unit_id.len); break;
        case LATENCY: put_i64(&c[i], n->latency_us, true); break;
        case IS_OK: put(&c[i], &(uint8_t){n->err == OK}, true); break;
        case PROBLEM: put_text(&c[i], n->error, n->err != OK); break;
        case FIXED: break;
        }
}

static void json_put(struct payload_column *c, const struct tensor *t, size_t from, size_t n, const bool *hidden)
{
    AUTO(buf) struct buf text;
    struct json_out w;
    buf_init(&text, LIMIT_PAYLOAD_REQUEST_BYTES * 8);
    json_out_init(&w, &text, 0);
    w.nonfinite = JSON_NONFINITE_NULL;
    payload_values_json(&w, t, from, n, hidden, n ? n : 1);
    put_text(c, buf_str(&text), true);
}

static void value_put(struct payload_column *c, const struct tensor *t, size_t i)
{
    char digits[24];
    float f;
    double d;
    switch (c->type) {
    case TABLE_BOOL: put(c, &(uint8_t){whole_at(t, i) != 0}, true); break;
    case TABLE_F32: f = (float)real_at(t, i); put(c, &f, !isnan(f)); break;
    case TABLE_F64: d = real_at(t, i); put(c, &d, !isnan(d)); break;
    case TABLE_STRING:
        if (t->type == TENSOR_BYTES) {
            put_text(c, t->texts[i], true);
        } else {
            snprintf(digits, sizeof digits, "%llu", (unsigned long long)whole_at(t, i));
            put_text(c, str_from(digits), true);
        }
        break;
    case TABLE_I64: case TABLE_TIMESTAMP: put_i64(c, whole_at(t, i), true); break;
    }
}

static void plan_put(struct payload_column *c, const struct payload_plan *p, size_t row)
{
    switch (p->source) {
    case ONE_VALUE: value_put(c, p->tensor, row * p->width + p->at); break;
    case ROW_JSON: json_put(c, p->tensor, row * p->width, p->width, p->hidden); break;
    case WHOLE_JSON:
        if (row == 0)
            json_put(c, p->tensor, 0, p->tensor->count, p->hidden);
        else
            put_text(c, STR(""), false);
        break;
    case HIDDEN: put_text(c, STR(""), false); break;
    case FROM_NOTE: break;
    }
}

/* Back to `rows` rows, after something did not fit. */
static void rows_cut(struct payload_rows *r, size_t rows)
{
    for (size_t i = 0; i < r->len; i++) {
        struct payload_column *c = &r->columns[i];
        const size_t size = value_size(c->type);
        c->values.failed = c->text.failed = c->valid.failed = false;
        c->values.len = c->values.len > rows * size ? rows * size : c->values.len;
        c->valid.len = c->valid.len > rows ? rows : c->valid.len;
        if (c->type == TABLE_STRING) {
            size_t end = 0;
            if (rows)
                memcpy(&end, c->values.p + (rows - 1) * size, size);
            c->text.len = end;
        }
    }
}

enum err payload_rows_add(struct op *op, struct payload_rows *r, const struct payload_item *item, const struct payload_shape *shape)
{
    const struct payload_note *n = &item->note;
    const size_t rows = n->rows ? n->rows : 1;
    size_t bytes = 0;
    bool failed = false;
    for (size_t row = 0; row < rows; row++) {
        note_put(r->columns, n, row);
        for (size_t i = FIXED; i < shape->len; i++)
            plan_put(&r->columns[i], &shape->plans[i], row);
    }
    for (size_t i = 0; i < r->len; i++) {
        const struct payload_column *c = &r->columns[i];
        bytes += c->values.len + c->text.len + c->valid.len;
        failed = failed || c->values.failed || c->text.failed || c->valid.failed;
    }
    if (failed) {
        rows_cut(r, r->count);
        return op_fail(op, E_TOO_LARGE, "no memory for %zu rows of the payload log", rows);
    }
    r->bytes = bytes;
    r->count += rows;
    r->start_us = n->time_us < r->start_us ? n->time_us : r->start_us;
    r->end_us = n->time_us > r->end_us ? n->time_us : r->end_us;
    return OK;
}

/* ---- the file ---- */

struct chunk_room {
    uint64_t valid[TABLE_CHUNK_ROWS / 64];
    struct str texts[TABLE_CHUNK_ROWS];
};

static void column_show(const struct payload_column *c, size_t from, size_t n, struct chunk_room *room, struct table_column *ret)
{
    const size_t size = value_size(c->type);
    memset(room->valid, 0, sizeof room->valid);
    for (size_t i = 0; i < n; i++)
        if (c->valid.p[from + i])
            room->valid[i / 64] |= 1ULL << (i % 64);
    *ret = (struct table_column){c->type, c->values.p + from * size, room->valid};
    if (c->type != TABLE_STRING)
        return;
    size_t begin = 0, end;
    if (from)
        memcpy(&begin, c->values.p + (from - 1) * size, size);
    for (size_t i = 0; i < n; i++, begin = end) {
        memcpy(&end, c->values.p + (from + i) * size, size);
        room->texts[i] = (struct str){c->text.p ? c->text.p + begin : "", end - begin};
    }
    ret->data = room->texts;
}

enum err payload_rows_write(struct op *op, const struct payload_rows *r, struct table_engine *tables, struct str path)
{
    struct table_schema schema = {arena_array(op->arena, r->len, struct table_field), r->len};
    struct table_column *cols = arena_array(op->arena, r->len, struct table_column);
    struct chunk_room *rooms = arena_array(op->arena, r->len, struct chunk_room);
    struct table_writer *w = NULL;
    uint64_t written = 0;
    if (!schema.fields || !cols || !rooms)
        return op_fail(op, E_TOO_LARGE, "no memory to write %zu columns", r->len);
    for (size_t i = 0; i < r->len; i++)
        schema.fields[i] = (struct table_field){r->columns[i].name, r->columns[i].type};
    enum err e = table_writer_open(op, tables, path, &schema, &w);
    for (size_t from = 0; !e && from < r->count; from += TABLE_CHUNK_ROWS) {
        const size_t n = r->count - from < TABLE_CHUNK_ROWS ? r->count - from : TABLE_CHUNK_ROWS;
        for (size_t i = 0; i < r->len; i++)
            column_show(&r->columns[i], from, n, &rooms[i], &cols[i]);
        e = table_append(op, tables, w, &(struct table_chunk){n, r->len, cols});
    }
    if (e) {
        if (w)
            table_discard(tables, w);
        return e;
    }
    return table_finish(op, tables, w, &written);
}
