/* One version: what is told of a model, who unloads it, and which two versions may stand in for each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "adapter/linear/linear.h"
#include "core/serve/version.h"
#include "toy_engine.h"

#define LINEAR(names, weights) \
    "{\"format\":\"ingot-linear\",\"version\":1,\"objective\":\"binary:logistic\",\"names\":[" names "],\"mean\":[" weights "],\"scale\":[1,1],\"weight\":[" weights \
    "],\"bias\":0}"

static const struct engine_ops *const engines[] = {&linear_engine, &toy_engine, NULL};

static int setup(void **state)
{
    static struct op op;
    op_init(&op, arena_create(LIMIT_MIB(64)));
    atomic_store(&toy_loaded, 0);
    *state = &op;
    return 0;
}

static int teardown(void **state)
{
    arena_destroy(((struct op *)*state)->arena);
    return 0;
}

static struct serve_version *load(struct op *op, const char *text, int64_t number)
{
    struct serve_version *v = NULL;
    const struct serve_policy policy = serve_policy_default();
    if (serve_version_load(op, engines, str_from(text), number, &policy, &v) != OK)
        fail_msg("%s", op->msg);
    return v;
}

static void test_what_is_told(void **state)
{
    struct op *op = *state;
    struct serve_version *t = load(op, "toy memory=4711", 3), *l = load(op, LINEAR("\"a\",\"b\"", "0,0"), 3);
    assert_true(!t->rows && !t->doubles && t->version == 3 && t->memory_bytes == 4711 && t->input_count == 2 && t->output_count == 3);
    assert_string_equal(t->platform, "ingot_toy");
    assert_true(l->rows && l->input_count == 1 && l->info->features == 2);
    assert_string_equal(l->platform, "ingot_ingot-linear");
    assert_true(t->serial != l->serial); /* though both are version 3 */
    assert_true(t->queue.expires_ns == INT64_MAX && atomic_load(&t->running) == 0 && !t->loader);
    serve_version_unref(t);
    serve_version_unref(l);
}

static void test_the_last_reference_unloads(void **state)
{
    struct serve_version *v = load(*state, "toy", 1);
    assert_ptr_equal(serve_version_ref(v), v);
    serve_version_unref(v);
    assert_int_equal(atomic_load(&toy_loaded), 1);
    serve_version_unref(v);
    assert_int_equal(atomic_load(&toy_loaded), 0);
    serve_version_unref(NULL);
}

static struct engine_info altered;
static const struct engine_info *altered_info(const void *model)
{
    (void)model;
    return &altered;
}

static enum err no_run(struct op *op, const void *model, const struct tensor *in, const bool *wanted, struct tensor *out)
{
    (void)model, (void)in, (void)wanted, (void)out;
    return op_fail(op, E_IO, "it does not run");
}

static void test_what_fails_leaves_nothing(void **state)
{
    struct op *op = *state;
    struct serve_version *v = NULL;
    struct serve_policy policy = serve_policy_default();
    assert_int_equal(serve_version_load(op, engines, STR("toy broken"), 1, &policy, &v), E_INVALID);
    op_clear(op);
    assert_int_equal(serve_version_load(op, engines, STR("nobody's"), 1, &policy, &v), E_INVALID);
    struct engine_ops wide = toy_engine;
    const struct engine_ops *const mine[] = {&wide, NULL};
    static struct tensor_spec outputs[LIMIT_SERVE_OUTPUTS + 1];
    altered = (struct engine_info){.format = STR("toy"), .outputs_spec = outputs, .output_count = LIMIT_SERVE_OUTPUTS + 1};
    wide.info = altered_info;
    op_clear(op);
    assert_int_equal(serve_version_load(op, mine, STR("toy"), 1, &policy, &v), E_TOO_LARGE);
    assert_non_null(strstr(op->msg, "1025 outputs"));
    wide.run = no_run;
    altered = (struct engine_info){.format = STR("onnx")};
    const struct json shapes = {.type = JSON_OBJECT};
    policy.warmup.shapes = &shapes;
    op_clear(op);
    assert_int_equal(serve_version_load(op, mine, STR("toy"), 1, &policy, &v), E_IO);
    assert_null(v);
    assert_int_equal(atomic_load(&toy_loaded), 0);
    policy.warmup.shapes = NULL; /* the sample was a guess, then */
    op_clear(op);
    assert_int_equal(serve_version_load(op, mine, STR("toy"), 1, &policy, &v), OK);
    assert_string_equal(v->platform, "onnxruntime_onnx");
    serve_version_unref(v);
}

static void test_alike(void **state)
{
    static const struct {
        const char *a, *b, *why; /* NULL: they are alike */
    } cases[] = {
        {"toy", "toy add=5 row_us=1", NULL},
        {"toy", "toy width=3", "input \"x\" is not the same in versions 1 and 2"},
        {"toy", LINEAR("\"a\",\"b\"", "0,0"), "different tensors"},
        {LINEAR("\"a\",\"b\"", "0,0"), LINEAR("\"a\",\"b\"", "1,1"), NULL},
        {LINEAR("\"a\",\"b\"", "0,0"), LINEAR("\"a\",\"c\"", "0,0"), "feature 1 is \"c\" in version 2, \"b\" in version 1"},
    };
    struct op *op = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct serve_version *a = load(op, cases[i].a, 1), *b = load(op, cases[i].b, 2);
        const char *why = "unset";
        assert_int_equal(serve_version_alike(op, a, b, &why), !cases[i].why);
        assert_int_equal(serve_version_alike(op, b, a, NULL), !cases[i].why);
        if (cases[i].why ? !why || !strstr(why, cases[i].why) : why != NULL)
            fail_msg("case %zu: %s", i, why ? why : "no reason");
        serve_version_unref(a);
        serve_version_unref(b);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_what_is_told), TEST(test_the_last_reference_unloads), TEST(test_what_fails_leaves_nothing),
                                       TEST(test_alike)};
    return cmocka_run_group_tests_name("version", tests, NULL, NULL);
}
