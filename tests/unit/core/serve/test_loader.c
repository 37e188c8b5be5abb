/* Loading and letting go happen on a thread of their own, which gives way to everybody once the server serves. */
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/thread.h"
#include "core/serve/loader.h"
#include "core/serve/serve.h"
#include "core/serve/version.h"
#include "core/serve/warm.h"
#include "infer_fixture.h"

static pthread_t load_thread;
static int load_nice, load_policy;
static int own_nice; /* what these tests were started with */

static enum err noting_load(struct op *op, struct str bytes, void **ret)
{
    load_thread = pthread_self();
    load_nice = getpriority(PRIO_PROCESS, 0); /* of this thread, on Linux */
    load_policy = sched_getscheduler(0);
    return toy_load(op, bytes, ret);
}

static void note_here(void *arg)
{
    (void)arg;
    load_thread = pthread_self();
    load_nice = getpriority(PRIO_PROCESS, 0);
    load_policy = sched_getscheduler(0);
}

/* SCHED_IDLE where the process may come back from it, else the lowest of the batch jobs. */
static bool yields(void)
{
    return load_policy == SCHED_IDLE || (load_policy == SCHED_BATCH && load_nice == 19);
}

static const struct serve_files *file_of(const char *text)
{
    static struct serve_files files;
    files = (struct serve_files){.model = str_from(text)};
    return &files;
}

static void run_within(void *arg)
{
    load_thread = (pthread_t)0;
    loader_run(arg, note_here, NULL);
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
    assert_int_equal(loader_load(&op, l, engines, file_of("toy memory=500"), 7, &policy, &v), OK);
    assert_true(v->version == 7 && v->memory_bytes == 500 && loader_memory(l) == 500 && atomic_load(&toy_loaded) == 1);
    assert_false(pthread_equal(load_thread, pthread_self()));
    assert_true(load_nice == own_nice && load_policy == SCHED_OTHER); /* a start is nobody's disturbance */
    loader_yield(l);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), own_nice);
    assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
    struct serve_version *bad = NULL;
    assert_int_equal(loader_load(&op, l, engines, file_of("toy broken"), 8, &policy, &bad), E_INVALID);
    assert_non_null(strstr(op.msg, "broken"));
    assert_null(bad);
    struct serve_version *w = NULL;
    op_clear(&op);
    assert_int_equal(loader_load(&op, l, engines, file_of("toy memory=500"), 7, &policy, &w), OK);
    assert_true(w->serial != v->serial && serve_version_alike(&op, v, w, NULL));
    assert_true(yields());
    /* One that starts threads of its own is loaded here, or they would be slow for ever. */
    struct serve_version *own = NULL;
    pthread_t there = load_thread;
    noting.spawns = true;
    assert_int_equal(loader_load(&op, l, engines, file_of("toy memory=500"), 7, &policy, &own), OK);
    assert_true(pthread_equal(load_thread, pthread_self()) && load_nice == own_nice && loader_memory(l) == 1500);
    /* What is run over there is run by the same thread, and from there at once. */
    loader_run(l, note_here, NULL);
    assert_true(pthread_equal(load_thread, there) && yields());
    loader_run(l, run_within, l);
    assert_true(pthread_equal(load_thread, there));
    loader_bury_arena(l, arena_create(LIMIT_MIB(1)));
    loader_bury_arena(l, NULL);
    serve_version_unref(own);
    serve_version_unref(v);
    serve_version_unref(w);
    loader_destroy(l); /* lets go what is buried */
    assert_int_equal(atomic_load(&toy_loaded), 0);
    assert_true(pthread_equal(toy_unload_thread, load_thread));
    loader_destroy(NULL);
    arena_destroy(a);
}

static atomic_bool spinning, hogged;

static void *hog(void *arg)
{
    cpu_set_t *one = arg;
    assert_int_equal(sched_setaffinity(0, sizeof *one, one), 0);
    atomic_store(&hogged, true);
    while (atomic_load(&spinning)) {
    }
    return NULL;
}

/* Ends only when somebody has raised this thread. */
static void wait_for_rise(void *arg)
{
    int *levels = arg;
    levels[0] = sched_getscheduler(0);
    while (sched_getscheduler(0) == SCHED_IDLE) {
    }
    levels[1] = sched_getscheduler(0);
}

static void pin(void *arg)
{
    cpu_set_t *one = arg;
    assert_int_equal(sched_setaffinity(0, sizeof *one, one), 0);
}

/* Others take the whole processor: the load gets its share after a while, and the next one gives way again. */
static void test_starved(void **state)
{
    (void)state;
    cpu_set_t one, all;
    int levels[2] = {-1, -1};
    enum { HOGS = 4 };
    pthread_t hogs[HOGS];
    struct loader *l = loader_create();
    loader_yield(l);
    loader_run(l, note_here, NULL);
    if (load_policy != SCHED_IDLE) {
        loader_destroy(l);
        print_message("needs CAP_SYS_NICE or RLIMIT_NICE\n");
        skip();
    }
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&one);
    for (size_t i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &one);
    loader_run(l, pin, &one);
    atomic_store(&spinning, true);
    for (int i = 0; i < HOGS; i++)
        hogs[i] = thread_start("hog", hog, &one);
    while (!atomic_load(&hogged)) {
    }
    loader_run(l, wait_for_rise, levels);
    atomic_store(&spinning, false);
    for (int i = 0; i < HOGS; i++)
        thread_join(hogs[i]);
    assert_int_equal(levels[0], SCHED_IDLE);
    assert_int_equal(levels[1], SCHED_BATCH);
    loader_run(l, note_here, NULL);
    assert_int_equal(load_policy, SCHED_IDLE);
    loader_destroy(l);
}

/* A process that may not raise priorities keeps a thread that never stands still. */
static void test_unprivileged(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        struct rlimit none = {0, 0};
        if (setrlimit(RLIMIT_NICE, &none) || (geteuid() == 0 && setuid(65534)))
            _exit(2);
        struct loader *l = loader_create();
        loader_yield(l);
        loader_run(l, note_here, NULL);
        bool right = load_policy == SCHED_BATCH && load_nice == 19;
        loader_destroy(l);
        _exit(right ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
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
    own_nice = getpriority(PRIO_PROCESS, 0);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_load_and_bury), cmocka_unit_test(test_starved), cmocka_unit_test(test_unprivileged), cmocka_unit_test(test_warm)};
    return cmocka_run_group_tests_name("loader", tests, NULL, NULL);
}
