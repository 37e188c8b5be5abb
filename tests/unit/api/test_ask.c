/* Around the one call: which endpoint, now or later, and what an error says. V2's routes are the example. */
#include "api/ask.h"

#include "api/v2/v2.h"

#define WEB_ROUTES v2_routes
#include "unit/api/web_fixture.h"

#define ROW "{\"inputs\":[{\"name\":\"x\",\"shape\":[1,3],\"datatype\":\"FP32\",\"data\":[1,2,3]}]}"

static void test_versions(void **state)
{
    struct web *w = *state;
    struct serve_endpoint *ep = NULL;
    int64_t version = -1;
    assert_int_equal(fixture_put(w->f, "a", FIXTURE_CONFIG, 4), OK);
    w->services.serve = w->f->serve;
    assert_int_equal(ask_endpoint(&w->f->op, &w->services, STR("a"), STR(""), &ep, &version), OK);
    assert_int_equal(version, 0);
    serve_release(ep);
    assert_int_equal(ask_endpoint(&w->f->op, &w->services, STR("a"), STR("4"), &ep, &version), OK);
    assert_int_equal(version, 4);
    serve_release(ep);
    static const struct {
        const char *name, *version;
        enum err e;
    } cases[] = {{"a", "3", E_NOT_FOUND}, {"b", "", E_NOT_FOUND}, {"a", "0", E_INVALID}, {"a", "-4", E_INVALID}, {"a", "4x", E_INVALID}, {"", "", E_NOT_FOUND}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        op_clear(&w->f->op);
        assert_int_equal(ask_endpoint(&w->f->op, &w->services, str_from(cases[i].name), str_from(cases[i].version), &ep, &version), cases[i].e);
    }
}

/* inline_us 0: every request goes through the queue, so the answer is made later. */
static void test_now_and_later_are_the_same(void **state)
{
    struct web *w = *state;
    const struct json *doc;
    double now = 0, later = 0;
    assert_int_equal(fixture_put(w->f, "now", "{\"model\":\"m\"}", 6), OK);
    assert_int_equal(fixture_put(w->f, "later", "{\"model\":\"m\",\"inline_us\":0}", 6), OK);
    assert_int_equal(web_call(w, "POST", "/v2/models/now/infer", ROW, &doc), 200);
    assert_true(json_as_f64(&json_get(&json_get(doc, "outputs")->items[0], "data")->items[0], &now));
    assert_int_equal(web_call(w, "POST", "/v2/models/later/infer", ROW, &doc), 200);
    assert_true(json_as_f64(&json_get(&json_get(doc, "outputs")->items[0], "data")->items[0], &later) && now == later);
    assert_int_equal(web_call(w, "POST", "/v2/models/later/infer", "{\"inputs\":[{\"name\":\"x\",\"shape\":[1,2],\"datatype\":\"FP32\",\"data\":[1,2]}]}", &doc), 400);
    assert_true(web_text(doc, "error").len > 0);
}

static void test_try_again(void **state)
{
    struct web *w = *state;
    const struct json *doc;
    assert_int_equal(fixture_put(w->f, "a", FIXTURE_CONFIG, 4), OK);
    w->f->broken = true;
    fixture_restart(w->f);
    assert_int_equal(web_call(w, "POST", "/v2/models/a/infer", ROW, &doc), 503);
    assert_true(web_has_header(w, "Retry-After: 1\r\n") && web_text(doc, "error").len > 0);
    assert_int_equal(web_call(w, "POST", "/v2/models/b/infer", ROW, &doc), 404);
    assert_false(web_has_header(w, "Retry-After"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {WEB_TEST(test_versions), WEB_TEST(test_now_and_later_are_the_same), WEB_TEST(test_try_again)};
    return cmocka_run_group_tests_name("ask", tests, NULL, NULL);
}
