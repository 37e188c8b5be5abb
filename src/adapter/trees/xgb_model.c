/* XGBoost's model, as its doc/model.schema and the files of 1.3 .. 3.x show it; UBJSON holds the same members:
 *     learner.learner_model_param   {base_score, num_class, num_feature, num_target} as text; base_score is "5E-1", from 3.1 on
 *                                   also "[5E-1]" or one value per output
 *     learner.objective.name
 *     learner.attributes            {best_iteration, scikit_learn ...} as text
 *     learner.feature_names         [] when the training data had none
 *     learner.gradient_booster      {name: "gbtree", model: M}
 *                                   {name: "dart", gbtree: {model: M}, weight_drop: one factor per tree}
 *                                   {name: "gblinear", model: {weights: feature by feature, then the biases}}
 *     M                             {gbtree_model_param: {num_trees, num_parallel_tree}, tree_info, trees, iteration_indptr}
 * base_score is given on the scale of the answer; sums start from where the objective's link puts it (its ProbToMargin).
 * A changed byte either fails here or makes another valid model; that it is the *right* model is the blob store's promise
 * (its name is its SHA-256). */
#include "adapter/trees/xgb_model.h"

#include <math.h>

#include "adapter/trees/ubjson.h"
#include "adapter/trees/xgb_tree.h"
#include "base/json.h"
#include "base/limits.h"

static bool json_accepts(struct str bytes)
{
    struct str head = str_trim(str_sub(bytes, 0, 256));
    if (!head.len || head.p[0] != '{')
        return false;
    head = str_trim(str_sub(head, 1, head.len));
    return str_starts(head, STR("\"learner\"")) || str_starts(head, STR("\"version\""));
}

bool xgb_accepts(struct str bytes)
{
    return ubjson_accepts(bytes) || json_accepts(bytes);
}

enum base { BASE_PLAIN, BASE_LOGIT, BASE_LOG };
static const struct {
    const char *name;
    enum xgb_link link;
    enum base base;
} objectives[] = {
    {"binary:logistic", XGB_LINK_LOGISTIC, BASE_LOGIT},
    {"binary:logitraw", XGB_LINK_IDENTITY, BASE_PLAIN},
    {"binary:hinge", XGB_LINK_HINGE, BASE_PLAIN},
    {"reg:logistic", XGB_LINK_LOGISTIC, BASE_LOGIT},
    {"reg:squarederror", XGB_LINK_IDENTITY, BASE_PLAIN},
    {"reg:linear", XGB_LINK_IDENTITY, BASE_PLAIN},
    {"reg:squaredlogerror", XGB_LINK_IDENTITY, BASE_PLAIN},
    {"reg:pseudohubererror", XGB_LINK_IDENTITY, BASE_PLAIN},
    {"reg:absoluteerror", XGB_LINK_IDENTITY, BASE_PLAIN},
    {"reg:quantileerror", XGB_LINK_IDENTITY, BASE_PLAIN},
    {"reg:expectileerror", XGB_LINK_IDENTITY, BASE_PLAIN},
    {"reg:gamma", XGB_LINK_EXP, BASE_LOG},
    {"reg:tweedie", XGB_LINK_EXP, BASE_LOG},
    {"count:poisson", XGB_LINK_EXP, BASE_LOG},
    {"survival:cox", XGB_LINK_EXP, BASE_LOG},
    {"survival:aft", XGB_LINK_EXP, BASE_LOG},
    {"multi:softmax", XGB_LINK_ARGMAX, BASE_PLAIN},
    {"multi:softprob", XGB_LINK_SOFTMAX, BASE_PLAIN},
    {"rank:pairwise", XGB_LINK_IDENTITY, BASE_PLAIN},
    {"rank:ndcg", XGB_LINK_IDENTITY, BASE_PLAIN},
    {"rank:map", XGB_LINK_IDENTITY, BASE_PLAIN},
};

/* "5E-1", "[5E-1]" or "[1E-1,2E-1]". */
static enum err base_read(struct op *op, struct arena *arena, struct str text, enum base base, struct xgb_model *m)
{
    m->base_margin = arena_array(arena, m->groups, float);
    if (!m->base_margin)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu outputs", m->groups);
    struct str rest = text;
    if (rest.len >= 2 && rest.p[0] == '[' && rest.p[rest.len - 1] == ']')
        rest = str_sub(rest, 1, rest.len - 2);
    size_t n = 0;
    for (struct str part; str_split(&rest, ',', &part); n++) {
        double d;
        if (n == m->groups || !str_parse_f64(str_trim(part), false, &d) || !isfinite((float)d))
            return op_fail_field(op, "base_score", "base_score \"%.*s\" is not one number per output", STR_FMT(text));
        const float v = (float)d;
        if (base == BASE_LOGIT && !(v > 0.0f && v < 1.0f))
            return op_fail_field(op, "base_score", "base_score %g is not inside (0, 1)", d);
        if (base == BASE_LOG && !(v > 0.0f))
            return op_fail_field(op, "base_score", "base_score %g is not above zero", d);
        m->base_margin[n] = base == BASE_LOGIT ? -logf(1.0f / v - 1.0f) : base == BASE_LOG ? logf(v) : v;
    }
    if (n != 1 && n != m->groups)
        return op_fail_field(op, "base_score", "base_score has %zu values, the model %zu outputs", n, m->groups);
    for (; n < m->groups; n++)
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
        e = xgb_text_i64(op, param, "num_feature", 1, LIMIT_TREE_FEATURES, &features);
    if (!e)
        e = xgb_text_i64(op, param, "num_class", 0, LIMIT_TREE_OUTPUTS, &classes);
    if (!e && json_get(param, "num_target"))
        e = xgb_text_i64(op, param, "num_target", 0, LIMIT_TREE_OUTPUTS, &targets);
    if (!e)
        e = json_want_str(op, param, "base_score", &base);
    if (e)
        return e;
    size_t k = 0;
    while (k < ARRAY_LEN(objectives) && !str_eqc(name, objectives[k].name))
        k++;
    if (k == ARRAY_LEN(objectives))
        return op_fail(op, E_UNSUPPORTED, "objective \"%.*s\" is not known here", STR_FMT(name));
    m->link = objectives[k].link;
    m->features = (size_t)features;
    const bool multi = m->link == XGB_LINK_SOFTMAX || m->link == XGB_LINK_ARGMAX;
    if (multi ? classes < 2 || targets > 1 : classes > 1)
        return op_fail_field(op, "num_class", "num_class %lld with %lld targets does not fit objective %s", (long long)classes,
                             (long long)targets, objectives[k].name);
    m->groups = multi ? (size_t)classes : targets > 1 ? (size_t)targets : 1;
    m->outputs = m->link == XGB_LINK_ARGMAX ? 1 : m->groups;
    return base_read(op, arena, base, objectives[k].base, m);
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
        if (a->items[i].type != JSON_STRING || !str_is_utf8(a->items[i].s))
            return op_fail_field(op, "feature_names", "feature_names[%zu] is not a string", i);
        if (arena_left(arena) < a->items[i].s.len + LIMIT_KIB(64))
            return op_fail(op, E_TOO_LARGE, "no memory for %zu names", m->features);
        m->feature_names[i] = str_dup(arena, a->items[i].s);
    }
    return OK;
}

/* The trees of a file, before they are read. */
struct trees_list {
    const struct json *trees;
    const int64_t *info;     /* group of each */
    const double *weights;   /* dart: factor of each; else NULL */
    size_t len, used;
};

/* How many trees answer: all, or those up to the best iteration (see the header). */
static enum err used_find(struct op *op, const struct json *learner, const struct json *model, size_t vector, const struct xgb_model *m,
                          struct trees_list *l)
{
    const struct json *attributes = json_get(learner, "attributes"), *param = json_get(model, "gbtree_model_param");
    int64_t best = 0, parallel = 1;
    const int64_t *ends = NULL;
    size_t n_ends = 0;
    l->used = l->len;
    if (!json_get(attributes, "scikit_learn") || !json_get(attributes, "best_iteration"))
        return OK;
    enum err e = xgb_text_i64(op, attributes, "best_iteration", 0, INT32_MAX, &best);
    if (!e && json_get(param, "num_parallel_tree"))
        e = xgb_text_i64(op, param, "num_parallel_tree", 0, LIMIT_TREES, &parallel);
    if (!e && json_get(model, "iteration_indptr"))
        e = xgb_ints(op, op->arena, model, "iteration_indptr", &ends, &n_ends);
    if (e)
        return e;
    uint64_t used = (uint64_t)(best + 1) * (uint64_t)(parallel < 1 ? 1 : parallel) * (vector > 1 ? 1 : m->groups);
    if (n_ends)
        used = (uint64_t)best + 1 < n_ends ? (uint64_t)ends[best + 1] : l->len;
    l->used = used < l->len ? (size_t)used : l->len;
    return OK;
}

static enum err list_read(struct op *op, const struct json *model, struct trees_list *l)
{
    const struct json *param = NULL;
    int64_t count = 0;
    size_t n_info = 0;
    enum err e = json_want_object(op, model, "gbtree_model_param", &param);
    if (!e)
        e = xgb_text_i64(op, param, "num_trees", 0, LIMIT_TREES, &count);
    if (!e)
        e = json_want_array(op, model, "trees", &l->trees);
    if (!e)
        e = xgb_ints(op, op->arena, model, "tree_info", &l->info, &n_info);
    if (e)
        return e;
    if (l->trees->len != (uint64_t)count || n_info != (uint64_t)count)
        return op_fail(op, E_INVALID, "num_trees is %lld, but there are %u trees and %zu entries in tree_info",
                       (long long)count, l->trees->len, n_info);
    l->len = (size_t)count;
    return OK;
}

/* The values that each leaf of the first tree holds: all trees must agree. */
static size_t vector_find(const struct trees_list *l)
{
    const struct json *param = l->len ? json_get(&l->trees->items[0], "tree_param") : NULL;
    const struct json *size = json_get(param, "size_leaf_vector");
    int64_t v = 1;
    if (!size || size->type != JSON_STRING || !str_parse_i64(size->s, &v) || v < 1 || v > LIMIT_TREE_OUTPUTS)
        return 1;
    return (size_t)v;
}

static enum err trees_add(struct op *op, const struct trees_list *l, size_t vector, struct xgb_model *m)
{
    struct arena *scratch = arena_create(LIMIT_MODEL_SCRATCH_BYTES);
    enum err e = OK;
    for (size_t i = 0; !e && i < l->used; i++) {
        struct xgb_tree_place place = {.vector = vector, .weight = l->weights ? (float)l->weights[i] : 1.0f};
        if (l->info[i] < 0 || (uint64_t)l->info[i] >= m->groups || (vector > 1 && l->info[i]))
            e = op_fail(op, E_INVALID, "tree_info[%zu] is outside 0..%zu", i, vector > 1 ? 0 : m->groups - 1);
        place.group = (size_t)l->info[i];
        if (!e)
            e = xgb_tree_add(op, m->forest, scratch, &l->trees->items[i], &place);
        if (e)
            op_context(op, "tree %zu", i);
        arena_reset(scratch);
    }
    arena_destroy(scratch);
    return e;
}

static enum err trees_read(struct op *op, struct arena *arena, const struct json *learner, const struct json *booster, bool dart,
                           struct xgb_model *m)
{
    const struct json *model = NULL, *tree_part = booster;
    struct trees_list l = {0};
    size_t weights = 0;
    enum err e = dart ? json_want_object(op, booster, "gbtree", &tree_part) : OK;
    if (!e)
        e = json_want_object(op, tree_part, "model", &model);
    if (!e)
        e = list_read(op, model, &l);
    if (!e && dart)
        e = xgb_reals(op, op->arena, booster, "weight_drop", &l.weights, &weights);
    if (!e && dart && weights != l.len)
        e = op_fail_field(op, "weight_drop", "weight_drop has %zu values for %zu trees", weights, l.len);
    if (e)
        return e;
    const size_t vector = vector_find(&l);
    if (vector > 1 && vector != m->groups)
        return op_fail(op, E_INVALID, "leaves hold %zu values, the model has %zu outputs", vector, m->groups);
    m->vectors = vector > 1;
    e = used_find(op, learner, model, vector, m, &l);
    if (!e)
        e = forest_create(op, arena, m->features, m->groups, l.used, vector > 1 ? FOREST_VECTORS : 0, &m->forest);
    return e ? e : trees_add(op, &l, vector, m);
}

static enum err weights_read(struct op *op, struct arena *arena, const struct json *booster, struct xgb_model *m)
{
    const struct json *model = NULL;
    const double *v = NULL;
    size_t len = 0, want = (m->features + 1) * m->groups;
    enum err e = json_want_object(op, booster, "model", &model);
    if (!e)
        e = xgb_reals(op, op->arena, model, "weights", &v, &len);
    if (!e && len != want)
        e = op_fail_field(op, "weights", "weights has %zu values, %zu are needed", len, want);
    if (e)
        return e;
    m->weights = arena_array(arena, want, float);
    if (!m->weights)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu weights", want);
    for (size_t i = 0; i < want; i++) {
        m->weights[i] = (float)v[i];
        if (!isfinite(m->weights[i]))
            return op_fail_field(op, "weights", "weights[%zu] is not a finite number", i);
    }
    return OK;
}

static enum err booster_read(struct op *op, struct arena *arena, const struct json *learner, struct xgb_model *m)
{
    const struct json *booster = NULL;
    struct str name;
    enum err e = json_want_object(op, learner, "gradient_booster", &booster);
    if (!e)
        e = json_want_str(op, booster, "name", &name);
    if (e)
        return e;
    if (str_eqc(name, "gblinear"))
        return weights_read(op, arena, booster, m);
    if (!str_eqc(name, "gbtree") && !str_eqc(name, "dart"))
        return op_fail(op, E_UNSUPPORTED, "booster \"%.*s\" is not known here", STR_FMT(name));
    return trees_read(op, arena, learner, booster, str_eqc(name, "dart"), m);
}

enum err xgb_load(struct op *op, struct arena *arena, struct str bytes, struct xgb_model *ret)
{
    struct json *doc = NULL;
    const struct json *learner = NULL;
    struct xgb_model m = {0};
    enum err e = ubjson_accepts(bytes) ? ubjson_parse(op, bytes, &doc) : json_parse(op, bytes, JSON_NAN | JSON_PACK, &doc);
    if (!e)
        e = json_want_object(op, doc, "learner", &learner);
    if (!e)
        e = head_read(op, arena, learner, &m);
    if (!e)
        e = names_read(op, arena, learner, &m);
    if (!e)
        e = booster_read(op, arena, learner, &m);
    if (e)
        return op_context(op, "xgboost model");
    *ret = m;
    return OK;
}
