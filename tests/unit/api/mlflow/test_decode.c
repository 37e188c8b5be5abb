#include "unit/core/track/fixture.h"

#include "api/mlflow/decode.h"
#include "api/mlflow/encode.h"

#include <math.h>

struct thing {
    struct str text, name;
    int64_t whole;
    double real;
    bool flag;
    struct str_list list;
    struct track_kvs kvs;
    const struct json *items;
};
static const struct field fields[] = {
    FIELD(struct thing, text, FIELD_STR, true),   FIELD(struct thing, name, FIELD_NAME, false), FIELD(struct thing, whole, FIELD_I64, false),
    FIELD(struct thing, real, FIELD_F64, false),  FIELD(struct thing, flag, FIELD_BOOL, false), FIELD(struct thing, list, FIELD_STRS, false),
    FIELD(struct thing, kvs, FIELD_KVS, false),   FIELD(struct thing, items, FIELD_ITEMS, false),
};

static enum err post(struct op *op, const char *body, struct thing *ret)
{
    struct http_req req = {.method = HTTP_POST, .body = str_from(body), .has_body = true};
    return DECODE(op, &req, fields, ret);
}

static void bodies(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    struct thing t = {.whole = -7, .real = 2};
    assert_ok(op, post(op, "{\"text\":\"x\",\"whole\":null,\"unknown\":1,\"name\":3}", &t));
    assert_true(t.whole == -7 && t.real == 2); /* defaults stay */
    assert_str(t.name, "3");
    assert_ok(op, post(op, "{\"text\":\"x\",\"whole\":\"9223372036854775807\",\"real\":\"-Infinity\",\"flag\":true,\"list\":[\"a\"],"
                           "\"kvs\":[{\"key\":\"k\"}],\"items\":[1]}", &t));
    assert_true(t.whole == INT64_MAX && isinf(t.real) && t.flag && t.list.len == 1 && t.kvs.len == 1 && t.items->len == 1);
    assert_str(t.kvs.p[0].value, "");
    assert_ok(op, post(op, "\"{\\\"text\\\":\\\"twice\\\",\\\"whole\\\":4.0}\"", &t));
    assert_str(t.text, "twice");
    assert_int_equal(t.whole, 4);
    static const struct {
        const char *body, *part;
    } bad[] = {
        {"", "'text'"}, {"{}", "'text'"}, {"null", "must be a JSON object, not null"}, {"{\"text\":\"\"}", "Missing value for required parameter 'text'."},
        {"{\"text\":true}", "Invalid value true for parameter 'text' supplied:  Hint: Value was of type 'bool'."},
        {"{\"text\":\"x\",\"whole\":0.5}", "Invalid value 0.5 for parameter 'whole'"},
        {"{\"text\":\"x\",\"whole\":9223372036854775808}", "'whole'"}, {"{\"text\":\"x\",\"whole\":\"1x\"}", "Invalid value \"1x\" for parameter 'whole'"},
        {"{\"text\":\"x\",\"real\":\"1e999\"}", "'real'"}, {"{\"text\":\"x\",\"real\":1e999}", "'real'"}, {"{\"text\":\"x\",\"real\":{}}", "'dict'"},
        {"{\"text\":\"x\",\"a\\\"b\":[1,-1e999]}", "not valid JSON"},
        {"{\"text\":\"x\",\"list\":[1]}", "'list'"}, {"{\"text\":\"x\",\"kvs\":[1]}", "'kvs'"}, {"{\"text\":\"x\",\"kvs\":[{\"value\":\"1\"}]}", "'kvs[0].key'"},
        {"{\"text\":\"x\",\"kvs\":[{\"key\":\"1\",\"value\":2}]}", "'kvs[0].value'"}, {"{\"text\":\"x\",\"items\":{}}", "'items'"},
        {"[]", "must be a JSON object"}, {"3", "must be a JSON object"}, {"{", "not valid JSON"}, {"\"x\"", "not valid JSON"},
        {"{\"text\":\"\xff\"}", "not valid JSON"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        enum err e = post(op, bad[i].body, &t);
        if (e != E_INVALID || !strstr(op->msg, bad[i].part))
            fail_msg("%s: %s", bad[i].body, e ? op->msg : "accepted");
        op_clear(op);
    }
}

static void queries(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    struct thing t = {0};
    struct http_req req = {.method = HTTP_GET, .query = STR("text=a%20b&whole=5&real=0.5&flag=True&list=x&list=y")};
    assert_ok(op, DECODE(op, &req, fields, &t));
    assert_str(t.text, "a b");
    assert_true(t.whole == 5 && t.real == 0.5 && t.flag && t.list.len == 2);
    assert_str(t.list.p[1], "y");
    req.query = STR("text=a&flag=yes");
    assert_fails(op, DECODE(op, &req, fields, &t), E_INVALID, "Invalid boolean value: yes, must be 'true' or 'false'.");
    req.query = STR("text=a&whole=x");
    assert_fails(op, DECODE(op, &req, fields, &t), E_INVALID, "Invalid value \"x\" for parameter 'whole'");
    req.query = STR("text=");
    assert_fails(op, DECODE(op, &req, fields, &t), E_INVALID, "'text'");
    req.query = STR("text=%ff");
    assert_fails(op, DECODE(op, &req, fields, &t), E_INVALID, "it is not UTF-8");
    req = (struct http_req){.method = HTTP_GET, .body = STR("{\"text\":\"in the body\"}"), .has_body = true};
    assert_ok(op, DECODE(op, &req, fields, &t));
    assert_str(t.text, "in the body");
}

static void names(void **state)
{
    (void)state;
    static const char *const list[] = {"A", "B"};
    assert_int_equal(decode_name(STR("B"), list, 2), 1);
    assert_int_equal(decode_name(STR("1"), list, 2), 0);
    assert_int_equal(decode_name(STR("3"), list, 2), SIZE_MAX);
    assert_int_equal(decode_name(STR(""), list, 2), SIZE_MAX);
}

static void answers(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    struct http_res res = {.status = 200};
    struct json_out w;
    buf_init(&res.body, 4096);
    struct track_metric m = {.key = STR("a"), .value = 1, .time_ms = INT64_MAX, .step = -1};
    encode_begin(&w, &res);
    json_key(&w, "m");
    encode_metric(&w, &m);
    encode_id(&w, "id", INT64_MIN);
    encode_text(&w, "none", STR(""));
    assert_ok(op, encode_end(op, &w, &res));
    assert_str(buf_str(&res.body), "{\"m\":{\"key\":\"a\",\"value\":1.0,\"timestamp\":9223372036854775807,\"step\":-1},\"id\":\"-9223372036854775808\"}");
    buf_clear(&res.body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(bodies), fixture_test(queries), cmocka_unit_test(names), fixture_test(answers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
