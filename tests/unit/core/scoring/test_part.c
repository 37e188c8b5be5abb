/* Answers as columns, and parts as files of either kind. */
#include "core/scoring/part.h"
#include "scoring_fixture.h"

enum { N = 5000 };

static const struct str labels[] = {STR_INIT("no"), STR_INIT("yes")};
static const struct tensor_spec specs[] = {{.name = STR_INIT("p"), .type = TENSOR_FP32, .rank = 2, .shape = {-1, 2}, .labels = labels, .label_count = 2},
                                           {.name = STR_INIT("u"), .type = TENSOR_UINT64, .rank = 1, .shape = {-1}},
                                           {.name = STR_INIT("h"), .type = TENSOR_BF16, .rank = 1, .shape = {-1}},
                                           {.name = STR_INIT("t"), .type = TENSOR_BYTES, .rank = 2, .shape = {-1, 1}},
                                           {.name = STR_INIT("b"), .type = TENSOR_BOOL, .rank = 1, .shape = {-1}}};
static const struct infer_signature signature = {.outputs = specs, .output_count = ARRAY_LEN(specs)};
static struct table_field fields[] = {{STR_INIT("id"), TABLE_I64}};
static const size_t keep[] = {0};
static const struct scoring_binding binding = {.fields = {fields, 1}, .keep = keep, .keep_count = 1};

static struct scoring_batch *batch_of(struct fixture *f, size_t rows)
{
    struct scoring_batch *b = scoring_batch_create(&binding, rows);
    int64_t id[TABLE_CHUNK_ROWS];
    scoring_batch_reset(b, &binding, &(struct scoring_chunk){.rows = (uint32_t)rows});
    for (size_t at = 0; at < rows; at += TABLE_CHUNK_ROWS) {
        const size_t n = rows - at < TABLE_CHUNK_ROWS ? rows - at : TABLE_CHUNK_ROWS;
        for (size_t i = 0; i < n; i++)
            id[i] = (int64_t)(at + i);
        struct table_column col = {TABLE_I64, id, NULL};
        CHECK(scoring_batch_add(&f->s.op, b, &(struct table_chunk){n, 1, &col}, 0, n));
    }
    return b;
}

static struct infer_answer answer_of(struct fixture *f, size_t rows)
{
    struct tensor *t = arena_alloc(f->s.arena, 5 * sizeof(*t));
    float *p = arena_alloc(f->s.arena, (2 * rows + 1) * sizeof(*p));
    uint64_t *u = arena_alloc(f->s.arena, (rows + 1) * sizeof(*u));
    uint16_t *h = arena_alloc(f->s.arena, (rows + 1) * sizeof(*h));
    struct str *s = arena_alloc(f->s.arena, (rows + 1) * sizeof(*s));
    uint8_t *b = arena_alloc(f->s.arena, rows + 1);
    const int64_t n = (int64_t)rows;
    for (size_t i = 0; i < rows; i++) {
        p[2 * i] = (float)i / N;
        p[2 * i + 1] = i % 9 ? 1 - p[2 * i] : NAN;
        u[i] = i * 1000000007u;
        h[i] = tensor_to_bf16((float)i);
        s[i] = str_from(i % 2 ? "odd" : "");
        b[i] = i % 3 == 0;
    }
    t[0] = (struct tensor){.name = STR("p"), .type = TENSOR_FP32, .rank = 2, .shape = {n, 2}, .count = 2 * rows, .data = p};
    t[1] = (struct tensor){.name = STR("u"), .type = TENSOR_UINT64, .rank = 1, .shape = {n}, .count = rows, .data = u};
    t[2] = (struct tensor){.name = STR("h"), .type = TENSOR_BF16, .rank = 1, .shape = {n}, .count = rows, .data = h};
    t[3] = (struct tensor){.name = STR("t"), .type = TENSOR_BYTES, .rank = 2, .shape = {n, 1}, .count = rows, .texts = s};
    t[4] = (struct tensor){.name = STR("b"), .type = TENSOR_BOOL, .rank = 1, .shape = {n}, .count = rows, .data = b};
    return (struct infer_answer){.outputs = t, .output_count = 5};
}

static void test_parquet_comes_back(void **state)
{
    struct fixture *f = *state;
    struct scoring_batch *b = batch_of(f, N);
    const struct infer_answer a = answer_of(f, N);
    const struct scoring_output out = {.signature = &signature, .name = STR("unused: there are several")};
    struct table_schema schema;
    struct table_chunk chunk;
    struct frame *fr = NULL;
    struct str path = str_from(scratch_path(&f->s, "p.parquet")), again = str_from(scratch_path(&f->s, "q.parquet"));
    CHECK(scoring_part_table(&f->s.op, &out, b, &a, &schema, &chunk));
    CHECK(scoring_part_write(&f->s.op, f->tables, false, path, &schema, &chunk));
    CHECK(scoring_part_write(&f->s.op, f->tables, false, again, &schema, &chunk));
    assert_true(str_eq(fixture_bytes(f, path), fixture_bytes(f, again)));
    CHECK(frame_load(&f->s.op, f->tables, str_from(op_printf(&f->s.op, "SELECT * FROM read_parquet('%s')", path.p)), LIMIT_MIB(64), &fr));
    static const char *const names[] = {"id", "p_no", "p_yes", "u", "h", "t", "b"};
    assert_true(fr->len == ARRAY_LEN(names) && fr->rows == N);
    for (size_t i = 0; i < fr->len; i++)
        assert_true(str_eqc(fr->cols[i].name, names[i]));
    for (size_t i = 0; i < N; i++) {
        assert_true(fr->cols[0].i64[i] == (int64_t)i && fr->cols[1].f64[i] == (double)((const float *)a.outputs[0].data)[2 * i]);
        assert_true(isnan(fr->cols[2].f64[i]) == (i % 9 == 0) && fr->cols[3].i64[i] == (int64_t)(i * 1000000007u));
        assert_true(fr->cols[4].f64[i] == (double)tensor_from_bf16(((const uint16_t *)a.outputs[2].data)[i]) && fr->cols[6].i64[i] == (i % 3 == 0));
        assert_true(str_eqc(fr->cols[5].dict[fr->cols[5].code[i]], i % 2 ? "odd" : ""));
    }
    frame_destroy(fr);
    scoring_batch_destroy(b);
}

static void test_text_and_no_rows(void **state)
{
    struct fixture *f = *state;
    const struct scoring_output out = {.signature = &signature, .name = STR("")};
    const struct infer_answer a = answer_of(f, 2);
    struct table_schema schema;
    struct table_chunk chunk;
    struct scoring_batch *b = batch_of(f, 2), *empty = batch_of(f, 0);
    struct str path = str_from(scratch_path(&f->s, "p.csv"));
    CHECK(scoring_part_table(&f->s.op, &out, b, &a, &schema, &chunk));
    CHECK(scoring_part_write(&f->s.op, f->tables, true, path, &schema, &chunk));
    assert_string_equal(fixture_bytes(f, path).p, "id,p_no,p_yes,u,h,t,b\n0,0.0,NaN,0,0.0,\"\",true\n1,0.0002,0.9998,1000000007,1.0,odd,false\n");
    CHECK(scoring_part_table(&f->s.op, &out, empty, NULL, &schema, &chunk));
    CHECK(scoring_part_write(&f->s.op, f->tables, true, path, &schema, &chunk));
    assert_string_equal(fixture_bytes(f, path).p, "id,p_no,p_yes,u,h,t,b\n");
    scoring_batch_destroy(b);
    scoring_batch_destroy(empty);
}

static void test_what_cannot_be_written(void **state)
{
    struct fixture *f = *state;
    const struct scoring_output out = {.signature = &signature, .name = STR("id")};
    struct table_schema schema;
    struct table_chunk chunk;
    struct infer_answer a = answer_of(f, 3);
    struct scoring_batch *b = batch_of(f, 3);
    ((uint64_t *)(uintptr_t)a.outputs[1].data)[2] = UINT64_MAX;
    refused(f, E_TOO_LARGE, scoring_part_table(&f->s.op, &out, b, &a, &schema, &chunk), "2^63 - 1");
    a.outputs += 4;
    a.output_count = 1; /* the only one: it takes the wished name */
    refused(f, E_INVALID, scoring_part_table(&f->s.op, &out, b, &a, &schema, &chunk), "called \"id\"");
    struct tensor wrong = a.outputs[0];
    wrong.shape[0] = 2;
    a.outputs = &wrong;
    refused(f, E_IO, scoring_part_table(&f->s.op, &out, b, &a, &schema, &chunk), "one answer per row");
    scoring_batch_destroy(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_parquet_comes_back, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_text_and_no_rows, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_written, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
