/* expect.c - the table of expectations and how each judges.
 *
 * Semantics are Great Expectations': nulls (and NaN) are not judged by value expectations; a row-wise expectation
 * succeeds when (non-null - unexpected) / non-null >= mostly; percentages are over non-null values. Numbers are
 * compared as long double, whose 64-bit mantissa holds every int64 and every double exactly. */
#include "core/dataset/expect.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/time.h"

/* ---- cells ---- */

static double cell_f64(const struct table_column *c, size_t i)
{
    return c->type == TABLE_F32 ? (double)((const float *)c->data)[i] : ((const double *)c->data)[i];
}

static bool is_real(enum table_type t)
{
    return t == TABLE_F32 || t == TABLE_F64;
}

static bool cell_missing(const struct table_column *c, size_t i)
{
    return !table_valid(c, i) || (is_real(c->type) && isnan(cell_f64(c, i)));
}

/* Not for strings. */
static long double cell_number(const struct table_column *c, size_t i)
{
    if (is_real(c->type))
        return (long double)cell_f64(c, i);
    return c->type == TABLE_BOOL ? (long double)((const uint8_t *)c->data)[i] : (long double)((const int64_t *)c->data)[i];
}

static struct str cell_str(const struct table_column *c, size_t i)
{
    return ((const struct str *)c->data)[i];
}

void expect_cell_json(struct json_out *w, const struct table_column *c, size_t row)
{
    char text[32];
    if (cell_missing(c, row)) {
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
        json_str(w, cell_str(c, row));
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

static enum err param_fail(struct op *op, const struct expectation *x, const char *key, const char *what)
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
        return param_fail(op, x, key, type == TABLE_TIMESTAMP ? "must be an instant such as 2001-01-01T00:00:00Z" :
                                      type == TABLE_STRING    ? "must be a text" : "must be a number");
    }
    return OK;
}

static enum err bind_range_of(struct op *op, struct expectation *x, enum table_type type)
{
    enum err e = bind_bound(op, x, "min_value", "strict_min", type, &x->min);
    if (!e)
        e = bind_bound(op, x, "max_value", "strict_max", type, &x->max);
    if (!e && !x->min.set && !x->max.set)
        e = param_fail(op, x, "min_value", "and max_value are both missing");
    if (!e && x->min.set && x->max.set && !x->min.text && x->min.number > x->max.number)
        e = param_fail(op, x, "min_value", "is greater than max_value");
    return e;
}

static enum err bind_range(struct op *op, struct expectation *x, const struct table_schema *s)
{
    (void)s;
    return bind_range_of(op, x, x->types[0]);
}

static enum err bind_range_number(struct op *op, struct expectation *x, const struct table_schema *s)
{
    (void)s;
    return bind_range_of(op, x, TABLE_F64);
}

static bool in_range(const struct expectation *x, long double v)
{
    if (x->min.set && (x->min.strict ? v <= x->min.number : v < x->min.number))
        return false;
    return !x->max.set || !(x->max.strict ? v >= x->max.number : v > x->max.number);
}

static bool in_range_text(const struct expectation *x, struct str v)
{
    int low = x->min.set ? str_cmp(v, x->min.s) : 1, high = x->max.set ? str_cmp(v, x->max.s) : -1;
    return (x->min.strict ? low > 0 : low >= 0) && (x->max.strict ? high < 0 : high <= 0);
}

static enum err want_list(struct op *op, struct expectation *x, const char *key)
{
    x->values = json_get(x->kwargs, key);
    if (!x->values || x->values->type != JSON_ARRAY || !x->values->len)
        return param_fail(op, x, key, "must be a list that is not empty");
    return OK;
}

static int compare_numbers(const void *a, const void *b)
{
    long double x = *(const long double *)a, y = *(const long double *)b;
    return (x > y) - (x < y);
}

static size_t text_slot(const struct expectation *x, struct str s)
{
    size_t i = hash64(s.p, s.len, 0) & (x->text_slots - 1);
    while (x->texts[i].p && !str_eq(x->texts[i], s))
        i = (i + 1) & (x->text_slots - 1);
    return i;
}

static enum err bind_set(struct op *op, struct expectation *x, const struct table_schema *s)
{
    (void)s;
    enum err e = want_list(op, x, "value_set");
    if (e)
        return e;
    size_t n = x->values->len;
    for (x->text_slots = 8; x->text_slots < n * 2; x->text_slots *= 2) {
    }
    x->texts = arena_array(op->arena, x->text_slots, struct str);
    x->numbers = arena_array(op->arena, n, long double);
    if (!x->texts || !x->numbers)
        return op_fail(op, E_TOO_LARGE, "%s: value_set is too long", x->kind->name);
    for (size_t i = 0; i < n; i++) {
        const struct json *j = &x->values->items[i];
        double f = 0;
        int64_t us = 0;
        if (j->type == JSON_STRING && x->types[0] == TABLE_STRING)
            x->texts[text_slot(x, j->s)] = j->s.p ? j->s : STR("");
        else if (j->type == JSON_STRING && x->types[0] == TABLE_TIMESTAMP && time_parse(j->s, &us))
            x->numbers[x->number_len++] = (long double)us;
        else if (j->type == JSON_BOOL && x->types[0] == TABLE_BOOL)
            x->numbers[x->number_len++] = j->boolean;
        else if (json_as_f64(j, &f) && x->types[0] != TABLE_STRING && x->types[0] != TABLE_TIMESTAMP)
            x->numbers[x->number_len++] = j->type == JSON_INT ? (long double)j->i : (long double)f;
        else
            return param_fail(op, x, "value_set", "holds a value of another type than the column");
    }
    qsort(x->numbers, x->number_len, sizeof *x->numbers, compare_numbers);
    return OK;
}

static bool set_has(const struct expectation *x, const struct table_column *c, size_t row)
{
    if (c->type == TABLE_STRING)
        return x->texts[text_slot(x, cell_str(c, row))].p != NULL;
    long double v = cell_number(c, row);
    return bsearch(&v, x->numbers, x->number_len, sizeof v, compare_numbers) != NULL;
}

static enum err want_text_column(struct op *op, const struct expectation *x)
{
    if (x->types[0] == TABLE_STRING)
        return OK;
    return op_fail_field(op, "column", "%s: column '%.*s' is %s, not text", x->kind->name, STR_FMT(x->col_names[0]), table_type_name(x->types[0]));
}

static enum err bind_regex(struct op *op, struct expectation *x, const struct table_schema *s)
{
    (void)s;
    struct str pattern = {0};
    enum err e = want_text_column(op, x);
    if (!e)
        e = json_want_str(op, x->kwargs, "regex", &pattern);
    return e ? e : regex_create(op, pattern, &x->regex);
}

static enum err bind_length(struct op *op, struct expectation *x, const struct table_schema *s)
{
    (void)s;
    int64_t n = 0;
    enum err e = want_text_column(op, x);
    if (!e)
        e = json_want_i64(op, x->kwargs, "value", 0, INT64_MAX, &n);
    x->min = x->max = (struct expect_bound){.set = true, .number = (long double)n};
    return e;
}

static enum err bind_length_range(struct op *op, struct expectation *x, const struct table_schema *s)
{
    (void)s;
    enum err e = want_text_column(op, x);
    return e ? e : bind_range_of(op, x, TABLE_F64);
}

static enum err bind_unique(struct op *op, struct expectation *x, const struct table_schema *s)
{
    (void)op;
    (void)s;
    x->distinct = distinct_create();
    return OK;
}

static enum err bind_unique_count(struct op *op, struct expectation *x, const struct table_schema *s)
{
    enum err e = bind_range_number(op, x, s);
    if (!e)
        x->distinct = distinct_create();
    return e;
}

static enum err bind_pair(struct op *op, struct expectation *x, const struct table_schema *s)
{
    (void)s;
    bool texts = x->types[0] == TABLE_STRING;
    if (texts != (x->types[1] == TABLE_STRING) || (x->types[0] == TABLE_TIMESTAMP) != (x->types[1] == TABLE_TIMESTAMP))
        return op_fail_field(op, "column_B", "%s: %s and %s cannot be compared", x->kind->name, table_type_name(x->types[0]), table_type_name(x->types[1]));
    return json_opt_bool(op, x->kwargs, "or_equal", false, &x->or_equal);
}

static enum err bind_number_column(struct op *op, struct expectation *x, const struct table_schema *s)
{
    if (x->types[0] == TABLE_STRING || x->types[0] == TABLE_TIMESTAMP)
        return op_fail_field(op, "column", "%s: column '%.*s' is %s, not a number", x->kind->name, STR_FMT(x->col_names[0]), table_type_name(x->types[0]));
    return bind_range_number(op, x, s);
}

static enum err bind_extreme(struct op *op, struct expectation *x, const struct table_schema *s)
{
    if (x->types[0] == TABLE_STRING)
        return op_fail_field(op, "column", "%s: column '%.*s' is text", x->kind->name, STR_FMT(x->col_names[0]));
    return bind_range(op, x, s);
}

/* ---- rows ---- */

static bool row_not_null(struct expectation *x, const struct table_column *const *c, size_t i)
{
    (void)x;
    return !cell_missing(c[0], i);
}

static bool row_null(struct expectation *x, const struct table_column *const *c, size_t i)
{
    (void)x;
    return cell_missing(c[0], i);
}

static bool row_between(struct expectation *x, const struct table_column *const *c, size_t i)
{
    return c[0]->type == TABLE_STRING ? in_range_text(x, cell_str(c[0], i)) : in_range(x, cell_number(c[0], i));
}

static bool row_in_set(struct expectation *x, const struct table_column *const *c, size_t i)
{
    return set_has(x, c[0], i);
}

static bool row_not_in_set(struct expectation *x, const struct table_column *const *c, size_t i)
{
    return !set_has(x, c[0], i);
}

static bool row_regex(struct expectation *x, const struct table_column *const *c, size_t i)
{
    return regex_matches(x->regex, cell_str(c[0], i));
}

static bool row_not_regex(struct expectation *x, const struct table_column *const *c, size_t i)
{
    return !regex_matches(x->regex, cell_str(c[0], i));
}

/* Characters, as Python's len(): bytes that do not continue a character. */
static bool row_length(struct expectation *x, const struct table_column *const *c, size_t i)
{
    struct str s = cell_str(c[0], i);
    size_t n = 0;
    for (size_t k = 0; k < s.len; k++)
        n += ((unsigned char)s.p[k] & 0xc0) != 0x80;
    return in_range(x, (long double)n);
}

static int compare_pair(const struct table_column *const *c, size_t i)
{
    if (c[0]->type == TABLE_STRING)
        return str_cmp(cell_str(c[0], i), cell_str(c[1], i));
    long double a = cell_number(c[0], i), b = cell_number(c[1], i);
    return (a > b) - (a < b);
}

static bool row_pair_equal(struct expectation *x, const struct table_column *const *c, size_t i)
{
    (void)x;
    if (cell_missing(c[0], i) || cell_missing(c[1], i))
        return false;
    return compare_pair(c, i) == 0;
}

static bool row_pair_greater(struct expectation *x, const struct table_column *const *c, size_t i)
{
    if (cell_missing(c[0], i) || cell_missing(c[1], i))
        return false;
    int r = compare_pair(c, i);
    return r > 0 || (x->or_equal && r == 0);
}

static bool row_unique_within(struct expectation *x, const struct table_column *const *c, size_t i)
{
    for (size_t a = 0; a < x->col_len; a++) {
        for (size_t b = a + 1; b < x->col_len; b++) {
            const struct table_column *pair[2] = {c[a], c[b]};
            if (c[a]->type == c[b]->type && !cell_missing(c[a], i) && !cell_missing(c[b], i) && compare_pair(pair, i) == 0)
                return false;
        }
    }
    return true;
}

/* ---- chunks ---- */

static bool skip_row(const struct expectation *x, const struct table_column *const *c, size_t i)
{
    size_t missing = 0;
    for (size_t k = 0; k < x->col_len; k++)
        missing += cell_missing(c[k], i);
    if (x->ignore == EXPECT_NULLS_NEVER)
        return false;
    return x->ignore == EXPECT_NULLS_ALL ? missing == x->col_len : missing > 0;
}

static enum err chunk_unique(struct op *op, struct expectation *x, const struct table_column *const *c, size_t rows, uint64_t first)
{
    for (size_t i = 0; i < rows; i++) {
        x->elements++;
        if (skip_row(x, c, i))
            x->missing++;
        else if (!distinct_add(x->distinct, c, x->col_len, i, first + i))
            return op_fail(op, E_TOO_LARGE, "%s: too many rows to compare", x->kind->name);
    }
    return OK;
}

static enum err chunk_extreme(struct op *op, struct expectation *x, const struct table_column *const *c, size_t rows, uint64_t first)
{
    (void)op;
    (void)first;
    for (size_t i = 0; i < rows; i++) {
        if (cell_missing(c[0], i))
            continue;
        long double v = cell_number(c[0], i);
        if (!x->has_extreme || v < x->extreme_low)
            x->extreme_low = v;
        if (!x->has_extreme || v > x->extreme_high)
            x->extreme_high = v;
        x->has_extreme = true;
    }
    return OK;
}

/* Neumaier's compensated sum, and Welford's moments. */
static enum err chunk_moments(struct op *op, struct expectation *x, const struct table_column *const *c, size_t rows, uint64_t first)
{
    (void)op;
    (void)first;
    for (size_t i = 0; i < rows; i++) {
        if (cell_missing(c[0], i))
            continue;
        double v = (double)cell_number(c[0], i), t = x->sum + v;
        x->sum_low += fabs(x->sum) >= fabs(v) ? (x->sum - t) + v : (v - t) + x->sum;
        x->sum = t;
        double d = v - x->mean;
        x->mean += d / (double)++x->aggregated;
        x->m2 += d * (v - x->mean);
    }
    return OK;
}

/* ---- finish ---- */

static struct str json_text(struct op *op, struct buf *b)
{
    struct str s = str_dup(op->arena, buf_str(b));
    buf_clear(b);
    return s;
}

static enum err finish_unique(struct op *op, struct expectation *x, const struct table_schema *s, uint64_t rows)
{
    (void)s;
    (void)rows;
    struct distinct_result r;
    enum err e = distinct_finish(op, x->distinct, EXPECT_ROWS_SHOWN, &r);
    if (e)
        return e;
    x->unexpected = r.repeated;
    for (x->shown_len = 0; x->shown_len < r.index_len; x->shown_len++)
        x->shown[x->shown_len] = r.indices[x->shown_len];
    uint64_t judged = x->elements - x->missing;
    x->success = !judged || (double)(judged - x->unexpected) / (double)judged >= x->mostly;
    return OK;
}

/* Sets the observed value and compares it. */
static void observe(struct op *op, struct expectation *x, bool present, long double v, enum table_type type)
{
    struct buf b;
    struct json_out w;
    char text[32];
    buf_init(&b, LIMIT_KIB(4));
    json_out_init(&w, &b, 0);
    if (!present)
        json_null(&w);
    else if (type == TABLE_TIMESTAMP)
        json_str(&w, (struct str){text, time_format((int64_t)v, text)});
    else if (type == TABLE_I64 || type == TABLE_BOOL)
        json_i64(&w, (int64_t)v);
    else
        json_f64(&w, (double)v);
    x->observed = json_text(op, &b);
    x->success = present && in_range(x, v);
}

static enum err finish_unique_count(struct op *op, struct expectation *x, const struct table_schema *s, uint64_t rows)
{
    (void)s;
    (void)rows;
    struct distinct_result r;
    enum err e = distinct_finish(op, x->distinct, 0, &r);
    if (!e)
        observe(op, x, true, (long double)r.values, TABLE_I64);
    return e;
}

static enum err finish_min(struct op *op, struct expectation *x, const struct table_schema *s, uint64_t rows)
{
    (void)s;
    (void)rows;
    observe(op, x, x->has_extreme, x->extreme_low, x->types[0]);
    return OK;
}

static enum err finish_max(struct op *op, struct expectation *x, const struct table_schema *s, uint64_t rows)
{
    (void)s;
    (void)rows;
    observe(op, x, x->has_extreme, x->extreme_high, x->types[0]);
    return OK;
}

static enum err finish_mean(struct op *op, struct expectation *x, const struct table_schema *s, uint64_t rows)
{
    (void)s;
    (void)rows;
    observe(op, x, x->aggregated > 0, (long double)((x->sum + x->sum_low) / (double)(x->aggregated ? x->aggregated : 1)), TABLE_F64);
    return OK;
}

static enum err finish_sum(struct op *op, struct expectation *x, const struct table_schema *s, uint64_t rows)
{
    (void)s;
    (void)rows;
    observe(op, x, true, (long double)(x->sum + x->sum_low), TABLE_F64);
    return OK;
}

static enum err finish_stdev(struct op *op, struct expectation *x, const struct table_schema *s, uint64_t rows)
{
    (void)s;
    (void)rows;
    bool present = x->aggregated > 1;
    observe(op, x, present, present ? (long double)sqrt(x->m2 / (double)(x->aggregated - 1)) : 0, TABLE_F64);
    return OK;
}

static enum err finish_row_count(struct op *op, struct expectation *x, const struct table_schema *s, uint64_t rows)
{
    (void)s;
    observe(op, x, true, (long double)rows, TABLE_I64);
    return OK;
}

static enum err finish_column_count(struct op *op, struct expectation *x, const struct table_schema *s, uint64_t rows)
{
    (void)rows;
    observe(op, x, true, (long double)s->len, TABLE_I64);
    return OK;
}

static enum err bind_equal(struct op *op, struct expectation *x, const struct table_schema *s)
{
    (void)s;
    int64_t n = 0;
    enum err e = json_want_i64(op, x->kwargs, "value", 0, INT64_MAX, &n);
    x->min = x->max = (struct expect_bound){.set = true, .number = (long double)n};
    return e;
}

static bool schema_has(const struct table_schema *s, struct str name)
{
    for (size_t i = 0; i < s->len; i++) {
        if (str_eq(s->fields[i].name, name))
            return true;
    }
    return false;
}

static enum err bind_column_name(struct op *op, struct expectation *x, const struct table_schema *s)
{
    (void)s;
    return json_want_str(op, x->kwargs, "column", &x->col_names[0]);
}

static enum err finish_column_exists(struct op *op, struct expectation *x, const struct table_schema *s, uint64_t rows)
{
    (void)op;
    (void)rows;
    x->success = schema_has(s, x->col_names[0]);
    return OK;
}

static enum err bind_type(struct op *op, struct expectation *x, const struct table_schema *s)
{
    (void)s;
    struct str name = {0};
    enum table_type want;
    enum err e = json_want_str(op, x->kwargs, "type_", &name);
    if (e)
        return e;
    if (!expect_type_parse(name, &want))
        return param_fail(op, x, "type_", "is no type that is known (BIGINT, DOUBLE, FLOAT, VARCHAR, TIMESTAMP, BOOLEAN)");
    x->or_equal = want == x->types[0];
    return OK;
}

static enum err finish_type(struct op *op, struct expectation *x, const struct table_schema *s, uint64_t rows)
{
    (void)s;
    (void)rows;
    x->success = x->or_equal;
    x->observed = str_from(op_printf(op, "\"%s\"", table_type_name(x->types[0])));
    return OK;
}

static enum err bind_column_list(struct op *op, struct expectation *x, const struct table_schema *s)
{
    (void)s;
    enum err e = want_list(op, x, str_eqc(str_from(x->kind->params), "column_list") ? "column_list" : "column_set");
    for (size_t i = 0; !e && i < x->values->len; i++) {
        if (x->values->items[i].type != JSON_STRING)
            e = param_fail(op, x, "column_set", "must list column names");
    }
    return e ? e : json_opt_bool(op, x->kwargs, "exact_match", true, &x->exact_match);
}

static bool list_has(const struct json *list, struct str name)
{
    for (size_t i = 0; i < list->len; i++) {
        if (str_eq(list->items[i].s, name))
            return true;
    }
    return false;
}

static void observe_columns(struct op *op, struct expectation *x, const struct table_schema *s)
{
    struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_MIB(4));
    json_out_init(&w, &b, 0);
    json_begin_array(&w);
    for (size_t i = 0; i < s->len; i++)
        json_str(&w, s->fields[i].name);
    json_end_array(&w);
    x->observed = json_text(op, &b);
}

static enum err finish_columns_set(struct op *op, struct expectation *x, const struct table_schema *s, uint64_t rows)
{
    (void)rows;
    struct buf b;
    struct json_out w;
    x->success = true;
    buf_init(&b, LIMIT_MIB(4));
    json_out_init(&w, &b, 0);
    json_begin_object(&w);
    json_key(&w, "mismatched");
    json_begin_object(&w);
    json_key(&w, "unexpected");
    json_begin_array(&w);
    for (size_t i = 0; i < s->len; i++) {
        if (list_has(x->values, s->fields[i].name))
            continue;
        json_str(&w, s->fields[i].name);
        x->success = x->success && !x->exact_match;
    }
    json_end_array(&w);
    json_key(&w, "missing");
    json_begin_array(&w);
    for (size_t i = 0; i < x->values->len; i++) {
        if (schema_has(s, x->values->items[i].s))
            continue;
        json_str(&w, x->values->items[i].s);
        x->success = false;
    }
    json_end_array(&w);
    json_end_object(&w);
    json_end_object(&w);
    x->details = json_text(op, &b);
    observe_columns(op, x, s);
    return OK;
}

static enum err finish_columns_list(struct op *op, struct expectation *x, const struct table_schema *s, uint64_t rows)
{
    (void)rows;
    x->success = s->len == x->values->len;
    for (size_t i = 0; x->success && i < s->len; i++)
        x->success = str_eq(s->fields[i].name, x->values->items[i].s);
    observe_columns(op, x, s);
    return OK;
}

/* ---- the table ---- */

#define RANGE "min_value,max_value,strict_min,strict_max"

const struct expect_kind expect_kinds[] = {
    {"expect_column_values_to_not_be_null", EXPECT_MAP, "", "No value is null.", .row = row_not_null, .nulls = true},
    {"expect_column_values_to_be_null", EXPECT_MAP, "", "Every value is null.", .row = row_null, .nulls = true},
    {"expect_column_values_to_be_between", EXPECT_MAP, RANGE, "Every value lies in a range.", .bind = bind_range, .row = row_between},
    {"expect_column_values_to_be_in_set", EXPECT_MAP, "value_set", "Every value is one of a list.", .bind = bind_set, .row = row_in_set},
    {"expect_column_values_to_not_be_in_set", EXPECT_MAP, "value_set", "No value is one of a list.", .bind = bind_set, .row = row_not_in_set},
    {"expect_column_values_to_match_regex", EXPECT_MAP, "regex", "Every text matches.", .bind = bind_regex, .row = row_regex},
    {"expect_column_values_to_not_match_regex", EXPECT_MAP, "regex", "No text matches.", .bind = bind_regex, .row = row_not_regex},
    {"expect_column_value_lengths_to_equal", EXPECT_MAP, "value", "Every text has so many characters.", .bind = bind_length, .row = row_length},
    {"expect_column_value_lengths_to_be_between", EXPECT_MAP, RANGE, "The length of every text lies in a range.", .bind = bind_length_range, .row = row_length},
    {"expect_column_values_to_be_unique", EXPECT_MAP, "", "No value occurs twice.", .bind = bind_unique, .chunk = chunk_unique, .finish = finish_unique},
    {"expect_column_values_to_be_of_type", EXPECT_AGGREGATE, "type_", "The column has this type.", .bind = bind_type, .finish = finish_type},
    {"expect_column_pair_values_to_be_equal", EXPECT_PAIR, "", "Both columns hold the same value.", .bind = bind_pair, .row = row_pair_equal},
    {"expect_column_pair_values_a_to_be_greater_than_b", EXPECT_PAIR, "or_equal", "A is greater than B.", .bind = bind_pair, .row = row_pair_greater},
    {"expect_compound_columns_to_be_unique", EXPECT_MULTI, "", "No tuple occurs twice.", .bind = bind_unique, .chunk = chunk_unique, .finish = finish_unique},
    {"expect_select_column_values_to_be_unique_within_record", EXPECT_MULTI, "", "The columns of a row differ.", .row = row_unique_within},
    {"expect_column_min_to_be_between", EXPECT_AGGREGATE, RANGE, "The least value lies in a range.", .bind = bind_extreme, .chunk = chunk_extreme, .finish = finish_min},
    {"expect_column_max_to_be_between", EXPECT_AGGREGATE, RANGE, "The greatest value lies in a range (of a timestamp: freshness).", .bind = bind_extreme, .chunk = chunk_extreme, .finish = finish_max},
    {"expect_column_mean_to_be_between", EXPECT_AGGREGATE, RANGE, "The mean lies in a range.", .bind = bind_number_column, .chunk = chunk_moments, .finish = finish_mean},
    {"expect_column_sum_to_be_between", EXPECT_AGGREGATE, RANGE, "The sum lies in a range.", .bind = bind_number_column, .chunk = chunk_moments, .finish = finish_sum},
    {"expect_column_stdev_to_be_between", EXPECT_AGGREGATE, RANGE, "The standard deviation (n - 1) lies in a range.", .bind = bind_number_column, .chunk = chunk_moments, .finish = finish_stdev},
    {"expect_column_unique_value_count_to_be_between", EXPECT_AGGREGATE, RANGE, "The number of different values lies in a range.", .bind = bind_unique_count, .chunk = chunk_unique, .finish = finish_unique_count},
    {"expect_column_to_exist", EXPECT_TABLE, "column", "There is such a column.", .bind = bind_column_name, .finish = finish_column_exists},
    {"expect_table_columns_to_match_set", EXPECT_TABLE, "column_set,exact_match", "The columns are these, in any order.", .bind = bind_column_list, .finish = finish_columns_set},
    {"expect_table_columns_to_match_ordered_list", EXPECT_TABLE, "column_list", "The columns are these, in this order.", .bind = bind_column_list, .finish = finish_columns_list},
    {"expect_table_row_count_to_be_between", EXPECT_TABLE, RANGE, "The number of rows lies in a range.", .bind = bind_range_number, .finish = finish_row_count},
    {"expect_table_row_count_to_equal", EXPECT_TABLE, "value", "The number of rows.", .bind = bind_equal, .finish = finish_row_count},
    {"expect_table_column_count_to_equal", EXPECT_TABLE, "value", "The number of columns.", .bind = bind_equal, .finish = finish_column_count},
};
const size_t expect_kind_count = ARRAY_LEN(expect_kinds);

const struct expect_kind *expect_find(struct str name)
{
    for (size_t i = 0; i < expect_kind_count; i++) {
        if (str_eqc(name, expect_kinds[i].name))
            return &expect_kinds[i];
    }
    return NULL;
}

/* ---- binding ---- */

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
        e = want_list(op, x, "column_list");
        if (!e && x->values->len > EXPECT_COLUMNS_MAX)
            e = param_fail(op, x, "column_list", "is too long");
        for (size_t i = 0; !e && i < x->values->len; i++) {
            if (x->values->items[i].type != JSON_STRING)
                e = param_fail(op, x, "column_list", "must list column names");
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
        e = param_fail(op, x, "mostly", "must lie between 0 and 1");
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
        return param_fail(op, x, "ignore_row_if", "is not known");
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
        if (skip_row(x, cols, i)) {
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
