/* model_load: the first engine that accepts the bytes takes them; nobody is an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"
#include "port/engine.h"

static int unloaded;
static const struct engine_info info = {.features = 1, .outputs = 1};

static bool accepts_a(struct str b)
{
    return str_starts(b, STR("a"));
}
static bool accepts_all(struct str b)
{
    (void)b;
    return true;
}
static enum err load_ok(struct op *op, struct str b, void **ret)
{
    (void)op, (void)b;
    *ret = &unloaded;
    return OK;
}
static enum err load_fail(struct op *op, struct str b, void **ret)
{
    (void)b, (void)ret;
    return op_fail(op, E_INVALID, "broken");
}
static void unload(void *m)
{
    assert_ptr_equal(m, &unloaded);
    unloaded++;
}
static const struct engine_info *get_info(const void *m)
{
    assert_ptr_equal(m, &unloaded);
    return &info;
}
static void predict(const void *m, const float *rows, size_t n, float *out)
{
    assert_ptr_equal(m, &unloaded);
    for (size_t i = 0; i < n; i++)
        out[i] = 2 * rows[i];
}
static const struct engine_ops first = {.name = "first",
                                        .accepts = accepts_a,
                                        .load = load_ok,
                                        .unload = unload,
                                        .info = get_info,
                                        .predict = predict};
static const struct engine_ops second = {.name = "second",
                                         .accepts = accepts_all,
                                         .load = load_fail,
                                         .unload = unload,
                                         .info = get_info,
                                         .predict = predict};

static void test_order_and_calls(void **state)
{
    (void)state;
    struct arena *a = arena_create(LIMIT_MIB(1));
    struct op op;
    struct model *m = NULL;
    static const struct engine_ops *const both[] = {&first, &second, NULL}, *const none[] = {NULL},
                                          *const one[] = {&first, NULL};
    op_init(&op, a);
    assert_int_equal(model_load(&op, both, STR("abc"), &m), OK);
    assert_ptr_equal(model_info(m), &info);
    float out[2];
    model_predict(m, (float[]){1, 2}, 2, out);
    assert_true(out[0] == 2 && out[1] == 4);
    model_unload(m);
    assert_int_equal(unloaded, 1);
    model_unload(NULL);
    assert_int_equal(model_load(&op, both, STR("xyz"), &m), E_INVALID); /* the second accepts, then refuses */
    assert_string_equal(op.msg, "broken");
    op_clear(&op);
    assert_int_equal(model_load(&op, one, STR("xyz"), &m), E_INVALID);
    op_clear(&op);
    assert_int_equal(model_load(&op, none, STR("abc"), &m), E_INVALID);
    assert_non_null(strstr(op.msg, "no engine"));
    arena_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order_and_calls)};
    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
