/* whole.c - expectations about a whole column, the schema or the row count. */
#include <math.h>

#include "base/limits.h"
#include "base/time.h"
#include "core/dataset/kinds.h"

/* ---- columns ---- */

static enum err bind_range_number(struct op *op, struct expectation *x, const struct table_schema *s)
{
    (void)s;
    return expect_bind_range(op, x, TABLE_F64);
}

static enum err bind_range_typed(struct op *op, struct expectation *x, const struct table_schema *s)
{
    (void)s;
    return expect_bind_range(op, x, x->types[0]);
}

static enum err bind_unique_count(struct op *op, struct expectation *x, const struct table_schema *s)
{
    enum err e = bind_range_number(op, x, s);
    if (!e)
        x->distinct = distinct_create();
    return e;
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
    return bind_range_typed(op, x, s);
}

static enum err chunk_extreme(struct op *op, struct expectation *x, const struct table_column *const *c, size_t rows, uint64_t first)
{
    (void)op;
    (void)first;
    for (size_t i = 0; i < rows; i++) {
        if (expect_cell_missing(c[0], i))
            continue;
        long double v = expect_cell_number(c[0], i);
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
        if (expect_cell_missing(c[0], i))
            continue;
        double v = (double)expect_cell_number(c[0], i), t = x->sum + v;
        x->sum_low += fabs(x->sum) >= fabs(v) ? (x->sum - t) + v : (v - t) + x->sum;
        x->sum = t;
        double d = v - x->mean;
        x->mean += d / (double)++x->aggregated;
        x->m2 += d * (v - x->mean);
    }
    return OK;
}

static struct str json_text(struct op *op, struct buf *b)
{
    struct str s = str_dup(op->arena, buf_str(b));
    buf_clear(b);
    return s;
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
    x->success = present && expect_range_holds(x, v);
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
        return expect_param_fail(op, x, "type_", "is no type that is known (BIGINT, DOUBLE, FLOAT, VARCHAR, TIMESTAMP, BOOLEAN)");
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
    enum err e = expect_want_list(op, x, str_eqc(str_from(x->kind->params), "column_list") ? "column_list" : "column_set");
    for (size_t i = 0; !e && i < x->values->len; i++) {
        if (x->values->items[i].type != JSON_STRING)
            e = expect_param_fail(op, x, "column_set", "must list column names");
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

const struct expect_kind expect_whole_kinds[] = {
    {"expect_column_values_to_be_of_type", EXPECT_AGGREGATE, "type_", "The column has this type.", .bind = bind_type, .finish = finish_type},
    {"expect_column_min_to_be_between", EXPECT_AGGREGATE, EXPECT_RANGE, "The least value lies in a range.", .bind = bind_extreme, .chunk = chunk_extreme, .finish = finish_min},
    {"expect_column_max_to_be_between", EXPECT_AGGREGATE, EXPECT_RANGE, "The greatest value lies in a range (of a timestamp: freshness).", .bind = bind_extreme, .chunk = chunk_extreme, .finish = finish_max},
    {"expect_column_mean_to_be_between", EXPECT_AGGREGATE, EXPECT_RANGE, "The mean lies in a range.", .bind = bind_number_column, .chunk = chunk_moments, .finish = finish_mean},
    {"expect_column_sum_to_be_between", EXPECT_AGGREGATE, EXPECT_RANGE, "The sum lies in a range.", .bind = bind_number_column, .chunk = chunk_moments, .finish = finish_sum},
    {"expect_column_stdev_to_be_between", EXPECT_AGGREGATE, EXPECT_RANGE, "The standard deviation (n - 1) lies in a range.", .bind = bind_number_column, .chunk = chunk_moments, .finish = finish_stdev},
    {"expect_column_unique_value_count_to_be_between", EXPECT_AGGREGATE, EXPECT_RANGE, "The number of different values lies in a range.", .bind = bind_unique_count, .chunk = expect_chunk_unique, .finish = finish_unique_count},
    {"expect_column_to_exist", EXPECT_TABLE, "column", "There is such a column.", .bind = bind_column_name, .finish = finish_column_exists},
    {"expect_table_columns_to_match_set", EXPECT_TABLE, "column_set,exact_match", "The columns are these, in any order.", .bind = bind_column_list, .finish = finish_columns_set},
    {"expect_table_columns_to_match_ordered_list", EXPECT_TABLE, "column_list", "The columns are these, in this order.", .bind = bind_column_list, .finish = finish_columns_list},
    {"expect_table_row_count_to_be_between", EXPECT_TABLE, EXPECT_RANGE, "The number of rows lies in a range.", .bind = bind_range_number, .finish = finish_row_count},
    {"expect_table_row_count_to_equal", EXPECT_TABLE, "value", "The number of rows.", .bind = bind_equal, .finish = finish_row_count},
    {"expect_table_column_count_to_equal", EXPECT_TABLE, "value", "The number of columns.", .bind = bind_equal, .finish = finish_column_count},
    {0},
};
