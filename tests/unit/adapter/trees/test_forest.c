/* The compact layout: built only from links that form a tree, asked with missing values, alone and in lockstep. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "adapter/trees/forest.h"
#include "base/limits.h"

struct fixture {
    struct arena *arena;
    struct op op;
};

static int setup(void **state)
{
    static struct fixture f;
    f.arena = arena_create(LIMIT_MIB(256));
    op_init(&f.op, f.arena);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    arena_destroy(((struct fixture *)*state)->arena);
    return 0;
}

/*        0: x0 < 0.5 (missing left)
 *       /                         \
 *   1: 10                 2: x1 < -1 (missing right)
 *                          /              \
 *                       3: 20           4: 30      */
static const int64_t left[] = {1, -1, 3, -1, -1}, right[] = {2, -1, 4, -1, -1}, feature[] = {0, 0, 1, 0, 0};
static const float value[] = {0.5f, 10, -1, 20, 30};
static const uint8_t go_left[] = {1, 0, 0, 0, 0};

static struct forest_tree small(void)
{
    return (struct forest_tree){.nodes = 5, .left = left, .right = right, .feature = feature, .value = value, .default_left = go_left};
}

static void test_paths_and_missing(void **state)
{
    struct fixture *fx = *state;
    struct forest *f;
    struct forest_tree t = small();
    assert_int_equal(forest_create(&fx->op, fx->arena, 2, 1, 1, &f), OK);
    assert_int_equal(forest_add(&fx->op, f, &t), OK);
    const struct {
        float x[2], want;
    } cases[] = {
        {{0, 0}, 10},          {{0.5f, -2}, 20},       {{0.5f, -1}, 30},          {{NAN, 5}, 10},
        {{1, NAN}, 30},        {{INFINITY, -2}, 20},   {{-INFINITY, 0}, 10},      {{1, -INFINITY}, 20},
        {{1, INFINITY}, 30},   {{-0.0f, 0}, 10},       {{0.49999997f, 0}, 10},    {{NAN, NAN}, 10},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        float out = 100;
        forest_sum(f, cases[i].x, 1, &out);
        assert_true(out == 100 + cases[i].want);
    }
    float rows[ARRAY_LEN(cases)][2], out[ARRAY_LEN(cases)] = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        memcpy(rows[i], cases[i].x, sizeof(rows[i]));
    forest_sum(f, rows[0], ARRAY_LEN(cases), out);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_true(out[i] == cases[i].want);
}

static void test_single_leaf_and_no_trees(void **state)
{
    struct fixture *fx = *state;
    struct forest *f;
    const int64_t none = -1, zero = 0;
    const float v = 0.25f;
    const uint8_t d = 0;
    const struct forest_tree t = {.nodes = 1, .left = &none, .right = &none, .feature = &zero, .value = &v, .default_left = &d};
    float x = 1, out = 1;
    assert_int_equal(forest_create(&fx->op, fx->arena, 1, 1, 1, &f), OK);
    forest_sum(f, &x, 1, &out);
    assert_true(out == 1);
    assert_int_equal(forest_add(&fx->op, f, &t), OK);
    forest_sum(f, &x, 1, &out);
    assert_true(out == 1.25f);
}

/* Each row spoils one cell of the small tree. */
static void test_bad_links_are_refused(void **state)
{
    struct fixture *fx = *state;
    const struct {
        const char *what;
        size_t at;
        int64_t left, right, feature;
        float value;
        const char *text;
    } cases[] = {
        {"child past the end", 0, 1, 5, 0, 1, "outside"},
        {"child is the root", 2, 0, 4, 1, 1, "outside"},
        {"negative child", 2, -2, 4, 1, 1, "outside"},
        {"one child only", 2, -1, 4, 1, 1, "outside"},
        {"both children the same", 0, 1, 1, 0, 1, "two parents"},
        {"child of two", 2, 1, 4, 1, 1, "two parents"},
        {"itself", 2, 2, 4, 1, 1, "two parents"},
        {"feature past the end", 2, 3, 4, 2, 1, "feature"},
        {"negative feature", 2, 3, 4, -1, 1, "feature"},
        {"NaN threshold", 2, 3, 4, 1, NAN, "finite"},
        {"infinite leaf", 1, -1, -1, 0, INFINITY, "finite"},
        {"unreached nodes", 2, -1, -1, 0, 1, "reached"},
        {"huge child", 0, INT64_MAX, 2, 0, 1, "outside"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t l[5], r[5], ft[5];
        float v[5];
        memcpy(l, left, sizeof(l));
        memcpy(r, right, sizeof(r));
        memcpy(ft, feature, sizeof(ft));
        memcpy(v, value, sizeof(v));
        l[cases[i].at] = cases[i].left;
        r[cases[i].at] = cases[i].right;
        ft[cases[i].at] = cases[i].feature;
        v[cases[i].at] = cases[i].value;
        struct forest *f;
        struct forest_tree t = small();
        t.left = l;
        t.right = r;
        t.feature = ft;
        t.value = v;
        assert_int_equal(forest_create(&fx->op, fx->arena, 2, 1, 1, &f), OK);
        op_clear(&fx->op);
        enum err e = forest_add(&fx->op, f, &t);
        if (e != E_INVALID || !strstr(fx->op.msg, cases[i].text))
            fail_msg("%s: %s, \"%s\"", cases[i].what, err_name(e), e ? fx->op.msg : "");
    }
}

static void test_deleted_nodes(void **state)
{
    struct fixture *fx = *state;
    struct forest *f;
    const int64_t l[] = {1, -1, -1, -1, -1}, r[] = {2, -1, -1, -1, -1};
    struct forest_tree t = small();
    t.left = l;
    t.right = r;
    t.deleted = 2;
    assert_int_equal(forest_create(&fx->op, fx->arena, 2, 1, 1, &f), OK);
    assert_int_equal(forest_add(&fx->op, f, &t), OK);
    const float x[2] = {1, 0};
    float out = 0;
    forest_sum(f, x, 1, &out);
    assert_true(out == -1); /* node 2 is a leaf now */
    /* More nodes are reached than the count of deleted ones leaves room for. */
    struct forest_tree liar = small();
    liar.deleted = 3;
    assert_int_equal(forest_create(&fx->op, fx->arena, 2, 1, 1, &f), OK);
    assert_int_equal(forest_add(&fx->op, f, &liar), E_INVALID);
}

/* A chain of `n` splits: deeper than the limit is refused before it costs anything. */
static void test_depth_limit(void **state)
{
    struct fixture *fx = *state;
    enum { SPLITS = LIMIT_TREE_DEPTH + 1, NODES = 2 * SPLITS + 1 };
    static int64_t l[NODES], r[NODES], ft[NODES];
    static float v[NODES];
    static uint8_t d[NODES];
    for (size_t extra = 0; extra < 2; extra++) {
        size_t splits = LIMIT_TREE_DEPTH + extra;
        for (size_t i = 0; i < NODES; i++)
            l[i] = r[i] = -1;
        for (size_t i = 0; i < splits; i++) {
            l[2 * i] = (int64_t)(2 * i + 1);
            r[2 * i] = (int64_t)(2 * i + 2);
        }
        v[2 * splits] = 7;
        const struct forest_tree t = {.nodes = 2 * splits + 1, .left = l, .right = r, .feature = ft, .value = v, .default_left = d};
        struct forest *f;
        float x = 1, out = 0;
        assert_int_equal(forest_create(&fx->op, fx->arena, 1, 1, 1, &f), OK);
        assert_int_equal(forest_add(&fx->op, f, &t), extra ? E_TOO_LARGE : OK);
        if (!extra) {
            forest_sum(f, &x, 1, &out);
            assert_true(out == 7);
        }
    }
}

static void test_limits(void **state)
{
    struct fixture *fx = *state;
    struct forest *f;
    assert_int_equal(forest_create(&fx->op, fx->arena, 0, 1, 1, &f), E_TOO_LARGE);
    assert_int_equal(forest_create(&fx->op, fx->arena, LIMIT_TREE_FEATURES + 1, 1, 1, &f), E_TOO_LARGE);
    assert_int_equal(forest_create(&fx->op, fx->arena, 1, LIMIT_TREE_OUTPUTS + 1, 1, &f), E_TOO_LARGE);
    assert_int_equal(forest_create(&fx->op, fx->arena, 1, 1, (size_t)LIMIT_TREES + 1, &f), E_TOO_LARGE);
    assert_int_equal(forest_create(&fx->op, fx->arena, LIMIT_TREE_FEATURES, 1, 1, &f), OK);
    struct forest_tree t = small();
    t.group = 1;
    assert_int_equal(forest_add(&fx->op, f, &t), E_INVALID);
    t.group = 0;
    t.nodes = 0;
    assert_int_equal(forest_add(&fx->op, f, &t), E_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_paths_and_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_single_leaf_and_no_trees, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_links_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deleted_nodes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_depth_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
    };
    return cmocka_run_group_tests_name("forest", tests, NULL, NULL);
}
