/* The file is lines: a head of key=value, then for each tree a block that begins with Tree=, then "end of trees" and what trained it.
 *     head    num_class, num_tree_per_iteration, max_feature_idx, objective, feature_names (blank between them), average_output
 *     block   num_leaves = n, num_cat, is_linear; n - 1 values each of split_feature, threshold, decision_type, left_child,
 *             right_child; n of leaf_value; cat_boundaries (num_cat + 1) and cat_threshold, 32 categories a number
 * Splits are numbered 0 .. n-2; a child c < 0 is leaf ~c. Here leaf k becomes node n-1+k.
 * decision_type: bit 0 categorical, bit 1 default left, bits 2 and 3 what is missing: 0 nothing, 1 zero, 2 NaN. x <= threshold goes
 * left, in doubles (include/LightGBM/tree.h, NumericalDecision):
 *     nothing is missing   NaN counts as 0
 *     zero is              |x| <= 1e-35 and NaN take the default
 *     NaN is               NaN takes the default
 * A categorical split's threshold is its index in cat_boundaries; a category of the set goes left, all else, NaN too, right (before
 * version 4, NaN counted as category 0 unless NaN is missing).
 * What pandas_categorical says is applied by LightGBM's Python code to data frames, not by its predictor: rows hold codes. */
#include "adapter/trees/lgb_text.h"

#include <math.h>

#include "base/limits.h"

enum { DECISION_SET = 1, DECISION_LEFT = 2, MISSING_NONE = 0, MISSING_ZERO = 1 };

static const struct {
    const char *name;
    enum lgb_link link;
    bool multi;              /* one tree per class and iteration */
} objectives[] = {
    {"regression", LGB_LINK_IDENTITY, false},
    {"regression_l2", LGB_LINK_IDENTITY, false},
    {"regression_l1", LGB_LINK_IDENTITY, false},
    {"huber", LGB_LINK_IDENTITY, false},
    {"fair", LGB_LINK_IDENTITY, false},
    {"quantile", LGB_LINK_IDENTITY, false},
    {"mape", LGB_LINK_IDENTITY, false},
    {"poisson", LGB_LINK_EXP, false},
    {"gamma", LGB_LINK_EXP, false},
    {"tweedie", LGB_LINK_EXP, false},
    {"binary", LGB_LINK_SIGMOID, false},
    {"cross_entropy", LGB_LINK_SIGMOID, false},
    {"cross_entropy_lambda", LGB_LINK_LOG1P_EXP, false},
    {"lambdarank", LGB_LINK_IDENTITY, false},
    {"rank_xendcg", LGB_LINK_IDENTITY, false},
    {"multiclass", LGB_LINK_SOFTMAX, true},
    {"multiclassova", LGB_LINK_SIGMOID, true},
};

bool lgb_accepts(struct str bytes)
{
    struct str head = str_sub(bytes, 0, 64);
    return (str_starts(head, STR("tree\n")) || str_starts(head, STR("tree\r\n"))) && str_find(head, STR("version=")) != SIZE_MAX;
}

/* The next line without its end; false at the end of the text. */
static bool line_next(struct str *rest, struct str *ret)
{
    if (!rest->len)
        return false;
    bool more = str_split(rest, '\n', ret);
    if (more && str_ends(*ret, STR("\r")))
        ret->len--;
    return more;
}

/* Lines of one part: values by key. */
struct part {
    struct str text;
};

static bool part_find(const struct part *p, const char *key, struct str *ret)
{
    const size_t n = strlen(key);
    struct str rest = p->text, line;
    while (line_next(&rest, &line))
        if (line.len > n && line.p[n] == '=' && memcmp(line.p, key, n) == 0) {
            *ret = str_sub(line, n + 1, line.len);
            return true;
        }
    return false;
}

static enum err part_i64(struct op *op, const struct part *p, const char *key, int64_t min, int64_t max, int64_t *ret)
{
    struct str s;
    int64_t v = 0;
    if (!part_find(p, key, &s))
        return op_fail_field(op, key, "%s is missing", key);
    if (!str_parse_i64(str_trim(s), &v) || v < min || v > max)
        return op_fail_field(op, key, "%s is \"%.*s\", not an integer in %lld..%lld", key, STR_FMT(s), (long long)min, (long long)max);
    *ret = v;
    return OK;
}

/* Exactly `n` numbers with blanks between them; whole ones into `ints`, else any into `reals`. */
static enum err part_list(struct op *op, struct arena *scratch, const struct part *p, const char *key, size_t n, int64_t **ret_ints,
                          double **ret_reals)
{
    struct str rest, word;
    if (!part_find(p, key, &rest))
        return op_fail_field(op, key, "%s is missing", key);
    void *room = arena_try_alloc(scratch, n ? n : 1, 8);
    if (!room)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu values of %s", n, key);
    int64_t *ints = room;
    double *reals = room;
    size_t len = 0;
    rest = str_trim(rest);
    while (rest.len && str_split(&rest, ' ', &word)) {
        if (!word.len)
            continue;
        if (len == n || !(ret_ints ? str_parse_i64(word, &ints[len]) : str_parse_f64(word, true, &reals[len])))
            return op_fail_field(op, key, "%s: value %zu of %zu, \"%.*s\", is one too many or no number", key, len, n, STR_FMT(word));
        len++;
    }
    if (len != n)
        return op_fail_field(op, key, "%s has %zu values, %zu are needed", key, len, n);
    if (ret_ints)
        *ret_ints = ints;
    else
        *ret_reals = reals;
    return OK;
}

/* A block while it is read. */
struct reading {
    struct op *op;
    struct arena *scratch;
    struct part part;
    size_t splits, sets, words;
    bool old;                /* before version 4 */
    int64_t *feature, *decision, *left, *right, *boundaries, *set_words;
    double *threshold, *leaf;
    struct forest_tree tree;
    int64_t *nodes_left, *nodes_right, *nodes_feature;
    double *nodes_value;
    uint8_t *go_left, *test;
    struct forest_set *node_sets;
    uint32_t *bits;
};

static enum err sets_read(struct reading *r)
{
    struct op *op = r->op;
    enum err e = part_list(op, r->scratch, &r->part, "cat_boundaries", r->sets + 1, &r->boundaries, NULL);
    if (e)
        return e;
    for (size_t i = 0; i <= r->sets; i++)
        if (r->boundaries[i] < (i ? r->boundaries[i - 1] : 0) || r->boundaries[i] > LIMIT_TREE_SET_WORDS)
            return op_fail_field(op, "cat_boundaries", "cat_boundaries[%zu] is %lld: they must rise, to %u at most", i,
                                 (long long)r->boundaries[i], LIMIT_TREE_SET_WORDS);
    r->words = (size_t)r->boundaries[r->sets];
    e = part_list(op, r->scratch, &r->part, "cat_threshold", r->words, &r->set_words, NULL);
    if (e)
        return e;
    r->bits = arena_array(r->scratch, r->words + 1, uint32_t);
    if (!r->bits)
        return op_fail(op, E_TOO_LARGE, "no memory for categories");
    for (size_t i = 0; i < r->words; i++) {
        if (r->set_words[i] < 0 || r->set_words[i] > UINT32_MAX)
            return op_fail_field(op, "cat_threshold", "cat_threshold[%zu] is not 32 bits", i);
        r->bits[i] = (uint32_t)r->set_words[i];
    }
    return OK;
}

static enum err lists_read(struct reading *r)
{
    struct op *op = r->op;
    struct arena *s = r->scratch;
    enum err e = part_list(op, s, &r->part, "leaf_value", r->splits + 1, NULL, &r->leaf);
    if (e || !r->splits)
        return e;
    e = part_list(op, s, &r->part, "split_feature", r->splits, &r->feature, NULL);
    if (!e)
        e = part_list(op, s, &r->part, "threshold", r->splits, NULL, &r->threshold);
    if (!e)
        e = part_list(op, s, &r->part, "decision_type", r->splits, &r->decision, NULL);
    if (!e)
        e = part_list(op, s, &r->part, "left_child", r->splits, &r->left, NULL);
    if (!e)
        e = part_list(op, s, &r->part, "right_child", r->splits, &r->right, NULL);
    return !e && r->sets ? sets_read(r) : e;
}

static enum err nodes_room(struct reading *r)
{
    const size_t n = 2 * r->splits + 1;
    r->nodes_left = arena_array(r->scratch, n, int64_t);
    r->nodes_right = arena_array(r->scratch, n, int64_t);
    r->nodes_feature = arena_array(r->scratch, n, int64_t);
    r->nodes_value = arena_array(r->scratch, n, double);
    r->go_left = arena_array(r->scratch, n, uint8_t);
    r->test = arena_array(r->scratch, n, uint8_t);
    r->node_sets = r->sets ? arena_array(r->scratch, n, struct forest_set) : NULL;
    if (!r->nodes_left || !r->nodes_right || !r->nodes_feature || !r->nodes_value || !r->go_left || !r->test || (r->sets && !r->node_sets))
        return op_fail(r->op, E_TOO_LARGE, "no memory for %zu nodes", n);
    r->tree = (struct forest_tree){.nodes = n, .left = r->nodes_left, .right = r->nodes_right, .feature = r->nodes_feature,
                                   .value = r->nodes_value, .default_left = r->go_left, .test = r->test, .sets = r->node_sets};
    return OK;
}

static enum err set_fill(struct reading *r, size_t i, int64_t missing)
{
    const double at = r->threshold[i];
    if (!(at >= 0 && at < (double)r->sets))
        return op_fail_field(r->op, "threshold", "threshold[%zu] is %g, not one of %zu sets of categories", i, at, r->sets);
    const int64_t from = r->boundaries[(size_t)at], to = r->boundaries[(size_t)at + 1];
    r->node_sets[i] = (struct forest_set){r->bits + from, (size_t)(to - from)};
    r->test[i] = FOREST_SET;
    r->go_left[i] = r->old && missing <= MISSING_ZERO && to > from && (r->bits[from] & 1u);
    return OK;
}

/* The T for which x < T holds exactly when LightGBM says x <= t. Its predictor takes |x| <= 1e-35 as 0 before it compares. */
static double threshold_below(double t)
{
    const double zero = (double)1e-35f;
    if (t >= -zero && t < 0)
        return -zero;
    return nextafter(t >= 0 && t < zero ? zero : t, (double)INFINITY);
}

static enum err split_fill(struct reading *r, size_t i)
{
    const int64_t decision = r->decision[i], missing = decision >> 2, child[2] = {r->left[i], r->right[i]};
    int64_t to[2];
    if (decision < 0 || missing > 2)
        return op_fail_field(r->op, "decision_type", "decision_type[%zu] is %lld", i, (long long)decision);
    for (int k = 0; k < 2; k++) {
        if (child[k] >= (int64_t)r->splits || child[k] < -(int64_t)r->splits - 1)
            return op_fail_field(r->op, "left_child", "split %zu: child %lld is out of range", i, (long long)child[k]);
        to[k] = child[k] >= 0 ? child[k] : (int64_t)r->splits + ~child[k];
    }
    r->nodes_left[i] = to[0];
    r->nodes_right[i] = to[1];
    r->nodes_feature[i] = r->feature[i];
    if (decision & DECISION_SET)
        return set_fill(r, i, missing);
    const double t = r->threshold[i];
    r->test[i] = missing == MISSING_ZERO ? FOREST_LESS_ZERO : FOREST_LESS;
    r->go_left[i] = missing == MISSING_NONE ? t >= 0 : (decision & DECISION_LEFT) != 0;
    r->nodes_value[i] = threshold_below(t);
    if (t == (double)INFINITY) { /* even infinity goes left: so nothing is below, and the children change places */
        r->nodes_value[i] = -(double)INFINITY;
        r->nodes_left[i] = to[1];
        r->nodes_right[i] = to[0];
        r->go_left[i] = !r->go_left[i];
    }
    return OK;
}

static enum err tree_add(struct op *op, struct forest *f, struct arena *scratch, struct str text, bool old, size_t group)
{
    struct reading r = {.op = op, .scratch = scratch, .part = {text}, .old = old};
    int64_t leaves = 0, sets = 0, linear = 0;
    struct str unused;
    enum err e = part_i64(op, &r.part, "num_leaves", 1, LIMIT_TREE_NODES / 2, &leaves);
    if (!e && part_find(&r.part, "num_cat", &unused))
        e = part_i64(op, &r.part, "num_cat", 0, LIMIT_TREE_NODES, &sets);
    if (!e && part_find(&r.part, "is_linear", &unused))
        e = part_i64(op, &r.part, "is_linear", 0, 1, &linear);
    if (!e && linear)
        e = op_fail(op, E_UNSUPPORTED, "its leaves hold linear models, which are not known here");
    r.splits = (size_t)leaves - 1;
    r.sets = (size_t)sets;
    if (!e)
        e = lists_read(&r);
    if (!e)
        e = nodes_room(&r);
    for (size_t i = 0; !e && i < r.splits; i++)
        e = split_fill(&r, i);
    for (size_t i = 0; !e && i <= r.splits; i++) {
        r.nodes_left[r.splits + i] = r.nodes_right[r.splits + i] = -1;
        r.nodes_value[r.splits + i] = r.leaf[i];
    }
    r.tree.group = group;
    return e ? e : forest_add(op, f, scratch, &r.tree);
}

static enum err names_read(struct op *op, struct arena *arena, const struct part *head, struct lgb_model *m)
{
    struct str rest, word;
    size_t n = 0;
    m->feature_names = arena_array(arena, m->features, struct str);
    if (!m->feature_names)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu names", m->features);
    if (!part_find(head, "feature_names", &rest))
        return op_fail_field(op, "feature_names", "feature_names is missing");
    while (rest.len && str_split(&rest, ' ', &word)) {
        if (arena_left(arena) < word.len + LIMIT_KIB(64))
            return op_fail(op, E_TOO_LARGE, "no memory for %zu names", m->features);
        if (n == m->features || !str_is_utf8(word))
            return op_fail_field(op, "feature_names", "feature_names are not %zu names", m->features);
        m->feature_names[n++] = str_dup(arena, word);
    }
    return n == m->features ? OK : op_fail_field(op, "feature_names", "feature_names are %zu, not %zu", n, m->features);
}

/* "binary sigmoid:1", "multiclass num_class:3", "regression sqrt" ... */
static enum err objective_read(struct op *op, const struct part *head, struct lgb_model *m)
{
    struct str rest, word = {"", 0};
    m->sigmoid = 1;
    m->link = LGB_LINK_IDENTITY;
    if (!part_find(head, "objective", &rest)) /* trained with an objective of the user's own: raw sums */
        return OK;
    rest = str_trim(rest);
    if (!rest.len || !str_split(&rest, ' ', &word))
        return OK;
    size_t k = 0;
    while (k < ARRAY_LEN(objectives) && !str_eqc(word, objectives[k].name))
        k++;
    if (k == ARRAY_LEN(objectives)) {
        if (str_eqc(word, "custom") || str_eqc(word, "none"))
            return OK;
        return op_fail(op, E_UNSUPPORTED, "objective \"%.*s\" is not known here", STR_FMT(word));
    }
    if (!objectives[k].multi && m->outputs > 1)
        return op_fail_field(op, "objective", "objective %s does not have %zu outputs", objectives[k].name, m->outputs);
    m->link = objectives[k].link;
    while (rest.len && str_split(&rest, ' ', &word)) {
        if (str_eqc(word, "sqrt") && m->link == LGB_LINK_IDENTITY)
            m->link = LGB_LINK_SQUARE;
        if (str_starts(word, STR("sigmoid:")) &&
            (!str_parse_f64(str_sub(word, 8, word.len), false, &m->sigmoid) || !(m->sigmoid > 0)))
            return op_fail_field(op, "objective", "\"%.*s\" is not a factor above zero", STR_FMT(word));
    }
    return OK;
}

static enum err head_read(struct op *op, struct arena *arena, const struct part *head, struct lgb_model *m)
{
    int64_t last = 0, outputs = 1;
    struct str unused;
    enum err e = part_i64(op, head, "max_feature_idx", 0, LIMIT_TREE_FEATURES - 1, &last);
    if (!e)
        e = part_i64(op, head, part_find(head, "num_tree_per_iteration", &unused) ? "num_tree_per_iteration" : "num_class", 1,
                     LIMIT_TREE_OUTPUTS, &outputs);
    m->features = (size_t)last + 1;
    m->outputs = (size_t)outputs;
    if (!e)
        e = names_read(op, arena, head, m);
    return e ? e : objective_read(op, head, m);
}

/* Where the next tree begins in `text`, or its end. */
static size_t tree_begin(struct str text)
{
    if (str_starts(text, STR("Tree=")))
        return 0;
    size_t at = str_find(text, STR("\nTree="));
    return at == SIZE_MAX ? text.len : at + 1;
}

static enum err trees_read(struct op *op, struct arena *arena, const struct part *head, struct str text, bool old, struct lgb_model *m)
{
    const bool average = str_find(head->text, STR("\naverage_output")) != SIZE_MAX;
    size_t count = 0, sizes = 0;
    struct str list, word;
    if (part_find(head, "tree_sizes", &list))
        while (list.len && str_split(&list, ' ', &word))
            sizes += word.len > 0;
    for (struct str rest = text; rest.len; count++)
        rest = str_sub(rest, 1 + tree_begin(str_sub(rest, 1, rest.len)), rest.len);
    if (count != sizes || count % m->outputs)
        return op_fail(op, E_INVALID, "%zu trees for %zu outputs, tree_sizes speaks of %zu", count, m->outputs, sizes);
    m->divisor = average && count ? (double)(count / m->outputs) : 1;
    enum err e = forest_create(op, arena, m->features, m->outputs, count, FOREST_F64_SUMS | FOREST_F64_ROWS, &m->forest);
    if (e)
        return e;
    struct arena *scratch = arena_create(LIMIT_MODEL_SCRATCH_BYTES);
    for (size_t i = 0; !e && i < count; i++) {
        size_t len = 1 + tree_begin(str_sub(text, 1, text.len));
        e = tree_add(op, m->forest, scratch, str_sub(text, 0, len), old, i % m->outputs);
        if (e)
            op_context(op, "tree %zu", i);
        text = str_sub(text, len, text.len);
        arena_reset(scratch);
    }
    arena_destroy(scratch);
    return e;
}

enum err lgb_load(struct op *op, struct arena *arena, struct str bytes, struct lgb_model *ret)
{
    struct lgb_model m = {0};
    const size_t end = str_find(bytes, STR("\nend of trees"));
    if (end == SIZE_MAX)
        return op_fail(op, E_INVALID, "lightgbm model: the line \"end of trees\" is missing: the file is cut off");
    const struct str text = str_sub(bytes, 0, end + 1);
    const size_t trees = tree_begin(text);
    const struct part head = {str_sub(text, 0, trees)};
    struct str version = {"", 0};
    enum err e = OK;
    if (part_find(&head, "version", &version))
        version = str_trim(version);
    if (!str_eqc(version, "v4") && !str_eqc(version, "v3") && !str_eqc(version, "v2"))
        e = op_fail(op, E_UNSUPPORTED, "version \"%.*s\" is not known here", STR_FMT(version));
    if (!e)
        e = head_read(op, arena, &head, &m);
    if (!e)
        e = trees_read(op, arena, &head, str_sub(text, trees, text.len), !str_eqc(version, "v4"), &m);
    if (e)
        return op_context(op, "lightgbm model");
    *ret = m;
    return OK;
}
