/* params.yaml: the example of the project reads, and every wrong key or value is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/time.h"
#include "core/train/params.h"

static void test_the_example(void **state)
{
    (void)state;
    struct arena *a = arena_create(LIMIT_MIB(8));
    struct op op;
    struct str yaml;
    struct train_params *p;
    int64_t t;
    op_init(&op, a);
    assert_int_equal(file_read(&op, INGOT_SOURCE_DIR "/examples/flights/params.yaml", LIMIT_MIB(1), &yaml), OK);
    if (train_params_parse(&op, yaml, &p) != OK)
        fail_msg("%s", op.msg);
    assert_true(time_parse(STR("2001-01-29T00:00:00Z"), &t) && p->fit_start_us == t);
    assert_true(p->fit_end_us < p->valid_end_us);
    assert_true(str_eqc(p->id, "flight") && str_eqc(p->time, "date") && str_eqc(p->label, "label"));
    assert_true(p->gate_len > 0 && p->segment_top == 20 && str_eqc(p->segment_column, "origin"));
    assert_true(train_params_learner(p, "xgboost") && train_params_learner(p, "logistic") && !train_params_learner(p, "other"));
    assert_int_equal(p->best_metric, TRAIN_LOG_LOSS);
    assert_false(p->best_is_max);
    arena_destroy(a);
}

static const char split[] = "split: {fit_start: 2001-01-01, fit_end: 2001-02-01, valid_end: 2001-03-01}\n";

static void test_defaults(void **state)
{
    (void)state;
    struct arena *a = arena_create(LIMIT_MIB(8));
    struct op op;
    struct train_params *p;
    op_init(&op, a);
    assert_int_equal(train_params_parse(&op, str_from(split), &p), OK);
    assert_true(p->threshold == 0.5 && p->confidence == 0.95 && p->gate_len == 0 && p->features == NULL);
    assert_true(p->id.len == 0 && p->segment_column.len == 0 && p->reference == TRAIN_REFERENCE_ALL);
    arena_destroy(a);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *more, *want;
    } cases[] = {
        {"columns: {ids: x}", "\"ids\""},
        {"columns: 3", "columns"},
        {"columns: {features: []}", "features"},
        {"columns: {features: [1]}", "features[0]"},
        {"threshold: high", "threshold"},
        {"reference: some", "reference"},
        {"evaluate: {best: {metric: f1}}", "f1"},
        {"evaluate: {best: {metric: auc, goal: up}}", "goal"},
        {"evaluate: {gates: {a: 1}}", "gates"},
        {"evaluate: {gates: [{metric: auc, op: '=', value: 1}]}", "gates[0]"},
        {"evaluate: {gates: [{metric: auc, op: '>=', value: 1}, {metric: nope, op: '>=', value: 1}]}", "gates[1]"},
        {"evaluate: {gates: [{metric: auc, op: '>='}]}", "value"},
        {"evaluate: {gates: [{metric: auc, op: '>=', value: .nan}]}", "finite"},
        {"evaluate: {gate: []}", "\"gate\""},
        {"evaluate: {segments: {column: origin, top: 0}}", "top"},
        {"evaluate: {confidence: 1}", "confidence"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_create(LIMIT_MIB(8));
        struct op op;
        struct train_params *p;
        char text[1024];
        op_init(&op, a);
        snprintf(text, sizeof(text), "%s%s\n", split, cases[i].more);
        enum err e = train_params_parse(&op, str_from(text), &p);
        if (e != E_INVALID || !strstr(op.msg, cases[i].want))
            fail_msg("%s: %s \"%s\"", cases[i].more, err_name(e), e ? op.msg : "");
        arena_destroy(a);
    }
    static const char *const splits[] = {
        "a: 1", "split: {fit_start: 2001-01-01}", "split: {fit_start: 2001-02-01, fit_end: 2001-01-01, valid_end: 2001-03-01}",
        "split: {fit_start: soon, fit_end: 2001-01-01, valid_end: 2001-03-01}", "[]", "split: {fit_start: 2001-01-01, fit_end: 2001-02-01, valid_end: 2001-03-01, x: 1}",
    };
    for (size_t i = 0; i < ARRAY_LEN(splits); i++) {
        struct arena *a = arena_create(LIMIT_MIB(8));
        struct op op;
        struct train_params *p;
        op_init(&op, a);
        assert_int_equal(train_params_parse(&op, str_from(splits[i]), &p), E_INVALID);
        arena_destroy(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_example), cmocka_unit_test(test_defaults), cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests_name("params", tests, NULL, NULL);
}
