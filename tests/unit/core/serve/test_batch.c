/* The queue: what is joined, in which order, what is refused, and that nobody fails by a neighbour's fault. */
#include "core/serve/batch.h"
#include "core/serve/call.h"
#include "core/serve/endpoint.h"
#include "core/serve/join.h"
#include "infer_fixture.h"

/* One request that is answered later. */
struct ask {
    struct arena *arena;
    struct op op;
    float x[2];
    struct str s;
    struct tensor inputs[2];
    struct infer_request r;
    struct infer_answer a;
    int gone;
    atomic_bool begun, done;
    enum err err;
    int order;
};
static atomic_int finished;

static void *ask_begin(void *arg)
{
    struct ask *k = arg;
    atomic_store(&k->begun, true);
    return k;
}

static void ask_done(void *token, enum err e)
{
    struct ask *k = token;
    k->err = e;
    k->order = atomic_fetch_add(&finished, 1);
    atomic_store(&k->done, true);
}

static struct ask *ask_make(float x)
{
    struct ask *k = calloc(1, sizeof(*k));
    k->arena = arena_create(LIMIT_MIB(64));
    op_init(&k->op, k->arena);
    k->op.gone = &k->gone;
    k->x[0] = x;
    k->s = str_from(op_printf(&k->op, "text %g", (double)x));
    k->inputs[0] = tensor_of("x", TENSOR_FP32, (int64_t[]){1, 2}, 2, k->x);
    k->inputs[1] = tensor_of("s", TENSOR_BYTES, (int64_t[]){1}, 1, &k->s);
    k->r = (struct infer_request){.inputs = k->inputs, .input_count = 2, .started_ns = time_mono_ns()};
    return k;
}

static enum err ask_start(struct fixture *f, const char *endpoint, struct ask *k)
{
    struct serve_endpoint *e = NULL;
    if (serve_acquire(&k->op, f->serve, str_from(endpoint), &e) != OK)
        fail_msg("%s", k->op.msg);
    enum err err = serve_infer_start(&k->op, e, &k->r, &k->a, &(struct infer_later){ask_begin, ask_done, k});
    serve_release(e);
    return err;
}

static void ask_wait(struct ask *k)
{
    for (int i = 0; !atomic_load(&k->done); i++) {
        if (i > 20000)
            fail_msg("no answer");
        time_sleep_ms(1);
    }
}

/* Waits for the answer, which is x as the toy says it. */
static void ask_check(struct ask *k)
{
    ask_wait(k);
    if (k->err)
        fail_msg("%s", k->op.msg);
    assert_true(((const float *)k->a.outputs[0].data)[0] == k->x[0] && k->a.outputs[0].shape[0] == 1);
    assert_true(str_eq(k->a.outputs[1].texts[0], k->s) && k->a.outputs[2].count == 2);
}

static void ask_free(struct ask *k)
{
    arena_destroy(k->arena);
    free(k);
}

static struct infer_stats stats_of(struct fixture *f, const char *name)
{
    struct serve_endpoint *e = NULL;
    struct infer_stats *s = NULL;
    op_clear(&f->op);
    CHECK(serve_acquire(&f->op, f->serve, str_from(name), &e));
    size_t n = serve_stats(&f->op, e, &s);
    serve_release(e);
    return s[n - 1];
}

/* The gate is shut and `blockers` runs stand in it, one request each. */
static void gate_shut(struct fixture *f, const char *endpoint, struct ask **blockers, int n)
{
    atomic_store(&toy_closed, true);
    for (int i = 0; i < n; i++) {
        blockers[i] = ask_make((float)i);
        assert_int_equal(ask_start(f, endpoint, blockers[i]), OK);
        for (int k = 0; atomic_load(&toy_now) < i + 1 && k < 5000; k++)
            time_sleep_ms(1);
        assert_int_equal(atomic_load(&toy_now), i + 1);
    }
}

static void gate_open(struct ask **blockers, int n)
{
    atomic_store(&toy_closed, false);
    for (int i = 0; i < n; i++) {
        ask_check(blockers[i]);
        ask_free(blockers[i]);
    }
}

#define DEAR "toy fixed_us=300 row_us=1"
#define CONFIG(more) "{\"model\":\"toys\",\"concurrency\":1" more "}"

static int setup(void **state)
{
    int rc = infer_setup(state);
    struct fixture *f = *state;
    atomic_store(&toy_closed, false);
    f->config.threads = 2;
    fixture_restart(f);
    toy_files[1] = DEAR;
    toy_files[2] = "toy";
    toy_files[3] = DEAR " joins=0";
    return rc;
}

static void counters_reset(void)
{
    atomic_store(&toy_runs, 0), atomic_store(&toy_rows, 0), atomic_store(&toy_most_rows, 0), atomic_store(&toy_most_now, 0);
}

static void test_cheap_ones_run_at_once_and_dear_ones_later(void **state)
{
    struct fixture *f = *state;
    CHECK(fixture_put(f, "cheap", "{\"model\":\"toys\"}", 2));
    CHECK(fixture_put(f, "dear", "{\"model\":\"toys\"}", 1));
    CHECK(fixture_put(f, "told", "{\"model\":\"toys\",\"inline_us\":100000}", 1));
    static const struct {
        const char *name;
        bool later;
    } cases[] = {{"cheap", false}, {"dear", true}, {"told", false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ask *k = ask_make(3);
        assert_int_equal(ask_start(f, cases[i].name, k), OK);
        if (atomic_load(&k->begun) != cases[i].later)
            fail_msg("%s", cases[i].name);
        if (!cases[i].later)
            atomic_store(&k->done, true);
        ask_check(k);
        ask_free(k);
    }
}

static void test_what_waits_is_joined(void **state)
{
    struct fixture *f = *state;
    struct ask *block[1], *asks[20];
    CHECK(fixture_put(f, "a", CONFIG(",\"batch\":{\"max_size\":16}"), 1));
    counters_reset();
    gate_shut(f, "a", block, 1);
    for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
        asks[i] = ask_make((float)(100 + i));
        assert_int_equal(ask_start(f, "a", asks[i]), OK);
    }
    assert_int_equal(stats_of(f, "a").queued, 20);
    assert_int_equal(stats_of(f, "a").running, 1);
    gate_open(block, 1);
    for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
        ask_check(asks[i]);
        assert_true(!i || asks[i]->order > asks[i - 1]->order);
    }
    for (size_t i = 0; i < ARRAY_LEN(asks); i++)
        ask_free(asks[i]);
    assert_int_equal(atomic_load(&toy_most_rows), 16);
    assert_int_equal(atomic_load(&toy_runs), 3); /* 1, 16, 4 */
    struct infer_stats s = stats_of(f, "a");
    assert_true(s.inference_count == 21 && s.execution_count == 3 && s.success.count == 21 && s.batch_count == 3 && s.batches[2].batch_size == 16);
    assert_true(s.queue.ns > 0 && s.queued == 0);
}

static void test_limits_of_joining(void **state)
{
    struct fixture *f = *state;
    struct ask *block[1], *asks[10];
    static const struct {
        const char *config;
        int64_t version;
        int runs, most;
    } cases[] = {
        {CONFIG(""), 3, 11, 1},                                                /* the model does not join */
        {CONFIG(",\"batch\":{\"max_size\":1}"), 1, 11, 1},
        {CONFIG(",\"batch\":{\"max_size\":32,\"preferred\":[4,8]}"), 1, 3, 8}, /* 1, 8, 2 */
        {CONFIG(""), 1, 2, 10},                                                /* the cost says that it pays */
    };
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        CHECK(fixture_put(f, "a", cases[c].config, cases[c].version));
        counters_reset();
        gate_shut(f, "a", block, 1);
        for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
            asks[i] = ask_make((float)(100 + i));
            assert_int_equal(ask_start(f, "a", asks[i]), OK);
        }
        gate_open(block, 1);
        for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
            ask_check(asks[i]);
            ask_free(asks[i]);
        }
        if (atomic_load(&toy_runs) != cases[c].runs || atomic_load(&toy_most_rows) != cases[c].most)
            fail_msg("case %zu: %d runs, %d rows", c, atomic_load(&toy_runs), atomic_load(&toy_most_rows));
    }
}

static void test_nobody_fails_by_a_neighbours_fault(void **state)
{
    struct fixture *f = *state;
    struct ask *block[1], *asks[8];
    CHECK(fixture_put(f, "a", CONFIG(""), 1));
    gate_shut(f, "a", block, 1);
    for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
        asks[i] = ask_make(i == 3 ? 666 : (float)i);
        assert_int_equal(ask_start(f, "a", asks[i]), OK);
    }
    gate_open(block, 1);
    for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
        ask_wait(asks[i]);
        if (i == 3)
            assert_int_equal(asks[i]->err, E_IO);
        else
            ask_check(asks[i]);
        ask_free(asks[i]);
    }
    assert_int_equal(stats_of(f, "a").fail.count, 1);
}

static void test_rows_of_linear_models_are_joined_too(void **state)
{
    struct fixture *f = *state;
    struct ask *asks[4];
    CHECK(fixture_put(f, "m", "{\"model\":\"m\",\"inline_us\":0,\"batch\":{\"max_size\":64}}", 6));
    for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
        static const float x[6] = {1, 2, 3, 4, 5, 6};
        asks[i] = ask_make(0);
        asks[i]->inputs[0] = tensor_of("any", TENSOR_FP32, (int64_t[]){2, 3}, 2, x);
        asks[i]->r.input_count = 1;
        assert_int_equal(ask_start(f, "m", asks[i]), OK);
    }
    for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
        ask_wait(asks[i]);
        assert_int_equal(asks[i]->err, OK);
        assert_true(asks[i]->a.outputs[0].count == 2 && ((const float *)asks[i]->a.outputs[0].data)[1] == fixture_score(6));
        ask_free(asks[i]);
    }
}

static void test_a_full_queue_refuses(void **state)
{
    struct fixture *f = *state;
    struct ask *block[1], *asks[3];
    CHECK(fixture_put(f, "a", CONFIG(",\"queue\":{\"max_queue_size\":2}"), 1));
    gate_shut(f, "a", block, 1);
    for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
        asks[i] = ask_make((float)i);
        assert_int_equal(ask_start(f, "a", asks[i]), i < 2 ? OK : E_BUSY);
    }
    assert_false(atomic_load(&asks[2]->begun));
    assert_non_null(strstr(asks[2]->op.msg, "full"));
    gate_open(block, 1);
    for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
        if (i < 2)
            ask_check(asks[i]);
        ask_free(asks[i]);
    }
    assert_int_equal(stats_of(f, "a").rejected, 1);
}

/* A request that holds so much more than its tensors. */
static struct ask *ask_heavy(float x, size_t bytes)
{
    struct ask *k = ask_make(x);
    assert_non_null(arena_array(k->arena, bytes, char));
    return k;
}

static void refused(struct fixture *f, const char *endpoint, size_t bytes, const char *text)
{
    struct ask *k = ask_heavy(1, bytes);
    assert_int_equal(ask_start(f, endpoint, k), E_BUSY);
    assert_false(atomic_load(&k->begun));
    if (!strstr(k->op.msg, text))
        fail_msg("%s", k->op.msg);
    ask_free(k);
}

static void test_a_queue_is_full_by_what_its_requests_hold(void **state)
{
    struct fixture *f = *state;
    struct ask *block[1], *k[3];
    CHECK(fixture_put(f, "a", CONFIG(",\"queue\":{\"max_queue_bytes\":1000000}"), 1));
    for (int turn = 0; turn < 2; turn++) { /* what is answered holds nothing any more */
        gate_shut(f, "a", block, 1);
        k[0] = ask_heavy(1, 700000);
        assert_int_equal(ask_start(f, "a", k[0]), OK);
        refused(f, "a", 700000, "the queue of \"a\" is full: its requests hold up to 1000000 bytes");
        assert_true(stats_of(f, "a").queue_bytes >= 700000 && stats_of(f, "a").queue_bytes <= 1000000);
        k[1] = ask_heavy(2, 200000);
        assert_int_equal(ask_start(f, "a", k[1]), OK);
        k[2] = ask_heavy(3, 0);
        k[2]->gone = 1; /* ... nor what was given up */
        assert_int_equal(ask_start(f, "a", k[2]), OK);
        gate_open(block, 1);
        ask_check(k[0]);
        ask_check(k[1]);
        ask_wait(k[2]);
        for (size_t i = 0; i < ARRAY_LEN(k); i++)
            ask_free(k[i]);
    }
    assert_int_equal(stats_of(f, "a").rejected, 2);
    assert_int_equal(stats_of(f, "a").queue_bytes, 0);
    k[0] = ask_heavy(4, 5000000); /* alone it may have what a request may have */
    assert_int_equal(ask_start(f, "a", k[0]), OK);
    ask_check(k[0]);
    ask_free(k[0]);
    assert_int_equal(fixture_put(f, "a", CONFIG(",\"queue\":{\"max_queue_bytes\":0}"), 1), E_INVALID);
}

static void test_all_queues_are_full_by_what_their_requests_hold(void **state)
{
    struct fixture *f = *state;
    struct ask *block[1], *k;
    f->config.queue_max_bytes = 1000000;
    f->config.threads = 1;
    fixture_restart(f);
    CHECK(fixture_put(f, "a", CONFIG(""), 1));
    CHECK(fixture_put(f, "b", CONFIG(""), 3));
    gate_shut(f, "a", block, 1);
    k = ask_heavy(1, 700000);
    assert_int_equal(ask_start(f, "b", k), OK);
    refused(f, "a", 700000, "the requests of all models hold up to 1000000 bytes");
    refused(f, "b", 700000, "the requests of all models hold up to 1000000 bytes");
    gate_open(block, 1);
    ask_check(k);
    ask_free(k);
    f->config.queue_max_bytes = SIZE_MAX; /* none, nor the endpoint's */
    fixture_restart(f);
    CHECK(fixture_put(f, "a", CONFIG(",\"queue\":{\"max_queue_bytes\":1}"), 1));
    gate_shut(f, "a", block, 1);
    struct ask *two[2];
    for (int i = 0; i < 2; i++) {
        two[i] = ask_heavy(1, 700000);
        assert_int_equal(ask_start(f, "a", two[i]), OK);
    }
    gate_open(block, 1);
    for (int i = 0; i < 2; i++) {
        ask_check(two[i]);
        ask_free(two[i]);
    }
}

/* Both threads are in the gate: it is the clock that refuses. */
static void test_timeouts(void **state)
{
    struct fixture *f = *state;
    struct ask *block[2], *k[4];
    CHECK(fixture_put(f, "a", "{\"model\":\"toys\",\"queue\":{\"default_queue_policy\":{\"default_timeout_microseconds\":60000000}}}", 1));
    gate_shut(f, "a", block, 2);
    for (size_t i = 0; i < ARRAY_LEN(k); i++)
        k[i] = ask_make((float)i);
    k[0]->r.timeout_us = 20000;
    k[1]->op.deadline_ms = time_mono_ms() + 30;
    k[2]->r.timeout_us = 100000000; /* longer than the endpoint's: does not count */
    int64_t from = time_mono_ms();
    for (size_t i = 0; i < ARRAY_LEN(k); i++)
        assert_int_equal(ask_start(f, "a", k[i]), OK);
    ask_wait(k[0]);
    ask_wait(k[1]);
    assert_true(time_mono_ms() - from < 5000 && k[0]->err == E_TIMEOUT && k[1]->err == E_TIMEOUT);
    assert_false(atomic_load(&k[2]->done));
    gate_open(block, 2);
    ask_check(k[2]);
    ask_check(k[3]);
    for (size_t i = 0; i < ARRAY_LEN(k); i++)
        ask_free(k[i]);
    struct infer_stats s = stats_of(f, "a");
    assert_true(s.timed_out == 2 && s.fail.count == 2);
}

static void test_priorities_and_delay(void **state)
{
    struct fixture *f = *state;
    struct ask *block[1], *k[5];
    static const uint32_t priority[] = {3, 0, 1, 9, 1}; /* 0 and 9: the default, 2 */
    static const int want[] = {4, 2, 0, 3, 1};
    CHECK(fixture_put(f, "a", CONFIG(",\"batch\":{\"max_size\":1},\"queue\":{\"priority_levels\":3,\"default_priority_level\":2}"), 1));
    gate_shut(f, "a", block, 1);
    for (size_t i = 0; i < ARRAY_LEN(k); i++) {
        k[i] = ask_make((float)i);
        k[i]->r.priority = priority[i];
        assert_int_equal(ask_start(f, "a", k[i]), OK);
    }
    gate_open(block, 1);
    for (size_t i = 0; i < ARRAY_LEN(k); i++)
        ask_check(k[i]);
    for (size_t i = 0; i < ARRAY_LEN(k); i++) {
        if (k[i]->order - k[2]->order != want[i])
            fail_msg("request %zu came as %d", i, k[i]->order - k[2]->order);
    }
    for (size_t i = 0; i < ARRAY_LEN(k); i++)
        ask_free(k[i]);
    CHECK(fixture_put(f, "a", CONFIG(",\"batch\":{\"max_size\":1},\"queue\":{\"default_queue_policy\":{\"timeout_action\":\"DELAY\"}}"), 1));
    gate_shut(f, "a", block, 1);
    for (size_t i = 0; i < 2; i++) {
        k[i] = ask_make((float)i);
        k[i]->r.timeout_us = i ? 0 : 10000;
        assert_int_equal(ask_start(f, "a", k[i]), OK);
    }
    time_sleep_ms(100);
    gate_open(block, 1);
    ask_check(k[0]);
    ask_check(k[1]);
    assert_true(k[0]->order > k[1]->order);
    ask_free(k[0]);
    ask_free(k[1]);
}

static void test_who_left_is_not_run(void **state)
{
    struct fixture *f = *state;
    struct ask *block[1], *k[2];
    CHECK(fixture_put(f, "a", CONFIG(""), 1));
    gate_shut(f, "a", block, 1);
    counters_reset();
    for (size_t i = 0; i < 2; i++) {
        k[i] = ask_make((float)i);
        assert_int_equal(ask_start(f, "a", k[i]), OK);
    }
    __atomic_store_n(&k[0]->gone, 1, __ATOMIC_RELAXED);
    gate_open(block, 1);
    ask_wait(k[0]);
    assert_int_equal(k[0]->err, E_CANCELLED);
    ask_check(k[1]);
    assert_int_equal(atomic_load(&toy_rows), 1);
    assert_int_equal(stats_of(f, "a").cancelled, 1);
    ask_free(k[0]);
    ask_free(k[1]);
}

static void test_concurrency(void **state)
{
    struct fixture *f = *state;
    for (int limit = 0; limit < 2; limit++) {
        struct ask *k[40];
        CHECK(fixture_put(f, "a", limit ? CONFIG(",\"batch\":{\"max_size\":1}") : "{\"model\":\"toys\",\"batch\":{\"max_size\":1}}", 1));
        counters_reset();
        for (size_t i = 0; i < ARRAY_LEN(k); i++) {
            k[i] = ask_make((float)i);
            assert_int_equal(ask_start(f, "a", k[i]), OK);
        }
        for (size_t i = 0; i < ARRAY_LEN(k); i++) {
            ask_check(k[i]);
            ask_free(k[i]);
        }
        assert_int_equal(atomic_load(&toy_most_now), limit ? 1 : 2);
    }
}

/* One endpoint is flooded; the other's few requests do not wait for the flood to end. */
static void test_models_share_the_threads(void **state)
{
    struct fixture *f = *state;
    struct ask *flood[400], *few[5];
    CHECK(fixture_put(f, "flood", "{\"model\":\"toys\",\"batch\":{\"max_size\":1}}", 1));
    CHECK(fixture_put(f, "few", "{\"model\":\"toys\",\"batch\":{\"max_size\":1}}", 1));
    for (size_t i = 0; i < ARRAY_LEN(flood); i++) {
        flood[i] = ask_make((float)i);
        assert_int_equal(ask_start(f, "flood", flood[i]), OK);
    }
    int before = 0;
    for (size_t i = 0; i < ARRAY_LEN(few); i++) {
        few[i] = ask_make((float)i);
        assert_int_equal(ask_start(f, "few", few[i]), OK);
    }
    before = atomic_load(&finished);
    for (size_t i = 0; i < ARRAY_LEN(few); i++) {
        ask_check(few[i]);
        assert_true(few[i]->order - before < 60);
        ask_free(few[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(flood); i++) {
        ask_check(flood[i]);
        ask_free(flood[i]);
    }
}

static void *gate_open_later(void *arg)
{
    time_sleep_ms(50);
    atomic_store(&toy_closed, false);
    return arg;
}

static void test_what_waits_at_the_end_is_answered(void **state)
{
    struct fixture *f = *state;
    struct ask *block[1], *k = ask_make(1);
    CHECK(fixture_put(f, "a", CONFIG(""), 1));
    gate_shut(f, "a", block, 1);
    assert_int_equal(ask_start(f, "a", k), OK);
    pthread_t opener;
    assert_int_equal(pthread_create(&opener, NULL, gate_open_later, NULL), 0);
    serve_close(f->serve);
    pthread_join(opener, NULL);
    f->serve = NULL;
    ask_wait(k);
    assert_int_equal(k->err, E_CANCELLED);
    ask_check(block[0]);
    ask_free(block[0]);
    ask_free(k);
    if (serve_open(&f->op, &f->config, &f->serve) != OK)
        fail_msg("%s", f->op.msg);
}

/* ---- swapping under load ---- */

struct load {
    struct fixture *f;
    atomic_bool stop;
    atomic_int asked, failed;
};

static void *load_run(void *arg)
{
    struct load *l = arg;
    struct arena *arena = arena_create(LIMIT_MIB(8));
    const float x[2] = {1, 2};
    const struct tensor t = tensor_of("x", TENSOR_FP32, (int64_t[]){1, 2}, 2, x);
    const struct infer_request r = {.inputs = &t, .input_count = 1};
    while (!atomic_load(&l->stop)) {
        struct op op;
        struct serve_endpoint *e = NULL;
        struct infer_answer a;
        arena_reset(arena);
        op_init(&op, arena);
        bool ok = serve_acquire(&op, l->f->serve, STR("a"), &e) == OK && serve_infer(&op, e, &r, &a) == OK;
        ok = ok && ((const float *)a.outputs[0].data)[0] == 3 + 10 * (float)a.version;
        serve_release(e);
        atomic_fetch_add(&l->asked, 1);
        atomic_fetch_add(&l->failed, !ok);
    }
    arena_destroy(arena);
    return NULL;
}

/* No room to keep versions: each swap loads one and lets one go, while requests for it wait or run. */
static void test_no_request_fails_while_versions_change(void **state)
{
    struct fixture *f = *state;
    struct load load = {.f = f};
    pthread_t threads[6];
    for (int i = 1; i < TOYS; i++)
        toy_files[i] = op_printf(&f->op, "toy fixed_us=100 row_us=5 memory=1000 add=%d", 10 * i);
    CHECK(fixture_put(f, "a", "{\"model\":\"toys\",\"memory_max_bytes\":1500,\"warmup\":{\"count\":1}}", 1));
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, load_run, &load), 0);
    for (int i = 0; i < 200; i++) {
        op_clear(&f->op);
        CHECK(serve_set_version(&f->op, f->serve, STR("a"), 1 + i % 9));
    }
    while (atomic_load(&load.asked) < 1000)
        time_sleep_ms(1);
    atomic_store(&load.stop, true);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&load.failed), 0);
    for (int i = 0; atomic_load(&toy_loaded) > 1 && i < 2000; i++)
        time_sleep_ms(1);
    assert_int_equal(atomic_load(&toy_loaded), 1);
    assert_false(pthread_equal(toy_unload_thread, pthread_self()));
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_false(pthread_equal(toy_unload_thread, threads[i]));
}

/* What a run of the first version of `name` takes, as if no other had been measured. */
static void cost_set(struct fixture *f, const char *name, double ns)
{
    struct serve_endpoint *e = NULL;
    CHECK(serve_acquire(&f->op, f->serve, str_from(name), &e));
    cost_clear(&e->loaded[0]->cost);
    cost_init(&e->loaded[0]->cost);
    cost_add(&e->loaded[0]->cost, 1, ns);
    serve_release(e);
}

/* Joining looks useless after a measurement that met a busy machine; it is found out that it is not. */
static void test_a_wrong_measurement_does_not_stay(void **state)
{
    struct fixture *f = *state;
    struct ask *block[1], *asks[100];
    CHECK(fixture_put(f, "a", CONFIG(""), 1));
    counters_reset();
    cost_set(f, "a", 300000); /* all of it by row */
    for (int turn = 0; turn < 50 && atomic_load(&toy_most_rows) < 4; turn++) {
        gate_shut(f, "a", block, 1);
        for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
            asks[i] = ask_make((float)(100 + i));
            assert_int_equal(ask_start(f, "a", asks[i]), OK);
        }
        gate_open(block, 1);
        for (size_t i = 0; i < ARRAY_LEN(asks); i++)
            ask_check(asks[i]);
        for (size_t i = 0; i < ARRAY_LEN(asks); i++)
            ask_free(asks[i]);
    }
    assert_true(atomic_load(&toy_most_rows) >= 4);
}

/* ---- who is alone ---- */

/* Asks until this thread is found to be alone, or, with the gate shut, until a question goes on by itself; NULL: never. */
static struct ask *ask_alone(struct fixture *f, int64_t patience_ms)
{
    for (int i = 0; i < 400; i++) {
        const int before = atomic_load(&toy_starts);
        const bool closed = atomic_load(&toy_closed);
        struct ask *k = ask_make((float)i);
        k->op.deadline_ms = patience_ms ? time_mono_ms() + patience_ms : 0;
        cost_set(f, "a", 100000);
        time_sleep_ms(2);
        assert_int_equal(ask_start(f, "a", k), OK);
        if (atomic_load(&toy_starts) > before)
            return k;
        assert_true(k->begun); /* in the queue, as ever */
        atomic_store(&toy_closed, false);
        ask_wait(k);
        ask_free(k);
        atomic_store(&toy_closed, closed);
    }
    return NULL;
}

static void test_who_is_alone_asks_himself(void **state)
{
    struct fixture *f = *state;
    struct ask *k, *other;
    toy_files[4] = "toy fixed_us=60 apart=1";
    CHECK(fixture_put(f, "a", CONFIG(""), 4));
    k = ask_alone(f, 0);
    assert_non_null(k);
    assert_false(k->begun); /* answered before the call came back */
    assert_true(((const float *)k->a.outputs[0].data)[0] == k->x[0] && str_eq(k->a.outputs[1].texts[0], k->s));
    assert_int_equal(stats_of(f, "a").running, 0);
    ask_free(k);
    /* It takes longer than one waits on such a thread: another one waits, and others may come. */
    atomic_store(&toy_closed, true);
    k = ask_alone(f, 0);
    assert_non_null(k);
    assert_true(k->begun && !k->done);
    other = ask_make(1);
    assert_int_equal(ask_start(f, "a", other), OK);
    assert_true(other->begun);
    atomic_store(&toy_closed, false);
    ask_check(k);
    ask_check(other);
    assert_int_equal(atomic_load(&toy_finishes), 1);
    ask_free(k);
    ask_free(other);
}

/* One that goes on by itself, and nobody could wait for it before its deadline: it is given up. */
static void test_what_goes_on_is_given_up(void **state)
{
    struct fixture *f = *state;
    struct ask *block[2];
    toy_files[4] = "toy fixed_us=60 apart=1";
    CHECK(fixture_put(f, "a", CONFIG(""), 4));
    CHECK(fixture_put(f, "b", "{\"model\":\"toys\",\"batch\":{\"max_size\":1}}", 1));
    struct ask *k = ask_alone(f, 0); /* the rest is about one that follows */
    assert_non_null(k);
    ask_free(k);
    gate_shut(f, "b", block, 2);
    k = ask_make(5);
    k->op.deadline_ms = time_mono_ms() + 200;
    cost_set(f, "a", 100000);
    time_sleep_ms(2);
    assert_int_equal(ask_start(f, "a", k), OK);
    const bool alone = atomic_load(&toy_starts) > 1; /* else it waits as any other */
    ask_wait(k);
    assert_int_equal(k->err, E_TIMEOUT);
    assert_int_equal(atomic_load(&toy_forgets), alone);
    gate_open(block, 2);
    ask_free(k);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_cheap_ones_run_at_once_and_dear_ones_later),
        TEST(test_what_waits_is_joined),
        TEST(test_limits_of_joining),
        TEST(test_nobody_fails_by_a_neighbours_fault),
        TEST(test_rows_of_linear_models_are_joined_too),
        TEST(test_a_full_queue_refuses),
        TEST(test_a_queue_is_full_by_what_its_requests_hold),
        TEST(test_all_queues_are_full_by_what_their_requests_hold),
        TEST(test_timeouts),
        TEST(test_priorities_and_delay),
        TEST(test_who_left_is_not_run),
        TEST(test_concurrency),
        TEST(test_models_share_the_threads),
        TEST(test_what_waits_at_the_end_is_answered),
        TEST(test_no_request_fails_while_versions_change),
        TEST(test_a_wrong_measurement_does_not_stay),
        TEST(test_who_is_alone_asks_himself),
        TEST(test_what_goes_on_is_given_up),
    };
    return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
