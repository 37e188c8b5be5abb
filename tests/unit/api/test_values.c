/* Values in JSON: every way in which nesting, counts, types and ranges can disagree is refused; what is read is exact; what is written reads
 * back. */
#include "api/values.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"

struct fixture {
    struct arena *arena;
    struct op op;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->arena = arena_create(LIMIT_MIB(64));
    op_init(&f->op, f->arena);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_destroy(f->arena);
    free(f);
    return 0;
}

/* `pack`: whether the parser packs must not matter. */
static enum err read_as(struct fixture *f, enum tensor_type type, const char *text, unsigned flags, bool pack, const int64_t *shape, uint32_t rank, struct tensor *t)
{
    struct json *doc = NULL;
    op_clear(&f->op);
    *t = (struct tensor){.name = STR("x"), .type = type, .rank = rank};
    if (json_parse(&f->op, str_from(text), JSON_NAN | (pack ? JSON_PACK : 0), &doc) != OK)
        fail_msg("%s: %s", text, f->op.msg);
    if (shape)
        memcpy(t->shape, shape, rank * sizeof(*shape));
    else if (values_shape(&f->op, doc, t) != OK)
        return f->op.err;
    if (shape)
        assert_true(tensor_count(t->shape, rank, LIMIT_TENSOR_VALUES, &t->count));
    return values_read(&f->op, doc, flags, t);
}

static void test_numbers_of_every_type(void **state)
{
    struct fixture *f = *state;
    struct tensor t;
    for (int pack = 0; pack < 2; pack++) {
        assert_int_equal(read_as(f, TENSOR_FP32, "[1,2.5,null,NaN,-Infinity,16777217]", 0, pack, NULL, 0, &t), OK);
        const float *x = t.data;
        assert_true(t.count == 6 && x[0] == 1 && x[1] == 2.5f && isnan(x[2]) && isnan(x[3]) && isinf(x[4]) && x[5] == 16777216);
        assert_int_equal(read_as(f, TENSOR_FP64, "[[1,2],[3,4.25]]", 0, pack, NULL, 0, &t), OK);
        const double *d = t.data;
        assert_true(t.rank == 2 && t.shape[1] == 2 && d[1] == 2 && d[3] == 4.25);
        assert_int_equal(read_as(f, TENSOR_UINT8, "[0,255,3.0]", 0, pack, NULL, 0, &t), OK);
        assert_true(((const uint8_t *)t.data)[1] == 255 && ((const uint8_t *)t.data)[2] == 3);
        assert_int_equal(read_as(f, TENSOR_INT16, "[-32768,32767]", 0, pack, NULL, 0, &t), OK);
        assert_true(((const int16_t *)t.data)[0] == INT16_MIN);
        assert_int_equal(read_as(f, TENSOR_INT32, "[-2147483648]", 0, pack, NULL, 0, &t), OK);
        assert_true(((const int32_t *)t.data)[0] == INT32_MIN);
        assert_int_equal(read_as(f, TENSOR_INT64, "[-9223372036854775808,9223372036854775807]", 0, pack, NULL, 0, &t), OK);
        assert_true(((const int64_t *)t.data)[0] == INT64_MIN && ((const int64_t *)t.data)[1] == INT64_MAX);
        assert_int_equal(read_as(f, TENSOR_UINT64, "[18446744073709551615,7]", 0, pack, NULL, 0, &t), OK);
        assert_true(((const uint64_t *)t.data)[0] == UINT64_MAX && ((const uint64_t *)t.data)[1] == 7);
        assert_int_equal(read_as(f, TENSOR_BOOL, "[true,false,1,0]", 0, pack, NULL, 0, &t), OK);
        assert_true(((const uint8_t *)t.data)[0] == 1 && ((const uint8_t *)t.data)[3] == 0);
        assert_int_equal(read_as(f, TENSOR_FP16, "[1.5,65504]", VALUES_HALF, pack, NULL, 0, &t), OK);
        assert_true(tensor_from_fp16(((const uint16_t *)t.data)[0]) == 1.5f && tensor_from_fp16(((const uint16_t *)t.data)[1]) == 65504);
    }
}

static void test_texts(void **state)
{
    struct fixture *f = *state;
    struct tensor t;
    assert_int_equal(read_as(f, TENSOR_BYTES, "[[\"a\",\"\"],[\"\\u0000b\",\"c\"]]", 0, true, NULL, 0, &t), OK);
    assert_true(t.count == 4 && t.rank == 2 && t.texts[2].len == 2 && str_eqc(t.texts[3], "c"));
    assert_int_equal(read_as(f, TENSOR_BYTES, "[{\"b64\":\"AQID\"},{\"b64\":\"AQ\"},{\"b64\":\"AQ==\"},{\"b64\":\"\"},\"x\"]", VALUES_B64, true, NULL, 0, &t), OK);
    assert_true(t.texts[0].len == 3 && t.texts[0].p[2] == 3 && t.texts[1].len == 1 && t.texts[2].len == 1 && !t.texts[3].len && str_eqc(t.texts[4], "x"));
    assert_int_equal(read_as(f, TENSOR_BYTES, "[null,\"x\"]", VALUES_NULLS, true, NULL, 0, &t), OK); /* a missing text is an empty one */
    assert_true(t.texts[0].len == 0 && str_eqc(t.texts[1], "x"));
    static const char *const bad[] = {"[{\"b64\":\"A\"}]", "[{\"b64\":\"A?==\"}]", "[{\"b64\":7}]", "[{\"b64\":\"AQID\",\"x\":1}]", "[{}]", "[null]", "[1]", "[true]", "[1.5,2]"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (read_as(f, TENSOR_BYTES, bad[i], VALUES_B64, true, NULL, 0, &t) != E_INVALID)
            fail_msg("%s was taken", bad[i]);
    assert_int_equal(read_as(f, TENSOR_BYTES, "[{\"b64\":\"AQID\"}]", 0, true, NULL, 0, &t), E_INVALID);
    assert_int_equal(read_as(f, TENSOR_FP64, "[\"1.5\",\"-2\"]", VALUES_TEXTS, true, NULL, 0, &t), OK);
    assert_true(((const double *)t.data)[1] == -2);
    assert_int_equal(read_as(f, TENSOR_FP64, "[\"1.5\"]", 0, true, NULL, 0, &t), E_INVALID);
    assert_int_equal(read_as(f, TENSOR_FP64, "[\"1.5x\"]", VALUES_TEXTS, true, NULL, 0, &t), E_INVALID);
}

static void test_refusals(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum tensor_type type;
        const char *text, *says;
        int64_t shape[3];
        uint32_t rank;
    } cases[] = {
        {TENSOR_FP32, "[1,2]", "2 values, the shape says 3", {3}, 1},
        {TENSOR_FP32, "[1,2,3,4]", "4 values, the shape says 3", {3}, 1},
        {TENSOR_FP32, "[[1,2],[3]]", "depth 1", {2, 2}, 2},
        {TENSOR_FP32, "[[1,2],[3,4,5]]", "depth 1", {2, 2}, 2},
        {TENSOR_FP32, "[[1,2]]", "depth 0", {2, 2}, 2},
        {TENSOR_FP32, "[[1,2],3]", "not nested", {2, 2}, 2},
        {TENSOR_FP32, "[[1,2],[3,[4]]]", "not nested", {2, 2}, 2},
        {TENSOR_FP32, "[1,2,[3],4]", "not nested", {2, 2}, 2},
        {TENSOR_FP32, "[[[1,2],[3,4]]]", "depth", {2, 2}, 2},
        {TENSOR_FP32, "[[1,2],[3,4]]", "not nested", {2, 2, 1}, 3},
        {TENSOR_FP32, "[[1,2,3,4]]", "depth", {2, 2}, 2},
        {TENSOR_FP32, "[[1]]", "depth 1", {1, 60000000}, 2},
        {TENSOR_FP32, "7", "not a list", {1}, 1},
        {TENSOR_FP32, "{}", "not a list", {1}, 1},
        {TENSOR_FP32, "[\"1\"]", "not a number", {1}, 1},
        {TENSOR_FP32, "[true]", "not a number", {1}, 1},
        {TENSOR_FP32, "[{}]", "not a number", {1}, 1},
        {TENSOR_FP32, "[1e39]", "out of the range of FP32", {1}, 1},
        {TENSOR_FP32, "[1,-3.5e38]", "data[1]", {2}, 1},
        {TENSOR_FP16, "[1]", "no form in JSON", {1}, 1},
        {TENSOR_BF16, "[1]", "no form in JSON", {1}, 1},
        {TENSOR_INT8, "[128]", "out of the range of INT8", {1}, 1},
        {TENSOR_INT8, "[-129]", "out of the range of INT8", {1}, 1},
        {TENSOR_UINT8, "[-1]", "out of the range of UINT8", {1}, 1},
        {TENSOR_UINT64, "[-1]", "out of the range of UINT64", {1}, 1},
        {TENSOR_INT64, "[9223372036854775808]", "not a INT64", {1}, 1},
        {TENSOR_INT64, "[1.5]", "not a INT64", {1}, 1},
        {TENSOR_INT64, "[1e300]", "not a INT64", {1}, 1},
        {TENSOR_INT64, "[null]", "not a INT64", {1}, 1},
        {TENSOR_INT64, "[NaN]", "not a INT64", {1}, 1},
        {TENSOR_INT64, "[true]", "not a INT64", {1}, 1},
        {TENSOR_INT64, "[\"1\"]", "not a INT64", {1}, 1},
        {TENSOR_BOOL, "[2]", "out of the range of BOOL", {1}, 1},
        {TENSOR_BOOL, "[\"true\"]", "not a BOOL", {1}, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (int pack = 0; pack < 2; pack++) {
            struct tensor t;
            enum err e = read_as(f, cases[i].type, cases[i].text, 0, pack, cases[i].shape, cases[i].rank, &t);
            if (e != E_INVALID || !strstr(f->op.msg, cases[i].says) || !strstr(f->op.msg, "input \"x\""))
                fail_msg("%s as %s: %s \"%s\"", cases[i].text, tensor_type_name(cases[i].type), err_name(e), e ? f->op.msg : "");
        }
    }
    struct tensor t;
    assert_int_equal(read_as(f, TENSOR_FP16, "[1e5]", VALUES_HALF, true, NULL, 0, &t), E_INVALID);
    assert_int_equal(read_as(f, TENSOR_FP32, "[[[[[[[[[1]]]]]]]]]", 0, true, NULL, 0, &t), E_INVALID);
    assert_int_equal(read_as(f, TENSOR_FP32, "[[1],[2,3]]", 0, true, NULL, 0, &t), E_INVALID);
}

static void write_as(struct fixture *f, const struct tensor *t, enum values_style style, unsigned flags, const char *want)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_MIB(1));
    json_out_init(&w, &b, 0);
    w.nonfinite = JSON_NONFINITE_BARE;
    op_clear(&f->op);
    if (values_write(&f->op, &w, t, style, flags, false) != OK)
        fail_msg("%s: %s", want, f->op.msg);
    assert_string_equal(b.p, want);
}

static void test_writing(void **state)
{
    struct fixture *f = *state;
    static const float x[] = {0.1f, 1, -2.5f, NAN, INFINITY, 1e-10f};
    static const uint64_t big[] = {UINT64_MAX};
    static const uint16_t half[] = {0x3c00, 0xc000};
    static const struct str texts[] = {STR_INIT("a\"b"), STR_INIT("\xff")};
    static const uint8_t flags[] = {0, 1};
    struct tensor t = {.name = STR("y"), .type = TENSOR_FP32, .rank = 3, .shape = {1, 2, 3}, .count = 6, .data = x};
    write_as(f, &t, VALUES_FLAT, 0, "[0.1,1.0,-2.5,NaN,Infinity,1e-10]");
    write_as(f, &t, VALUES_NESTED, 0, "[[[0.1,1.0,-2.5],[NaN,Infinity,1e-10]]]");
    t = (struct tensor){.name = STR("y"), .type = TENSOR_UINT64, .rank = 1, .shape = {1}, .count = 1, .data = big};
    write_as(f, &t, VALUES_NESTED, 0, "[18446744073709551615]");
    t.rank = 0;
    write_as(f, &t, VALUES_NESTED, 0, "18446744073709551615");
    write_as(f, &t, VALUES_FLAT, 0, "[18446744073709551615]");
    t = (struct tensor){.name = STR("y"), .type = TENSOR_FP16, .rank = 2, .shape = {2, 1}, .count = 2, .data = half};
    write_as(f, &t, VALUES_NESTED, 0, "[[1.0],[-2.0]]");
    t = (struct tensor){.name = STR("y"), .type = TENSOR_BOOL, .rank = 1, .shape = {2}, .count = 2, .data = flags};
    write_as(f, &t, VALUES_FLAT, 0, "[false,true]");
    t = (struct tensor){.name = STR("y"), .type = TENSOR_FP32, .rank = 2, .shape = {0, 3}, .count = 0, .data = x};
    write_as(f, &t, VALUES_NESTED, 0, "[]");
    write_as(f, &t, VALUES_FLAT, 0, "[]");
    t = (struct tensor){.name = STR("y"), .type = TENSOR_BYTES, .rank = 1, .shape = {2}, .count = 2, .texts = texts};
    write_as(f, &t, VALUES_FLAT, VALUES_B64, "[{\"b64\":\"YSJi\"},{\"b64\":\"/w==\"}]");
    AUTO(buf) struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_MIB(1));
    json_out_init(&w, &b, 0);
    assert_int_equal(values_write(&f->op, &w, &t, VALUES_FLAT, 0, false), E_INVALID);
    buf_reset(&b);
    json_out_init(&w, &b, 0);
    t = (struct tensor){.name = STR("y"), .type = TENSOR_FP32, .rank = 1, .shape = {6}, .count = 6, .data = x};
    assert_int_equal(values_write(&f->op, &w, &t, VALUES_FLAT, 0, true), E_INVALID);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_numbers_of_every_type), TEST(test_texts), TEST(test_refusals), TEST(test_writing)};
    return cmocka_run_group_tests_name("values", tests, NULL, NULL);
}
