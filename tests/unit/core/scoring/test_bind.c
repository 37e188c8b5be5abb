/* Columns to inputs by name, by hand; what does not fit; files that differ; the statements. */
#include "core/scoring/bind.h"
#include "scoring_fixture.h"

static struct table_field fields[] = {{STR_INIT("id"), TABLE_I64}, {STR_INIT("a"), TABLE_F64}, {STR_INIT("b"), TABLE_F32}, {STR_INIT("c"), TABLE_BOOL},
                                      {STR_INIT("s"), TABLE_STRING}, {STR_INIT("t"), TABLE_TIMESTAMP}, {STR_INIT("x\"y"), TABLE_F64}};
static const struct table_schema schema = {fields, ARRAY_LEN(fields)};
static const struct str names[] = {STR_INIT("b"), STR_INIT("a"), STR_INIT("c")};

/* A model of rows with three named features. */
static const struct tensor_spec row_input = {.name = STR_INIT("features"), .type = TENSOR_FP32, .rank = 2, .shape = {-1, 3}};
static const struct serve_info named = {.features = 3, .feature_names = names}, bare = {.features = 3}, none = {0};
static const struct infer_signature rows = {.inputs = &row_input, .input_count = 1, .joins = true};

static enum err bind(struct fixture *f, const struct infer_signature *sig, const struct serve_info *info, const struct scoring_wish *wish, bool untyped,
                     struct scoring_binding *ret)
{
    return scoring_bind(&f->s.op, sig, info, wish, &schema, STR("f.parquet"), untyped, ret);
}

static void test_features_by_name(void **state)
{
    struct fixture *f = *state;
    struct scoring_binding b;
    const struct str keep[] = {STR("s"), STR("a")};
    CHECK(bind(f, &rows, &named, &(struct scoring_wish){.keep = keep, .keep_count = 2}, false, &b));
    assert_true(b.input_count == 3 && str_eqc(b.inputs[1].name, "a") && b.inputs[1].width == 1 && b.inputs[1].rank == 1);
    assert_true(b.fields.len == 4 && str_eqc(b.fields.fields[0].name, "b") && str_eqc(b.fields.fields[3].name, "s"));
    assert_true(b.keep_count == 2 && b.keep[0] == 3 && b.keep[1] == 1 && b.inputs[1].places[0] == 1);
    /* Other columns for the same features, in their order. */
    const struct str other = STR("x\"y,id,c");
    CHECK(bind(f, &rows, &named, &(struct scoring_wish){.columns = &other, .column_count = 1, .keep_all = true}, false, &b));
    assert_true(str_eqc(b.inputs[0].name, "b") && str_eqc(b.fields.fields[b.inputs[0].places[0]].name, "x\"y"));
    assert_int_equal(b.keep_count, schema.len);
    /* Texts are read as the model wants them; true and false stay what they are. */
    CHECK(bind(f, &rows, &named, &(struct scoring_wish){0}, true, &b));
    assert_true(b.fields.fields[0].type == TABLE_F64 && b.fields.fields[2].type == TABLE_BOOL);
}

static void test_matrices_and_named_inputs(void **state)
{
    struct fixture *f = *state;
    struct scoring_binding b;
    const struct str abc = STR("a,b,c"), two = STR("a,b"), x = STR("x=a,b"), n = STR("n=id"), wrong = STR("q=a");
    refused(f, E_INVALID, bind(f, &rows, &bare, &(struct scoring_wish){0}, false, &b), "--columns");
    CHECK(bind(f, &rows, &bare, &(struct scoring_wish){.columns = &abc, .column_count = 1}, false, &b));
    assert_true(b.input_count == 1 && b.inputs[0].width == 3 && b.inputs[0].rank == 2 && b.inputs[0].type == TENSOR_TYPE_COUNT);
    refused(f, E_INVALID, bind(f, &rows, &bare, &(struct scoring_wish){.columns = &two, .column_count = 1}, false, &b), "has 3");
    refused(f, E_INVALID, bind(f, &rows, &named, &(struct scoring_wish){.columns = &two, .column_count = 1}, false, &b), "3 features");
    const struct tensor_spec many[] = {{.name = STR("x"), .type = TENSOR_FP32, .rank = 2, .shape = {-1, 2}},
                                       {.name = STR("s"), .type = TENSOR_BYTES, .rank = 2, .shape = {-1, 1}},
                                       {.name = STR("n"), .type = TENSOR_INT32, .rank = 1, .shape = {-1}, .optional = true}};
    const struct infer_signature sig = {.inputs = many, .input_count = 3, .joins = true};
    const struct str both[] = {x, n};
    CHECK(bind(f, &sig, &none, &(struct scoring_wish){.columns = both, .column_count = 1}, false, &b));
    assert_true(b.input_count == 2 && b.inputs[1].type == TENSOR_BYTES && b.inputs[1].rank == 2); /* n is optional, and not there */
    CHECK(bind(f, &sig, &none, &(struct scoring_wish){.columns = both, .column_count = 2}, true, &b));
    assert_true(b.input_count == 3 && b.fields.fields[b.inputs[2].places[0]].type == TABLE_I64 && b.fields.fields[b.inputs[1].places[0]].type == TABLE_STRING);
    refused(f, E_INVALID, bind(f, &sig, &none, &(struct scoring_wish){.columns = &two, .column_count = 1}, false, &b), "NAME=a,b,c");
    refused(f, E_INVALID, bind(f, &sig, &none, &(struct scoring_wish){.columns = &wrong, .column_count = 1}, false, &b), "NAME=a,b,c");
}

static void test_what_does_not_fit(void **state)
{
    struct fixture *f = *state;
    struct scoring_binding b;
    const struct {
        const char *columns, *text;
    } cases[] = {{"a,b,S", "has \"s\""}, {"a,b,zz", "no column \"zz\""}, {"a,b,s", "is VARCHAR; the model takes numbers"},
                 {"a,b,t", "is TIMESTAMP"}, {"a,,b", "a name is empty"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct str columns = str_from(cases[i].columns);
        refused(f, E_INVALID, bind(f, &rows, &named, &(struct scoring_wish){.columns = &columns, .column_count = 1}, false, &b), cases[i].text);
    }
    const struct str twice[] = {STR("id"), STR("id")};
    refused(f, E_INVALID, bind(f, &rows, &named, &(struct scoring_wish){.keep = twice, .keep_count = 2}, false, &b), "twice");
    const struct tensor_spec image = {.name = STR("i"), .type = TENSOR_FP32, .rank = 4, .shape = {-1, 3, 4, 4}},
                             whole = {.name = STR("a"), .type = TENSOR_INT64, .rank = 1, .shape = {-1}};
    const struct infer_signature images = {.inputs = &image, .input_count = 1, .joins = true}, ints = {.inputs = &whole, .input_count = 1, .joins = true};
    struct infer_signature alone = rows;
    alone.joins = false;
    refused(f, E_UNSUPPORTED, bind(f, &images, &none, &(struct scoring_wish){0}, false, &b), "no shape");
    refused(f, E_UNSUPPORTED, bind(f, &alone, &named, &(struct scoring_wish){0}, false, &b), "independent");
    refused(f, E_INVALID, bind(f, &ints, &none, &(struct scoring_wish){0}, false, &b), "is DOUBLE; the model takes INT64");
}

static void test_files_that_differ(void **state)
{
    struct fixture *f = *state;
    struct scoring_binding a, b;
    const struct str keep = STR("id");
    const struct scoring_wish wish = {.keep = &keep, .keep_count = 1};
    CHECK(bind(f, &rows, &named, &wish, false, &a));
    struct table_field other[ARRAY_LEN(fields)];
    memcpy(other, fields, sizeof(fields));
    other[2].type = TABLE_I64;
    const struct table_schema differs = {other, ARRAY_LEN(other)};
    CHECK(scoring_bind(&f->s.op, &rows, &named, &wish, &differs, STR("g.parquet"), false, &b));
    CHECK(scoring_bind_join(&f->s.op, &a, &b, STR("g.parquet"), false));
    assert_true(a.casts[0] && a.fields.fields[0].type == TABLE_F64 && !a.casts[1]);
    other[0].type = TABLE_STRING;
    CHECK(scoring_bind(&f->s.op, &rows, &named, &wish, &differs, STR("g.parquet"), false, &b));
    refused(f, E_INVALID, scoring_bind_join(&f->s.op, &a, &b, STR("g.parquet"), false), "\"id\" is VARCHAR; in the files before it, it is BIGINT");
    CHECK(scoring_bind_join(&f->s.op, &a, &b, STR("g.csv"), true)); /* text is read as the first file is */
}

static void test_statements(void **state)
{
    struct fixture *f = *state;
    struct scoring_binding b;
    struct str sql;
    const struct str columns = STR("x\"y,a,c"), nulls = STR("n'a");
    const struct scoring_file parquet = {.path = STR("it's.parquet"), .parquet = true}, text = {.path = STR("a.csv")};
    CHECK(bind(f, &rows, &named, &(struct scoring_wish){.columns = &columns, .column_count = 1}, false, &b));
    b.casts[1] = true;
    CHECK(scoring_select(&f->s.op, &b, &parquet, NULL, 0, 10, 5, false, &sql));
    assert_string_equal(sql.p, "SELECT \"x\"\"y\", CAST(\"a\" AS DOUBLE), \"c\" FROM read_parquet('it''s.parquet', file_row_number = true) "
                               "WHERE file_row_number >= 10 AND file_row_number < 15");
    CHECK(scoring_select(&f->s.op, &b, &text, &nulls, 1, 10, 5, false, &sql));
    assert_non_null(strstr(sql.p, "nullstr = ['', 'n''a']) LIMIT 5 OFFSET 10"));
    CHECK(scoring_count(&f->s.op, &b, &parquet, NULL, 0, &sql));
    assert_string_equal(sql.p, "SELECT num_rows FROM parquet_file_metadata('it''s.parquet')");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_features_by_name, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_matrices_and_named_inputs, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_what_does_not_fit, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_files_that_differ, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_statements, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
