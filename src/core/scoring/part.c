#include "core/scoring/part.h"

#include "base/file.h"
#include "base/limits.h"
#include "core/scoring/csv.h"

/* ---- columns ---- */

struct building {
    struct op *op;
    const struct scoring_output *out;
    size_t rows;
    struct table_field *fields;
    struct table_column *cols;
    size_t len, cap;
};

static enum err column_add(struct building *k, struct str name, enum table_type type, const void *data, const uint64_t *valid)
{
    for (size_t i = 0; i < k->len; i++)
        if (str_eq(k->fields[i].name, name))
            return op_fail(k->op, E_INVALID, "two columns of the output would be called \"%.*s\"; name one by --output-name", STR_FMT(name));
    if (k->len == LIMIT_TABLE_COLUMNS)
        return op_fail(k->op, E_TOO_LARGE, "the output has more than %d columns", LIMIT_TABLE_COLUMNS);
    k->fields[k->len] = (struct table_field){name, type};
    k->cols[k->len++] = (struct table_column){type, data, valid};
    return OK;
}

static enum table_type column_type(enum tensor_type t)
{
    switch (t) {
    case TENSOR_BOOL:
        return TABLE_BOOL;
    case TENSOR_FP16: case TENSOR_BF16: case TENSOR_FP32:
        return TABLE_F32;
    case TENSOR_FP64:
        return TABLE_F64;
    case TENSOR_BYTES:
        return TABLE_STRING;
    default:
        return TABLE_I64;
    }
}

static int64_t integer_at(const struct tensor *t, size_t i)
{
    switch (t->type) {
    case TENSOR_UINT8:
        return ((const uint8_t *)t->data)[i];
    case TENSOR_UINT16:
        return ((const uint16_t *)t->data)[i];
    case TENSOR_UINT32:
        return ((const uint32_t *)t->data)[i];
    case TENSOR_INT8:
        return ((const int8_t *)t->data)[i];
    case TENSOR_INT16:
        return ((const int16_t *)t->data)[i];
    case TENSOR_INT32:
        return ((const int32_t *)t->data)[i];
    default: /* UINT64 is looked at before */
        return ((const int64_t *)t->data)[i];
    }
}

static void value_put(const struct tensor *t, size_t i, void *out, size_t row)
{
    switch (t->type) {
    case TENSOR_BOOL:
        ((uint8_t *)out)[row] = ((const uint8_t *)t->data)[i] != 0;
        break;
    case TENSOR_FP16:
        ((float *)out)[row] = tensor_from_fp16(((const uint16_t *)t->data)[i]);
        break;
    case TENSOR_BF16:
        ((float *)out)[row] = tensor_from_bf16(((const uint16_t *)t->data)[i]);
        break;
    case TENSOR_FP32:
        ((float *)out)[row] = ((const float *)t->data)[i];
        break;
    case TENSOR_FP64:
        ((double *)out)[row] = ((const double *)t->data)[i];
        break;
    case TENSOR_BYTES:
        ((struct str *)out)[row] = t->texts[i];
        break;
    default:
        ((int64_t *)out)[row] = integer_at(t, i);
        break;
    }
}

/* Column `at` of a tensor of `width` values per row. */
static enum err values_add(struct building *k, struct str name, const struct tensor *t, size_t at, size_t width)
{
    const enum table_type type = column_type(t->type);
    bool view = width == 1 && (t->type == TENSOR_FP32 || t->type == TENSOR_FP64 || t->type == TENSOR_INT64);
    if (view)
        return column_add(k, name, type, t->data, NULL);
    if (width == 1 && t->type == TENSOR_BYTES)
        return column_add(k, name, type, t->texts, NULL);
    char *out = arena_try_alloc(k->op->arena, k->rows + 1, sizeof(struct str)); /* the widest of all */
    if (!out)
        return op_fail(k->op, E_TOO_LARGE, "no memory for the answers of %zu rows", k->rows);
    for (size_t i = 0; i < k->rows; i++) {
        if (t->type == TENSOR_UINT64 && ((const uint64_t *)t->data)[i * width + at] > INT64_MAX)
            return op_fail(k->op, E_TOO_LARGE, "output \"%.*s\" holds a number above 2^63 - 1", STR_FMT(name));
        value_put(t, i * width + at, out, i);
    }
    return column_add(k, name, type, out, NULL);
}

static const struct tensor_spec *spec_find(const struct infer_signature *s, struct str name)
{
    for (size_t i = 0; i < s->output_count; i++)
        if (str_eq(s->outputs[i].name, name))
            return &s->outputs[i];
    return NULL;
}

static enum err output_add(struct building *k, const struct tensor *t, bool only)
{
    const struct tensor_spec *s = spec_find(k->out->signature, t->name);
    struct str name = only && k->out->name.len ? k->out->name : t->name;
    if (!t->rank || (size_t)t->shape[0] != k->rows || (k->rows && t->count % k->rows))
        return op_fail(k->op, E_IO, "output \"%.*s\" has not one answer per row", STR_FMT(t->name));
    size_t width = 1;
    for (uint32_t i = 1; i < t->rank; i++)
        width *= t->shape[i] > 0 ? (size_t)t->shape[i] : 1;
    if (width == 1)
        return values_add(k, name, t, 0, 1);
    if (width > LIMIT_TABLE_COLUMNS)
        return op_fail(k->op, E_TOO_LARGE, "output \"%.*s\" has %zu values per row", STR_FMT(t->name), width);
    bool labels = s && s->labels && s->label_count == width;
    for (size_t i = 0; i < width; i++) {
        struct str label = labels ? s->labels[i] : STR("");
        char *full = label.len ? op_printf(k->op, "%.*s_%.*s", STR_FMT(name), STR_FMT(label)) : op_printf(k->op, "%.*s_%zu", STR_FMT(name), i);
        enum err e = values_add(k, str_from(full), t, i, width);
        if (e)
            return e;
    }
    return OK;
}

/* What the answer to no rows would be. */
static struct tensor tensor_empty(const struct tensor_spec *s)
{
    struct tensor t = {.name = s->name, .type = s->type, .rank = s->rank ? s->rank : 1, .data = "", .texts = NULL};
    for (uint32_t i = 1; i < t.rank; i++)
        t.shape[i] = s->shape[i] > 0 ? s->shape[i] : 1;
    return t;
}

enum err scoring_part_table(struct op *op, const struct scoring_output *out, const struct scoring_batch *b, const struct infer_answer *answer,
                            struct table_schema *ret_schema, struct table_chunk *ret)
{
    struct building k = {.op = op, .out = out, .rows = b->rows};
    k.fields = arena_array(op->arena, LIMIT_TABLE_COLUMNS, struct table_field);
    k.cols = arena_array(op->arena, LIMIT_TABLE_COLUMNS, struct table_column);
    enum err e = k.fields && k.cols ? OK : op_fail(op, E_TOO_LARGE, "no memory for the columns of the output");
    for (size_t i = 0; !e && i < b->binding->keep_count; i++) {
        const size_t at = b->binding->keep[i];
        e = column_add(&k, b->binding->fields.fields[at].name, b->cols[at].type, b->cols[at].data, b->cols[at].valid);
    }
    const size_t n = answer ? answer->output_count : out->signature->output_count;
    for (size_t i = 0; !e && i < n; i++) {
        struct tensor t = answer ? answer->outputs[i] : tensor_empty(&out->signature->outputs[i]);
        if (answer)
            e = tensor_align(op, &t);
        if (!e)
            e = output_add(&k, &t, n == 1);
    }
    if (e)
        return e;
    *ret_schema = (struct table_schema){k.fields, k.len};
    *ret = (struct table_chunk){b->rows, k.len, k.cols};
    return OK;
}

/* ---- files ---- */

static size_t type_bytes(enum table_type t)
{
    return t == TABLE_BOOL ? 1 : t == TABLE_F32 ? 4 : t == TABLE_STRING ? sizeof(struct str) : 8;
}

static enum err parquet_write(struct op *op, struct table_engine *t, struct str path, const struct table_schema *schema, const struct table_chunk *all)
{
    struct table_writer *w = NULL;
    struct table_column *cols = arena_array(op->arena, all->len + 1, struct table_column);
    enum err e = cols ? table_writer_open(op, t, path, schema, &w) : op_fail(op, E_TOO_LARGE, "no memory for %zu columns", all->len);
    for (size_t at = 0; !e && at < all->rows; at += TABLE_CHUNK_ROWS) {
        size_t n = all->rows - at < TABLE_CHUNK_ROWS ? all->rows - at : TABLE_CHUNK_ROWS;
        for (size_t i = 0; i < all->len; i++) {
            const struct table_column *c = &all->cols[i];
            cols[i] = (struct table_column){c->type, (const char *)c->data + at * type_bytes(c->type), c->valid ? c->valid + at / 64 : NULL};
        }
        e = table_append(op, t, w, &(struct table_chunk){n, all->len, cols});
        if (e)
            table_discard(t, w);
    }
    return e ? e : table_finish(op, t, w, NULL);
}

static enum err text_write(struct op *op, struct str path, const struct table_schema *schema, const struct table_chunk *all)
{
    AUTO(buf) struct buf text;
    buf_init(&text, LIMIT_SCORING_ARENA);
    csv_add_names(&text, schema);
    csv_add_rows(&text, all);
    if (text.failed)
        return op_fail(op, E_TOO_LARGE, "the text of one part is too long; take fewer rows per part");
    return file_write(op, str_cstr(op->arena, path), buf_str(&text));
}

enum err scoring_part_write(struct op *op, struct table_engine *t, bool csv, struct str path, const struct table_schema *schema,
                            const struct table_chunk *all)
{
    return csv ? text_write(op, path, schema, all) : parquet_write(op, t, path, schema, all);
}
