#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/retrain.h"
#include "base/time.h"
#include "scratch_op.h"

static void times_are_put_in(void **state)
{
    struct op *op = *state;
    struct str out;
    int64_t at = 0;
    assert_true(time_parse(STR("2001-05-01T00:00:00Z"), &at));
    static const char *const cases[][2] = {
        {"depth=6", "depth=6"},
        {"frame.end=@", "frame.end=2001-05-01T00:00:00Z"},
        {"split.fit_start=@-45d", "split.fit_start=2001-03-17T00:00:00Z"},
        {"x=@+12h", "x=2001-05-01T12:00:00Z"},
        {"x=@-90m", "x=2001-04-30T22:30:00Z"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(retrain_expand(op, str_from(cases[i][0]), at, &out), OK);
        assert_true(str_eqc(out, cases[i][1]));
    }
}

static void nonsense_is_refused(void **state)
{
    struct op *op = *state;
    struct str out;
    static const char *const bad[] = {"a=@5", "a=@d", "a=@-d", "a=@-1y", "a=@-99999999d", "a=@--1d"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        op_clear(op);
        assert_int_equal(retrain_expand(op, str_from(bad[i]), 0, &out), E_INVALID);
    }
}

/* A feature is called what a model likes, a stage what a request says: what is kept is an object all the same. */
static void reasons_are_json(void **state)
{
    struct op *op = *state;
    struct json *j = NULL;
    char *name = arena_alloc(op->arena, 100000);
    memset(name, 1, 100000); /* six bytes each, escaped */
    const struct monitor_trigger t = {.rule = "psi", .subject = {name, 100000}, .value = 0.5, .limit = 0.25, .window_start_us = 1, .window_end_us = 2};
    assert_int_equal(json_parse(op, retrain_reason(op, &t), JSON_STRICT, &j), OK);
    assert_true(json_get(j, "window_end_us")->i == 2 && json_get(j, "subject")->s.len == 1000);
    assert_int_equal(json_parse(op, retrain_again_reason(op, 7, t.subject), JSON_STRICT, &j), OK);
    assert_true(json_get(j, "again")->i == 7 && json_get(j, "from")->s.len == 1000);
}

/* What the file holds is shown: it is one of the workspace. */
static void results_stay_below(void **state)
{
    struct op *op = *state;
    static const struct {
        const char *text;
        bool ok;
    } cases[] = {{"{}", true},
                 {"{\"result\": \"out/registered.json\"}", true},
                 {"{\"result\": \"..json\"}", true},
                 {"{\"result\": \"/etc/secret.json\"}", false},
                 {"{\"result\": \"../../data/admin.json\"}", false},
                 {"{\"result\": \"out/..\"}", false},
                 {"{\"result\": \"a\\u0000b\"}", false},
                 {"{\"result\": \"\"}", false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct json *j = NULL;
        struct str result = STR("");
        op_clear(op);
        assert_int_equal(json_parse(op, str_from(cases[i].text), JSON_STRICT, &j), OK);
        assert_int_equal(retrain_result(op, j, &result), cases[i].ok ? OK : E_INVALID);
        assert_true(!cases[i].ok == !result.len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(times_are_put_in, scratch_op_up, scratch_op_down),
        cmocka_unit_test_setup_teardown(nonsense_is_refused, scratch_op_up, scratch_op_down),
        cmocka_unit_test_setup_teardown(reasons_are_json, scratch_op_up, scratch_op_down),
        cmocka_unit_test_setup_teardown(results_stay_below, scratch_op_up, scratch_op_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
