/* MLflow's scoring over HTTP bytes: the four forms of JSON, CSV, which endpoint is meant, and MLflow's error form. */
#include "api/invocations/invocations.h"

#include "api/invocations/scoring.h"

#define WEB_ROUTES invocations_routes
#include "unit/api/web_fixture.h"

static void test_forms(void **state)
{
    struct web *w = *state;
    static const struct {
        const char *body;
        size_t rows;
    } cases[] = {
        {"{\"dataframe_split\":{\"columns\":[\"origin_count_1h\",\"origin_rate_1h\",\"distance\"],\"index\":[0,1],\"data\":[[1,2,3],[4,null,6.5]]}}", 2},
        {"{\"dataframe_split\":{\"columns\":[\"distance\",\"unknown\",\"origin_count_1h\",\"origin_rate_1h\"],\"data\":[[1,\"x\",2,3]]}}", 1},
        {"{\"dataframe_split\":{\"columns\":[0,1,2],\"data\":[[1,2,3]]}}", 1},
        {"{\"dataframe_split\":{\"data\":[[1,2,3]]},\"params\":{\"id\":\"u\"},\"other\":1}", 1},
        {"{\"dataframe_records\":[{\"origin_count_1h\":1,\"origin_rate_1h\":2,\"distance\":3},{\"distance\":3,\"origin_rate_1h\":2}]}", 2},
        {"{\"instances\":[[1,2,3],[1,2,3],[1,2,3]]}", 3},
        {"{\"instances\":[{\"origin_count_1h\":1,\"origin_rate_1h\":2,\"distance\":3}]}", 1},
        {"{\"inputs\":[[1,2,NaN]]}", 1},
        {"{\"inputs\":{\"origin_count_1h\":[1,2],\"origin_rate_1h\":[2,3],\"distance\":[3,4]}}", 2},
    };
    assert_int_equal(fixture_put(w->f, "a", "{\"model\":\"m\"}", 6), OK);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct json *doc;
        double v;
        int status = web_call(w, "POST", "/invocations", cases[i].body, &doc);
        const struct json *p = status == 200 ? json_get(doc, "predictions") : NULL;
        if (!p || p->len != cases[i].rows || !json_as_f64(&p->items[0], &v) || (float)v != fixture_score(6))
            fail_msg("%s: %d %.*s", cases[i].body, status, STR_FMT(web_text(doc, "message")));
    }
    struct str out;
    assert_int_equal(web_send(w, "POST", "/invocations", "Content-Type: text/csv; charset=utf-8\r\n",
                              STR(",distance,origin_rate_1h,origin_count_1h,note\n0,1.5,,3,x\n1,1e3,NaN,3,\"y\"\n"), &out), 200);
    assert_true(str_starts(out, STR("{\"predictions\":[")));
}

static void test_which_endpoint(void **state)
{
    struct web *w = *state;
    const struct json *doc;
    const char *body = "{\"inputs\":[[1,2,3]]}";
    assert_int_equal(web_call(w, "POST", "/invocations", body, &doc), 404);
    assert_int_equal(fixture_put(w->f, "a", "{\"model\":\"m\"}", 6), OK);
    assert_int_equal(fixture_put(w->f, "b", "{\"model\":\"m\"}", 4), OK);
    assert_int_equal(web_call(w, "POST", "/invocations", body, &doc), 400);
    assert_int_equal(web_call(w, "POST", "/invocations?endpoint=b", body, &doc), 200);
    double v = 0;
    assert_true(json_as_f64(&json_get(doc, "predictions")->items[0], &v) && (float)v == fixture_score(4));
    assert_int_equal(web_call(w, "POST", "/endpoints/a/invocations", body, &doc), 200);
    assert_true(json_as_f64(&json_get(doc, "predictions")->items[0], &v) && (float)v == fixture_score(6));
    assert_int_equal(web_call(w, "POST", "/serving-endpoints/a/invocations", body, &doc), 200);
    assert_int_equal(web_call(w, "POST", "/endpoints/c/invocations", body, &doc), 404);
    assert_true(str_eqc(web_text(doc, "error_code"), "RESOURCE_DOES_NOT_EXIST"));
    struct str out;
    assert_int_equal(web_send(w, "GET", "/ping", "", (struct str){NULL, 0}, &out), 200);
    assert_true(str_eqc(out, "\n"));
}

static void test_refusals(void **state)
{
    struct web *w = *state;
    static const struct {
        const char *body, *code;
    } cases[] = {
        {"", "BAD_REQUEST"},
        {"{", "BAD_REQUEST"},
        {"[[1,2,3]]", "BAD_REQUEST"},
        {"{}", "BAD_REQUEST"},
        {"{\"inputs\":[[1,2,3]],\"instances\":[[1,2,3]]}", "BAD_REQUEST"},
        {"{\"inputs\":[[1,2,3]],\"signature_name\":\"x\"}", "BAD_REQUEST"},
        {"{\"inputs\":[[1,2,3]],\"inputs\":[[1,2,3]]}", "BAD_REQUEST"},
        {"{\"dataframe_split\":[]}", "BAD_REQUEST"},
        {"{\"dataframe_split\":{\"columns\":[\"a\"]}}", "BAD_REQUEST"},
        {"{\"dataframe_split\":{\"columns\":[\"a\"],\"data\":[[1,2,3]]}}", "INVALID_PARAMETER_VALUE"},
        {"{\"dataframe_split\":{\"columns\":[\"a\",7,\"b\"],\"data\":[[1,2,3]]}}", "INVALID_PARAMETER_VALUE"},
        {"{\"dataframe_split\":{\"columns\":[\"a\",\"b\",\"c\"],\"data\":[[1,2,3],[1,2]]}}", "INVALID_PARAMETER_VALUE"},
        {"{\"dataframe_split\":{\"columns\":[\"a\",\"b\",\"c\"],\"data\":[[1,2,3]]}}", "INVALID_PARAMETER_VALUE"},
        {"{\"dataframe_split\":{\"columns\":[\"distance\",\"distance\",\"origin_count_1h\",\"origin_rate_1h\"],\"data\":[[1,2,3,4]]}}", "INVALID_PARAMETER_VALUE"},
        {"{\"dataframe_split\":{\"data\":7}}", "INVALID_PARAMETER_VALUE"},
        {"{\"dataframe_split\":{\"data\":[7]}}", "INVALID_PARAMETER_VALUE"},
        {"{\"dataframe_split\":{\"data\":[[1,2,\"x\"]]}}", "INVALID_PARAMETER_VALUE"},
        {"{\"dataframe_records\":{}}", "BAD_REQUEST"},
        {"{\"dataframe_records\":[7]}", "BAD_REQUEST"},
        {"{\"dataframe_records\":[{\"distance\":1}]}", "INVALID_PARAMETER_VALUE"},
        {"{\"dataframe_records\":[{\"distance\":1},{\"distance\":1,\"more\":2}]}", "INVALID_PARAMETER_VALUE"},
        {"{\"inputs\":7}", "INVALID_PARAMETER_VALUE"},
        {"{\"inputs\":[[1,2]]}", "INVALID_PARAMETER_VALUE"},
    };
    assert_int_equal(fixture_put(w->f, "a", "{\"model\":\"m\"}", 6), OK);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct json *doc;
        int status = web_call(w, "POST", "/invocations", cases[i].body, &doc);
        if (status != 400 || !str_eqc(web_text(doc, "error_code"), cases[i].code) || !web_text(doc, "message").len)
            fail_msg("%s: %d %.*s", cases[i].body, status, STR_FMT(web_text(doc, "error_code")));
    }
    static const struct {
        const char *type, *body;
        int status;
    } typed[] = {
        {"", "{\"inputs\":[[1,2,3]]}", 415},
        {"Content-Type: text/plain\r\n", "x", 415},
        {"Content-Type: application/json; charset=latin-1\r\n", "{\"inputs\":[[1,2,3]]}", 415},
        {"Content-Type: application/json; version=1\r\n", "{\"inputs\":[[1,2,3]]}", 415},
        {"Content-Type: application/vnd.apache.parquet\r\n", "PAR1", 415},
        {"Content-Type: application/json; charset=UTF-8\r\n", "{\"inputs\":[[1,2,3]]}", 200},
        {"Content-Type: application/json\r\n", "{\"messages\":[]}", 501},
        {"Content-Type: text/csv\r\n", "a,b\n1\n", 400},
        {"Content-Type: text/csv\r\n", "distance,origin_count_1h,origin_rate_1h\n1,2,x\n", 400},
    };
    for (size_t i = 0; i < ARRAY_LEN(typed); i++) {
        struct str out;
        assert_int_equal(web_send(w, "POST", "/invocations", typed[i].type, str_from(typed[i].body), &out), typed[i].status);
        assert_true(typed[i].status != 415 || web_has_header(w, "Content-Type: text/plain"));
    }
}

/* Several outputs: records for what came as rows of columns, else lists by name. */
static void test_answers_of_several_outputs(void **state)
{
    struct fixture *f = ((struct web *)*state)->f;
    static const float x[] = {1, 2};
    static const int64_t label[] = {7, 8};
    const struct tensor outs[] = {{.name = STR("p"), .type = TENSOR_FP32, .rank = 2, .shape = {2, 1}, .count = 2, .data = x},
                                  {.name = STR("label"), .type = TENSOR_INT64, .rank = 1, .shape = {2}, .count = 2, .data = label}};
    const struct infer_answer a = {.outputs = outs, .output_count = 2, .version = 1};
    struct scoring_request r = {.frame = true, .inputs = {.rows = 2}};
    struct http_res res = {0};
    buf_init(&res.body, LIMIT_MIB(1));
    assert_int_equal(scoring_write(&f->op, &r, &a, &res), OK);
    assert_string_equal(res.body.p, "{\"predictions\":[{\"p\":[1.0],\"label\":7},{\"p\":[2.0],\"label\":8}]}");
    buf_reset(&res.body);
    r.frame = false;
    assert_int_equal(scoring_write(&f->op, &r, &a, &res), OK);
    assert_string_equal(res.body.p, "{\"predictions\":{\"p\":[[1.0],[2.0]],\"label\":[7,8]}}");
    buf_clear(&res.body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {WEB_TEST(test_forms), WEB_TEST(test_which_endpoint), WEB_TEST(test_refusals), WEB_TEST(test_answers_of_several_outputs)};
    return cmocka_run_group_tests_name("invocations", tests, NULL, NULL);
}
