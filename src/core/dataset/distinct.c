#include "core/dataset/distinct.h"

#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/limits.h"

struct print {
    uint64_t a, b;
};
struct distinct {
    uint64_t seed_a, seed_b;
    struct print *prints;
    uint64_t *rows; /* row_index of each; NULL while it equals the position */
    size_t len, cap;
};

struct distinct *distinct_create(void)
{
    struct distinct *d = calloc(1, sizeof *d);
    if (!d)
        abort(); /* a small fixed allocation */
    hash_random(&d->seed_a, sizeof d->seed_a);
    hash_random(&d->seed_b, sizeof d->seed_b);
    return d;
}

void distinct_destroy(struct distinct *d)
{
    if (!d)
        return;
    free(d->prints);
    free(d->rows);
    free(d);
}

uint64_t distinct_hash_cell(const struct table_column *c, size_t row, uint64_t seed)
{
    if (!table_valid(c, row))
        return hash64("null", 4, ~seed);
    double f = 0;
    switch (c->type) {
    case TABLE_BOOL:
        return hash64((const uint8_t *)c->data + row, 1, seed);
    case TABLE_I64:
    case TABLE_TIMESTAMP:
        return hash64((const int64_t *)c->data + row, sizeof(int64_t), seed);
    case TABLE_F32:
        f = (double)((const float *)c->data)[row];
        break;
    case TABLE_F64:
        f = ((const double *)c->data)[row];
        break;
    case TABLE_STRING:
        return hash64(((const struct str *)c->data)[row].p, ((const struct str *)c->data)[row].len, seed);
    }
    if (isnan(f))
        return hash64("nan", 3, ~seed); /* all NaNs are one value */
    f += 0.0;                           /* -0.0 becomes 0.0 */
    return hash64(&f, sizeof f, seed);
}

static bool grow(struct distinct *d)
{
    if (d->len < d->cap)
        return true;
    size_t cap = d->cap ? d->cap * 2 : 4096;
    if (cap > (size_t)LIMIT_SUITE_UNIQUE_ROWS * 2)
        return false;
    struct print *p = realloc(d->prints, cap * sizeof *p);
    if (!p)
        return false;
    d->prints = p;
    if (d->rows) {
        uint64_t *r = realloc(d->rows, cap * sizeof *r);
        if (!r)
            return false;
        d->rows = r;
    }
    d->cap = cap;
    return true;
}

/* From the first skipped row on the indices must be kept. */
static bool keep_index(struct distinct *d, uint64_t row_index)
{
    if (!d->rows && row_index == d->len)
        return true;
    if (!d->rows) {
        d->rows = malloc(d->cap * sizeof *d->rows);
        if (!d->rows)
            return false;
        for (size_t i = 0; i < d->len; i++)
            d->rows[i] = i;
    }
    d->rows[d->len] = row_index;
    return true;
}

bool distinct_add(struct distinct *d, const struct table_column *const *cols, size_t n, size_t row, uint64_t row_index)
{
    struct print p = {d->seed_a, d->seed_b};
    for (size_t i = 0; i < n; i++) {
        p.a = distinct_hash_cell(cols[i], row, p.a);
        p.b = distinct_hash_cell(cols[i], row, p.b);
    }
    if (!grow(d) || !keep_index(d, row_index))
        return false;
    d->prints[d->len++] = p;
    return true;
}

enum err distinct_finish(struct op *op, struct distinct *d, size_t max, struct distinct_result *ret)
{
    size_t slots = 64;
    while (slots < d->len * 2)
        slots *= 2;
    uint32_t *table = calloc(slots, sizeof *table); /* position + 1 of the first with that print */
    uint8_t *repeated = calloc(d->len + 1, 1);
    uint64_t *indices = arena_array(op->arena, max + 1, uint64_t);
    enum err e = OK;
    if (!table || !repeated || !indices)
        e = op_fail(op, E_TOO_LARGE, "no memory to compare %zu rows", d->len);
    struct distinct_result r = {.indices = indices};
    for (size_t i = 0; !e && i < d->len; i++) {
        size_t at = d->prints[i].a & (slots - 1);
        while (table[at] && (d->prints[table[at] - 1].a != d->prints[i].a || d->prints[table[at] - 1].b != d->prints[i].b))
            at = (at + 1) & (slots - 1);
        if (table[at]) {
            repeated[table[at] - 1] = repeated[i] = 1;
        } else {
            table[at] = (uint32_t)i + 1;
            r.values++;
        }
    }
    for (size_t i = 0; !e && i < d->len; i++) {
        if (!repeated[i])
            continue;
        r.repeated++;
        if (r.index_len < max)
            indices[r.index_len++] = d->rows ? d->rows[i] : i;
    }
    free(table);
    free(repeated);
    if (!e)
        *ret = r;
    return e;
}
