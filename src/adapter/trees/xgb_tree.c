/* A tree as XGBoost writes it: parallel arrays, one item for each node,
 *     left_children, right_children, split_indices, split_conditions, default_left (0/1 or booleans), split_type (1: categories)
 * and tree_param {num_nodes, num_deleted, size_leaf_vector} as text. A leaf has no left child; its value stands in
 * split_conditions. A deleted node (pruning) keeps its slot and is reached by no link.
 * Categorical splits: node categories_nodes[i] has the categories_sizes[i] numbers of `categories` from categories_segments[i] on.
 * A value in that set goes right; one that is not in it, negative ones included, left; so the children change places here.
 * Leaves with several values: `leaf_weights`, where a leaf's right child is its place (3.x), or `base_weights` by node (2.x).
 * Counts in the file are only compared with the lengths of its arrays, never used to size anything. */
#include "adapter/trees/xgb_tree.h"

#include <math.h>

#include "base/limits.h"

enum err xgb_text_i64(struct op *op, const struct json *obj, const char *key, int64_t min, int64_t max, int64_t *ret)
{
    struct str s;
    enum err e = json_want_str(op, obj, key, &s);
    if (e)
        return e;
    int64_t v = 0;
    if (!str_parse_i64(s, &v) || v < min || v > max)
        return op_fail_field(op, key, "%s is \"%.*s\", not an integer in %lld..%lld", key, STR_FMT(s), (long long)min,
                             (long long)max);
    *ret = v;
    return OK;
}

static enum err list_get(struct op *op, const struct json *obj, const char *key, const struct json **ret)
{
    const struct json *a = json_get(obj, key);
    if (!a || (a->type != JSON_ARRAY && a->type != JSON_INTS && a->type != JSON_REALS))
        return op_fail_field(op, key, "%s is not a list", key);
    *ret = a;
    return OK;
}

static bool item_i64(const struct json *a, size_t i, int64_t *ret)
{
    if (a->type == JSON_REALS) {
        struct json real = {.type = JSON_REAL, .f = a->reals[i]};
        return json_as_i64(&real, ret);
    }
    if (a->items[i].type == JSON_BOOL) {
        *ret = a->items[i].boolean;
        return true;
    }
    return json_as_i64(&a->items[i], ret);
}

enum err xgb_ints(struct op *op, struct arena *scratch, const struct json *obj, const char *key, const int64_t **ret, size_t *ret_len)
{
    const struct json *a = NULL;
    enum err e = list_get(op, obj, key, &a);
    if (e)
        return e;
    *ret_len = a->len;
    if (a->type == JSON_INTS) {
        *ret = a->ints;
        return OK;
    }
    int64_t *v = arena_array(scratch, a->len ? a->len : 1, int64_t);
    if (!v)
        return op_fail(op, E_TOO_LARGE, "no memory for %u numbers", a->len);
    for (size_t i = 0; i < a->len; i++)
        if (!item_i64(a, i, &v[i]))
            return op_fail(op, E_INVALID, "%s[%zu] is not an integer", key, i);
    *ret = v;
    return OK;
}

enum err xgb_reals(struct op *op, struct arena *scratch, const struct json *obj, const char *key, const double **ret, size_t *ret_len)
{
    const struct json *a = NULL;
    enum err e = list_get(op, obj, key, &a);
    if (e)
        return e;
    *ret_len = a->len;
    if (a->type == JSON_REALS) {
        *ret = a->reals;
        return OK;
    }
    double *v = arena_array(scratch, a->len ? a->len : 1, double);
    if (!v)
        return op_fail(op, E_TOO_LARGE, "no memory for %u numbers", a->len);
    for (size_t i = 0; i < a->len; i++) {
        if (a->type == JSON_INTS)
            v[i] = (double)a->ints[i];
        else if (!json_as_f64(&a->items[i], &v[i]))
            return op_fail(op, E_INVALID, "%s[%zu] is not a number", key, i);
    }
    *ret = v;
    return OK;
}

/* The arrays of a tree while it is rearranged. */
struct reading {
    struct op *op;
    struct arena *scratch;
    const struct json *tree;
    size_t nodes;
    const int64_t *left, *right, *feature, *dflt, *type;
    const double *value;
    int64_t *ours_left, *ours_right;
    double *ours_value;
    uint8_t *go_left, *test;
    struct forest_set *sets;
    double *vectors;
};

static enum err nodes_ints(struct reading *r, const char *key, const int64_t **ret)
{
    size_t len = 0;
    enum err e = xgb_ints(r->op, r->scratch, r->tree, key, ret, &len);
    if (!e && len != r->nodes)
        e = op_fail(r->op, E_INVALID, "%s has %zu items, the tree has %zu nodes", key, len, r->nodes);
    return e;
}

static enum err params_read(struct reading *r, size_t vector, int64_t *ret_deleted)
{
    const struct json *param = NULL;
    int64_t nodes = 0, leaf_size = 0;
    enum err e = json_want_object(r->op, r->tree, "tree_param", &param);
    if (!e)
        e = xgb_text_i64(r->op, param, "num_nodes", 1, LIMIT_TREE_NODES, &nodes);
    if (!e)
        e = xgb_text_i64(r->op, param, "num_deleted", 0, nodes - 1, ret_deleted);
    if (!e && json_get(param, "size_leaf_vector"))
        e = xgb_text_i64(r->op, param, "size_leaf_vector", 0, INT32_MAX, &leaf_size);
    if (e)
        return e;
    if ((leaf_size < 1 ? 1 : (size_t)leaf_size) != vector)
        return op_fail(r->op, E_INVALID, "its leaves hold %lld values where %zu are expected", (long long)leaf_size, vector);
    r->nodes = (size_t)nodes;
    return OK;
}

static enum err arrays_read(struct reading *r)
{
    size_t len = 0;
    enum err e = nodes_ints(r, "left_children", &r->left);
    if (!e)
        e = nodes_ints(r, "right_children", &r->right);
    if (!e)
        e = nodes_ints(r, "split_indices", &r->feature);
    if (!e)
        e = nodes_ints(r, "default_left", &r->dflt);
    if (!e && json_get(r->tree, "split_type"))
        e = nodes_ints(r, "split_type", &r->type);
    if (!e)
        e = xgb_reals(r->op, r->scratch, r->tree, "split_conditions", &r->value, &len);
    if (!e && len != r->nodes)
        e = op_fail(r->op, E_INVALID, "split_conditions has %zu items, the tree has %zu nodes", len, r->nodes);
    if (e)
        return e;
    r->ours_left = arena_array(r->scratch, r->nodes, int64_t);
    r->ours_right = arena_array(r->scratch, r->nodes, int64_t);
    r->ours_value = arena_array(r->scratch, r->nodes, double);
    r->go_left = arena_array(r->scratch, r->nodes, uint8_t);
    r->test = arena_array(r->scratch, r->nodes, uint8_t);
    if (!r->ours_left || !r->ours_right || !r->ours_value || !r->go_left || !r->test)
        return op_fail(r->op, E_TOO_LARGE, "no memory for %zu nodes", r->nodes);
    return OK;
}

static enum err nodes_fill(struct reading *r, float weight, bool vectors, bool *ret_sets)
{
    for (size_t i = 0; i < r->nodes; i++) {
        const bool leaf = r->left[i] == -1 && (vectors || r->right[i] == -1);
        if (r->dflt[i] != 0 && r->dflt[i] != 1)
            return op_fail(r->op, E_INVALID, "default_left[%zu] is neither 0 nor 1", i);
        if (r->type && r->type[i] != 0 && r->type[i] != 1)
            return op_fail(r->op, E_INVALID, "split_type[%zu] is neither 0 nor 1", i);
        const bool set = r->type && r->type[i] == 1 && !leaf;
        r->ours_left[i] = set ? r->right[i] : r->left[i];
        r->ours_right[i] = leaf ? -1 : set ? r->left[i] : r->right[i];
        r->go_left[i] = (uint8_t)(set ? !r->dflt[i] : r->dflt[i]);
        r->test[i] = set ? FOREST_SET : FOREST_LESS;
        /* Beyond float's range it is infinite, and forest_add refuses it where it is used. */
        float v = (float)r->value[i];
        r->ours_value[i] = (double)(leaf ? v * weight : v);
        *ret_sets |= set;
    }
    return OK;
}

static enum err set_make(struct reading *r, const int64_t *categories, size_t len, size_t *words_left, struct forest_set *ret)
{
    int64_t top = -1;
    for (size_t i = 0; i < len; i++) {
        if (categories[i] < 0 || categories[i] > INT32_MAX)
            return op_fail(r->op, E_INVALID, "category %lld is out of range", (long long)categories[i]);
        top = categories[i] > top ? categories[i] : top;
    }
    ret->len = (size_t)(top + 32) / 32;
    if (ret->len > *words_left)
        return op_fail(r->op, E_TOO_LARGE, "its sets of categories are too large");
    *words_left -= ret->len;
    uint32_t *words = arena_array(r->scratch, ret->len + 1, uint32_t);
    if (!words)
        return op_fail(r->op, E_TOO_LARGE, "no memory for categories");
    for (size_t i = 0; i < len; i++)
        words[categories[i] / 32] |= 1u << categories[i] % 32;
    ret->words = words;
    return OK;
}

static enum err sets_read(struct reading *r)
{
    const int64_t *nodes = NULL, *segments = NULL, *sizes = NULL, *categories = NULL;
    size_t n = 0, n_segments = 0, n_sizes = 0, n_categories = 0, words_left = LIMIT_TREE_SET_WORDS;
    enum err e = xgb_ints(r->op, r->scratch, r->tree, "categories_nodes", &nodes, &n);
    if (!e)
        e = xgb_ints(r->op, r->scratch, r->tree, "categories_segments", &segments, &n_segments);
    if (!e)
        e = xgb_ints(r->op, r->scratch, r->tree, "categories_sizes", &sizes, &n_sizes);
    if (!e)
        e = xgb_ints(r->op, r->scratch, r->tree, "categories", &categories, &n_categories);
    if (e)
        return e;
    r->sets = arena_array(r->scratch, r->nodes, struct forest_set);
    if (!r->sets)
        return op_fail(r->op, E_TOO_LARGE, "no memory for %zu nodes", r->nodes);
    if (n != n_segments || n != n_sizes)
        return op_fail(r->op, E_INVALID, "categories_nodes, _segments and _sizes have different lengths");
    for (size_t i = 0; i < n && !e; i++) {
        if (nodes[i] < 0 || (uint64_t)nodes[i] >= r->nodes || segments[i] < 0 || (uint64_t)segments[i] > n_categories ||
            sizes[i] < 0 || (uint64_t)sizes[i] > n_categories - (uint64_t)segments[i])
            return op_fail(r->op, E_INVALID, "categories_nodes[%zu], its segment or its size is out of range", i);
        if (r->test[nodes[i]] != FOREST_SET || r->sets[nodes[i]].words)
            return op_fail(r->op, E_INVALID, "categories_nodes[%zu] is no categorical split, or stands there twice", i);
        e = set_make(r, categories + segments[i], (size_t)sizes[i], &words_left, &r->sets[nodes[i]]);
    }
    for (size_t i = 0; i < r->nodes && !e; i++)
        if (r->test[i] == FOREST_SET && !r->sets[i].words)
            e = op_fail(r->op, E_INVALID, "node %zu splits on categories, but has none", i);
    return e;
}

static enum err vectors_read(struct reading *r, const struct xgb_tree_place *place)
{
    const bool by_leaf = json_get(r->tree, "leaf_weights") != NULL;
    const char *key = by_leaf ? "leaf_weights" : "base_weights";
    const double *weights = NULL;
    size_t len = 0;
    enum err e = xgb_reals(r->op, r->scratch, r->tree, key, &weights, &len);
    if (e)
        return e;
    r->vectors = arena_try_alloc(r->scratch, r->nodes, place->vector * sizeof(double));
    if (!r->vectors)
        return op_fail(r->op, E_TOO_LARGE, "no memory for %zu leaves", r->nodes);
    for (size_t i = 0; i < r->nodes; i++) {
        if (r->ours_left[i] != -1)
            continue;
        const int64_t at = by_leaf ? r->right[i] : (int64_t)i;
        if (at < 0 || (uint64_t)at >= len / place->vector)
            return op_fail(r->op, E_INVALID, "node %zu: its values are not in %s", i, key);
        for (size_t k = 0; k < place->vector; k++)
            r->vectors[i * place->vector + k] = (double)((float)weights[(size_t)at * place->vector + k] * place->weight);
    }
    return OK;
}

enum err xgb_tree_add(struct op *op, struct forest *f, struct arena *scratch, const struct json *tree,
                      const struct xgb_tree_place *place)
{
    struct reading r = {.op = op, .scratch = scratch, .tree = tree};
    int64_t deleted = 0;
    bool sets = false;
    enum err e = params_read(&r, place->vector, &deleted);
    if (!e)
        e = arrays_read(&r);
    if (!e)
        e = nodes_fill(&r, place->weight, place->vector > 1, &sets);
    if (!e && sets)
        e = sets_read(&r);
    if (!e && place->vector > 1)
        e = vectors_read(&r, place);
    if (e)
        return e;
    const struct forest_tree t = {.nodes = r.nodes, .left = r.ours_left, .right = r.ours_right, .feature = r.feature,
                                  .value = r.ours_value, .default_left = r.go_left, .test = sets ? r.test : NULL, .sets = r.sets,
                                  .vectors = r.vectors, .deleted = (size_t)deleted, .group = place->group};
    return forest_add(op, f, scratch, &t);
}
