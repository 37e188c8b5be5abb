/* A rollout's shadow: it gets copies of what the control answered, its answers reach nobody, and the pairs are compared. */
#include "core/rollout/live.h"
#include "core/rollout/shadow.h"
#include "core/serve/mirror.h"
#include "core/serve/record.h"
#include "infer_fixture.h"

static bool take_shadow(struct rollout_live *live, struct str endpoint, int64_t rollout, struct rollout_shadow *ret)
{
    struct live_batch batch;
    bool taken = false;
    rollout_live_take(live, endpoint, rollout, ret, &taken, &batch);
    free(batch.entries);
    return taken;
}

static struct rollout_live *live;

static int setup(void **state)
{
    int rc = infer_setup(state);
    struct fixture *f = *state;
    live = rollout_live_create();
    f->config.live = live;
    toy_files[1] = "toy";
    toy_files[2] = "toy add=100";
    toy_files[3] = "toy fixed_us=20000 add=7";
    fixture_restart(f);
    return rc;
}

static int teardown(void **state)
{
    int rc = fixture_teardown(state);
    rollout_live_destroy(live);
    return rc;
}

static int64_t shadow_start(struct fixture *f, const char *name, int64_t candidate)
{
    struct rollout_plan plan;
    int64_t id = 0;
    rollout_plan_default_of(ROLLOUT_SHADOW, &plan);
    plan.tolerance = 0.5;
    op_clear(&f->op);
    CHECK(serve_start_rollout(&f->op, f->serve, str_from(name), candidate, &plan, T0, &id));
    return id;
}

static struct rollout_shadow *sums_wait(struct fixture *f, const char *name, int64_t id, uint64_t pairs)
{
    struct rollout_shadow *s = arena_new(f->arena, struct rollout_shadow), *part = arena_new(f->arena, struct rollout_shadow);
    for (int i = 0; i < 5000 && s->pairs + s->dropped < pairs; i++) {
        if (take_shadow(live, str_from(name), id, part))
            rollout_shadow_merge(s, part);
        time_sleep_ms(1);
    }
    return s;
}

static void test_tensors(void **state)
{
    struct fixture *f = *state;
    struct infer_answer a;
    CHECK(fixture_put(f, "toy", "{\"model\":\"toys\"}", 1));
    int64_t id = shadow_start(f, "toy", 2);
    const struct infer_request good = {INPUTS(FP32("x", (2, 2), 1, 2, 3, 4), BYTES("s", (2), STR("a"), STR("b")))}, bad = {INPUTS(FP32("x", (1, 2), 666, 2))};
    for (int i = 0; i < 5; i++) {
        CHECK(infer_ask(f, "toy", &good, &a));
        assert_true(a.version == 1 && ((const float *)a.outputs[0].data)[1] == 7);
    }
    assert_int_equal(infer_ask(f, "toy", &bad, &a), E_IO);
    struct rollout_shadow *s = sums_wait(f, "toy", id, 11);
    assert_int_equal(s->pairs, 11);
    assert_int_equal(s->both_failed, 1);
    assert_int_equal(s->agree, 0); /* 100 apart */
}

static void test_rows(void **state)
{
    struct fixture *f = *state;
    struct infer_answer a;
    CHECK(fixture_put(f, "m", "{\"model\":\"m\"}", 3));
    int64_t id = shadow_start(f, "m", 4);
    const struct infer_request r = {INPUTS(FP32("x", (3, 3), 1, 2, 3, 4, 5, 6, 7, 8, 9))};
    CHECK(infer_ask(f, "m", &r, &a));
    assert_true(a.version == 3 && ((const float *)a.outputs[0].data)[2] == fixture_score(3));
    struct rollout_shadow *s = sums_wait(f, "m", id, 3);
    assert_int_equal(s->pairs, 3);
    assert_int_equal(s->agree, 3); /* 0.12 and 0.27 */
    /* A version that is asked for by number is no pick of the rollout's. */
    const struct infer_request by_number = {INPUTS(FP32("x", (1, 3), 1, 2, 3)), .version = 4};
    CHECK(infer_ask(f, "m", &by_number, &a));
    assert_int_equal(a.version, 4);
    time_sleep_ms(20);
    assert_int_equal(sums_wait(f, "m", id, 0)->pairs, 0);
}

/* A graph in the shadow goes the way that the request says, by parameter and by unit, as the control did. */
static void test_graph(void **state)
{
    static const char graph[] = "{\"format\":\"ingot.graph\",\"version\":1,\"inputs\":[\"x\"],\"steps\":["
                                "{\"name\":\"s\",\"switch\":[{\"when\":{\"parameter\":\"far\",\"op\":\"==\",\"value\":\"yes\"},\"model\":\"far\"},{\"model\":\"near\"}],"
                                "\"inputs\":{\"x\":\"x\"}},"
                                "{\"name\":\"d\",\"split\":[{\"model\":\"far\",\"weight\":1},{\"model\":\"near\",\"weight\":1}],\"inputs\":{\"x\":\"x\"}},"
                                "{\"name\":\"m\",\"combine\":\"sum\",\"inputs\":[\"s.sum\",\"d.sum\"],\"weights\":[1,1000]}],\"outputs\":{\"y\":\"m\"}}";
    struct fixture *f = *state;
    struct infer_answer a;
    toy_files[4] = toy_files[5] = graph;
    CHECK(fixture_put(f, "near", "{\"model\":\"toys\"}", 1));
    CHECK(fixture_put(f, "far", "{\"model\":\"toys\"}", 2));
    CHECK(fixture_put(f, "g", "{\"model\":\"toys\"}", 4));
    int64_t id = shadow_start(f, "g", 5);
    const struct json_member far = {.key = STR("far"), .value = {.type = JSON_STRING, .s = STR("yes")}};
    int fars = 0;
    for (int i = 0; i < 40; i++) {
        char unit[16];
        snprintf(unit, sizeof(unit), "u%d", i);
        const struct infer_request r = {INPUTS(FP32("x", (1, 2), 1, 2)), .unit_id = str_from(unit), .params = &far, .param_count = i % 2 ? 1 : 0};
        CHECK(infer_ask(f, "g", &r, &a));
        const float y = ((const float *)a.outputs[0].data)[0];
        fars += y > 100000;
        assert_true((int)y % 1000 == (i % 2 ? 103 : 3));
    }
    assert_in_range(fars, 1, 39); /* both ways were gone */
    struct rollout_shadow *s = sums_wait(f, "g", id, 40);
    assert_int_equal(s->pairs, 40);
    assert_int_equal(s->agree, 40);
}

/* The candidate needs 20 ms for each: most copies find no room and are dropped; the answers do not wait. */
static void test_dropped_first(void **state)
{
    struct fixture *f = *state;
    struct infer_answer a;
    CHECK(fixture_put(f, "toy", "{\"model\":\"toys\",\"warmup\":{\"count\":1}}", 1));
    int64_t id = shadow_start(f, "toy", 3);
    const struct infer_request r = {INPUTS(FP32("x", (1, 2), 1, 2))};
    for (int i = 0; i < LIMIT_SERVE_SHADOWS + 200; i++)
        CHECK(infer_ask(f, "toy", &r, &a));
    struct rollout_shadow *s = sums_wait(f, "toy", id, 1);
    assert_true(s->dropped >= 100);
}

/* Copies of a graph wait for the queue's threads, which end with the endpoints: none is under way then. The tear-down closes. */
#define GRAPH_OF(model) "{\"format\":\"ingot.graph\",\"version\":1,\"inputs\":[\"x\"],\"steps\":[{\"name\":\"s\",\"model\":\"" model "\",\"inputs\":{\"x\":\"x\"}}],\"outputs\":{\"y\":\"s.sum\"}}"

static void test_closed_with_copies_of_a_graph(void **state)
{
    struct fixture *f = *state;
    struct infer_answer a;
    toy_files[4] = GRAPH_OF("near");
    toy_files[5] = GRAPH_OF("slow");
    CHECK(fixture_put(f, "near", "{\"model\":\"toys\"}", 1));
    CHECK(fixture_put(f, "slow", "{\"model\":\"toys\",\"inline_us\":0,\"warmup\":{\"count\":1}}", 3));
    CHECK(fixture_put(f, "g", "{\"model\":\"toys\"}", 4));
    (void)shadow_start(f, "g", 5);
    const struct infer_request r = {INPUTS(FP32("x", (1, 2), 1, 2))};
    for (int i = 0; i < 8; i++)
        CHECK(infer_ask(f, "g", &r, &a));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_tensors), TEST(test_rows), TEST(test_graph), TEST(test_dropped_first), TEST(test_closed_with_copies_of_a_graph)};
    return cmocka_run_group_tests_name("mirror", tests, NULL, NULL);
}
