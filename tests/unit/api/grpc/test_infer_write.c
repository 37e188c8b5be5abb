/* Answers that we write, read by the compiled code. */
#include "unit/base/base_test.h"

#include <inference.pb-c.h>

#include "api/grpc/infer_write.h"
#include "base/limits.h"

static struct tensor tensor_of(const char *name, enum tensor_type type, size_t n, const void *data)
{
    return (struct tensor){.name = str_from(name), .type = type, .rank = 2, .shape = {(int64_t)n, 1}, .count = n, .data = data};
}

static Inference__ModelInferResponse *written(const struct grpc_answer *a)
{
    struct buf b;
    buf_init(&b, LIMIT_MIB(1));
    buf_add_cstr(&b, "kept");
    grpc_answer_write(a, &b);
    Inference__ModelInferResponse *p = inference__model_infer_response__unpack(NULL, b.len - 4, (const uint8_t *)b.p + 4);
    assert_non_null(p);
    /* The compiled writer makes as many bytes of it: no length is written in another way than its own. */
    assert_int_equal(inference__model_infer_response__get_packed_size(p), b.len - 4);
    buf_clear(&b);
    return p;
}

static void raw_answers(void **state)
{
    const float x[] = {1, -2, 0};
    const struct str texts[] = {STR("one"), STR(""), STR("three")};
    struct tensor t[] = {tensor_of("score", TENSOR_FP32, 3, x), tensor_of("label", TENSOR_BYTES, 3, NULL), tensor_of("none", TENSOR_INT64, 0, NULL)};
    t[1].texts = texts;
    const struct grpc_answer a = {.model = STR("m"), .id = STR("7"), .version = 1203, .warning = "odd", .final = true, .raw = true, .outputs = t, .output_count = 3};
    Inference__ModelInferResponse *p = written(&a);
    (void)state;
    assert_string_equal(p->model_name, "m");
    assert_string_equal(p->model_version, "1203");
    assert_string_equal(p->id, "7");
    assert_int_equal(p->n_parameters, 2);
    assert_string_equal(p->parameters[0]->key, "warning");
    assert_string_equal(p->parameters[0]->value->string_param, "odd");
    assert_string_equal(p->parameters[1]->key, "triton_final_response");
    assert_true(p->parameters[1]->value->bool_param);
    assert_int_equal(p->n_outputs, 3);
    assert_int_equal(p->n_raw_output_contents, 3);
    assert_string_equal(p->outputs[1]->datatype, "BYTES");
    assert_int_equal(p->outputs[0]->n_shape, 2);
    assert_int_equal(p->outputs[0]->shape[0], 3);
    assert_int_equal(p->raw_output_contents[0].len, sizeof x);
    assert_memory_equal(p->raw_output_contents[0].data, x, sizeof x);
    assert_int_equal(p->raw_output_contents[1].len, 20);
    assert_memory_equal(p->raw_output_contents[1].data, "\3\0\0\0one\0\0\0\0\5\0\0\0three", 20);
    assert_int_equal(p->raw_output_contents[2].len, 0);
    assert_null(p->outputs[0]->contents);
    inference__model_infer_response__free_unpacked(p, NULL);
}

static void typed_answers(void **state)
{
    const float x[] = {1, -2};
    const double d[] = {1e300, 2};
    const int8_t i8[] = {-128, 127};
    const int32_t i32[] = {INT32_MIN, 5};
    const int64_t i64[] = {INT64_MIN, 300};
    const uint16_t u16[] = {65535, 0};
    const uint64_t u64[] = {UINT64_MAX, 128};
    const uint8_t flags[] = {1, 0};
    const struct str texts[] = {STR("a"), STR("")};
    struct tensor t[] = {tensor_of("f", TENSOR_FP32, 2, x), tensor_of("d", TENSOR_FP64, 2, d), tensor_of("i8", TENSOR_INT8, 2, i8), tensor_of("i32", TENSOR_INT32, 2, i32),
                         tensor_of("i64", TENSOR_INT64, 2, i64), tensor_of("u16", TENSOR_UINT16, 2, u16), tensor_of("u64", TENSOR_UINT64, 2, u64),
                         tensor_of("b", TENSOR_BOOL, 2, flags), tensor_of("t", TENSOR_BYTES, 2, NULL)};
    t[8].texts = texts;
    t[0].rank = 0;
    const struct grpc_answer a = {.model = STR("m"), .id = STR(""), .outputs = t, .output_count = ARRAY_LEN(t)};
    Inference__ModelInferResponse *p = written(&a);
    (void)state;
    assert_int_equal(p->n_raw_output_contents, 0);
    assert_int_equal(p->outputs[0]->n_shape, 0);
    assert_memory_equal(p->outputs[0]->contents->fp32_contents, x, sizeof x);
    assert_memory_equal(p->outputs[1]->contents->fp64_contents, d, sizeof d);
    assert_int_equal(p->outputs[2]->contents->int_contents[0], -128);
    assert_memory_equal(p->outputs[3]->contents->int_contents, i32, sizeof i32);
    assert_memory_equal(p->outputs[4]->contents->int64_contents, i64, sizeof i64);
    assert_int_equal(p->outputs[5]->contents->uint_contents[0], 65535);
    assert_memory_equal(p->outputs[6]->contents->uint64_contents, u64, sizeof u64);
    assert_true(p->outputs[7]->contents->bool_contents[0] && !p->outputs[7]->contents->bool_contents[1]);
    assert_int_equal(p->outputs[8]->contents->n_bytes_contents, 2);
    assert_memory_equal(p->outputs[8]->contents->bytes_contents[0].data, "a", 1);
    inference__model_infer_response__free_unpacked(p, NULL);
    /* A half among them: all are raw. */
    const uint16_t half = 0x3c00;
    struct tensor mixed[] = {t[1], tensor_of("h", TENSOR_FP16, 1, &half)};
    const struct grpc_answer b = {.model = STR("m"), .id = STR(""), .outputs = mixed, .output_count = 2};
    p = written(&b);
    assert_int_equal(p->n_raw_output_contents, 2);
    assert_null(p->outputs[0]->contents);
    inference__model_infer_response__free_unpacked(p, NULL);
}

static void stream_answers(void **state)
{
    const float x[] = {1};
    struct tensor t = tensor_of("score", TENSOR_FP32, 1, x);
    const struct grpc_answer a = {.model = STR("m"), .id = STR("9"), .version = 1, .raw = true, .outputs = &t, .output_count = 1};
    const struct grpc_answer none = {.model = STR(""), .id = STR("9")};
    AUTO(buf) struct buf b;
    (void)state;
    buf_init(&b, 4096);
    grpc_stream_answer_write(&a, STR(""), &b);
    Inference__ModelStreamInferResponse *p = inference__model_stream_infer_response__unpack(NULL, b.len, (const uint8_t *)b.p);
    assert_string_equal(p->error_message, "");
    assert_string_equal(p->infer_response->id, "9");
    assert_int_equal(p->infer_response->n_raw_output_contents, 1);
    inference__model_stream_infer_response__free_unpacked(p, NULL);
    buf_reset(&b);
    grpc_stream_answer_write(&none, STR("it failed"), &b);
    p = inference__model_stream_infer_response__unpack(NULL, b.len, (const uint8_t *)b.p);
    assert_string_equal(p->error_message, "it failed");
    assert_string_equal(p->infer_response->id, "9");
    assert_int_equal(p->infer_response->n_outputs, 0);
    inference__model_stream_infer_response__free_unpacked(p, NULL);
    struct buf small;
    buf_init(&small, 8);
    grpc_stream_answer_write(&a, STR(""), &small);
    assert_true(small.failed && !small.len);
    buf_clear(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(raw_answers), cmocka_unit_test(typed_answers), cmocka_unit_test(stream_answers)};
    return cmocka_run_group_tests_name("grpc infer_write", tests, NULL, NULL);
}
