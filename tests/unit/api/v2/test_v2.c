/* The protocol over HTTP bytes: statuses and bodies that KServe's and Triton's clients look for, and errors in the
 * protocol's form. */
#include "api/v2/v2.h"

#include "api/dispatch.h"
#include "api/services.h"
#include "net/loopback.h"
#include "unit/core/serve/serve_fixture.h"

struct web {
    struct fixture *f;
    struct services services;
    struct dispatch *dispatch;
};

static enum err anybody(void *arg, struct op *op, struct str token, bool peer_loopback, struct actor *ret)
{
    (void)arg, (void)op, (void)token, (void)peer_loopback;
    *ret = (struct actor){STR("tester"), UINT32_MAX};
    return OK;
}

static int setup(void **state)
{
    static const struct route_table *const tables[] = {&v2_routes, NULL};
    int rc = fixture_setup(state);
    struct web *w = calloc(1, sizeof(*w));
    w->f = *state;
    w->services = (struct services){.db = w->f->db, .serve = w->f->serve, .features = w->f->features, .monitor = w->f->monitor};
    const struct dispatch_config config = {.tables = tables, .services = &w->services, .auth = {NULL, anybody}};
    if (dispatch_create(&w->f->op, &config, &w->dispatch) != OK)
        fail_msg("%s", w->f->op.msg);
    *state = w;
    return rc;
}

static int teardown(void **state)
{
    struct web *w = *state;
    void *f = w->f;
    dispatch_destroy(w->dispatch);
    free(w);
    return fixture_teardown(&f);
}

/* Sends one request; the status, and the body as JSON (NULL when it is none). */
static int call(struct web *w, const char *method, const char *path, const char *body, const struct json **ret)
{
    struct op *op = &w->f->op;
    struct buf in, out;
    struct json *doc = NULL;
    bool closed;
    int status = 0;
    buf_init(&in, LIMIT_MIB(1));
    buf_init(&out, LIMIT_MIB(1));
    buf_addf(&in, "%s %s HTTP/1.1\r\nHost: localhost\r\n", method, path);
    if (body)
        buf_addf(&in, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    buf_addf(&in, "\r\n%s", body ? body : "");
    struct http_handler h = dispatch_handler(w->dispatch);
    w->services.serve = w->f->serve;
    op_clear(op);
    if (loopback_exchange(op, &h, buf_str(&in), 0, &out, &closed) != OK)
        fail_msg("%s", op->msg);
    assert_int_equal(sscanf(out.p, "HTTP/1.1 %d", &status), 1);
    size_t at = str_find(buf_str(&out), STR("\r\n\r\n"));
    assert_true(at != SIZE_MAX);
    *ret = NULL;
    if (json_parse(op, str_sub(buf_str(&out), at + 4, out.len), JSON_NAN, &doc) == OK)
        *ret = doc;
    else
        op_clear(op);
    buf_clear(&in);
    buf_clear(&out);
    return status;
}

static struct str text_of(const struct json *doc, const char *path)
{
    const struct json *j = json_path(doc, path);
    return j && j->type == JSON_STRING ? j->s : STR("");
}

static bool true_of(const struct json *doc, const char *path)
{
    const struct json *j = json_path(doc, path);
    return j && j->type == JSON_BOOL && j->boolean;
}

static void test_health_and_metadata(void **state)
{
    struct web *w = *state;
    const struct json *doc;
    assert_int_equal(call(w, "GET", "/v2", NULL, &doc), 200);
    assert_true(str_eqc(text_of(doc, "name"), "ingot") && json_get(doc, "extensions"));
    assert_int_equal(call(w, "GET", "/v2/health/live", NULL, &doc), 200);
    assert_true(true_of(doc, "live"));
    assert_int_equal(call(w, "GET", "/v2/health/ready", NULL, &doc), 200);
    assert_true(true_of(doc, "ready"));
    assert_int_equal(call(w, "GET", "/v2/models/a", NULL, &doc), 404);
    assert_true(text_of(doc, "error").len > 0);
    assert_int_equal(fixture_put(w->f, "a", FIXTURE_CONFIG, 3), OK);
    assert_int_equal(fixture_put(w->f, "a", FIXTURE_CONFIG, 4), OK);
    assert_int_equal(call(w, "GET", "/v2/models", NULL, &doc), 200);
    assert_int_equal(json_get(doc, "models")->len, 1);
    assert_int_equal(call(w, "GET", "/v2/models/a", NULL, &doc), 200);
    assert_true(json_get(doc, "versions")->len == 2 && str_eqc(json_get(doc, "versions")->items[1].s, "4"));
    assert_true(str_eqc(text_of(doc, "platform"), "ingot_ingot-linear") && str_eqc(text_of(doc, "parameters.entity_inputs"), "flight,date,origin,distance"));
    const struct json *in = &json_get(doc, "inputs")->items[0];
    assert_true(json_get(in, "shape")->items[0].i == -1 && json_get(in, "shape")->items[1].i == 3);
    assert_int_equal(call(w, "GET", "/v2/models/a/versions/3", NULL, &doc), 200);
    assert_int_equal(json_get(doc, "versions")->len, 1);
    assert_int_equal(call(w, "GET", "/v2/models/a/versions/9", NULL, &doc), 404);
    assert_int_equal(call(w, "GET", "/v2/models/a/versions/x", NULL, &doc), 400);
    assert_int_equal(call(w, "GET", "/v2/models/a/ready", NULL, &doc), 200);
    assert_true(true_of(doc, "ready") && str_eqc(text_of(doc, "name"), "a"));
    assert_int_equal(call(w, "GET", "/v2/models/a/versions/3/ready", NULL, &doc), 200);
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
    assert_int_equal(call(w, "POST", "/v2/models/a/infer", ROW, &doc), 200);
    assert_true(str_eqc(text_of(doc, "model_name"), "a") && str_eqc(text_of(doc, "model_version"), "4") && str_eqc(text_of(doc, "id"), "r1"));
    assert_true(json_as_f64(&json_get(&json_get(doc, "outputs")->items[0], "data")->items[0], &score) && (float)score == fixture_score(4));
    assert_int_equal(call(w, "POST", "/v2/models/a/versions/3/infer", ROW, &doc), 200);
    assert_true(str_eqc(text_of(doc, "model_version"), "3"));
    snprintf(body, sizeof(body), "{\"inputs\":[{\"name\":\"flight\",\"shape\":[1],\"datatype\":\"INT64\",\"data\":[9]},{\"name\":\"date\",\"shape\":[1],\"datatype\":\"INT64\",\"data\":[%lld]},"
             "{\"name\":\"origin\",\"shape\":[1],\"datatype\":\"BYTES\",\"data\":[\"ORD\"]},{\"name\":\"distance\",\"shape\":[1],\"datatype\":\"INT64\",\"data\":[500]}]}", (long long)T0);
    assert_int_equal(call(w, "POST", "/v2/models/a/infer", body, &doc), 200);
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
        int status = call(w, cases[i].method, cases[i].path, cases[i].body, &doc);
        if (status != cases[i].status || !text_of(doc, "error").len)
            fail_msg("%s %s: %d", cases[i].path, cases[i].body, status);
    }
    assert_int_equal(call(w, "GET", "/v2/models/a/infer", NULL, &doc), 405);
    /* Not ready: 503 for the model, the endpoint and the server. */
    w->f->broken = true;
    fixture_restart(w->f);
    assert_int_equal(call(w, "POST", "/v2/models/a/infer", ROW, &doc), 503);
    assert_int_equal(call(w, "GET", "/v2/models/a/ready", NULL, &doc), 503);
    assert_int_equal(call(w, "GET", "/v2/health/ready", NULL, &doc), 503);
    assert_int_equal(call(w, "GET", "/v2/models/a", NULL, &doc), 200);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_health_and_metadata), TEST(test_inference), TEST(test_errors_have_the_protocols_form)};
    return cmocka_run_group_tests_name("v2", tests, NULL, NULL);
}
