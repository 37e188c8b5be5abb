/* What CPython 3.11 printed for these texts: json.dumps(json.loads(text)) plain and with sort_keys=True. */
#include "base_test.h"

#include "base/hash.h"
#include "base/json.h"

static const struct {
    const char *text, *plain, *sorted;
} golden[] = {
    {"{\"cmd\": \"python script.py\", \"deps\": [{\"hash\": \"md5\", \"md5\": \"2254342becceafbd04538e0a38696791\", \"path\": \"dep\"}, {\"hash\": \"md5\", \"md5\": \"abb0c55bd903a0f636aaa24fd39c2853\", \"path\": \"script.py\"}], \"outs\": [\"out\"]}",
     "{\"cmd\": \"python script.py\", \"deps\": [{\"hash\": \"md5\", \"md5\": \"2254342becceafbd04538e0a38696791\", \"path\": \"dep\"}, {\"hash\": \"md5\", \"md5\": \"abb0c55bd903a0f636aaa24fd39c2853\", \"path\": \"script.py\"}], \"outs\": [\"out\"]}",
     "{\"cmd\": \"python script.py\", \"deps\": [{\"hash\": \"md5\", \"md5\": \"2254342becceafbd04538e0a38696791\", \"path\": \"dep\"}, {\"hash\": \"md5\", \"md5\": \"abb0c55bd903a0f636aaa24fd39c2853\", \"path\": \"script.py\"}], \"outs\": [\"out\"]}"},
    {"[]",
     "[]",
     "[]"},
    {"{}",
     "{}",
     "{}"},
    {"[{\"relpath\":\"bar\",\"md5\":\"x\"},{}]",
     "[{\"relpath\": \"bar\", \"md5\": \"x\"}, {}]",
     "[{\"md5\": \"x\", \"relpath\": \"bar\"}, {}]"},
    {"{\"b\":1,\"a\":{\"d\":[],\"c\":null},\"B\":true,\"\\u00e9\":false,\"\\ud83d\\ude00\":1,\"\\uffff\":2,\"\":3}",
     "{\"b\": 1, \"a\": {\"d\": [], \"c\": null}, \"B\": true, \"\\u00e9\": false, \"\\ud83d\\ude00\": 1, \"\\uffff\": 2, \"\": 3}",
     "{\"\": 3, \"B\": true, \"a\": {\"c\": null, \"d\": []}, \"b\": 1, \"\\u00e9\": false, \"\\uffff\": 2, \"\\ud83d\\ude00\": 1}"},
    {"\"\\u0000\\b\\f\\n\\r\\t\\\"\\\\\\/\\u001f \\u007e\\u007f\\u0080\\u00e9\\u2028\\ud83d\\ude00\\uffff\"",
     "\"\\u0000\\b\\f\\n\\r\\t\\\"\\\\/\\u001f ~\\u007f\\u0080\\u00e9\\u2028\\ud83d\\ude00\\uffff\"",
     "\"\\u0000\\b\\f\\n\\r\\t\\\"\\\\/\\u001f ~\\u007f\\u0080\\u00e9\\u2028\\ud83d\\ude00\\uffff\""},
    {"[0.1,1.0,1e-05,1e+16,0.0001,0.00001,123456789.123,1e15,1e16,1e17,9007199254740993.0,1234567890123456789.0,-0.0,5e-324,1.7976931348623157e308,2.5e-7,100.0,1e22,1e23,123e-7,0.00012345,999999999999999.9,9999999999999998.0]",
     "[0.1, 1.0, 1e-05, 1e+16, 0.0001, 1e-05, 123456789.123, 1000000000000000.0, 1e+16, 1e+17, 9007199254740992.0, 1.2345678901234568e+18, -0.0, 5e-324, 1.7976931348623157e+308, 2.5e-07, 100.0, 1e+22, 1e+23, 1.23e-05, 0.00012345, 999999999999999.9, 9999999999999998.0]",
     "[0.1, 1.0, 1e-05, 1e+16, 0.0001, 1e-05, 123456789.123, 1000000000000000.0, 1e+16, 1e+17, 9007199254740992.0, 1.2345678901234568e+18, -0.0, 5e-324, 1.7976931348623157e+308, 2.5e-07, 100.0, 1e+22, 1e+23, 1.23e-05, 0.00012345, 999999999999999.9, 9999999999999998.0]"},
    {"[NaN,Infinity,-Infinity,-5,18446744073709551615,-9223372036854775808]",
     "[NaN, Infinity, -Infinity, -5, 18446744073709551615, -9223372036854775808]",
     "[NaN, Infinity, -Infinity, -5, 18446744073709551615, -9223372036854775808]"},
};

static void as_cpython(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(golden); i++) {
        struct json *j;
        ASSERT_OK(&f->op, json_parse(&f->op, str_from(golden[i].text), JSON_NAN, &j));
        AUTO(buf) struct buf b;
        buf_init(&b, 1 << 20);
        json_dumps_python(&b, j, false);
        assert_string_equal(b.p, golden[i].plain);
        buf_reset(&b);
        json_dumps_python(&b, j, true);
        assert_string_equal(b.p, golden[i].sorted);
    }
}

/* The run-cache key that stock DVC computed for this stage. */
static void dvc_run_cache_key(void **state)
{
    struct fixture *f = *state;
    struct json *j;
    uint8_t digest[HASH_SHA256_LEN];
    char hex[2 * HASH_SHA256_LEN + 1];
    ASSERT_OK(&f->op, json_parse(&f->op, str_from(golden[0].text), 0, &j));
    AUTO(buf) struct buf b;
    buf_init(&b, 1 << 20);
    json_dumps_python(&b, j, true);
    hash_sha256(b.p, b.len, digest);
    hash_hex(digest, sizeof digest, hex);
    assert_string_equal(hex, "c7a85d71de1912c43d9c5b6218c71630d6277e8fc11e4ccf5e12b3c202234838");
}

static void broken_text_and_small_buffers(void **state)
{
    struct fixture *f = *state;
    struct json s = {.type = JSON_STRING, .s = STR("a\xff\xc3")};
    AUTO(buf) struct buf b;
    buf_init(&b, 1 << 20);
    json_dumps_python(&b, &s, true);
    assert_string_equal(b.p, "\"a\\ufffd\\ufffd\"");
    struct json *j;
    ASSERT_OK(&f->op, json_parse(&f->op, str_from(golden[4].text), 0, &j));
    for (size_t max = 1; max < 60; max++) {
        struct buf small;
        buf_init(&small, max);
        json_dumps_python(&small, j, true);
        assert_true(small.failed);
        buf_clear(&small);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(as_cpython), TEST(dvc_run_cache_key), TEST(broken_text_and_small_buffers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
