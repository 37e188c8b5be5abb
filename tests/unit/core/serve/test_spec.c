/* The configuration of an endpoint: defaults, every member, every refusal by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"
#include "core/serve/spec.h"

static enum err parse(struct op *op, struct str name, const char *text, struct serve_spec *ret)
{
    struct json *doc = NULL;
    op_clear(op);
    if (json_parse(op, str_from(text), JSON_STRICT, &doc) != OK)
        fail_msg("%s", op->msg);
    return serve_spec_parse(op, name, doc, ret);
}

static void test_spec(void **state)
{
    (void)state;
    struct arena *a = arena_create(LIMIT_MIB(8));
    struct op op;
    struct serve_spec s;
    op_init(&op, a);
    assert_int_equal(parse(&op, STR("e"), "{}", &s), OK);
    assert_true(str_eqc(s.model, "e") && !s.view.len && !s.id_field.len && s.monitor.threshold == 0.5 && s.rollout.step_count > 1);
    assert_int_equal(parse(&op, STR("e"), "{\"model\":\"m\",\"view\":\"v\",\"id_field\":\"i\",\"threshold\":0.3,\"monitor\":{\"psi_max\":0.4},"
                                          "\"rollout\":{\"steps_permille\":[100,1000]},\"retrain\":{\"anything\":[1]}}", &s), OK);
    assert_true(str_eqc(s.model, "m") && str_eqc(s.view, "v") && str_eqc(s.id_field, "i"));
    assert_true(s.monitor.threshold == 0.3 && s.monitor.psi_max == 0.4 && s.rollout.step_count == 2);
    assert_non_null(json_get(s.doc, "retrain"));
    arena_destroy(a);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"{\"modell\":\"m\"}", "modell"}, {"{\"model\":\"\"}", "model"},        {"{\"model\":\"a/b\"}", "'/'"},         {"{\"view\":1}", "view"},
        {"{\"threshold\":-1}", "[0, 1]"}, {"{\"threshold\":\"x\"}", "threshold"}, {"{\"monitor\":{\"psi\":1}}", "psi"}, {"{\"rollout\":[]}", ""},
        {"{\"rollout\":{\"steps_permille\":[1000,100]}}", "steps"},             {"3", "object"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_create(LIMIT_MIB(8));
        struct op op;
        struct serve_spec s;
        op_init(&op, a);
        enum err e = parse(&op, STR("e"), cases[i].text, &s);
        if (e != E_INVALID || !strstr(op.msg, cases[i].want))
            fail_msg("%s: %s \"%s\"", cases[i].text, err_name(e), e ? op.msg : "");
        arena_destroy(a);
    }
    static const struct str names[] = {STR_INIT(""), STR_INIT("a/b"), STR_INIT("a\nb"), STR_INIT("a\0b"), STR_INIT("\xff")};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct arena *a = arena_create(LIMIT_MIB(8));
        struct op op;
        struct serve_spec s;
        op_init(&op, a);
        assert_int_equal(parse(&op, names[i], "{\"model\":\"m\"}", &s), E_INVALID);
        arena_destroy(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_spec), cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests_name("spec", tests, NULL, NULL);
}
