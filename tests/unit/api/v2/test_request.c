/* Bodies of V2 inference: JSON, JSON with binary tensors behind it, one raw tensor; and what is malformed. */
#include "api/v2/request.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
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

static const struct tensor_spec one_input[] = {{.name = STR_INIT("features"), .type = TENSOR_FP32, .rank = 2, .shape = {-1, 3}}};
static const struct infer_signature matrix = {.inputs = one_input, .input_count = 1, .joins = true};

static enum err read_json(struct fixture *f, const char *body, struct v2_request *r)
{
    op_clear(&f->op);
    return v2_request_read(&f->op, str_from(body), (struct str){NULL, 0}, &matrix, NULL, r);
}

/* `json`, then `n` bytes; the header says `json_len` (SIZE_MAX: what is true). */
static enum err read_binary(struct fixture *f, const char *json, const void *bytes, size_t n, size_t json_len, struct v2_request *r)
{
    size_t len = strlen(json);
    char *body = arena_alloc(f->arena, len + n + 1), header[24];
    memcpy(body, json, len);
    if (n)
        memcpy(body + len, bytes, n);
    snprintf(header, sizeof(header), "%zu", json_len == SIZE_MAX ? len : json_len);
    op_clear(&f->op);
    return v2_request_read(&f->op, (struct str){body, len + n}, str_dup(f->arena, str_from(header)), &matrix, NULL, r);
}

#define X "{\"name\":\"x\",\"shape\":[1,3],\"datatype\":\"FP32\",\"data\":[1,2,3]}"

static void test_json(void **state)
{
    struct fixture *f = *state;
    struct v2_request r;
    const char *body = "{\"id\":\"r\",\"parameters\":{\"sequence_id\":18446744073709551615,\"sequence_start\":true,\"priority\":2,\"timeout\":500,\"other\":[1]},"
                       "\"outputs\":[{\"name\":\"a\"},{\"name\":\"b\",\"parameters\":{\"classification\":3,\"binary_data\":true}}],\"inputs\":[" X ","
                       "{\"shape\":[2,2],\"data\":[[\"p\",\"q\"],[\"r\",\"\"]],\"datatype\":\"BYTES\",\"name\":\"t\",\"parameters\":null}]}";
    if (read_json(f, body, &r) != OK)
        fail_msg("%s", f->op.msg);
    assert_true(str_eqc(r.infer.id, "r") && str_eqc(r.infer.sequence, "18446744073709551615") && str_eq(r.infer.unit_id, r.infer.sequence));
    assert_true(r.infer.sequence_start && !r.infer.sequence_end && r.infer.priority == 2 && r.infer.timeout_us == 500 && !r.binary);
    assert_true(r.infer.output_count == 2 && !r.infer.outputs[0].binary && r.infer.outputs[1].binary && r.infer.outputs[1].classes == 3);
    const struct tensor *x = &r.infer.inputs[0], *t = &r.infer.inputs[1];
    assert_true(r.infer.input_count == 2 && x->rank == 2 && x->count == 3 && ((const float *)x->data)[2] == 3);
    assert_true(t->count == 4 && str_eqc(t->texts[2], "r"));
    if (read_json(f, "{\"id\":\"r\",\"parameters\":{\"id\":\"unit\",\"binary_data_output\":true,\"nonfinite\":\"refuse\",\"sequence_id\":0},\"inputs\":[" X "]}", &r) != OK)
        fail_msg("%s", f->op.msg);
    assert_true(str_eqc(r.infer.unit_id, "unit") && r.binary && r.refuse_nonfinite && !r.infer.sequence.len && !r.infer.output_count);
}

static void test_binary(void **state)
{
    struct fixture *f = *state;
    struct v2_request r;
    /* 14 bytes of texts, then three floats that do not lie aligned. */
    char bytes[26] = "\x05\0\0\0hello\x01\0\0\0z";
    const float x[] = {1, NAN, 3};
    memcpy(bytes + 14, x, sizeof(x));
    const char *json = "{\"inputs\":[{\"name\":\"t\",\"shape\":[2],\"datatype\":\"BYTES\",\"parameters\":{\"binary_data_size\":14}},"
                       "{\"name\":\"x\",\"shape\":[1,3],\"datatype\":\"FP32\",\"parameters\":{\"binary_data_size\":12}}," X "]}";
    if (read_binary(f, json, bytes, sizeof(bytes), SIZE_MAX, &r) != OK)
        fail_msg("%s", f->op.msg);
    const float *got = r.infer.inputs[1].data;
    assert_true(str_eqc(r.infer.inputs[0].texts[0], "hello") && str_eqc(r.infer.inputs[0].texts[1], "z"));
    assert_true((uintptr_t)got % 4 == 0 && got[0] == 1 && isnan(got[1]) && got[2] == 3 && ((const float *)r.infer.inputs[2].data)[0] == 1);
    /* A raw body: rows are one. */
    op_clear(&f->op);
    assert_int_equal(v2_request_read(&f->op, (struct str){(const char *)x, sizeof(x)}, STR("0"), &matrix, NULL, &r), OK);
    assert_true(r.binary && r.infer.inputs[0].shape[0] == 1 && r.infer.inputs[0].shape[1] == 3 && str_eqc(r.infer.inputs[0].name, "features"));
    static const struct tensor_spec text_input[] = {{.name = STR_INIT("t"), .type = TENSOR_BYTES, .rank = 2, .shape = {-1, 1}}};
    const struct infer_signature text = {.inputs = text_input, .input_count = 1, .joins = true};
    assert_int_equal(v2_request_read(&f->op, STR("any bytes"), STR("0"), &text, NULL, &r), OK);
    assert_true(r.infer.inputs[0].count == 1 && str_eqc(r.infer.inputs[0].texts[0], "any bytes"));
    static const struct tensor_spec wide_input[] = {{.name = STR_INIT("w"), .type = TENSOR_INT16, .rank = 2, .shape = {-1, -1}}};
    const struct infer_signature wide = {.inputs = wide_input, .input_count = 1, .joins = true};
    assert_int_equal(v2_request_read(&f->op, STR("12345678"), STR("0"), &wide, NULL, &r), OK);
    assert_true(r.infer.inputs[0].shape[0] == 1 && r.infer.inputs[0].shape[1] == 4);
}

/* Every class of malformed body: E_INVALID, which is 400. Where Triton is known to answer otherwise, it says so. */
static void test_malformed_json(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *body, *says;
    } cases[] = {
        {"", "request body"},
        {"[]", "not an object"},
        {"{\"inputs\":[" X "]} x", "more text"},
        {"{\"inputs\":[" X "]}{}", "more text"},
        {"{\"inputs\":[" X "]", "',' or '}'"},
        {"{\"id\":\"a\",\"id\":\"b\",\"inputs\":[" X "]}", "twice"},
        {"{}", "no inputs"},
        {"{\"inputs\":[]}", "no inputs"},
        {"{\"inputs\":{}}", "no inputs"},
        {"{\"inputs\":[1]}", "no inputs"},
        {"{\"inputs\":[\"x\"]}", "inputs[0] is a string"},
        {"{\"inputs\":[{}]}", "inputs[0] has no name"},
        {"{\"inputs\":[{\"name\":7}]}", "inputs[0] has no name"},
        {"{\"inputs\":[{\"name\":\"\"}]}", "inputs[0] has no name"},
        {"{\"inputs\":[{\"name\":\"x\"}]}", "no datatype"},
        {"{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FLOAT\"}]}", "\"FLOAT\" is no datatype"},
        {"{\"inputs\":[{\"name\":\"x\",\"datatype\":\"fp32\",\"shape\":[1],\"data\":[1]}]}", "\"fp32\" is no datatype"},
        {"{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\"}]}", "shape"},
        {"{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":3,\"data\":[1]}]}", "shape"},
        {"{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[-1],\"data\":[1]}]}", "shape[0]"},
        {"{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1.5],\"data\":[1]}]}", "shape[0]"},
        {"{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[\"1\"],\"data\":[1]}]}", "shape[0]"},
        {"{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[null],\"data\":[1]}]}", "shape[0]"},
        {"{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data\":[1]}]}", "at most 8"},
        {"{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[9223372036854775807,9223372036854775807],\"data\":[1]}]}", "more than"},
        {"{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[4294967296,4294967296],\"data\":[]}]}", "more than"}, /* Triton multiplies to 0 */
        {"{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[100000000,3],\"data\":[]}]}", "more than"},
        {"{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1,3]}]}", "no data"},
        {"{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1,3],\"data\":null}]}", "not a list"},
        {"{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1,3],\"data\":[1,2]}]}", "2 values, the shape says 3"}, /* Triton: 500 */
        {"{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1,3],\"data\":[1,2,3,4]}]}", "4 values"},
        {"{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[2,2],\"data\":[[1,2],[3]]}]}", "depth 1"}, /* ragged; Triton reads on */
        {"{\"inputs\":[{\"name\":\"x\",\"datatype\":\"INT8\",\"shape\":[1],\"data\":[300]}]}", "out of the range"}, /* Triton cuts it */
        {"{\"inputs\":[{\"name\":\"x\",\"datatype\":\"INT64\",\"shape\":[1],\"data\":[1.5]}]}", "not a INT64"},
        {"{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP16\",\"shape\":[1],\"data\":[1]}]}", "no form in JSON"},
        {"{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1],\"data\":[1],\"parameters\":[]}]}", "parameters"},
        {"{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1],\"parameters\":{\"binary_data_size\":4}}]}", "no Inference-Header-Content-Length"},
        {"{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1],\"data\":[1],\"parameters\":{\"binary_data_size\":4}}]}", "both"},
        {"{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1],\"parameters\":{\"shared_memory_region\":\"r\",\"shared_memory_byte_size\":4}}]}", "shared memory"},
        {"{\"id\":7,\"inputs\":[" X "]}", "id is not"},
        {"{\"parameters\":{\"id\":7},\"inputs\":[" X "]}", "parameters.id"},
        {"{\"parameters\":[],\"inputs\":[" X "]}", "parameters"},
        {"{\"parameters\":{\"priority\":-1},\"inputs\":[" X "]}", "priority"},
        {"{\"parameters\":{\"priority\":4294967296},\"inputs\":[" X "]}", "priority"},
        {"{\"parameters\":{\"timeout\":1.5},\"inputs\":[" X "]}", "timeout"},
        {"{\"parameters\":{\"timeout\":\"1\"},\"inputs\":[" X "]}", "timeout"},
        {"{\"parameters\":{\"sequence_id\":-1},\"inputs\":[" X "]}", "sequence_id"},
        {"{\"parameters\":{\"sequence_id\":true},\"inputs\":[" X "]}", "sequence_id"},
        {"{\"parameters\":{\"sequence_start\":1},\"inputs\":[" X "]}", "sequence_start"},
        {"{\"parameters\":{\"binary_data_output\":\"yes\"},\"inputs\":[" X "]}", "binary_data_output"},
        {"{\"parameters\":{\"nonfinite\":\"zero\"},\"inputs\":[" X "]}", "nonfinite"},
        {"{\"outputs\":3,\"inputs\":[" X "]}", "outputs"},
        {"{\"outputs\":[3],\"inputs\":[" X "]}", "outputs"},
        {"{\"outputs\":[{}],\"inputs\":[" X "]}", "outputs[0] has no name"},
        {"{\"outputs\":[{\"name\":\"a\",\"parameters\":{\"classification\":0}}],\"inputs\":[" X "]}", "classification"},
        {"{\"outputs\":[{\"name\":\"a\",\"parameters\":{\"classification\":-1}}],\"inputs\":[" X "]}", "classification"},
        {"{\"outputs\":[{\"name\":\"a\",\"parameters\":{\"binary_data\":1}}],\"inputs\":[" X "]}", "binary_data"},
        {"{\"outputs\":[{\"name\":\"a\",\"parameters\":{\"shared_memory_region\":\"r\",\"shared_memory_byte_size\":4}}],\"inputs\":[" X "]}", "shared memory"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct v2_request r;
        enum err e = read_json(f, cases[i].body, &r);
        if (e != E_INVALID || !strstr(f->op.msg, cases[i].says))
            fail_msg("%s: %s \"%s\"", cases[i].body, err_name(e), e ? f->op.msg : "");
    }
}

#define BIN(type, shape, size) "{\"inputs\":[{\"name\":\"x\",\"shape\":" shape ",\"datatype\":\"" type "\",\"parameters\":{\"binary_data_size\":" size "}}]}"

static void test_malformed_binary(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *json, *bytes;
        size_t n, json_len;
        const char *says;
    } cases[] = {
        {BIN("FP32", "[1]", "4"), "1234", 4, 100000, "within the body"},
        {BIN("FP32", "[1]", "4"), "1234", 4, 5, "request body"},
        {BIN("FP32", "[1]", "4"), "123", 3, SIZE_MAX, "announced"},
        {BIN("FP32", "[1]", "4"), "12345", 5, SIZE_MAX, "1 bytes stand behind"},
        {BIN("FP32", "[2]", "4"), "1234", 4, SIZE_MAX, "the shape says 8"},
        {BIN("FP32", "[1]", "8"), "12345678", 8, SIZE_MAX, "the shape says 4"},
        {BIN("FP32", "[1]", "-4"), "1234", 4, SIZE_MAX, "binary_data_size"},
        {BIN("FP32", "[1]", "4.5"), "1234", 4, SIZE_MAX, "binary_data_size"},
        {BIN("FP32", "[1]", "9223372036854775807"), "1234", 4, SIZE_MAX, "announced"},
        {BIN("BOOL", "[2]", "2"), "\x01\x02", 2, SIZE_MAX, "neither 0 nor 1"},
        {BIN("BYTES", "[1]", "3"), "\0\0\0", 3, SIZE_MAX, "too few"},
        {BIN("BYTES", "[1]", "5"), "\x02\0\0\0a", 5, SIZE_MAX, "end within text 0"},
        {BIN("BYTES", "[1]", "5"), "\xff\xff\xff\xff" "a", 5, SIZE_MAX, "end within text 0"},
        {BIN("BYTES", "[1]", "6"), "\x01\0\0\0ab", 6, SIZE_MAX, "1 bytes stand behind its 1 texts"},
        {BIN("BYTES", "[2]", "8"), "\x02\0\0\0ab\0\0", 8, SIZE_MAX, "end within text 1"},
        {BIN("BYTES", "[60000000]", "4"), "\0\0\0\0", 4, SIZE_MAX, "too few"},
    };
    struct v2_request r;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum err e = read_binary(f, cases[i].json, cases[i].bytes, cases[i].n, cases[i].json_len, &r);
        if (e != E_INVALID || !strstr(f->op.msg, cases[i].says))
            fail_msg("%s: %s \"%s\"", cases[i].json, err_name(e), e ? f->op.msg : "");
    }
    static const struct tensor_spec two[] = {{.name = STR_INIT("a"), .type = TENSOR_FP32, .rank = 3, .shape = {-1, -1, -1}}, {.name = STR_INIT("b")}};
    const struct infer_signature several = {.inputs = two, .input_count = 2}, vague = {.inputs = two, .input_count = 1, .joins = true};
    assert_int_equal(v2_request_read(&f->op, STR("1234"), STR("0"), &several, NULL, &r), E_INVALID);
    assert_int_equal(v2_request_read(&f->op, STR("1234"), STR("0"), &vague, NULL, &r), E_INVALID);
    assert_int_equal(v2_request_read(&f->op, STR("1234"), STR("0"), &matrix, NULL, &r), E_INVALID);
    assert_int_equal(v2_request_read(&f->op, STR("{}"), STR("x"), &matrix, NULL, &r), E_INVALID);
    assert_int_equal(v2_request_read(&f->op, STR("{}"), STR("-1"), &matrix, NULL, &r), E_INVALID);
    assert_int_equal(v2_request_read(&f->op, STR("{}"), STR(""), &matrix, NULL, &r), E_INVALID);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_json), TEST(test_binary), TEST(test_malformed_json), TEST(test_malformed_binary)};
    return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
