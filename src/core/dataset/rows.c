/* rows.c - expectations that judge row by row, and those of uniqueness. */
#include <stdlib.h>

#include "base/hash.h"
#include "base/time.h"
#include "core/dataset/kinds.h"

/* ---- parameters ---- */

static enum err bind_range(struct op *op, struct expectation *x, const struct table_schema *s)
{
    (void)s;
    return expect_bind_range(op, x, x->types[0]);
}

static bool in_range_text(const struct expectation *x, struct str v)
{
    int low = x->min.set ? str_cmp(v, x->min.s) : 1, high = x->max.set ? str_cmp(v, x->max.s) : -1;
    return (x->min.strict ? low > 0 : low >= 0) && (x->max.strict ? high < 0 : high <= 0);
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
    enum err e = expect_want_list(op, x, "value_set");
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
            return expect_param_fail(op, x, "value_set", "holds a value of another type than the column");
    }
    qsort(x->numbers, x->number_len, sizeof *x->numbers, compare_numbers);
    return OK;
}

static bool set_has(const struct expectation *x, const struct table_column *c, size_t row)
{
    if (c->type == TABLE_STRING)
        return x->texts[text_slot(x, expect_cell_str(c, row))].p != NULL;
    long double v = expect_cell_number(c, row);
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
    return e ? e : expect_bind_range(op, x, TABLE_F64);
}

static enum err bind_unique(struct op *op, struct expectation *x, const struct table_schema *s)
{
    (void)op;
    (void)s;
    x->distinct = distinct_create();
    return OK;
}

static enum err bind_pair(struct op *op, struct expectation *x, const struct table_schema *s)
{
    (void)s;
    bool texts = x->types[0] == TABLE_STRING;
    if (texts != (x->types[1] == TABLE_STRING) || (x->types[0] == TABLE_TIMESTAMP) != (x->types[1] == TABLE_TIMESTAMP))
        return op_fail_field(op, "column_B", "%s: %s and %s cannot be compared", x->kind->name, table_type_name(x->types[0]), table_type_name(x->types[1]));
    return json_opt_bool(op, x->kwargs, "or_equal", false, &x->or_equal);
}

/* ---- rows ---- */

static bool row_not_null(struct expectation *x, const struct table_column *const *c, size_t i)
{
    (void)x;
    return !expect_cell_missing(c[0], i);
}

static bool row_null(struct expectation *x, const struct table_column *const *c, size_t i)
{
    (void)x;
    return expect_cell_missing(c[0], i);
}

static bool row_between(struct expectation *x, const struct table_column *const *c, size_t i)
{
    return c[0]->type == TABLE_STRING ? in_range_text(x, expect_cell_str(c[0], i)) : expect_range_holds(x, expect_cell_number(c[0], i));
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
    return regex_matches(x->regex, expect_cell_str(c[0], i));
}

static bool row_not_regex(struct expectation *x, const struct table_column *const *c, size_t i)
{
    return !regex_matches(x->regex, expect_cell_str(c[0], i));
}

/* Characters, as Python's len(): bytes that do not continue a character. */
static bool row_length(struct expectation *x, const struct table_column *const *c, size_t i)
{
    struct str s = expect_cell_str(c[0], i);
    size_t n = 0;
    for (size_t k = 0; k < s.len; k++)
        n += ((unsigned char)s.p[k] & 0xc0) != 0x80;
    return expect_range_holds(x, (long double)n);
}

static int compare_pair(const struct table_column *const *c, size_t i)
{
    if (c[0]->type == TABLE_STRING)
        return str_cmp(expect_cell_str(c[0], i), expect_cell_str(c[1], i));
    long double a = expect_cell_number(c[0], i), b = expect_cell_number(c[1], i);
    return (a > b) - (a < b);
}

static bool row_pair_equal(struct expectation *x, const struct table_column *const *c, size_t i)
{
    (void)x;
    if (expect_cell_missing(c[0], i) || expect_cell_missing(c[1], i))
        return false;
    return compare_pair(c, i) == 0;
}

static bool row_pair_greater(struct expectation *x, const struct table_column *const *c, size_t i)
{
    if (expect_cell_missing(c[0], i) || expect_cell_missing(c[1], i))
        return false;
    int r = compare_pair(c, i);
    return r > 0 || (x->or_equal && r == 0);
}

static bool row_unique_within(struct expectation *x, const struct table_column *const *c, size_t i)
{
    for (size_t a = 0; a < x->col_len; a++) {
        for (size_t b = a + 1; b < x->col_len; b++) {
            const struct table_column *pair[2] = {c[a], c[b]};
            if (c[a]->type == c[b]->type && !expect_cell_missing(c[a], i) && !expect_cell_missing(c[b], i) && compare_pair(pair, i) == 0)
                return false;
        }
    }
    return true;
}

/* ---- uniqueness ---- */

enum err expect_chunk_unique(struct op *op, struct expectation *x, const struct table_column *const *c, size_t rows, uint64_t first)
{
    for (size_t i = 0; i < rows; i++) {
        x->elements++;
        if (expect_skip_row(x, c, i))
            x->missing++;
        else if (!distinct_add(x->distinct, c, x->col_len, i, first + i))
            return op_fail(op, E_TOO_LARGE, "%s: too many rows to compare", x->kind->name);
    }
    return OK;
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

/* ---- the table ---- */

const struct expect_kind expect_row_kinds[] = {
    {"expect_column_values_to_not_be_null", EXPECT_MAP, "", "No value is null.", .row = row_not_null, .nulls = true},
    {"expect_column_values_to_be_null", EXPECT_MAP, "", "Every value is null.", .row = row_null, .nulls = true},
    {"expect_column_values_to_be_between", EXPECT_MAP, EXPECT_RANGE, "Every value lies in a range.", .bind = bind_range, .row = row_between},
    {"expect_column_values_to_be_in_set", EXPECT_MAP, "value_set", "Every value is one of a list.", .bind = bind_set, .row = row_in_set},
    {"expect_column_values_to_not_be_in_set", EXPECT_MAP, "value_set", "No value is one of a list.", .bind = bind_set, .row = row_not_in_set},
    {"expect_column_values_to_match_regex", EXPECT_MAP, "regex", "Every text matches.", .bind = bind_regex, .row = row_regex},
    {"expect_column_values_to_not_match_regex", EXPECT_MAP, "regex", "No text matches.", .bind = bind_regex, .row = row_not_regex},
    {"expect_column_value_lengths_to_equal", EXPECT_MAP, "value", "Every text has so many characters.", .bind = bind_length, .row = row_length},
    {"expect_column_value_lengths_to_be_between", EXPECT_MAP, EXPECT_RANGE, "The length of every text lies in a range.", .bind = bind_length_range, .row = row_length},
    {"expect_column_values_to_be_unique", EXPECT_MAP, "", "No value occurs twice.", .bind = bind_unique, .chunk = expect_chunk_unique, .finish = finish_unique},
    {"expect_column_pair_values_to_be_equal", EXPECT_PAIR, "", "Both columns hold the same value.", .bind = bind_pair, .row = row_pair_equal},
    {"expect_column_pair_values_a_to_be_greater_than_b", EXPECT_PAIR, "or_equal", "A is greater than B.", .bind = bind_pair, .row = row_pair_greater},
    {"expect_compound_columns_to_be_unique", EXPECT_MULTI, "", "No tuple occurs twice.", .bind = bind_unique, .chunk = expect_chunk_unique, .finish = finish_unique},
    {"expect_select_column_values_to_be_unique_within_record", EXPECT_MULTI, "", "The columns of a row differ.", .row = row_unique_within},
    {0},
};
