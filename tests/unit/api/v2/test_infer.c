/* From a body to a serve_request: the three kinds of inputs, what may come along, and every refusal. */
#include "api/v2/infer.h"

#include "unit/core/serve/serve_fixture.h"


struct asked {
    struct serve_endpoint *e;
    struct infer_request r;
};

static enum err parse(struct fixture *f, const char *endpoint, const char *body, struct asked *a)
{
    op_clear(&f->op);
    if (serve_acquire(&f->op, f->serve, str_from(endpoint), &a->e) != OK)
        fail_msg("%s", f->op.msg);
    enum err e = infer_parse(&f->op, str_from(body), serve_endpoint_info(a->e), &a->r);
    serve_release(a->e);
    return e;
}

static int setup(void **state)
{
    int rc = fixture_setup(state);
    struct fixture *f = *state;
    assert_int_equal(fixture_put(f, "plain", "{\"model\":\"m\"}", 6), OK);
    assert_int_equal(fixture_put(f, "view", FIXTURE_CONFIG, 6), OK);
    return rc;
}

static void test_one_tensor(void **state)
{
    struct fixture *f = *state;
    struct asked a;
    static const char *const bodies[] = {
        "{\"inputs\":[{\"name\":\"anything\",\"shape\":[1,3],\"datatype\":\"FP32\",\"data\":[1,NaN,3]}]}",
        "{\"inputs\":[{\"name\":\"anything\",\"shape\":[3],\"datatype\":\"FP64\",\"data\":[1,null,3]}]}",
        "{\"inputs\":[{\"name\":\"distance\",\"shape\":[1],\"datatype\":\"INT64\",\"data\":[3]},"
        "{\"name\":\"origin_count_1h\",\"shape\":[1,1],\"datatype\":\"FP32\",\"data\":[[1]]},"
        "{\"name\":\"origin_rate_1h\",\"shape\":[1],\"datatype\":\"FP32\",\"data\":[NaN]}]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        if (parse(f, i == 2 ? "view" : "plain", bodies[i], &a) != OK)
            fail_msg("%s: %s", bodies[i], f->op.msg);
        assert_true(a.r.serve.rows == 1 && a.r.serve.features[0] == 1 && isnan(a.r.serve.features[1]) && a.r.serve.features[2] == 3);
        assert_true(!a.r.serve.entities && !a.r.serve.ids && a.r.serve.unit_id.len);
    }
}

static void test_many_rows_with_ids_and_times(void **state)
{
    struct fixture *f = *state;
    struct asked a;
    const char *body = "{\"id\":\"req\",\"inputs\":[{\"name\":\"flight\",\"shape\":[2],\"datatype\":\"INT64\",\"data\":[7,8]},"
                       "{\"name\":\"date\",\"shape\":[2,1],\"datatype\":\"BYTES\",\"data\":[\"2001-04-01T00:00:00Z\",\"2001-04-01\"]},"
                       "{\"name\":\"x\",\"shape\":[2,3],\"datatype\":\"FP32\",\"data\":[[1,2,3],[4,5,6]]}]}";
    if (parse(f, "view", body, &a) != OK)
        fail_msg("%s", f->op.msg);
    assert_true(a.r.serve.rows == 2 && a.r.serve.features[5] == 6 && a.r.serve.ids[1] == 8);
    assert_true(a.r.serve.event_us[0] == 986083200LL * 1000000 && a.r.serve.event_us[1] == a.r.serve.event_us[0]);
    assert_true(str_eqc(a.r.id, "req") && str_eqc(a.r.serve.unit_id, "req"));
}

static void test_entities(void **state)
{
    struct fixture *f = *state;
    struct asked a;
    char body[1024];
    snprintf(body, sizeof(body), "{\"parameters\":{\"id\":\"unit\"},\"id\":\"req\",\"inputs\":[{\"name\":\"origin\",\"shape\":[2],\"datatype\":\"BYTES\",\"data\":[\"ORD\",\"X\"]},"
             "{\"name\":\"flight\",\"shape\":[2],\"datatype\":\"INT64\",\"data\":[5,6]},{\"name\":\"distance\",\"shape\":[2],\"datatype\":\"FP32\",\"data\":[100.5,NaN]},"
             "{\"name\":\"date\",\"shape\":[2],\"datatype\":\"INT64\",\"data\":[%lld,%lld]}]}", (long long)T0, (long long)T0);
    if (parse(f, "view", body, &a) != OK)
        fail_msg("%s", f->op.msg);
    const struct serve_request *r = &a.r.serve;
    assert_true(r->rows == 2 && !r->features && r->ids[0] == 5 && r->event_us[1] == T0 && str_eqc(r->unit_id, "unit"));
    assert_true(str_eqc(r->entities[1].keys[0], "X") && r->entities[0].numbers[0] == 100.5 && isnan(r->entities[1].numbers[0]));
    assert_true(r->entities[0].t_us == T0);
}

/* "#1", the id, the first row's id: something always decides, and repeats where the peer gave it. */
static void test_units(void **state)
{
    struct fixture *f = *state;
    struct asked a, b;
    const char *bare = "{\"inputs\":[{\"name\":\"x\",\"shape\":[1,3],\"datatype\":\"FP32\",\"data\":[1,2,3]}]}";
    assert_int_equal(parse(f, "plain", bare, &a), OK);
    assert_int_equal(parse(f, "plain", bare, &b), OK);
    assert_false(str_eq(a.r.serve.unit_id, b.r.serve.unit_id));
    const char *flight = "{\"inputs\":[{\"name\":\"x\",\"shape\":[1,3],\"datatype\":\"FP32\",\"data\":[1,2,3]},"
                         "{\"name\":\"flight\",\"shape\":[1],\"datatype\":\"INT64\",\"data\":[-12]}]}";
    assert_int_equal(parse(f, "view", flight, &a), OK);
    assert_true(str_eqc(a.r.serve.unit_id, "-12") && a.r.serve.ids[0] == -12);
    const char *text = "{\"inputs\":[{\"name\":\"x\",\"shape\":[1,3],\"datatype\":\"FP32\",\"data\":[1,2,3]},"
                       "{\"name\":\"flight\",\"shape\":[1],\"datatype\":\"BYTES\",\"data\":[\"UA1\"]}]}";
    assert_int_equal(parse(f, "view", text, &a), OK);
    assert_true(str_eqc(a.r.serve.unit_id, "UA1"));
}

#define X "{\"name\":\"x\",\"shape\":[1,3],\"datatype\":\"FP32\",\"data\":[1,2,3]}"
#define COL(name, type, data) "{\"name\":\"" name "\",\"shape\":[1],\"datatype\":\"" type "\",\"data\":[" data "]}"
#define ENTITIES COL("origin", "BYTES", "\"A\"") "," COL("date", "INT64", "0") "," COL("distance", "FP32", "1")

static void test_refusals(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *endpoint, *body, *says;
    } cases[] = {
        {"plain", "", "request body"},
        {"plain", "[]", "object"},
        {"plain", "{\"inputs\":[" X "]} x", "request body"},
        {"plain", "{\"inputs\":[" X "]}{}", "request body"},
        {"plain", "{\"inputs\":[" X "]", "request body"},
        {"plain", "{}", "no inputs"},
        {"plain", "{\"inputs\":[]}", "no inputs"},
        {"plain", "{\"inputs\":{}}", "no inputs"},
        {"plain", "{\"inputs\":[1]}", "inputs[0]"},
        {"plain", "{\"inputs\":[" X "," X "]}", "twice"},
        {"plain", "{\"inputs\":[" X "," COL("y", "FP32", "1") "]}", "no input"},
        {"plain", "{\"inputs\":[" COL("y", "FP32", "1") "," X "]}", "no input"},
        {"plain", "{\"inputs\":[" X "," COL("flight", "INT64", "1") "]}", "no input"},
        {"plain", "{\"inputs\":[" COL("distance", "FP32", "1") "," X "]}", "no input \"x\""},
        {"plain", "{\"inputs\":[" COL("distance", "FP32", "1") "]}", "\"origin_count_1h\" is missing"},
        {"plain", "{\"inputs\":[" COL("a", "FP32", "1") "," COL("b", "FP32", "1") "," COL("c", "FP32", "1") "," COL("d", "FP32", "1") "," COL("e", "FP32", "1") "," COL("f", "FP32", "1") "]}", "at most"},
        {"plain", "{\"inputs\":[{\"name\":\"x\",\"shape\":[1,2],\"datatype\":\"FP32\",\"data\":[1,2]}]}", "[n, 3]"},
        {"plain", "{\"inputs\":[{\"name\":\"x\",\"shape\":[3,1],\"datatype\":\"FP32\",\"data\":[1,2,3]}]}", "[n, 3]"},
        {"plain", "{\"inputs\":[{\"name\":\"x\",\"shape\":[0,3],\"datatype\":\"FP32\",\"data\":[]}]}", "[n, 3]"},
        {"plain", "{\"inputs\":[{\"name\":\"x\",\"shape\":[1,3],\"datatype\":\"BYTES\",\"data\":[\"1\",\"2\",\"3\"]}]}", "BYTES"},
        {"plain", "{\"inputs\":[{\"name\":\"x\",\"shape\":[1,3],\"datatype\":\"FP32\",\"data\":[1,2,\"3\"]}]}", "data[2]"},
        {"plain", "{\"id\":7,\"inputs\":[" X "]}", "id is not"},
        {"plain", "{\"parameters\":{\"id\":7},\"inputs\":[" X "]}", "parameters.id"},
        {"plain", "{\"parameters\":[],\"inputs\":[" X "]}", "parameters"},
        {"plain", "{\"outputs\":[{\"name\":\"other\"}],\"inputs\":[" X "]}", "outputs[0]"},
        {"plain", "{\"outputs\":3,\"inputs\":[" X "]}", "outputs"},
        {"plain", "{\"id\":\"a\",\"id\":\"b\",\"inputs\":[" X "]}", "request body"},
        {"view", "{\"inputs\":[" ENTITIES "," COL("more", "FP32", "1") "]}", "no input \"more\""},
        {"view", "{\"inputs\":[" COL("origin", "BYTES", "\"A\"") "," COL("date", "INT64", "0") "]}", "\"distance\" is missing"},
        {"view", "{\"inputs\":[" COL("origin", "BYTES", "\"A\"") "," COL("distance", "FP32", "0") "]}", "\"date\" is missing"},
        {"view", "{\"inputs\":[" COL("origin", "INT64", "1") "," COL("date", "INT64", "0") "," COL("distance", "FP32", "1") "]}", "BYTES is wanted"},
        {"view", "{\"inputs\":[" COL("origin", "BYTES", "\"A\"") "," COL("date", "FP32", "0") "," COL("distance", "FP32", "1") "]}", "integer type"},
        {"view", "{\"inputs\":[" COL("origin", "BYTES", "\"A\"") "," COL("date", "BYTES", "\"soon\"") "," COL("distance", "FP32", "1") "]}", "RFC 3339"},
        {"view", "{\"inputs\":[" ENTITIES "," COL("flight", "FP32", "1") "]}", "integer type"},
        {"view", "{\"inputs\":[" COL("origin", "BYTES", "\"A\"") "," COL("date", "INT64", "0") ",{\"name\":\"distance\",\"shape\":[2],\"datatype\":\"FP32\",\"data\":[1,2]}]}", "rows"},
        {"view", "{\"inputs\":[" COL("origin", "BYTES", "\"A\"") "," COL("date", "INT64", "0") ",{\"name\":\"distance\",\"shape\":[1,2],\"datatype\":\"FP32\",\"data\":[1,2]}]}", "[n, 1]"},
        {"view", "{\"inputs\":[{\"name\":\"origin\",\"shape\":[0],\"datatype\":\"BYTES\",\"data\":[]}," COL("date", "INT64", "0") "," COL("distance", "FP32", "1") "]}", "rows"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct asked a;
        enum err e = parse(f, cases[i].endpoint, cases[i].body, &a);
        if (e != E_INVALID || !strstr(f->op.msg, cases[i].says))
            fail_msg("%s: %s \"%s\"", cases[i].body, err_name(e), e ? f->op.msg : "");
    }
    struct asked a;
    char deep[400] = "{\"inputs\":[{\"name\":\"x\",\"shape\":[1,3],\"datatype\":\"FP32\",\"data\":";
    memset(deep + strlen(deep), '[', 100);
    assert_int_equal(parse(f, "plain", deep, &a), E_INVALID);
    assert_int_equal(parse(f, "plain", "{\"inputs\":[{\"name\":\"x\",\"shape\":[100000,3],\"datatype\":\"FP32\",\"data\":[]}]}", &a), E_INVALID);
    assert_int_equal(parse(f, "plain", "{\"inputs\":[{\"name\":\"x\",\"shape\":[100000000,3],\"datatype\":\"FP32\",\"data\":[]}]}", &a), E_TOO_LARGE);
}

static void test_answers_parse_back(void **state)
{
    struct fixture *f = *state;
    const float scores[] = {0.1f, 1e-10f, 0.99999994f};
    const struct infer_request r = {.id = STR("a\"b"), .serve = {.rows = 3}};
    const struct serve_info info = {.name = STR("n")};
    const struct serve_answer a = {.scores = scores, .outputs = 1, .version = 12, .arm = ROLLOUT_ARM_CANDIDATE};
    struct buf b;
    struct json *doc = NULL;
    buf_init(&b, LIMIT_MIB(1));
    infer_format(&r, &info, &a, &b);
    if (json_parse(&f->op, buf_str(&b), JSON_STRICT, &doc) != OK)
        fail_msg("%s", f->op.msg);
    assert_true(str_eqc(json_get(doc, "model_version")->s, "12") && str_eqc(json_get(doc, "id")->s, "a\"b"));
    assert_true(json_path(doc, "parameters.version")->i == 12 && str_eqc(json_path(doc, "parameters.arm")->s, "candidate"));
    const struct json *out = &json_get(doc, "outputs")->items[0], *data = json_get(out, "data");
    assert_true(json_get(out, "shape")->len == 1 && json_get(out, "shape")->items[0].i == 3 && data->len == 3);
    for (size_t i = 0; i < 3; i++) {
        double v;
        assert_true(json_as_f64(&data->items[i], &v) && (float)v == scores[i]);
    }
    buf_clear(&b);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_one_tensor), TEST(test_many_rows_with_ids_and_times), TEST(test_entities), TEST(test_units),
                                       TEST(test_refusals), TEST(test_answers_parse_back)};
    return cmocka_run_group_tests_name("infer", tests, NULL, NULL);
}
