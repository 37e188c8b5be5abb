/* learner_train: what is checked for every learner, and a model that is too large. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"
#include "port/learner.h"

static int calls;

static enum err train(struct op *op, const struct json *params, const struct learner_data *fit, const struct learner_data *valid,
                      const struct learner_progress *progress, struct buf *ret_model, struct learner_result *ret)
{
    (void)op, (void)params, (void)fit, (void)valid, (void)progress;
    calls++;
    buf_add_cstr(ret_model, "a model of twenty bytes");
    *ret = (struct learner_result){.rounds = 1};
    return OK;
}
static const struct learner_ops learner = {.name = "l", .format = "f", .train = train};

static enum err run(const char *params, const struct learner_data *fit, const struct learner_data *valid, size_t max, const char *want)
{
    struct arena *a = arena_create(LIMIT_MIB(1));
    struct op op;
    struct buf b;
    struct json *p = NULL;
    struct learner_result r;
    op_init(&op, a);
    buf_init(&b, max);
    if (params && json_parse(&op, str_from(params), JSON_STRICT, &p) != OK)
        fail_msg("%s", op.msg);
    enum err e = learner_train(&op, &learner, p, fit, valid, NULL, &b, &r);
    if (e && !strstr(op.msg, want))
        fail_msg("\"%s\" lacks \"%s\"", op.msg, want);
    buf_clear(&b);
    arena_destroy(a);
    return e;
}

static void test_checks(void **state)
{
    (void)state;
    float x[4] = {1, 2, 3, 4}, y[2] = {0, 1}, bad[2] = {0, NAN};
    const struct learner_data fit = {.x = x, .y = y, .rows = 2, .cols = 2}, wide = {.x = x, .y = y, .rows = 1, .cols = 4},
                              nan = {.x = x, .y = bad, .rows = 2, .cols = 2}, none = {.x = x, .y = y, .rows = 0, .cols = 2};
    assert_int_equal(run(NULL, &fit, NULL, 100, ""), OK);
    assert_int_equal(run("{}", &fit, &fit, 100, ""), OK);
    assert_int_equal(calls, 2);
    assert_int_equal(run(NULL, &none, NULL, 100, "fit split has 0 rows"), E_INVALID);
    assert_int_equal(run(NULL, &fit, &none, 100, "validation split has 0 rows"), E_INVALID);
    assert_int_equal(run(NULL, &nan, NULL, 100, "row 1 of the fit split"), E_INVALID);
    assert_int_equal(run(NULL, &fit, &nan, 100, "row 1 of the validation split"), E_INVALID);
    assert_int_equal(run(NULL, &fit, &wide, 100, "4 features"), E_INVALID);
    assert_int_equal(run("[]", &fit, NULL, 100, "not an object"), E_INVALID);
    assert_int_equal(calls, 2);
    assert_int_equal(run(NULL, &fit, NULL, 10, "larger than 10 bytes"), E_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_checks)};
    return cmocka_run_group_tests_name("learner", tests, NULL, NULL);
}
