/* The reader of XGBoost's JSON: what the versions write, what is refused, and what a changed byte may do. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "adapter/trees/trees.h"
#include "adapter/trees/xgb_model.h"
#include "adapter/trees/xgb_tree.h"
#include "base/json.h"
#include "base/limits.h"

/* One split on feature 1, a leaf on each side; %s places are filled by the cases. */
static const char form[] =
    "{\"learner\":{\"attributes\":{},\"feature_names\":%s,\"feature_types\":[],\"gradient_booster\":{\"model\":{"
    "\"gbtree_model_param\":{\"num_parallel_tree\":\"1\",\"num_trees\":\"%s\"},\"tree_info\":%s,\"trees\":[{"
    "\"base_weights\":[0E0,0E0,0E0],\"categories\":[],\"default_left\":%s,\"id\":0,\"left_children\":[1,-1,-1],"
    "\"loss_changes\":[1E0,0E0,0E0],\"parents\":[2147483647,0,0],\"right_children\":[2,-1,-1],"
    "\"split_conditions\":%s,\"split_indices\":[1,0,0],\"split_type\":%s,\"sum_hessian\":[NaN,1E0,1E0],"
    "\"tree_param\":{\"num_deleted\":\"%s\",\"num_feature\":\"2\",\"num_nodes\":\"%s\",\"size_leaf_vector\":\"%s\"}}]},"
    "\"name\":\"%s\"},\"learner_model_param\":{\"base_score\":\"%s\",\"boost_from_average\":\"1\",\"num_class\":\"%s\","
    "\"num_feature\":\"%s\",\"num_target\":\"%s\"},\"objective\":{\"name\":\"%s\",\"reg_loss_param\":{\"scale_pos_weight\":\"1\"}}},"
    "\"version\":[1,7,4]}";

enum { NAMES, NUM_TREES, INFO, DEFAULT, CONDITIONS, TYPE, DELETED, NODES, LEAF, BOOSTER, BASE, CLASSES, FEATURES, TARGETS, OBJECTIVE, SLOTS };
static const char *const good[SLOTS] = {
    [NAMES] = "[\"a\",\"b\"]", [NUM_TREES] = "1", [INFO] = "[0]", [DEFAULT] = "[1,0,0]",
    [CONDITIONS] = "[5E-1,-2E-1,3E-1]", [TYPE] = "[0,0,0]", [DELETED] = "0", [NODES] = "3", [LEAF] = "0",
    [BOOSTER] = "gbtree", [BASE] = "5E-1", [CLASSES] = "0", [FEATURES] = "2", [TARGETS] = "1", [OBJECTIVE] = "binary:logistic",
};

static struct str text_make(char *out, size_t size, const char *const *v)
{
    int n = snprintf(out, size, form, v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10], v[11], v[12], v[13], v[14]);
    assert_true(n > 0 && (size_t)n < size);
    return (struct str){out, (size_t)n};
}

static enum err load(struct op *op, struct str bytes, const float x[2], float *ret)
{
    static const struct engine_ops *const engines[] = {&trees_engine, NULL};
    struct model *m = NULL;
    enum err e = model_load(op, engines, bytes, &m);
    if (e)
        return e;
    const struct engine_info *info = model_info(m);
    float *row = calloc(info->features, sizeof(float)), *out = calloc(info->outputs, sizeof(float));
    for (size_t i = 0; i < info->features && i < 2; i++)
        row[i] = x[i];
    model_predict(m, row, 1, out);
    *ret = out[0];
    free(row);
    free(out);
    model_unload(m);
    return OK;
}

static const struct {
    int slot;
    const char *text;
    enum err want;
    float value; /* for x = {0, 0.4} */
} variants[] = {
    {NAMES, "[\"a\",\"b\"]", OK, 0.450166f},
    {NAMES, "[]", OK, 0.450166f},
    {BASE, "[5E-1]", OK, 0.450166f},
    {BASE, "0.5", OK, 0.450166f},
    {DEFAULT, "[true,false,false]", OK, 0.450166f},
    {LEAF, "1", OK, 0.450166f},
    {OBJECTIVE, "reg:squarederror", OK, 0.3f},
    {OBJECTIVE, "reg:logistic", OK, 0.450166f},
    {CONDITIONS, "[0.5,-2e-1,0]", OK, 0.450166f},
    {NAMES, "[\"a\"]", E_INVALID, 0},
    {NAMES, "[1,2]", E_INVALID, 0},
    {NUM_TREES, "2", E_INVALID, 0},
    {NUM_TREES, "-1", E_INVALID, 0},
    {NUM_TREES, "1e3", E_INVALID, 0},
    {NUM_TREES, "100001", E_INVALID, 0},
    {INFO, "[1]", E_INVALID, 0},
    {INFO, "[0,0]", E_INVALID, 0},
    {INFO, "[-1]", E_INVALID, 0},
    {DEFAULT, "[2,0,0]", E_INVALID, 0},
    {DEFAULT, "[1,0]", E_INVALID, 0},
    {DEFAULT, "[1,0,0,0]", E_INVALID, 0},
    {DEFAULT, "[null,0,0]", E_INVALID, 0},
    {CONDITIONS, "[NaN,0,0]", E_INVALID, 0},
    {CONDITIONS, "[5E-1,1e39,0]", E_INVALID, 0},
    {CONDITIONS, "[5E-1,1e999,0]", E_INVALID, 0},
    {CONDITIONS, "[5E-1,\"x\",0]", E_INVALID, 0},
    {CONDITIONS, "[5E-1]", E_INVALID, 0},
    {TYPE, "[1,0,0]", E_INVALID, 0},
    {TYPE, "[2,0,0]", E_INVALID, 0},
    {DELETED, "1", E_INVALID, 0},
    {DELETED, "3", E_INVALID, 0},
    {NODES, "4", E_INVALID, 0},
    {NODES, "0", E_INVALID, 0},
    {NODES, "99999999999999999999", E_INVALID, 0},
    {LEAF, "2", E_INVALID, 0},
    {BOOSTER, "dart", E_INVALID, 0},
    {BOOSTER, "gblinear", E_INVALID, 0},
    {BOOSTER, "gbforest", E_UNSUPPORTED, 0},
    {BASE, "0E0", E_INVALID, 0},
    {BASE, "1", E_INVALID, 0},
    {BASE, "nan", E_INVALID, 0},
    {BASE, "[5E-1,5E-1]", E_INVALID, 0},
    {BASE, "", E_INVALID, 0},
    {CLASSES, "3", E_INVALID, 0},
    {FEATURES, "1", E_INVALID, 0},
    {FEATURES, "70000", E_INVALID, 0},
    {TARGETS, "2", OK, 0.450166f},
    {OBJECTIVE, "rank:pairwise", OK, 0.3f},
    {OBJECTIVE, "binary:hinge", OK, 1},
    {OBJECTIVE, "binary:logitraw", OK, 0.3f},
    {OBJECTIVE, "count:poisson", OK, 0.409365f},
    {OBJECTIVE, "reg:tomorrow", E_UNSUPPORTED, 0},
    {OBJECTIVE, "multi:softprob", E_INVALID, 0},
};

static void test_variants(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(variants); i++) {
        const char *v[SLOTS];
        char text[4096];
        memcpy(v, good, sizeof(v));
        v[variants[i].slot] = variants[i].text;
        struct arena *a = arena_create(LIMIT_MIB(64));
        struct op op;
        op_init(&op, a);
        float y = 0;
        enum err e = load(&op, text_make(text, sizeof(text), v), (float[]){0, 0.4f}, &y);
        if (e != variants[i].want)
            fail_msg("%s in slot %d: %s \"%s\"", variants[i].text, variants[i].slot, err_name(e), e ? op.msg : "");
        float want = variants[i].value;
        if (variants[i].slot == BASE && str_eqc(str_from(variants[i].text), "0.5"))
            want = 0.450166f;
        if (!e && !(fabsf(y - want) < 1e-5f))
            fail_msg("%s in slot %d: answer %g, not %g", variants[i].text, variants[i].slot, (double)y, (double)want);
        arena_destroy(a);
    }
}

static void test_softprob_with_class_bases(void **state)
{
    (void)state;
    const char *v[SLOTS];
    char text[4096];
    memcpy(v, good, sizeof(v));
    v[OBJECTIVE] = "multi:softprob";
    v[CLASSES] = "3";
    v[INFO] = "[2]";
    v[BASE] = "[1E-1,2E-1,3E-1]";
    struct arena *a = arena_create(LIMIT_MIB(64));
    struct op op;
    op_init(&op, a);
    struct xgb_model m;
    assert_int_equal(xgb_load(&op, a, text_make(text, sizeof(text), v), &m), OK);
    assert_int_equal(m.outputs, 3);
    assert_true(m.base_margin[0] == 0.1f && m.base_margin[1] == 0.2f && m.base_margin[2] == 0.3f);
    float out[3] = {0, 0, 0};
    forest_sum(m.forest, (float[]){0, 1}, 1, out);
    assert_true(out[0] == 0 && out[1] == 0 && out[2] == 0.3f);
    arena_destroy(a);
}

/* Whatever one byte becomes, loading answers E_INVALID (or another clear refusal), or a model that can be asked. */
static void test_every_changed_byte_is_safe(void **state)
{
    (void)state;
    char text[4096], spoilt[4096];
    struct str s = text_make(text, sizeof(text), good);
    static const char with[] = {'0', '9', '-', 'e', '"', ',', '[', ']', '{', '}', ':', ' ', 'x', 0, (char)0x80};
    size_t refused = 0, taken = 0;
    for (size_t i = 0; i < s.len; i++) {
        for (size_t k = 0; k < sizeof(with); k++) {
            memcpy(spoilt, s.p, s.len);
            if (spoilt[i] == with[k])
                continue;
            spoilt[i] = with[k];
            struct arena *a = arena_create(LIMIT_MIB(64));
            struct op op;
            op_init(&op, a);
            float y = 0;
            enum err e = load(&op, (struct str){spoilt, s.len}, (float[]){NAN, NAN}, &y);
            assert_true(e == OK || e == E_INVALID || e == E_UNSUPPORTED || e == E_TOO_LARGE);
            assert_true(e == OK || op.msg);
            *(e ? &refused : &taken) += 1;
            arena_destroy(a);
        }
    }
    assert_true(refused > taken); /* names of unused members and digits of values make other models */
}

static void test_truncated_and_foreign(void **state)
{
    (void)state;
    char text[4096];
    struct str s = text_make(text, sizeof(text), good);
    for (size_t n = 0; n < s.len; n++) {
        struct arena *a = arena_create(LIMIT_MIB(64));
        struct op op;
        op_init(&op, a);
        float y;
        assert_int_equal(load(&op, (struct str){text, n}, (float[]){0, 0}, &y), E_INVALID);
        arena_destroy(a);
    }
    assert_true(xgb_accepts(STR(" \n{ \"learner\" :")));
    assert_false(xgb_accepts(STR("{\"format\":\"ingot-linear\"")));
    assert_false(xgb_accepts(STR("")));
}

/* Lists of numbers, however the document holds them. */
static void test_lists(void **state)
{
    (void)state;
    struct arena *a = arena_create(LIMIT_MIB(1));
    struct op op;
    struct json *doc = NULL;
    const int64_t *ints = NULL;
    const double *reals = NULL;
    size_t n = 0;
    op_init(&op, a);
    assert_int_equal(json_parse(&op, STR("{\"i\":[1,2],\"r\":[1.0,2.5],\"w\":[1.0,2.0],\"b\":[true,false],\"s\":[\"1\"],\"o\":7}"), JSON_PACK, &doc), OK);
    assert_int_equal(xgb_ints(&op, a, doc, "i", &ints, &n), OK);
    assert_true(n == 2 && ints[1] == 2);
    assert_int_equal(xgb_ints(&op, a, doc, "w", &ints, &n), OK);
    assert_true(n == 2 && ints[1] == 2);
    assert_int_equal(xgb_ints(&op, a, doc, "b", &ints, &n), OK);
    assert_true(n == 2 && ints[0] == 1 && ints[1] == 0);
    assert_int_equal(xgb_reals(&op, a, doc, "i", &reals, &n), OK);
    assert_true(n == 2 && reals[1] == 2);
    assert_int_equal(xgb_reals(&op, a, doc, "r", &reals, &n), OK);
    assert_true(n == 2 && reals[1] == 2.5);
    assert_int_equal(xgb_ints(&op, a, doc, "r", &ints, &n), E_INVALID);
    assert_int_equal(xgb_ints(&op, a, doc, "s", &ints, &n), E_INVALID);
    assert_int_equal(xgb_ints(&op, a, doc, "o", &ints, &n), E_INVALID);
    assert_int_equal(xgb_reals(&op, a, doc, "x", &reals, &n), E_INVALID);
    arena_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_variants),
        cmocka_unit_test(test_softprob_with_class_bases),
        cmocka_unit_test(test_every_changed_byte_is_safe),
        cmocka_unit_test(test_truncated_and_foreign),
    };
    return cmocka_run_group_tests_name("xgb_model", tests, NULL, NULL);
}
