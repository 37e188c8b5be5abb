/* LightGBM's text: splits by number, by category and by what is missing, answered by hand; what is refused. The library itself is
 * compared with in tests/e2e/test_engines_lightgbm.py. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "adapter/trees/lgb_text.h"
#include "adapter/trees/lightgbm.h"
#include "base/limits.h"

/* x0 <= 0.1 ? leaf 0 : x1 in {1, 33} ? leaf 1 : leaf 2; missing in x0 by decision type. */
static const char form[] = "tree\nversion=%s\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=1\nobjective=%s\n"
                           "feature_names=a b\nfeature_infos=none none\ntree_sizes=%s\n\n"
                           "Tree=0\nnum_leaves=3\nnum_cat=1\nsplit_feature=0 1\nthreshold=%s 0\ndecision_type=%s 1\nleft_child=-1 -2\n"
                           "right_child=1 -3\nleaf_value=%s\ncat_boundaries=%s\ncat_threshold=2 2\nis_linear=%s\nshrinkage=1\n\n\nend of trees\n";
enum { VERSION, OBJECTIVE, SIZES, THRESHOLD, DECISION, LEAVES, BOUNDARIES, LINEAR, SLOTS };
static const char *const good[SLOTS] = {"v4", "regression", "400", "0.10000000000000001", "2", "10 20 30", "0 2", "0"};

static enum err load(struct op *op, int slot, const char *text, struct model **ret)
{
    static const struct engine_ops *const engines[] = {&lightgbm_engine, NULL};
    static char file[4096];
    const char *v[SLOTS];
    memcpy(v, good, sizeof(v));
    if (slot >= 0)
        v[slot] = text;
    int n = snprintf(file, sizeof(file), form, v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]);
    assert_true(n > 0 && (size_t)n < sizeof(file));
    return model_load(op, engines, (struct str){file, (size_t)n}, ret);
}

static void answers_check(int slot, const char *text, const double (*cases)[3], size_t n)
{
    struct arena *a = arena_create(LIMIT_MIB(16));
    struct op op;
    struct model *m = NULL;
    op_init(&op, a);
    if (load(&op, slot, text, &m))
        fail_msg("%s", op.msg);
    for (size_t i = 0; i < n; i++) {
        float out = 0, again = 0;
        model_predict_f64(m, cases[i], 1, &out);
        if (!(fabsf(out - (float)cases[i][2]) < 1e-6f))
            fail_msg("%s: case %zu is %g, not %g", text ? text : "as it is", i, (double)out, cases[i][2]);
        model_predict(m, (float[]){(float)cases[i][0], (float)cases[i][1]}, 1, &again);
        /* 0.1 is no float: the nearest one lies above it. */
        assert_true(again == out || cases[i][0] == 0.1);
    }
    model_unload(m);
    arena_destroy(a);
}

static void test_answers(void **state)
{
    (void)state;
    static const double plain[][3] = {{0, 5, 10}, {0.1, 5, 10}, {0.10000000000000002, 5, 30}, {1, 1, 20}, {1, 33, 20}, {1, 33.9, 20}, {1, 32, 30},
                                      {1, 64, 30}, {1, -1, 30}, {1, NAN, 30}, {1, INFINITY, 30}, {NAN, 1, 10}, {-INFINITY, 1, 10}, {INFINITY, 1, 20}};
    static const double nan_right[][3] = {{NAN, 1, 20}, {0, 1, 10}, {1, 1, 20}}, nan_left[][3] = {{NAN, 1, 10}, {1, 1, 20}};
    static const double zero_right[][3] = {{NAN, 1, 20}, {0, 1, 20}, {-1e-36, 1, 20}, {0.05, 1, 10}};
    static const double everything[][3] = {{INFINITY, 1, 10}, {1e300, 1, 10}, {-INFINITY, 1, 10}};
    answers_check(-1, NULL, plain, ARRAY_LEN(plain));
    answers_check(DECISION, "8", nan_right, ARRAY_LEN(nan_right));
    answers_check(DECISION, "10", nan_left, ARRAY_LEN(nan_left));
    answers_check(DECISION, "4", zero_right, ARRAY_LEN(zero_right));
    static const double old[][3] = {{1, NAN, 30}};
    answers_check(VERSION, "v3", old, ARRAY_LEN(old)); /* category 0 is not in the set */
    static const double sigmoid[][3] = {{0, 0, 0.99330714907571527}};
    answers_check(OBJECTIVE, "binary sigmoid:0.5", sigmoid, ARRAY_LEN(sigmoid));
    static const double square[][3] = {{0, 0, 100}};
    answers_check(OBJECTIVE, "regression sqrt", square, ARRAY_LEN(square));
    answers_check(THRESHOLD, "inf", everything, ARRAY_LEN(everything));
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        int slot;
        const char *text;
        enum err want;
    } cases[] = {
        {VERSION, "v9", E_UNSUPPORTED}, {OBJECTIVE, "tomorrow", E_UNSUPPORTED}, {LINEAR, "1", E_UNSUPPORTED}, {SIZES, "1 2", E_INVALID},
        {THRESHOLD, "nan", E_INVALID},  {THRESHOLD, "x", E_INVALID},            {DECISION, "-1", E_INVALID},  {DECISION, "16", E_INVALID},
        {LEAVES, "1 2", E_INVALID},     {LEAVES, "1 2 3 4", E_INVALID},         {LEAVES, "1 2 inf", E_INVALID}, {BOUNDARIES, "0 3", E_INVALID},
        {BOUNDARIES, "2 0", E_INVALID}, {BOUNDARIES, "0", E_INVALID},           {OBJECTIVE, "binary sigmoid:0", E_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_create(LIMIT_MIB(16));
        struct op op;
        struct model *m = NULL;
        op_init(&op, a);
        enum err e = load(&op, cases[i].slot, cases[i].text, &m);
        if (e != cases[i].want)
            fail_msg("%s: %s", cases[i].text, err_name(e));
        arena_destroy(a);
    }
    assert_false(lgb_accepts(STR("tree\nnothing")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests_name("lightgbm", tests, NULL, NULL);
}
