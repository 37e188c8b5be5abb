/* Asking: forms of input, choice of version, outputs, figures, the index; and what is refused. */
#include "core/serve/named.h"
#include "infer_fixture.h"

static float score_of(const struct infer_answer *a)
{
    return ((const float *)a->outputs[0].data)[0];
}

static int setup(void **state)
{
    int rc = infer_setup(state);
    struct fixture *f = *state;
    toy_files[1] = "toy";
    toy_files[2] = "toy add=100";
    toy_files[3] = "toy joins=0";
    CHECK(fixture_put(f, "plain", "{\"model\":\"m\"}", 6));
    CHECK(fixture_put(f, "view", FIXTURE_CONFIG, 6));
    CHECK(fixture_put(f, "toy", TOY_CONFIG, 1));
    return rc;
}

static void test_rows(void **state)
{
    struct fixture *f = *state;
    struct infer_answer a;
    const struct infer_request r = {INPUTS(FP32("any", (2, 3), 1, NAN, 3, 4, 5, 6))};
    CHECK(infer_ask(f, "plain", &r, &a));
    const struct tensor *t = &a.outputs[0];
    assert_true(a.output_count == 1 && a.version == 6 && a.arm == ROLLOUT_ARM_NONE && a.propensity == 1 && !a.cached && !a.warning);
    assert_true(str_eqc(t->name, "score") && t->type == TENSOR_FP32 && t->rank == 1 && t->shape[0] == 2 && t->count == 2);
    assert_true(((const float *)t->data)[1] == fixture_score(6));
}

static void test_tensors(void **state)
{
    struct fixture *f = *state;
    struct infer_answer a;
    struct infer_request r = {INPUTS(BYTES("s", (2), STR("a"), STR("b")), FP32("x", (2, 2), 1, 2, 3, 4))};
    CHECK(infer_ask(f, "toy", &r, &a));
    assert_true(a.output_count == 3 && ((const float *)a.outputs[0].data)[1] == 7 && str_eqc(a.outputs[1].texts[1], "b"));
    const struct infer_want want[] = {{.name = STR("pair")}, {.name = STR("echo")}};
    r.outputs = want;
    r.output_count = 2;
    CHECK(infer_ask(f, "toy", &r, &a));
    assert_true(a.output_count == 2 && str_eqc(a.outputs[0].name, "pair") && a.outputs[0].count == 4 && str_eqc(a.outputs[1].name, "echo"));
    const struct infer_want top[] = {{.name = STR("pair"), .classes = 1}, {.name = STR("sum"), .classes = 3}};
    r.outputs = top;
    CHECK(infer_ask(f, "toy", &r, &a));
    assert_true(a.outputs[0].type == TENSOR_BYTES && a.outputs[0].rank == 2 && a.outputs[0].shape[1] == 1);
    assert_true(str_eqc(a.outputs[0].texts[1], "7.000000:1") && str_eqc(a.outputs[1].texts[0], "3.000000:0"));
    const struct infer_request bare = {INPUTS(FP32("x", (1, 2), 1, 2))};
    CHECK(infer_ask(f, "toy", &bare, &a));
    assert_true(score_of(&a) == 3 && a.outputs[1].texts[0].len == 0);
    /* An engine's failure is this request's only. */
    const struct infer_request bad = {INPUTS(FP32("x", (1, 2), 666, 2))};
    assert_int_equal(infer_ask(f, "toy", &bad, &a), E_IO);
    CHECK(infer_ask(f, "toy", &bare, &a));
}

static void test_refusals(void **state)
{
    struct fixture *f = *state;
    static const struct infer_want none = {.name = STR_INIT("none")}, twice[] = {{.name = STR_INIT("sum")}, {.name = STR_INIT("sum")}};
    const struct {
        const char *endpoint;
        struct infer_request r;
        enum err want;
        const char *text;
    } cases[] = {
        {"plain", {0}, E_INVALID, "no inputs"},
        {"plain", {INPUTS(FP32("x", (1, 2), 1, 2))}, E_INVALID, "shape [n, 3]"},
        {"plain", {INPUTS(FP32("x", (0, 3), 1))}, E_INVALID, "shape [n, 3]"},
        {"plain", {INPUTS(FP32("x", (1, 3), 1, 2, 3), FP32("x", (1, 3), 1, 2, 3))}, E_INVALID, "twice"},
        {"plain", {INPUTS(FP32("x", (1, 3), 1, 2, 3), FP32("y", (1, 3), 1, 2, 3))}, E_INVALID, "no input"},
        {"plain", {INPUTS(BYTES("x", (3), STR("a"), STR("b"), STR("c")))}, E_INVALID, "not BYTES"},
        {"plain", {INPUTS(FP32("x", (1, 3), 1, 2, 3)), .outputs = &none, .output_count = 1}, E_INVALID, "no output \"none\""},
        {"plain", {INPUTS(FP32("x", (1, 3), 1, 2, 3)), .version = 9}, E_NOT_FOUND, "version 9"},
        {"plain", {INPUTS(FP32("distance", (1), 1), FP32("origin_rate_1h", (1), 1))}, E_INVALID, "origin_count_1h\" is missing"},
        {"plain", {INPUTS(FP32("distance", (1), 1), FP32("origin_rate_1h", (2), 1, 2), FP32("origin_count_1h", (1), 1))}, E_INVALID, "rows, the others"},
        {"toy", {INPUTS(FP32("x", (1, 3), 1, 2, 3))}, E_INVALID, "shape [1, 3]; [-1, 2] is wanted"},
        {"toy", {INPUTS(FP64("x", (1, 2), 1, 2))}, E_INVALID, "datatype FP64; FP32"},
        {"toy", {INPUTS(FP32("x", (2), 1, 2))}, E_INVALID, "shape [2]"},
        {"toy", {INPUTS(BYTES("s", (1), STR("a")))}, E_INVALID, "\"x\" is missing"},
        {"toy", {INPUTS(FP32("x", (1, 2), 1, 2), BYTES("s", (2), STR("a"), STR("b")))}, E_INVALID, "2 rows, the others 1"},
        {"toy", {INPUTS(FP32("x", (1, 2), 1, 2), FP32("y", (1), 1))}, E_INVALID, "no input \"y\""},
        {"toy", {INPUTS(FP32("x", (1, 2), 1, 2)), .outputs = twice, .output_count = 2}, E_INVALID, "asked for twice"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct infer_answer a;
        enum err e = infer_ask(f, cases[i].endpoint, &cases[i].r, &a);
        if (e != cases[i].want || !strstr(f->op.msg, cases[i].text))
            fail_msg("case %zu: %s \"%s\"", i, err_name(e), e ? f->op.msg : "");
    }
    const struct infer_want classes = {.name = STR("echo"), .classes = 1};
    struct infer_answer a;
    const struct infer_request r = {INPUTS(FP32("x", (1, 2), 1, 2)), .outputs = &classes, .output_count = 1};
    assert_int_equal(infer_ask(f, "toy", &r, &a), E_INVALID);
}

/* What was asked with ids or entities is joined with labels; wrong requests are nobody's failure, the engine's are the model's. */
static void test_monitor(void **state)
{
    struct fixture *f = *state;
    struct infer_answer a;
    struct monitor_stats stats;
    const struct infer_request entities = {INPUTS(BYTES("origin", (2), STR("ORD"), STR("X")), INT64("flight", (2), 5, 6), FP32("distance", (2), 100, NAN),
                                                  INT64("date", (2), T0, T0))};
    CHECK(infer_ask(f, "view", &entities, &a));
    assert_true(a.outputs[0].count == 2 && score_of(&a) == fixture_score(6));
    assert_true(monitor_stats(f->monitor, STR("view"), &stats) && stats.recorded == 2 && stats.errors == 0);
    const struct infer_request old = {INPUTS(BYTES("origin", (1), STR("ORD")), FP32("distance", (1), 100), INT64("date", (1), T0 - 10 * DAY_US))};
    assert_int_equal(infer_ask(f, "view", &old, &a), E_INVALID);
    struct monitor_report *report;
    const int64_t ids[] = {5, 6}, when[] = {T0, T0};
    const uint8_t labels[] = {1, 0};
    op_clear(&f->op);
    CHECK(monitor_labels(&f->op, f->monitor, STR("view"), ids, labels, when, 2, T0 + DAY_US, &report));
    assert_int_equal(report->joined, 2);
    const struct infer_request bad = {INPUTS(FP32("x", (1, 2), 666, 2))}, good = {INPUTS(FP32("x", (1, 2), 1, 2))};
    assert_int_equal(infer_ask(f, "toy", &bad, &a), E_IO);
    CHECK(infer_ask(f, "toy", &good, &a));
    assert_true(monitor_stats(f->monitor, STR("toy"), &stats) && stats.recorded == 2 && stats.errors == 1);
    /* Entities without a view, ids of a tensor model. */
    CHECK(fixture_put(f, "toy", "{\"model\":\"toys\",\"id_field\":\"id\"}", 1));
    const struct infer_request with_id = {INPUTS(FP32("x", (1, 2), 1, 2), BYTES("id", (1), STR("UA1")))};
    CHECK(infer_ask(f, "toy", &with_id, &a));
    const struct infer_request two_ids = {INPUTS(FP32("x", (1, 2), 1, 2), INT64("id", (2), 1, 2))};
    assert_int_equal(infer_ask(f, "toy", &two_ids, &a), E_INVALID);
}

static void test_signature_and_versions(void **state)
{
    struct fixture *f = *state;
    struct serve_endpoint *e = NULL;
    struct infer_signature s;
    CHECK(fixture_put(f, "toy", TOY_CONFIG, 2));
    CHECK(serve_acquire(&f->op, f->serve, STR("toy"), &e));
    CHECK(serve_signature(&f->op, e, 0, &s));
    assert_true(s.input_count == 2 && s.output_count == 3 && str_eqc(s.platform, "ingot_toy") && s.joins && s.inputs[1].optional);
    CHECK(serve_signature(&f->op, e, 1, &s));
    assert_int_equal(serve_signature(&f->op, e, 7, &s), E_NOT_FOUND);
    serve_release(e);
    CHECK(serve_acquire(&f->op, f->serve, STR("plain"), &e));
    CHECK(serve_signature(&f->op, e, 0, &s));
    assert_true(s.input_count == 1 && s.inputs[0].shape[1] == 3 && str_eqc(s.outputs[0].name, "score") && str_eqc(s.platform, "ingot_ingot-linear"));
    serve_release(e);
    struct infer_answer a;
    struct infer_request r = {INPUTS(FP32("x", (1, 2), 1, 2))};
    CHECK(infer_ask(f, "toy", &r, &a));
    assert_true(score_of(&a) == 103 && a.version == 2);
    r.version = 1;
    CHECK(infer_ask(f, "toy", &r, &a));
    assert_true(score_of(&a) == 3 && a.version == 1);
}

static void test_stats(void **state)
{
    struct fixture *f = *state;
    struct infer_answer a;
    const struct infer_request one = {INPUTS(FP32("x", (1, 2), 1, 2))}, two = {INPUTS(FP32("x", (2, 2), 1, 2, 3, 4))}, bad = {INPUTS(FP32("x", (1, 2), 666, 0))};
    CHECK(infer_ask(f, "toy", &one, &a));
    CHECK(infer_ask(f, "toy", &one, &a));
    CHECK(infer_ask(f, "toy", &two, &a));
    assert_int_equal(infer_ask(f, "toy", &bad, &a), E_IO);
    struct serve_endpoint *e = NULL;
    struct infer_stats *s = NULL;
    op_clear(&f->op);
    CHECK(serve_acquire(&f->op, f->serve, STR("toy"), &e));
    assert_int_equal(serve_stats(&f->op, e, &s), 1);
    serve_release(e);
    assert_true(s->version == 1 && s->inference_count == 4 && s->execution_count >= 2 && s->last_us > 0);
    assert_true(s->success.count == 3 && s->fail.count == 1 && s->infer.count == 3 && s->queue.count == 3);
    assert_true(s->success.ns >= s->infer.ns && s->memory_bytes == 1000);
    uint64_t rows = 0;
    for (size_t i = 0; i < s->batch_count; i++)
        rows += s->batches[i].batch_size * s->batches[i].infer.count;
    assert_int_equal(rows, 4);
}

static void test_index(void **state)
{
    struct fixture *f = *state;
    struct serve_index_row *rows = NULL;
    size_t n = 0;
    CHECK(fixture_put(f, "toy", TOY_CONFIG, 2));
    CHECK(serve_index(&f->op, f->serve, &rows, &n));
    assert_int_equal(n, 4);
    assert_true(str_eqc(rows[1].name, "toy") && rows[1].version == 1 && rows[1].ready && rows[2].version == 2 && str_eqc(rows[3].name, "view"));
    assert_int_equal(serve_repository_unload(&f->op, f->serve, STR("toy")), E_UNSUPPORTED);
    op_clear(&f->op);
    assert_int_equal(serve_repository_load(&f->op, f->serve, STR("no"), NULL), E_NOT_FOUND);
    op_clear(&f->op);
    CHECK(serve_repository_load(&f->op, f->serve, STR("toy"), NULL));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_rows), TEST(test_tensors), TEST(test_refusals), TEST(test_monitor), TEST(test_signature_and_versions),
                                       TEST(test_stats), TEST(test_index)};
    return cmocka_run_group_tests_name("infer", tests, NULL, NULL);
}
