/* Suites as a whole: parsing, running over files, the result document, refusals. */
#include "unit/core/dataset/data_fixture.h"

#include "core/dataset/suite.h"

#define SUITE INGOT_SOURCE_DIR "/examples/flights/suite.yaml"

static struct suite_result *run(struct data *f, const char *yaml)
{
    struct suite *s = NULL;
    struct suite_result *r = NULL;
    op_clear(&f->op);
    must(f, suite_parse(&f->op, str_from(yaml), &s));
    must(f, suite_run(&f->op, f->tables, s, str_from(f->path), &r));
    return r;
}

/* The result document as a tree: it must be valid JSON. */
static const struct json *document(struct data *f, const struct suite_result *r)
{
    struct buf b;
    struct json_out w;
    struct json *j = NULL;
    buf_init(&b, LIMIT_MIB(16));
    json_out_init(&w, &b, 0);
    suite_result_write(r, &w);
    struct str text = str_dup(f->op.arena, buf_str(&b));
    buf_clear(&b);
    must(f, json_parse(&f->op, text, JSON_STRICT, &j));
    return j;
}

static void test_flights_are_valid(void **state)
{
    struct data *f = *state;
    struct suite *s = NULL;
    struct suite_result *r = NULL;
    must(f, suite_load(&f->op, SUITE, &s));
    must(f, suite_run(&f->op, f->tables, s, STR(FLIGHTS), &r));
    for (size_t i = 0; i < s->len; i++) {
        if (!r->items[i].success)
            print_error("%.*s\n", STR_FMT(suite_item_text(&f->op, r, i)));
    }
    assert_true(r->success);
    assert_int_equal(r->rows, 3000000);
    assert_true(r->failing_len <= EXPECT_ROWS_SHOWN); /* those that `mostly` lets pass */
}

/* A poisoned copy is refused, and the rows are shown. */
static void test_poisoned_flights(void **state)
{
    struct data *f = *state;
    struct suite *s = NULL;
    struct suite_result *r = NULL;
    data_write(f, "SELECT CASE WHEN i = 777 THEN NULL ELSE date END AS date, CASE WHEN i = 5000 THEN 99999 WHEN i = 5001 THEN NULL ELSE delay END AS delay, "
                  "CASE WHEN i = 1 THEN -7 ELSE distance END AS distance, CASE WHEN i = 2 THEN 'ord' ELSE origin END AS origin, "
                  "CASE WHEN i = 3 THEN origin ELSE destination END AS destination "
                  "FROM (SELECT *, file_row_number AS i FROM read_parquet('" FLIGHTS "', file_row_number = true) LIMIT 20000)");
    must(f, suite_load(&f->op, SUITE, &s));
    must(f, suite_run(&f->op, f->tables, s, str_from(f->path), &r));
    assert_false(r->success);
    /* null date, null delay, delay, distance, origin, same airport, freshness (only the first rows) */
    assert_int_equal(s->len - r->successful, 7);
    assert_int_equal(r->failing_len, 6);
    static const uint64_t rows[] = {1, 2, 3, 777, 5000, 5001};
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(r->failing[i].index, rows[i]);
    assert_true(str_eqc(suite_row_find(r, 2)->cells[3], "\"ord\""));
    assert_true(str_eqc(suite_row_find(r, 777)->cells[0], "null"));
    assert_true(str_eqc(suite_row_find(r, 5000)->cells[1], "99999"));
    assert_null(suite_row_find(r, 4));
    const struct json *j = document(f, r);
    assert_false(json_get(j, "success")->boolean);
    assert_int_equal(json_path(j, "statistics.unsuccessful_expectations")->i, 7);
}

static void test_document(void **state)
{
    struct data *f = *state;
    data_write(f, "SELECT * FROM (VALUES (1, 'a'), (2, 'b'), (NULL, 'b'), (40, 'c'), (50, NULL)) AS t(n, s)");
    struct suite_result *r = run(f, "name: doc\nexpectations:\n"
                                    "- type: expect_column_values_to_be_between\n  kwargs: {column: n, max_value: 10}\n  meta: {why: test}\n"
                                    "- type: expect_column_values_to_be_between\n  kwargs: {column: n, max_value: 10, mostly: 0.5}\n"
                                    "- type: expect_column_values_to_be_unique\n  kwargs: {column: s}\n"
                                    "- type: expect_column_max_to_be_between\n  kwargs: {column: n, max_value: 50}\n"
                                    "- type: expect_table_columns_to_match_set\n  kwargs: {column_set: [n, other]}\n");
    const struct json *j = document(f, r);
    const struct json *results = json_get(j, "results");
    assert_int_equal(results->len, 5);
    const struct json *first = &results->items[0];
    assert_false(json_get(first, "success")->boolean);
    assert_true(str_eqc(json_path(first, "expectation_config.type")->s, "expect_column_values_to_be_between"));
    assert_true(str_eqc(json_path(first, "expectation_config.kwargs.column")->s, "n"));
    assert_true(str_eqc(json_path(first, "expectation_config.meta.why")->s, "test"));
    assert_int_equal(json_path(first, "result.element_count")->i, 5);
    assert_int_equal(json_path(first, "result.missing_count")->i, 1);
    assert_int_equal(json_path(first, "result.unexpected_count")->i, 2);
    assert_true(json_path(first, "result.unexpected_percent")->f == 50.0);
    assert_true(json_path(first, "result.missing_percent")->f == 20.0);
    assert_true(json_path(first, "result.unexpected_percent_total")->f == 40.0);
    const struct json *list = json_path(first, "result.partial_unexpected_list"), *index = json_path(first, "result.partial_unexpected_index_list");
    assert_int_equal(list->len, 2);
    assert_int_equal(list->items[0].i, 40);
    assert_int_equal(index->items[1].i, 4);
    const struct json *rows = json_path(first, "result.unexpected_rows");
    assert_true(str_eqc(json_get(&rows->items[0], "s")->s, "c"));
    assert_false(json_path(first, "exception_info.raised_exception")->boolean);
    assert_true(json_get(&results->items[1], "success")->boolean);
    assert_int_equal(json_path(&results->items[2], "result.unexpected_count")->i, 2);
    assert_int_equal(json_path(&results->items[2], "result.partial_unexpected_index_list")->items[0].i, 1);
    assert_int_equal(json_path(&results->items[3], "result.observed_value")->i, 50);
    assert_true(json_get(&results->items[3], "success")->boolean);
    assert_true(str_eqc(json_path(&results->items[4], "result.details.mismatched.unexpected")->items[0].s, "s"));
    assert_true(str_eqc(json_path(&results->items[4], "result.details.mismatched.missing")->items[0].s, "other"));
    assert_true(json_path(j, "statistics.success_percent")->f == 40.0);
}

static void test_refused_suites(void **state)
{
    struct data *f = *state;
    static const struct {
        const char *yaml, *text;
    } bad[] = {
        {"", "mapping"},
        {"name: x\nexpectations: []\n", "1 to"},
        {"name: x\nexpectation: []\n", "no key 'expectation'"},
        {"expectations: [{type: expect_column_to_exist, kwargs: {column: a}}]\n", "name"},
        {"name: x\nexpectations: [{type: expect_nothing}]\n", "expect_nothing"},
        {"name: x\nexpectations: [{type: expect_column_to_exist, kwarg: {column: a}}]\n", "kwarg"},
        {"name: x\nexpectations: [7]\n", "mapping"},
        {"name: x\ncolumns: {a: COLOUR}\nexpectations: []\n", "columns.a"},
        {"name: x\ncolumns: [a]\nexpectations: []\n", "columns"},
        {"name: [", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct suite *s = NULL;
        op_clear(&f->op);
        assert_int_equal(suite_parse(&f->op, str_from(bad[i].yaml), &s), E_INVALID);
        if (!strstr(f->op.msg, bad[i].text))
            print_error("case %zu: %s\n", i, f->op.msg);
        assert_non_null(strstr(f->op.msg, bad[i].text));
        assert_null(strchr(f->op.msg, '\n'));
    }
}

/* Unknown columns and files that cannot be read are errors of one line, not results. */
static void test_refused_files(void **state)
{
    struct data *f = *state;
    struct suite *s = NULL;
    struct suite_result *r = NULL;
    data_write(f, "SELECT 1 AS a");
    must(f, suite_parse(&f->op, STR("name: x\nexpectations: [{type: expect_column_values_to_not_be_null, kwargs: {column: zz}}]\n"), &s));
    assert_int_equal(suite_run(&f->op, f->tables, s, str_from(f->path), &r), E_INVALID);
    assert_non_null(strstr(f->op.msg, "no column 'zz'"));
    op_clear(&f->op);
    assert_int_equal(suite_run(&f->op, f->tables, s, STR("/no/such.parquet"), &r), E_NOT_FOUND);
    op_clear(&f->op);
    assert_int_equal(suite_run(&f->op, f->tables, s, STR("/etc/passwd"), &r), E_INVALID);
    op_clear(&f->op);
    if (truncate(f->path, 20))
        fail();
    assert_int_equal(suite_run(&f->op, f->tables, s, str_from(f->path), &r), E_INVALID);
    assert_null(strchr(f->op.msg, '\n'));
    op_clear(&f->op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_document), cmocka_unit_test(test_refused_suites), cmocka_unit_test(test_refused_files),
        cmocka_unit_test(test_poisoned_flights), cmocka_unit_test(test_flights_are_valid),
    };
    return cmocka_run_group_tests(tests, data_setup, data_teardown);
}
