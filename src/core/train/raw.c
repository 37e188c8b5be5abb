#include "core/train/raw.h"

#include <math.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/map.h"
#include "core/train/order.h"

struct raw_loader {
    struct op *op;
    struct train_raw *r;
    struct map texts; /* each text is kept once */
    size_t time, *at; /* columns of the scan */
    int64_t from_us, to_us;
};

/* ---- reading ---- */

static size_t field_find(const struct table_schema *s, struct str name)
{
    size_t i = 0;
    while (i < s->len && !str_eq(s->fields[i].name, name))
        i++;
    return i;
}

static enum err layout_find(struct raw_loader *l, const struct table_schema *s,
                            const struct train_params *params)
{
    struct train_raw *r = l->r;
    l->time = field_find(s, params->time);
    if (l->time == s->len || s->fields[l->time].type != TABLE_TIMESTAMP)
        return op_fail_field(l->op, "columns.time", "the frame has no timestamp column \"%.*s\"",
                             STR_FMT(params->time));
    for (size_t i = 0; i < r->len; i++) {
        l->at[i] = field_find(s, r->names[i]);
        if (l->at[i] == s->len || s->fields[l->at[i]].type == TABLE_TIMESTAMP)
            return op_fail_field(l->op, "transform", "the frame has no column \"%.*s\" of numbers or texts",
                                 STR_FMT(r->names[i]));
        const bool text = s->fields[l->at[i]].type == TABLE_STRING;
        r->numbers[i] = text ? NULL : malloc(sizeof(double));
        r->texts[i] = text ? malloc(sizeof(struct str)) : NULL;
        if (!r->numbers[i] && !r->texts[i])
            return op_fail(l->op, E_TOO_LARGE, "no memory for the columns");
    }
    return OK;
}

static bool grow(void **array, size_t bytes)
{
    void *p = realloc(*array, bytes);
    if (p)
        *array = p;
    return p != NULL;
}

static enum err rows_grow(struct raw_loader *l)
{
    struct train_raw *r = l->r;
    if (r->rows < r->cap)
        return OK;
    const size_t cap = r->cap ? r->cap * 2 : 65536, row_bytes = r->len * sizeof(struct str) + sizeof(int64_t);
    if (cap > LIMIT_TRAIN_BYTES / row_bytes)
        return op_fail(l->op, E_TOO_LARGE, "more than %zu rows of %zu columns are chosen", r->cap, r->len);
    bool ok = grow((void **)&r->time_us, cap * sizeof(int64_t));
    for (size_t i = 0; ok && i < r->len; i++)
        ok = r->numbers[i] ? grow((void **)&r->numbers[i], cap * sizeof(double))
                           : grow((void **)&r->texts[i], cap * sizeof(struct str));
    r->cap = ok ? cap : r->cap;
    return ok ? OK : op_fail(l->op, E_TOO_LARGE, "no memory for %zu rows", cap);
}

static double number_of(const struct table_column *c, size_t i)
{
    if (!table_valid(c, i))
        return NAN;
    switch (c->type) {
    case TABLE_BOOL:
        return ((const uint8_t *)c->data)[i] ? 1 : 0;
    case TABLE_I64:
        return (double)((const int64_t *)c->data)[i];
    case TABLE_F32:
        return (double)((const float *)c->data)[i];
    case TABLE_F64:
        return ((const double *)c->data)[i];
    case TABLE_TIMESTAMP:
    case TABLE_STRING:
        break;
    }
    return NAN;
}

static enum err text_of(struct raw_loader *l, const struct table_column *c, size_t i, struct str *ret)
{
    const struct str s = table_valid(c, i) ? ((const struct str *)c->data)[i] : STR("");
    *ret = STR("");
    if (!s.len)
        return OK;
    const char *known = map_find(&l->texts, s);
    if (known) {
        *ret = (struct str){known, s.len};
        return OK;
    }
    char *copy = arena_array(l->r->arena, s.len, char);
    if (!copy)
        return op_fail(l->op, E_TOO_LARGE, "no memory for the texts of the columns");
    memcpy(copy, s.p, s.len);
    *ret = (struct str){copy, s.len};
    return map_put(&l->texts, *ret, copy)
               ? OK
               : op_fail(l->op, E_TOO_LARGE, "no memory for the texts of the columns");
}

static enum err row_take(struct raw_loader *l, const struct table_chunk *c, size_t i)
{
    struct train_raw *r = l->r;
    if (!table_valid(&c->cols[l->time], i))
        return OK; /* train_rows_load refuses it, and says which row */
    const int64_t t = ((const int64_t *)c->cols[l->time].data)[i];
    if (t < l->from_us || t >= l->to_us)
        return OK;
    enum err e = rows_grow(l);
    for (size_t k = 0; !e && k < r->len; k++) {
        if (r->numbers[k])
            r->numbers[k][r->rows] = number_of(&c->cols[l->at[k]], i);
        else
            e = text_of(l, &c->cols[l->at[k]], i, &r->texts[k][r->rows]);
    }
    if (e)
        return e;
    r->time_us[r->rows++] = t;
    return OK;
}

/* As train_rows_load does. */
static enum err rows_sort(struct op *op, struct train_raw *r)
{
    size_t *order = NULL;
    enum err e = train_order_make(op, r->time_us, r->rows, &order);
    if (e || !order)
        return e;
    bool ok = true;
    for (size_t k = 0; ok && k < r->len; k++)
        ok = r->numbers[k] ? train_order_apply((void **)&r->numbers[k], sizeof(double), order, r->rows)
                           : train_order_apply((void **)&r->texts[k], sizeof(struct str), order, r->rows);
    ok = ok && train_order_apply((void **)&r->time_us, sizeof(int64_t), order, r->rows);
    free(order);
    return ok ? OK : op_fail(op, E_TOO_LARGE, "no memory to sort %zu rows", r->rows);
}

static enum err raw_create(struct op *op, const struct str *names, size_t n, struct raw_loader *l)
{
    struct train_raw *r = calloc(1, sizeof(*r));
    if (!r)
        abort();
    l->r = r;
    r->arena = arena_create(LIMIT_TRAIN_BYTES);
    r->len = n;
    r->names = arena_array(r->arena, n + 1, struct str);
    r->numbers = (double **)arena_try_alloc(r->arena, n + 1, sizeof(double *));
    r->texts = (struct str **)arena_try_alloc(r->arena, n + 1, sizeof(struct str *));
    l->at = arena_array(r->arena, n + 1, size_t);
    map_init(&l->texts, r->arena);
    if (!r->names || !r->numbers || !r->texts || !l->at)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu columns", n);
    for (size_t i = 0; i < n; i++)
        r->names[i] = str_dup(r->arena, names[i]);
    return OK;
}

enum err train_raw_load(struct op *op, struct table_engine *tables, struct str path,
                        const struct train_params *params, const struct str *names, size_t n, int64_t from_us,
                        int64_t to_us, struct train_raw **ret)
{
    struct raw_loader l = {.op = op, .from_us = from_us, .to_us = to_us};
    struct table_scan *scan = NULL;
    const struct table_schema *schema = NULL;
    const struct table_chunk *c = NULL;
    struct str quoted = table_quote(op, path);
    enum err e = raw_create(op, names, n, &l);
    if (!e)
        e = table_scan_open(op, tables,
                            str_from(op_printf(op, "SELECT * FROM read_parquet(%.*s)", STR_FMT(quoted))),
                            &scan, &schema);
    if (!e)
        e = layout_find(&l, schema, params);
    while (!e && !(e = table_next(op, tables, scan, &c)) && c)
        for (size_t i = 0; !e && i < c->rows; i++)
            e = row_take(&l, c, i);
    if (!e)
        e = rows_sort(op, l.r);
    table_scan_close(tables, scan);
    if (e) {
        train_raw_destroy(l.r);
        return op_context(op, "frame %.*s", STR_FMT(path));
    }
    *ret = l.r;
    return OK;
}

void train_raw_destroy(struct train_raw *r)
{
    if (!r)
        return;
    for (size_t i = 0; r->numbers && r->texts && i < r->len; i++) {
        free(r->numbers[i]);
        free(r->texts[i]);
    }
    free(r->time_us);
    arena_destroy(r->arena);
    free(r);
}

/* ---- transforms ---- */

/* The matrix takes the place of rows' own. */
static enum err matrix_make(struct op *op, const struct train_raw *raw, const struct transform *t,
                            struct train_rows *rows)
{
    struct transform_values *in = arena_array(op->arena, t->input_count, struct transform_values);
    struct str *names = arena_array(rows->arena, t->output_count, struct str);
    if (raw->rows != rows->rows)
        return op_fail(op, E_CONFLICT, "the frame changed while it was read: %zu rows, then %zu", rows->rows,
                       raw->rows);
    float *x = t->output_count <= LIMIT_TRAIN_BYTES / sizeof(float) / (rows->rows + 1)
                   ? malloc((rows->rows + 1) * t->output_count * sizeof(float))
                   : NULL;
    if (!in || !names || !x) {
        free(x);
        return op_fail(op, E_TOO_LARGE, "no memory for %zu rows of %zu features", rows->rows,
                       t->output_count);
    }
    for (size_t i = 0; i < t->input_count; i++) {
        size_t k = 0;
        while (k < raw->len && !str_eq(raw->names[k], t->inputs[i].name))
            k++;
        if (k == raw->len || !raw->texts[k] == t->inputs[i].text) {
            free(x);
            return op_fail(op, E_INVALID, "column \"%.*s\" of the frame is not of %s",
                           STR_FMT(t->inputs[i].name), t->inputs[i].text ? "texts" : "numbers");
        }
        in[i] = (struct transform_values){.numbers = raw->numbers[k], .texts = raw->texts[k]};
    }
    enum err e = transform_apply(op, t, in, rows->rows, x, NULL);
    if (e) {
        free(x);
        return e;
    }
    for (size_t i = 0; i < t->output_count; i++)
        names[i] = str_dup(rows->arena, t->outputs[i]);
    free(rows->x);
    rows->x = x;
    rows->cols = t->output_count;
    rows->names = names;
    return OK;
}

enum err train_transform_fit(struct op *op, struct table_engine *tables, struct str path,
                             const struct train_params *params, struct train_rows *rows, int64_t from_us,
                             int64_t to_us, struct transform **ret)
{
    AUTO(train_raw) struct train_raw *raw = NULL;
    struct str *names = NULL;
    size_t n = 0;
    enum err e = transform_plan_names(op, params->transform, &names, &n);
    if (!e)
        e = train_raw_load(op, tables, path, params, names, n, from_us, to_us, &raw);
    if (e)
        return e;
    const struct train_rows fit = train_rows_between(rows, params->fit_start_us, params->fit_end_us);
    size_t first = 0;
    while (first < raw->rows && raw->time_us[first] < params->fit_start_us)
        first++;
    struct transform_source *sources = arena_array(op->arena, n + 1, struct transform_source);
    if (!sources || raw->rows < first + fit.rows)
        return op_fail(op, E_CONFLICT, "the frame changed while it was read");
    for (size_t i = 0; i < n; i++)
        sources[i] = (struct transform_source){.name = names[i],
                                               .numbers = raw->numbers[i] ? raw->numbers[i] + first : NULL,
                                               .texts = raw->texts[i] ? raw->texts[i] + first : NULL};
    e = transform_fit(op, params->transform, sources, n, fit.rows, fit.y, ret);
    return e ? e : matrix_make(op, raw, *ret, rows);
}

enum err train_transform_apply(struct op *op, struct table_engine *tables, struct str path,
                               const struct train_params *params, const struct transform *t,
                               struct train_rows *rows, int64_t from_us, int64_t to_us)
{
    AUTO(train_raw) struct train_raw *raw = NULL;
    struct str *names = arena_array(op->arena, t->input_count, struct str);
    if (!names)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu columns", t->input_count);
    for (size_t i = 0; i < t->input_count; i++)
        names[i] = t->inputs[i].name;
    enum err e = train_raw_load(op, tables, path, params, names, t->input_count, from_us, to_us, &raw);
    return e ? e : matrix_make(op, raw, t, rows);
}
