#include "core/scoring/batch.h"

#include <math.h>
#include <stdlib.h>

#include "base/limits.h"

static size_t type_bytes(enum table_type t)
{
    static const size_t bytes[] = {[TABLE_BOOL] = 1, [TABLE_I64] = 8, [TABLE_F32] = 4, [TABLE_F64] = 8, [TABLE_TIMESTAMP] = 8,
                                   [TABLE_STRING] = sizeof(struct str)};
    return bytes[t];
}

struct scoring_batch *scoring_batch_create(const struct scoring_binding *binding, size_t rows)
{
    struct scoring_batch *b = calloc(1, sizeof(*b));
    size_t n = binding->fields.len;
    bool good = b && (b->cols = calloc(n ? n : 1, sizeof(*b->cols)));
    if (good) {
        b->binding = binding;
        b->capacity = rows;
        b->texts = arena_create(LIMIT_SCORING_ARENA);
    }
    for (size_t i = 0; good && i < n; i++) {
        struct scoring_column *c = &b->cols[i];
        c->type = binding->fields.fields[i].type;
        c->data = calloc(rows ? rows : 1, type_bytes(c->type));
        c->valid = calloc((rows + 63) / 64 + 1, sizeof(*c->valid));
        good = c->data && c->valid;
    }
    if (good)
        return b;
    scoring_batch_destroy(b);
    return NULL;
}

void scoring_batch_destroy(struct scoring_batch *b)
{
    if (!b)
        return;
    for (size_t i = 0; b->cols && b->binding && i < b->binding->fields.len; i++) {
        free(b->cols[i].data);
        free(b->cols[i].valid);
    }
    arena_destroy(b->texts);
    free(b->cols);
    free(b);
}

void scoring_batch_reset(struct scoring_batch *b, const struct scoring_binding *binding, const struct scoring_chunk *chunk)
{
    b->chunk = *chunk;
    b->binding = binding;
    b->rows = 0;
    arena_reset(b->texts);
    for (size_t i = 0; i < binding->fields.len; i++)
        b->cols[i].nulls = 0;
}

/* Bits from..from + n - 1 are set. */
static void bits_set(uint64_t *bits, size_t from, size_t n)
{
    for (const size_t end = from + n; from < end;) {
        const size_t at = from % 64, k = end - from < 64 - at ? end - from : 64 - at;
        bits[from / 64] |= (k == 64 ? UINT64_MAX : ((uint64_t)1 << k) - 1) << at;
        from += k;
    }
}

static void valid_add(struct scoring_column *c, size_t row, const struct table_column *src, size_t from, size_t n)
{
    bits_set(c->valid, row, n);
    for (size_t i = 0; src->valid && i < n; i++) {
        if (table_valid(src, from + i))
            continue;
        c->valid[(row + i) / 64] &= ~((uint64_t)1 << ((row + i) % 64));
        c->nulls++;
    }
}

static enum err texts_add(struct op *op, struct scoring_batch *b, struct scoring_column *c, const struct table_column *in, size_t from, size_t n)
{
    const struct str *s = (const struct str *)in->data + from;
    struct str *out = (struct str *)c->data + b->rows;
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += table_valid(in, from + i) ? s[i].len : 0;
    char *p = arena_array(b->texts, bytes + 1, char);
    if (!p)
        return op_fail(op, E_TOO_LARGE, "the texts of one part are too long together; take fewer rows per part");
    for (size_t i = 0; i < n; i++) {
        size_t len = table_valid(in, from + i) ? s[i].len : 0;
        if (len)
            memcpy(p, s[i].p, len);
        out[i] = (struct str){p, len};
        p += len;
    }
    return OK;
}

enum err scoring_batch_add(struct op *op, struct scoring_batch *b, const struct table_chunk *in, size_t from, size_t n)
{
    for (size_t k = 0; k < in->len; k++) {
        struct scoring_column *c = &b->cols[k];
        const struct table_column *src = &in->cols[k];
        const size_t w = type_bytes(c->type);
        enum err e = c->type == TABLE_STRING ? texts_add(op, b, c, src, from, n) : OK;
        if (e)
            return e;
        if (c->type != TABLE_STRING)
            memcpy((char *)c->data + b->rows * w, (const char *)src->data + from * w, n * w);
        valid_add(c, b->rows, src, from, n);
    }
    b->rows += n;
    return OK;
}

/* ---- tensors ---- */

static bool row_valid(const struct scoring_column *c, size_t row)
{
    return c->valid[row / 64] >> (row % 64) & 1;
}

static double number_at(const struct scoring_column *c, size_t row)
{
    switch (c->type) {
    case TABLE_BOOL:
        return ((const uint8_t *)c->data)[row] != 0;
    case TABLE_F32:
        return (double)((const float *)c->data)[row];
    case TABLE_F64:
        return ((const double *)c->data)[row];
    default:
        return (double)((const int64_t *)c->data)[row];
    }
}

static enum err null_fail(struct op *op, const struct scoring_batch *b, struct str file, size_t place, enum tensor_type want)
{
    size_t row = 0;
    while (row < b->rows && row_valid(&b->cols[place], row))
        row++;
    return op_fail(op, E_INVALID, "'%.*s': column \"%.*s\" is null in row %llu; %s has no room for a missing value", STR_FMT(file),
                   STR_FMT(b->binding->fields.fields[place].name), (unsigned long long)(b->chunk.first + row), tensor_type_name(want));
}

/* Numbers as floats or doubles, NaN for null, written at a stride. */
static void reals_fill(const struct scoring_batch *b, size_t place, bool wide, void *out, size_t stride)
{
    const struct scoring_column *c = &b->cols[place];
    for (size_t i = 0; i < b->rows; i++) {
        double v = row_valid(c, i) ? number_at(c, i) : (double)NAN;
        if (wide)
            ((double *)out)[i * stride] = v;
        else if (c->type == TABLE_F32 && row_valid(c, i))
            ((float *)out)[i * stride] = ((const float *)c->data)[i];
        else
            ((float *)out)[i * stride] = (float)v;
    }
}

static enum err integers_fill(struct op *op, const struct scoring_batch *b, struct str file, size_t place, enum tensor_type want, char *out, size_t stride)
{
    static const struct {
        int64_t min, max;
    } ranges[TENSOR_TYPE_COUNT] = {
        [TENSOR_UINT8] = {0, UINT8_MAX},           [TENSOR_UINT16] = {0, UINT16_MAX},          [TENSOR_UINT32] = {0, UINT32_MAX},
        [TENSOR_UINT64] = {0, INT64_MAX},          [TENSOR_INT8] = {INT8_MIN, INT8_MAX},       [TENSOR_INT16] = {INT16_MIN, INT16_MAX},
        [TENSOR_INT32] = {INT32_MIN, INT32_MAX},   [TENSOR_INT64] = {INT64_MIN, INT64_MAX},
    };
    const int64_t *in = b->cols[place].data;
    const size_t w = tensor_type_size(want);
    for (size_t i = 0; i < b->rows; i++) {
        if (in[i] < ranges[want].min || in[i] > ranges[want].max)
            return op_fail(op, E_INVALID, "'%.*s': column \"%.*s\" is %lld in row %llu; the model takes %s", STR_FMT(file),
                           STR_FMT(b->binding->fields.fields[place].name), (long long)in[i], (unsigned long long)(b->chunk.first + i),
                           tensor_type_name(want));
        memcpy(out + i * stride * w, &in[i], w); /* little endian: the low bytes come first */
    }
    return OK;
}

/* The type that a tensor of a column gets where the model takes any number. */
static enum tensor_type own_type(const struct scoring_column *c)
{
    if (c->type == TABLE_F32)
        return TENSOR_FP32;
    if (c->type == TABLE_BOOL)
        return c->nulls ? TENSOR_FP32 : TENSOR_BOOL;
    if (c->type == TABLE_I64)
        return c->nulls ? TENSOR_FP64 : TENSOR_INT64;
    return TENSOR_FP64;
}

static enum tensor_type input_type(const struct scoring_batch *b, const struct scoring_input *in)
{
    if (in->type != TENSOR_TYPE_COUNT)
        return in->type;
    enum tensor_type t = own_type(&b->cols[in->places[0]]);
    for (size_t i = 1; i < in->width; i++)
        if (own_type(&b->cols[in->places[i]]) != t || t == TENSOR_BOOL)
            return TENSOR_FP64;
    return t;
}

static bool is_view(const struct scoring_batch *b, const struct scoring_input *in, enum tensor_type type)
{
    const struct scoring_column *c = &b->cols[in->places[0]];
    if (in->width > 1 || c->nulls)
        return false;
    return (type == TENSOR_FP32 && c->type == TABLE_F32) || (type == TENSOR_FP64 && c->type == TABLE_F64) ||
           (type == TENSOR_INT64 && c->type == TABLE_I64) || (type == TENSOR_BOOL && c->type == TABLE_BOOL);
}

static void halves_fill(const struct scoring_batch *b, size_t place, bool brain, uint16_t *out, size_t stride)
{
    const struct scoring_column *c = &b->cols[place];
    for (size_t i = 0; i < b->rows; i++) {
        float v = row_valid(c, i) ? (float)number_at(c, i) : NAN;
        out[i * stride] = brain ? tensor_to_bf16(v) : tensor_to_fp16(v);
    }
}

/* A null is the empty text, which stands for a missing value in a transform (core/chain), too. */
static enum err texts_fill(struct op *op, const struct scoring_batch *b, const struct scoring_input *in, struct tensor *t)
{
    struct str *out = in->width == 1 ? NULL : arena_array(op->arena, t->count + 1, struct str);
    t->data = NULL;
    if (in->width > 1 && !out)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu texts", t->count);
    for (size_t k = 0; out && k < in->width; k++)
        for (size_t i = 0; i < b->rows; i++)
            out[i * in->width + k] = ((const struct str *)b->cols[in->places[k]].data)[i];
    t->texts = out ? out : b->cols[in->places[0]].data;
    return OK;
}

static enum err column_fill(struct op *op, const struct scoring_batch *b, struct str file, const struct scoring_input *in, size_t k, enum tensor_type type,
                            char *out)
{
    const size_t place = in->places[k], stride = in->width;
    char *at = out + k * tensor_type_size(type);
    if (type == TENSOR_FP32 || type == TENSOR_FP64) {
        reals_fill(b, place, type == TENSOR_FP64, at, stride);
        return OK;
    }
    if (type == TENSOR_FP16 || type == TENSOR_BF16) {
        halves_fill(b, place, type == TENSOR_BF16, (uint16_t *)(void *)at, stride);
        return OK;
    }
    if (b->cols[place].nulls)
        return null_fail(op, b, file, place, type);
    if (type != TENSOR_BOOL)
        return integers_fill(op, b, file, place, type, at, stride);
    for (size_t i = 0; i < b->rows; i++)
        at[i * stride] = (char)(((const uint8_t *)b->cols[place].data)[i] != 0);
    return OK;
}

static enum err input_fill(struct op *op, const struct scoring_batch *b, struct str file, const struct scoring_input *in, struct tensor *t)
{
    *t = (struct tensor){.name = in->name, .type = input_type(b, in), .rank = in->rank, .count = b->rows * in->width,
                         .shape = {(int64_t)b->rows, in->rank > 1 ? (int64_t)in->width : 0}};
    if (t->type == TENSOR_BYTES)
        return texts_fill(op, b, in, t);
    if (is_view(b, in, t->type)) {
        t->data = b->cols[in->places[0]].data;
        return OK;
    }
    char *out = arena_try_alloc(op->arena, t->count + 1, tensor_type_size(t->type));
    if (!out)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu values", t->count);
    t->data = out;
    enum err e = OK;
    for (size_t k = 0; !e && k < in->width; k++)
        e = column_fill(op, b, file, in, k, t->type, out);
    return e;
}

enum err scoring_batch_tensors(struct op *op, const struct scoring_batch *b, struct str file, struct tensor **ret, size_t *ret_count)
{
    const struct scoring_binding *k = b->binding;
    struct tensor *all = arena_array(op->arena, k->input_count + 1, struct tensor);
    enum err e = all ? OK : op_fail(op, E_TOO_LARGE, "no memory for %zu inputs", k->input_count);
    for (size_t i = 0; !e && i < k->input_count; i++)
        e = input_fill(op, b, file, &k->inputs[i], &all[i]);
    if (e)
        return e;
    *ret = all;
    *ret_count = k->input_count;
    return OK;
}
