/* Loading and letting go happen on a thread of their own, at low priority. */
#include <sched.h>
#include <sys/resource.h>

#include "core/serve/loader.h"
#include "core/serve/version.h"
#include "core/serve/warm.h"
#include "infer_fixture.h"

static pthread_t load_thread;
static int load_nice, load_policy;

static enum err noting_load(struct op *op, struct str bytes, void **ret)
{
    load_thread = pthread_self();
    load_nice = getpriority(PRIO_PROCESS, 0); /* of this thread, on Linux */
    load_policy = sched_getscheduler(0);
    return toy_load(op, bytes, ret);
}

static void test_load_and_bury(void **state)
{
    (void)state;
    struct engine_ops noting = toy_engine;
    noting.load = noting_load;
    const struct engine_ops *const engines[] = {&noting, NULL};
    const struct serve_policy policy = serve_policy_default();
    struct arena *a = arena_create(LIMIT_MIB(8));
    struct op op;
    struct serve_version *v = NULL;
    op_init(&op, a);
    struct loader *l = loader_create();
    assert_int_equal(loader_load(&op, l, engines, STR("toy memory=500"), 7, &policy, &v), OK);
    assert_true(v->version == 7 && v->memory_bytes == 500 && loader_memory(l) == 500 && atomic_load(&toy_loaded) == 1);
    assert_false(pthread_equal(load_thread, pthread_self()));
    assert_true(load_nice == 10 && load_policy == SCHED_BATCH);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), 0);
    struct serve_version *bad = NULL;
    assert_int_equal(loader_load(&op, l, engines, STR("toy broken"), 8, &policy, &bad), E_INVALID);
    assert_non_null(strstr(op.msg, "broken"));
    assert_null(bad);
    struct serve_version *w = NULL;
    op_clear(&op);
    assert_int_equal(loader_load(&op, l, engines, STR("toy memory=500"), 7, &policy, &w), OK);
    assert_true(w->serial != v->serial && serve_version_alike(&op, v, w, NULL));
    /* One that starts threads of its own is loaded here, or they would be slow for ever. */
    struct serve_version *own = NULL;
    pthread_t there = load_thread;
    noting.spawns = true;
    assert_int_equal(loader_load(&op, l, engines, STR("toy memory=500"), 7, &policy, &own), OK);
    assert_true(pthread_equal(load_thread, pthread_self()) && load_nice == 0 && loader_memory(l) == 1500);
    load_thread = there;
    serve_version_unref(own);
    serve_version_unref(v);
    serve_version_unref(w);
    loader_destroy(l); /* lets go what is buried */
    assert_int_equal(atomic_load(&toy_loaded), 0);
    assert_true(pthread_equal(toy_unload_thread, load_thread));
    loader_destroy(NULL);
    arena_destroy(a);
}

/* What is measured, and what a sample that the model refuses means. */
static void test_warm(void **state)
{
    (void)state;
    static const struct engine_ops *const engines[] = {&toy_engine, &linear_engine, NULL};
    struct serve_policy policy = serve_policy_default();
    struct arena *a = arena_create(LIMIT_MIB(64));
    struct op op;
    struct serve_version *v = NULL, *w = NULL;
    op_init(&op, a);
    atomic_store(&toy_runs, 0);
    policy.warmup.count = 20;
    assert_int_equal(serve_version_load(&op, engines, STR("toy fixed_us=1000 row_us=50"), 1, &policy, &v), OK);
    double one = cost_of(&v->cost, 1), many = cost_of(&v->cost, 100);
    if (one < 0.9e6 || one > 20e6 || many < 1.5 * one)
        fail_msg("%g for 1 row, %g for 100", one, many);
    assert_true(atomic_load(&toy_runs) > 20);
    policy.warmup.random = true;
    assert_int_equal(serve_version_load(&op, engines, STR("toy width=3"), 2, &policy, &w), OK);
    assert_true(cost_of(&w->cost, 1) < 1e6);
    const char *why = NULL;
    assert_false(serve_version_alike(&op, v, w, &why));
    assert_non_null(strstr(why, "\"x\""));
    serve_version_unref(w);
    /* Shapes of the wrong rank are the configuration's fault. */
    struct json *shapes = NULL;
    assert_int_equal(json_parse(&op, STR("{\"x\":[1]}"), JSON_STRICT, &shapes), OK);
    policy.warmup.shapes = shapes;
    assert_int_equal(serve_version_load(&op, engines, STR("toy"), 2, &policy, &w), E_INVALID);
    assert_non_null(strstr(op.msg, "rank 2"));
    serve_version_unref(v);
    arena_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_load_and_bury), cmocka_unit_test(test_warm)};
    return cmocka_run_group_tests_name("loader", tests, NULL, NULL);
}
