/* Endpoints: made, changed, rolled out, restarted, and swapped under load. */
#include <pthread.h>
#include <stdatomic.h>

#include "core/serve/infer.h"
#include "serve_fixture.h"

struct answer {
    const float *scores;
    int64_t version;
    int arm;
};

static enum err ask_with(struct op *op, struct serve *serve, const char *name, const char *unit, int64_t version, struct answer *ret)
{
    static const float x[3] = {1, 2, 3};
    struct serve_endpoint *e = NULL;
    struct infer_answer a;
    if (serve_acquire(op, serve, str_from(name), &e) != OK)
        return op->err;
    const size_t width = serve_endpoint_info(e)->features ? serve_endpoint_info(e)->features : 3;
    const struct tensor t = {.name = STR("x"), .type = TENSOR_FP32, .rank = 2, .shape = {1, (int64_t)width}, .count = width, .data = x};
    const struct infer_request r = {.inputs = &t, .input_count = 1, .unit_id = str_from(unit), .version = version, .started_ns = time_mono_ns()};
    enum err got = serve_infer(op, e, &r, &a);
    serve_release(e);
    if (!got)
        *ret = (struct answer){a.outputs[0].data, a.version, a.arm};
    return got;
}

static struct answer ask(struct fixture *f, const char *name, const char *unit, int64_t version, enum err want)
{
    struct answer a = {0};
    op_clear(&f->op);
    enum err got = ask_with(&f->op, f->serve, name, unit, version, &a);
    if (got != want)
        fail_msg("%s %s: %s \"%s\"", name, unit, err_name(got), got ? f->op.msg : "");
    return a;
}

static struct serve_info info_of(struct fixture *f, const char *name)
{
    struct serve_endpoint *e = NULL;
    op_clear(&f->op);
    if (serve_acquire(&f->op, f->serve, str_from(name), &e) != OK)
        fail_msg("%s", f->op.msg);
    struct serve_info i = *serve_endpoint_info(e); /* pointers in it are not used after the release */
    serve_release(e);
    return i;
}

static size_t audit_count(struct fixture *f, const char *verb)
{
    struct audit_row *rows = NULL;
    size_t n = 0;
    const struct audit_filter filter = {.kind = STR("endpoint"), .object = STR(""), .verb = str_from(verb)};
    if (audit_list(&f->op, f->db, &filter, &rows, &n) != OK)
        fail_msg("%s", f->op.msg);
    return n;
}

static void test_create_ask_replace(void **state)
{
    struct fixture *f = *state;
    struct serve_endpoint *e = NULL;
    assert_int_equal(serve_acquire(&f->op, f->serve, STR("a"), &e), E_NOT_FOUND);
    assert_int_equal(fixture_put(f, "a", FIXTURE_CONFIG, 3), OK);
    struct serve_info i = info_of(f, "a");
    assert_true(i.ready && i.live == 3 && i.features == 3 && i.outputs == 1 && i.version_count == 1 && i.view);
    struct answer a = ask(f, "a", "u", 0, OK);
    assert_true(a.version == 3 && a.scores[0] == fixture_score(3) && a.arm == ROLLOUT_ARM_NONE);
    ask(f, "a", "u", 4, E_NOT_FOUND);
    assert_int_equal(fixture_put(f, "a", FIXTURE_CONFIG, 4), OK);
    assert_true(ask(f, "a", "u", 0, OK).scores[0] == fixture_score(4));
    assert_true(ask(f, "a", "u", 3, OK).version == 3); /* kept for a quick way back */
    assert_int_equal(serve_set_version(&f->op, f->serve, STR("a"), 3), OK);
    assert_int_equal(f->fetches, 5); /* model and reference of 3 and 4, then only the reference of 3 again */
    assert_int_equal(ask(f, "a", "u", 0, OK).version, 3);
    assert_int_equal(audit_count(f, "create"), 1);
    assert_int_equal(audit_count(f, "update"), 1);
    assert_int_equal(audit_count(f, "set_version"), 1);
    struct str *names;
    assert_int_equal(fixture_put(f, "0", FIXTURE_CONFIG, 1), OK);
    assert_int_equal(serve_list(&f->op, f->serve, &names), 2);
    assert_true(str_eqc(names[0], "0") && str_eqc(names[1], "a"));
    assert_int_equal(serve_remove(&f->op, f->serve, STR("0")), OK);
    assert_int_equal(serve_list(&f->op, f->serve, &names), 1);
    assert_int_equal(serve_remove(&f->op, f->serve, STR("0")), E_NOT_FOUND);
    fixture_restart(f);
    assert_int_equal(ask(f, "a", "u", 0, OK).version, 3);
}

/* A request has the live version's columns; a kept version that takes more would read past them. */
static void test_a_version_of_another_shape_is_not_kept(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fixture_put(f, "a", "{\"model\":\"m\"}", 3), OK);
    assert_int_equal(fixture_put(f, "a", "{\"model\":\"m\"}", 4), OK);
    assert_int_equal(info_of(f, "a").version_count, 2);
    assert_int_equal(fixture_put(f, "a", "{\"model\":\"m\"}", 11), OK); /* two features, not three */
    struct serve_info i = info_of(f, "a");
    assert_true(i.features == 2 && i.version_count == 1);
    ask(f, "a", "u", 3, E_NOT_FOUND);
    ask(f, "a", "u", 0, OK);
}

static void test_refusals_change_nothing(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fixture_put(f, "a", FIXTURE_CONFIG, 3), OK);
    static const struct {
        const char *name, *config;
        int64_t version;
        enum err want;
        const char *text;
    } cases[] = {
        {"a", FIXTURE_CONFIG, 10, E_INVALID, "\"a\" in the model"},
        {"a", FIXTURE_CONFIG, 11, E_INVALID, "2 features"},
        {"a", FIXTURE_CONFIG, 12, E_INVALID, "no engine"},
        {"a", FIXTURE_CONFIG, 99, E_NOT_FOUND, "no such version"},
        {"a", FIXTURE_CONFIG, 0, E_INVALID, "version"},
        {"a", "{\"model\":\"m\",\"view\":\"w\"}", 3, E_INVALID, "\"w\""},
        {"a", "{\"model\":\"m\",\"views\":\"v\"}", 3, E_INVALID, "views"},
        {"a", "{\"model\":\"m\",\"threshold\":2}", 3, E_INVALID, "threshold"},
        {"a", "{\"model\":\"m\",\"monitor\":{\"x\":1}}", 3, E_INVALID, "x"},
        {"a", "{\"model\":\"m\",\"rollout\":{\"alpha\":7}}", 3, E_INVALID, "alpha"},
        {"a", "{\"model\":7}", 3, E_INVALID, "model"},
        {"a/b", FIXTURE_CONFIG, 3, E_INVALID, "'/'"},
        {"", FIXTURE_CONFIG, 3, E_INVALID, "name"},
        {"a", "[]", 3, E_INVALID, "object"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum err e = fixture_put(f, cases[i].name, cases[i].config, cases[i].version);
        if (e != cases[i].want || !strstr(f->op.msg, cases[i].text))
            fail_msg("case %zu: %s \"%s\"", i, err_name(e), e ? f->op.msg : "");
    }
    assert_int_equal(ask(f, "a", "u", 0, OK).version, 3);
    assert_int_equal(audit_count(f, "update"), 0);
    fixture_restart(f);
    assert_int_equal(ask(f, "a", "u", 0, OK).version, 3);
}

static int candidates(struct fixture *f, int n)
{
    int c = 0;
    for (int i = 0; i < n; i++) {
        char unit[16];
        snprintf(unit, sizeof(unit), "%d", i);
        struct answer a = ask(f, "a", unit, 0, OK);
        assert_true(a.arm == ROLLOUT_ARM_CANDIDATE ? a.version == 4 : a.version == 3);
        assert_true(a.scores[0] == fixture_score(a.version));
        c += a.arm == ROLLOUT_ARM_CANDIDATE;
    }
    return c;
}

static void rollout_begin(struct fixture *f)
{
    int64_t id = 0;
    op_clear(&f->op);
    if (serve_start_rollout(&f->op, f->serve, STR("a"), 4, NULL, T0, &id) != OK)
        fail_msg("%s", f->op.msg);
    assert_true(id > 0);
}

static void rollout_end(struct fixture *f, bool promote, bool apply)
{
    struct rollout_decision d;
    if (rollout_finish(&f->op, f->db, STR("a"), promote, STR("test"), T0 + DAY_US, &d) != OK)
        fail_msg("%s", f->op.msg);
    if (apply && serve_apply(&f->op, f->serve, STR("a"), &d) != OK)
        fail_msg("%s", f->op.msg);
}

static void test_rollout_splits_promotes_and_survives_a_restart(void **state)
{
    struct fixture *f = *state;
    int64_t id;
    assert_int_equal(serve_start_rollout(&f->op, f->serve, STR("a"), 4, NULL, T0, &id), E_NOT_FOUND);
    assert_int_equal(fixture_put(f, "a", FIXTURE_CONFIG, 3), OK);
    assert_int_equal(serve_start_rollout(&f->op, f->serve, STR("a"), 10, NULL, T0, &id), E_INVALID);
    assert_false(info_of(f, "a").weights.active);
    rollout_begin(f);
    int before = candidates(f, 1000);
    assert_true(before > 20 && before < 85); /* 5 % */
    op_clear(&f->op);
    assert_int_equal(serve_start_rollout(&f->op, f->serve, STR("a"), 5, NULL, T0, &id), E_CONFLICT);
    op_clear(&f->op);
    assert_int_equal(serve_set_version(&f->op, f->serve, STR("a"), 5), E_CONFLICT);
    op_clear(&f->op);
    assert_int_equal(serve_remove(&f->op, f->serve, STR("a")), E_CONFLICT);
    assert_int_equal(fixture_put(f, "a", FIXTURE_CONFIG, 3), OK); /* the same version: the rollout goes on */
    assert_int_equal(candidates(f, 1000), before);
    fixture_restart(f);
    assert_int_equal(candidates(f, 1000), before); /* the same units */
    op_clear(&f->op);
    rollout_end(f, true, true);
    assert_int_equal(info_of(f, "a").live, 4);
    assert_int_equal(ask(f, "a", "7", 0, OK).version, 4);
    assert_int_equal(ask(f, "a", "7", 3, OK).version, 3);
    assert_int_equal(audit_count(f, "promote"), 1);
    fixture_restart(f);
    assert_int_equal(info_of(f, "a").live, 4);
    assert_int_equal(audit_count(f, "promote"), 1);
}

static void test_rollback_keeps_the_control(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fixture_put(f, "a", FIXTURE_CONFIG, 3), OK);
    rollout_begin(f);
    rollout_end(f, false, true);
    assert_int_equal(candidates(f, 200), 0);
    assert_int_equal(info_of(f, "a").live, 3);
    assert_int_equal(audit_count(f, "promote"), 0);
    rollout_begin(f); /* another try may follow */
    assert_true(info_of(f, "a").weights.active);
}

/* The verdict is committed, then the process dies before the endpoint hears of it. */
static void test_a_crash_between_verdict_and_row_heals(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fixture_put(f, "a", FIXTURE_CONFIG, 3), OK);
    rollout_begin(f);
    rollout_end(f, true, false);
    fixture_restart(f);
    assert_int_equal(info_of(f, "a").live, 4);
    assert_int_equal(ask(f, "a", "7", 0, OK).version, 4);
    assert_int_equal(audit_count(f, "promote"), 1);
}

static void test_a_version_that_cannot_be_loaded_is_not_ready(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fixture_put(f, "a", FIXTURE_CONFIG, 3), OK);
    f->broken = true;
    assert_int_equal(fixture_put(f, "a", FIXTURE_CONFIG, 4), E_IO);
    assert_int_equal(ask(f, "a", "u", 0, OK).version, 3);
    fixture_restart(f);
    assert_false(info_of(f, "a").ready);
    ask(f, "a", "u", 0, E_BUSY);
    f->broken = false;
    assert_int_equal(fixture_put(f, "a", FIXTURE_CONFIG, 3), OK);
    assert_true(info_of(f, "a").ready);
}

/* ---- swaps under load ---- */

struct load {
    struct fixture *f;
    atomic_bool stop;
    atomic_long asked, failed;
};

static void *load_run(void *arg)
{
    struct load *l = arg;
    struct arena *arena = arena_create(LIMIT_MIB(8));
    while (!atomic_load(&l->stop)) {
        struct op op;
        struct answer a;
        arena_reset(arena);
        op_init(&op, arena);
        bool ok = ask_with(&op, l->f->serve, "a", "u", 0, &a) == OK && a.scores[0] == fixture_score(a.version);
        atomic_fetch_add(&l->asked, 1);
        atomic_fetch_add(&l->failed, !ok);
    }
    arena_destroy(arena);
    return NULL;
}

static void test_no_request_fails_while_versions_change(void **state)
{
    struct fixture *f = *state;
    struct load load = {.f = f};
    pthread_t threads[6];
    assert_int_equal(fixture_put(f, "a", FIXTURE_CONFIG, 1), OK);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, load_run, &load), 0);
    for (int i = 0; i < 300; i++)
        assert_int_equal(serve_set_version(&f->op, f->serve, STR("a"), 1 + i % 9), OK);
    while (atomic_load(&load.asked) < 1000)
        time_sleep_ms(1);
    atomic_store(&load.stop, true);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&load.failed), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_create_ask_replace),
        TEST(test_a_version_of_another_shape_is_not_kept),
        TEST(test_refusals_change_nothing),
        TEST(test_rollout_splits_promotes_and_survives_a_restart),
        TEST(test_rollback_keeps_the_control),
        TEST(test_a_crash_between_verdict_and_row_heals),
        TEST(test_a_version_that_cannot_be_loaded_is_not_ready),
        TEST(test_no_request_fails_while_versions_change),
    };
    return cmocka_run_group_tests_name("serve", tests, NULL, NULL);
}
