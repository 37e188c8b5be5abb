/* TreeEnsembleClassifier and TreeEnsembleRegressor (ai.onnx.ml 1 .. 3) by num/forest.
 *
 * The attributes are parallel lists: one item per node in nodes_*, one item per number in a leaf in class_* or target_*. A node is named
 * by its tree's and its own number. `x <= t` (BRANCH_LEQ) goes to the true child; the forest knows `x < T` only, so T is the next
 * double above t, and for > and >= the children change places. A missing value compares false unless
 * nodes_missing_value_tracks_true says otherwise.
 *
 * Where each leaf holds one number and all of a tree for the same output, leaves are scalars, else vectors of all outputs.
 * Sums of floats are made in floats, tree by tree, as ONNX Runtime makes them: votes that are level stay level.
 *
 * Two classes: the specification is vague, ONNX Runtime's rule (core/providers/cpu/ml/tree_ensemble_aggregator.h) is followed where
 * the file gives one score. If all weights are positive, the score is the second class's probability and wins above 1/2;
 * else it is a margin and wins above 0. */
#include <math.h>
#include <stdio.h>

#include "adapter/onnxml/kernel.h"
#include "num/forest.h"

struct tree_state {
    struct forest *forest;
    size_t features, groups; /* groups: sums of a row */
    bool doubles;            /* rows and sums are doubles */
    bool f64_sums;           /* rows are floats, sums doubles: vectors */
    bool classes, binary, positive;
    double divisor;
    const double *base;      /* `groups` of them */
    struct onnxml_labels labels;
    enum onnxml_transform transform;
};

/* A node's lists, and the leaves' numbers, while a forest is made. */
struct lists {
    struct op *op;
    struct arena *scratch;
    const int64_t *tree, *id, *feature, *yes, *no, *missing;
    const struct str *mode;
    const double *value;
    size_t nodes;
    const int64_t *leaf_tree, *leaf_id, *leaf_target;
    const double *weight;
    size_t weights;
    size_t *tree_start;      /* first node of each tree, and the end */
    size_t trees;
    size_t *first, *next;    /* numbers of a node, + 1: 0 ends */
    bool doubles;            /* numbers were given as doubles */
};

static enum err ints_want(struct lists *l, const struct onnxml_node *node, const char *name, size_t n, const int64_t **ret)
{
    const struct onnxml_attr *a = onnxml_attr(node, name);
    if (!a || a->int_count != n)
        return op_fail(l->op, E_INVALID, "%s has %zu values, not %zu", name, a ? a->int_count : 0, n);
    *ret = a->ints;
    return OK;
}

/* Floats, or doubles in a tensor of the same name with _as_tensor; SIZE_MAX: any number. */
static enum err reals_want(struct lists *l, const struct onnxml_node *node, const char *name, size_t n, const double **ret, size_t *ret_count)
{
    char tensor_name[64];
    snprintf(tensor_name, sizeof(tensor_name), "%s_as_tensor", name);
    const struct onnxml_attr *a = onnxml_attr(node, name), *t = onnxml_attr(node, tensor_name);
    const bool tensor = t && (t->tensor.type == TENSOR_FP64 || t->tensor.type == TENSOR_FP32);
    const size_t count = tensor ? t->tensor.count : a ? a->float_count : 0;
    double *v = arena_array(l->op->arena, count + 1, double);
    if (!v)
        return op_fail(l->op, E_TOO_LARGE, "no memory for %zu values", count);
    if (n != SIZE_MAX && count != n)
        return op_fail(l->op, E_INVALID, "%s has %zu values, not %zu", name, count, n);
    for (size_t i = 0; i < count; i++)
        v[i] = tensor ? onnxml_get(&t->tensor, i) : (double)a->floats[i];
    l->doubles = l->doubles || (tensor && t->tensor.type == TENSOR_FP64);
    *ret = v;
    if (ret_count)
        *ret_count = count;
    return OK;
}

static enum err lists_read(struct lists *l, const struct onnxml_node *node, bool classes)
{
    const struct onnxml_attr *modes = onnxml_attr(node, "nodes_modes"), *missing = onnxml_attr(node, "nodes_missing_value_tracks_true"),
                             *targets = onnxml_attr(node, classes ? "class_ids" : "target_ids");
    if (!modes || !modes->string_count || !targets || !targets->int_count)
        return op_fail(l->op, E_UNSUPPORTED, "an ensemble without nodes or leaves");
    l->nodes = modes->string_count;
    l->weights = targets->int_count;
    l->mode = modes->strings;
    l->leaf_target = targets->ints;
    enum err e = ints_want(l, node, "nodes_treeids", l->nodes, &l->tree);
    if (!e)
        e = ints_want(l, node, "nodes_nodeids", l->nodes, &l->id);
    if (!e)
        e = ints_want(l, node, "nodes_featureids", l->nodes, &l->feature);
    if (!e)
        e = ints_want(l, node, "nodes_truenodeids", l->nodes, &l->yes);
    if (!e)
        e = ints_want(l, node, "nodes_falsenodeids", l->nodes, &l->no);
    if (!e && missing && missing->int_count)
        e = ints_want(l, node, "nodes_missing_value_tracks_true", l->nodes, &l->missing);
    if (!e)
        e = reals_want(l, node, "nodes_values", l->nodes, &l->value, NULL);
    if (!e)
        e = ints_want(l, node, classes ? "class_treeids" : "target_treeids", l->weights, &l->leaf_tree);
    if (!e)
        e = ints_want(l, node, classes ? "class_nodeids" : "target_nodeids", l->weights, &l->leaf_id);
    if (!e)
        e = reals_want(l, node, classes ? "class_weights" : "target_weights", l->weights, &l->weight, NULL);
    return e;
}

/* Trees follow one another with rising numbers, and so do the nodes in them: what every converter writes. */
static enum err trees_find(struct lists *l)
{
    l->tree_start = arena_array(l->op->arena, l->nodes + 1, size_t);
    l->first = arena_array(l->op->arena, l->nodes, size_t);
    l->next = arena_array(l->op->arena, l->weights, size_t);
    if (!l->tree_start || !l->first || !l->next)
        return op_fail(l->op, E_TOO_LARGE, "no memory for %zu nodes", l->nodes);
    for (size_t i = 0; i < l->nodes; i++) {
        if (!i || l->tree[i] != l->tree[i - 1]) {
            if (i && l->tree[i] < l->tree[i - 1])
                return op_fail(l->op, E_UNSUPPORTED, "trees out of order");
            l->tree_start[l->trees++] = i;
        }
        if (l->id[i] != (int64_t)(i - l->tree_start[l->trees - 1]))
            return op_fail(l->op, E_UNSUPPORTED, "tree %lld: nodes out of order", (long long)l->tree[i]);
    }
    l->tree_start[l->trees] = l->nodes;
    return OK;
}

static size_t tree_find(const struct lists *l, int64_t id)
{
    size_t low = 0, high = l->trees;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (l->tree[l->tree_start[mid]] < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low < l->trees && l->tree[l->tree_start[low]] == id ? low : SIZE_MAX;
}

/* Hangs each number on its leaf, the first given first. */
static enum err weights_hang(struct lists *l, size_t targets)
{
    for (size_t i = l->weights; i-- > 0;) {
        const size_t tree = tree_find(l, l->leaf_tree[i]);
        const size_t nodes = tree == SIZE_MAX ? 0 : l->tree_start[tree + 1] - l->tree_start[tree];
        if (l->leaf_id[i] < 0 || (uint64_t)l->leaf_id[i] >= nodes || l->leaf_target[i] < 0 || (uint64_t)l->leaf_target[i] >= targets)
            return op_fail(l->op, E_INVALID, "number %zu of the leaves: its tree, node or output is not there", i);
        const size_t at = l->tree_start[tree] + (size_t)l->leaf_id[i];
        if (!str_eqc(l->mode[at], "LEAF"))
            return op_fail(l->op, E_INVALID, "number %zu of the leaves: its node is no leaf", i);
        l->next[i] = l->first[at];
        l->first[at] = i + 1;
    }
    return OK;
}

/* The output of all leaves of a tree, if each has one number for that same output; SIZE_MAX. */
static size_t tree_group(const struct lists *l, size_t tree)
{
    size_t group = SIZE_MAX;
    for (size_t i = l->tree_start[tree]; i < l->tree_start[tree + 1]; i++) {
        if (!str_eqc(l->mode[i], "LEAF"))
            continue;
        if (!l->first[i] || l->next[l->first[i] - 1])
            return SIZE_MAX;
        size_t target = (size_t)l->leaf_target[l->first[i] - 1];
        if (group != SIZE_MAX && group != target)
            return SIZE_MAX;
        group = target;
    }
    return group;
}

/* Does every sum get a number from every row? Then none is "without a score", which ONNX Runtime treats apart. */
static bool all_scored(const struct lists *l, size_t targets)
{
    for (size_t t = 0; t < targets; t++) {
        bool scored = false;
        for (size_t tree = 0; tree < l->trees && !scored; tree++) {
            scored = true;
            for (size_t i = l->tree_start[tree]; i < l->tree_start[tree + 1] && scored; i++) {
                bool has = !str_eqc(l->mode[i], "LEAF");
                for (size_t w = l->first[i]; w && !has; w = l->next[w - 1])
                    has = (size_t)l->leaf_target[w - 1] == t;
                scored = has;
            }
        }
        if (!scored)
            return false;
    }
    return true;
}

struct arrays {
    int64_t *left, *right;
    double *value, *vectors;
    uint8_t *go_left;
};

static enum err split_fill(const struct lists *l, size_t i, struct arrays *a, size_t at)
{
    static const struct {
        const char *name;
        bool above;          /* T is the next number above t */
        bool turned;         /* the true child is the right one */
    } modes[] = {{"BRANCH_LEQ", true, false}, {"BRANCH_LT", false, false}, {"BRANCH_GTE", false, true}, {"BRANCH_GT", true, true}};
    size_t m = 0;
    while (m < ARRAY_LEN(modes) && !str_eqc(l->mode[i], modes[m].name))
        m++;
    if (m == ARRAY_LEN(modes))
        return op_fail(l->op, E_UNSUPPORTED, "nodes with mode %.*s", STR_FMT(l->mode[i]));
    bool turned = modes[m].turned, missing_yes = l->missing && l->missing[i] != 0;
    double t = modes[m].above ? nextafter(l->value[i], (double)INFINITY) : l->value[i];
    if (modes[m].above && l->value[i] == (double)INFINITY) { /* all are below: nothing is, and the children change places */
        t = -(double)INFINITY;
        turned = !turned;
    }
    a->left[at] = turned ? l->no[i] : l->yes[i];
    a->right[at] = turned ? l->yes[i] : l->no[i];
    a->value[at] = t;
    a->go_left[at] = turned ? !missing_yes : missing_yes;
    return OK;
}

static enum err tree_add(struct lists *l, struct forest *f, size_t tree, size_t outputs, bool vectors)
{
    const size_t from = l->tree_start[tree], n = l->tree_start[tree + 1] - from;
    struct arrays a = {arena_array(l->scratch, n, int64_t), arena_array(l->scratch, n, int64_t), arena_array(l->scratch, n, double),
                       vectors ? arena_try_alloc(l->scratch, n * outputs, sizeof(double)) : NULL, arena_array(l->scratch, n, uint8_t)};
    if (!a.left || !a.right || !a.value || !a.go_left || (vectors && !a.vectors))
        return op_fail(l->op, E_TOO_LARGE, "no memory for a tree of %zu nodes", n);
    enum err e = OK;
    for (size_t i = 0; !e && i < n; i++) {
        if (!str_eqc(l->mode[from + i], "LEAF")) {
            e = split_fill(l, from + i, &a, i);
            continue;
        }
        a.left[i] = a.right[i] = -1;
        for (size_t w = l->first[from + i]; w; w = l->next[w - 1]) {
            if (vectors)
                a.vectors[i * outputs + (size_t)l->leaf_target[w - 1]] += l->weight[w - 1];
            else
                a.value[i] = l->weight[w - 1];
        }
    }
    const struct forest_tree t = {.nodes = n, .left = a.left, .right = a.right, .feature = l->feature + from, .value = a.value,
                                  .default_left = a.go_left, .vectors = a.vectors, .group = vectors ? 0 : tree_group(l, tree)};
    if (!e)
        e = forest_add(l->op, f, l->scratch, &t);
    if (e)
        op_context(l->op, "tree %zu", tree);
    arena_reset(l->scratch);
    return e;
}

static enum err forest_make(struct lists *l, struct arena *arena, struct tree_state *s)
{
    bool vectors = false;
    int64_t top = 0;
    for (size_t i = 0; i < l->trees; i++)
        vectors = vectors || tree_group(l, i) == SIZE_MAX;
    for (size_t i = 0; i < l->nodes; i++)
        top = l->feature[i] > top && !str_eqc(l->mode[i], "LEAF") ? l->feature[i] : top;
    s->features = (size_t)top + 1;
    s->f64_sums = vectors;
    unsigned flags = (vectors ? FOREST_VECTORS : 0) | (s->doubles ? FOREST_F64_SUMS | FOREST_F64_ROWS : 0);
    return forest_create(l->op, arena, s->features, s->groups, l->trees, flags, &s->forest);
}

/* Refused: what a forest that has only just been made cannot tell from what the file means. */
static enum err classes_check(struct lists *l, const struct tree_state *s, size_t bases)
{
    bool first_only = true;
    for (size_t i = 0; i < l->weights; i++)
        first_only = first_only && l->leaf_target[i] == 0;
    if (s->labels.count == 1 || (s->labels.count == 2 && (!first_only || bases > 1)))
        return op_fail(l->op, E_UNSUPPORTED, "two classes in a form that ONNX leaves open");
    if (s->labels.count > 2 && bases != s->labels.count && !all_scored(l, s->groups))
        return op_fail(l->op, E_UNSUPPORTED, "classes that not every row has a score for");
    return OK;
}

static enum err base_keep(struct lists *l, struct arena *arena, const struct onnxml_node *node, struct tree_state *s, size_t *ret_count)
{
    const double *base = NULL;
    enum err e = reals_want(l, node, "base_values", SIZE_MAX, &base, ret_count);
    double *all = arena_array(arena, s->groups, double);
    if (!e && !all)
        e = op_fail(l->op, E_TOO_LARGE, "no memory for base values");
    if (!e && *ret_count && *ret_count != s->groups)
        e = op_fail(l->op, E_UNSUPPORTED, "%zu base values for %zu sums", *ret_count, s->groups);
    for (size_t i = 0; !e && i < *ret_count; i++)
        all[i] = base[i];
    s->base = all;
    return e;
}

static enum err targets_read(struct op *op, struct arena *arena, const struct onnxml_node *node, struct tree_state *s)
{
    const struct str aggregate = onnxml_attr_str(node, "aggregate_function", "SUM");
    enum err e = onnxml_transform_read(op, node, &s->transform);
    if (!e && s->classes)
        e = onnxml_labels_keep(op, arena, node, "classlabels_int64s", "classlabels_strings", &s->labels);
    if (e)
        return e;
    int64_t targets = s->classes ? (int64_t)s->labels.count : onnxml_attr_i64(node, "n_targets", 1);
    s->binary = s->classes && targets == 2;
    s->groups = s->binary ? 1 : (size_t)targets;
    if (targets < 1 || targets > LIMIT_TREE_OUTPUTS)
        return op_fail(op, E_UNSUPPORTED, "%lld outputs", (long long)targets);
    if (!s->classes && (s->transform != ONNXML_NONE || (!str_eqc(aggregate, "SUM") && !str_eqc(aggregate, "AVERAGE"))))
        return op_fail(op, E_UNSUPPORTED, "an ensemble with a transform, or another aggregate than sum and average");
    s->divisor = str_eqc(aggregate, "AVERAGE") ? 0 : 1;
    return OK;
}

static enum err trees_prepare(struct op *op, struct arena *arena, const struct onnxml_node *node, const struct onnxml_graph *g, void **ret_state)
{
    struct tree_state *s = arena_new(arena, struct tree_state);
    struct lists l = {.op = op};
    size_t bases = 0;
    s->classes = str_eqc(node->type, "TreeEnsembleClassifier");
    *ret_state = s;
    enum err e = targets_read(op, arena, node, s);
    if (!e)
        e = lists_read(&l, node, s->classes);
    if (!e)
        e = trees_find(&l);
    if (!e)
        e = base_keep(&l, arena, node, s, &bases);
    if (!e)
        e = weights_hang(&l, s->classes ? s->labels.count : s->groups);
    if (!e && s->classes)
        e = classes_check(&l, s, bases);
    if (e)
        return e;
    s->doubles = l.doubles;
    for (size_t i = 0; i < g->input_count; i++)
        s->doubles = s->doubles || g->inputs[i].type == TENSOR_FP64;
    s->positive = true;
    for (size_t i = 0; i < l.weights; i++)
        s->positive = s->positive && l.weight[i] >= 0;
    s->divisor = s->divisor > 0 ? 1 : (double)l.trees;
    l.scratch = arena_create(LIMIT_MODEL_SCRATCH_BYTES);
    e = forest_make(&l, arena, s);
    for (size_t i = 0; !e && i < l.trees; i++)
        e = tree_add(&l, s->forest, i, s->groups, s->f64_sums);
    arena_destroy(l.scratch);
    return e;
}

/* Rows as the forest wants them: `features` columns, of those that the input has. */
static enum err rows_get(struct onnxml_call *c, const struct tree_state *s, size_t *ret_n, const void **ret)
{
    const struct tensor *t = c->in[0];
    size_t width = 0;
    enum err e = onnxml_matrix(c, t, ret_n, &width);
    if (!e && width < s->features)
        e = op_fail(c->op, E_INVALID, "%s: %zu columns, at least %zu are needed", c->step->kernel->type, width, s->features);
    if (e)
        return e;
    const bool as_is = t->type == (s->doubles ? TENSOR_FP64 : TENSOR_FP32);
    if (as_is && width == s->features) {
        *ret = t->data;
        return OK;
    }
    const size_t size = s->doubles ? sizeof(double) : sizeof(float);
    char *rows = arena_try_alloc(c->op->arena, *ret_n ? *ret_n * s->features : 1, size);
    if (!rows)
        return op_fail(c->op, E_TOO_LARGE, "%s: no memory for %zu rows", c->step->kernel->type, *ret_n);
    for (size_t i = 0; i < *ret_n; i++)
        for (size_t k = 0; k < s->features; k++) {
            const double v = onnxml_get(t, i * width + k);
            if (s->doubles)
                ((double *)(void *)rows)[i * s->features + k] = v;
            else
                ((float *)(void *)rows)[i * s->features + k] = (float)v;
        }
    *ret = rows;
    return OK;
}

/* Sums with the base values, as floats, for all rows. */
static enum err sums_make(struct onnxml_call *c, const struct tree_state *s, size_t *ret_n, float **ret)
{
    const void *rows = NULL;
    enum err e = rows_get(c, s, ret_n, &rows);
    if (e)
        return e;
    const size_t n = *ret_n * s->groups;
    const bool wide = s->doubles || s->f64_sums;
    float *sums = arena_array(c->op->arena, n ? n : 1, float);
    double *doubles = wide ? arena_array(c->op->arena, n ? n : 1, double) : NULL;
    if (!sums || (wide && !doubles))
        return op_fail(c->op, E_TOO_LARGE, "%s: no memory for %zu rows", c->step->kernel->type, *ret_n);
    if (s->doubles)
        forest_sum_f64(s->forest, rows, *ret_n, doubles);
    else if (wide)
        forest_sum_rows(s->forest, rows, *ret_n, doubles);
    else
        forest_sum(s->forest, rows, *ret_n, sums);
    for (size_t i = 0; i < n; i++)
        sums[i] = wide ? (float)(doubles[i] / s->divisor + s->base[i % s->groups])
                       : (float)((double)sums[i] / s->divisor) + (float)s->base[i % s->groups];
    *ret = sums;
    return OK;
}

static enum err regressor_run(struct onnxml_call *c)
{
    const struct tree_state *s = onnxml_state(c);
    size_t n = 0;
    float *sums = NULL;
    enum err e = sums_make(c, s, &n, &sums);
    if (!e)
        e = onnxml_out(c, 0, TENSOR_FP32, 2, (int64_t[]){(int64_t)n, (int64_t)s->groups});
    if (!e)
        memcpy(onnxml_data(c->out[0]), sums, n * s->groups * sizeof(float));
    return e;
}

/* Two classes from one score; true: the second. */
static bool pair_make(const struct tree_state *s, float score, float *out)
{
    const bool second = s->positive ? score > 0.5f : score > 0;
    out[0] = s->positive ? 1 - score : -score;
    out[1] = score;
    if (!s->positive)
        onnxml_transform_apply(s->transform == ONNXML_LOGISTIC ? ONNXML_LOGISTIC : ONNXML_NONE, out, 2);
    return second;
}

static enum err classifier_run(struct onnxml_call *c)
{
    const struct tree_state *s = onnxml_state(c);
    const size_t classes = s->labels.count;
    size_t n = 0;
    float *sums = NULL;
    struct tensor unused = {0}, *scores = c->step->out_count > 1 && c->out[1] ? c->out[1] : &unused;
    struct onnxml_call inner = *c;
    inner.out = (struct tensor *const[]){scores};
    enum err e = sums_make(c, s, &n, &sums);
    if (!e)
        e = onnxml_out(&inner, 0, TENSOR_FP32, 2, (int64_t[]){(int64_t)n, (int64_t)classes});
    if (!e && c->out[0])
        e = onnxml_labels_out(c, 0, &s->labels, n);
    if (e)
        return e;
    float *out = onnxml_data(scores);
    for (size_t i = 0; i < n; i++, out += classes) {
        size_t best = 0;
        if (s->binary) {
            best = pair_make(s, sums[i], out);
        } else {
            memcpy(out, sums + i * classes, classes * sizeof(float));
            for (size_t k = 1; k < classes; k++)
                best = out[k] > out[best] ? k : best;
            onnxml_transform_apply(s->transform, out, classes);
        }
        if (c->out[0])
            onnxml_label_put(c->out[0], i, &s->labels, best);
    }
    return OK;
}

/* clang-format off */
const struct onnxml_kernel onnxml_tree_kernels[] = {
    {"TreeEnsembleRegressor", true, 1, 1, 0, trees_prepare, regressor_run},
    {"TreeEnsembleClassifier", true, 1, 1, 0, trees_prepare, classifier_run},
    {0},
};
