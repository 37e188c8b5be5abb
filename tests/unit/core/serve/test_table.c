/* The table by itself: names in order, swaps, its bound; what a new state takes over from the old one, and what must fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/serve/table.h"
#include "toy_engine.h"

struct world {
    struct op op;
    struct serve_config config;
    struct serve *s;
    int fetches;
};

/* Versions 1..9 are toys of 1000 bytes that add their number; 5 takes wider rows. */
static enum err fetch(const struct serve_source *self, struct op *op, struct str model, int64_t version, struct serve_files *ret)
{
    struct world *w = self->arg;
    (void)model;
    w->fetches++;
    if (version < 1 || version > 9)
        return op_fail(op, E_NOT_FOUND, "no such version");
    *ret = (struct serve_files){.model = str_from(op_printf(op, "toy add=%lld width=%d", (long long)version, version == 5 ? 3 : 2))};
    return OK;
}

static int setup(void **state)
{
    static const struct engine_ops *const engines[] = {&toy_engine, NULL};
    struct world *w = calloc(1, sizeof(*w));
    op_init(&w->op, arena_create(LIMIT_MIB(64)));
    w->config = (struct serve_config){.engines = engines, .source = {.arg = w, .fetch = fetch}, .threads = 1};
    w->s = table_create(&w->config);
    atomic_store(&toy_loaded, 0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    table_destroy(w->s);
    assert_int_equal(atomic_load(&toy_loaded), 0);
    arena_destroy(w->op.arena);
    free(w);
    return 0;
}

/* Endpoint "e" gets a live version; what was there lends what it can. */
static enum err publish(struct world *w, int64_t version, const char *config)
{
    AUTO(endpoint) struct serve_endpoint *old = table_find(w->s, STR("e"));
    AUTO(version) struct serve_version *v = NULL;
    const struct serve_policy policy = serve_policy_default();
    const struct rollout_weights none = {0};
    const struct serve_row row = {.name = STR("e"), .model = STR("e"), .config = str_from(config), .version = version};
    op_clear(&w->op);
    enum err e = table_load(&w->op, w->s, old, STR("e"), version, &policy, false, &v);
    return e ? e : table_publish(&w->op, w->s, old, &row, &none, (struct serve_version *[]){v, NULL, v}, 3);
}

/* The loaded versions of "e" in order, as digits: "137". */
static void loaded_are(struct world *w, const char *want)
{
    AUTO(endpoint) struct serve_endpoint *e = table_find(w->s, STR("e"));
    char got[LIMIT_SERVE_VERSIONS + 1] = "";
    assert_non_null(e);
    for (size_t i = 0; i < e->loaded_len; i++)
        got[i] = (char)('0' + e->loaded[i]->version);
    assert_string_equal(got, want);
}

static struct serve_endpoint *state_make(struct world *w, struct str name)
{
    struct serve_endpoint *e = NULL;
    const struct serve_state empty = {.name = name, .config_text = STR("{}")};
    assert_int_equal(serve_endpoint_make(&w->op, &empty, &e), OK);
    return e;
}

static void test_names(void **state)
{
    struct world *w = *state;
    static const struct str order[] = {STR_INIT("m"), STR_INIT("z"), STR_INIT("a"), STR_INIT("mm")};
    struct str *names = NULL;
    bool found = true;
    assert_null(table_find(w->s, STR("a")));
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        assert_int_equal(table_swap(&w->op, w->s, order[i], state_make(w, order[i])), OK);
    assert_int_equal(serve_list(&w->op, w->s, &names), 4);
    assert_true(str_eqc(names[0], "a") && str_eqc(names[1], "m") && str_eqc(names[2], "mm") && str_eqc(names[3], "z"));
    assert_true(table_room(&w->op, w->s, STR("n"), &found) == OK && !found && table_room(&w->op, w->s, STR("mm"), &found) == OK && found);
    struct serve_endpoint *held = table_find(w->s, STR("m")), *fresh = state_make(w, STR("m"));
    assert_int_equal(table_swap(&w->op, w->s, STR("m"), fresh), OK);
    AUTO(endpoint) struct serve_endpoint *now = table_find(w->s, STR("m"));
    assert_true(now == fresh && held != fresh && str_eqc(held->info.name, "m")); /* who reads the old state keeps it */
    serve_release(held);
    assert_int_equal(table_swap(&w->op, w->s, STR("m"), NULL), OK);
    assert_int_equal(table_swap(&w->op, w->s, STR("never"), NULL), OK);
    assert_null(table_find(w->s, STR("m")));
    assert_int_equal(serve_list(&w->op, w->s, &names), 3);
    assert_true(str_eqc(names[0], "a") && str_eqc(names[1], "mm"));
}

static void test_full(void **state)
{
    struct world *w = *state;
    bool found = false;
    for (int i = 0; i < LIMIT_SERVE_ENDPOINTS; i++) {
        struct str name = str_from(op_printf(&w->op, "e%d", i));
        assert_int_equal(table_swap(&w->op, w->s, name, state_make(w, name)), OK);
    }
    assert_int_equal(table_room(&w->op, w->s, STR("more"), &found), E_TOO_LARGE);
    op_clear(&w->op);
    assert_int_equal(table_swap(&w->op, w->s, STR("more"), state_make(w, STR("more"))), E_TOO_LARGE);
    assert_true(table_room(&w->op, w->s, STR("e7"), &found) == OK && found && table_swap(&w->op, w->s, STR("e7"), state_make(w, STR("e7"))) == OK);
    assert_true(table_swap(&w->op, w->s, STR("e7"), NULL) == OK && table_room(&w->op, w->s, STR("more"), &found) == OK);
}

static void test_loading(void **state)
{
    struct world *w = *state;
    const struct serve_policy policy = serve_policy_default();
    AUTO(version) struct serve_version *same = NULL, *anew = NULL, *other = NULL, *more = NULL;
    assert_int_equal(publish(w, 1, "{}"), OK);
    AUTO(endpoint) struct serve_endpoint *e = table_find(w->s, STR("e"));
    assert_int_equal(table_load(&w->op, w->s, e, STR("e"), 1, &policy, false, &same), OK);
    assert_true(same == e->loaded[0] && w->fetches == 1);
    assert_int_equal(table_load(&w->op, w->s, e, STR("e"), 1, &policy, true, &anew), OK);
    assert_int_equal(table_load(&w->op, w->s, e, STR("f"), 1, &policy, false, &other), OK); /* another model's version 1 */
    assert_true(anew != same && other != same && w->fetches == 3);
    assert_int_equal(table_load(&w->op, w->s, e, STR("e"), 77, &policy, false, &more), E_NOT_FOUND);
    assert_non_null(strstr(w->op.msg, "e version 77"));
    op_clear(&w->op);
    w->s->config.memory_max_bytes = 3999; /* three are loaded */
    assert_int_equal(table_load(&w->op, w->s, e, STR("e"), 2, &policy, false, &more), E_TOO_LARGE);
    assert_true(!more && strstr(w->op.msg, "3999"));
    w->s->config.memory_max_bytes = 5000; /* the refused one may still be on its way out */
    assert_int_equal(table_load(&w->op, w->s, e, STR("e"), 2, &policy, false, &more), OK);
}

static void test_what_is_kept(void **state)
{
    struct world *w = *state;
    assert_int_equal(publish(w, 1, "{}"), OK);
    assert_int_equal(publish(w, 3, "{}"), OK);
    assert_int_equal(publish(w, 2, "{}"), OK);
    loaded_are(w, "123");
    assert_int_equal(publish(w, 1, "{\"memory_max_bytes\":2000}"), OK); /* the newest of the others has room */
    loaded_are(w, "13");
    assert_int_equal(publish(w, 2, "{\"memory_max_bytes\":999}"), E_INVALID);
    assert_non_null(strstr(w->op.msg, "must be loaded hold 1000 bytes"));
    loaded_are(w, "13"); /* refused: nothing has changed */
    assert_int_equal(publish(w, 5, "{}"), OK);
    loaded_are(w, "5"); /* other rows: no way back */
    assert_int_equal(publish(w, 1, "{\"model\":1}"), E_INVALID);
    loaded_are(w, "5");
}

static void test_cache_and_view(void **state)
{
    struct world *w = *state;
    assert_int_equal(publish(w, 1, "{\"cache\":{\"max_bytes\":100000}}"), OK);
    AUTO(endpoint) struct serve_endpoint *a = table_find(w->s, STR("e"));
    assert_int_equal(publish(w, 2, "{\"cache\":{\"max_bytes\":100000}}"), OK);
    AUTO(endpoint) struct serve_endpoint *b = table_find(w->s, STR("e"));
    assert_int_equal(publish(w, 2, "{\"cache\":{\"max_bytes\":200000}}"), OK);
    AUTO(endpoint) struct serve_endpoint *c = table_find(w->s, STR("e"));
    assert_true(a->cache && a->cache == b->cache && c->cache && c->cache != a->cache);
    assert_int_equal(publish(w, 2, "{}"), OK);
    AUTO(endpoint) struct serve_endpoint *d = table_find(w->s, STR("e"));
    assert_null(d->cache);
    struct serve_spec spec = {.view = STR("")};
    struct feature_table *table = (struct feature_table *)(void *)w;
    assert_true(table_view(&w->op, w->s, &spec, &table) == OK && !table);
    spec.view = STR("nowhere");
    assert_int_equal(table_view(&w->op, w->s, &spec, &table), E_INVALID);
    assert_int_equal(publish(w, 1, "{\"view\":\"nowhere\"}"), E_INVALID);
    assert_non_null(strstr(w->op.msg, "no online feature view \"nowhere\""));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_names), TEST(test_full), TEST(test_loading), TEST(test_what_is_kept), TEST(test_cache_and_view)};
    table_destroy(NULL);
    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
