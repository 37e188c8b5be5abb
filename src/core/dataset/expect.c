/* expect.c - binds expectations to a file's columns and drives them over its chunks.
 *
 * Semantics are Great Expectations': nulls (and NaN) are not judged by value expectations; a row-wise expectation
 * succeeds when (non-null - unexpected) / non-null >= mostly; percentages are over non-null values. Numbers are
 * compared as long double, whose 64-bit mantissa holds every int64 and every double exactly. The expectations
 * themselves are rows of the tables in rows.c and whole.c. */
#include "core/dataset/expect.h"

#include <math.h>

#include "base/time.h"
#include "core/dataset/kinds.h"

/* ---- cells ---- */

static double cell_f64(const struct table_column *c, size_t i)
{
    return c->type == TABLE_F32 ? (double)((const float *)c->data)[i] : ((const double *)c->data)[i];
}

bool expect_is_real(enum table_type t)
{
    return t == TABLE_F32 || t == TABLE_F64;
}

bool expect_cell_missing(const struct table_column *c, size_t i)
{
    return !table_valid(c, i) || (expect_is_real(c->type) && isnan(cell_f64(c, i)));
}

/* Not for strings. */
long double expect_cell_number(const struct table_column *c, size_t i)
{
    if (expect_is_real(c->type))
        return (long double)cell_f64(c, i);
    return c->type == TABLE_BOOL ? (long double)((const uint8_t *)c->data)[i] : (long double)((const int64_t *)c->data)[i];
}

void expect_cell_json(struct json_out *w, const struct table_column *c, size_t row)
{
    char text[32];
    if (expect_cell_missing(c, row)) {
        json_null(w);
        return;
    }
    switch (c->type) {
    case TABLE_BOOL:
        json_bool(w, ((const uint8_t *)c->data)[row]);
        break;
    case TABLE_I64:
        json_i64(w, ((const int64_t *)c->data)[row]);
        break;
    case TABLE_F32:
        json_f32(w, ((const float *)c->data)[row]);
        break;
    case TABLE_F64:
        json_f64(w, ((const double *)c->data)[row]);
        break;
    case TABLE_TIMESTAMP:
        json_str(w, (struct str){text, time_format(((const int64_t *)c->data)[row], text)});
        break;
    case TABLE_STRING:
        json_str(w, expect_cell_str(c, row));
        break;
    }
}

bool expect_type_parse(struct str name, enum table_type *ret)
{
    static const struct {
        const char *name;
        enum table_type type;
    } rows[] = {
        {"BOOLEAN", TABLE_BOOL}, {"bool", TABLE_BOOL}, {"BIGINT", TABLE_I64}, {"INTEGER", TABLE_I64}, {"INT", TABLE_I64},
        {"int64", TABLE_I64}, {"int32", TABLE_I64}, {"int", TABLE_I64}, {"FLOAT", TABLE_F32}, {"REAL", TABLE_F32}, {"float32", TABLE_F32},
        {"DOUBLE", TABLE_F64}, {"float64", TABLE_F64}, {"float", TABLE_F64}, {"TIMESTAMP", TABLE_TIMESTAMP}, {"DATE", TABLE_TIMESTAMP},
        {"datetime64[us]", TABLE_TIMESTAMP}, {"datetime64[ns]", TABLE_TIMESTAMP}, {"VARCHAR", TABLE_STRING}, {"TEXT", TABLE_STRING},
        {"STRING", TABLE_STRING}, {"str", TABLE_STRING}, {"string", TABLE_STRING}, {"object", TABLE_STRING},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (str_ieq(name, str_from(rows[i].name))) {
            *ret = rows[i].type;
            return true;
        }
    }
    return false;
}

/* ---- parameters ---- */

enum err expect_param_fail(struct op *op, const struct expectation *x, const char *key, const char *what)
{
    return op_fail_field(op, key, "%s: %s %s", x->kind->name, key, what);
}

/* A bound for a column of `type`: a number, or a text that is an instant for timestamps. */
static enum err bind_bound(struct op *op, struct expectation *x, const char *key, const char *strict_key, enum table_type type, struct expect_bound *b)
{
    const struct json *j = json_get(x->kwargs, key);
    int64_t us = 0;
    double f = 0;
    enum err e = json_opt_bool(op, x->kwargs, strict_key, false, &b->strict);
    if (e || !j || j->type == JSON_NULL)
        return e;
    b->set = true;
    if (j->type == JSON_STRING && type == TABLE_STRING) {
        b->text = true;
        b->s = j->s;
    } else if (j->type == JSON_STRING && type == TABLE_TIMESTAMP && time_parse(j->s, &us)) {
        b->number = (long double)us;
    } else if (type != TABLE_STRING && type != TABLE_TIMESTAMP && json_as_f64(j, &f)) {
        b->number = j->type == JSON_INT ? (long double)j->i : j->type == JSON_UINT ? (long double)j->u : (long double)f;
    } else {
        return expect_param_fail(op, x, key, type == TABLE_TIMESTAMP ? "must be an instant such as 2001-01-01T00:00:00Z" :
                                      type == TABLE_STRING    ? "must be a text" : "must be a number");
    }
    return OK;
}

enum err expect_bind_range(struct op *op, struct expectation *x, enum table_type type)
{
    enum err e = bind_bound(op, x, "min_value", "strict_min", type, &x->min);
    if (!e)
        e = bind_bound(op, x, "max_value", "strict_max", type, &x->max);
    if (!e && !x->min.set && !x->max.set)
        e = expect_param_fail(op, x, "min_value", "and max_value are both missing");
    if (!e && x->min.set && x->max.set && !x->min.text && x->min.number > x->max.number)
        e = expect_param_fail(op, x, "min_value", "is greater than max_value");
    return e;
}

bool expect_range_holds(const struct expectation *x, long double v)
{
    if (x->min.set && (x->min.strict ? v <= x->min.number : v < x->min.number))
        return false;
    return !x->max.set || !(x->max.strict ? v >= x->max.number : v > x->max.number);
}

enum err expect_want_list(struct op *op, struct expectation *x, const char *key)
{
    x->values = json_get(x->kwargs, key);
    if (!x->values || x->values->type != JSON_ARRAY || !x->values->len)
        return expect_param_fail(op, x, key, "must be a list that is not empty");
    return OK;
}

/* ---- binding ---- */

const struct expect_kind *expect_kind_at(size_t i)
{
    const struct expect_kind *const tables[] = {expect_row_kinds, expect_whole_kinds};
    for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
        for (const struct expect_kind *k = tables[t]; k->name; k++) {
            if (i-- == 0)
                return k;
        }
    }
    return NULL;
}

const struct expect_kind *expect_find(struct str name)
{
    const struct expect_kind *k = NULL;
    for (size_t i = 0; (k = expect_kind_at(i)); i++) {
        if (str_eqc(name, k->name))
            return k;
    }
    return NULL;
}

static bool list_holds(const char *list, struct str item)
{
    struct str rest = str_from(list), part;
    while (str_split(&rest, ',', &part)) {
        if (str_eq(part, item))
            return true;
    }
    return false;
}

static enum err check_params(struct op *op, const struct expectation *x)
{
    static const char *const shape_params[] = {
        [EXPECT_MAP] = "column,mostly", [EXPECT_PAIR] = "column_A,column_B,mostly,ignore_row_if",
        [EXPECT_MULTI] = "column_list,mostly,ignore_row_if", [EXPECT_AGGREGATE] = "column", [EXPECT_TABLE] = "",
    };
    if (x->kwargs && x->kwargs->type != JSON_OBJECT)
        return op_fail_field(op, "kwargs", "%s: kwargs must be a mapping", x->kind->name);
    for (size_t i = 0; x->kwargs && i < x->kwargs->len; i++) {
        struct str key = x->kwargs->members[i].key;
        if (!list_holds(shape_params[x->kind->shape], key) && !list_holds(x->kind->params, key))
            return op_fail_field(op, "kwargs", "%s has no parameter '%.*s'", x->kind->name, STR_FMT(key));
    }
    return OK;
}

static enum err bind_column(struct op *op, struct expectation *x, const struct table_schema *s, struct str name)
{
    for (size_t i = 0; i < s->len; i++) {
        if (!str_eq(s->fields[i].name, name))
            continue;
        x->cols[x->col_len] = i;
        x->types[x->col_len] = s->fields[i].type;
        x->col_names[x->col_len++] = name;
        return OK;
    }
    return op_fail_field(op, "column", "%s: there is no column '%.*s'", x->kind->name, STR_FMT(name));
}

static enum err bind_columns(struct op *op, struct expectation *x, const struct table_schema *s)
{
    struct str a = {0}, b = {0};
    enum err e = OK;
    switch (x->kind->shape) {
    case EXPECT_MAP:
    case EXPECT_AGGREGATE:
        e = json_want_str(op, x->kwargs, "column", &a);
        return e ? e : bind_column(op, x, s, a);
    case EXPECT_PAIR:
        e = json_want_str(op, x->kwargs, "column_A", &a);
        if (!e)
            e = json_want_str(op, x->kwargs, "column_B", &b);
        if (!e)
            e = bind_column(op, x, s, a);
        return e ? e : bind_column(op, x, s, b);
    case EXPECT_MULTI:
        e = expect_want_list(op, x, "column_list");
        if (!e && x->values->len > EXPECT_COLUMNS_MAX)
            e = expect_param_fail(op, x, "column_list", "is too long");
        for (size_t i = 0; !e && i < x->values->len; i++) {
            if (x->values->items[i].type != JSON_STRING)
                e = expect_param_fail(op, x, "column_list", "must list column names");
            else
                e = bind_column(op, x, s, x->values->items[i].s);
        }
        return e;
    case EXPECT_TABLE:
        break;
    }
    return OK;
}

static enum err bind_common(struct op *op, struct expectation *x)
{
    struct str ignore = {0};
    x->mostly = 1;
    enum err e = json_opt_f64(op, x->kwargs, "mostly", 1, &x->mostly);
    if (!e && !(x->mostly >= 0 && x->mostly <= 1))
        e = expect_param_fail(op, x, "mostly", "must lie between 0 and 1");
    if (!e)
        e = json_opt_str(op, x->kwargs, "ignore_row_if", STR(""), &ignore);
    if (e)
        return e;
    if (!ignore.len || str_eqc(ignore, "all_values_are_missing") || str_eqc(ignore, "both_values_are_missing"))
        x->ignore = EXPECT_NULLS_ALL;
    else if (str_eqc(ignore, "any_value_is_missing") || str_eqc(ignore, "either_value_is_missing"))
        x->ignore = EXPECT_NULLS_ANY;
    else if (str_eqc(ignore, "never"))
        x->ignore = EXPECT_NULLS_NEVER;
    else
        return expect_param_fail(op, x, "ignore_row_if", "is not known");
    if (x->kind->nulls)
        x->ignore = EXPECT_NULLS_NEVER;
    return OK;
}

enum err expect_bind(struct op *op, struct expectation *x, const struct expect_kind *kind, const struct json *kwargs,
                     const struct table_schema *schema)
{
    *x = (struct expectation){.kind = kind, .kwargs = kwargs};
    enum err e = check_params(op, x);
    if (!e)
        e = bind_columns(op, x, schema);
    if (!e)
        e = bind_common(op, x);
    if (!e && kind->bind)
        e = kind->bind(op, x, schema);
    if (e)
        expect_clear(x);
    return e;
}

bool expect_skip_row(const struct expectation *x, const struct table_column *const *c, size_t i)
{
    size_t missing = 0;
    for (size_t k = 0; k < x->col_len; k++)
        missing += expect_cell_missing(c[k], i);
    if (x->ignore == EXPECT_NULLS_NEVER)
        return false;
    return x->ignore == EXPECT_NULLS_ALL ? missing == x->col_len : missing > 0;
}

enum err expect_chunk(struct op *op, struct expectation *x, const struct table_chunk *chunk, uint64_t first_row)
{
    const struct table_column *cols[EXPECT_COLUMNS_MAX];
    for (size_t i = 0; i < x->col_len; i++)
        cols[i] = &chunk->cols[x->cols[i]];
    if (x->kind->chunk)
        return x->kind->chunk(op, x, cols, chunk->rows, first_row);
    if (!x->kind->row)
        return OK;
    for (size_t i = 0; i < chunk->rows; i++) {
        x->elements++;
        if (expect_skip_row(x, cols, i)) {
            x->missing++;
        } else if (!x->kind->row(x, cols, i)) {
            if (x->shown_len < EXPECT_ROWS_SHOWN)
                x->shown[x->shown_len++] = first_row + i;
            x->unexpected++;
        }
    }
    return OK;
}

enum err expect_finish(struct op *op, struct expectation *x, const struct table_schema *schema, uint64_t rows)
{
    if (x->kind->finish)
        return x->kind->finish(op, x, schema, rows);
    uint64_t judged = x->elements - x->missing;
    x->success = !judged || (double)(judged - x->unexpected) / (double)judged >= x->mostly;
    return OK;
}

void expect_clear(struct expectation *x)
{
    regex_destroy(x->regex);
    distinct_destroy(x->distinct);
    x->regex = NULL;
    x->distinct = NULL;
}
