/* The engine in this process, on files made here: types, joining, errors, deadlines, many threads. Answers against ONNX Runtime's
 * own Python package: tests/e2e/test_onnx.py. */
#include "onnx_make.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapter/onnx/lib.h"
#include "adapter/onnx/model.h"
#include "adapter/onnx/onnx.h"
#include "adapter/onnx/watch.h"
#include "base/time.h"

enum { FLOAT = 1, INT64 = 7, STRING = 8, BOOL = 9 };

struct fixture {
    struct arena *arena;
    struct op op;
    struct buf model, graph, extra;
};

static int up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->arena = arena_create(LIMIT_MIB(256));
    op_init(&f->op, f->arena);
    buf_init(&f->model, LIMIT_MIB(64));
    buf_init(&f->graph, LIMIT_MIB(64));
    buf_init(&f->extra, LIMIT_MIB(64));
    *state = f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;
    arena_destroy(f->arena);
    buf_clear(&f->model);
    buf_clear(&f->graph);
    buf_clear(&f->extra);
    free(f);
    return 0;
}

static enum err load(struct fixture *f, struct model **ret)
{
    static const struct engine_ops *const engines[] = {&onnx_engine, NULL};
    put_model(&f->model, &f->graph, &f->extra);
    return model_load(&f->op, engines, buf_str(&f->model), ret);
}

#define LOADED(f)                                                                                  \
    ({                                                                                             \
        struct model *m_ = NULL;                                                                   \
        if (load(f, &m_))                                                                          \
            fail_msg("%s: %s", err_name((f)->op.err), (f)->op.msg);                                \
        m_;                                                                                        \
    })

static struct tensor floats(const char *name, uint32_t rank, int64_t a, int64_t b, const float *data)
{
    return (struct tensor){.name = str_from(name), .type = TENSOR_FP32, .rank = rank, .shape = {a, b}, .count = (size_t)(a * (rank > 1 ? b : 1)), .data = data};
}

/* y = relu(x W), and the sum of x by rows as a second output. */
static void two_outputs(void **state)
{
    struct fixture *f = *state;
    const float w[4] = {1, -1, 2, 1}, x[6] = {1, 2, 3, 4, -5, 6};
    const int64_t axis[1] = {1};
    INPUT(&f->graph, "x", FLOAT, -1, 2);
    OUTPUT(&f->graph, "y", FLOAT, -1, 2);
    OUTPUT(&f->graph, "s", FLOAT, -1, 1);
    put_tensor(&f->graph, 5, "w", FLOAT, 2, (const int64_t[]){2, 2}, w, sizeof w);
    put_tensor(&f->graph, 5, "axis", INT64, 1, (const int64_t[]){1}, axis, sizeof axis);
    NODE(&f->graph, "MatMul", "x", "w", "", "h");
    NODE(&f->graph, "Relu", "h", "", "y");
    NODE(&f->graph, "ReduceSum", "x", "axis", "", "s");
    struct model *m = LOADED(f);
    const struct engine_info *info = model_info(m);
    assert_true(info->joins);
    assert_int_equal(info->features, 0);
    assert_int_equal(info->input_count, 1);
    assert_int_equal(info->output_count, 2);
    assert_true(str_eqc(info->inputs_spec[0].name, "x"));
    assert_int_equal(info->inputs_spec[0].shape[0], -1);
    assert_int_equal(info->inputs_spec[0].shape[1], 2);
    struct tensor in = floats("x", 2, 3, 2, x), out[2];
    assert_int_equal(model_run(&f->op, m, &in, NULL, out), OK);
    const float want[6] = {5, 1, 11, 1, 7, 11};
    assert_int_equal(out[0].shape[0], 3);
    assert_memory_equal(out[0].data, want, sizeof want);
    assert_true(((const float *)out[1].data)[2] == 1);
    const bool second[2] = {false, true};
    assert_int_equal(model_run(&f->op, m, &in, second, out), OK);
    assert_null(out[0].data);
    assert_int_equal(out[1].count, 3);
    in = floats("x", 2, 0, 2, x);
    assert_int_equal(model_run(&f->op, m, &in, NULL, out), OK);
    assert_int_equal(out[0].count, 0);
    in = floats("x", 2, 2, 3, x); /* another width: the library refuses it */
    assert_int_equal(model_run(&f->op, m, &in, NULL, out), E_INVALID);
    op_clear(&f->op);
    in.type = TENSOR_FP64;
    assert_int_equal(model_run(&f->op, m, &in, NULL, out), E_INVALID);
    assert_non_null(strstr(f->op.msg, "is FP32, not FP64"));
    in.type = TENSOR_TYPE_COUNT;
    assert_int_equal(model_run(&f->op, m, &in, NULL, out), E_INVALID);
    model_unload(m);
}

/* Rows that touch each other: x minus the mean over the batch. */
static void rows_that_touch_are_not_joined(void **state)
{
    struct fixture *f = *state;
    INPUT(&f->graph, "x", FLOAT, -1, 2);
    OUTPUT(&f->graph, "y", FLOAT, -1, 2);
    NODE(&f->graph, "ReduceMean", "x", "", "m"); /* over all axes */
    NODE(&f->graph, "Sub", "x", "m", "", "y");
    struct model *m = LOADED(f);
    assert_false(model_info(m)->joins);
    model_unload(m);
}

static void texts_and_bools(void **state)
{
    struct fixture *f = *state;
    INPUT(&f->graph, "a", STRING, -1);
    INPUT(&f->graph, "flag", BOOL, -1);
    OUTPUT(&f->graph, "b", STRING, -1);
    OUTPUT(&f->graph, "not", BOOL, -1);
    NODE(&f->graph, "Identity", "a", "", "b");
    NODE(&f->graph, "Not", "flag", "", "not");
    struct model *m = LOADED(f);
    assert_true(model_info(m)->joins);
    const struct str texts[3] = {STR_INIT("one"), {"a\0b", 3}, {"", 0}};
    const uint8_t flags[3] = {0, 1, 77}; /* no bool, but what a client may send */
    struct tensor in[2] = {{.name = STR("a"), .type = TENSOR_BYTES, .rank = 1, .shape = {3}, .count = 3, .texts = texts},
                           {.name = STR("flag"), .type = TENSOR_BOOL, .rank = 1, .shape = {3}, .count = 3, .data = flags}};
    struct tensor out[2];
    assert_int_equal(model_run(&f->op, m, in, NULL, out), OK);
    for (size_t i = 0; i < 3; i++)
        assert_true(str_eq(out[0].texts[i], texts[i]));
    assert_memory_equal(out[1].data, "\1\0\0", 3);
    in[0].shape[0] = in[1].shape[0] = 0;
    in[0].count = in[1].count = 0;
    assert_int_equal(model_run(&f->op, m, in, NULL, out), OK);
    assert_int_equal(out[0].count, 0);
    model_unload(m);
}

static void metadata_and_refusals(void **state)
{
    struct fixture *f = *state;
    struct buf entry;
    buf_init(&entry, LIMIT_KIB(4));
    put_text(&entry, 1, "author");
    put_text(&entry, 2, "nobody");
    put_message(&f->extra, 14, &entry);
    buf_clear(&entry);
    INPUT(&f->graph, "x", FLOAT, -1);
    OUTPUT(&f->graph, "y", FLOAT, -1);
    NODE(&f->graph, "Relu", "x", "", "y");
    struct model *m = LOADED(f);
    assert_int_equal(model_info(m)->fact_count, 1);
    assert_true(str_eqc(model_info(m)->facts[0].key, "author") && str_eqc(model_info(m)->facts[0].value, "nobody"));
    model_unload(m);

    buf_clear(&f->model);
    buf_init(&f->model, LIMIT_MIB(1));
    INPUT(&f->graph, "x", FLOAT, -1);
    OUTPUT(&f->graph, "y", FLOAT, -1);
    NODE(&f->graph, "NoSuchOperator", "x", "", "y");
    assert_int_equal(load(f, &m), E_INVALID);
    assert_non_null(strstr(f->op.msg, "NoSuchOperator"));
}

/* A loop that would run for minutes ends at the deadline. */
static void a_deadline_ends_a_run(void **state)
{
    struct fixture *f = *state;
    struct buf body, attribute, extra;
    const int64_t trips = 1000000000;
    const uint8_t yes = 1;
    buf_init(&body, LIMIT_MIB(1));
    buf_init(&attribute, LIMIT_MIB(1));
    buf_init(&extra, LIMIT_MIB(1));
    INPUT(&f->graph, "x", FLOAT, -1);
    INPUT(&f->graph, "n", INT64, 1);
    OUTPUT(&f->graph, "y", FLOAT, -1);
    put_tensor(&f->graph, 5, "yes", BOOL, 0, NULL, &yes, 1);
    put_value(&body, 11, "i", INT64, 0, NULL);
    put_value(&body, 11, "c", BOOL, 0, NULL);
    INPUT(&body, "v", FLOAT, -1);
    put_value(&body, 12, "c2", BOOL, 0, NULL);
    OUTPUT(&body, "v2", FLOAT, -1);
    NODE(&body, "Identity", "c", "", "c2");
    NODE(&body, "Cos", "v", "", "v2");
    put_text(&body, 2, "body");
    put_text(&attribute, 1, "body");
    put_message(&attribute, 6, &body);
    put_int(&attribute, 20, 5); /* type: GRAPH */
    put_message(&extra, 5, &attribute);
    put_node(&f->graph, 1, "Loop", (const char *const[]){"n", "yes", "x", "", "y", NULL}, &extra);
    buf_clear(&extra);
    struct model *m = LOADED(f);
    const float x[1] = {1};
    struct tensor in[2] = {floats("x", 1, 1, 0, x), {.name = STR("n"), .type = TENSOR_INT64, .rank = 1, .shape = {1}, .count = 1, .data = &trips}}, out;
    in[0].count = 1;
    f->op.deadline_ms = time_mono_ms() + 150;
    int64_t start = time_mono_ms();
    assert_int_equal(model_run(&f->op, m, in, NULL, &out), E_TIMEOUT);
    assert_true(time_mono_ms() - start < 5000);
    op_clear(&f->op);
    const int64_t few = 2;
    in[1].data = &few;
    f->op.deadline_ms = time_mono_ms() + 60000;
    assert_int_equal(model_run(&f->op, m, in, NULL, &out), OK);
    assert_true(fabsf(((const float *)out.data)[0] - cosf(cosf(1))) < 1e-6f);
    model_unload(m);
}

struct asker {
    struct model *model;
    float first;
    atomic_int *bad;
};

static void *ask_often(void *arg)
{
    struct asker *k = arg;
    struct arena *a = arena_create(LIMIT_MIB(4));
    for (int i = 0; i < 500; i++) {
        struct op op;
        op_init(&op, a);
        op.deadline_ms = i % 2 ? time_mono_ms() + 60000 : 0;
        const float x[2] = {k->first, (float)i};
        struct tensor in = floats("x", 1, 2, 0, x), out;
        in.count = 2;
        if (model_run(&op, k->model, &in, NULL, &out) || ((const float *)out.data)[0] != k->first * 2 || ((const float *)out.data)[1] != (float)i * 2)
            atomic_fetch_add(k->bad, 1);
        arena_reset(a);
    }
    arena_destroy(a);
    return NULL;
}

static void many_threads(void **state)
{
    struct fixture *f = *state;
    INPUT(&f->graph, "x", FLOAT, -1);
    OUTPUT(&f->graph, "y", FLOAT, -1);
    NODE(&f->graph, "Add", "x", "x", "", "y");
    atomic_int bad = 0;
    struct asker askers[4];
    pthread_t threads[4];
    struct model *m = LOADED(f);
    for (int i = 0; i < 4; i++) {
        askers[i] = (struct asker){m, (float)i, &bad};
        assert_int_equal(pthread_create(&threads[i], NULL, ask_often, &askers[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(bad, 0);
    model_unload(m);
}

/* In a child, because the library is loaded once per process. */
static void a_wrong_path_is_named(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        struct arena *a = arena_create(LIMIT_MIB(1));
        struct op op;
        const char *text = NULL;
        op_init(&op, a);
        setenv("INGOT_ONNXRUNTIME", "/nowhere/libonnxruntime.so", 1);
        bool right = onnx_check(&op, &text) == E_UNSUPPORTED && strstr(op.msg, "/nowhere/libonnxruntime.so");
        op_clear(&op);
        setenv("INGOT_ONNXRUNTIME", "libz.so.1", 1); /* a library, but not that one */
        right = right && onnx_check(&op, &text) == E_UNSUPPORTED && strstr(op.msg, "is not ONNX Runtime");
        _exit(right ? 0 : 1);
    }
    int status = -1;
    assert_true(waitpid(pid, &status, 0) == pid);
    assert_int_equal(status, 0);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, up, down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_path_is_named), /* first: before the library is there */
        TEST(two_outputs),
        TEST(rows_that_touch_are_not_joined),
        TEST(texts_and_bools),
        TEST(metadata_and_refusals),
        TEST(a_deadline_ends_a_run),
        TEST(many_threads),
    };
    return cmocka_run_group_tests_name("onnx", tests, NULL, NULL);
}
