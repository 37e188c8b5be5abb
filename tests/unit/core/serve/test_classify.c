/* The largest values as texts. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/serve/classify.h"

static void check(const struct tensor *in, const struct str *labels, size_t label_count, size_t n,
                  const char *const *want, size_t want_len)
{
    struct arena *a = arena_create(LIMIT_MIB(1));
    struct op op;
    struct tensor t = *in;
    op_init(&op, a);
    assert_int_equal(classify(&op, &t, labels, label_count, n), OK);
    assert_int_equal(t.count, want_len);
    assert_true(t.type == TENSOR_BYTES && t.rank >= 2);
    for (size_t i = 0; i < want_len; i++)
        if (!str_eqc(t.texts[i], want[i]))
            fail_msg("%zu: %.*s, not %s", i, STR_FMT(t.texts[i]), want[i]);
    arena_destroy(a);
}

static void test_classify(void **state)
{
    (void)state;
    const float x[] = {0.1F, 0.7F, 0.2F, 3, NAN, 3};
    const struct tensor floats = {
        .name = STR("p"), .type = TENSOR_FP32, .rank = 2, .shape = {2, 3}, .count = 6, .data = x};
    const struct str labels[] = {STR("cat"), STR("dog")};
    check(&floats, labels, 2, 2,
          (const char *[]){"0.700000:1:dog", "0.200000:2", "3.000000:0:cat", "3.000000:2"}, 4);
    check(&floats, NULL, 0, 9,
          (const char *[]){"0.700000:1", "0.200000:2", "0.100000:0", "3.000000:0", "3.000000:2", "nan:1"}, 6);
    const int32_t whole[] = {-5, 7};
    const struct tensor ints = {
        .name = STR("i"), .type = TENSOR_INT32, .rank = 1, .shape = {2}, .count = 2, .data = whole};
    check(&ints, NULL, 0, 1, (const char *[]){"-5:0", "7:0"}, 2);
    const struct tensor empty = {.name = STR("e"), .type = TENSOR_FP32, .rank = 2, .shape = {0, 3}};
    check(&empty, NULL, 0, 2, NULL, 0);
    const double large = 1e308;
    const struct tensor d = {
        .name = STR("d"), .type = TENSOR_FP64, .rank = 2, .shape = {1, 1}, .count = 1, .data = &large};
    struct arena *a = arena_create(LIMIT_MIB(1));
    struct op op;
    struct tensor t = d;
    op_init(&op, a);
    assert_int_equal(classify(&op, &t, NULL, 0, 1), OK);
    assert_true(t.texts[0].len > 310);
    struct tensor texts = {
        .name = STR("t"), .type = TENSOR_BYTES, .rank = 1, .shape = {1}, .count = 1, .texts = labels};
    assert_int_equal(classify(&op, &texts, NULL, 0, 1), E_INVALID);
    arena_destroy(a);
}

/* One score of two classes is the probability of the second one. */
static void test_binary_score(void **state)
{
    static const struct str labels[] = {STR_INIT("no"), STR_INIT("yes")};
    const float v[] = {0.25F, 0.75F};
    struct arena *arena = arena_create(LIMIT_MIB(1));
    struct op op;
    struct tensor t = {.name = STR("score"), .type = TENSOR_FP32, .rank = 1, .shape = {2}, .count = 2, .data = v};
    (void)state;
    op_init(&op, arena);
    assert_int_equal(classify(&op, &t, labels, 2, 1), OK);
    assert_true(str_eqc(t.texts[0], "0.250000:0:yes") && str_eqc(t.texts[1], "0.750000:0:yes"));
    arena_destroy(arena);
}

/* Doubles would call some of these equal. */
static void test_whole_numbers_of_64_bits(void **state)
{
    (void)state;
    const int64_t longs[] = {9007199254740992, 9007199254740993, INT64_MAX, INT64_MIN, -1};
    const struct tensor i64 = {
        .name = STR("y"), .type = TENSOR_INT64, .rank = 2, .shape = {1, 5}, .count = 5, .data = longs};
    check(&i64, NULL, 0, 5,
          (const char *[]){"9223372036854775807:2", "9007199254740993:1", "9007199254740992:0", "-1:4",
                           "-9223372036854775808:3"},
          5);
    const uint64_t large[] = {UINT64_MAX - 1, 5, UINT64_MAX};
    const struct tensor u64 = {
        .name = STR("y"), .type = TENSOR_UINT64, .rank = 2, .shape = {1, 3}, .count = 3, .data = large};
    check(&u64, NULL, 0, 3, (const char *[]){"18446744073709551615:2", "18446744073709551614:0", "5:1"}, 3);
    const double zeros[] = {-0.0, 0.0, -INFINITY};
    const struct tensor d = {
        .name = STR("y"), .type = TENSOR_FP64, .rank = 2, .shape = {1, 3}, .count = 3, .data = zeros};
    check(&d, NULL, 0, 3, (const char *[]){"-0.000000:0", "0.000000:1", "-inf:2"}, 3);
}

static uint64_t next(uint64_t *state) /* splitmix64 */
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

/* By looking for the next one again and again. */
static void check_places(const uint64_t *keys, size_t len, size_t n, const size_t *got)
{
    bool taken[64] = {false};
    for (size_t k = 0; k < n; k++) {
        size_t best = SIZE_MAX;
        for (size_t i = 0; i < len; i++)
            if (!taken[i] && (best == SIZE_MAX || keys[i] > keys[best]))
                best = i;
        taken[best] = true;
        if (got[k] != best)
            fail_msg("%zu of %zu: place %zu, not %zu", k, len, got[k], best);
    }
}

static void test_places(void **state)
{
    (void)state;
    uint64_t seed = 7, keys[64];
    size_t places[65];
    for (int turn = 0; turn < 20000; turn++) {
        const size_t len = next(&seed) % 65, n = next(&seed) % 66;
        const uint64_t kinds = 1 + next(&seed) % 80; /* few of them: many are equal */
        for (size_t i = 0; i < len; i++)
            keys[i] = next(&seed) % kinds;
        places[n < len ? n : len] = 99;
        (void)classify_largest(keys, len, n, places);
        check_places(keys, len, n < len ? n : len, places);
        assert_int_equal(places[n < len ? n : len], 99);
    }
}

/* Neither the number of classes nor the order in which they stand makes it quadratic. */
static void test_comparisons(void **state)
{
    (void)state;
    enum { MANY = 50000 };
    static uint64_t keys[MANY];
    static size_t places[MANY];
    static const size_t wants[] = {1, 5, 1000, MANY / 2, MANY};
    uint64_t seed = 3;
    for (int order = 0; order < 4; order++) {
        for (size_t i = 0; i < MANY; i++)
            keys[i] = order == 0 ? i : order == 1 ? MANY - i : order == 2 ? next(&seed) : 5;
        for (size_t k = 0; k < ARRAY_LEN(wants); k++) {
            const double n = (double)wants[k], most = MANY + 2 * (MANY + n) * log2(n + 1);
            const size_t compared = classify_largest(keys, MANY, wants[k], places);
            if ((double)compared > most)
                fail_msg("order %d, %zu classes: %zu comparisons", order, wants[k], compared);
            for (size_t i = 1; i < wants[k]; i++)
                assert_true(keys[places[i - 1]] > keys[places[i]] || (keys[places[i - 1]] == keys[places[i]] && places[i - 1] < places[i]));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_classify), cmocka_unit_test(test_places), cmocka_unit_test(test_comparisons), cmocka_unit_test(test_binary_score),
                                       cmocka_unit_test(test_whole_numbers_of_64_bits)};
    return cmocka_run_group_tests_name("classify", tests, NULL, NULL);
}
