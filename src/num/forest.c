/* How a tree is built. The file's nodes are placed breadth first, so the top levels share cache lines and the two children
 * of a node lie beside each other. Each node is placed once and only from a placed parent, so a walk that ends with as many
 * placed nodes as the file says are alive has proved that the links form one tree.
 *
 * A threshold T of the file is a double, a row's value x may be a float. With S = the smallest float >= T, x < T holds exactly when
 * x < S does: so a forest with double thresholds still has narrow trees for rows of floats. */
#include "num/forest.h"

#include <assert.h>
#include <math.h>

#include "num/forest_node.h"

enum err forest_create(struct op *op, struct arena *arena, size_t features, size_t outputs, size_t trees,
                       unsigned flags, struct forest **ret)
{
    if (!features || features > LIMIT_TREE_FEATURES)
        return op_fail(op, E_TOO_LARGE, "%zu features; a tree model may have 1 to %u", features, LIMIT_TREE_FEATURES);
    if (!outputs || outputs > LIMIT_TREE_OUTPUTS)
        return op_fail(op, E_TOO_LARGE, "%zu outputs; a tree model may have 1 to %d", outputs, LIMIT_TREE_OUTPUTS);
    if (trees > LIMIT_TREES)
        return op_fail(op, E_TOO_LARGE, "%zu trees; a model may have %d", trees, LIMIT_TREES);
    struct forest *f = arena_new(arena, struct forest);
    *f = (struct forest){.arena = arena, .features = features, .outputs = outputs, .cap = trees, .flags = flags};
    f->trees = arena_array(arena, trees ? trees : 1, struct tree);
    f->trees_f64 = flags & FOREST_F64_ROWS ? arena_array(arena, trees ? trees : 1, struct tree) : NULL;
    if (!f->trees || (flags & FOREST_F64_ROWS && !f->trees_f64))
        return op_fail(op, E_TOO_LARGE, "no memory for %zu trees", trees);
    *ret = f;
    return OK;
}

/* Where the builder is: the file's node `order[slot]` stands at `slot` of the new order. */
struct build {
    const struct forest_tree *t;
    uint32_t *order;
    uint32_t *level;         /* depth */
    uint32_t *child;         /* slot of the left child; 0: a leaf */
    uint8_t *seen;           /* node of the file is placed */
    uint32_t placed, room;   /* slots in use, slots there */
    uint32_t leaves;         /* found so far */
    uint64_t set_words;
    bool wide;
};

static enum forest_test node_test(const struct forest_tree *t, size_t node)
{
    enum forest_test test = t->test ? (enum forest_test)t->test[node] : FOREST_LESS;
    /* Where zero goes by the threshold as it does when missing, there is nothing special about it. */
    if (test == FOREST_LESS_ZERO && (t->default_left[node] ? t->value[node] > FOREST_ZERO : t->value[node] <= -FOREST_ZERO))
        return FOREST_LESS;
    return test;
}

static enum err split_check(struct op *op, const struct forest *f, struct build *b, uint32_t from)
{
    const struct forest_tree *t = b->t;
    if (t->feature[from] < 0 || (uint64_t)t->feature[from] >= f->features)
        return op_fail(op, E_INVALID, "node %u: feature %lld is outside 0..%zu", from, (long long)t->feature[from],
                       f->features - 1);
    enum forest_test test = node_test(t, from);
    if (test == FOREST_SET)
        b->set_words += t->sets[from].len;
    else if (isnan(t->value[from]))
        return op_fail(op, E_INVALID, "node %u: its threshold is not a number", from);
    if (test != FOREST_LESS || t->feature[from] > NARROW_FEATURE_MASK)
        b->wide = true;
    return OK;
}

static enum err leaf_check(struct op *op, const struct forest *f, const struct forest_tree *t, uint32_t from)
{
    bool finite = true;
    if (!(f->flags & FOREST_VECTORS))
        finite = isfinite(forest_sums_f64(f) ? t->value[from] : (double)(float)t->value[from]);
    else
        for (size_t k = 0; k < f->outputs; k++)
            finite = finite && isfinite(t->vectors[from * f->outputs + k]);
    return finite ? OK : op_fail(op, E_INVALID, "node %u: its value is not a finite number", from);
}

static enum err split_add(struct op *op, const struct forest *f, struct build *b, uint32_t slot, uint32_t from)
{
    const struct forest_tree *t = b->t;
    const int64_t child[2] = {t->left[from], t->right[from]};
    if (b->placed + 2 > b->room)
        return op_fail(op, E_INVALID, "more than %u nodes are reached from the root, %zu are marked deleted", b->room,
                       t->deleted);
    if (b->level[slot] >= LIMIT_TREE_DEPTH)
        return op_fail(op, E_TOO_LARGE, "deeper than %d levels", LIMIT_TREE_DEPTH);
    for (int i = 0; i < 2; i++) {
        if (child[i] <= 0 || (uint64_t)child[i] >= t->nodes)
            return op_fail(op, E_INVALID, "node %u: child %lld is outside 1..%zu", from, (long long)child[i],
                           t->nodes - 1);
        if (b->seen[child[i]])
            return op_fail(op, E_INVALID, "node %u: child %lld has two parents", from, (long long)child[i]);
        b->seen[child[i]] = 1;
    }
    b->child[slot] = b->placed;
    if (b->placed - slot > NARROW_CHILD_MAX)
        b->wide = true;
    for (int i = 0; i < 2; i++) {
        b->order[b->placed] = (uint32_t)child[i];
        b->level[b->placed++] = b->level[slot] + 1;
    }
    return split_check(op, f, b, from);
}

static enum err tree_place(struct op *op, const struct forest *f, struct build *b)
{
    const struct forest_tree *t = b->t;
    b->seen[0] = 1;
    b->placed = 1;
    for (uint32_t slot = 0; slot < b->placed; slot++) {
        uint32_t from = b->order[slot];
        bool leaf = t->left[from] == -1 && t->right[from] == -1;
        enum err e = leaf ? leaf_check(op, f, t, from) : split_add(op, f, b, slot, from);
        if (e)
            return e;
        b->leaves += leaf;
    }
    if (b->placed + t->deleted != t->nodes)
        return op_fail(op, E_INVALID, "%u of %zu nodes are reached from the root, %zu are marked deleted", b->placed,
                       t->nodes, t->deleted);
    return OK;
}

static float float_at_least(double t)
{
    float v = (float)t;
    return (double)v < t ? nextafterf(v, INFINITY) : v;
}

static const struct narrow *narrow_make(const struct forest *f, const struct build *b)
{
    struct narrow *nodes = arena_array(f->arena, b->placed, struct narrow);
    const struct forest_tree *t = b->t;
    uint32_t leaf = 0;
    for (uint32_t slot = 0; nodes && slot < b->placed; slot++) {
        uint32_t from = b->order[slot];
        if (b->child[slot]) {
            nodes[slot].value = float_at_least(t->value[from]);
            nodes[slot].link = (uint32_t)t->feature[from] | (t->default_left[from] ? 1u << NARROW_DEFAULT_SHIFT : 0) |
                               1u << NARROW_SPLIT_SHIFT | (b->child[slot] - slot) << NARROW_CHILD_SHIFT;
        } else if (forest_sums_f64(f)) {
            nodes[slot].leaf = leaf++;
        } else {
            nodes[slot].value = (float)t->value[from];
        }
    }
    return nodes;
}

static const struct wide *wide_make(const struct forest *f, const struct build *b, uint32_t *sets)
{
    struct wide *nodes = arena_array(f->arena, b->placed, struct wide);
    const struct forest_tree *t = b->t;
    uint32_t leaf = 0, at = 0;
    for (uint32_t slot = 0; nodes && slot < b->placed; slot++) {
        uint32_t from = b->order[slot];
        if (!b->child[slot]) {
            if (f->flags & FOREST_VECTORS)
                nodes[slot].leaf = leaf++;
            else
                nodes[slot].value = t->value[from];
            continue;
        }
        enum forest_test test = node_test(t, from);
        nodes[slot].child = b->child[slot] - slot;
        nodes[slot].link = (uint32_t)t->feature[from] | (t->default_left[from] ? 1u << WIDE_DEFAULT_SHIFT : 0) |
                           1u << WIDE_SPLIT_SHIFT | (test == FOREST_SET ? WIDE_SET : test == FOREST_LESS_ZERO ? WIDE_ZERO : 0);
        if (test != FOREST_SET) {
            nodes[slot].value = t->value[from];
            continue;
        }
        const struct forest_set *set = &t->sets[from];
        nodes[slot].set.at = at;
        nodes[slot].set.len = (uint32_t)set->len;
        if (set->len)
            memcpy(sets + at, set->words, set->len * sizeof(*sets));
        at += (uint32_t)set->len;
    }
    return nodes;
}

static double *leaves_make(const struct forest *f, const struct build *b)
{
    const size_t width = f->flags & FOREST_VECTORS ? f->outputs : 1;
    double *leaves = arena_try_alloc(f->arena, b->leaves, width * sizeof(double));
    size_t n = 0;
    for (uint32_t slot = 0; leaves && slot < b->placed; slot++) {
        if (b->child[slot])
            continue;
        const double *from = f->flags & FOREST_VECTORS ? b->t->vectors + b->order[slot] * width : &b->t->value[b->order[slot]];
        memcpy(leaves + n, from, width * sizeof(double));
        n += width;
    }
    return leaves;
}

/* The nodes, in one or both widths, into the next place of the forest. */
static enum err tree_store(struct op *op, struct forest *f, const struct build *b)
{
    const bool both = f->trees_f64 && !b->wide, tables = forest_sums_f64(f) && (!b->wide || f->flags & FOREST_VECTORS);
    struct tree tree = {.depth = b->level[b->placed - 1], .group = (uint32_t)b->t->group, .is_wide = b->wide};
    uint32_t *sets = b->set_words ? arena_array(f->arena, b->set_words, uint32_t) : NULL;
    double *leaves = tables ? leaves_make(f, b) : NULL;
    const struct wide *wide = b->wide || both ? wide_make(f, b, sets) : NULL;
    tree.sets = sets;
    tree.leaves = leaves;
    if (b->wide)
        tree.wide = wide;
    else
        tree.narrow = narrow_make(f, b);
    if (!tree.narrow || (both && !wide) || (b->set_words && !sets) || (tables && !leaves))
        return op_fail(op, E_TOO_LARGE, "no memory for a tree of %u nodes", b->placed);
    f->trees[f->len] = tree;
    if (f->trees_f64) {
        tree.wide = wide;
        tree.is_wide = true;
        f->trees_f64[f->len] = tree;
    }
    f->len++;
    f->bytes += b->placed * ((b->wide ? 0 : sizeof(struct narrow)) + (wide ? sizeof(struct wide) : 0)) + b->set_words * sizeof(*sets);
    f->bytes += tables ? b->leaves * (f->flags & FOREST_VECTORS ? f->outputs : 1) * sizeof(double) : 0;
    return OK;
}

enum err forest_add(struct op *op, struct forest *f, struct arena *scratch, const struct forest_tree *t)
{
    assert(f->len < f->cap);
    if (!t->nodes || t->nodes > LIMIT_TREE_NODES)
        return op_fail(op, E_TOO_LARGE, "a tree of %zu nodes; 1 to %u are allowed", t->nodes, LIMIT_TREE_NODES);
    if (t->group >= f->outputs || t->deleted >= t->nodes)
        return op_fail(op, E_INVALID, "its output %zu or its %zu deleted nodes are out of range", t->group, t->deleted);
    struct build b = {
        .t = t,
        .order = arena_array(scratch, t->nodes + 2, uint32_t),
        .level = arena_array(scratch, t->nodes + 2, uint32_t),
        .child = arena_array(scratch, t->nodes + 2, uint32_t),
        .seen = arena_array(scratch, t->nodes, uint8_t),
        .room = (uint32_t)(t->nodes - t->deleted),
    };
    if (!b.order || !b.level || !b.child || !b.seen)
        return op_fail(op, E_TOO_LARGE, "no memory for a tree of %zu nodes", t->nodes);
    enum err e = tree_place(op, f, &b);
    if (!e && b.set_words > LIMIT_TREE_SET_WORDS)
        e = op_fail(op, E_TOO_LARGE, "its sets of categories hold %llu words; a tree may have %u", (unsigned long long)b.set_words,
                    LIMIT_TREE_SET_WORDS);
    return e ? e : tree_store(op, f, &b);
}

size_t forest_bytes(const struct forest *f)
{
    return sizeof(*f) + f->cap * sizeof(struct tree) * (f->trees_f64 ? 2 : 1) + f->bytes;
}
