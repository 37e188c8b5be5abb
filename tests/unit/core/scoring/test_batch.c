/* Rows of a scan as tensors: types, nulls, ranges, views and copies. */
#include "core/scoring/batch.h"
#include "scoring_fixture.h"

enum { N = 3000 };

static struct table_field fields[] = {{STR_INIT("i"), TABLE_I64}, {STR_INIT("f"), TABLE_F32}, {STR_INIT("d"), TABLE_F64}, {STR_INIT("b"), TABLE_BOOL},
                                      {STR_INIT("s"), TABLE_STRING}};
static const size_t place[] = {0, 1, 2, 3, 4}, all_numbers[] = {0, 1, 2, 3};

struct data {
    int64_t i[N];
    float f[N];
    double d[N];
    uint8_t b[N];
    struct str s[N];
    uint64_t valid[N / 64 + 1];
};

static struct data *data_make(struct fixture *f)
{
    struct data *k = arena_new(f->s.arena, struct data);
    for (int64_t r = 0; r < N; r++) {
        k->i[r] = r - 100;
        k->f[r] = (float)r / 3;
        k->d[r] = (double)r / 7;
        k->b[r] = r % 3 == 0;
        k->s[r] = str_from(op_printf(&f->s.op, "%*lld", (int)(r % 20), (long long)r));
        k->valid[r / 64] |= (uint64_t)(r % 5 != 2) << (r % 64);
    }
    return k;
}

/* Adds rows from..to in pieces as a scan gives them, with an offset into the piece. */
static void add(struct fixture *f, struct scoring_batch *b, struct data *k, size_t from, size_t to, bool nulls)
{
    for (size_t at = from; at < to;) {
        const size_t base = at / 64 * 64, n = to - base < TABLE_CHUNK_ROWS ? to - base : TABLE_CHUNK_ROWS;
        const uint64_t *valid = nulls ? k->valid + base / 64 : NULL;
        struct table_column cols[] = {{TABLE_I64, k->i + base, valid}, {TABLE_F32, k->f + base, valid}, {TABLE_F64, k->d + base, valid},
                                      {TABLE_BOOL, k->b + base, valid}, {TABLE_STRING, k->s + base, valid}};
        CHECK(scoring_batch_add(&f->s.op, b, &(struct table_chunk){n, 5, cols}, at - base, base + n - at));
        at = base + n;
    }
}

static struct scoring_binding binding_of(struct scoring_input *inputs, size_t n)
{
    return (struct scoring_binding){.fields = {fields, 5}, .inputs = inputs, .input_count = n};
}

static void test_types(void **state)
{
    struct fixture *f = *state;
    struct data *k = data_make(f);
    struct scoring_input in[] = {{STR("i"), TENSOR_INT32, 1, 1, &place[0]},  {STR("f"), TENSOR_TYPE_COUNT, 1, 1, &place[1]}, {STR("d"), TENSOR_FP32, 2, 1, &place[2]},
                                 {STR("b"), TENSOR_BOOL, 1, 1, &place[3]},   {STR("s"), TENSOR_BYTES, 1, 1, &place[4]},      {STR("h"), TENSOR_FP16, 1, 1, &place[1]},
                                 {STR("m"), TENSOR_TYPE_COUNT, 2, 4, all_numbers}};
    const struct scoring_binding binding = binding_of(in, ARRAY_LEN(in));
    struct scoring_batch *b = scoring_batch_create(&binding, N);
    const struct scoring_chunk chunk = {.first = 500, .rows = N};
    struct tensor *t = NULL;
    size_t n = 0;
    for (int round = 0; round < 2; round++) { /* a batch is used again */
        scoring_batch_reset(b, &binding, &chunk);
        add(f, b, k, 7, N, false);
        CHECK(scoring_batch_tensors(&f->s.op, b, STR("f"), &t, &n));
        const size_t rows = N - 7;
        assert_true(n == ARRAY_LEN(in) && b->rows == rows && t[0].count == rows && t[0].type == TENSOR_INT32 && t[2].rank == 2 && t[2].shape[1] == 1);
        assert_true(t[1].type == TENSOR_FP32 && t[1].data == b->cols[1].data); /* not copied */
        assert_true(t[6].type == TENSOR_FP64 && t[6].count == 4 * rows && t[6].shape[1] == 4);
        for (size_t r = 0; r < rows; r++) {
            const size_t o = r + 7;
            const double *m = (const double *)t[6].data + 4 * r;
            assert_true(((const int32_t *)t[0].data)[r] == k->i[o] && ((const float *)t[1].data)[r] == k->f[o] && ((const float *)t[2].data)[r] == (float)k->d[o]);
            assert_true(((const uint8_t *)t[3].data)[r] == k->b[o] && str_eq(t[4].texts[r], k->s[o]) && ((const uint16_t *)t[5].data)[r] == tensor_to_fp16(k->f[o]));
            assert_true(m[0] == (double)k->i[o] && m[1] == (double)k->f[o] && m[2] == k->d[o] && m[3] == k->b[o]);
        }
    }
    scoring_batch_destroy(b);
}

static void test_nulls_are_missing_values(void **state)
{
    struct fixture *f = *state;
    struct data *k = data_make(f);
    struct scoring_input in[] = {{STR("i"), TENSOR_TYPE_COUNT, 1, 1, &place[0]}, {STR("f"), TENSOR_TYPE_COUNT, 1, 1, &place[1]},
                                 {STR("d"), TENSOR_FP64, 1, 1, &place[2]},       {STR("b"), TENSOR_TYPE_COUNT, 1, 1, &place[3]}};
    const struct scoring_binding binding = binding_of(in, ARRAY_LEN(in));
    struct scoring_batch *b = scoring_batch_create(&binding, N);
    struct tensor *t = NULL;
    size_t n = 0;
    scoring_batch_reset(b, &binding, &(struct scoring_chunk){.first = 1000, .rows = N});
    add(f, b, k, 0, N, true);
    CHECK(scoring_batch_tensors(&f->s.op, b, STR("f"), &t, &n));
    assert_true(t[0].type == TENSOR_FP64 && t[1].type == TENSOR_FP32 && t[2].type == TENSOR_FP64 && t[3].type == TENSOR_FP32);
    for (size_t r = 0; r < N; r++) {
        const double got[] = {((const double *)t[0].data)[r], (double)((const float *)t[1].data)[r], ((const double *)t[2].data)[r],
                              (double)((const float *)t[3].data)[r]};
        const double want[] = {(double)k->i[r], (double)k->f[r], k->d[r], k->b[r]};
        for (size_t c = 0; c < 4; c++)
            assert_true(r % 5 == 2 ? isnan(got[c]) : got[c] == want[c]);
    }
    /* Types without room for one say where it is. */
    const enum tensor_type tight[] = {TENSOR_INT64, TENSOR_BOOL};
    const size_t *places[] = {&place[0], &place[3]};
    for (size_t i = 0; i < 2; i++) {
        in[0] = (struct scoring_input){STR("z"), tight[i], 1, 1, places[i]};
        refused(f, E_INVALID, scoring_batch_tensors(&f->s.op, b, STR("file"), &t, &n), "is null in row 1002");
    }
    in[0] = (struct scoring_input){STR("z"), TENSOR_BYTES, 1, 1, &place[4]};
    CHECK(scoring_batch_tensors(&f->s.op, b, STR("file"), &t, &n));
    for (size_t r = 0; r < N; r++)
        assert_true(str_eq(t[0].texts[r], r % 5 == 2 ? STR("") : k->s[r]));
    scoring_batch_destroy(b);
}

static void test_integers_out_of_range(void **state)
{
    struct fixture *f = *state;
    struct data *k = data_make(f);
    struct scoring_input in[] = {{STR("i"), TENSOR_UINT8, 1, 1, &place[0]}};
    const struct scoring_binding binding = binding_of(in, 1);
    struct scoring_batch *b = scoring_batch_create(&binding, N);
    struct tensor *t = NULL;
    size_t n = 0;
    scoring_batch_reset(b, &binding, &(struct scoring_chunk){.first = 100, .rows = N});
    add(f, b, k, 100, 356, false);
    CHECK(scoring_batch_tensors(&f->s.op, b, STR("file"), &t, &n));
    assert_int_equal(((const uint8_t *)t[0].data)[255], 255);
    add(f, b, k, 356, 357, false);
    refused(f, E_INVALID, scoring_batch_tensors(&f->s.op, b, STR("file"), &t, &n), "\"i\" is 256 in row 356; the model takes UINT8");
    in[0].type = TENSOR_INT8;
    refused(f, E_INVALID, scoring_batch_tensors(&f->s.op, b, STR("file"), &t, &n), "is 128 in row 228");
    scoring_batch_destroy(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_types, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_nulls_are_missing_values, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_integers_out_of_range, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
