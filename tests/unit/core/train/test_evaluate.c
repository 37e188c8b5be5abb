/* Measures by hand on few rows, segments, gates, and what beats what. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "adapter/linear/linear.h"
#include "base/limits.h"
#include "core/train/evaluate.h"

static float y[] = {0, 0, 1, 1, 0, 1}, scores[] = {0.1f, 0.4f, 0.35f, 0.8f, 0.2f, 0.9f};
static uint32_t segment[] = {0, 0, 0, 1, 1, 2};
static struct str segments[] = {STR_INIT("ORD"), STR_INIT("ATL"), STR_INIT("ZZZ")};
static struct train_rows rows = {.rows = 6, .cols = 1, .y = y, .segment = segment, .segments = segments, .segment_len = 3};

static struct train_params params_of(struct op *op, const char *gates)
{
    struct train_params *p;
    const char *text = op_printf(op, "split: {fit_start: 2001-01-01, fit_end: 2001-02-01, valid_end: 2001-03-01}\n"
                                     "evaluate: {segments: {column: origin, top: 2}, gates: [%s]}\n", gates);
    if (train_params_parse(op, str_from(text), &p) != OK)
        fail_msg("%s", op->msg);
    return *p;
}

static void test_measures(void **state)
{
    (void)state;
    struct arena *a = arena_create(LIMIT_MIB(8));
    struct op op;
    struct train_evaluation *e;
    op_init(&op, a);
    struct train_params p = params_of(&op, "");
    assert_int_equal(train_evaluate(&op, &p, &rows, scores, &e), OK);
    assert_int_equal(e->all.rows, 6);
    assert_int_equal(e->all.positives, 3);
    assert_true(fabs(e->all.metric[TRAIN_AUC].value - 8.0 / 9) < 1e-12);
    double loss = 0, brier = 0;
    for (size_t i = 0; i < 6; i++) {
        double s = (double)scores[i];
        loss -= y[i] != 0 ? log(s) : log(1 - s);
        brier += (s - (double)y[i]) * (s - (double)y[i]);
    }
    assert_true(fabs(e->all.metric[TRAIN_LOG_LOSS].value - loss / 6) < 1e-12);
    assert_true(fabs(e->all.metric[TRAIN_BRIER].value - brier / 6) < 1e-12);
    assert_true(fabs(e->all.metric[TRAIN_ACCURACY].value - 5.0 / 6) < 1e-12);
    assert_true(e->all.metric[TRAIN_LOG_LOSS].lo < loss / 6 && loss / 6 < e->all.metric[TRAIN_LOG_LOSS].hi);
    assert_int_equal(e->segment_len, 2); /* top 2: ORD with 3 rows, ATL with 2 */
    assert_true(str_eqc(e->segments[0].name, "ORD") && e->segments[0].scores.rows == 3);
    assert_true(str_eqc(e->segments[1].name, "ATL") && e->segments[1].scores.rows == 2);
    assert_true(e->segments[1].scores.metric[TRAIN_AUC].value == 1);
    uint64_t in_bins = 0;
    for (size_t i = 0; i < METRICS_ECE_BINS; i++)
        in_bins += e->bins[i].n;
    assert_int_equal(in_bins, 6);
    arena_destroy(a);
}

static void test_gates(void **state)
{
    (void)state;
    struct arena *a = arena_create(LIMIT_MIB(8));
    struct op op;
    struct train_evaluation *e;
    struct train_gate_result *g;
    size_t n;
    op_init(&op, a);
    struct train_params p = params_of(&op, "{metric: auc, op: '>=', value: 0.88}, {metric: auc, op: '>', value: 0.9}, {metric: brier, op: '<', value: 0.5},"
                                           "{metric: auc, op: '>=', value: 0.9, segment: '*'}, {metric: auc, op: '>=', value: 0.1, segment: LAX}");
    assert_int_equal(train_evaluate(&op, &p, &rows, scores, &e), OK);
    assert_int_equal(train_gates_check(&op, &p, e, &g, &n), OK);
    assert_int_equal(n, 6);
    const bool want[] = {true, false, true, false, true, false}; /* ORD 0.5, ATL 1; LAX is not reported */
    for (size_t i = 0; i < n; i++)
        assert_int_equal(g[i].pass, want[i]);
    assert_string_equal(train_gate_text(&op, &p, &g[3]), "auc >= 0.9 on origin ORD: 0.5");
    assert_true(isnan(g[5].value));
    arena_destroy(a);
}

static void test_one_class_has_no_auc_and_fails_its_gate(void **state)
{
    (void)state;
    struct arena *a = arena_create(LIMIT_MIB(8));
    struct op op;
    struct train_evaluation *e, *better;
    struct train_gate_result *g;
    size_t n;
    op_init(&op, a);
    float ones[] = {1, 1, 1, 1, 1, 1};
    struct train_rows r = rows;
    r.y = ones;
    struct train_params p = params_of(&op, "{metric: auc, op: '<=', value: 1}");
    assert_int_equal(train_evaluate(&op, &p, &r, scores, &e), OK);
    assert_true(isnan(e->all.metric[TRAIN_AUC].value));
    assert_int_equal(train_gates_check(&op, &p, e, &g, &n), OK);
    assert_true(n == 1 && !g[0].pass);
    assert_int_equal(train_evaluate(&op, &p, &rows, scores, &better), OK);
    p.best_metric = TRAIN_AUC;
    p.best_is_max = true;
    assert_true(train_is_better(&p, better, e));
    assert_false(train_is_better(&p, e, better));
    r.rows = 0;
    assert_int_equal(train_evaluate(&op, &p, &r, scores, &e), E_INVALID);
    r = rows;
    r.y = NULL;
    op_clear(&op);
    assert_int_equal(train_evaluate(&op, &p, &r, scores, &e), E_INVALID);
    struct buf b;
    struct json_out w;
    struct json *doc;
    buf_init(&b, LIMIT_MIB(1));
    json_out_init(&w, &b, 0);
    train_evaluation_json(&w, better);
    op_clear(&op);
    assert_int_equal(json_parse(&op, buf_str(&b), JSON_STRICT, &doc), OK);
    assert_non_null(json_path(doc, "auc.lo"));
    buf_clear(&b);
    arena_destroy(a);
}

static void test_models_must_fit_the_rows(void **state)
{
    (void)state;
    static const struct engine_ops *const engines[] = {&linear_engine, NULL};
    static const char one[] = "{\"format\":\"ingot-linear\",\"version\":1,\"objective\":\"binary:logistic\",\"names\":[\"a\"],\"mean\":[0],\"scale\":[1],"
                              "\"weight\":[1],\"bias\":0}";
    struct arena *a = arena_create(LIMIT_MIB(8));
    struct op op;
    struct model *m;
    float *s;
    op_init(&op, a);
    assert_int_equal(model_load(&op, engines, str_from(one), &m), OK);
    enum { N = 10000 };
    float *x = calloc(N, sizeof(float));
    struct str name[2] = {STR("a"), STR("b")};
    x[N - 1] = 1;
    struct train_rows r = {.rows = N, .cols = 1, .x = x, .names = name};
    assert_int_equal(train_predict(&op, m, &r, &s), OK);
    assert_true(s[0] == 0.5f && s[N - 1] == (float)(1 / (1 + exp(-1.0))));
    free(s);
    name[0] = STR("c");
    assert_int_equal(train_predict(&op, m, &r, &s), E_INVALID);
    assert_non_null(strstr(op.msg, "\"a\" in the model, \"c\""));
    r.cols = 2;
    op_clear(&op);
    assert_int_equal(train_predict(&op, m, &r, &s), E_INVALID);
    free(x);
    model_unload(m);
    arena_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_measures), cmocka_unit_test(test_gates),
                                       cmocka_unit_test(test_one_class_has_no_auc_and_fails_its_gate),
                                       cmocka_unit_test(test_models_must_fit_the_rows)};
    return cmocka_run_group_tests_name("evaluate", tests, NULL, NULL);
}
