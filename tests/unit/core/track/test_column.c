/* Columns by themselves; together with all else they are judged in test_index.c. */
#include "unit/core/track/fixture.h"

#include <float.h>
#include <math.h>

#include "core/track/column.h"

static struct str tested(struct op *op, const struct column *c, struct filter_clause clause, size_t n)
{
    uint64_t bits[4] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    char *out = arena_alloc(op->arena, n + 1);
    assert_ok(op, column_test(op, c, &clause, n, bits));
    for (size_t i = 0; i < n; i++)
        out[i] = bits_get(bits, i) ? '1' : '0';
    return (struct str){out, n};
}

static void reals(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    const double values[] = {-DBL_MAX, -1.5, -0.0, 0.0, DBL_TRUE_MIN, 2, DBL_MAX, (double)NAN};
    struct column *c = column_create(FILTER_METRIC, 0, STR("loss"));
    assert_true(column_grow(c, 9));
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        column_put_real(c, i, values[i]);
    assert_str(tested(op, c, (struct filter_clause){.op = FILTER_LT, .real = 0}, 9), "110000000");
    assert_str(tested(op, c, (struct filter_clause){.op = FILTER_EQ, .real = 0}, 9), "001100000");
    assert_str(tested(op, c, (struct filter_clause){.op = FILTER_NE, .real = 2}, 9), "111110110");
    assert_str(tested(op, c, (struct filter_clause){.op = FILTER_IS_NULL}, 9), "000000001");
    assert_str(tested(op, c, (struct filter_clause){.op = FILTER_NOT_NULL}, 9), "111111110");
    for (size_t i = 0; i + 1 < 9; i++) {
        uint64_t up = column_sort_key(c, i, false, false), next = column_sort_key(c, i + 1, false, false);
        assert_true(i == 2 ? up == next : up < next); /* zeros are equal; NaN comes behind numbers, absence last */
        if (i + 2 < 8)
            assert_true(i == 2 || column_sort_key(c, i, true, false) > column_sort_key(c, i + 1, true, false));
    }
    assert_true(column_sort_key(c, 7, true, false) < column_sort_key(c, 8, true, false));
    assert_true(column_sort_key(c, 0, true, false) < column_sort_key(c, 7, true, false));
    column_absent(c, 5);
    assert_int_equal(column_key(c, 5).kind, ORDER_ABSENT);
    assert_int_equal(column_key(c, 7).kind, ORDER_NAN);
    assert_true(column_is(c, FILTER_METRIC, 0, STR("loss")) && !column_is(c, FILTER_METRIC, 0, STR("los")) && !column_is(c, FILTER_TAG, 0, STR("loss")));
    column_destroy(c);
}

static void texts(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    const char *const values[] = {"b", "a", "aaaaaaaaB", "aaaaaaaaa", "", "b"};
    struct column *c = column_create(FILTER_TAG, 0, STR("k"));
    assert_true(column_grow(c, 7));
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        assert_true(column_put_text(c, i, str_from(values[i])));
    struct str list[] = {STR("b"), STR("none")};
    assert_str(tested(op, c, (struct filter_clause){.op = FILTER_EQ, .text = STR("b")}, 7), "1000010");
    assert_str(tested(op, c, (struct filter_clause){.op = FILTER_NE, .text = STR("b")}, 7), "0111100");
    assert_str(tested(op, c, (struct filter_clause){.op = FILTER_IN, .list = list, .list_len = 2}, 7), "1000010");
    assert_str(tested(op, c, (struct filter_clause){.op = FILTER_NOT_IN, .list = list, .list_len = 2}, 7), "0111100");
    assert_str(tested(op, c, (struct filter_clause){.op = FILTER_LIKE, .text = STR("a%")}, 7), "0111000");
    assert_str(tested(op, c, (struct filter_clause){.op = FILTER_ILIKE, .text = STR("A%b")}, 7), "0010000");
    assert_str(tested(op, c, (struct filter_clause){.op = FILTER_IS_NULL}, 7), "0000001");
    assert_true(column_sort_key(c, 2, false, false) == column_sort_key(c, 3, false, false)); /* the first eight bytes */
    assert_true(texts_rank(&c->texts));
    assert_true(column_sort_key(c, 2, false, true) < column_sort_key(c, 3, false, true));
    assert_true(column_sort_key(c, 2, true, true) > column_sort_key(c, 3, true, true));
    /* Values that come and go leave their texts behind, until the column had better be made anew. */
    assert_false(column_is_stale(c));
    for (int i = 0; i < 6000; i++)
        assert_true(column_put_text(c, 0, str_from(op_printf(op, "beat %d", i))));
    assert_true(column_is_stale(c) && column_size(c) > 6000);
    column_destroy(c);
}

static void uses(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    struct column *c = column_create(FILTER_DATASET, 0, STR(""));
    struct str train = STR("train");
    assert_true(column_grow(c, 3));
    assert_true(column_add_use(c, 0, STR("a"), STR("1"), &train) && column_add_use(c, 0, STR("b"), STR("2"), NULL) &&
                column_add_use(c, 2, STR("b"), STR("2"), &train));
    assert_str(tested(op, c, (struct filter_clause){.op = FILTER_EQ, .attr = 0, .text = STR("b")}, 3), "101");
    assert_str(tested(op, c, (struct filter_clause){.op = FILTER_NE, .attr = 0, .text = STR("b")}, 3), "100");
    assert_str(tested(op, c, (struct filter_clause){.op = FILTER_EQ, .attr = 2, .text = STR("train")}, 3), "101");
    assert_str(tested(op, c, (struct filter_clause){.op = FILTER_IS_NULL, .attr = 0}, 3), "010");
    column_absent(c, 0);
    assert_str(tested(op, c, (struct filter_clause){.op = FILTER_NOT_NULL, .attr = 1}, 3), "001");
    assert_true(column_is(c, FILTER_DATASET, 1, STR("x")));
    column_destroy(c);
}

/* More runs than a word has bits, and texts that lie one behind the other: what is found must not begin in one and end in the next. */
static void many(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    enum { N = 200 };
    static const char *const words[] = {"ab", "b", "", "aba", "\xc3\xa9", "a_b", "xab", "abx", "ba"};
    static const char *const patterns[] = {"%ab%", "%ba%", "%bb%", "%a%", "%aba%", "%a_b%", "ab%", "%ab", "%", "%%", "%\xc3\xa9%", "_b%", "%b%a%", "%_"};
    static const enum filter_op ops[] = {FILTER_LT, FILTER_LE, FILTER_GT, FILTER_GE, FILTER_EQ, FILTER_NE};
    struct column *texts = column_create(FILTER_PARAM, 0, STR("p")), *reals = column_create(FILTER_METRIC, 0, STR("m"));
    assert_true(column_grow(texts, N) && column_grow(reals, N));
    for (size_t i = 0; i < N; i++) {
        if (i % 11)
            assert_true(column_put_text(texts, i, str_from(op_printf(op, "%s%s", words[i * 7 % 9], words[i / 9 % 9]))));
        if (i % 13)
            column_put_real(reals, i, i % 17 ? (double)(i % 5) : (double)NAN);
    }
    for (size_t k = 0; k < ARRAY_LEN(patterns); k++) {
        struct filter_clause c = {.op = FILTER_LIKE, .text = str_from(patterns[k])};
        struct str got = tested(op, texts, c, N);
        for (size_t i = 0; i < N; i++)
            assert_int_equal(got.p[i] == '1', i % 11 && filter_test_text(&c, column_key(texts, i).text));
    }
    for (size_t k = 0; k < ARRAY_LEN(ops); k++) {
        struct filter_clause c = {.op = ops[k], .real = 2};
        struct str got = tested(op, reals, c, N);
        for (size_t i = 0; i < N; i++)
            assert_int_equal(got.p[i] == '1', i % 13 && filter_test_f64(&c, i % 17 ? (double)(i % 5) : (double)NAN));
    }
    column_destroy(texts);
    column_destroy(reals);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(reals), fixture_test(texts), fixture_test(uses), fixture_test(many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
