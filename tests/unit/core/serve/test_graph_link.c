/* What a graph says of itself, when it is ready, and how it follows its members: loads, unloads, other shapes, circles. */
#include "graph_fixture.h"

#define BLEND GRAPH("\"x\"", STEP("a", "one", "") "," STEP("b", "two", "") "," MEAN("m", "a.sum", "b.sum"), "\"y\":\"m\",\"pair\":\"a.pair\"")

static void reason_check(struct graphs *g, const char *name, const char *text)
{
    struct str why = graphs_reason(g, name);
    if (*text ? str_find(why, str_from(text)) == SIZE_MAX : why.len > 0)
        fail_msg("%s: \"%.*s\", not \"%s\"", name, STR_FMT(why), text);
}

static void test_signature(void **state)
{
    struct graphs *g = *state;
    struct serve_endpoint *e = NULL;
    struct infer_signature s;
    graph_file(0, "blend", BLEND, NULL); /* before its members by name */
    graph_file(1, "one", "toy", NULL);
    graph_file(2, "two", "toy add=10", NULL);
    graphs_open(g, false);
    reason_check(g, "blend", "");
    assert_int_equal(serve_acquire(&g->op, g->serve, STR("blend"), &e), OK);
    assert_int_equal(serve_signature(&g->op, e, 0, &s), OK);
    assert_true(s.input_count == 1 && str_eqc(s.inputs[0].name, "x") && s.inputs[0].type == TENSOR_FP32 && s.inputs[0].rank == 2 && s.inputs[0].shape[1] == 2);
    assert_true(s.output_count == 2 && str_eqc(s.outputs[0].name, "y") && s.outputs[0].rank == 1 && s.outputs[1].shape[1] == 2 && s.joins);
    assert_true(str_eqc(s.platform, "ensemble") && serve_endpoint_info(e)->ready && str_eqc(serve_endpoint_info(e)->format, "graph"));
    serve_release(e);
}

static void test_follows(void **state)
{
    struct graphs *g = *state;
    struct infer_answer a;
    const struct infer_request q = {INPUTS(FP32("x", (1, 2), 1, 2))};
    graph_file(0, "blend", BLEND, NULL);
    graph_file(1, "one", "toy", NULL);
    graph_file(3, "outer", GRAPH("\"x\"", STEP("in", "blend", ""), "\"z\":\"in.y\""), NULL);
    graphs_open(g, false);
    reason_check(g, "blend", "step \"b\": there is no endpoint \"two\"");
    reason_check(g, "outer", "\"blend\" is not ready");
    assert_int_equal(graphs_ask(g, "blend", &q, &a), E_BUSY);
    graph_file(2, "two", "toy add=10", NULL);
    assert_int_equal(serve_repository_load(&g->op, g->serve, STR("two"), NULL), OK);
    reason_check(g, "outer", "");
    assert_int_equal(graphs_ask(g, "outer", &q, &a), OK);
    assert_true(number_of(&a, "z") == 8);
    graph_file(2, "two", "toy add=30", NULL);
    op_clear(&g->op);
    assert_int_equal(serve_repository_load(&g->op, g->serve, STR("two"), NULL), OK);
    assert_int_equal(graphs_ask(g, "outer", &q, &a), OK);
    assert_true(number_of(&a, "z") == 18);
    /* Figures go on over a member's reload. */
    struct serve_endpoint *e = NULL;
    struct infer_stats *stats = NULL;
    assert_int_equal(serve_acquire(&g->op, g->serve, STR("blend"), &e), OK);
    assert_int_equal(serve_stats(&g->op, e, &stats), 1);
    assert_true(stats->success.count == 2 && stats->fail.count == 0 && stats->inference_count == 2);
    serve_release(e);
    /* A member of another shape, and none. */
    graph_file(2, "two", "toy width=3", NULL);
    assert_int_equal(serve_repository_load(&g->op, g->serve, STR("two"), NULL), OK);
    reason_check(g, "blend", "another shape");
    assert_int_equal(serve_repository_unload(&g->op, g->serve, STR("one")), OK);
    reason_check(g, "blend", "there is no endpoint \"one\"");
    graph_file(2, "two", "toy", NULL);
    assert_int_equal(serve_repository_load(&g->op, g->serve, STR("two"), NULL), OK);
    assert_int_equal(serve_repository_load(&g->op, g->serve, STR("one"), NULL), OK);
    assert_int_equal(graphs_ask(g, "outer", &q, &a), OK);
    assert_true(number_of(&a, "z") == 3);
}

static void test_circles(void **state)
{
    struct graphs *g = *state;
    struct infer_answer a;
    const struct infer_request q = {INPUTS(FP32("x", (1, 2), 1, 2))};
    graph_file(0, "self", GRAPH("\"x\"", STEP("s", "self", ""), "\"sum\":\"s.sum\""), NULL);
    graph_file(1, "p", GRAPH("\"x\"", STEP("s", "q", ""), "\"sum\":\"s.sum\""), NULL);
    graph_file(2, "q", GRAPH("\"x\"", STEP("s", "p", ""), "\"sum\":\"s.sum\""), NULL);
    graphs_open(g, false);
    reason_check(g, "self", "names itself");
    reason_check(g, "p", "leads back to itself by way of \"q\"");
    reason_check(g, "q", "leads back to itself by way of \"p\"");
    /* One that is opened by a reload, and closed again by another. */
    graph_file(2, "q", "toy", NULL);
    assert_int_equal(serve_repository_load(&g->op, g->serve, STR("q"), NULL), OK);
    reason_check(g, "p", "");
    assert_int_equal(graphs_ask(g, "p", &q, &a), OK);
    assert_true(number_of(&a, "sum") == 3);
    graph_file(2, "q", GRAPH("\"x\"", STEP("s", "p", ""), "\"sum\":\"s.sum\""), NULL);
    op_clear(&g->op);
    assert_int_not_equal(serve_repository_load(&g->op, g->serve, STR("q"), NULL), OK);
    assert_int_equal(graphs_ask(g, "p", &q, &a), OK); /* the one that answered goes on */
}

static void test_depth_and_runs(void **state)
{
    struct graphs *g = *state;
    static char names[GRAPH_FILES][16], texts[GRAPH_FILES][4096];
    graph_file(0, "g0", "toy", NULL);
    for (int i = 1; i <= LIMIT_SERVE_GRAPH_DEPTH + 1; i++) {
        snprintf(names[i], sizeof(names[i]), "g%d", i);
        snprintf(texts[i], sizeof(texts[i]), GRAPH("\"x\"", STEP("s", "g%d", ""), "\"sum\":\"s.sum\""), i - 1);
        graph_file((size_t)i, names[i], texts[i], NULL);
    }
    graphs_open(g, false);
    reason_check(g, "g8", "");
    reason_check(g, "g9", "9 deep; 8 is allowed");
    serve_close(g->serve);
    for (int i = 1; i <= 3; i++) { /* 32 * 32 runs, then one more level */
        struct buf b;
        buf_init(&b, LIMIT_MIB(1));
        buf_add_cstr(&b, "{\"format\":\"ingot.graph\",\"version\":1,\"inputs\":[\"x\"],\"steps\":[{\"name\":\"sum\",\"combine\":\"sum\",\"inputs\":[");
        for (int k = 0; k < 32; k++)
            buf_addf(&b, "%s\"s%d.sum\"", k ? "," : "", k);
        buf_add_cstr(&b, "]}");
        for (int k = 0; k < 32; k++)
            buf_addf(&b, "," STEP("s%d", "g%d", ""), k, i - 1);
        buf_add_cstr(&b, "],\"outputs\":{\"sum\":\"sum\"}}");
        snprintf(texts[i], sizeof(texts[i]), "%.*s", STR_FMT(buf_str(&b)));
        buf_clear(&b);
    }
    for (size_t i = 4; i < GRAPH_FILES; i++)
        graph_files[i].name = NULL;
    graphs_open(g, false);
    reason_check(g, "g2", "");
    reason_check(g, "g3", "32768 models; 1024 are allowed");
    struct infer_answer a;
    const struct infer_request q = {INPUTS(FP32("x", (1, 2), 1, 2))};
    assert_int_equal(graphs_ask(g, "g2", &q, &a), OK);
    assert_true(number_of(&a, "sum") == 3072);
}

static void test_misfits(void **state)
{
    struct graphs *g = *state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {GRAPH("\"x\"", "{\"name\":\"a\",\"model\":\"one\",\"inputs\":{\"z\":\"x\"}}", "\"y\":\"a.sum\""), "\"one\" has no input \"z\""},
        {GRAPH("\"x\"", "{\"name\":\"a\",\"model\":\"one\",\"inputs\":{\"s\":\"x\"}}", "\"y\":\"a.sum\""), "input \"x\" of \"one\" gets nothing"},
        {GRAPH("\"x\"", STEP("a", "one", ""), "\"y\":\"a.sam\""), "\"one\" has no output \"sam\""},
        {GRAPH("\"x\"", STEP("a", "one", ",\"version\":7"), "\"y\":\"a.sum\""), "version 7 of \"one\" is not loaded"},
        {GRAPH("\"x\"", STEP("a", "one", "") ",{\"name\":\"b\",\"model\":\"one\",\"inputs\":{\"x\":\"a.sum\"}}", "\"y\":\"b.sum\""), "another shape than tensor \"a.sum\""},
        {GRAPH("\"x\"", STEP("a", "one", "") ",{\"name\":\"b\",\"model\":\"one\",\"inputs\":{\"x\":\"a.echo\"}}", "\"y\":\"b.sum\""), "wants FP32; tensor \"a.echo\" is BYTES"},
        {GRAPH("\"x\",\"w\"", STEP("a", "one", "") "," MEAN("m", "a.sum", "w"), "\"y\":\"m\""), "must say datatype and shape of input \"w\""},
        {GRAPH("\"x\"", STEP("a", "one", "") "," MEAN("m", "a.sum", "a.echo"), "\"y\":\"m\""), "step \"m\": \"mean\": tensor \"a.echo\" holds texts"},
        {GRAPH("\"x\"", STEP("a", "one", ",\"default\":\"no\""), "\"y\":\"a.sum\""), "default does not fit output \"sum\""},
        {GRAPH("{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[-1,5]}", STEP("a", "one", ""), "\"y\":\"a.sum\""), "another shape than tensor \"x\""},
        {GRAPH("\"x\"", "{\"name\":\"a\",\"switch\":[{\"model\":\"one\",\"when\":{\"parameter\":\"p\",\"op\":\"present\"}},{\"model\":\"line\"}],\"inputs\":{\"x\":\"x\"}}",
               "\"y\":\"a.sum\""), "\"line\" has no output \"sum\""},
    };
    graph_file(1, "one", "toy", NULL);
    graph_file(2, "line", "{\"format\":\"ingot-linear\",\"version\":1,\"objective\":\"binary:logistic\",\"names\":[\"u\",\"v\"],\"mean\":[0,0],\"scale\":[1,1],"
                          "\"weight\":[1,1],\"bias\":0}", NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        graph_file(0, "graph", cases[i].text, NULL);
        graphs_open(g, false);
        reason_check(g, "graph", cases[i].why);
        serve_close(g->serve);
        g->serve = NULL;
    }
}

/* With a database: who asks for a graph without its members is refused, who removes a member too; a start waits for them. */
static void test_database(void **state)
{
    struct fixture *f = *state;
    struct infer_answer a;
    const struct infer_request q = {INPUTS(FP32("x", (1, 2), 1, 2))};
    int64_t rollout = 0;
    toy_files[1] = "toy";
    toy_files[2] = GRAPH("\"x\"", STEP("a", "zeta", "") "," STEP("b", "zeta", "") "," MEAN("m", "a.sum", "b.sum"), "\"y\":\"m\"");
    toy_files[3] = GRAPH("\"x\"", STEP("a", "zeta", ""), "\"y\":\"a.sum\"");
    toy_files[4] = GRAPH("\"x\"", STEP("a", "zeta", ""), "\"z\":\"a.sum\"");
    toy_files[5] = "toy add=5";
    assert_int_equal(fixture_put(f, "alpha", TOY_CONFIG, 2), E_NOT_FOUND);
    assert_non_null(strstr(f->op.msg, "step \"a\": there is no endpoint \"zeta\""));
    CHECK(fixture_put(f, "zeta", TOY_CONFIG, 1));
    CHECK(fixture_put(f, "alpha", TOY_CONFIG, 2));
    CHECK(infer_ask(f, "alpha", &q, &a));
    assert_true(number_of(&a, "y") == 3);
    assert_int_equal(serve_remove(&f->op, f->serve, STR("zeta")), E_CONFLICT);
    assert_non_null(strstr(f->op.msg, "the graph \"alpha\" is made of \"zeta\""));
    op_clear(&f->op);
    CHECK(serve_set_version(&f->op, f->serve, STR("zeta"), 5));
    CHECK(infer_ask(f, "alpha", &q, &a));
    assert_true(number_of(&a, "y") == 8);
    fixture_restart(f); /* "alpha" comes before its member */
    CHECK(infer_ask(f, "alpha", &q, &a));
    assert_true(number_of(&a, "y") == 8);
    /* A graph is rolled out as any model: a candidate of other outputs is none. */
    struct rollout_plan plan;
    CHECK(rollout_plan_parse(&f->op, NULL, &plan));
    assert_int_equal(serve_start_rollout(&f->op, f->serve, STR("alpha"), 4, &plan, T0, &rollout), E_INVALID);
    op_clear(&f->op);
    CHECK(serve_start_rollout(&f->op, f->serve, STR("alpha"), 3, &plan, T0, &rollout));
    int candidates = 0;
    for (int i = 0; i < 200; i++) {
        char unit[16];
        snprintf(unit, sizeof(unit), "u%d", i);
        const struct infer_request u = {INPUTS(FP32("x", (1, 2), 1, 2)), .unit_id = str_from(unit)};
        CHECK(infer_ask(f, "alpha", &u, &a));
        candidates += a.version == 3;
        assert_true(number_of(&a, "y") == 8);
    }
    assert_in_range(candidates, 1, 199);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, graphs_setup, graphs_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_signature), TEST(test_follows), TEST(test_circles), TEST(test_depth_and_runs), TEST(test_misfits),
                                       cmocka_unit_test_setup_teardown(test_database, infer_setup, fixture_teardown)};
    return cmocka_run_group_tests_name("graph_link", tests, NULL, NULL);
}
