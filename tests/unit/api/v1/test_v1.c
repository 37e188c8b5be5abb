/* V1 and TensorFlow Serving over HTTP bytes: what KServe's SDK and TensorFlow Serving's clients send and look for. */
#include "api/v1/v1.h"

#include "api/v1/predict.h"

#define WEB_ROUTES v1_routes
#include "unit/api/web_fixture.h"

static void put(struct web *w)
{
    assert_int_equal(fixture_put(w->f, "a", FIXTURE_CONFIG, 3), OK);
    assert_int_equal(fixture_put(w->f, "a", FIXTURE_CONFIG, 4), OK);
    assert_int_equal(fixture_put(w->f, "p", "{\"model\":\"m\"}", 6), OK);
}

static double number(const struct json *list, size_t i)
{
    double v = -1;
    assert_true(list && list->type == JSON_ARRAY && i < list->len && json_as_f64(&list->items[i], &v));
    return v;
}

static void test_rows_and_columns(void **state)
{
    struct web *w = *state;
    const struct json *doc;
    put(w);
    assert_int_equal(web_call(w, "POST", "/v1/models/p:predict", "{\"instances\":[[1,2,3],[4,5,null]]}", &doc), 200);
    assert_true(json_get(doc, "predictions")->len == 2 && (float)number(json_get(doc, "predictions"), 1) == fixture_score(6));
    assert_int_equal(web_call(w, "POST", "/v1/models/p:predict", "{\"instances\":[{\"features\":[1,2,3]}],\"signature_name\":\"serving_default\"}", &doc), 200);
    assert_int_equal(json_get(doc, "predictions")->len, 1);
    const char *named = "{\"instances\":[{\"distance\":1,\"origin_count_1h\":2,\"origin_rate_1h\":0.5},{\"origin_count_1h\":2,\"distance\":1,\"origin_rate_1h\":NaN}]}";
    assert_int_equal(web_call(w, "POST", "/v1/models/p:predict", named, &doc), 200);
    assert_int_equal(json_get(doc, "predictions")->len, 2);
    assert_int_equal(web_call(w, "POST", "/v1/models/p:predict", "{\"inputs\":[[1,2,3]]}", &doc), 200);
    assert_true((float)number(json_get(doc, "outputs"), 0) == fixture_score(6) && json_get(doc, "predictions")->len == 1);
    assert_int_equal(web_call(w, "POST", "/v1/models/p:predict", "{\"inputs\":{\"distance\":[1,2],\"origin_count_1h\":[1,2],\"origin_rate_1h\":[[1],[2]]}}", &doc), 200);
    assert_int_equal(json_get(doc, "outputs")->len, 2);
    /* Entities: the server adds the features. */
    char entity[200];
    snprintf(entity, sizeof(entity), "{\"instances\":[{\"origin\":\"ORD\",\"date\":%lld,\"distance\":5,\"flight\":9}]}", (long long)T0);
    assert_int_equal(web_call(w, "POST", "/v1/models/a:predict", entity, &doc), 200);
    assert_true((float)number(json_get(doc, "predictions"), 0) == fixture_score(4));
    assert_int_equal(web_call(w, "POST", "/v1/models/a/versions/3:predict", "{\"instances\":[[1,2,3]]}", &doc), 200);
    assert_true((float)number(json_get(doc, "predictions"), 0) == fixture_score(3));
}

static void test_examples(void **state)
{
    struct web *w = *state;
    const struct json *doc;
    put(w);
    const char *body = "{\"context\":{\"distance\":7},\"examples\":[{\"origin_count_1h\":[1],\"origin_rate_1h\":2},{\"origin_count_1h\":1,\"origin_rate_1h\":[0.5]}]}";
    assert_int_equal(web_call(w, "POST", "/v1/models/p:regress", body, &doc), 200);
    assert_true(json_get(doc, "result")->len == 2 && (float)number(json_get(doc, "result"), 0) == fixture_score(6));
    assert_int_equal(web_call(w, "POST", "/v1/models/p:classify", body, &doc), 200);
    const struct json *first = &json_get(doc, "result")->items[0];
    assert_true(first->len == 1 && str_eqc(first->items[0].items[0].s, "1") && (float)number(&first->items[0], 1) == fixture_score(6));
}

static void test_what_there_is(void **state)
{
    struct web *w = *state;
    const struct json *doc;
    put(w);
    assert_int_equal(web_call(w, "GET", "/v1/models", NULL, &doc), 200);
    assert_int_equal(json_get(doc, "models")->len, 2);
    assert_int_equal(web_call(w, "GET", "/v1/models/a", NULL, &doc), 200);
    assert_true(str_eqc(web_text(doc, "name"), "a") && web_true(doc, "ready") && json_get(doc, "model_version_status")->len == 2);
    assert_true(str_eqc(web_text(&json_get(doc, "model_version_status")->items[0], "state"), "AVAILABLE"));
    assert_int_equal(web_call(w, "GET", "/v1/models/a/versions/4", NULL, &doc), 200);
    assert_int_equal(json_get(doc, "model_version_status")->len, 1);
    assert_int_equal(web_call(w, "GET", "/v1/models/a/metadata", NULL, &doc), 200);
    const struct json *in = json_path(doc, "metadata.signature_def.signature_def.serving_default.inputs.features");
    assert_true(in && str_eqc(web_text(in, "dtype"), "DT_FLOAT") && str_eqc(web_text(doc, "model_spec.version"), "4"));
    assert_true(str_eqc(json_get(&json_path(in, "tensor_shape.dim")->items[1], "size")->s, "3"));
}

static void test_refusals(void **state)
{
    struct web *w = *state;
    static const struct {
        const char *path, *body;
        int status;
    } cases[] = {
        {"p:predict", "", 400},
        {"p:predict", "{", 400},
        {"p:predict", "[]", 400},
        {"p:predict", "{}", 400},
        {"p:predict", "{\"instances\":[]}", 400},
        {"p:predict", "{\"instances\":{}}", 400},
        {"p:predict", "{\"instances\":[[1,2,3]],\"inputs\":[[1,2,3]]}", 400},
        {"p:predict", "{\"instances\":[[1,2,3]],\"signature_name\":\"other\"}", 400},
        {"p:predict", "{\"instances\":[1,2,3]}", 400},          /* three rows of one value, not one row of three */
        {"p:predict", "{\"instances\":[[1,2]]}", 400},
        {"p:predict", "{\"instances\":[[1,2,3],[4,5]]}", 400},  /* ragged */
        {"p:predict", "{\"instances\":[[1,2,\"x\"]]}", 400},
        {"p:predict", "{\"instances\":[[1,2,1e999]]}", 400},
        {"p:predict", "{\"instances\":[{\"distance\":1}]}", 400},
        {"p:predict", "{\"instances\":[{\"distance\":1,\"origin_count_1h\":2,\"origin_rate_1h\":0.5,\"more\":1}]}", 400},
        {"p:predict", "{\"instances\":[{\"distance\":1,\"origin_count_1h\":2,\"origin_rate_1h\":0.5},{\"distance\":1}]}", 400},
        {"p:predict", "{\"instances\":[{\"distance\":1,\"distance\":2}]}", 400},
        {"p:predict", "{\"instances\":[{\"distance\":1,\"origin_count_1h\":2,\"origin_rate_1h\":0.5},7]}", 400},
        {"p:predict", "{\"inputs\":7}", 400},
        {"p:predict", "{\"inputs\":{}}", 400},
        {"p:predict", "{\"instances\":[[1,2,3]]} x", 400},
        {"p:regress", "{\"instances\":[[1,2,3]]}", 400},
        {"p:regress", "{\"examples\":[7]}", 400},
        {"p:regress", "{\"examples\":[{\"distance\":1}],\"context\":7}", 400},
        {"p:frob", "{\"instances\":[[1,2,3]]}", 400},
        {"p", "{\"instances\":[[1,2,3]]}", 400},
        {"p:explain", "{\"instances\":[[1,2,3]]}", 501},
        {"q:predict", "{\"instances\":[[1,2,3]]}", 404},
        {"a/versions/9:predict", "{\"instances\":[[1,2,3]]}", 404},
        {"a/versions/x:predict", "{\"instances\":[[1,2,3]]}", 400},
        {"q/labels/x:predict", "{\"instances\":[[1,2,3]]}", 404},
    };
    put(w);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct json *doc;
        char path[100];
        snprintf(path, sizeof(path), "/v1/models/%s", cases[i].path);
        int status = web_call(w, "POST", path, cases[i].body, &doc);
        if (status != cases[i].status || !web_text(doc, "error").len)
            fail_msg("%s %s: %d", cases[i].path, cases[i].body, status);
    }
}

/* Rows of several outputs are objects; bytes in outputs named so are base64. */
static void test_answers_of_several_outputs(void **state)
{
    struct fixture *f = ((struct web *)*state)->f;
    static const float x[] = {1, 2, 3, 4};
    static const struct str texts[] = {STR_INIT("a"), STR_INIT("b")};
    const struct tensor outs[] = {{.name = STR("x"), .type = TENSOR_FP32, .rank = 2, .shape = {2, 2}, .count = 4, .data = x},
                                  {.name = STR("t_bytes"), .type = TENSOR_BYTES, .rank = 1, .shape = {2}, .count = 2, .texts = texts}};
    const struct infer_answer a = {.outputs = outs, .output_count = 2, .version = 1};
    struct v1_request r = {.form = V1_ROWS, .rows = 2};
    struct http_res res = {0};
    buf_init(&res.body, LIMIT_MIB(1));
    assert_int_equal(v1_answer_write(&f->op, &r, &a, NULL, 0, &res), OK);
    assert_string_equal(res.body.p, "{\"predictions\":[{\"x\":[1.0,2.0],\"t_bytes\":{\"b64\":\"YQ==\"}},{\"x\":[3.0,4.0],\"t_bytes\":{\"b64\":\"Yg==\"}}]}");
    buf_reset(&res.body);
    r.rows = 3;
    assert_int_equal(v1_answer_write(&f->op, &r, &a, NULL, 0, &res), E_INVALID);
    buf_reset(&res.body);
    const struct str labels[] = {STR("no"), STR("yes")};
    r = (struct v1_request){.form = V1_ROWS, .rows = 2, .method = V1_CLASSIFY};
    assert_int_equal(v1_answer_write(&f->op, &r, &a, labels, 2, &res), OK);
    assert_string_equal(res.body.p, "{\"result\":[[[\"no\",1.0],[\"yes\",2.0]],[[\"no\",3.0],[\"yes\",4.0]]]}");
    buf_clear(&res.body);
}

/* An example's own value stands before the one that all share, in that example only. */
static void test_context(void **state)
{
    struct fixture *f = ((struct web *)*state)->f;
    static const struct tensor_spec spec[] = {{.name = STR_INIT("a"), .type = TENSOR_FP32, .rank = 1, .shape = {-1}}, {.name = STR_INIT("b"), .type = TENSOR_FP32, .rank = 1, .shape = {-1}}};
    const struct infer_signature sig = {.inputs = spec, .input_count = 2};
    const struct serve_info info = {.name = STR("t")};
    const struct frame_want want = {.info = &info, .sig = &sig};
    struct v1_request r;
    const struct str body = STR("{\"context\":{\"b\":2},\"examples\":[{\"a\":1},{\"a\":3,\"b\":[4]},{\"a\":5},{\"b\":6,\"a\":7}]}");
    assert_int_equal(v1_request_read(&f->op, body, V1_REGRESS, &want, &r), OK);
    assert_true(r.rows == 4 && r.inputs.len == 2 && str_eqc(r.inputs.p[0].name, "a") && str_eqc(r.inputs.p[1].name, "b"));
    const float a[] = {1, 3, 5, 7}, b[] = {2, 4, 2, 6};
    assert_memory_equal(r.inputs.p[0].data, a, sizeof(a));
    assert_memory_equal(r.inputs.p[1].data, b, sizeof(b));
}

/* Rows times classes of any number leave nothing in the arena of the request. */
static void test_very_many_classes(void **state)
{
    (void)state;
    enum { ROWS = 500, CLASSES = 256 };
    static float x[ROWS * CLASSES];
    AUTO(arena) struct arena *arena = arena_create(LIMIT_KIB(64));
    const struct tensor out = {.name = STR("x"), .type = TENSOR_FP32, .rank = 2, .shape = {ROWS, CLASSES}, .count = ARRAY_LEN(x), .data = x};
    const struct infer_answer a = {.outputs = &out, .output_count = 1, .version = 1};
    const struct v1_request r = {.form = V1_ROWS, .rows = ROWS, .method = V1_CLASSIFY};
    struct http_res res = {0};
    struct op op;
    op_init(&op, arena);
    buf_init(&res.body, LIMIT_MIB(16));
    assert_int_equal(v1_answer_write(&op, &r, &a, NULL, 0, &res), OK);
    assert_true(str_starts(buf_str(&res.body), STR("{\"result\":[[[\"0\",0.0],[\"1\",0.0]")) && str_ends(buf_str(&res.body), STR("[\"255\",0.0]]]}")));
    assert_true(arena_used(arena) < LIMIT_KIB(64));
    buf_clear(&res.body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {WEB_TEST(test_rows_and_columns), WEB_TEST(test_examples), WEB_TEST(test_what_there_is), WEB_TEST(test_refusals),
                                       WEB_TEST(test_answers_of_several_outputs), WEB_TEST(test_context), WEB_TEST(test_very_many_classes)};
    return cmocka_run_group_tests_name("v1", tests, NULL, NULL);
}
