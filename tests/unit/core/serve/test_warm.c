/* The first runs: how many, over how many rows, of which values; what they tell of the cost; whose failure counts. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/serve/warm.h"
#include "toy_engine.h"

static float least, most; /* of the values that runs saw */
static int refuse_above;  /* rows */

static enum err watch_run(struct op *op, const void *model, const struct tensor *in, const bool *wanted, struct tensor *out)
{
    if (in[0].shape[0] > refuse_above)
        return op_fail(op, E_IO, "%lld rows are too many", (long long)in[0].shape[0]);
    for (size_t i = 0; i < in[0].count; i++) {
        least = fminf(least, ((const float *)in[0].data)[i]);
        most = fmaxf(most, ((const float *)in[0].data)[i]);
    }
    return toy_run(op, model, in, wanted, out);
}

static int setup(void **state)
{
    static struct op op;
    op_init(&op, arena_create(LIMIT_MIB(64)));
    atomic_store(&toy_runs, 0), atomic_store(&toy_rows, 0), atomic_store(&toy_most_rows, 0), atomic_store(&toy_loaded, 0);
    least = most = 0;
    refuse_above = 1000000;
    *state = &op;
    return 0;
}

static int teardown(void **state)
{
    assert_int_equal(atomic_load(&toy_loaded), 0);
    arena_destroy(((struct op *)*state)->arena);
    return 0;
}

/* Loading warms. `shapes` NULL: none are given. */
static enum err load(struct op *op, const char *text, size_t count, const char *shapes, bool random, struct serve_version **ret)
{
    static struct engine_ops watch;
    static const struct engine_ops *const engines[] = {&watch, NULL};
    struct serve_policy policy = serve_policy_default();
    struct json *doc = NULL;
    watch = toy_engine;
    watch.run = watch_run;
    op_clear(op);
    if (shapes)
        assert_int_equal(json_parse(op, str_from(shapes), JSON_STRICT, &doc), OK);
    policy.warmup.count = count;
    policy.warmup.random = random;
    policy.warmup.shapes = doc;
    return serve_version_load(op, engines, str_from(text), 1, &policy, ret);
}

static void test_runs_and_rows(void **state)
{
    struct serve_version *v = NULL;
    assert_int_equal(load(*state, "toy", 20, NULL, false, &v), OK);
    assert_in_range(atomic_load(&toy_runs), 20 + 1, 20 + 15); /* 20 that are asked for, at most 5 of each size */
    assert_int_equal(atomic_load(&toy_most_rows), 64);
    assert_true(least == 0 && most == 0);
    serve_version_unref(v);
    atomic_store(&toy_runs, 0), atomic_store(&toy_most_rows, 0);
    assert_int_equal(load(*state, "toy joins=0", 0, NULL, true, &v), OK);
    assert_in_range(atomic_load(&toy_runs), 1, 5);
    assert_int_equal(atomic_load(&toy_most_rows), 1); /* what does not join is measured at its sample */
    assert_true(least >= -1 && most <= 1 && least != most);
    serve_version_unref(v);
}

static void test_the_cost_is_known(void **state)
{
    struct serve_version *v = NULL;
    assert_int_equal(load(*state, "toy fixed_us=300 row_us=20", 0, NULL, false, &v), OK);
    assert_true(cost_of(&v->cost, 1) >= 250e3 && cost_of(&v->cost, 1) < 1e9);
    assert_true(cost_of(&v->cost, 64) - cost_of(&v->cost, 1) > 500e3); /* 63 x 20 us, measured */
    serve_version_unref(v);
    atomic_store(&toy_runs, 0);
    assert_int_equal(load(*state, "toy fixed_us=210000", 0, NULL, false, &v), OK);
    assert_int_equal(atomic_load(&toy_runs), 1); /* a slow one is not run again and again */
    assert_true(cost_of(&v->cost, 1) >= 200e6);
    serve_version_unref(v);
}

static void test_shapes(void **state)
{
    struct op *op = *state;
    struct serve_version *v = NULL;
    assert_int_equal(load(op, "toy joins=0", 0, "{\"x\":[7,2],\"s\":[7]}", false, &v), OK);
    assert_int_equal(atomic_load(&toy_most_rows), 7);
    serve_version_unref(v);
    atomic_store(&toy_most_rows, 0);
    assert_int_equal(load(op, "toy", 0, "{\"x\":[100,9]}", false, &v), OK); /* the batch's axis is ours, the fixed one the model's */
    assert_int_equal(atomic_load(&toy_most_rows), 64);
    serve_version_unref(v);
    assert_int_equal(load(op, "toy", 0, "{\"x\":[7]}", false, &v), E_INVALID);
    assert_non_null(strstr(op->msg, "warm-up: warmup.shapes: input \"x\" has rank 2"));
    assert_int_equal(load(op, "toy joins=0", 0, "{\"x\":[4000000000000,2]}", false, &v), E_TOO_LARGE);
}

static void test_whose_failure_counts(void **state)
{
    struct op *op = *state;
    struct serve_version *v = NULL;
    refuse_above = 0;
    assert_int_equal(load(op, "toy", 4, "{\"x\":[1,2]}", false, &v), E_IO); /* the shape was said to be right */
    assert_non_null(strstr(op->msg, "warm-up: 1 rows are too many"));
    assert_int_equal(load(op, "toy", 4, NULL, false, &v), OK);              /* the shape was guessed */
    assert_true(cost_of(&v->cost, 1) >= 1e12);
    serve_version_unref(v);
    refuse_above = 1;
    assert_int_equal(load(op, "toy", 4, "{\"x\":[1,2]}", false, &v), OK); /* it runs with one row */
    assert_true(cost_of(&v->cost, 1) < 1e12);
    const struct serve_policy policy = {.warmup.count = 1000};
    const size_t used = arena_used(op->arena);
    assert_int_equal(serve_warm(op, v, &policy), OK);
    assert_int_equal(arena_used(op->arena), used); /* a thousand runs leave nothing behind */
    serve_version_unref(v);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_runs_and_rows), TEST(test_the_cost_is_known), TEST(test_shapes), TEST(test_whose_failure_counts)};
    return cmocka_run_group_tests_name("warm", tests, NULL, NULL);
}
