/* table.c - thin wrappers of the table port, and the frame: a whole result in memory.
 *
 * frame_load reads into heap columns that grow by realloc (large ones move by mremap, so growing costs no copy),
 * then moves them one by one into the frame's arena: the peak is the frame plus one column. */
#include "port/table.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/limits.h"

enum err table_scan_open(struct op *op, struct table_engine *t, struct str sql, struct table_scan **ret,
                         const struct table_schema **ret_schema)
{
    return t->ops->scan(t->self, op, sql, ret, ret_schema);
}

enum err table_next(struct op *op, struct table_engine *t, struct table_scan *s, const struct table_chunk **ret)
{
    enum err e = op_check_deadline(op);
    if (e)
        return e;
    return t->ops->next(op, s, ret);
}

void table_scan_close(struct table_engine *t, struct table_scan *s)
{
    if (s)
        t->ops->scan_close(s);
}

enum err table_writer_open(struct op *op, struct table_engine *t, struct str path, const struct table_schema *schema,
                           struct table_writer **ret)
{
    return t->ops->writer_open(t->self, op, path, schema, ret);
}

enum err table_append(struct op *op, struct table_engine *t, struct table_writer *w, const struct table_chunk *chunk)
{
    assert(chunk->rows <= TABLE_CHUNK_ROWS);
    return t->ops->append(op, w, chunk);
}

enum err table_finish(struct op *op, struct table_engine *t, struct table_writer *take_w, uint64_t *ret_rows)
{
    return t->ops->finish(op, take_w, ret_rows);
}

void table_discard(struct table_engine *t, struct table_writer *take_w)
{
    if (take_w)
        t->ops->discard(take_w);
}

void table_engine_close(struct table_engine *t)
{
    if (!t)
        return;
    t->ops->close(t->self); /* the engine struct belongs to its adapter */
}

const char *table_type_name(enum table_type type)
{
    static const char *const names[] = {
        [TABLE_BOOL] = "BOOLEAN", [TABLE_I64] = "BIGINT",          [TABLE_F32] = "FLOAT",
        [TABLE_F64] = "DOUBLE",   [TABLE_TIMESTAMP] = "TIMESTAMP", [TABLE_STRING] = "VARCHAR",
    };
    return names[type];
}

struct str table_quote(struct op *op, struct str path)
{
    size_t quotes = 0;
    for (size_t i = 0; i < path.len; i++)
        quotes += path.p[i] == '\'';
    char *p = arena_alloc(op->arena, path.len + quotes + 3);
    size_t n = 0;
    p[n++] = '\'';
    for (size_t i = 0; i < path.len; i++) {
        if (path.p[i] == '\'')
            p[n++] = '\'';
        p[n++] = path.p[i];
    }
    p[n++] = '\'';
    return (struct str){p, n};
}

enum err table_source_sql(struct op *op, struct str path, bool row_number, struct str *ret)
{
    static const struct {
        const char *suffix;
        const char *function;
    } formats[] = {
        {".parquet", "read_parquet"}, {".pq", "read_parquet"}, {".csv", "read_csv"},
        {".csv.gz", "read_csv"},      {".tsv", "read_csv"},
    };
    if (memchr(path.p, 0, path.len))
        return op_fail(op, E_INVALID, "a file name holds a NUL byte");
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        if (!str_ends(path, str_from(formats[i].suffix)))
            continue;
        struct str q = table_quote(op, path);
        bool parquet = str_eqc(str_from(formats[i].function), "read_parquet");
        /* A CSV file has no row numbers of its own; counting them needs the file's order, which the scan keeps. */
        if (parquet)
            *ret = str_from(op_printf(op, "read_parquet(%.*s%s)", STR_FMT(q), row_number ? ", file_row_number = true" : ""));
        else if (row_number)
            *ret = str_from(op_printf(op, "(SELECT *, row_number() OVER () - 1 AS file_row_number FROM read_csv(%.*s))", STR_FMT(q)));
        else
            *ret = str_from(op_printf(op, "read_csv(%.*s)", STR_FMT(q)));
        return OK;
    }
    return op_fail(op, E_INVALID, "'%.*s' is no .parquet, .pq, .csv, .csv.gz or .tsv file", STR_FMT(path));
}

/* ---- frame ---- */

/* A dictionary under construction: open addressing over codes. */
struct dict {
    struct arena *arena; /* strings live in the frame */
    struct str *items;
    uint32_t len, cap;
    uint32_t *slots; /* code + 1 */
    size_t slot_count;
};

struct column_load {
    void *data; /* heap: double, int64_t or uint32_t */
    size_t item_bytes;
    size_t null_count;
    struct dict dict;
};

struct load {
    struct op *op;
    struct arena *arena;
    struct column_load *cols;
    size_t len, rows, cap, max_bytes;
};

static bool dict_grow(struct dict *d)
{
    size_t n = d->slot_count ? d->slot_count * 2 : 64;
    uint32_t *slots = calloc(n, sizeof *slots);
    if (!slots)
        return false;
    for (uint32_t c = 0; c < d->len; c++) {
        size_t i = hash64(d->items[c].p, d->items[c].len, 0) & (n - 1);
        while (slots[i])
            i = (i + 1) & (n - 1);
        slots[i] = c + 1;
    }
    free(d->slots);
    d->slots = slots;
    d->slot_count = n;
    return true;
}

/* The code of `s`, UINT32_MAX when memory is refused. */
static uint32_t dict_code(struct dict *d, struct str s)
{
    if ((size_t)(d->len + 1) * 2 > d->slot_count && !dict_grow(d))
        return UINT32_MAX;
    size_t i = hash64(s.p, s.len, 0) & (d->slot_count - 1);
    for (; d->slots[i]; i = (i + 1) & (d->slot_count - 1)) {
        if (str_eq(d->items[d->slots[i] - 1], s))
            return d->slots[i] - 1;
    }
    if (d->len == d->cap) {
        uint32_t cap = d->cap ? d->cap * 2 : 64;
        struct str *items = cap <= UINT32_MAX / 2 ? realloc(d->items, cap * sizeof *items) : NULL;
        if (!items)
            return UINT32_MAX;
        d->items = items;
        d->cap = cap;
    }
    char *copy = arena_try_alloc(d->arena, s.len + 1, 1);
    if (!copy)
        return UINT32_MAX;
    if (s.len)
        memcpy(copy, s.p, s.len);
    d->items[d->len] = (struct str){copy, s.len};
    d->slots[i] = ++d->len;
    return d->len - 1;
}

static bool load_strings(struct column_load *c, const struct table_column *in, size_t rows, uint32_t *out)
{
    const struct str *s = in->data;
    for (size_t i = 0; i < rows; i++) {
        if (!table_valid(in, i)) {
            out[i] = UINT32_MAX;
            c->null_count++;
            continue;
        }
        /* Neighbours are often equal: sorted and clustered files. */
        if (i && out[i - 1] != UINT32_MAX && str_eq(s[i], c->dict.items[out[i - 1]])) {
            out[i] = out[i - 1];
            continue;
        }
        out[i] = dict_code(&c->dict, s[i]);
        if (out[i] == UINT32_MAX)
            return false;
    }
    return true;
}

static bool load_column(struct column_load *c, const struct table_column *in, size_t rows, size_t at)
{
    if (in->type == TABLE_STRING)
        return load_strings(c, in, rows, (uint32_t *)c->data + at);
    double *f = (double *)c->data + at;
    int64_t *k = (int64_t *)c->data + at;
    switch (in->type) {
    case TABLE_BOOL:
        for (size_t i = 0; i < rows; i++)
            k[i] = ((const uint8_t *)in->data)[i];
        break;
    case TABLE_I64:
    case TABLE_TIMESTAMP:
        memcpy(k, in->data, rows * sizeof *k);
        break;
    case TABLE_F32:
        for (size_t i = 0; i < rows; i++)
            f[i] = (double)((const float *)in->data)[i];
        break;
    default:
        memcpy(f, in->data, rows * sizeof *f);
        break;
    }
    if (!in->valid)
        return true;
    bool real = in->type == TABLE_F32 || in->type == TABLE_F64;
    for (size_t i = 0; i < rows; i++) {
        if (table_valid(in, i))
            continue;
        c->null_count++;
        if (real)
            f[i] = (double)NAN;
        else
            k[i] = INT64_MIN;
    }
    return true;
}

static enum err load_reserve(struct load *l, size_t more)
{
    if (l->rows + more <= l->cap)
        return OK;
    size_t cap = l->cap ? l->cap * 2 : (size_t)TABLE_CHUNK_ROWS * 16;
    size_t bytes = arena_used(l->arena);
    for (size_t i = 0; i < l->len; i++)
        bytes += (l->rows + more) * l->cols[i].item_bytes;
    if (bytes > l->max_bytes)
        return op_fail(l->op, E_TOO_LARGE, "the result needs more than %zu bytes", l->max_bytes);
    for (size_t i = 0; i < l->len; i++) {
        void *p = realloc(l->cols[i].data, cap * l->cols[i].item_bytes);
        if (!p)
            return op_fail(l->op, E_TOO_LARGE, "out of memory for %zu rows", cap);
        l->cols[i].data = p;
    }
    l->cap = cap;
    return OK;
}

static void load_clear(struct load *l)
{
    for (size_t i = 0; l->cols && i < l->len; i++) {
        free(l->cols[i].data);
        free(l->cols[i].dict.items);
        free(l->cols[i].dict.slots);
    }
    free(l->cols);
}

static enum err load_rows(struct load *l, struct table_engine *t, struct table_scan *scan)
{
    for (;;) {
        const struct table_chunk *chunk = NULL;
        enum err e = table_next(l->op, t, scan, &chunk);
        if (e || !chunk)
            return e;
        e = load_reserve(l, chunk->rows);
        if (e)
            return e;
        for (size_t i = 0; i < l->len; i++) {
            if (!load_column(&l->cols[i], &chunk->cols[i], chunk->rows, l->rows))
                return op_fail(l->op, E_TOO_LARGE, "the result needs more than %zu bytes", l->max_bytes);
        }
        l->rows += chunk->rows;
    }
}

/* Moves the heap columns into the frame. */
static enum err load_finish(struct load *l, const struct table_schema *schema, struct frame *f)
{
    f->rows = l->rows;
    f->len = l->len;
    f->cols = arena_array(f->arena, l->len ? l->len : 1, struct frame_column);
    for (size_t i = 0; i < l->len; i++) {
        struct column_load *c = &l->cols[i];
        struct frame_column *out = f->cols ? &f->cols[i] : NULL;
        void *data = out ? arena_try_alloc(f->arena, l->rows ? l->rows : 1, c->item_bytes) : NULL;
        struct str *dict = out ? arena_array(f->arena, c->dict.len ? c->dict.len : 1, struct str) : NULL;
        if (!data || !dict)
            return op_fail(l->op, E_TOO_LARGE, "the result needs more than %zu bytes", l->max_bytes);
        if (l->rows)
            memcpy(data, c->data, l->rows * c->item_bytes);
        if (c->dict.len)
            memcpy(dict, c->dict.items, c->dict.len * sizeof *dict);
        free(c->data);
        c->data = NULL;
        *out = (struct frame_column){.name = str_dup(f->arena, schema->fields[i].name), .type = schema->fields[i].type,
                                     .dict = dict, .dict_len = c->dict.len, .null_count = c->null_count};
        out->i64 = data;
    }
    return OK;
}

enum err frame_load(struct op *op, struct table_engine *t, struct str sql, size_t max_bytes, struct frame **ret)
{
    struct table_scan *scan = NULL;
    const struct table_schema *schema = NULL;
    enum err e = table_scan_open(op, t, sql, &scan, &schema);
    if (e)
        return e;
    /* Room for the arena's own block headers beside what load_reserve counts. */
    struct arena *arena = arena_create(max_bytes + LIMIT_MIB(1));
    struct frame *f = arena_new(arena, struct frame);
    f->arena = arena;
    struct load l = {.op = op, .arena = arena, .len = schema->len, .max_bytes = max_bytes};
    l.cols = calloc(schema->len ? schema->len : 1, sizeof *l.cols);
    if (!l.cols)
        e = op_fail(op, E_TOO_LARGE, "out of memory for %zu columns", schema->len);
    for (size_t i = 0; l.cols && i < schema->len; i++) {
        l.cols[i].item_bytes = schema->fields[i].type == TABLE_STRING ? sizeof(uint32_t) : sizeof(int64_t);
        l.cols[i].dict.arena = arena;
    }
    if (!e)
        e = load_rows(&l, t, scan);
    if (!e)
        e = load_finish(&l, schema, f);
    load_clear(&l);
    table_scan_close(t, scan);
    if (e) {
        arena_destroy(arena);
        return e;
    }
    *ret = f;
    return OK;
}

void frame_destroy(struct frame *f)
{
    if (f)
        arena_destroy(f->arena);
}

struct frame_column *frame_column(const struct frame *f, struct str name)
{
    for (size_t i = 0; i < f->len; i++) {
        if (str_eq(f->cols[i].name, name))
            return &f->cols[i];
    }
    return NULL;
}

/* One chunk's worth of a frame column as the port's column. */
struct save_column {
    union {
        uint8_t b[TABLE_CHUNK_ROWS];
        int64_t i64[TABLE_CHUNK_ROWS];
        float f32[TABLE_CHUNK_ROWS];
        double f64[TABLE_CHUNK_ROWS];
        struct str s[TABLE_CHUNK_ROWS];
    };
    uint64_t valid[TABLE_CHUNK_ROWS / 64];
};

static bool save_item(const struct frame_column *c, size_t row, struct save_column *out, size_t i)
{
    switch (c->type) {
    case TABLE_BOOL:
        out->b[i] = c->i64[row] == 1;
        return c->i64[row] != INT64_MIN;
    case TABLE_I64:
    case TABLE_TIMESTAMP:
        out->i64[i] = c->i64[row];
        return c->i64[row] != INT64_MIN;
    case TABLE_F32:
        out->f32[i] = (float)c->f64[row];
        return !isnan(c->f64[row]);
    case TABLE_F64:
        out->f64[i] = c->f64[row];
        return !isnan(c->f64[row]);
    default:
        out->s[i] = c->code[row] < c->dict_len ? c->dict[c->code[row]] : (struct str){"", 0};
        return c->code[row] != UINT32_MAX;
    }
}

static void save_slice(const struct frame_column *c, size_t from, size_t n, struct save_column *out, struct table_column *col)
{
    bool all = true;
    memset(out->valid, 0, sizeof out->valid);
    for (size_t i = 0; i < n; i++) {
        bool valid = save_item(c, from + i, out, i);
        out->valid[i / 64] |= (uint64_t)valid << (i % 64);
        all &= valid;
    }
    *col = (struct table_column){.type = c->type, .data = out->s, .valid = all ? NULL : out->valid};
}

enum err frame_save(struct op *op, struct table_engine *t, const struct frame *f, struct str path)
{
    struct table_field *fields = arena_array(op->arena, f->len ? f->len : 1, struct table_field);
    struct table_column *cols = arena_array(op->arena, f->len ? f->len : 1, struct table_column);
    struct save_column *slices = arena_array(op->arena, f->len ? f->len : 1, struct save_column);
    if (!fields || !cols || !slices)
        return op_fail(op, E_TOO_LARGE, "out of memory for %zu columns", f->len);
    for (size_t i = 0; i < f->len; i++)
        fields[i] = (struct table_field){f->cols[i].name, f->cols[i].type};
    struct table_writer *w = NULL;
    enum err e = table_writer_open(op, t, path, &(struct table_schema){fields, f->len}, &w);
    for (size_t at = 0; !e && at < f->rows; at += TABLE_CHUNK_ROWS) {
        size_t n = f->rows - at < TABLE_CHUNK_ROWS ? f->rows - at : TABLE_CHUNK_ROWS;
        for (size_t i = 0; i < f->len; i++)
            save_slice(&f->cols[i], at, n, &slices[i], &cols[i]);
        e = table_append(op, t, w, &(struct table_chunk){n, f->len, cols});
        if (e)
            table_discard(t, w);
    }
    if (e)
        return e;
    return table_finish(op, t, w, NULL);
}
