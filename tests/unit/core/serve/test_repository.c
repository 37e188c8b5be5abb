/* A server without a database: endpoints are what the source lists, loaded at the start or when asked for. */
#include "base/thread.h"
#include "base/time.h"
#include "core/serve/repository.h"
#include "core/serve/table.h"
#include "infer_fixture.h"

static struct serve_source_model listed[4];
static size_t listed_len;

static void look(void *arg)
{
    *(int *)arg += 1;
}

static enum err list(const struct serve_source *self, struct op *op, struct serve_source_model **ret, size_t *ret_len)
{
    int looks = 0;
    serve_source_run(self, look, &looks);
    assert_int_equal(looks, 1);
    *ret = arena_array(op->arena, ARRAY_LEN(listed), struct serve_source_model);
    memcpy(*ret, listed, sizeof(listed));
    *ret_len = listed_len;
    return OK;
}

static bool vanishing; /* the model goes when it is fetched */

static enum err fetch(const struct serve_source *self, struct op *op, struct str model, int64_t version, struct serve_files *ret)
{
    (void)self;
    if (vanishing)
        listed_len = 0;
    if (version >= TOYS || !toy_files[version])
        return op_fail(op, E_NOT_FOUND, "%.*s has no version %lld", STR_FMT(model), (long long)version);
    *ret = (struct serve_files){.model = str_from(toy_files[version]), .reference = STR("")};
    return OK;
}

struct repo {
    struct arena *arena;
    struct op op;
    struct serve *serve;
};

static void repo_open(struct repo *r, bool explicit_load)
{
    static const struct engine_ops *const engines[] = {&toy_engine, NULL};
    const struct serve_config config = {.engines = engines, .source = {.fetch = fetch, .list = list}, .explicit_load = explicit_load, .memory_max_bytes = 10000};
    if (serve_open(&r->op, &config, &r->serve) != OK)
        fail_msg("%s", r->op.msg);
}

static int setup(void **state)
{
    static const int64_t one[] = {1}, two[] = {1, 2}, none[] = {9};
    struct repo *r = calloc(1, sizeof(*r));
    r->arena = arena_create(LIMIT_MIB(256));
    op_init(&r->op, r->arena);
    memset(toy_files, 0, sizeof(toy_files));
    toy_files[1] = "toy";
    toy_files[2] = "toy add=100 width=3";
    listed[0] = (struct serve_source_model){.name = STR("a"), .versions = one, .version_count = 1, .problem = STR("")};
    listed[1] = (struct serve_source_model){.name = STR("b"), .versions = two, .version_count = 2, .problem = STR("")};
    listed[2] = (struct serve_source_model){.name = STR("c"), .versions = none, .version_count = 1, .problem = STR("")};
    listed[3] = (struct serve_source_model){.name = STR("d"), .problem = STR("no file that looks like a model")};
    listed_len = 4;
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct repo *r = *state;
    serve_close(r->serve);
    arena_destroy(r->arena);
    free(r);
    assert_int_equal(atomic_load(&toy_loaded), 0);
    return 0;
}

static enum err ask(struct repo *r, const char *name, int64_t version, int64_t width, float *ret)
{
    static const float x[3] = {1, 2, 3};
    struct serve_endpoint *e = NULL;
    struct infer_answer a;
    op_clear(&r->op);
    const struct tensor t = {.name = STR("x"), .type = TENSOR_FP32, .rank = 2, .shape = {1, width}, .count = (size_t)width, .data = x};
    const struct infer_request q = {.inputs = &t, .input_count = 1, .version = version};
    enum err err = serve_acquire(&r->op, r->serve, str_from(name), &e);
    if (err)
        return err;
    err = serve_infer(&r->op, e, &q, &a);
    serve_release(e);
    if (!err)
        *ret = ((const float *)a.outputs[0].data)[0];
    return err;
}

static void test_start(void **state)
{
    struct repo *r = *state;
    float y = 0;
    repo_open(r, false);
    assert_int_equal(ask(r, "a", 0, 2, &y), OK);
    assert_true(y == 3);
    assert_int_equal(ask(r, "b", 0, 3, &y), OK); /* the last one is live, and has a shape of its own */
    assert_true(y == 106);
    assert_int_equal(ask(r, "b", 1, 2, &y), OK);
    assert_true(y == 3);
    assert_int_equal(ask(r, "b", 1, 3, &y), E_INVALID);
    assert_int_equal(ask(r, "c", 0, 2, &y), E_BUSY);
    assert_int_equal(ask(r, "x", 0, 2, &y), E_NOT_FOUND);
    struct serve_index_row *rows = NULL;
    size_t n = 0;
    op_clear(&r->op);
    assert_int_equal(serve_index(&r->op, r->serve, &rows, &n), OK);
    assert_int_equal(n, 5);
    assert_true(rows[0].ready && rows[1].ready && rows[2].ready && rows[2].version == 2);
    assert_false(rows[3].ready);
    assert_non_null(strstr(str_cstr(r->arena, rows[3].reason), "no version 9"));
    assert_non_null(strstr(str_cstr(r->arena, rows[4].reason), "looks like"));
    /* What needs a database. */
    int64_t id;
    assert_int_equal(serve_start_rollout(&r->op, r->serve, STR("a"), 2, NULL, 0, &id), E_UNSUPPORTED);
}

static void test_load_and_unload(void **state)
{
    struct repo *r = *state;
    struct serve_index_row *rows = NULL;
    size_t n = 0;
    float y = 0;
    repo_open(r, true);
    assert_int_equal(ask(r, "a", 0, 2, &y), E_NOT_FOUND);
    op_clear(&r->op);
    assert_int_equal(serve_index(&r->op, r->serve, &rows, &n), OK);
    assert_true(n == 5 && !rows[0].ready && str_eqc(rows[0].reason, "unloaded"));
    assert_int_equal(serve_repository_load(&r->op, r->serve, STR("a"), NULL), OK);
    assert_int_equal(ask(r, "a", 0, 2, &y), OK);
    /* The file changed: loading again takes the new one, though the number is the same. */
    toy_files[1] = "toy add=5";
    assert_int_equal(serve_repository_load(&r->op, r->serve, STR("a"), NULL), OK);
    assert_int_equal(ask(r, "a", 0, 2, &y), OK);
    assert_true(y == 8);
    /* A file that cannot be loaded leaves what answers. */
    toy_files[1] = "toy broken";
    assert_int_equal(serve_repository_load(&r->op, r->serve, STR("a"), NULL), E_INVALID);
    assert_int_equal(ask(r, "a", 0, 2, &y), OK);
    assert_true(y == 8);
    toy_files[1] = "toy memory=9500"; /* with the one that answers more than the server may hold */
    op_clear(&r->op);
    assert_int_equal(serve_repository_load(&r->op, r->serve, STR("a"), NULL), E_TOO_LARGE);
    assert_int_equal(ask(r, "a", 0, 2, &y), OK);
    toy_files[1] = "toy";
    struct json *config = NULL;
    op_clear(&r->op);
    assert_int_equal(json_parse(&r->op, STR("{\"batch\":{\"size\":1}}"), JSON_STRICT, &config), OK);
    assert_int_equal(serve_repository_load(&r->op, r->serve, STR("a"), config), E_INVALID);
    op_clear(&r->op);
    assert_int_equal(json_parse(&r->op, STR("{\"concurrency\":1}"), JSON_STRICT, &config), OK);
    assert_int_equal(serve_repository_load(&r->op, r->serve, STR("a"), config), OK);
    struct serve_endpoint *e = NULL;
    assert_int_equal(serve_acquire(&r->op, r->serve, STR("a"), &e), OK);
    assert_int_equal(e->spec.policy.concurrency, 1);
    serve_release(e);
    assert_int_equal(serve_repository_unload(&r->op, r->serve, STR("a")), OK);
    assert_int_equal(ask(r, "a", 0, 2, &y), E_NOT_FOUND);
    op_clear(&r->op);
    assert_int_equal(serve_repository_unload(&r->op, r->serve, STR("a")), E_NOT_FOUND);
    op_clear(&r->op);
    assert_int_equal(serve_repository_load(&r->op, r->serve, STR("zz"), NULL), E_NOT_FOUND);
    op_clear(&r->op);
    assert_int_equal(serve_repository_load(&r->op, r->serve, STR("c"), NULL), E_NOT_FOUND); /* there, not ready, says why */
    assert_int_equal(ask(r, "c", 0, 2, &y), E_BUSY);
}

/* Endpoints may be put by hand as well, in memory only. */
static void test_put(void **state)
{
    struct repo *r = *state;
    struct json *config = NULL;
    float y = 0;
    listed_len = 0;
    repo_open(r, false);
    assert_int_equal(json_parse(&r->op, STR("{\"model\":\"any\"}"), JSON_STRICT, &config), OK);
    assert_int_equal(serve_put(&r->op, r->serve, STR("e"), config, 1), OK);
    assert_int_equal(ask(r, "e", 0, 2, &y), OK);
    assert_int_equal(serve_set_version(&r->op, r->serve, STR("e"), 2), OK);
    assert_int_equal(ask(r, "e", 0, 3, &y), OK);
    assert_true(y == 106);
    op_clear(&r->op);
    assert_int_equal(serve_set_version(&r->op, r->serve, STR("no"), 2), E_NOT_FOUND);
    op_clear(&r->op);
    assert_int_equal(serve_remove(&r->op, r->serve, STR("e")), OK);
    assert_int_equal(ask(r, "e", 0, 3, &y), E_NOT_FOUND);
}

/* A model that goes while it is loaded for the first time leaves nothing behind that would keep the server from being ready. */
static void test_gone_meanwhile(void **state)
{
    struct repo *r = *state;
    struct serve_index_row *rows = NULL;
    size_t n = 0;
    float y = 0;
    listed_len = 2;
    repo_open(r, true);
    assert_int_equal(serve_repository_load(&r->op, r->serve, STR("a"), NULL), OK);
    op_clear(&r->op);
    toy_files[2] = NULL;
    vanishing = true;
    assert_int_equal(serve_repository_load(&r->op, r->serve, STR("b"), NULL), E_NOT_FOUND);
    op_clear(&r->op);
    assert_int_equal(serve_index(&r->op, r->serve, &rows, &n), OK);
    assert_int_equal(n, 1);
    assert_true(rows[0].ready);
    /* One that is known stays, and so does one that is there and cannot be loaded. */
    vanishing = false;
    listed_len = 2;
    op_clear(&r->op);
    assert_int_equal(serve_repository_load(&r->op, r->serve, STR("b"), NULL), E_NOT_FOUND);
    assert_int_equal(ask(r, "b", 0, 3, &y), E_BUSY);
    op_clear(&r->op);
    vanishing = true;
    assert_int_equal(serve_repository_load(&r->op, r->serve, STR("b"), NULL), E_NOT_FOUND);
    assert_int_equal(ask(r, "b", 0, 3, &y), E_BUSY);
    vanishing = false;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static atomic_bool long_load_begun, long_load_may_end;

static void long_load(void *arg)
{
    (void)arg;
    atomic_store(&long_load_begun, true);
    while (!atomic_load(&long_load_may_end))
        time_sleep_ms(1);
}

static void *long_load_main(void *arg)
{
    serve_run_quietly(arg, long_load, NULL);
    return NULL;
}

/* A load may take minutes; what there is can be asked meanwhile. */
static void test_index_beside_a_load(void **state)
{
    struct repo *r = *state;
    struct serve_index_row *rows = NULL;
    size_t n = 0;
    repo_open(r, false);
    pthread_t t = thread_start("long", long_load_main, r->serve);
    while (!atomic_load(&long_load_begun))
        time_sleep_ms(1);
    assert_int_equal(serve_index(&r->op, r->serve, &rows, &n), OK);
    assert_true(n > 0);
    atomic_store(&long_load_may_end, true);
    thread_join(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_start), TEST(test_load_and_unload), TEST(test_gone_meanwhile), TEST(test_put), TEST(test_index_beside_a_load)};
    return cmocka_run_group_tests_name("repository", tests, NULL, NULL);
}
