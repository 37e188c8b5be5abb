/* XGBoost's JSON model, as its doc/model.schema and the files of 1.3 .. 3.x show it:
 *     learner.learner_model_param   {base_score, num_class, num_feature} as text; base_score is "5E-1", from 3.1 on
 *                                   also "[5E-1]" or one value per class
 *     learner.objective.name
 *     learner.feature_names         [] when the training data had none
 *     learner.gradient_booster      {name: "gbtree", model: {gbtree_model_param: {num_trees}, tree_info, trees}}
 *     trees[i]                      parallel arrays left_children, right_children, split_indices, split_conditions,
 *                                   default_left (0/1 or booleans), split_type; tree_param {num_nodes, num_deleted,
 *                                   size_leaf_vector} as text. A leaf's value stands in split_conditions.
 * A deleted node (pruning) keeps its slot and is reached by no link.
 * Counts in the file are only compared with the lengths of its arrays, never used to size anything; links are
 * proved to form one tree by forest_add(). So a changed byte either fails here or makes another valid model;
 * that it is the *right* model is the blob store's promise (its name is its SHA-256). */
#include "adapter/trees/xgb_json.h"

#include <math.h>

#include "base/json.h"
#include "base/limits.h"

bool xgb_json_accepts(struct str bytes)
{
    struct str head = str_sub(bytes, 0, 256);
    head = str_trim(head);
    if (!head.len || head.p[0] != '{')
        return false;
    head = str_trim(str_sub(head, 1, head.len));
    return str_starts(head, STR("\"learner\"")) || str_starts(head, STR("\"version\""));
}

/* Numbers stand in the parameter objects as text. */
static enum err text_i64(struct op *op, const struct json *obj, const char *key, int64_t min, int64_t max, int64_t *ret)
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


static enum err ints_read(struct op *op, const struct json *tree, const char *key, size_t n, int64_t **ret)
{
    const struct json *a = NULL;
    enum err e = json_want_array(op, tree, key, &a);
    if (e)
        return e;
    if (a->len != n)
        return op_fail(op, E_INVALID, "%s has %u items, the tree has %zu nodes", key, a->len, n);
    int64_t *v = arena_array(op->arena, n, int64_t);
    if (!v)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu nodes", n);
    for (size_t i = 0; i < n; i++) {
        const struct json *j = &a->items[i];
        if (j->type == JSON_BOOL)
            v[i] = j->boolean;
        else if (j->type != JSON_INT)
            return op_fail(op, E_INVALID, "%s[%zu] is not an integer", key, i);
        else
            v[i] = j->i;
    }
    *ret = v;
    return OK;
}

static enum err floats_read(struct op *op, const struct json *tree, const char *key, size_t n, float **ret)
{
    const struct json *a = NULL;
    enum err e = json_want_array(op, tree, key, &a);
    if (e)
        return e;
    if (a->len != n)
        return op_fail(op, E_INVALID, "%s has %u items, the tree has %zu nodes", key, a->len, n);
    float *v = arena_array(op->arena, n, float);
    if (!v)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu nodes", n);
    for (size_t i = 0; i < n; i++) {
        double d;
        if (!json_as_f64(&a->items[i], &d))
            return op_fail(op, E_INVALID, "%s[%zu] is not a number", key, i);
        v[i] = (float)d;  /* beyond float's range it is infinite, and forest_add refuses it where it is used */
    }
    *ret = v;
    return OK;
}

static enum err tree_params(struct op *op, const struct json *tree, size_t *ret_nodes, int64_t *ret_deleted)
{
    const struct json *param = NULL;
    enum err e = json_want_object(op, tree, "tree_param", &param);
    int64_t nodes = 0, leaf_size = 0;
    if (!e)
        e = text_i64(op, param, "num_nodes", 1, LIMIT_TREE_NODES, &nodes);
    if (!e)
        e = text_i64(op, param, "num_deleted", 0, nodes - 1, ret_deleted);
    if (!e && json_get(param, "size_leaf_vector"))
        e = text_i64(op, param, "size_leaf_vector", 0, INT32_MAX, &leaf_size);
    if (e)
        return e;
    if (leaf_size > 1)
        return op_fail(op, E_UNSUPPORTED, "leaves that hold %lld values are not supported", (long long)leaf_size);
    *ret_nodes = (size_t)nodes;
    return OK;
}

static enum err tree_read(struct op *op, const struct json *tree, size_t group, struct forest *f)
{
    size_t n = 0;
    int64_t deleted = 0, *left = NULL, *right = NULL, *feature = NULL, *dflt = NULL, *type = NULL;
    float *value = NULL;
    enum err e = tree_params(op, tree, &n, &deleted);
    if (!e)
        e = ints_read(op, tree, "left_children", n, &left);
    if (!e)
        e = ints_read(op, tree, "right_children", n, &right);
    if (!e)
        e = ints_read(op, tree, "split_indices", n, &feature);
    if (!e)
        e = floats_read(op, tree, "split_conditions", n, &value);
    if (!e)
        e = ints_read(op, tree, "default_left", n, &dflt);
    if (!e && json_get(tree, "split_type"))
        e = ints_read(op, tree, "split_type", n, &type);
    if (e)
        return e;
    uint8_t *go_left = arena_array(op->arena, n, uint8_t);
    if (!go_left)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu nodes", n);
    for (size_t i = 0; i < n; i++) {
        if (dflt[i] != 0 && dflt[i] != 1)
            return op_fail(op, E_INVALID, "default_left[%zu] is neither 0 nor 1", i);
        if (type && type[i] != 0)
            return op_fail(op, E_UNSUPPORTED, "node %zu splits on categories, which is not supported", i);
        go_left[i] = (uint8_t)dflt[i];
    }
    const struct forest_tree t = {.nodes = n, .left = left, .right = right, .feature = feature, .value = value,
                                  .default_left = go_left, .deleted = (size_t)deleted, .group = group};
    return forest_add(op, f, &t);
}

static const struct {
    const char *name;
    enum xgb_link link;
    bool probability;        /* base_score is a probability: the margin is its logit */
} objectives[] = {
    {"binary:logistic", XGB_LINK_LOGISTIC, true},
    {"reg:logistic", XGB_LINK_LOGISTIC, true},
    {"reg:squarederror", XGB_LINK_IDENTITY, false},
    {"multi:softprob", XGB_LINK_SOFTMAX, false},
};

/* "5E-1", "[5E-1]" or "[1E-1,2E-1]". */
static enum err base_read(struct op *op, struct arena *arena, struct str text, bool probability, struct xgb_model *m)
{
    m->base_margin = arena_array(arena, m->outputs, float);
    if (!m->base_margin)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu outputs", m->outputs);
    struct str rest = text;
    if (rest.len >= 2 && rest.p[0] == '[' && rest.p[rest.len - 1] == ']')
        rest = str_sub(rest, 1, rest.len - 2);
    size_t n = 0;
    for (struct str part; str_split(&rest, ',', &part); n++) {
        double v;
        if (n == m->outputs || !str_parse_f64(str_trim(part), false, &v) || !isfinite((float)v))
            return op_fail_field(op, "base_score", "base_score \"%.*s\" is not one number per output", STR_FMT(text));
        if (probability && !((float)v > 0.0f && (float)v < 1.0f))
            return op_fail_field(op, "base_score", "base_score %g is not inside (0, 1)", v);
        m->base_margin[n] = probability ? -logf(1.0f / (float)v - 1.0f) : (float)v;
    }
    if (n != 1 && n != m->outputs)
        return op_fail_field(op, "base_score", "base_score has %zu values, the model %zu outputs", n, m->outputs);
    for (; n < m->outputs; n++)
        m->base_margin[n] = m->base_margin[0];
    return OK;
}

static enum err head_read(struct op *op, struct arena *arena, const struct json *learner, struct xgb_model *m)
{
    const struct json *param = NULL, *objective = NULL;
    int64_t features = 0, classes = 0, targets = 1;
    struct str name, base;
    enum err e = json_want_object(op, learner, "learner_model_param", &param);
    if (!e)
        e = json_want_object(op, learner, "objective", &objective);
    if (!e)
        e = json_want_str(op, objective, "name", &name);
    if (!e)
        e = text_i64(op, param, "num_feature", 1, LIMIT_TREE_FEATURES, &features);
    if (!e)
        e = text_i64(op, param, "num_class", 0, LIMIT_TREE_OUTPUTS, &classes);
    if (!e && json_get(param, "num_target"))
        e = text_i64(op, param, "num_target", 0, INT32_MAX, &targets);
    if (!e)
        e = json_want_str(op, param, "base_score", &base);
    if (e)
        return e;
    size_t k = 0;
    while (k < ARRAY_LEN(objectives) && !str_eqc(name, objectives[k].name))
        k++;
    if (k == ARRAY_LEN(objectives) || targets > 1)
        return op_fail(op, E_UNSUPPORTED, "objective \"%.*s\" with %lld targets is not supported", STR_FMT(name),
                       (long long)targets);
    m->link = objectives[k].link;
    m->features = (size_t)features;
    if (m->link == XGB_LINK_SOFTMAX ? classes < 2 : classes > 1)
        return op_fail_field(op, "num_class", "num_class %lld does not fit objective %s", (long long)classes,
                             objectives[k].name);
    m->outputs = m->link == XGB_LINK_SOFTMAX ? (size_t)classes : 1;
    return base_read(op, arena, base, objectives[k].probability, m);
}

static enum err names_read(struct op *op, struct arena *arena, const struct json *learner, struct xgb_model *m)
{
    const struct json *a = json_get(learner, "feature_names");
    m->feature_names = NULL;
    if (!a || a->type == JSON_NULL || (a->type == JSON_ARRAY && !a->len))
        return OK;
    if (a->type != JSON_ARRAY || a->len != m->features)
        return op_fail_field(op, "feature_names", "feature_names is not a list of %zu names", m->features);
    m->feature_names = arena_array(arena, m->features, struct str);
    if (!m->feature_names)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu names", m->features);
    for (size_t i = 0; i < m->features; i++) {
        if (a->items[i].type != JSON_STRING)
            return op_fail_field(op, "feature_names", "feature_names[%zu] is not a string", i);
        m->feature_names[i] = str_dup(arena, a->items[i].s);
    }
    return OK;
}

static enum err trees_read(struct op *op, struct arena *arena, const struct json *booster, struct xgb_model *m)
{
    struct str name;
    const struct json *model = NULL, *param = NULL, *trees = NULL, *info = NULL;
    int64_t count = 0;
    enum err e = json_want_str(op, booster, "name", &name);
    if (e)
        return e;
    if (!str_eqc(name, "gbtree"))
        return op_fail(op, E_UNSUPPORTED, "booster \"%.*s\" is not supported, only gbtree", STR_FMT(name));
    e = json_want_object(op, booster, "model", &model);
    if (!e)
        e = json_want_object(op, model, "gbtree_model_param", &param);
    if (!e)
        e = text_i64(op, param, "num_trees", 0, LIMIT_TREES, &count);
    if (!e)
        e = json_want_array(op, model, "trees", &trees);
    if (!e)
        e = json_want_array(op, model, "tree_info", &info);
    if (e)
        return e;
    if (trees->len != (uint64_t)count || info->len != (uint64_t)count)
        return op_fail(op, E_INVALID, "num_trees is %lld, but there are %u trees and %u entries in tree_info",
                       (long long)count, trees->len, info->len);
    e = forest_create(op, arena, m->features, m->outputs, (size_t)count, &m->forest);
    for (size_t i = 0; !e && i < (size_t)count; i++) {
        int64_t group = -1;
        if (!json_as_i64(&info->items[i], &group) || group < 0 || (uint64_t)group >= m->outputs)
            return op_fail(op, E_INVALID, "tree_info[%zu] is outside 0..%zu", i, m->outputs - 1);
        e = tree_read(op, &trees->items[i], (size_t)group, m->forest);
        if (e)
            return op_context(op, "tree %zu", i);
    }
    return e;
}

enum err xgb_json_load(struct op *op, struct arena *arena, struct str bytes, struct xgb_model *ret)
{
    struct json *doc = NULL;
    const struct json *learner = NULL, *booster = NULL;
    struct xgb_model m = {0};
    enum err e = json_parse(op, bytes, JSON_NAN, &doc);
    if (!e)
        e = json_want_object(op, doc, "learner", &learner);
    if (!e)
        e = json_want_object(op, learner, "gradient_booster", &booster);
    if (!e)
        e = head_read(op, arena, learner, &m);
    if (!e)
        e = names_read(op, arena, learner, &m);
    if (!e)
        e = trees_read(op, arena, booster, &m);
    if (e)
        return op_context(op, "xgboost model");
    *ret = m;
    return OK;
}
