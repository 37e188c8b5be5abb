/* The protocol over HTTP bytes: statuses and bodies that KServe's and Triton's clients look for, and errors in the
 * protocol's form. */
#include "api/v2/v2.h"

#include "api/v2/answer.h"
#include "api/v2/control.h"
#include "api/v2/model.h"

#define WEB_ROUTES v2_routes
#include "unit/api/web_fixture.h"

static void test_health_and_metadata(void **state)
{
    struct web *w = *state;
    const struct json *doc;
    assert_int_equal(web_call(w, "GET", "/v2", NULL, &doc), 200);
    assert_true(str_eqc(web_text(doc, "name"), "ingot") && json_get(doc, "extensions"));
    assert_int_equal(web_call(w, "GET", "/v2/health/live", NULL, &doc), 200);
    assert_true(web_true(doc, "live"));
    assert_int_equal(web_call(w, "GET", "/v2/health/ready", NULL, &doc), 200);
    assert_true(web_true(doc, "ready"));
    assert_int_equal(web_call(w, "GET", "/v2/models/a", NULL, &doc), 404);
    assert_true(web_text(doc, "error").len > 0);
    assert_int_equal(fixture_put(w->f, "a", FIXTURE_CONFIG, 3), OK);
    assert_int_equal(fixture_put(w->f, "a", FIXTURE_CONFIG, 4), OK);
    assert_int_equal(web_call(w, "GET", "/v2/models", NULL, &doc), 200);
    assert_int_equal(json_get(doc, "models")->len, 1);
    assert_int_equal(web_call(w, "GET", "/v2/models/a", NULL, &doc), 200);
    assert_true(json_get(doc, "versions")->len == 2 && str_eqc(json_get(doc, "versions")->items[1].s, "4"));
    assert_true(str_eqc(web_text(doc, "platform"), "ingot_ingot-linear") && str_eqc(web_text(doc, "parameters.entity_inputs"), "flight,date,origin,distance"));
    const struct json *in = &json_get(doc, "inputs")->items[0];
    assert_true(json_get(in, "shape")->items[0].i == -1 && json_get(in, "shape")->items[1].i == 3);
    assert_int_equal(web_call(w, "GET", "/v2/models/a/versions/3", NULL, &doc), 200);
    assert_int_equal(json_get(doc, "versions")->len, 1);
    assert_int_equal(web_call(w, "GET", "/v2/models/a/versions/9", NULL, &doc), 404);
    assert_int_equal(web_call(w, "GET", "/v2/models/a/versions/x", NULL, &doc), 400);
    assert_int_equal(web_call(w, "GET", "/v2/models/a/ready", NULL, &doc), 200);
    assert_true(web_true(doc, "ready") && str_eqc(web_text(doc, "name"), "a"));
    assert_int_equal(web_call(w, "GET", "/v2/models/a/versions/3/ready", NULL, &doc), 200);
}

#define ROW "{\"id\":\"r1\",\"inputs\":[{\"name\":\"x\",\"shape\":[1,3],\"datatype\":\"FP32\",\"data\":[1,2,3]}]}"

static void test_inference(void **state)
{
    struct web *w = *state;
    const struct json *doc;
    char body[600];
    double score;
    assert_int_equal(fixture_put(w->f, "a", FIXTURE_CONFIG, 3), OK);
    assert_int_equal(fixture_put(w->f, "a", FIXTURE_CONFIG, 4), OK);
    assert_int_equal(web_call(w, "POST", "/v2/models/a/infer", ROW, &doc), 200);
    assert_true(str_eqc(web_text(doc, "model_name"), "a") && str_eqc(web_text(doc, "model_version"), "4") && str_eqc(web_text(doc, "id"), "r1"));
    assert_true(json_as_f64(&json_get(&json_get(doc, "outputs")->items[0], "data")->items[0], &score) && (float)score == fixture_score(4));
    assert_int_equal(web_call(w, "POST", "/v2/models/a/versions/3/infer", ROW, &doc), 200);
    assert_true(str_eqc(web_text(doc, "model_version"), "3"));
    snprintf(body, sizeof(body), "{\"inputs\":[{\"name\":\"flight\",\"shape\":[1],\"datatype\":\"INT64\",\"data\":[9]},{\"name\":\"date\",\"shape\":[1],\"datatype\":\"INT64\",\"data\":[%lld]},"
             "{\"name\":\"origin\",\"shape\":[1],\"datatype\":\"BYTES\",\"data\":[\"ORD\"]},{\"name\":\"distance\",\"shape\":[1],\"datatype\":\"INT64\",\"data\":[500]}]}", (long long)T0);
    assert_int_equal(web_call(w, "POST", "/v2/models/a/infer", body, &doc), 200);
    struct monitor_stats stats;
    assert_true(monitor_stats(w->f->monitor, STR("a"), &stats));
    assert_int_equal(stats.recorded, 3);
}

static void test_errors_have_the_protocols_form(void **state)
{
    struct web *w = *state;
    const struct json *doc;
    static const struct {
        const char *method, *path, *body;
        int status;
    } cases[] = {
        {"POST", "/v2/models/b/infer", ROW, 404},
        {"POST", "/v2/models/a/versions/7/infer", ROW, 404},
        {"POST", "/v2/models/a/versions/0/infer", ROW, 400},
        {"POST", "/v2/models/a/infer", "{", 400},
        {"POST", "/v2/models/a/infer", "{\"inputs\":[{\"name\":\"x\",\"shape\":[1,4],\"datatype\":\"FP32\",\"data\":[1,2,3,4]}]}", 400},
        {"POST", "/v2/models/a/infer", "{\"inputs\":[{\"name\":\"x\",\"shape\":[1,3],\"datatype\":\"FP16\",\"data\":[1,2,3]}]}", 400},
    };
    assert_int_equal(fixture_put(w->f, "a", FIXTURE_CONFIG, 3), OK);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int status = web_call(w, cases[i].method, cases[i].path, cases[i].body, &doc);
        if (status != cases[i].status || !web_text(doc, "error").len)
            fail_msg("%s %s: %d", cases[i].path, cases[i].body, status);
    }
    assert_int_equal(web_call(w, "GET", "/v2/models/a/infer", NULL, &doc), 405);
    /* Not ready: 503 for the model, the endpoint and the server. */
    w->f->broken = true;
    fixture_restart(w->f);
    assert_int_equal(web_call(w, "POST", "/v2/models/a/infer", ROW, &doc), 503);
    assert_int_equal(web_call(w, "GET", "/v2/models/a/ready", NULL, &doc), 503);
    assert_int_equal(web_call(w, "GET", "/v2/health/ready", NULL, &doc), 503);
    assert_int_equal(web_call(w, "GET", "/v2/models/a", NULL, &doc), 200);
}

static uint32_t le32(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static void test_binary_both_ways(void **state)
{
    struct web *w = *state;
    struct str out;
    const float x[] = {1, 2, 3};
    const char *json = "{\"inputs\":[{\"name\":\"x\",\"shape\":[1,3],\"datatype\":\"FP32\",\"parameters\":{\"binary_data_size\":12}}],"
                       "\"parameters\":{\"binary_data_output\":true}}";
    char body[400], headers[200];
    size_t len = strlen(json);
    assert_int_equal(fixture_put(w->f, "a", FIXTURE_CONFIG, 4), OK);
    memcpy(body, json, len);
    memcpy(body + len, x, sizeof(x));
    snprintf(headers, sizeof(headers), "Content-Type: application/octet-stream\r\nInference-Header-Content-Length: %zu\r\n", len);
    assert_int_equal(web_send(w, "POST", "/v2/models/a/infer", headers, (struct str){body, len + sizeof(x)}, &out), 200);
    assert_true(web_has_header(w, "Content-Type: application/octet-stream\r\n") && out.len > 4);
    char length[64];
    snprintf(length, sizeof(length), "Inference-Header-Content-Length: %zu\r\n", out.len - 4);
    assert_true(web_has_header(w, length));
    float score;
    memcpy(&score, out.p + out.len - 4, 4);
    assert_true(score == fixture_score(4));
    /* The raw form. */
    assert_int_equal(web_send(w, "POST", "/v2/models/a/infer", "Inference-Header-Content-Length: 0\r\n", (struct str){(const char *)x, sizeof(x)}, &out), 200);
    memcpy(&score, out.p + out.len - 4, 4);
    assert_true(score == fixture_score(4));
    /* The n best classes are texts. */
    const char *classes = "{\"inputs\":[{\"name\":\"x\",\"shape\":[1,3],\"datatype\":\"FP32\",\"data\":[1,2,3]}],"
                          "\"outputs\":[{\"name\":\"score\",\"parameters\":{\"classification\":1,\"binary_data\":true}}]}";
    assert_int_equal(web_send(w, "POST", "/v2/models/a/infer", "", str_from(classes), &out), 200);
    size_t end = str_find(out, STR("]}")); /* of the outputs: the text stands behind the JSON */
    assert_true(end != SIZE_MAX && end + 2 + 4 < out.len && le32(out.p + end + 2) == out.len - end - 6);
    assert_int_equal(web_send(w, "POST", "/v2/models/a/infer", "Inference-Header-Content-Length: 999\r\n", STR("{}"), &out), 400);
}

static void test_config_and_stats(void **state)
{
    struct web *w = *state;
    const struct json *doc;
    assert_int_equal(fixture_put(w->f, "a", FIXTURE_CONFIG, 3), OK);
    assert_int_equal(fixture_put(w->f, "a", FIXTURE_CONFIG, 4), OK);
    assert_int_equal(web_call(w, "POST", "/v2/models/a/infer", ROW, &doc), 200);
    assert_int_equal(web_call(w, "GET", "/v2/models/a/config", NULL, &doc), 200);
    const struct json *in = &json_get(doc, "input")->items[0], *out = &json_get(doc, "output")->items[0];
    assert_true(json_get(doc, "max_batch_size")->i == LIMIT_SERVE_ROWS && str_eqc(web_text(in, "data_type"), "TYPE_FP32"));
    assert_true(json_get(in, "dims")->len == 1 && json_get(in, "dims")->items[0].i == 3);
    assert_true(json_get(out, "dims")->items[0].i == 1 && json_path(out, "reshape.shape")->len == 0);
    assert_int_equal(json_path(doc, "version_policy.specific.versions")->len, 2);
    assert_int_equal(web_call(w, "GET", "/v2/models/a/stats", NULL, &doc), 200);
    const struct json *all = json_get(doc, "model_stats");
    assert_true(all->len == 2 && str_eqc(web_text(&all->items[1], "version"), "4"));
    assert_true(json_path(&all->items[1], "inference_stats.success.count")->i == 1 && json_get(&all->items[1], "inference_count")->i == 1);
    assert_int_equal(web_call(w, "GET", "/v2/models/a/versions/3/stats", NULL, &doc), 200);
    assert_int_equal(json_get(doc, "model_stats")->len, 1);
    assert_int_equal(web_call(w, "GET", "/v2/models/stats", NULL, &doc), 200);
    assert_int_equal(json_get(doc, "model_stats")->len, 2);
    assert_int_equal(web_call(w, "GET", "/v2/models/b/stats", NULL, &doc), 404);
    assert_int_equal(web_call(w, "GET", "/v2/models/b/config", NULL, &doc), 404);
}

static void test_control(void **state)
{
    struct web *w = *state;
    const struct json *doc;
    assert_int_equal(fixture_put(w->f, "a", FIXTURE_CONFIG, 4), OK);
    assert_int_equal(web_call(w, "POST", "/v2/repository/index", "{\"ready\":true}", &doc), 200);
    assert_true(doc->type == JSON_ARRAY && doc->len == 1 && str_eqc(web_text(&doc->items[0], "state"), "READY"));
    assert_int_equal(web_call(w, "POST", "/v2/repository/index", "{\"ready\":1}", &doc), 400);
    assert_int_equal(web_call(w, "POST", "/v2/repository/models/a/load", "{\"parameters\":{\"file:1/m\":\"\"}}", &doc), 501);
    assert_int_equal(web_call(w, "POST", "/v2/repository/models/a/load", "{\"parameters\":{\"config\":\"{\"}}", &doc), 400);
    assert_int_equal(web_call(w, "POST", "/v2/repository/models/a/load", "{\"parameters\":{\"config\":{}}}", &doc), 400);
    assert_int_equal(web_call(w, "GET", "/v2/trace/setting", NULL, &doc), 200);
    assert_true(json_get(doc, "trace_level")->type == JSON_ARRAY && str_eqc(web_text(doc, "trace_rate"), "1000"));
    assert_int_equal(web_call(w, "POST", "/v2/trace/setting", "{\"trace_level\":[\"TIMESTAMPS\"],\"trace_rate\":\"5\"}", &doc), 200);
    assert_true(str_eqc(web_text(doc, "trace_rate"), "5"));
    assert_int_equal(web_call(w, "GET", "/v2/models/a/trace/setting", NULL, &doc), 200);
    assert_true(str_eqc(web_text(doc, "trace_rate"), "5"));
    assert_int_equal(web_call(w, "GET", "/v2/models/b/trace/setting", NULL, &doc), 404);
    assert_int_equal(web_call(w, "POST", "/v2/trace/setting", "{\"trace_level\":null,\"trace_rate\":null}", &doc), 200);
    assert_true(str_eqc(web_text(doc, "trace_rate"), "1000"));
    assert_int_equal(web_call(w, "POST", "/v2/trace/setting", "{\"nothing\":\"1\"}", &doc), 400);
    assert_int_equal(web_call(w, "POST", "/v2/logging", "{\"log_verbose_level\":1}", &doc), 200);
    assert_true(json_get(doc, "log_verbose_level")->i == 1 && web_true(doc, "log_info"));
    assert_int_equal(web_call(w, "POST", "/v2/logging", "{\"log_verbose_level\":0}", &doc), 200);
    assert_int_equal(web_call(w, "POST", "/v2/logging", "{\"log_info\":\"yes\"}", &doc), 400);
    assert_int_equal(web_call(w, "GET", "/v2/systemsharedmemory/status", NULL, &doc), 200);
    assert_true(doc->type == JSON_ARRAY && !doc->len);
    assert_int_equal(web_call(w, "POST", "/v2/systemsharedmemory/region/r/register", "{\"key\":\"/k\",\"offset\":0,\"byte_size\":8}", &doc), 501);
    assert_int_equal(web_call(w, "POST", "/v2/cudasharedmemory/unregister", NULL, &doc), 200);
    assert_int_equal(web_call(w, "POST", "/v2/models/a/generate", "{\"text_input\":\"x\"}", &doc), 501);
    assert_int_equal(web_call(w, "POST", "/v2/models/b/generate", "{\"text_input\":\"x\"}", &doc), 404);
}

static void test_what_json_cannot_say(void **state)
{
    struct fixture *f = ((struct web *)*state)->f;
    static const float x[] = {1, NAN};
    static const uint16_t half[] = {0, 0};
    static const struct str bytes[] = {STR_INIT("\xff\xfe"), STR_INIT("")};
    const struct tensor outs[] = {{.name = STR("n"), .type = TENSOR_FP32, .rank = 1, .shape = {2}, .count = 2, .data = x},
                                  {.name = STR("h"), .type = TENSOR_FP16, .rank = 1, .shape = {2}, .count = 2, .data = half},
                                  {.name = STR("b"), .type = TENSOR_BYTES, .rank = 1, .shape = {2}, .count = 2, .texts = bytes}};
    static const char *const forms[] = {[JSON_NONFINITE_BARE] = "[1.0,NaN]", [JSON_NONFINITE_NULL] = "[1.0,null]", [JSON_NONFINITE_STRING] = "[1.0,\"NaN\"]"};
    for (size_t i = 0; i < ARRAY_LEN(outs); i++) {
        const struct infer_answer a = {.outputs = &outs[i], .output_count = 1, .version = 1, .arm = ROLLOUT_ARM_NONE, .propensity = 1};
        for (size_t k = 0; k < ARRAY_LEN(forms); k++) {
            struct v2_request r = {.nonfinite = (enum json_nonfinite)k};
            struct http_res res = {0};
            buf_init(&res.body, LIMIT_MIB(1));
            enum err e = v2_answer_write(&f->op, STR("m"), &r, &a, &res);
            assert_int_equal(e, i ? E_INVALID : OK);
            assert_true(i || str_find(buf_str(&res.body), str_from(forms[k])) != SIZE_MAX);
            buf_clear(&res.body);
        }
        struct v2_request r = {.binary = i > 0, .refuse_nonfinite = true};
        struct http_res res = {0};
        buf_init(&res.body, LIMIT_MIB(1));
        assert_int_equal(v2_answer_write(&f->op, STR("m"), &r, &a, &res), i ? OK : E_INVALID);
        buf_clear(&res.body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {WEB_TEST(test_health_and_metadata), WEB_TEST(test_inference), WEB_TEST(test_errors_have_the_protocols_form),
                                       WEB_TEST(test_binary_both_ways), WEB_TEST(test_config_and_stats), WEB_TEST(test_control),
                                       WEB_TEST(test_what_json_cannot_say)};
    return cmocka_run_group_tests_name("v2", tests, NULL, NULL);
}
