/* Rows and columns without types as tensors of a tensor model and of a row model. */
#include "api/frame.h"

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

static struct str names[] = {STR_INIT("a"), STR_INIT("b")};
static const struct tensor_spec matrix_spec[] = {{.name = STR_INIT("features"), .type = TENSOR_FP32, .rank = 2, .shape = {-1, 2}}};
static const struct tensor_spec mixed_spec[] = {{.name = STR_INIT("n"), .type = TENSOR_INT32, .rank = 2, .shape = {-1, 1}},
                                                {.name = STR_INIT("t"), .type = TENSOR_BYTES, .rank = 1, .shape = {-1}},
                                                {.name = STR_INIT("h"), .type = TENSOR_FP16, .rank = 3, .shape = {-1, 1, 2}}};
static const struct tensor_spec dense_spec[] = {{.name = STR_INIT("x"), .type = TENSOR_FP32, .rank = 2, .shape = {-1, 3}}};
static const struct infer_signature row_sig = {.inputs = matrix_spec, .input_count = 1, .joins = true}, mixed_sig = {.inputs = mixed_spec, .input_count = 3},
                                    dense_sig = {.inputs = dense_spec, .input_count = 1};
static const struct serve_info row_info = {.name = STR_INIT("r"), .features = 2, .feature_names = names, .id_field = STR_INIT("id")}, tensor_info = {.name = STR_INIT("t")};

static struct json *parse(struct fixture *f, const char *text)
{
    struct json *doc = NULL;
    op_clear(&f->op);
    if (json_parse(&f->op, str_from(text), JSON_NAN | JSON_PACK, &doc) != OK)
        fail_msg("%s: %s", text, f->op.msg);
    return doc;
}

static enum err records(struct fixture *f, const struct frame_want *w, const char *text, struct frame_tensors *ret)
{
    struct frame frame;
    enum err e = frame_of_records(&f->op, w, parse(f, text), &frame);
    return e ? e : frame_tensors(&f->op, w, &frame, ret);
}

static void test_row_model(void **state)
{
    struct fixture *f = *state;
    struct frame_want w = {.info = &row_info, .sig = &row_sig};
    struct frame_tensors t;
    /* In order: one matrix. Else columns. */
    assert_int_equal(records(f, &w, "[{\"a\":1,\"b\":2.5},{\"b\":null,\"a\":3}]", &t), OK);
    const double *x = t.p[0].data;
    assert_true(t.len == 1 && t.rows == 2 && t.p[0].type == TENSOR_FP64 && t.p[0].shape[1] == 2 && x[1] == 2.5 && x[2] == 3 && isnan(x[3]));
    assert_int_equal(records(f, &w, "[{\"b\":1,\"a\":2,\"id\":7}]", &t), OK);
    assert_true(t.len == 3 && str_eqc(t.p[0].name, "b") && t.p[0].type == TENSOR_FP64 && t.p[2].type == TENSOR_INT64);
    assert_int_equal(records(f, &w, "[{\"b\":1,\"a\":2,\"id\":\"x\",\"z\":true}]", &t), OK);
    assert_true(t.len == 4 && t.p[2].type == TENSOR_BYTES && t.p[3].type == TENSOR_BOOL);
    w.drop_unknown = true;
    assert_int_equal(records(f, &w, "[{\"b\":1,\"a\":2,\"id\":\"x\",\"z\":true}]", &t), OK);
    assert_int_equal(t.len, 3);
    assert_int_equal(records(f, &w, "[{\"z\":true}]", &t), E_INVALID);
    assert_int_equal(frame_tensor_of_list(&f->op, &w, parse(f, "[1,2]"), true, &t), E_INVALID);
    assert_int_equal(frame_tensor_of_list(&f->op, &w, parse(f, "[1,2]"), false, &t), OK);
    assert_true(t.p[0].rank == 1 && t.p[0].shape[0] == 2);
}

/* Every row in an order of its own, and what is missing in one. */
static void test_orders(void **state)
{
    struct fixture *f = *state;
    enum { COLS = 300, ROWS = 7 };
    struct frame_want w = {.info = &tensor_info, .sig = &mixed_sig};
    struct frame frame;
    AUTO(buf) struct buf text;
    buf_init(&text, LIMIT_MIB(1));
    for (int i = 0; i < ROWS; i++) {
        buf_add_cstr(&text, i ? "},{" : "[{");
        for (int c = 0; c < COLS; c++) {
            const int name = !i ? c : i % 2 ? COLS - 1 - c : (c * 7 + i) % COLS; /* 7 and 300 have no factor in common */
            buf_addf(&text, "%s\"c%d\":%d", c ? "," : "", name, i * 1000 + name);
        }
    }
    buf_add_cstr(&text, "}]");
    assert_int_equal(frame_of_records(&f->op, &w, parse(f, str_cstr(f->arena, buf_str(&text))), &frame), OK);
    assert_true(frame.rows == ROWS && frame.cols == COLS);
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t c = 0; c < COLS; c++) {
            const struct json cell = frame.cell(&frame, i, c);
            assert_true(cell.type == JSON_INT && str_eqc(frame.names[c], op_printf(&f->op, "c%d", (int)cell.i % 1000)) && cell.i / 1000 == (int64_t)i);
        }
    }
    const char *odd = "[{\"a\":1,\"b\":2},{\"b\":4},{\"b\":6,\"a\":5}]";
    assert_int_equal(frame_of_records(&f->op, &w, parse(f, odd), &frame), E_INVALID);
    w.fill_missing = true;
    assert_int_equal(frame_of_records(&f->op, &w, parse(f, odd), &frame), OK);
    assert_true(frame.cell(&frame, 1, 0).type == JSON_NULL && frame.cell(&frame, 1, 1).i == 4 && frame.cell(&frame, 2, 0).i == 5 && frame.cell(&frame, 0, 1).i == 2);
    assert_int_equal(frame_of_records(&f->op, &w, parse(f, "[{\"a\":1},{\"c\":1,\"a\":2}]"), &frame), E_INVALID);
    assert_int_equal(frame_of_records(&f->op, &w, parse(f, "[{},{}]"), &frame), OK);
    assert_int_equal(frame_of_records(&f->op, &w, parse(f, "[{},{\"a\":1}]"), &frame), E_INVALID);
}

static void test_tensor_model(void **state)
{
    struct fixture *f = *state;
    struct frame_want w = {.info = &tensor_info, .sig = &mixed_sig};
    struct frame_tensors t;
    assert_int_equal(records(f, &w, "[{\"n\":1,\"t\":\"x\",\"h\":[[1.5,2]]},{\"n\":2,\"t\":\"y\",\"h\":[[3,4]]}]", &t), OK);
    assert_true(t.p[0].type == TENSOR_INT32 && t.p[0].rank == 2 && t.p[0].shape[1] == 1 && ((const int32_t *)t.p[0].data)[1] == 2);
    assert_true(str_eqc(t.p[1].texts[1], "y") && t.p[2].rank == 3 && tensor_from_fp16(((const uint16_t *)t.p[2].data)[3]) == 4);
    assert_int_equal(records(f, &w, "[{\"n\":1.5}]", &t), E_INVALID);
    assert_int_equal(records(f, &w, "[{\"n\":1,\"h\":[[1]]},{\"n\":1,\"h\":[[1,2]]}]", &t), E_INVALID); /* ragged */
    assert_int_equal(frame_tensor_of_list(&f->op, &w, parse(f, "[[1]]"), false, &t), E_INVALID);
    assert_int_equal(frame_tensors_of_object(&f->op, &w, parse(f, "{\"n\":[[1],[2]],\"t\":[\"a\",\"b\"]}"), &t), OK);
    assert_true(t.len == 2 && t.rows == 2);
    /* A frame of columns that are no inputs is the one matrix. */
    struct frame frame;
    w.sig = &dense_sig;
    const struct json *split = parse(f, "{\"columns\":[\"p\",\"q\",\"r\"],\"data\":[[1,2,3],[4,5,6.5]]}");
    assert_int_equal(frame_of_rows(&f->op, json_get(split, "columns"), json_get(split, "data"), &frame), OK);
    assert_int_equal(frame_tensors(&f->op, &w, &frame, &t), OK);
    assert_true(t.len == 1 && t.p[0].type == TENSOR_FP32 && str_eqc(t.p[0].name, "x") && ((const float *)t.p[0].data)[5] == 6.5f);
    assert_int_equal(records(f, &w, "[{\"x\":[1,2,3]},{\"x\":[4,5,6]}]", &t), OK);
    assert_true(t.p[0].rank == 2 && t.p[0].shape[1] == 3);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_row_model), TEST(test_orders), TEST(test_tensor_model)};
    return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
