/* One request, step by step: which version, which outputs, what is counted, and what each refusal is. */
#include "core/serve/call.h"

#include "infer_fixture.h"

struct world {
    struct op op;
    void *fixture;           /* for its engines */
    struct serve_version *v[2];
    struct serve_endpoint *ep;
};

/* Versions 1 and 2, told apart by what they add; 1 is live. No monitor, no cache, no queue. */
static void endpoint_make(struct world *w, int64_t live, const struct rollout_weights *weights)
{
    const struct serve_state s = {.name = STR("e"), .config_text = STR("{\"id_field\":\"id\"}"), .live = live, .loaded = w->v, .loaded_len = 2,
                                  .weights = *weights};
    serve_release(w->ep);
    assert_int_equal(serve_endpoint_make(&w->op, &s, &w->ep), OK);
}

static int setup(void **state)
{
    const struct serve_policy policy = serve_policy_default();
    struct world *w = calloc(1, sizeof(*w));
    assert_int_equal(infer_setup(&w->fixture), 0);
    const struct engine_ops *const *engines = ((struct fixture *)w->fixture)->config.engines;
    op_init(&w->op, arena_create(LIMIT_MIB(64)));
    for (int i = 0; i < 2; i++)
        assert_int_equal(serve_version_load(&w->op, engines, i ? STR("toy add=100") : STR("toy"), i + 1, &policy, &w->v[i]), OK);
    endpoint_make(w, 1, &(struct rollout_weights){0});
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    serve_release(w->ep);
    serve_version_unref(w->v[0]);
    serve_version_unref(w->v[1]);
    fixture_teardown(&w->fixture);
    arena_destroy(w->op.arena);
    free(w);
    return 0;
}

static struct serve_call call_of(struct world *w, const struct infer_request *r, struct infer_answer *a)
{
    op_clear(&w->op);
    return (struct serve_call){.op = &w->op, .ep = w->ep, .r = r, .ret = a, .started_ns = time_mono_ns()};
}

static struct infer_stats figures(struct serve_version *v)
{
    struct infer_stats s = {0};
    stats_read(v->stats, &s);
    return s;
}

static void test_the_way_of_an_answer(void **state)
{
    struct world *w = *state;
    struct infer_answer a;
    const struct infer_want want[] = {{.name = STR("pair"), .classes = 1}, {.name = STR("sum")}};
    const struct infer_request r = {INPUTS(FP32("x", (2, 2), 1, 2, 3, 4)), .outputs = want, .output_count = 2};
    struct serve_call c = call_of(w, &r, &a);
    assert_int_equal(call_prepare(&c), OK);
    assert_true(c.v == w->v[0] && c.rows.count == 2 && c.places[0] == 2 && c.places[1] == 0 && c.wanted[0] && !c.wanted[1] && c.wanted[2]);
    assert_int_equal(call_run(&c), OK);
    assert_true(!c.outputs[1].texts && figures(c.v).success.count == 0);
    assert_int_equal(call_answer(&c), OK);
    assert_true(a.output_count == 2 && a.version == 1 && a.arm == ROLLOUT_ARM_NONE && a.propensity == 1 && !a.cached);
    assert_true(str_eqc(a.outputs[0].texts[1], "7.000000:1") && ((const float *)a.outputs[1].data)[1] == 7);
    const struct infer_stats s = figures(c.v);
    assert_true(s.success.count == 1 && s.inference_count == 2 && s.fail.count == 0 && s.success.ns == c.t.total && c.t.total >= c.t.infer);
}

static void test_an_answer_from_the_cache_is_no_inference(void **state)
{
    struct world *w = *state;
    struct infer_answer a;
    const struct infer_request r = {INPUTS(FP32("x", (1, 2), 1, 2))};
    struct serve_call c = call_of(w, &r, &a);
    assert_true(call_prepare(&c) == OK && call_run(&c) == OK);
    c.cached = true;
    c.lookup_ns = 77;
    assert_int_equal(call_answer(&c), OK);
    const struct infer_stats s = figures(c.v);
    assert_true(a.cached && a.output_count == 3 && s.cache_hit.count == 1 && s.cache_hit.ns == 77 && s.inference_count == 0);
}

static void test_refusals(void **state)
{
    struct world *w = *state;
    struct infer_answer a;
    const struct infer_request gone = {INPUTS(FP32("x", (1, 2), 1, 2)), .version = 9}, plain = {INPUTS(FP32("x", (1, 2), 1, 2))};
    struct serve_call c = call_of(w, &gone, &a);
    assert_int_equal(call_prepare(&c), E_NOT_FOUND);
    assert_true(!c.v && call_refuse(&c, E_NOT_FOUND) == E_NOT_FOUND); /* no version: nobody's figure */
    /* What fails after the model has run: texts have no classes. */
    const struct infer_want classes = {.name = STR("echo"), .classes = 1};
    const struct infer_request texts = {INPUTS(FP32("x", (1, 2), 1, 2)), .outputs = &classes, .output_count = 1};
    c = call_of(w, &texts, &a);
    assert_true(call_prepare(&c) == OK && call_run(&c) == OK);
    assert_int_equal(call_answer(&c), E_INVALID);
    assert_true(figures(w->v[0]).fail.count == 1 && figures(w->v[0]).success.count == 0);
    static struct infer_want many[LIMIT_SERVE_OUTPUTS + 1];
    const struct infer_request crowd = {INPUTS(FP32("x", (1, 2), 1, 2)), .outputs = many, .output_count = ARRAY_LEN(many)};
    c = call_of(w, &crowd, &a);
    assert_int_equal(call_prepare(&c), E_TOO_LARGE);
    const struct infer_request bad = {INPUTS(FP32("x", (1, 2), 666, 2))};
    c = call_of(w, &bad, &a);
    assert_int_equal(call_prepare(&c), OK);
    assert_int_equal(call_refuse(&c, call_run(&c)), E_IO);
    assert_int_equal(figures(w->v[0]).fail.count, 2);
    endpoint_make(w, 3, &(struct rollout_weights){0});
    c = call_of(w, &plain, &a);
    assert_int_equal(call_prepare(&c), E_BUSY);
    assert_non_null(strstr(w->op.msg, "version 3 is not loaded"));
}

/* Half of the units go to each version: by the request's word, else by its first id, else by a number of its own. */
static void test_units(void **state)
{
    struct world *w = *state;
    struct infer_answer a;
    endpoint_make(w, 1, &(struct rollout_weights){.control = 1, .candidate = 2, .permille = 500, .seed = 5, .active = true});
    int64_t ids[64];
    size_t second = 0, numbered = 0;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        ids[i] = (int64_t)i * 1000;
        const struct infer_request by_word = {INPUTS(FP32("x", (1, 2), 1, 2)), .unit_id = str_from(op_printf(&w->op, "%zu", i * 1000))},
                                   by_id = {INPUTS(FP32("x", (1, 2), 1, 2), tensor_of("id", TENSOR_INT64, (int64_t[]){1}, 1, &ids[i]))},
                                   bare = {INPUTS(FP32("x", (1, 2), 1, 2))};
        struct serve_call c = call_of(w, &by_word, &a), d = call_of(w, &by_id, &a), n = call_of(w, &bare, &a);
        assert_true(call_prepare(&c) == OK && call_prepare(&d) == OK && call_prepare(&n) == OK);
        assert_ptr_equal(c.v, d.v);
        assert_true(str_eq(d.rows.unit, by_word.unit_id) && n.rows.unit.p[0] == '#' && c.pick.propensity == 0.5F);
        second += c.v == w->v[1];
        numbered += n.v == w->v[1];
    }
    assert_in_range(second, 8, 56);
    assert_in_range(numbered, 8, 56);
    const struct infer_request asked = {INPUTS(FP32("x", (1, 2), 1, 2)), .version = 2};
    for (int i = 0; i < 8; i++) {
        struct serve_call c = call_of(w, &asked, &a);
        assert_int_equal(call_prepare(&c), OK);
        assert_true(c.v == w->v[1] && c.pick.arm == ROLLOUT_ARM_NONE && c.pick.propensity == 1); /* the rollout learns nothing from it */
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_the_way_of_an_answer), TEST(test_an_answer_from_the_cache_is_no_inference), TEST(test_refusals),
                                       TEST(test_units)};
    return cmocka_run_group_tests_name("call", tests, NULL, NULL);
}
