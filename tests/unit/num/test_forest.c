/* The compact layout: built only from links that form a tree, asked with missing values, alone and in lockstep. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "num/forest.h"
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
static const double value[] = {0.5, 10, -1, 20, 30};
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
    assert_int_equal(forest_create(&fx->op, fx->arena, 2, 1, 1, 0, &f), OK);
    assert_int_equal(forest_add(&fx->op, f, fx->arena, &t), OK);
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
    const double v = 0.25;
    const uint8_t d = 0;
    const struct forest_tree t = {.nodes = 1, .left = &none, .right = &none, .feature = &zero, .value = &v, .default_left = &d};
    float x = 1, out = 1;
    assert_int_equal(forest_create(&fx->op, fx->arena, 1, 1, 1, 0, &f), OK);
    forest_sum(f, &x, 1, &out);
    assert_true(out == 1);
    assert_int_equal(forest_add(&fx->op, f, fx->arena, &t), OK);
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
        double value;
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
        {"NaN threshold", 2, 3, 4, 1, NAN, "not a number"},
        {"infinite leaf", 1, -1, -1, 0, INFINITY, "finite"},
        {"unreached nodes", 2, -1, -1, 0, 1, "reached"},
        {"huge child", 0, INT64_MAX, 2, 0, 1, "outside"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t l[5], r[5], ft[5];
        double v[5];
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
        assert_int_equal(forest_create(&fx->op, fx->arena, 2, 1, 1, 0, &f), OK);
        op_clear(&fx->op);
        enum err e = forest_add(&fx->op, f, fx->arena, &t);
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
    assert_int_equal(forest_create(&fx->op, fx->arena, 2, 1, 1, 0, &f), OK);
    assert_int_equal(forest_add(&fx->op, f, fx->arena, &t), OK);
    const float x[2] = {1, 0};
    float out = 0;
    forest_sum(f, x, 1, &out);
    assert_true(out == -1); /* node 2 is a leaf now */
    /* More nodes are reached than the count of deleted ones leaves room for. */
    struct forest_tree liar = small();
    liar.deleted = 3;
    assert_int_equal(forest_create(&fx->op, fx->arena, 2, 1, 1, 0, &f), OK);
    assert_int_equal(forest_add(&fx->op, f, fx->arena, &liar), E_INVALID);
}

/* A chain of `n` splits: deeper than the limit is refused before it costs anything. */
static void test_depth_limit(void **state)
{
    struct fixture *fx = *state;
    enum { SPLITS = LIMIT_TREE_DEPTH + 1, NODES = 2 * SPLITS + 1 };
    static int64_t l[NODES], r[NODES], ft[NODES];
    static double v[NODES];
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
        assert_int_equal(forest_create(&fx->op, fx->arena, 1, 1, 1, 0, &f), OK);
        assert_int_equal(forest_add(&fx->op, f, fx->arena, &t), extra ? E_TOO_LARGE : OK);
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
    assert_int_equal(forest_create(&fx->op, fx->arena, 0, 1, 1, 0, &f), E_TOO_LARGE);
    assert_int_equal(forest_create(&fx->op, fx->arena, LIMIT_TREE_FEATURES + 1, 1, 1, 0, &f), E_TOO_LARGE);
    assert_int_equal(forest_create(&fx->op, fx->arena, 1, LIMIT_TREE_OUTPUTS + 1, 1, 0, &f), E_TOO_LARGE);
    assert_int_equal(forest_create(&fx->op, fx->arena, 1, 1, (size_t)LIMIT_TREES + 1, 0, &f), E_TOO_LARGE);
    assert_int_equal(forest_create(&fx->op, fx->arena, LIMIT_TREE_FEATURES, 1, 1, 0, &f), OK);
    struct forest_tree t = small();
    t.group = 1;
    assert_int_equal(forest_add(&fx->op, f, fx->arena, &t), E_INVALID);
    t.group = 0;
    t.nodes = 0;
    assert_int_equal(forest_add(&fx->op, f, fx->arena, &t), E_TOO_LARGE);
}

/* Random trees of every kind against a plain walk over the file's own arrays. */
enum { FEATURES = 11, NODES_MAX = 401, TREES = 19, OUTPUTS = 3, ROWS = 143, WORDS = 2 };
struct made {
    int64_t left[NODES_MAX], right[NODES_MAX], feature[NODES_MAX];
    double value[NODES_MAX], vectors[NODES_MAX * OUTPUTS];
    uint8_t go_left[NODES_MAX], test[NODES_MAX];
    struct forest_set sets[NODES_MAX];
    uint32_t words[NODES_MAX][WORDS];
    struct forest_tree tree;
};
static uint64_t rng = 88172645463325252ull;
static uint32_t random_below(uint32_t n)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (uint32_t)((rng >> 32) * n >> 32);
}

/* Values that fall onto thresholds, into sets, into the neighbourhood of zero and nowhere. */
static double random_value(bool f32)
{
    static const double special[] = {0, -0.0, 1e-36, -1e-36, 1e-30, 63, 64, 65, -1, -0.5, 1e300, INFINITY, -INFINITY, 4e9, 0.1, 0.3};
    uint32_t kind = random_below(8);
    double v = kind == 0 ? NAN : kind == 1 ? special[random_below(ARRAY_LEN(special))] : kind < 5 ? random_below(70) : random_below(1000) / 1e3;
    return f32 ? (double)(float)v : v;
}

static void tree_make(struct made *m, bool chain, bool wide, size_t outputs)
{
    *m = (struct made){0};
    size_t splits = random_below((NODES_MAX - 1) / 2 + 1), n = 1;
    m->left[0] = m->right[0] = -1;
    for (size_t i = 0; i < splits; i++) {
        size_t at = chain ? n - 1 : random_below((uint32_t)n);
        while (m->left[at] != -1)
            at = random_below((uint32_t)n);
        m->left[at] = (int64_t)n + (random_below(2) ? 1 : 0);
        m->right[at] = (int64_t)(2 * n + 1) - m->left[at];
        m->left[n] = m->right[n] = m->left[n + 1] = m->right[n + 1] = -1;
        n += 2;
    }
    for (size_t i = 0; i < n; i++) {
        m->feature[i] = random_below(FEATURES);
        do
            m->value[i] = random_value(false);
        while (!isfinite(m->value[i]) || (m->left[i] == -1 && fabs(m->value[i]) > 1e30));
        if (m->left[i] == -1)
            m->value[i] = (double)(float)m->value[i];
        m->go_left[i] = (uint8_t)random_below(2);
        m->test[i] = wide && m->left[i] != -1 ? (uint8_t)random_below(3) : FOREST_LESS;
        m->words[i][0] = random_below(UINT32_MAX);
        m->words[i][1] = random_below(UINT32_MAX);
        m->sets[i] = (struct forest_set){m->words[i], random_below(WORDS + 1)};
        for (size_t k = 0; k < OUTPUTS; k++)
            m->vectors[i * OUTPUTS + k] = random_below(100);
    }
    m->tree = (struct forest_tree){.nodes = n, .left = m->left, .right = m->right, .feature = m->feature, .value = m->value,
                                   .default_left = m->go_left, .test = m->test, .sets = m->sets, .vectors = m->vectors,
                                   .group = outputs};
}

static bool plain_left(const struct made *m, size_t i, double x)
{
    if (isnan(x) || (m->test[i] == FOREST_LESS_ZERO && fabs(x) <= (double)1e-35f))
        return m->go_left[i];
    if (m->test[i] != FOREST_SET)
        return x < m->value[i];
    if (!m->sets[i].len || x <= -1 || x >= 32.0 * (double)m->sets[i].len)
        return false;
    return m->words[i][(int)x / 32] >> ((int)x % 32) & 1;
}

static size_t plain_leaf(const struct made *m, const double *row)
{
    size_t i = 0;
    while (m->left[i] != -1)
        i = (size_t)(plain_left(m, i, row[m->feature[i]]) ? m->left[i] : m->right[i]);
    return i;
}

static void forest_against_plain(struct fixture *fx, unsigned flags, bool wide, bool f64)
{
    static struct made made[TREES];
    static double rows[ROWS * FEATURES], sums[ROWS * OUTPUTS], want[ROWS * OUTPUTS];
    static float narrow_rows[ROWS * FEATURES], narrow_sums[ROWS * OUTPUTS];
    const bool vectors = flags & FOREST_VECTORS, float_sums = !(flags & (FOREST_F64_SUMS | FOREST_VECTORS));
    struct forest *f;
    assert_int_equal(forest_create(&fx->op, fx->arena, FEATURES, OUTPUTS, TREES, flags, &f), OK);
    for (size_t i = 0; i < TREES; i++) {
        tree_make(&made[i], i % 5 == 3, wide && i % 3 != 1, vectors ? 0 : i % OUTPUTS);
        assert_int_equal(forest_add(&fx->op, f, fx->arena, &made[i].tree), OK);
    }
    for (size_t i = 0; i < ROWS * FEATURES; i++) {
        rows[i] = random_value(!f64);
        narrow_rows[i] = f64 ? 0 : (float)rows[i];
    }
    static const size_t sizes[] = {1, 7, 8, 9, 64, 65, ROWS};
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        memset(sums, 0, sizeof(sums));
        memset(want, 0, sizeof(want));
        memset(narrow_sums, 0, sizeof(narrow_sums));
        for (size_t i = 0; i < sizes[s]; i++)
            for (size_t t = 0; t < TREES; t++) {
                size_t leaf = plain_leaf(&made[t], rows + i * FEATURES);
                for (size_t k = 0; k < OUTPUTS; k++)
                    want[i * OUTPUTS + k] += vectors ? made[t].vectors[leaf * OUTPUTS + k] : k == t % OUTPUTS ? made[t].value[leaf] : 0;
                if (float_sums)
                    want[i * OUTPUTS + t % OUTPUTS] = (double)(float)want[i * OUTPUTS + t % OUTPUTS];
            }
        if (float_sums)
            forest_sum(f, narrow_rows, sizes[s], narrow_sums);
        else if (f64)
            forest_sum_f64(f, rows, sizes[s], sums);
        else
            forest_sum_rows(f, narrow_rows, sizes[s], sums);
        for (size_t i = 0; i < sizes[s] * OUTPUTS; i++)
            if ((float_sums ? (double)narrow_sums[i] : sums[i]) != want[i])
                fail_msg("flags %u, wide %d, doubles %d, %zu rows: sum %zu is %.17g, not %.17g", flags, wide, f64, sizes[s], i,
                         float_sums ? (double)narrow_sums[i] : sums[i], want[i]);
    }
}

static void test_every_kind_against_a_plain_walk(void **state)
{
    static const unsigned flags[] = {0, FOREST_F64_SUMS, FOREST_F64_SUMS | FOREST_F64_ROWS, FOREST_VECTORS, FOREST_VECTORS | FOREST_F64_ROWS};
    for (int rep = 0; rep < 6; rep++)
        for (size_t i = 0; i < ARRAY_LEN(flags); i++)
            for (int wide = 0; wide < 2; wide++) {
                forest_against_plain(*state, flags[i], wide, false);
                if (flags[i] & FOREST_F64_ROWS)
                    forest_against_plain(*state, flags[i], wide, true);
            }
}

/* A feature and a distance beyond what the narrow link word can say. */
static void test_what_is_too_big_for_narrow_nodes(void **state)
{
    struct fixture *fx = *state;
    enum { DEPTH = 18, NODES = (2 << DEPTH) - 1, FEATURE = 5000 };
    int64_t *l = calloc(NODES, sizeof(*l)), *r = calloc(NODES, sizeof(*r)), *ft = calloc(NODES, sizeof(*ft));
    double *v = calloc(NODES, sizeof(*v));
    uint8_t *d = calloc(NODES, 1);
    for (size_t i = 0; i < NODES; i++) {
        bool leaf = i >= NODES / 2;
        l[i] = leaf ? -1 : (int64_t)(2 * i + 1);
        r[i] = leaf ? -1 : (int64_t)(2 * i + 2);
        ft[i] = leaf ? 0 : i % 2 ? FEATURE : 1;
        v[i] = leaf ? (double)(i - NODES / 2) : 0.5;
    }
    const struct forest_tree t = {.nodes = NODES, .left = l, .right = r, .feature = ft, .value = v, .default_left = d};
    struct forest *f;
    struct arena *a = arena_create(LIMIT_MIB(256));
    assert_int_equal(forest_create(&fx->op, a, FEATURE + 1, 1, 1, 0, &f), OK);
    assert_int_equal(forest_add(&fx->op, f, a, &t), OK);
    float *row = calloc(FEATURE + 1, sizeof(*row)), out = 0;
    row[1] = row[FEATURE] = 1;
    forest_sum(f, row, 1, &out);
    assert_true(out == (float)((1 << DEPTH) - 1));
    row[1] = 0;
    out = 0;
    forest_sum(f, row, 1, &out);
    size_t at = 0;
    while (l[at] != -1)
        at = (size_t)(row[ft[at]] < 0.5f ? l[at] : r[at]);
    assert_true(at > NODES / 2 && at < NODES - 1 && out == (float)v[at]);
    free(row), free(l), free(r), free(ft), free(v), free(d);
    arena_destroy(a);
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
        cmocka_unit_test_setup_teardown(test_every_kind_against_a_plain_walk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_too_big_for_narrow_nodes, setup, teardown),
    };
    return cmocka_run_group_tests_name("forest", tests, NULL, NULL);
}
