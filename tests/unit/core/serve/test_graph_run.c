/* A request through a graph: inline and queued, in parallel, switched, split, failing, given up, in time, over the reload of a member. */
#include "base/thread.h"
#include "core/serve/stats.h"
#include "graph_fixture.h"

#define SLOW "toy fixed_us=300"

struct later_seen {
    atomic_int begun, done;
    enum err err;
    pthread_t thread;
};

static void *later_begin(void *arg)
{
    struct later_seen *l = arg;
    atomic_fetch_add(&l->begun, 1);
    return l;
}

static void later_done(void *token, enum err e)
{
    struct later_seen *l = token;
    l->err = e;
    l->thread = pthread_self();
    atomic_fetch_add(&l->done, 1);
}

#define BLEND(more) GRAPH("\"x\"", STEP("a", "one", "") "," STEP("b", "two", more) "," MEAN("m", "a.sum", "b.sum"), "\"y\":\"m\",\"echo\":\"a.echo\"")

/* One request that is not waited for. */
struct asked {
    struct later_seen seen;
    struct infer_answer a;
    struct tensor t;
    struct infer_request r;
};

/* The graph "g" of "one" and "two", which adds 10 to what they say. */
static void blend_open(struct graphs *g, const char *one, const char *two, const char *members, const char *graph)
{
    graph_file(0, "one", one, members);
    graph_file(1, "two", two, members);
    graph_file(2, "g", BLEND(""), graph);
    graphs_open(g, false);
}

static void blend_ask(struct graphs *g, struct asked *k, const float *x, size_t rows)
{
    struct serve_endpoint *e = NULL;
    *k = (struct asked){.seen.err = OK};
    k->t = tensor_of("x", TENSOR_FP32, (int64_t[]){(int64_t)rows, 2}, 2, x);
    k->r = (struct infer_request){.inputs = &k->t, .input_count = 1};
    assert_int_equal(serve_acquire(&g->op, g->serve, STR("g"), &e), OK);
    if (serve_infer_start(&g->op, e, &k->r, &k->a, &(struct infer_later){later_begin, later_done, &k->seen}) != OK)
        fail_msg("%s", g->op.msg);
    serve_release(e);
}

static void blend_wait(struct asked *k)
{
    while (!atomic_load(&k->seen.done))
        time_sleep_ms(1);
    assert_int_equal(k->seen.err, OK);
}

static const float one_row[] = {1, 2};

/* Cheap models answer on the thread that asks; the answer is the figures'. */
static void test_inline(void **state)
{
    struct graphs *g = *state;
    struct asked k;
    blend_open(g, "toy", "toy add=10", "{\"inline_us\":1000000}", "{\"inline_us\":1000000}");
    blend_ask(g, &k, one_row, 1);
    assert_true(atomic_load(&k.seen.begun) == 0 && atomic_load(&k.seen.done) == 0);
    assert_true(number_of(&k.a, "y") == 8 && k.a.output_count == 2 && k.a.version == 1 && !k.a.warning);
}

/* Dear ones are queued at once, side by side: neither starts first and holds the other up. */
static void test_parallel(void **state)
{
    struct graphs *g = *state;
    struct asked k;
    blend_open(g, "toy", "toy add=10", "{\"inline_us\":0}", NULL);
    atomic_store(&toy_most_now, 0);
    atomic_store(&toy_closed, true);
    blend_ask(g, &k, one_row, 1);
    assert_true(atomic_load(&k.seen.begun) == 1);
    while (atomic_load(&toy_most_now) < 2)
        time_sleep_ms(1);
    assert_int_equal(atomic_load(&k.seen.done), 0);
    atomic_store(&toy_closed, false);
    blend_wait(&k);
    assert_false(pthread_equal(k.seen.thread, pthread_self()));
    assert_true(number_of(&k.a, "y") == 8 && output_named(&k.a, "echo")->count == 1);
}

/* A graph whose models are cheap each but dear together leaves the thread that asks. */
static void test_dear_together(void **state)
{
    struct graphs *g = *state;
    struct asked k;
    blend_open(g, SLOW, SLOW, "{\"inline_us\":1000000}", "{\"inline_us\":1}");
    blend_ask(g, &k, one_row, 1);
    assert_true(atomic_load(&k.seen.begun) == 1);
    blend_wait(&k);
    assert_true(number_of(&k.a, "y") == 3);
}

/* One with much to check leaves it as well, before it is checked; whether its members then run where that is done or elsewhere. */
static void test_much_to_check(void **state)
{
    struct graphs *g = *state;
    enum { ROWS = 5000 };
    static float x[2 * ROWS];
    static const char *const members[] = {"{\"inline_us\":1000000}", "{\"inline_us\":0}"};
    for (size_t i = 0; i < ARRAY_LEN(x); i++)
        x[i] = (float)(i % 100);
    for (size_t m = 0; m < ARRAY_LEN(members); m++) {
        struct asked k;
        blend_open(g, "toy", "toy add=10", members[m], "{\"inline_us\":1000000,\"validate\":{\"columns\":{\"x\":{\"max\":99}}}}");
        for (int turn = 0; turn < 20; turn++) {
            blend_ask(g, &k, x, ROWS);
            assert_int_equal(atomic_load(&k.seen.begun), 1);
            blend_wait(&k);
            const struct tensor *y = output_named(&k.a, "y");
            assert_true(y->count == ROWS && ((const float *)y->data)[ROWS - 1] == 98 + 99 + 5);
            arena_reset(g->arena);
            op_init(&g->op, g->arena);
        }
        x[7] = 100;
        blend_ask(g, &k, x, ROWS);
        while (!atomic_load(&k.seen.done))
            time_sleep_ms(1);
        assert_int_equal(k.seen.err, E_INVALID);
        assert_non_null(strstr(g->op.msg, "row 3"));
        x[7] = 7;
        serve_close(g->serve);
        g->serve = NULL;
        op_clear(&g->op);
    }
}

static void test_switch(void **state)
{
    struct graphs *g = *state;
    struct infer_answer a;
    graph_file(0, "one", "toy", NULL);
    graph_file(1, "two", "toy add=10", NULL);
    graph_file(2, "g", GRAPH("\"x\",{\"name\":\"segment\",\"datatype\":\"BYTES\",\"shape\":[-1],\"optional\":true}",
                             "{\"name\":\"s\",\"switch\":[{\"model\":\"two\",\"when\":{\"tensor\":\"segment\",\"op\":\"==\",\"value\":\"gold\"}},"
                             "{\"model\":\"one\",\"when\":{\"parameter\":\"plain\",\"op\":\"==\",\"value\":true}}],\"inputs\":{\"x\":\"x\"}}",
                             "\"y\":\"s.sum\""), NULL);
    graphs_open(g, false);
    const struct infer_request gold = {INPUTS(FP32("x", (1, 2), 1, 2), BYTES("segment", (1), STR("gold")))};
    assert_int_equal(graphs_ask(g, "g", &gold, &a), OK);
    assert_true(number_of(&a, "y") == 13);
    struct json_member plain = {.key = STR("plain"), .value = {.type = JSON_BOOL, .boolean = true}};
    struct infer_request tin = {INPUTS(FP32("x", (1, 2), 1, 2), BYTES("segment", (1), STR("tin"))), .params = &plain, .param_count = 1};
    assert_int_equal(graphs_ask(g, "g", &tin, &a), OK);
    assert_true(number_of(&a, "y") == 3);
    plain.value.boolean = false;
    assert_int_equal(graphs_ask(g, "g", &tin, &a), E_INVALID);
    assert_non_null(strstr(g->op.msg, "output \"y\" could not be made: step \"s\" was passed over"));
    const struct infer_request both = {INPUTS(FP32("x", (2, 2), 1, 2, 3, 4), BYTES("segment", (2), STR("gold"), STR("tin")))};
    assert_int_equal(graphs_ask(g, "g", &both, &a), E_INVALID);
    assert_non_null(strstr(g->op.msg, "step \"s\": 1 of 2 values of \"segment\""));
    const struct infer_request unknown = {INPUTS(FP32("x", (1, 2), 1, 2), FP32("z", (1), 1))};
    assert_int_equal(graphs_ask(g, "g", &unknown, &a), E_INVALID);
    assert_non_null(strstr(g->op.msg, "no input \"z\""));
    const struct infer_request bare = {INPUTS(BYTES("segment", (1), STR("gold")))};
    assert_int_equal(graphs_ask(g, "g", &bare, &a), E_INVALID);
    assert_non_null(strstr(g->op.msg, "input \"x\" is missing"));
}

/* The same unit, the same model; of 4000 units a share that is the weight's within five standard deviations. */
static void test_split(void **state)
{
    struct graphs *g = *state;
    struct infer_answer a;
    enum { UNITS = 4000 };
    graph_file(0, "one", "toy", NULL);
    graph_file(1, "two", "toy add=10", NULL);
    graph_file(2, "g", GRAPH("\"x\"", "{\"name\":\"s\",\"split\":[{\"model\":\"one\",\"weight\":80},{\"model\":\"two\",\"weight\":20}]}", "\"y\":\"s.sum\""), NULL);
    graphs_open(g, false);
    int second = 0;
    for (int i = 0; i < UNITS; i++) {
        char unit[16];
        snprintf(unit, sizeof(unit), "u%d", i);
        const struct infer_request q = {INPUTS(FP32("x", (1, 2), 1, 2)), .unit_id = str_from(unit)};
        assert_int_equal(graphs_ask(g, "g", &q, &a), OK);
        const float first = number_of(&a, "y");
        second += first == 13;
        assert_int_equal(graphs_ask(g, "g", &q, &a), OK);
        assert_true(first == number_of(&a, "y"));
        if (i % 100 == 99)
            arena_reset(g->arena);
    }
    assert_in_range(second, 800 - 127, 800 + 127);
}

/* What depends on who asks, or on a parameter, is never the answer to another one. */
static void test_varying_answers_are_not_kept(void **state)
{
    struct graphs *g = *state;
    struct infer_answer a;
    static const char cached[] = "{\"cache\":{\"max_bytes\":100000}}";
    graph_file(0, "one", "toy", NULL);
    graph_file(1, "two", "toy add=10", NULL);
    graph_file(2, "split", GRAPH("\"x\"", "{\"name\":\"s\",\"split\":[{\"model\":\"one\",\"weight\":1},{\"model\":\"two\",\"weight\":1}]}", "\"y\":\"s.sum\""), cached);
    graph_file(3, "by", GRAPH("\"x\"", "{\"name\":\"s\",\"switch\":[{\"model\":\"two\",\"when\":{\"parameter\":\"far\",\"op\":\"==\",\"value\":true}},{\"model\":\"one\"}]}",
                              "\"y\":\"s.sum\""), cached);
    graph_file(4, "outer", GRAPH("\"x\"", STEP("a", "by", ""), "\"y\":\"a.y\""), cached);
    graph_file(5, "plain", GRAPH("\"x\"", STEP("a", "one", ""), "\"y\":\"a.sum\""), cached);
    graphs_open(g, false);
    int second = 0;
    for (int i = 0; i < 64; i++) {
        char unit[16];
        snprintf(unit, sizeof(unit), "u%d", i);
        const struct infer_request q = {INPUTS(FP32("x", (1, 2), 1, 2)), .unit_id = str_from(unit)};
        assert_int_equal(graphs_ask(g, "split", &q, &a), OK);
        assert_false(a.cached);
        second += number_of(&a, "y") == 13;
    }
    assert_in_range(second, 1, 63); /* all alike: once in 2^63 */
    static const char *const names[] = {"by", "outer"};
    for (int i = 0; i < 4; i++) {
        const struct json_member far = {.key = STR("far"), .value = {.type = JSON_BOOL, .boolean = i % 2}};
        const struct infer_request q = {INPUTS(FP32("x", (1, 2), 1, 2)), .params = &far, .param_count = 1};
        for (size_t k = 0; k < ARRAY_LEN(names); k++) {
            assert_int_equal(graphs_ask(g, names[k], &q, &a), OK);
            assert_true(!a.cached && number_of(&a, "y") == (i % 2 ? 13 : 3));
        }
        assert_int_equal(graphs_ask(g, "plain", &q, &a), OK);
        assert_true(a.cached == (i > 0) && number_of(&a, "y") == 3);
    }
}

static void test_failures(void **state)
{
    struct graphs *g = *state;
    struct infer_answer a;
    const struct infer_request bad = {INPUTS(FP32("x", (1, 2), 666, 2))}, good = {INPUTS(FP32("x", (1, 2), 1, 2))};
    graph_file(0, "one", "toy", NULL);
    graph_file(1, "two", "toy add=10", NULL);
    graph_file(2, "hard", BLEND(""), NULL);
    graph_file(3, "soft", GRAPH("\"x\"", STEP("a", "one", ",\"optional\":true") ",{\"name\":\"b\",\"combine\":\"slice\",\"inputs\":[\"x\"],\"column\":1}," MEAN("m", "a.sum", "b"),
                                "\"y\":\"m\",\"a\":{\"tensor\":\"a.sum\",\"optional\":true}"), "{\"cache\":{\"max_bytes\":100000}}");
    graph_file(4, "dflt", GRAPH("\"x\"", STEP("a", "one", ",\"default\":7"), "\"y\":\"a.sum\",\"p\":\"a.pair\""), NULL);
    graph_file(5, "need", GRAPH("\"x\"", STEP("a", "one", ",\"optional\":true"), "\"y\":\"a.sum\""), NULL);
    graphs_open(g, false);
    assert_int_equal(graphs_ask(g, "hard", &bad, &a), E_IO);
    assert_non_null(strstr(g->op.msg, "step \""));
    assert_non_null(strstr(g->op.msg, "the toy fell over row 0"));
    assert_int_equal(graphs_ask(g, "hard", &good, &a), OK);
    for (int i = 0; i < 2; i++) { /* half an answer is not kept */
        assert_int_equal(graphs_ask(g, "soft", &bad, &a), OK);
        assert_true(a.output_count == 1 && number_of(&a, "y") == 2 && a.warning && strstr(a.warning, "step \"a\" failed") && !a.cached);
    }
    assert_int_equal(graphs_ask(g, "soft", &good, &a), OK);
    assert_true(a.output_count == 2 && number_of(&a, "y") == 2.5F && !a.warning);
    assert_int_equal(graphs_ask(g, "soft", &good, &a), OK);
    assert_true(a.cached && number_of(&a, "a") == 3);
    assert_int_equal(graphs_ask(g, "dflt", &bad, &a), OK);
    assert_true(number_of(&a, "y") == 7 && output_named(&a, "p")->count == 2 && ((const float *)output_named(&a, "p")->data)[1] == 7);
    assert_int_equal(graphs_ask(g, "need", &bad, &a), E_IO);
    assert_non_null(strstr(g->op.msg, "output \"y\" could not be made: step \"a\": the toy fell"));
    const struct infer_request shape = {INPUTS(FP32("x", (1, 3), 1, 2, 3))};
    assert_int_equal(graphs_ask(g, "hard", &shape, &a), E_INVALID);
    assert_non_null(strstr(g->op.msg, "step \""));
}

/* Only what is wanted is run. */
static void test_wanted(void **state)
{
    struct graphs *g = *state;
    struct infer_answer a;
    static const struct infer_want echo = {.name = STR_INIT("echo")}, top = {.name = STR_INIT("y"), .classes = 1};
    graph_file(0, "one", "toy", NULL);
    graph_file(1, "two", "toy add=10", NULL);
    graph_file(2, "g", BLEND(""), NULL);
    graphs_open(g, false);
    struct infer_request q = {INPUTS(FP32("x", (1, 2), 1, 2)), .outputs = &echo, .output_count = 1};
    atomic_store(&toy_runs, 0);
    assert_int_equal(graphs_ask(g, "g", &q, &a), OK);
    assert_true(a.output_count == 1 && str_eqc(a.outputs[0].name, "echo") && atomic_load(&toy_runs) == 1);
    q.outputs = &top;
    assert_int_equal(graphs_ask(g, "g", &q, &a), OK);
    assert_true(a.outputs[0].type == TENSOR_BYTES && str_eqc(a.outputs[0].texts[0], "8.000000:0"));
}

/* A deadline that has passed and a peer that left end the run; a step's own time ends the step only. */
static void test_given_up(void **state)
{
    struct graphs *g = *state;
    struct infer_answer a;
    const struct infer_request q = {INPUTS(FP32("x", (1, 2), 1, 2))};
    graph_file(0, "one", "toy", "{\"inline_us\":0}");
    graph_file(1, "two", "toy add=10", "{\"inline_us\":0}");
    graph_file(2, "g", BLEND(""), NULL);
    graph_file(3, "soft", BLEND(",\"timeout_ms\":1,\"optional\":true"), NULL);
    graph_file(4, "busy", "toy", "{\"inline_us\":0}");
    graphs_open(g, false);
    g->op.deadline_ms = 1;
    assert_int_equal(graphs_ask(g, "g", &q, &a), E_TIMEOUT);
    g->op.deadline_ms = 0;
    const int gone = 1;
    g->op.gone = &gone;
    assert_int_equal(graphs_ask(g, "g", &q, &a), E_CANCELLED);
    g->op.gone = NULL;
    /* All four threads are held by runs that do not end, so "two" waits in its queue until its time is over. */
    struct op ops[4];
    struct infer_answer answers[4];
    struct later_seen seen[5] = {{.err = OK}};
    struct serve_endpoint *e = NULL;
    atomic_store(&toy_most_now, 0);
    atomic_store(&toy_closed, true);
    assert_int_equal(serve_acquire(&g->op, g->serve, STR("busy"), &e), OK);
    for (size_t i = 0; i < 4; i++) {
        op_init(&ops[i], arena_create(LIMIT_MIB(16)));
        assert_int_equal(serve_infer_start(&ops[i], e, &q, &answers[i], &(struct infer_later){later_begin, later_done, &seen[i]}), OK);
        while (atomic_load(&toy_most_now) <= (int)i)
            time_sleep_ms(1);
    }
    serve_release(e);
    op_clear(&g->op);
    assert_int_equal(serve_acquire(&g->op, g->serve, STR("soft"), &e), OK);
    assert_int_equal(serve_infer_start(&g->op, e, &q, &a, &(struct infer_later){later_begin, later_done, &seen[4]}), OK);
    serve_release(e);
    struct serve_endpoint *two = NULL;
    struct infer_stats *stats = NULL;
    struct op op;
    op_init(&op, arena_create(LIMIT_MIB(16)));
    assert_int_equal(serve_acquire(&op, g->serve, STR("two"), &two), OK);
    do {
        time_sleep_ms(1);
        (void)serve_stats(&op, two, &stats);
    } while (!stats->timed_out);
    serve_release(two);
    arena_destroy(op.arena);
    atomic_store(&toy_closed, false);
    for (size_t i = 0; i < 5; i++)
        while (!atomic_load(&seen[i].done))
            time_sleep_ms(1);
    for (size_t i = 0; i < 4; i++)
        arena_destroy(ops[i].arena);
    assert_int_equal(seen[4].err, OK);
    assert_true(number_of(&a, "y") == 3 && a.warning && strstr(a.warning, "step \"b\" failed"));
}

/* Six threads ask while a member is loaded anew; each answer is of one set of members. */
struct hammer {
    struct graphs *g;
    atomic_bool *stop;
    int asked, failed, odd;
};

static void *hammer_run(void *arg)
{
    struct hammer *h = arg;
    struct arena *arena = arena_create(LIMIT_MIB(64));
    while (!atomic_load(h->stop)) {
        struct op op;
        struct infer_answer a;
        struct serve_endpoint *e = NULL;
        op_init(&op, arena);
        const struct infer_request q = {INPUTS(FP32("x", (1, 2), 1, 2))};
        enum err err = serve_acquire(&op, h->g->serve, STR("g"), &e);
        if (!err)
            err = serve_infer(&op, e, &q, &a);
        serve_release(e);
        h->asked++;
        h->failed += err != OK;
        /* y is the mean of twice the same model: whatever its version, the halves are equal. */
        h->odd += !err && (number_of(&a, "y") != number_of(&a, "a") || number_of(&a, "y") != number_of(&a, "b"));
        arena_reset(arena);
    }
    arena_destroy(arena);
    return NULL;
}

static void reload_under(struct graphs *g, const char *config)
{
    enum { THREADS = 6, RELOADS = 40 };
    static const char *const texts[] = {"toy", "toy add=10", "toy add=20"};
    struct hammer h[THREADS];
    pthread_t threads[THREADS];
    atomic_bool stop = false;
    graph_file(0, "one", texts[0], config);
    graph_file(1, "g", GRAPH("\"x\"", STEP("a", "one", "") "," STEP("b", "one", "") "," MEAN("m", "a.sum", "b.sum"), "\"y\":\"m\",\"a\":\"a.sum\",\"b\":\"b.sum\""), config);
    graphs_open(g, false);
    for (size_t i = 0; i < THREADS; i++) {
        h[i] = (struct hammer){.g = g, .stop = &stop};
        threads[i] = thread_start("hammer", hammer_run, &h[i]);
    }
    for (size_t i = 0; i < RELOADS; i++) {
        graph_file(0, "one", texts[i % 3], config);
        if (serve_repository_load(&g->op, g->serve, i % 4 == 3 ? STR("g") : STR("one"), NULL))
            fail_msg("%s", g->op.msg);
    }
    atomic_store(&stop, true);
    int asked = 0;
    for (size_t i = 0; i < THREADS; i++) {
        thread_join(threads[i]);
        asked += h[i].asked;
        assert_true(h[i].failed == 0 && h[i].odd == 0);
    }
    assert_true(asked > 0);
}

static void test_reload_inline(void **state)
{
    reload_under(*state, "{\"inline_us\":1000000}");
}

static void test_reload_queued(void **state)
{
    reload_under(*state, "{\"inline_us\":0}");
}

/* Members come along and go along. */
static void test_members(void **state)
{
    struct graphs *g = *state;
    struct infer_answer a;
    const struct infer_request q = {INPUTS(FP32("x", (1, 2), 1, 2))};
    graph_file(0, "one", "toy", NULL);
    graph_file(1, "two", "toy add=10", NULL);
    graph_file(2, "g", BLEND(""), NULL);
    graph_file(3, "other", GRAPH("\"x\"", STEP("a", "two", ""), "\"y\":\"a.sum\""), NULL);
    graphs_open(g, true);
    assert_int_equal(serve_repository_load(&g->op, g->serve, STR("g"), NULL), OK);
    assert_int_equal(graphs_ask(g, "g", &q, &a), OK);
    assert_int_equal(serve_repository_load(&g->op, g->serve, STR("other"), NULL), OK);
    assert_int_equal(serve_repository_unload_members(&g->op, g->serve, STR("g")), OK);
    assert_int_equal(graphs_ask(g, "one", &q, &a), E_NOT_FOUND);
    assert_int_equal(graphs_ask(g, "two", &q, &a), OK); /* "other" is made of it */
    graph_file(1, "two", "toy broken", NULL);
    assert_int_equal(serve_repository_unload_members(&g->op, g->serve, STR("other")), OK);
    op_clear(&g->op);
    assert_int_not_equal(serve_repository_load(&g->op, g->serve, STR("g"), NULL), OK);
    assert_non_null(strstr(g->op.msg, "the toy is broken"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, graphs_setup, graphs_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_inline), TEST(test_parallel), TEST(test_dear_together), TEST(test_much_to_check), TEST(test_switch), TEST(test_split),
                                       TEST(test_varying_answers_are_not_kept), TEST(test_failures), TEST(test_wanted), TEST(test_given_up), TEST(test_reload_inline), TEST(test_reload_queued), TEST(test_members)};
    return cmocka_run_group_tests_name("graph_run", tests, NULL, NULL);
}
