/* Kept answers: equal to those of the model, of this version, within the bytes that are allowed, and not counted as inferences. */
#include "core/serve/cache.h"
#include "infer_fixture.h"

#define CACHED(bytes) "{\"model\":\"toys\",\"cache\":{\"max_bytes\":" bytes "}}"

static int setup(void **state)
{
    int rc = infer_setup(state);
    toy_files[1] = "toy";
    toy_files[2] = "toy add=100";
    return rc;
}

static struct infer_answer ask(struct fixture *f, float x, const char *s, const struct infer_want *want, size_t n)
{
    struct infer_answer a;
    struct str *text = op_new(&f->op, struct str);
    float *v = arena_array(f->arena, 2, float);
    struct tensor *in = arena_array(f->arena, 2, struct tensor);
    *text = str_from(s);
    v[0] = x, v[1] = 1;
    in[0] = tensor_of("x", TENSOR_FP32, (int64_t[]){1, 2}, 2, v);
    in[1] = tensor_of("s", TENSOR_BYTES, (int64_t[]){1}, 1, text);
    const struct infer_request r = {.inputs = in, .input_count = 2, .outputs = want, .output_count = n};
    CHECK(infer_ask(f, "a", &r, &a));
    return a;
}

static float sum_of(const struct infer_answer *a)
{
    return ((const float *)a->outputs[0].data)[0];
}

static void test_hits(void **state)
{
    struct fixture *f = *state;
    CHECK(fixture_put(f, "a", CACHED("100000"), 1));
    int runs = atomic_load(&toy_runs);
    struct infer_answer a = ask(f, 1, "text", NULL, 0), b = ask(f, 1, "text", NULL, 0);
    assert_true(!a.cached && b.cached && atomic_load(&toy_runs) == runs + 1);
    assert_true(sum_of(&b) == 2 && b.output_count == 3 && str_eqc(b.outputs[1].texts[0], "text") && str_eqc(b.outputs[1].name, "echo"));
    assert_true(b.outputs[2].rank == 2 && ((const float *)b.outputs[2].data)[0] == -2 && b.version == 1);
    assert_false(ask(f, 2, "text", NULL, 0).cached);
    assert_false(ask(f, 1, "texts", NULL, 0).cached);
    const struct infer_want want[] = {{.name = STR("echo")}}, top[] = {{.name = STR("pair"), .classes = 1}};
    assert_false(ask(f, 1, "text", want, 1).cached);
    a = ask(f, 1, "text", want, 1);
    assert_true(a.cached && a.output_count == 1 && str_eqc(a.outputs[0].texts[0], "text"));
    ask(f, 1, "text", top, 1);
    a = ask(f, 1, "text", top, 1);
    assert_true(a.cached && str_eqc(a.outputs[0].texts[0], "2.000000:1"));
    /* Another version, and the first again. */
    CHECK(fixture_put(f, "a", CACHED("100000"), 2));
    a = ask(f, 1, "text", NULL, 0);
    assert_true(!a.cached && sum_of(&a) == 102);
    CHECK(fixture_put(f, "a", CACHED("100000"), 1));
    assert_true(ask(f, 1, "text", NULL, 0).cached);
    struct serve_endpoint *e = NULL;
    struct infer_stats *s = NULL;
    CHECK(serve_acquire(&f->op, f->serve, STR("a"), &e));
    assert_int_equal(serve_stats(&f->op, e, &s), 2);
    serve_release(e);
    assert_true(s->cache_hit.count == 4 && s->cache_miss.count == 5 && s->inference_count == 5 && s->success.count == 9);
}

static void test_bounds(void **state)
{
    struct fixture *f = *state;
    struct serve_endpoint *e = NULL;
    CHECK(fixture_put(f, "a", CACHED("2000"), 1));
    for (int i = 0; i < 100; i++) {
        ask(f, (float)i, "t", NULL, 0);
        assert_true(ask(f, 0, "t", NULL, 0).cached == (i > 0) || i == 0); /* asked again and again, so it stays */
    }
    CHECK(serve_acquire(&f->op, f->serve, STR("a"), &e));
    assert_true(cache_used(((struct serve_endpoint *)e)->cache) <= 2000 && cache_used(e->cache) > 1000);
    serve_release(e);
    assert_true(ask(f, 99, "t", NULL, 0).cached);
    assert_false(ask(f, 1, "t", NULL, 0).cached);
    /* Larger than all of it: never kept. */
    char *large = arena_array(f->arena, 3000, char);
    memset(large, 'x', 2999);
    ask(f, 5, large, NULL, 0);
    assert_false(ask(f, 5, large, NULL, 0).cached);
}

static void test_rows(void **state)
{
    struct fixture *f = *state;
    struct infer_answer a;
    CHECK(fixture_put(f, "v", "{\"model\":\"m\",\"view\":\"v\",\"cache\":{\"max_bytes\":100000}}", 6));
    const struct infer_request matrix = {INPUTS(FP32("x", (2, 3), 1, NAN, 3, 4, 5, 6))};
    CHECK(infer_ask(f, "v", &matrix, &a));
    assert_false(a.cached);
    CHECK(infer_ask(f, "v", &matrix, &a));
    assert_true(a.cached && a.outputs[0].count == 2 && ((const float *)a.outputs[0].data)[1] == fixture_score(6));
    /* Online features change; such a request is asked anew each time. */
    const struct infer_request entities = {INPUTS(BYTES("origin", (1), STR("ORD")), FP32("distance", (1), 100), INT64("date", (1), T0))};
    for (int i = 0; i < 2; i++) {
        CHECK(infer_ask(f, "v", &entities, &a));
        assert_false(a.cached);
    }
    struct monitor_stats stats;
    assert_true(monitor_stats(f->monitor, STR("v"), &stats) && stats.recorded == 6); /* what was served counts, kept or not */
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_hits), TEST(test_bounds), TEST(test_rows)};
    return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
