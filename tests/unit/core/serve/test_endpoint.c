/* A state by itself: what it holds is counted, sorted and outlives the slot it came from. */
#include "core/serve/endpoint.h"
#include "core/serve/infer.h"

#include "serve_fixture.h"

static struct serve_version *version_load(struct fixture *f, int64_t n)
{
    struct serve_files files;
    struct serve_version *v = NULL;
    const struct serve_policy policy = serve_policy_default();
    if (fixture_fetch(&f->config.source, &f->op, STR("m"), n, &files) != OK ||
        serve_version_load(&f->op, f->config.engines, files.model, n, &policy, &v) != OK)
        fail_msg("%s", f->op.msg);
    return v;
}

static void test_state_counts_its_versions(void **state)
{
    struct fixture *f = *state;
    struct serve_version *a = version_load(f, 7), *b = version_load(f, 2);
    struct serve_endpoint *e = NULL;
    const struct serve_state s = {.name = STR("x"), .config_text = STR("{\"model\":\"m\",\"id_field\":\"row\"}"), .live = 7,
                                  .loaded = (struct serve_version *[]){a, b}, .loaded_len = 2};
    assert_int_equal(serve_endpoint_make(&f->op, &s, &e), OK);
    assert_int_equal(atomic_load(&a->refs), 2);
    serve_version_unref(a);
    serve_version_unref(b);
    const struct serve_info *info = serve_endpoint_info(e);
    assert_true(info->ready && info->version_count == 2 && info->versions[0] == 2 && info->versions[1] == 7);
    assert_true(str_eqc(info->id_field, "row") && str_eqc(info->format, "ingot-linear") && !info->view);
    assert_ptr_equal(serve_endpoint_version(e, 2), b);
    assert_null(serve_endpoint_version(e, 3));
    struct serve_endpoint *again = serve_endpoint_ref(e);
    serve_release(e);
    struct infer_answer answer;
    const float x[3] = {0, NAN, 0};
    const struct tensor t = {.name = STR("x"), .type = TENSOR_FP32, .rank = 1, .shape = {3}, .count = 3, .data = x};
    const struct infer_request r = {.inputs = &t, .input_count = 1};
    assert_int_equal(serve_infer(&f->op, again, &r, &answer), OK); /* no monitor: nothing is recorded; no batcher: on this thread */
    assert_true(((const float *)answer.outputs[0].data)[0] == fixture_score(7));
    serve_release(again);
    serve_release(NULL);
}

static void test_without_its_live_version_it_is_not_ready(void **state)
{
    struct fixture *f = *state;
    struct serve_endpoint *e = NULL;
    const struct serve_state s = {.name = STR("x"), .config_text = STR("{}"), .live = 7};
    assert_int_equal(serve_endpoint_make(&f->op, &s, &e), OK);
    assert_false(serve_endpoint_info(e)->ready);
    assert_int_equal(serve_endpoint_info(e)->features, 0);
    serve_release(e);
    const struct serve_state broken = {.name = STR("x"), .config_text = STR("{\"a\":1}")};
    assert_int_equal(serve_endpoint_make(&f->op, &broken, &e), E_INVALID);
}

/* A model that answers NaN to an ordinary row is refused before it is served. */
static void test_warming_finds_broken_models(void **state)
{
    struct fixture *f = *state;
    struct serve_version *v = NULL;
    const struct serve_policy policy = serve_policy_default();
    static const char text[] = "{\"format\":\"ingot-linear\",\"version\":1,\"objective\":\"binary:logistic\",\"names\":[\"a\",\"b\"],\"mean\":[0,0],"
                               "\"scale\":[1e-300,1e-300],\"weight\":[1e8,-1e8],\"bias\":0}";
    assert_int_equal(serve_version_load(&f->op, f->config.engines, str_from(text), 1, &policy, &v), E_INVALID); /* inf - inf */
    assert_non_null(strstr(f->op.msg, "ordinary row"));
    op_clear(&f->op);
    assert_int_equal(serve_version_load(&f->op, f->config.engines, STR("x"), 1, &policy, &v), E_INVALID);
}

static void test_features_match(void **state)
{
    struct fixture *f = *state;
    const struct feature_view *view = feature_table_view(feature_online_find(f->features, STR("v")));
    struct str names[3] = {view->features[0].name, view->features[1].name, view->features[2].name};
    struct engine_info info = {.features = 3, .feature_names = names};
    assert_int_equal(serve_features_match(&f->op, &info, view), OK);
    info.feature_names = NULL;
    assert_int_equal(serve_features_match(&f->op, &info, view), OK);
    info.feature_names = names;
    names[2] = STR("other");
    assert_int_equal(serve_features_match(&f->op, &info, view), E_INVALID);
    info.features = 2;
    assert_int_equal(serve_features_match(&f->op, &info, view), E_INVALID);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_state_counts_its_versions), TEST(test_without_its_live_version_it_is_not_ready),
                                       TEST(test_warming_finds_broken_models), TEST(test_features_match)};
    return cmocka_run_group_tests_name("endpoint", tests, NULL, NULL);
}
