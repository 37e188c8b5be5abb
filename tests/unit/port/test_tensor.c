/* Tensors: every half float there and back, conversions, shapes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "port/tensor.h"

static struct op op;

static void test_types(void **state)
{
    (void)state;
    enum tensor_type t;
    for (size_t i = 0; i < TENSOR_TYPE_COUNT; i++) {
        assert_true(tensor_type_parse(str_from(tensor_type_name((enum tensor_type)i)), &t));
        assert_int_equal(t, i);
    }
    assert_false(tensor_type_parse(STR("fp32"), &t));
    assert_int_equal(tensor_type_size(TENSOR_FP16), 2);
    assert_int_equal(tensor_type_size(TENSOR_BYTES), 0);
}

static void test_count(void **state)
{
    (void)state;
    size_t n = 7;
    assert_true(tensor_count((int64_t[]){2, 3}, 2, 6, &n));
    assert_int_equal(n, 6);
    assert_false(tensor_count((int64_t[]){2, 3}, 2, 5, &n));
    assert_false(tensor_count((int64_t[]){-1}, 1, 5, &n));
    assert_true(tensor_count(NULL, 0, 1, &n));
    assert_int_equal(n, 1);
    assert_true(tensor_count((int64_t[]){0, 1000}, 2, 1000, &n));
    assert_int_equal(n, 0);
    assert_false(tensor_count((int64_t[]){0, INT64_MAX}, 2, 1000, &n)); /* no length may exceed what could be there */
}

/* Every binary16 comes back as it was, but for NaN, which becomes quiet. */
static void test_fp16_all(void **state)
{
    (void)state;
    for (uint32_t h = 0; h <= UINT16_MAX; h++) {
        float f = tensor_from_fp16((uint16_t)h);
        if (isnan(f))
            assert_int_equal(tensor_to_fp16(f), h | 0x200u);
        else
            assert_int_equal(tensor_to_fp16(f), h);
    }
    assert_true(tensor_from_fp16(0x3c00) == 1.0f && tensor_from_fp16(0xc000) == -2.0f);
    assert_true(tensor_from_fp16(0x0001) == 0x1p-24f && tensor_from_fp16(0x7bff) == 65504.0f);
    assert_true(isinf(tensor_from_fp16(0x7c00)) && signbit(tensor_from_fp16(0x8000)));
}

/* Between two neighbours the nearest wins, in the middle the even one. */
static void test_fp16_rounds(void **state)
{
    (void)state;
    for (uint16_t h = 0; h < 0x7bff; h++) {
        float a = tensor_from_fp16(h), b = tensor_from_fp16((uint16_t)(h + 1)), middle = (a + b) / 2; /* exact in binary32 */
        assert_int_equal(tensor_to_fp16(middle), h % 2 ? h + 1 : h);
        assert_int_equal(tensor_to_fp16(nextafterf(middle, a)), h);
        assert_int_equal(tensor_to_fp16(nextafterf(middle, b)), h + 1);
    }
    assert_int_equal(tensor_to_fp16(65519.996f), 0x7bff);
    assert_int_equal(tensor_to_fp16(65520.0f), 0x7c00);
    assert_int_equal(tensor_to_fp16(-1e30f), 0xfc00);
}

static void test_bf16(void **state)
{
    (void)state;
    for (uint32_t h = 0; h <= UINT16_MAX; h++) {
        float f = tensor_from_bf16((uint16_t)h);
        if (!isnan(f))
            assert_int_equal(tensor_to_bf16(f), h);
        else
            assert_true(isnan(tensor_from_bf16(tensor_to_bf16(f))));
    }
    assert_int_equal(tensor_to_bf16(1.00390625f), 0x3f80); /* a tie goes to the even one */
    assert_int_equal(tensor_to_bf16(1.01171875f), 0x3f82);
}

static void test_convert(void **state)
{
    (void)state;
    const char bytes[] = "x\x01\x02\x00\xff\xff"; /* from an odd address */
    struct tensor t = {.name = STR("t"), .type = TENSOR_INT16, .rank = 1, .shape = {2}, .count = 2, .data = bytes + 2};
    float f[4] = {9, 9, 9, 9};
    double d[2];
    int64_t i[2];
    assert_int_equal(tensor_to_f32(&op, &t, f, 2), OK);
    assert_true(f[0] == 2 && f[1] == 9 && f[2] == -1 && f[3] == 9);
    assert_int_equal(tensor_to_f64(&op, &t, d, 1), OK);
    assert_true(d[0] == 2 && d[1] == -1);
    assert_int_equal(tensor_to_i64(&op, &t, i), OK);
    assert_true(i[0] == 2 && i[1] == -1);
    assert_int_equal(tensor_align(&op, &t), OK);
    assert_int_equal((uintptr_t)t.data % 2, 0);
    assert_memory_equal(t.data, bytes + 2, 4);

    const uint64_t big[] = {1, UINT64_MAX};
    struct tensor u = {.name = STR("u"), .type = TENSOR_UINT64, .rank = 1, .shape = {2}, .count = 2, .data = big};
    assert_int_equal(tensor_to_i64(&op, &u, i), E_INVALID);
    assert_non_null(strstr(op.msg, "\"u\": value 1"));
    const float half[] = {0.5f};
    struct tensor v = {.name = STR("v"), .type = TENSOR_FP32, .rank = 0, .count = 1, .data = half};
    assert_int_equal(tensor_to_i64(&op, &v, i), E_INVALID);
    struct tensor w = {.name = STR("w"), .type = TENSOR_BYTES, .rank = 1, .shape = {1}, .count = 1};
    assert_int_equal(tensor_to_f32(&op, &w, f, 1), E_INVALID);
    assert_int_equal(tensor_to_f64(&op, &w, d, 1), E_INVALID);
}

static void test_vector(void **state)
{
    (void)state;
    size_t n;
    struct tensor t = {.rank = 2, .shape = {3, 1}};
    assert_true(tensor_is_vector(&t, &n));
    assert_int_equal(n, 3);
    t.shape[1] = 2;
    assert_false(tensor_is_vector(&t, &n));
    t.rank = 0;
    assert_false(tensor_is_vector(&t, &n));
}

static void test_own(void **state)
{
    (void)state;
    float values[] = {1, 2};
    char text[] = "abc";
    struct str texts[] = {{text, 3}, {NULL, 0}};
    struct tensor t = {.type = TENSOR_FP32, .rank = 1, .shape = {2}, .count = 2, .data = values}, b = {.type = TENSOR_BYTES, .rank = 1, .shape = {2}, .count = 2, .texts = texts};
    struct tensor none = {.type = TENSOR_TYPE_COUNT}, huge = {.type = TENSOR_FP64, .count = (size_t)1 << 40, .data = values};
    assert_true(tensor_own(op.arena, &t) && tensor_own(op.arena, &b) && tensor_own(op.arena, &none));
    assert_false(tensor_own(op.arena, &huge));
    values[1] = 9;
    text[0] = 'x';
    texts[0].len = 0;
    assert_true(((const float *)t.data)[1] == 2 && str_eqc(b.texts[0], "abc") && b.texts[1].len == 0 && none.type == TENSOR_TYPE_COUNT);
}

int main(void)
{
    struct arena *arena = arena_create(LIMIT_MIB(1));
    op_init(&op, arena);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),       cmocka_unit_test(test_count), cmocka_unit_test(test_fp16_all), cmocka_unit_test(test_fp16_rounds),
        cmocka_unit_test(test_bf16),        cmocka_unit_test(test_convert), cmocka_unit_test(test_vector), cmocka_unit_test(test_own),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    arena_destroy(arena);
    return rc;
}
