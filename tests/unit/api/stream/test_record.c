#include "../../core/streaming/streaming_fixture.h"

struct asked {
    enum err err;
    struct str value;        /* of the answer */
    struct streaming_question question;
};

/* Decodes, asks, encodes. The failure's text is in f->op. */
static struct asked ask(struct streaming_fixture *f, const char *endpoint, const char *value)
{
    struct asked a = {.err = OK};
    struct serve_endpoint *ep = NULL;
    struct infer_signature sig;
    struct infer_answer answer = {0};
    struct stream_record r = {.topic = STR("in"), .has_key = true, .key = STR("key"), .has_value = true, .value = str_from(value)};
    AUTO(buf) struct buf out;
    buf_init(&out, LIMIT_MIB(1));
    op_clear(&f->op);
    CHECK(serve_acquire(&f->op, f->serve, str_from(endpoint), &ep));
    CHECK(serve_signature(&f->op, ep, 0, &sig));
    const struct serve_info *info = serve_endpoint_info(ep);
    a.err = f->codec.decode(f->codec.arg, &f->op, &r, info, &sig, &a.question);
    if (!a.err)
        a.err = serve_infer(&f->op, ep, &a.question.infer, &answer);
    if (!a.err)
        a.err = f->codec.encode(f->codec.arg, &f->op, info, &a.question, &answer, &out);
    a.value = str_dup(f->arena, buf_str(&out));
    serve_release(ep);
    return a;
}

static void expect(struct streaming_fixture *f, const char *endpoint, const char *value, const char *want)
{
    struct asked a = ask(f, endpoint, value);
    if (a.err || !str_eqc(a.value, want))
        fail_msg("%s: %s %.*s, want %s", value, a.err ? f->op.msg : "", STR_FMT(a.value), want);
}

static void expect_fail(struct streaming_fixture *f, const char *endpoint, const char *value, const char *text)
{
    struct asked a = ask(f, endpoint, value);
    if (a.err != E_INVALID || !strstr(f->op.msg, text))
        fail_msg("%s: %s %s, want %s", value, err_name(a.err), a.err ? f->op.msg : "", text);
}

static void test_rows(void **state)
{
    struct streaming_fixture *f = *state;
    expect(f, "lin", "{\"a\": -2, \"b\": 1}", "{\"model\":\"lin\",\"version\":1,\"outputs\":{\"score\":0.5}}");
    expect(f, "lin", "{\"id\": \"x\", \"b\": -0.5, \"c\": {}, \"a\": true}", "{\"model\":\"lin\",\"version\":1,\"id\":\"x\",\"outputs\":{\"score\":0.5}}");
    expect(f, "lin", "{\"id\": {\"n\": 1}, \"a\": 0, \"b\": false}", "{\"model\":\"lin\",\"version\":1,\"id\":{\"n\":1},\"outputs\":{\"score\":0.5}}");
    expect_fail(f, "lin", "{\"a\": 1}", "field \"b\" is missing");
    expect_fail(f, "lin", "{\"a\": 1, \"b\": \"2\"}", "field \"b\" is a string, not a number");
    expect_fail(f, "lin", "{\"a\": 1, \"b\": [2]}", "field \"b\"");
    expect_fail(f, "lin", "{\"a\": 1, \"a\": 1, \"b\": 2}", "a");
    expect_fail(f, "lin", "[1, 2]", "not an object");
    expect_fail(f, "lin", "", "the record's value");
    assert_true(str_eqc(ask(f, "lin", "{\"a\": 1, \"b\": 2}").question.infer.unit_id, "key"));
    assert_true(str_eqc(ask(f, "lin", "{\"id\": 7, \"a\": 1, \"b\": 2}").question.infer.unit_id, "7"));
}

static void test_inputs_by_name(void **state)
{
    struct streaming_fixture *f = *state;
    expect(f, "toy", "{\"x\": [1, 2], \"s\": \"h\\u00e9\", \"more\": 1}",
           "{\"model\":\"toy\",\"version\":1,\"outputs\":{\"sum\":3.0,\"echo\":\"h\xc3\xa9\",\"pair\":[-3.0,3.0]}}");
    expect(f, "toy", "{\"x\": [1, 2.5]}", "{\"model\":\"toy\",\"version\":1,\"outputs\":{\"sum\":3.5,\"echo\":\"\",\"pair\":[-3.5,3.5]}}");
    expect_fail(f, "toy", "{\"s\": \"a\"}", "field \"x\" is missing");
    expect_fail(f, "toy", "{\"x\": [1, 2, 3]}", "x");
    expect_fail(f, "toy", "{\"x\": [1, \"2\"]}", "x");
    expect_fail(f, "toy", "{\"x\": [[1, 2]]}", "x");
    expect_fail(f, "toy", "{\"x\": 1}", "x");
}

static void test_keys(void **state)
{
    struct streaming_fixture *f = *state;
    f->format.key_field = STR("user");
    struct asked a = ask(f, "lin", "{\"a\": 1, \"b\": 2, \"user\": \"u1\"}");
    assert_true(!a.err && a.question.has_key && str_eqc(a.question.key, "u1"));
    a = ask(f, "lin", "{\"a\": 1, \"b\": 2, \"user\": 12}");
    assert_true(!a.err && str_eqc(a.question.key, "12"));
    expect_fail(f, "lin", "{\"a\": 1, \"b\": 2}", "field \"user\", the key of the answer, is missing");
    /* A key that is too long is no empty key. */
    char *x = arena_alloc(f->arena, LIMIT_STREAM_KEY_BYTES + 1);
    memset(x, 'x', LIMIT_STREAM_KEY_BYTES);
    a = ask(f, "lin", op_printf(&f->op, "{\"a\": 1, \"b\": 2, \"user\": [\"%s\"]}", x));
    assert_int_equal(a.err, E_TOO_LARGE);
    expect_fail(f, "lin", "{\"a\": 1, \"b\": 2, \"user\": null}", "\"user\"");
}

static void test_nonfinite(void **state)
{
    struct streaming_fixture *f = *state;
    const char *value = "{\"x\": [3e38, 3e38]}"; /* the sum is infinite */
    expect(f, "toy", value, "{\"model\":\"toy\",\"version\":1,\"outputs\":{\"sum\":null,\"echo\":\"\",\"pair\":[null,null]}}");
    f->format.nonfinite = JSON_NONFINITE_STRING;
    expect(f, "toy", value, "{\"model\":\"toy\",\"version\":1,\"outputs\":{\"sum\":\"Infinity\",\"echo\":\"\",\"pair\":[\"-Infinity\",\"Infinity\"]}}");
    f->format.refuse_nonfinite = true;
    expect_fail(f, "toy", value, "not finite");
}

static void test_protocol(void **state)
{
    struct streaming_fixture *f = *state;
    f->format.format = STREAM_V2;
    struct asked a = ask(f, "lin", "{\"id\": \"q\", \"inputs\": [{\"name\": \"x\", \"datatype\": \"FP32\", \"shape\": [2, 2], \"data\": [0, 0, 2, -1]}]}");
    assert_int_equal(a.err, OK);
    assert_non_null(strstr(a.value.p, "\"id\":\"q\""));
    assert_non_null(strstr(a.value.p, "\"shape\":[2],\"data\":[0.5,0.5]"));
    expect_fail(f, "lin", "{\"inputs\": []}", "no inputs");
    expect_fail(f, "lin", "{\"inputs\": [{\"name\": \"x\", \"datatype\": \"FP32\", \"shape\": [1, 2], \"parameters\": {\"binary_data_size\": 8}}]}", "binary_data_size");
    expect_fail(f, "lin", "{\"inputs\": [{\"name\": \"x\", \"datatype\": \"FP32\", \"shape\": [1, 2], \"data\": [1, 2]}], \"parameters\": {\"binary_data_output\": true}}",
                "no place for binary outputs");
}

#define T(name) cmocka_unit_test_setup_teardown(name, streaming_setup, streaming_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {T(test_rows), T(test_inputs_by_name), T(test_keys), T(test_nonfinite), T(test_protocol)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
