/* Endpoints with chains, from the configuration to the answer, on models whose answers are known by hand. */
#include "core/serve/chained.h"

#include "infer_fixture.h"

/* logistic(a + b) on the features a and b. */
#define MODEL "{\"format\":\"ingot-linear\",\"version\":1,\"objective\":\"binary:logistic\",\"names\":[\"a\",\"b\"],\"mean\":[0,0],\"scale\":[1,1],\"weight\":[1,1],\"bias\":0}"
/* a: missing is 2, then less 1; b: cities. Three features. */
#define WIDE "{\"format\":\"ingot-linear\",\"version\":1,\"objective\":\"binary:logistic\",\"names\":[\"a\",\"city_Bonn\",\"city_Ulm\"],\"mean\":[0,0,0],\"scale\":[1,1,1],\"weight\":[1,10,-10],\"bias\":0}"
#define TRANSFORM "{\"format\":\"ingot.transform\",\"version\":1,\"inputs\":[{\"name\":\"a\",\"type\":\"number\",\"min\":0,\"max\":9},{\"name\":\"city\",\"type\":\"string\"}],\"columns\":[" \
    "{\"column\":\"a\",\"steps\":[{\"kind\":\"impute\",\"value\":2},{\"kind\":\"scale\",\"center\":1,\"scale\":1}]}," \
    "{\"column\":\"city\",\"steps\":[{\"kind\":\"onehot\",\"categories\":[\"Bonn\",\"Ulm\"],\"unknown\":\"%s\"}]}]}"

/* One text column becomes this many, by its hash; the model adds them up. */
enum { BUCKETS = 30000 };

static void wide_files(struct op *op, struct serve_files *ret)
{
    struct buf b;
    buf_init(&b, LIMIT_MIB(4));
    buf_addf(&b, "{\"format\":\"ingot-linear\",\"version\":1,\"objective\":\"binary:logistic\"");
    static const char *const lists[] = {"names", "mean", "scale", "weight"};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        buf_addf(&b, ",\"%s\":[", lists[i]);
        for (int k = 0; k < BUCKETS; k++)
            if (!i)
                buf_addf(&b, "%s\"city_hash%d\"", k ? "," : "", k);
            else
                buf_addf(&b, "%s%d", k ? "," : "", i > 1);
        buf_addf(&b, "]");
    }
    buf_addf(&b, ",\"bias\":1}");
    ret->model = str_dup(op->arena, buf_str(&b));
    buf_clear(&b);
    ret->transform = str_from(op_printf(op, "{\"format\":\"ingot.transform\",\"version\":1,\"inputs\":[{\"name\":\"city\",\"type\":\"string\"}],\"columns\":["
                                            "{\"column\":\"city\",\"steps\":[{\"kind\":\"hash\",\"buckets\":%d,\"signs\":false}]}]}", BUCKETS));
}

static enum err chain_fetch(const struct serve_source *self, struct op *op, struct str model, int64_t version, struct serve_files *ret)
{
    if (!str_eqc(model, "chain"))
        return toy_fetch(self, op, model, version, ret);
    *ret = (struct serve_files){.reference = STR(""), .model = version == 1 ? STR(MODEL) : STR(WIDE)};
    if (version == 1)
        ret->signature = STR("{\"inputs\": \"[{\\\"type\\\": \\\"double\\\", \\\"name\\\": \\\"a\\\", \\\"required\\\": true}, {\\\"type\\\": \\\"long\\\", \\\"name\\\": \\\"b\\\", \\\"required\\\": false}]\"}");
    if (version == 2 || version == 5)
        ret->transform = str_from(op_printf(op, TRANSFORM, version == 2 ? "ignore" : "error"));
    if (version == 6)
        wide_files(op, ret);
    if (version == 3) /* makes two columns, the model takes three */
        ret->transform = STR("{\"format\":\"ingot.transform\",\"version\":1,\"inputs\":[{\"name\":\"a\",\"type\":\"number\"}],\"columns\":[{\"column\":\"a\",\"steps\":[]},{\"column\":\"a\",\"steps\":[]}]}");
    if (version == 4)
        *ret = (struct serve_files){.reference = STR(""), .model = STR(MODEL), .calibrator = STR("{\"format\":\"ingot.calibrator\",\"version\":1,\"method\":\"platt\",\"a\":-2,\"b\":0.5}")};
    return OK;
}

static int setup(void **state)
{
    int rc = infer_setup(state);
    struct fixture *f = *state;
    serve_close(f->serve);
    f->config.source.fetch = chain_fetch;
    if (serve_open(&f->op, &f->config, &f->serve) != OK)
        fail_msg("%s", f->op.msg);
    return rc;
}

static double logistic(double v)
{
    return 1 / (1 + exp(-v));
}

static void put(struct fixture *f, const char *config, int64_t version)
{
    if (fixture_put(f, "e", op_printf(&f->op, "{\"model\":\"chain\"%s%s}", *config ? "," : "", config), version) != OK)
        fail_msg("%s", f->op.msg);
}

static void refuse(struct fixture *f, const char *config, int64_t version, enum err want, const char *text)
{
    assert_int_equal(fixture_put(f, "e", op_printf(&f->op, "{\"model\":\"chain\",%s}", config), version), want);
    if (!strstr(f->op.msg, text))
        fail_msg("\"%s\" has no \"%s\"", f->op.msg, text);
}

static uint64_t violations(struct fixture *f, const char *column)
{
    struct serve_endpoint *e = NULL;
    struct serve_violation *all = NULL;
    uint64_t n = 0;
    CHECK(serve_acquire(&f->op, f->serve, STR("e"), &e));
    for (size_t i = serve_violations(&f->op, e, &all); i-- > 0;)
        n += str_eqc(all[i].column, column) ? all[i].count : 0;
    serve_release(e);
    return n;
}

static void test_rejects(void **state)
{
    struct fixture *f = *state;
    struct infer_answer a;
    put(f, "\"validate\":{\"columns\":{\"a\":{\"min\":0,\"max\":120},\"b\":{\"type\":\"integer\"}}}", 1);
    CHECK(infer_ask(f, "e", &(struct infer_request){INPUTS(FP64("a", (2), 1, 120), INT64("b", (2), 3, 4))}, &a));
    assert_null(a.warning);
    assert_float_equal(((const float *)a.outputs[0].data)[0], logistic(4), 1e-6);
    assert_int_equal(infer_ask(f, "e", &(struct infer_request){INPUTS(FP64("a", (2), 1, 130), FP64("b", (2), 3.5, 4))}, &a), E_INVALID);
    assert_string_equal(f->op.msg, "column \"a\", row 1: 130.0 is above 120.0; column \"b\", row 0: 3.5 is not an integer");
    /* A matrix is judged by the names of the features. */
    assert_int_equal(infer_ask(f, "e", &(struct infer_request){INPUTS(FP32("x", (2, 2), 1, 2, -1, 2))}, &a), E_INVALID);
    assert_string_equal(f->op.msg, "column \"a\", row 1: -1.0 is below 0.0");
    CHECK(infer_ask(f, "e", &(struct infer_request){INPUTS(FP32("x", (2, 2), 1, 2, 3, 2))}, &a));
    assert_int_equal(violations(f, "a"), 2);
    assert_int_equal(violations(f, "b"), 1);
    /* The counters outlive a change of the configuration that keeps the columns. */
    put(f, "\"validate\":{\"policy\":\"warn\",\"columns\":{\"a\":{\"min\":0,\"max\":120},\"b\":{\"type\":\"integer\"}}}", 1);
    CHECK(infer_ask(f, "e", &(struct infer_request){INPUTS(FP32("x", (1, 2), 121, 2))}, &a));
    assert_string_equal(a.warning, "column \"a\", row 0: 121.0 is above 120.0");
    assert_int_equal(violations(f, "a"), 3);
}

static void test_signature(void **state)
{
    struct fixture *f = *state;
    struct infer_answer a;
    put(f, "\"validate\":{\"columns\":\"signature\"}", 1);
    assert_int_equal(infer_ask(f, "e", &(struct infer_request){INPUTS(FP64("a", (1), 1), FP64("b", (1), 2.5))}, &a), E_INVALID);
    assert_non_null(strstr(f->op.msg, "column \"b\", row 0: 2.5 is not an integer"));
    /* b is not required: it is missing, which adds nothing. */
    CHECK(infer_ask(f, "e", &(struct infer_request){INPUTS(FP64("a", (1), 1))}, &a));
    assert_float_equal(((const float *)a.outputs[0].data)[0], logistic(1), 1e-6);
    put(f, "\"validate\":\"signature\"", 2);
    CHECK(infer_ask(f, "e", &(struct infer_request){INPUTS(FP64("a", (1), 10), BYTES("city", (1), STR("Bonn")))}, &a));
    assert_string_equal(a.warning, "column \"a\", row 0: 10.0 is above 9.0");
}

static void test_transforms(void **state)
{
    struct fixture *f = *state;
    struct infer_answer a;
    struct serve_endpoint *e = NULL;
    struct infer_signature sig;
    put(f, "\"id_field\":\"id\"", 2);
    CHECK(infer_ask(f, "e", &(struct infer_request){INPUTS(FP64("a", (3), NAN, 3, 0), BYTES("city", (3, 1), STR("Bonn"), STR("Köln"), STR("")), INT64("id", (3), 7, 8, 9))}, &a));
    const float *score = a.outputs[0].data;
    assert_float_equal(score[0], logistic(1 + 10), 1e-6);
    assert_float_equal(score[1], logistic(2), 1e-6);
    assert_float_equal(score[2], logistic(-1), 1e-6);
    CHECK(serve_acquire(&f->op, f->serve, STR("e"), &e));
    CHECK(serve_signature(&f->op, e, 0, &sig));
    assert_int_equal(sig.input_count, 2);
    assert_int_equal(sig.inputs[0].type, TENSOR_FP64);
    assert_int_equal(sig.inputs[1].type, TENSOR_BYTES);
    assert_int_equal(serve_endpoint_info(e)->features, 0);
    serve_release(e);
    assert_int_equal(infer_ask(f, "e", &(struct infer_request){INPUTS(FP64("a", (1), 1))}, &a), E_INVALID);
    assert_non_null(strstr(f->op.msg, "\"city\" is missing"));
    assert_int_equal(infer_ask(f, "e", &(struct infer_request){INPUTS(FP64("a", (1), 1), FP64("city", (1), 1))}, &a), E_INVALID);
    assert_non_null(strstr(f->op.msg, "BYTES is wanted"));
    assert_int_equal(infer_ask(f, "e", &(struct infer_request){INPUTS(FP64("a", (1), 1), BYTES("city", (1), STR("")), FP64("z", (1), 1))}, &a), E_INVALID);
    assert_non_null(strstr(f->op.msg, "no input \"z\""));
    put(f, "\"validate\":{\"unknown\":\"ignore\",\"columns\":{\"city\":{\"required\":false}}}", 2);
    CHECK(infer_ask(f, "e", &(struct infer_request){INPUTS(FP64("a", (1), 1), FP64("z", (1), 1))}, &a));
    put(f, "", 5);
    assert_int_equal(infer_ask(f, "e", &(struct infer_request){INPUTS(FP64("a", (2), 1, 1), BYTES("city", (2), STR("Ulm"), STR("Rom")))}, &a), E_INVALID);
    assert_non_null(strstr(f->op.msg, "column \"city\", row 1: \"Rom\" is a category that training did not see"));
    refuse(f, "\"cache\":{}", 3, E_INVALID, "the transform makes 2 columns, the model takes 3");
    refuse(f, "\"view\":\"v\"", 2, E_INVALID, "view v");
}

static void test_post(void **state)
{
    struct fixture *f = *state;
    struct infer_answer a;
    const struct infer_want wants[] = {{.name = STR("label")}, {.name = STR("probabilities"), .classes = 1}};
    put(f, "\"post\":{\"labels\":[\"no\",\"yes\"],\"outputs\":[\"score\",\"label\",\"probabilities\"],\"round\":3,\"threshold\":0.7}", 1);
    CHECK(infer_ask(f, "e", &(struct infer_request){INPUTS(FP32("x", (2, 2), 1, 0, 0, 0.5))}, &a));
    assert_int_equal(a.output_count, 3);
    assert_int_equal(a.outputs[0].type, TENSOR_FP64);
    assert_float_equal(((const double *)a.outputs[0].data)[0], 0.731, 0);
    assert_true(str_eqc(a.outputs[1].texts[0], "yes"));
    assert_true(str_eqc(a.outputs[1].texts[1], "no"));
    assert_float_equal(((const double *)a.outputs[2].data)[2], 0.378, 0);
    CHECK(infer_ask(f, "e", &(struct infer_request){INPUTS(FP32("x", (1, 2), 1, 0)), .outputs = wants, .output_count = 2}, &a));
    assert_int_equal(a.output_count, 2);
    assert_true(str_eqc(a.outputs[0].texts[0], "yes"));
    assert_true(str_eqc(a.outputs[1].texts[0], "0.731000:1:yes"));
    /* What the version was calibrated by is used unasked. */
    put(f, "", 4);
    CHECK(infer_ask(f, "e", &(struct infer_request){INPUTS(FP32("x", (1, 2), 1, 0))}, &a));
    assert_float_equal(((const double *)a.outputs[0].data)[0], logistic(2 * logistic(1) - 0.5), 1e-7);
    put(f, "\"post\":{\"calibrate\":\"none\"}", 4);
    CHECK(infer_ask(f, "e", &(struct infer_request){INPUTS(FP32("x", (1, 2), 1, 0))}, &a));
    assert_float_equal(((const float *)a.outputs[0].data)[0], logistic(1), 1e-7);
    refuse(f, "\"post\":{\"labels\":[\"a\",\"b\",\"c\"]}", 1, E_INVALID, "3 names; the model has 2 classes");
    refuse(f, "\"post\":{\"source\":\"x\"}", 1, E_INVALID, "no output \"x\"");
    refuse(f, "\"post\":{\"threshold\":2}", 1, E_INVALID, "post.threshold");
    refuse(f, "\"validate\":{\"columns\":{\"a\":{\"mim\":2}}}", 1, E_INVALID, "no member \"mim\"");
}

/* A tensor model: the wanted outputs, the one that stands in the place of the model's own. */
static void test_tensor_model(void **state)
{
    struct fixture *f = *state;
    struct infer_answer a;
    const struct infer_want wants[] = {{.name = STR("label")}, {.name = STR("echo")}};
    toy_files[1] = "toy";
    CHECK(fixture_put(f, "t", "{\"model\":\"toys\",\"post\":{\"source\":\"pair\",\"labels\":[\"n\",\"y\"],\"calibrate\":{\"method\":\"beta\",\"a\":1,\"b\":1,\"c\":0}}}", 1));
    CHECK(infer_ask(f, "t", &(struct infer_request){INPUTS(FP32("x", (2, 2), 0.25, 0.5, 0.125, 0), BYTES("s", (2), STR("p"), STR("q")))}, &a));
    assert_int_equal(a.output_count, 5);
    assert_float_equal(((const double *)a.outputs[3].data)[0], 0.75, 1e-12); /* beta(1, 1, 0) changes nothing */
    assert_true(str_eqc(a.outputs[4].texts[0], "y"));
    CHECK(infer_ask(f, "t", &(struct infer_request){INPUTS(FP32("x", (1, 2), 0.25, 0)), .outputs = wants, .output_count = 2}, &a));
    assert_true(str_eqc(a.outputs[0].texts[0], "n"));
    assert_true(str_eqc(a.outputs[1].name, "echo"));
}

/* Cached answers go through the second half again, and the monitor hears the last word. */
static void test_cache_and_monitor(void **state)
{
    struct fixture *f = *state;
    struct infer_answer a;
    struct monitor_stats s;
    put(f, "\"cache\":{\"max_bytes\":100000},\"post\":{\"labels\":[\"no\",\"yes\"]}", 2);
    for (int i = 0; i < 2; i++) {
        CHECK(infer_ask(f, "e", &(struct infer_request){INPUTS(FP64("a", (1), 1), BYTES("city", (1), STR("Bonn")))}, &a));
        assert_int_equal(a.cached, i);
        assert_true(str_eqc(a.outputs[1].texts[0], "yes"));
    }
    assert_true(monitor_stats(f->monitor, STR("e"), &s));
    assert_int_equal(s.recorded, 2);
}

/* ---- a small request whose transform makes much ---- */

struct later {
    struct arena *arena;
    struct op op;
    struct tensor t;
    struct infer_request r;
    struct infer_answer a;
    bool begun;
    atomic_bool done;
    enum err err;
};

static void *later_begin(void *arg)
{
    ((struct later *)arg)->begun = true;
    return arg;
}

static void later_done(void *token, enum err e)
{
    struct later *k = token;
    k->err = e;
    atomic_store(&k->done, true);
}

static struct later *later_make(struct fixture *f, const char *endpoint, const struct tensor *t)
{
    struct later *k = calloc(1, sizeof(*k));
    struct serve_endpoint *e = NULL;
    k->arena = arena_create(LIMIT_REQUEST_ARENA);
    op_init(&k->op, k->arena);
    k->t = *t;
    k->r = (struct infer_request){.inputs = &k->t, .input_count = 1, .started_ns = time_mono_ns()};
    CHECK(serve_acquire(&f->op, f->serve, str_from(endpoint), &e));
    if (serve_infer_start(&k->op, e, &k->r, &k->a, &(struct infer_later){later_begin, later_done, k}) != OK)
        fail_msg("%s", k->op.msg);
    serve_release(e);
    return k;
}

static enum err later_end(struct later *k)
{
    for (int i = 0; k->begun && !atomic_load(&k->done); i++) {
        if (i > 60000)
            fail_msg("no answer");
        time_sleep_ms(1);
    }
    return k->err;
}

static void later_free(struct later *k)
{
    arena_destroy(k->arena);
    free(k);
}

static void test_wide_transforms_wait_as_they_came(void **state)
{
    struct fixture *f = *state;
    struct later *k[6], *block;
    struct str cities[100];
    const float x[2] = {1, 2};
    f->config.threads = 1;
    fixture_restart(f);
    toy_files[1] = "toy fixed_us=300";
    for (size_t i = 0; i < ARRAY_LEN(cities); i++)
        cities[i] = STR("Bonn");
    put(f, "\"cache\":{\"max_bytes\":100000000}", 6);
    CHECK(fixture_put(f, "gate", "{\"model\":\"toys\"}", 1));
    atomic_store(&toy_closed, true);
    block = later_make(f, "gate", &(struct tensor){.name = STR("x"), .type = TENSOR_FP32, .rank = 2, .shape = {1, 2}, .count = 2, .data = x});
    assert_true(block->begun);
    while (!atomic_load(&toy_now))
        time_sleep_ms(1);
    const struct tensor t = {.name = STR("city"), .type = TENSOR_BYTES, .rank = 1, .shape = {100}, .count = 100, .texts = cities};
    for (size_t i = 0; i < ARRAY_LEN(k); i++) { /* 12 MB each, once they are made */
        k[i] = later_make(f, "e", &t);
        assert_true(k[i]->begun);
        assert_true(arena_used(k[i]->arena) < 20000);
    }
    atomic_store(&toy_closed, false);
    assert_int_equal(later_end(block), OK);
    for (size_t i = 0; i < ARRAY_LEN(k); i++) {
        if (later_end(k[i]) != OK)
            fail_msg("%s", k[i]->op.msg);
        assert_true(k[i]->a.outputs[0].count == 100 && k[i]->a.cached == (i > 0));
        assert_float_equal(((const float *)k[i]->a.outputs[0].data)[99], logistic(2), 1e-6);
        later_free(k[i]);
    }
    later_free(block);
}

static void test_what_is_wrong_is_told_later_as_well(void **state)
{
    struct fixture *f = *state;
    double numbers[3000] = {0};
    put(f, "", 6);
    struct later *k = later_make(f, "e", &(struct tensor){.name = STR("city"), .type = TENSOR_FP64, .rank = 1, .shape = {3000}, .count = 3000, .data = numbers});
    assert_true(k->begun);
    assert_int_equal(later_end(k), E_INVALID);
    assert_non_null(strstr(k->op.msg, "BYTES is wanted"));
    later_free(k);
    /* One row of few columns is answered at once. */
    put(f, "\"validate\":{\"columns\":{\"a\":{\"min\":0}}}", 1);
    k = later_make(f, "e", &(struct tensor){.name = STR("x"), .type = TENSOR_FP64, .rank = 2, .shape = {1, 2}, .count = 2, .data = numbers});
    assert_false(k->begun);
    later_free(k);
    k = later_make(f, "e", &(struct tensor){.name = STR("x"), .type = TENSOR_FP64, .rank = 2, .shape = {1500, 2}, .count = 3000, .data = numbers});
    assert_false(k->begun);
    later_free(k);
}

/* The last score that a monitor was told. */
static enum err score_take(void *arg, struct op *op, const struct monitor_batch *batch)
{
    (void)op;
    if (batch->rows)
        *(float *)arg = batch->score[batch->rows - 1];
    return OK;
}

static void test_monitor_hears_the_last_word(void **state)
{
    struct fixture *f = *state;
    struct infer_answer a;
    float score = NAN;
    const struct prediction_sink sink = {.arg = &score, .fn = score_take};
    serve_close(f->serve);
    f->serve = NULL;
    monitor_destroy(f->monitor);
    f->config.monitor = f->monitor = monitor_create(f->db, &sink);
    CHECK(serve_open(&f->op, &f->config, &f->serve));
    put(f, "\"post\":{\"round\":1}", 4); /* rounding is for callers */
    CHECK(infer_ask(f, "e", &(struct infer_request){INPUTS(FP32("x", (1, 2), 1, 0))}, &a));
    CHECK(monitor_flush(&f->op, f->monitor));
    assert_float_equal(score, logistic(2 * logistic(1) - 0.5), 1e-6);
    assert_true(((const double *)a.outputs[0].data)[0] == 0.7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rejects, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_signature, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_transforms, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_post, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_tensor_model, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_cache_and_monitor, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_wide_transforms_wait_as_they_came, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_what_is_wrong_is_told_later_as_well, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_monitor_hears_the_last_word, setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
