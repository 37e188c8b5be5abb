/* ModelInferRequests written by the compiled code (or, where that cannot be, by hand) and read by ours. */
#include "unit/base/base_test.h"

#include "base/limits.h"
#include "unit/api/grpc/infer_twin.h"

static struct str packed(struct op *op, const Inference__ModelInferRequest *q)
{
    size_t n = inference__model_infer_request__get_packed_size(q);
    char *p = arena_array(op->arena, n + 1, char);
    assert_int_equal(inference__model_infer_request__pack(q, (uint8_t *)p), n);
    return (struct str){p, n};
}

/* One input, filled by the tests. */
struct one {
    Inference__ModelInferRequest q;
    Inference__ModelInferRequest__InferInputTensor in, *ins[2];
    Inference__InferTensorContents contents;
    ProtobufCBinaryData raw[2];
    int64_t shape[2];
};

static struct one *one_new(struct op *op, const char *type, int64_t n)
{
    struct one *o = op_new(op, struct one);
    inference__model_infer_request__init(&o->q);
    inference__model_infer_request__infer_input_tensor__init(&o->in);
    inference__infer_tensor_contents__init(&o->contents);
    o->q.model_name = (char *)(uintptr_t)"m";
    o->q.n_inputs = 1;
    o->q.inputs = o->ins;
    o->ins[0] = o->ins[1] = &o->in;
    o->in.name = (char *)(uintptr_t)"x";
    o->in.datatype = (char *)(uintptr_t)type;
    o->in.n_shape = 2;
    o->in.shape = o->shape;
    o->shape[0] = 1;
    o->shape[1] = n;
    o->in.contents = &o->contents;
    return o;
}

static void must_agree(struct op *op, struct one *o, struct grpc_infer *ret)
{
    struct str m = packed(op, &o->q);
    ASSERT_OK(op, grpc_infer_read(op, m, NULL, ret));
    assert_true(twin_equal(ret, &o->q));
}

static void must_refuse(struct op *op, struct one *o, enum err want, const char *says)
{
    struct grpc_infer q;
    struct str m = packed(op, &o->q);
    op_clear(op);
    enum err e = grpc_infer_read(op, m, NULL, &q);
    if (e != want || !strstr(op->msg, says))
        fail_msg("%s \"%s\", want %s with \"%s\"", err_name(e), op->msg ? op->msg : "", err_name(want), says);
    op_clear(op);
}

static void typed_values_of_every_type(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    struct grpc_infer q;
    int32_t ints[] = {-128, 0, 127};
    uint32_t uints[] = {0, 1, 255};
    int64_t i64s[] = {INT64_MIN, -1, INT64_MAX};
    uint64_t u64s[] = {0, 300, UINT64_MAX};
    float f32s[] = {1.5f, -0.0f, 3e38f};
    double f64s[] = {1e300, -2, 0.1};
    protobuf_c_boolean bools[] = {1, 0, 1};
    ProtobufCBinaryData texts[] = {{0, NULL}, {3, (uint8_t *)(uintptr_t)"a\0b"}, {1, (uint8_t *)(uintptr_t)"c"}};
    static const char *const types[] = {"BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64", "FP32", "FP64", "BYTES"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct one *o = one_new(op, types[i], 3);
        Inference__InferTensorContents *c = &o->contents;
        if (i == 0)
            c->bool_contents = bools, c->n_bool_contents = 3;
        else if (i <= 3)
            c->int_contents = ints, c->n_int_contents = 3;
        else if (i == 4)
            c->int64_contents = i64s, c->n_int64_contents = 3;
        else if (i <= 7)
            c->uint_contents = uints, c->n_uint_contents = 3;
        else if (i == 8)
            c->uint64_contents = u64s, c->n_uint64_contents = 3;
        else if (i == 9)
            c->fp32_contents = f32s, c->n_fp32_contents = 3;
        else if (i == 10)
            c->fp64_contents = f64s, c->n_fp64_contents = 3;
        else
            c->bytes_contents = texts, c->n_bytes_contents = 3;
        must_agree(op, o, &q);
        assert_false(q.raw);
        /* One value too few, too many. */
        o->shape[1] = 4;
        must_refuse(op, o, E_INVALID, "\"x\" has 3 values, its shape 4");
        o->shape[1] = 2;
        must_refuse(op, o, E_INVALID, "its shape 2");
        o->shape[1] = 3;
        /* Under another type's name. */
        o->in.datatype = (char *)(uintptr_t)(i == 9 ? "FP64" : "FP32");
        must_refuse(op, o, E_INVALID, "contents of another type");
    }
    int32_t wide[] = {128, 0, -129};
    struct one *o = one_new(op, "INT8", 3);
    o->contents.int_contents = wide;
    o->contents.n_int_contents = 3;
    must_refuse(op, o, E_INVALID, "value 0, 128, is out of the range of INT8");
    o->in.datatype = (char *)(uintptr_t)"INT16";
    must_agree(op, o, &q);
    uint32_t large = 70000;
    o = one_new(op, "UINT16", 1);
    o->contents.uint_contents = &large;
    o->contents.n_uint_contents = 1;
    must_refuse(op, o, E_INVALID, "out of the range of UINT16");
}

static void raw_values_are_views(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    struct grpc_infer q;
    float x[] = {1, 2, 3};
    struct one *o = one_new(op, "FP32", 3);
    o->in.contents = NULL;
    o->q.n_raw_input_contents = 1;
    o->q.raw_input_contents = o->raw;
    o->raw[0] = (ProtobufCBinaryData){sizeof x, (uint8_t *)x};
    struct str m = packed(op, &o->q);
    ASSERT_OK(op, grpc_infer_read(op, m, NULL, &q));
    assert_true(twin_equal(&q, &o->q) && q.raw);
    const char *data = q.request.inputs[0].data;
    assert_true(data > m.p && data + sizeof x == m.p + m.len);
    o->raw[0].len = 11;
    must_refuse(op, o, E_INVALID, "has 11 bytes of raw contents, its shape 12");
    o->q.n_raw_input_contents = 2;
    must_refuse(op, o, E_INVALID, "2 raw contents for 1 inputs");
    o->q.n_raw_input_contents = 1;
    o->raw[0].len = 12;
    o->in.contents = &o->contents;
    must_agree(op, o, &q); /* contents without a value are none */
    o->contents.fp32_contents = x;
    o->contents.n_fp32_contents = 3;
    must_refuse(op, o, E_INVALID, "typed and raw contents");
    static const char *const halves[] = {"FP16", "BF16"};
    for (size_t i = 0; i < 2; i++) {
        o = one_new(op, halves[i], 3);
        o->contents.fp32_contents = x;
        o->contents.n_fp32_contents = 3;
        must_refuse(op, o, E_INVALID, "contents of another type");
        o->in.contents = NULL;
        o->q.n_raw_input_contents = 1;
        o->q.raw_input_contents = o->raw;
        o->raw[0] = (ProtobufCBinaryData){6, (uint8_t *)x};
        must_agree(op, o, &q);
    }
    /* No values at all. */
    o = one_new(op, "FP32", 0);
    o->in.contents = NULL;
    must_agree(op, o, &q);
}

static void raw_texts(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    struct grpc_infer q;
    static const struct {
        struct str raw;
        bool ok;
    } cases[] = {
        {STR_INIT("\1\0\0\0a\3\0\0\0b\0c"), true}, {STR_INIT("\0\0\0\0\0\0\0\0"), true}, {STR_INIT("\1\0\0\0a\3\0\0\0b\0"), false}, {STR_INIT("\1\0\0\0a\1\0\0\0bx"), false},
        {STR_INIT("\1\0\0\0a"), false}, {STR_INIT("\377\377\377\377a\1\0\0\0b"), false}, {STR_INIT(""), false}, {STR_INIT("\1\0\0\0a\1\0\0"), false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct one *o = one_new(op, "BYTES", 2);
        o->in.contents = NULL;
        o->q.n_raw_input_contents = 1;
        o->q.raw_input_contents = o->raw;
        o->raw[0] = (ProtobufCBinaryData){cases[i].raw.len, (uint8_t *)(uintptr_t)cases[i].raw.p};
        if (cases[i].ok)
            must_agree(op, o, &q);
        else
            must_refuse(op, o, E_INVALID, "are not 2 texts");
    }
}

/* ---- what stands beside the tensors ---- */

static Inference__ModelInferRequest__ParametersEntry *entry(struct op *op, const char *key, Inference__InferParameter__ParameterChoiceCase kind)
{
    Inference__ModelInferRequest__ParametersEntry *e = op_new(op, Inference__ModelInferRequest__ParametersEntry);
    inference__model_infer_request__parameters_entry__init(e);
    e->key = (char *)(uintptr_t)key;
    e->value = op_new(op, Inference__InferParameter);
    inference__infer_parameter__init(e->value);
    e->value->parameter_choice_case = kind;
    return e;
}

static struct one *simple(struct op *op)
{
    static float x[] = {1, 2, 3};
    struct one *o = one_new(op, "FP32", 3);
    o->contents.fp32_contents = x;
    o->contents.n_fp32_contents = 3;
    return o;
}

static void parameters(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    struct grpc_infer q;
    struct one *o = simple(op);
    Inference__ModelInferRequest__ParametersEntry *all[8];
    all[0] = entry(op, "sequence_id", INFERENCE__INFER_PARAMETER__PARAMETER_CHOICE_INT64_PARAM);
    all[0]->value->int64_param = 42;
    all[1] = entry(op, "sequence_start", INFERENCE__INFER_PARAMETER__PARAMETER_CHOICE_BOOL_PARAM);
    all[1]->value->bool_param = 1;
    all[2] = entry(op, "sequence_end", INFERENCE__INFER_PARAMETER__PARAMETER_CHOICE_BOOL_PARAM);
    all[3] = entry(op, "priority", INFERENCE__INFER_PARAMETER__PARAMETER_CHOICE_UINT64_PARAM);
    all[3]->value->uint64_param = 3;
    all[4] = entry(op, "timeout", INFERENCE__INFER_PARAMETER__PARAMETER_CHOICE_INT64_PARAM);
    all[4]->value->int64_param = 2500;
    all[5] = entry(op, "id", INFERENCE__INFER_PARAMETER__PARAMETER_CHOICE_STRING_PARAM);
    all[5]->value->string_param = (char *)(uintptr_t)"unit 7";
    all[6] = entry(op, "somebody's own", INFERENCE__INFER_PARAMETER__PARAMETER_CHOICE_DOUBLE_PARAM);
    all[6]->value->double_param = 0.5;
    all[7] = entry(op, "triton_enable_empty_final_response", INFERENCE__INFER_PARAMETER__PARAMETER_CHOICE_BOOL_PARAM);
    all[7]->value->bool_param = 1;
    o->q.n_parameters = 8;
    o->q.parameters = all;
    o->q.id = (char *)(uintptr_t)"request 1";
    o->q.model_version = (char *)(uintptr_t)"12";
    must_agree(op, o, &q);
    const struct infer_request *r = &q.request;
    ASSERT_STR(r->sequence, "42");
    ASSERT_STR(r->unit_id, "unit 7");
    ASSERT_STR(r->id, "request 1");
    assert_true(r->sequence_start && !r->sequence_end && r->priority == 3 && r->timeout_us == 2500 && r->version == 12 && q.wants_final);
    all[0]->value->parameter_choice_case = INFERENCE__INFER_PARAMETER__PARAMETER_CHOICE_STRING_PARAM;
    all[0]->value->string_param = (char *)(uintptr_t)"session";
    all[5] = all[6];
    must_agree(op, o, &q);
    ASSERT_STR(q.request.sequence, "session");
    ASSERT_STR(q.request.unit_id, "request 1");

    static const struct {
        const char *key;
        int64_t value;
        const char *says;
    } bad[] = {{"priority", -1, "\"priority\" is not an integer from 0"}, {"priority", 1ll << 32, "\"priority\""}, {"timeout", -5, "\"timeout\""}, {"id", 1, "\"id\" is not a text"},
               {"sequence_start", 1, "\"sequence_start\" is not a boolean"}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        all[0] = entry(op, bad[i].key, INFERENCE__INFER_PARAMETER__PARAMETER_CHOICE_INT64_PARAM);
        all[0]->value->int64_param = bad[i].value;
        must_refuse(op, o, E_INVALID, bad[i].says);
    }
}

static void outputs_and_their_parameters(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    struct grpc_infer q;
    struct one *o = simple(op);
    Inference__ModelInferRequest__InferRequestedOutputTensor out = INFERENCE__MODEL_INFER_REQUEST__INFER_REQUESTED_OUTPUT_TENSOR__INIT, *outs[] = {&out};
    Inference__ModelInferRequest__InferRequestedOutputTensor__ParametersEntry p = INFERENCE__MODEL_INFER_REQUEST__INFER_REQUESTED_OUTPUT_TENSOR__PARAMETERS_ENTRY__INIT, *ps[] = {&p};
    Inference__InferParameter v = INFERENCE__INFER_PARAMETER__INIT;
    out.name = (char *)(uintptr_t)"score";
    p.key = (char *)(uintptr_t)"classification";
    p.value = &v;
    v.parameter_choice_case = INFERENCE__INFER_PARAMETER__PARAMETER_CHOICE_INT64_PARAM;
    v.int64_param = 2;
    out.n_parameters = 1;
    out.parameters = ps;
    o->q.n_outputs = 1;
    o->q.outputs = outs;
    must_agree(op, o, &q);
    assert_int_equal(q.request.outputs[0].classes, 2);
    v.int64_param = -2;
    must_refuse(op, o, E_INVALID, "\"classification\"");
    p.key = (char *)(uintptr_t)"shared_memory_region";
    v.parameter_choice_case = INFERENCE__INFER_PARAMETER__PARAMETER_CHOICE_STRING_PARAM;
    v.string_param = (char *)(uintptr_t)"r";
    must_refuse(op, o, E_INVALID, "no shared memory");
    out.n_parameters = 0;
    out.name = (char *)(uintptr_t)"";
    must_refuse(op, o, E_INVALID, "outputs[0] has no name");
}

static void refusals(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    struct grpc_infer q;
    struct one *o = simple(op);
    int64_t deep[9] = {1, 1, 1, 1, 1, 1, 1, 1, 3};
    o->q.n_inputs = 0;
    must_refuse(op, o, E_INVALID, "no inputs");
    o->q.n_inputs = 1;
    o->q.model_name = (char *)(uintptr_t)"";
    must_refuse(op, o, E_INVALID, "names no model");
    o->q.model_name = (char *)(uintptr_t)"m\xff";
    must_refuse(op, o, E_INVALID, "names no model");
    o->q.model_name = (char *)(uintptr_t)"m";
    o->q.model_version = (char *)(uintptr_t)"latest";
    must_refuse(op, o, E_INVALID, "\"latest\" is not a version number");
    o->q.model_version = (char *)(uintptr_t)"";
    o->q.id = (char *)(uintptr_t)"\xc3";
    must_refuse(op, o, E_INVALID, "id is not");
    o->q.id = (char *)(uintptr_t)"";
    o->in.name = (char *)(uintptr_t)"";
    must_refuse(op, o, E_INVALID, "inputs[0] has no name");
    o->in.name = (char *)(uintptr_t)"x";
    o->in.datatype = (char *)(uintptr_t)"FLOAT";
    must_refuse(op, o, E_INVALID, "\"FLOAT\" is not a datatype");
    o->in.datatype = (char *)(uintptr_t)"FP32";
    o->shape[0] = -1;
    must_refuse(op, o, E_INVALID, "a length of -1");
    o->shape[0] = INT64_MAX;
    must_refuse(op, o, E_TOO_LARGE, "more than");
    o->shape[0] = 1;
    o->in.shape = deep;
    o->in.n_shape = 9;
    must_refuse(op, o, E_INVALID, "more than 8 axes");
    o->in.n_shape = 0;
    must_refuse(op, o, E_INVALID, "has 3 values, its shape 1");
    assert_int_equal(grpc_infer_read(op, STR("not protobuf at all"), NULL, &q), E_INVALID);
    assert_int_equal(grpc_infer_read(op, STR("\x08\x01"), NULL, &q), E_INVALID); /* a number in the name's place */
    assert_int_equal(grpc_infer_read(op, STR(""), NULL, &q), E_INVALID);
}

/* What the compiled writer never writes but others may: numbers one by one and packed in turns, contents in two parts, unknown fields, another
 * order; the compiled reader must say the same. */
static void other_writers(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    static const char message[] = "\x2a\x24" /* inputs */
                                  "\x2a\x05\x35\0\0\x80\x3f"          /* contents: 1.0 alone */
                                  "\x18\x01\x1a\x01\x03"              /* shape 1, then packed 3 */
                                  "\xf8\x07\x05"                      /* field 127: unknown */
                                  "\x12\x04""FP32\x0a\x01x"           /* datatype, name */
                                  "\x2a\x0a\x32\x08\0\0\0\x40\0\0\x40\x40" /* contents: 2.0, 3.0 packed */
                                  "\x0a\x01q\x0a\x01m";               /* the last name counts */
    const struct str m = {message, sizeof message - 1};
    struct grpc_infer q;
    ASSERT_OK(op, grpc_infer_read(op, m, NULL, &q));
    const float *x = q.request.inputs[0].data;
    assert_true(x[0] == 1 && x[1] == 2 && x[2] == 3);
    ASSERT_STR(q.model, "m");
    Inference__ModelInferRequest *p = inference__model_infer_request__unpack(NULL, m.len, (const uint8_t *)m.p);
    assert_non_null(p);
    assert_true(twin_equal(&q, p));
    inference__model_infer_request__free_unpacked(p, NULL);
}

static void ids_of_broken_requests(void **state)
{
    (void)state;
    ASSERT_STR(grpc_infer_id(STR("\x1a\x02""ab\x0a\x01m")), "ab");
    ASSERT_STR(grpc_infer_id(STR("\x1a\x02""ab\x0a\x05m")), "ab");
    ASSERT_STR(grpc_infer_id(STR("\x1a\x7f""ab")), "");
    ASSERT_STR(grpc_infer_id(STR("")), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(typed_values_of_every_type), TEST(raw_values_are_views), TEST(raw_texts), TEST(parameters), TEST(outputs_and_their_parameters),
        TEST(refusals), TEST(other_writers), TEST(ids_of_broken_requests),
    };
    return cmocka_run_group_tests_name("grpc infer_read", tests, NULL, NULL);
}
