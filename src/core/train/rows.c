#include "core/train/rows.h"

#include <math.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/map.h"
#include "core/train/order.h"

/* So many bytes of so many names fit into the arena of the rows. */
#define SEGMENT_NAME_MAX 256
#define ROWS_ARENA_BYTES LIMIT_MIB(64)
_Static_assert((size_t)SEGMENT_NAME_MAX *LIMIT_TRAIN_SEGMENT_NAMES <= ROWS_ARENA_BYTES / 2,
               "names of segments cannot exhaust the arena");

/* Which column of the scan is what. */
struct layout {
    size_t time, label, id, segment; /* SIZE_MAX: absent */
    size_t *feature;                 /* `cols` of them */
};
struct loader {
    struct op *op;
    const struct train_params *params;
    struct train_rows *r;
    struct layout at;
    struct map segment_map; /* name -> index + 1 */
    int64_t from_us, to_us;
    uint64_t row; /* of the file, at the start of the chunk */
};

static size_t field_find(const struct table_schema *s, struct str name)
{
    for (size_t i = 0; i < s->len; i++)
        if (str_eq(s->fields[i].name, name))
            return i;
    return SIZE_MAX;
}

static bool is_number(enum table_type t)
{
    return t == TABLE_BOOL || t == TABLE_I64 || t == TABLE_F32 || t == TABLE_F64;
}

static enum err features_find(struct loader *l, const struct table_schema *s)
{
    struct op *op = l->op;
    const struct train_params *p = l->params;
    l->at.feature = arena_array(op->arena, s->len + p->feature_len + 1, size_t);
    if (!l->at.feature)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu columns", s->len);
    size_t n = 0;
    if (p->transform) /* raw.c makes them */
        return OK;
    for (size_t i = 0; !p->features && i < s->len; i++)
        if (s->fields[i].type == TABLE_F32 && i != l->at.label)
            l->at.feature[n++] = i;
    for (size_t i = 0; i < p->feature_len; i++) {
        size_t at = field_find(s, p->features[i]);
        if (at == SIZE_MAX || !is_number(s->fields[at].type))
            return op_fail_field(op, "columns.features", "the frame has no number column \"%.*s\"",
                                 STR_FMT(p->features[i]));
        l->at.feature[n++] = at;
    }
    if (!n || n > LIMIT_TREE_FEATURES)
        return op_fail(op, E_INVALID, "the frame has %zu feature columns; 1 to %u are needed", n,
                       LIMIT_TREE_FEATURES);
    struct train_rows *r = l->r;
    r->cols = n;
    r->names = arena_array(r->arena, n, struct str);
    if (!r->names)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu columns", n);
    for (size_t i = 0; i < n; i++)
        r->names[i] = str_dup(r->arena, s->fields[l->at.feature[i]].name);
    return OK;
}

static enum err layout_find(struct loader *l, const struct table_schema *s, bool need_label)
{
    struct op *op = l->op;
    const struct train_params *p = l->params;
    l->at.time = field_find(s, p->time);
    if (l->at.time == SIZE_MAX || s->fields[l->at.time].type != TABLE_TIMESTAMP)
        return op_fail_field(op, "columns.time", "the frame has no timestamp column \"%.*s\"",
                             STR_FMT(p->time));
    l->at.label = field_find(s, p->label);
    if (l->at.label != SIZE_MAX ? !is_number(s->fields[l->at.label].type) : need_label)
        return op_fail_field(op, "columns.label", "the frame has no number column \"%.*s\"",
                             STR_FMT(p->label));
    l->at.id = p->id.len ? field_find(s, p->id) : SIZE_MAX;
    if (p->id.len && (l->at.id == SIZE_MAX || s->fields[l->at.id].type != TABLE_I64))
        return op_fail_field(op, "columns.id", "the frame has no integer column \"%.*s\"", STR_FMT(p->id));
    l->at.segment = p->segment_column.len ? field_find(s, p->segment_column) : SIZE_MAX;
    if (p->segment_column.len && (l->at.segment == SIZE_MAX || s->fields[l->at.segment].type != TABLE_STRING))
        return op_fail_field(op, "evaluate.segments.column", "the frame has no text column \"%.*s\"",
                             STR_FMT(p->segment_column));
    return features_find(l, s);
}

/* Doubles the arrays, at most to LIMIT_TRAIN_BYTES. */
static enum err rows_grow(struct loader *l, size_t want)
{
    struct train_rows *r = l->r;
    if (want <= r->cap)
        return OK;
    size_t cap = r->cap ? r->cap * 2 : 65536;
    size_t row_bytes = r->cols * sizeof(float) + sizeof(float) + 2 * sizeof(int64_t) + sizeof(uint32_t);
    if (cap > LIMIT_TRAIN_BYTES / row_bytes)
        cap = LIMIT_TRAIN_BYTES / row_bytes;
    if (cap < want)
        return op_fail(l->op, E_TOO_LARGE, "more than %zu rows of %zu features are chosen", cap, r->cols);
    const struct {
        void **p;
        size_t item;
    } arrays[] = {{(void **)&r->x, (r->cols ? r->cols : 1) * sizeof(float)},
                  {(void **)&r->y, sizeof(float)},
                  {(void **)&r->id, sizeof(int64_t)},
                  {(void **)&r->time_us, sizeof(int64_t)},
                  {(void **)&r->segment, sizeof(uint32_t)}};
    for (size_t i = 0; i < ARRAY_LEN(arrays); i++) {
        void *p = realloc(*arrays[i].p, cap * arrays[i].item);
        if (!p)
            return op_fail(l->op, E_TOO_LARGE, "no memory for %zu rows", cap);
        *arrays[i].p = p;
    }
    r->cap = cap;
    return OK;
}

/* NaN for null. */
static double cell(const struct table_column *c, size_t i)
{
    if (!table_valid(c, i))
        return NAN;
    switch (c->type) {
    case TABLE_BOOL:
        return ((const uint8_t *)c->data)[i] ? 1 : 0;
    case TABLE_I64:
    case TABLE_TIMESTAMP:
        return (double)((const int64_t *)c->data)[i];
    case TABLE_F32:
        return (double)((const float *)c->data)[i];
    case TABLE_F64:
        return ((const double *)c->data)[i];
    case TABLE_STRING:
        break;
    }
    return NAN;
}

static enum err segment_take(struct loader *l, const struct table_column *c, size_t i, uint32_t *ret)
{
    struct train_rows *r = l->r;
    struct str name = table_valid(c, i) ? ((const struct str *)c->data)[i] : STR("");
    uintptr_t known = (uintptr_t)map_find(&l->segment_map, name);
    if (!known) {
        if (name.len > SEGMENT_NAME_MAX)
            return op_fail(l->op, E_TOO_LARGE,
                           "column \"%.*s\" holds a text of %zu bytes; a segment's name has at most %d",
                           STR_FMT(l->params->segment_column), name.len, SEGMENT_NAME_MAX);
        name = str_dup(r->arena, name);
        known = r->segment_len + 1;
        if (r->segment_len == LIMIT_TRAIN_SEGMENT_NAMES || !map_put(&l->segment_map, name, (void *)known))
            return op_fail(l->op, E_TOO_LARGE, "column \"%.*s\" has more than %d values; it is no segment",
                           STR_FMT(l->params->segment_column), LIMIT_TRAIN_SEGMENT_NAMES);
        r->segments[r->segment_len++] = name;
    }
    *ret = (uint32_t)(known - 1);
    return OK;
}

static enum err row_take(struct loader *l, const struct table_chunk *c, size_t i)
{
    struct train_rows *r = l->r;
    const uint64_t row = l->row + i;
    const struct table_column *time = &c->cols[l->at.time];
    if (!table_valid(time, i))
        return op_fail_field(l->op, "time", "row %llu has no time", (unsigned long long)row);
    int64_t t = ((const int64_t *)time->data)[i];
    if (t < l->from_us || t >= l->to_us)
        return OK;
    enum err e = rows_grow(l, r->rows + 1);
    if (e)
        return e;
    const size_t k = r->rows;
    r->time_us[k] = t;
    r->id[k] = l->at.id == SIZE_MAX ? (int64_t)row : ((const int64_t *)c->cols[l->at.id].data)[i];
    if (l->at.id != SIZE_MAX && !table_valid(&c->cols[l->at.id], i))
        return op_fail_field(l->op, "id", "row %llu has no id", (unsigned long long)row);
    r->y[k] = 0;
    if (l->at.label != SIZE_MAX) {
        double y = cell(&c->cols[l->at.label], i);
        if (!(y == 0 || y == 1))
            return op_fail_field(l->op, "label", "row %llu (%.*s %lld): its label is %s, neither 0 nor 1",
                                 (unsigned long long)row,
                                 STR_FMT(l->at.id == SIZE_MAX ? STR("number") : l->params->id),
                                 (long long)r->id[k], isnan(y) ? "missing" : op_printf(l->op, "%g", y));
        r->y[k] = (float)y;
    }
    if (l->at.segment != SIZE_MAX)
        e = segment_take(l, &c->cols[l->at.segment], i, &r->segment[k]);
    float *x = r->x + k * r->cols;
    for (size_t j = 0; j < r->cols; j++)
        x[j] = (float)cell(&c->cols[l->at.feature[j]], i);
    r->rows++;
    return e;
}

static enum err rows_read(struct loader *l, struct table_engine *tables, struct table_scan *scan)
{
    for (;;) {
        const struct table_chunk *c = NULL;
        enum err e = table_next(l->op, tables, scan, &c);
        if (e || !c)
            return e;
        for (size_t i = 0; !e && i < c->rows; i++)
            e = row_take(l, c, i);
        if (e)
            return e;
        l->row += c->rows;
    }
}

static enum err rows_sort(struct op *op, struct train_rows *r)
{
    size_t *order = NULL;
    enum err e = train_order_make(op, r->time_us, r->rows, &order);
    if (e || !order)
        return e;
    bool ok = train_order_apply((void **)&r->x, (r->cols ? r->cols : 1) * sizeof(float), order, r->rows) &&
              train_order_apply((void **)&r->y, sizeof(float), order, r->rows) &&
              train_order_apply((void **)&r->id, sizeof(int64_t), order, r->rows) &&
              train_order_apply((void **)&r->time_us, sizeof(int64_t), order, r->rows) &&
              train_order_apply((void **)&r->segment, sizeof(uint32_t), order, r->rows);
    free(order);
    r->cap = r->rows;
    return ok ? OK : op_fail(op, E_TOO_LARGE, "no memory to sort %zu rows", r->rows);
}

enum err train_rows_load(struct op *op, struct table_engine *tables, struct str path,
                         const struct train_params *params, int64_t from_us, int64_t to_us, bool need_label,
                         struct train_rows **ret)
{
    struct loader l = {.op = op, .params = params, .from_us = from_us, .to_us = to_us};
    struct table_scan *scan = NULL;
    const struct table_schema *schema = NULL;
    struct str quoted = table_quote(op, path);
    struct str sql = str_from(op_printf(op, "SELECT * FROM read_parquet(%.*s)", STR_FMT(quoted)));
    enum err e = table_scan_open(op, tables, sql, &scan, &schema);
    if (e)
        return op_context(op, "frame %.*s", STR_FMT(path));
    l.r = calloc(1, sizeof(*l.r));
    if (!l.r)
        abort();
    l.r->arena = arena_create(ROWS_ARENA_BYTES);
    l.r->segments = arena_array(l.r->arena, LIMIT_TRAIN_SEGMENT_NAMES, struct str);
    map_init(&l.segment_map, l.r->arena);
    e = layout_find(&l, schema, need_label);
    if (!e)
        e = rows_read(&l, tables, scan);
    if (!e)
        e = rows_sort(op, l.r);
    table_scan_close(tables, scan);
    if (e) {
        train_rows_destroy(l.r);
        return op_context(op, "frame %.*s", STR_FMT(path));
    }
    if (l.at.label == SIZE_MAX) {
        free(l.r->y);
        l.r->y = NULL;
    }
    if (l.at.segment == SIZE_MAX) {
        free(l.r->segment);
        l.r->segment = NULL;
    }
    *ret = l.r;
    return OK;
}

void train_rows_destroy(struct train_rows *r)
{
    if (!r)
        return;
    free(r->x);
    free(r->y);
    free(r->id);
    free(r->time_us);
    free(r->segment);
    arena_destroy(r->arena);
    free(r);
}

/* The first row at or after `t`. */
static size_t row_at(const struct train_rows *r, int64_t t)
{
    size_t lo = 0, hi = r->rows;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (r->time_us[mid] < t)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

struct train_rows train_rows_between(const struct train_rows *r, int64_t from_us, int64_t to_us)
{
    struct train_rows v = *r;
    size_t from = row_at(r, from_us), to = row_at(r, to_us);
    v.rows = to > from ? to - from : 0;
    v.cap = 0;
    if (!r->rows)
        return v;
    v.x = r->x + from * r->cols;
    v.y = r->y ? r->y + from : NULL;
    v.id = r->id + from;
    v.time_us = r->time_us + from;
    v.segment = r->segment ? r->segment + from : NULL;
    return v;
}

struct learner_data train_rows_data(const struct train_rows *r)
{
    return (struct learner_data){.x = r->x, .y = r->y, .rows = r->rows, .cols = r->cols, .names = r->names};
}
