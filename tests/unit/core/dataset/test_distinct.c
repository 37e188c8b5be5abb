/* Repeated rows, against counting by sorting. */
#include "unit/core/dataset/data_fixture.h"

#include "core/dataset/distinct.h"

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void test_against_sort(void **state)
{
    struct data *f = *state;
    enum { N = 20000 };
    static int64_t v[N], sorted[N];
    uint64_t r = 1;
    for (size_t i = 0; i < N; i++) {
        r = r * 6364136223846793005ULL + 1442695040888963407ULL;
        v[i] = sorted[i] = (int64_t)(r >> 49); /* 32768 values: many repeat, many do not */
    }
    qsort(sorted, N, sizeof *sorted, compare_i64);
    uint64_t values = 0, repeated = 0;
    for (size_t i = 0, j; i < N; i = j) {
        for (j = i; j < N && sorted[j] == sorted[i]; j++) {
        }
        values++;
        repeated += j - i > 1 ? j - i : 0;
    }
    struct table_column c = {.type = TABLE_I64, .data = v};
    const struct table_column *cols[] = {&c};
    struct distinct *d = distinct_create();
    for (size_t i = 0; i < N; i++)
        assert_true(distinct_add(d, cols, 1, i, i + (i >= 100))); /* a row is skipped: indices must not shift */
    struct distinct_result got;
    must(f, distinct_finish(&f->op, d, N, &got));
    assert_int_equal(got.values, values);
    assert_int_equal(got.repeated, repeated);
    assert_int_equal(got.index_len, repeated);
    for (size_t i = 0; i < got.index_len; i++) {
        uint64_t row = got.indices[i] - (got.indices[i] >= 100);
        size_t n = 0;
        for (size_t k = 0; i < 50 && k < N; k++)
            n += v[k] == v[row];
        assert_true(i >= 50 || n > 1);
        assert_true(!i || got.indices[i] > got.indices[i - 1]);
    }
    distinct_destroy(d);
    distinct_destroy(NULL);
}

static void test_cells(void **state)
{
    (void)state;
    double reals[] = {0.0, -0.0, NAN, -NAN, 1.0};
    struct str texts[] = {STR("a"), STR("ab"), STR("a")};
    uint64_t valid = 1;
    struct table_column r = {.type = TABLE_F64, .data = reals}, s = {.type = TABLE_STRING, .data = texts}, n = {.type = TABLE_F64, .data = reals, .valid = &valid};
    assert_true(distinct_hash_cell(&r, 0, 5) == distinct_hash_cell(&r, 1, 5));
    assert_true(distinct_hash_cell(&r, 2, 5) == distinct_hash_cell(&r, 3, 5));
    assert_true(distinct_hash_cell(&r, 0, 5) != distinct_hash_cell(&r, 4, 5));
    assert_true(distinct_hash_cell(&n, 1, 5) != distinct_hash_cell(&r, 1, 5));
    assert_true(distinct_hash_cell(&s, 0, 5) == distinct_hash_cell(&s, 2, 5));
    assert_true(distinct_hash_cell(&s, 0, 5) != distinct_hash_cell(&s, 1, 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_sort), cmocka_unit_test(test_cells)};
    return cmocka_run_group_tests(tests, data_setup, data_teardown);
}
