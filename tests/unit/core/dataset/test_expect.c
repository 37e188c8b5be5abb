/* Each expectation on small columns: what it counts as unexpected, what it observes, what it refuses. */
#include "unit/core/dataset/data_fixture.h"

#include "base/yaml.h"
#include "core/dataset/expect.h"
#include "core/dataset/kinds.h"

/* Seven rows of every type; row 6 is null but in `d`. */
#define ROWS                                                                                                       \
    "SELECT * FROM (VALUES (1, 1.5, 'ab', TIMESTAMP '2001-01-01', true, 1, DATE '2001-01-05'), (2, 2.5, 'abc', TIMESTAMP '2001-01-02', false, 1, DATE '2001-01-05')," \
    "(3, 'nan'::DOUBLE, 'ABC', TIMESTAMP '2001-01-03', true, 4, DATE '2001-01-05'), (9007199254740993, -1, 'zürich', TIMESTAMP '2001-01-04', false, 9007199254740993, DATE '2001-01-05')," \
    "(5, 0, '', TIMESTAMP '2001-01-05', true, 5, DATE '2001-01-05'), (5, 7, 'x1', TIMESTAMP '2001-01-06', true, NULL, DATE '2001-01-05'), (NULL, NULL, NULL, NULL, NULL, NULL, DATE '2001-01-05')) AS t(i, f, s, t, b, j, d)"

struct judged {
    struct expectation x;
    enum err err;
};

static struct judged judge(struct data *f, const char *type, const char *kwargs)
{
    struct judged r = {0};
    struct json *args = NULL;
    struct table_scan *scan = NULL;
    const struct table_schema *schema = NULL;
    uint64_t rows = 0;
    op_clear(&f->op);
    must(f, yaml_parse(&f->op, str_from(kwargs), &args));
    must(f, table_scan_open(&f->op, f->tables, STR(ROWS), &scan, &schema));
    assert_non_null(expect_find(str_from(type)));
    r.err = expect_bind(&f->op, &r.x, expect_find(str_from(type)), args, schema);
    const struct table_chunk *chunk = NULL;
    while (!r.err) {
        must(f, table_next(&f->op, f->tables, scan, &chunk));
        if (!chunk)
            break;
        must(f, expect_chunk(&f->op, &r.x, chunk, rows));
        rows += chunk->rows;
    }
    if (!r.err) {
        must(f, expect_finish(&f->op, &r.x, schema, rows));
        expect_clear(&r.x);
    }
    table_scan_close(f->tables, scan);
    return r;
}

static const struct {
    const char *type, *kwargs;
    int unexpected, first; /* row of the first, -1 = none */
    bool success;
} row_cases[] = {
    {"expect_column_values_to_not_be_null", "{column: i}", 1, 6, false},
    {"expect_column_values_to_not_be_null", "{column: f}", 2, 2, false}, /* NaN is missing */
    {"expect_column_values_to_not_be_null", "{column: d}", 0, -1, true},
    {"expect_column_values_to_be_null", "{column: i}", 6, 0, false},
    {"expect_column_values_to_not_be_null", "{column: i, mostly: 0.8}", 1, 6, true},
    {"expect_column_values_to_be_between", "{column: i, min_value: 1, max_value: 9007199254740993}", 0, -1, true},
    {"expect_column_values_to_be_between", "{column: i, min_value: 1, max_value: 9007199254740992}", 1, 3, false},
    {"expect_column_values_to_be_between", "{column: i, min_value: 1, strict_min: true}", 1, 0, false},
    {"expect_column_values_to_be_between", "{column: f, min_value: 0, max_value: 7, strict_max: true}", 2, 3, false},
    {"expect_column_values_to_be_between", "{column: t, max_value: '2001-01-05'}", 1, 5, false},
    {"expect_column_values_to_be_between", "{column: t, min_value: '2001-01-01T00:00:00Z', strict_min: true}", 1, 0, false},
    {"expect_column_values_to_be_between", "{column: s, min_value: a, max_value: zz}", 3, 2, false},
    {"expect_column_values_to_be_in_set", "{column: i, value_set: [1, 2, 3, 5, 9007199254740993]}", 0, -1, true},
    {"expect_column_values_to_be_in_set", "{column: s, value_set: [ab, abc, ABC]}", 3, 3, false},
    {"expect_column_values_to_be_in_set", "{column: s, value_set: ['', ab, abc, ABC, zürich, x1]}", 0, -1, true},
    {"expect_column_values_to_be_in_set", "{column: b, value_set: [true]}", 2, 1, false},
    {"expect_column_values_to_be_in_set", "{column: t, value_set: ['2001-01-01']}", 5, 1, false},
    {"expect_column_values_to_not_be_in_set", "{column: i, value_set: [5]}", 2, 4, false},
    {"expect_column_values_to_match_regex", "{column: s, regex: '^[a-z]+$'}", 4, 2, false},
    {"expect_column_values_to_match_regex", "{column: s, regex: '\\d'}", 5, 0, false},
    {"expect_column_values_to_not_match_regex", "{column: s, regex: '\\d'}", 1, 5, false},
    {"expect_column_value_lengths_to_equal", "{column: s, value: 3}", 4, 0, false},
    {"expect_column_value_lengths_to_be_between", "{column: s, min_value: 2, max_value: 6}", 1, 4, false},
    {"expect_column_values_to_be_unique", "{column: i}", 2, 4, false},
    {"expect_column_values_to_be_unique", "{column: t}", 0, -1, true},
    {"expect_column_values_to_be_unique", "{column: d}", 7, 0, false},
    {"expect_column_pair_values_to_be_equal", "{column_A: i, column_B: j}", 3, 1, false},
    {"expect_column_pair_values_to_be_equal", "{column_A: i, column_B: j, ignore_row_if: either_value_is_missing}", 2, 1, false},
    {"expect_column_pair_values_a_to_be_greater_than_b", "{column_A: i, column_B: j, ignore_row_if: either_value_is_missing}", 4, 0, false},
    {"expect_column_pair_values_a_to_be_greater_than_b", "{column_A: i, column_B: j, or_equal: true, ignore_row_if: either_value_is_missing}", 1, 2, false},
    {"expect_column_pair_values_a_to_be_greater_than_b", "{column_A: d, column_B: t, or_equal: true, ignore_row_if: either_value_is_missing}", 1, 5, false},
    {"expect_compound_columns_to_be_unique", "{column_list: [b, j]}", 0, -1, true},
    {"expect_compound_columns_to_be_unique", "{column_list: [b, d]}", 6, 0, false},
    {"expect_select_column_values_to_be_unique_within_record", "{column_list: [i, j]}", 3, 0, false},
};

static void test_rows(void **state)
{
    struct data *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(row_cases); i++) {
        struct judged r = judge(f, row_cases[i].type, row_cases[i].kwargs);
        if (r.err || (int)r.x.unexpected != row_cases[i].unexpected)
            print_error("%s %s: %d unexpected (%s)\n", row_cases[i].type, row_cases[i].kwargs, (int)r.x.unexpected, r.err ? f->op.msg : "");
        assert_int_equal(r.err, OK);
        assert_int_equal(r.x.unexpected, row_cases[i].unexpected);
        assert_int_equal(r.x.success, row_cases[i].success);
        assert_int_equal(r.x.elements, 7);
        assert_int_equal(r.x.shown_len ? (int)r.x.shown[0] : -1, row_cases[i].first);
    }
}

static const struct {
    const char *type, *kwargs, *observed;
    bool success;
} whole_cases[] = {
    {"expect_column_min_to_be_between", "{column: i, min_value: 1, max_value: 1}", "1", true},
    {"expect_column_max_to_be_between", "{column: i, max_value: 9007199254740992}", "9007199254740993", false},
    {"expect_column_max_to_be_between", "{column: t, min_value: '2001-01-06'}", "\"2001-01-06T00:00:00Z\"", true},
    {"expect_column_max_to_be_between", "{column: t, min_value: '2001-01-06', strict_min: true}", "\"2001-01-06T00:00:00Z\"", false},
    {"expect_column_mean_to_be_between", "{column: f, min_value: 2, max_value: 2}", "2.0", true},
    {"expect_column_sum_to_be_between", "{column: f, min_value: 0, max_value: 9}", "10.0", false},
    {"expect_column_stdev_to_be_between", "{column: b, min_value: 0.51, max_value: 0.52}", "0.5163977794943222", true},
    {"expect_column_unique_value_count_to_be_between", "{column: i, min_value: 5, max_value: 5}", "5", true},
    {"expect_column_values_to_be_of_type", "{column: i, type_: BIGINT}", "\"BIGINT\"", true},
    {"expect_column_values_to_be_of_type", "{column: i, type_: VARCHAR}", "\"BIGINT\"", false},
    {"expect_column_values_to_be_of_type", "{column: s, type_: object}", "\"VARCHAR\"", true},
    {"expect_column_to_exist", "{column: i}", "", true},
    {"expect_column_to_exist", "{column: zz}", "", false},
    {"expect_table_row_count_to_be_between", "{min_value: 7, max_value: 7}", "7", true},
    {"expect_table_row_count_to_equal", "{value: 8}", "7", false},
    {"expect_table_column_count_to_equal", "{value: 7}", "7", true},
    {"expect_table_columns_to_match_ordered_list", "{column_list: [i, f, s, t, b, j, d]}", "[\"i\",\"f\",\"s\",\"t\",\"b\",\"j\",\"d\"]", true},
    {"expect_table_columns_to_match_ordered_list", "{column_list: [f, i, s, t, b, j, d]}", NULL, false},
    {"expect_table_columns_to_match_set", "{column_set: [d, f, s, t, b, j, i]}", NULL, true},
    {"expect_table_columns_to_match_set", "{column_set: [d, f], exact_match: false}", NULL, true},
    {"expect_table_columns_to_match_set", "{column_set: [d, f]}", NULL, false},
};

static void test_whole(void **state)
{
    struct data *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(whole_cases); i++) {
        struct judged r = judge(f, whole_cases[i].type, whole_cases[i].kwargs);
        if (r.err || r.x.success != whole_cases[i].success)
            print_error("%s %s: %.*s (%s)\n", whole_cases[i].type, whole_cases[i].kwargs, STR_FMT(r.x.observed), r.err ? f->op.msg : "");
        assert_int_equal(r.err, OK);
        assert_int_equal(r.x.success, whole_cases[i].success);
        if (whole_cases[i].observed) {
            if (!str_eqc(r.x.observed, whole_cases[i].observed))
                print_error("%s: %.*s\n", whole_cases[i].type, STR_FMT(r.x.observed));
            assert_true(str_eqc(r.x.observed, whole_cases[i].observed));
        }
    }
}

static void test_refused(void **state)
{
    struct data *f = *state;
    static const struct {
        const char *type, *kwargs, *text;
    } bad[] = {
        {"expect_column_values_to_not_be_null", "{}", "column"},
        {"expect_column_values_to_not_be_null", "{column: zz}", "zz"},
        {"expect_column_values_to_not_be_null", "{column: i, min_value: 3}", "min_value"},
        {"expect_column_values_to_not_be_null", "{column: i, mostly: 2}", "mostly"},
        {"expect_column_values_to_not_be_null", "[1]", "mapping"},
        {"expect_column_values_to_be_between", "{column: i}", "min_value"},
        {"expect_column_values_to_be_between", "{column: i, min_value: x}", "number"},
        {"expect_column_values_to_be_between", "{column: t, min_value: 5}", "instant"},
        {"expect_column_values_to_be_between", "{column: t, min_value: never}", "instant"},
        {"expect_column_values_to_be_between", "{column: s, min_value: 5}", "text"},
        {"expect_column_values_to_be_between", "{column: i, min_value: 5, max_value: 4}", "greater"},
        {"expect_column_values_to_be_in_set", "{column: i, value_set: []}", "value_set"},
        {"expect_column_values_to_be_in_set", "{column: i, value_set: [a]}", "another type"},
        {"expect_column_values_to_match_regex", "{column: i, regex: a}", "not text"},
        {"expect_column_values_to_match_regex", "{column: s, regex: '(a'}", "regex"},
        {"expect_column_value_lengths_to_equal", "{column: s, value: -1}", "value"},
        {"expect_column_mean_to_be_between", "{column: s, min_value: 1}", "not a number"},
        {"expect_column_min_to_be_between", "{column: s, min_value: 1}", "text"},
        {"expect_column_values_to_be_of_type", "{column: s, type_: colour}", "type_"},
        {"expect_column_pair_values_to_be_equal", "{column_A: s, column_B: i}", "compared"},
        {"expect_column_pair_values_to_be_equal", "{column_A: i, column_B: j, ignore_row_if: sometimes}", "ignore_row_if"},
        {"expect_compound_columns_to_be_unique", "{column_list: [1]}", "column_list"},
        {"expect_table_columns_to_match_set", "{column_set: [1]}", "column"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct judged r = judge(f, bad[i].type, bad[i].kwargs);
        if (r.err != E_INVALID || !strstr(f->op.msg, bad[i].text))
            print_error("%s %s: %s\n", bad[i].type, bad[i].kwargs, r.err ? f->op.msg : "accepted");
        assert_int_equal(r.err, E_INVALID);
        assert_non_null(strstr(f->op.msg, bad[i].text));
    }
    op_clear(&f->op);
}

/* The table itself: names as Great Expectations has them, each once. */
static void test_table(void **state)
{
    (void)state;
    const struct expect_kind *k = NULL;
    size_t n = 0;
    for (; (k = expect_kind_at(n)); n++) {
        assert_int_equal(strncmp(k->name, "expect_", 7), 0);
        assert_ptr_equal(expect_find(str_from(k->name)), k);
        assert_true(k->row || k->finish);
    }
    assert_int_equal(n, 27);
    assert_null(expect_find(STR("expect_")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows), cmocka_unit_test(test_whole), cmocka_unit_test(test_refused), cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, data_setup, data_teardown);
}
