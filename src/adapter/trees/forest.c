/* The layout, and why it is fast.
 *
 * A node is 8 bytes: a float (threshold of a split, value of a leaf) and a link word:
 *     bits  0..11  feature
 *     bit   12     default left: where a missing value goes
 *     bit   13     split (0: leaf)
 *     bits 14..31  distance from this node to its left child, in nodes; the right child lies behind it
 * The nodes of a tree lie breadth first, so the top levels share cache lines. One step down is
 *     right = !(x < t) and not (x missing and default left)
 *     node += distance + right
 * without a branch. A leaf has distance 0 and its split bit clears `right`, so it steps onto itself: trees of
 * different depth can then run in lockstep for as many steps as the deepest has. A step is a chain of two
 * dependent loads, so a single walk waits for memory most of its time; eight walks interleaved hide that.
 * One row asks eight consecutive trees at once; many rows ask one tree eight rows at a time, which keeps the
 * tree in L1. In both, the leaves are added in tree order in float32, as XGBoost's CPU predictor does
 * (src/predictor/cpu_predictor.cc), which makes the sums equal to the last bit.
 * The idea of interleaved branch-free walks is from Asadi, Lin and de Vries, "Runtime optimizations for
 * tree-based machine learning models", IEEE TKDE 2014 (VPred). */
#include "adapter/trees/forest.h"

#include <assert.h>
#include <math.h>

#include "base/limits.h"

#define LINK_FEATURE_BITS 12
#define LINK_FEATURE_MASK ((1u << LINK_FEATURE_BITS) - 1)
#define LINK_DEFAULT_SHIFT 12
#define LINK_SPLIT_SHIFT 13
#define LINK_CHILD_SHIFT 14
#define LANES 8

_Static_assert(LIMIT_TREE_FEATURES == 1u << LINK_FEATURE_BITS, "features are numbered in the link word");
_Static_assert(LIMIT_TREE_NODES == 1u << (32 - LINK_CHILD_SHIFT), "children are reached by the link word");

struct node {
    float value;
    uint32_t link;
};
struct tree {
    const struct node *root;
    uint32_t depth;          /* steps from the root to the deepest leaf */
    uint32_t group;
};
struct forest {
    struct arena *arena;
    size_t features, outputs;
    struct tree *trees;
    size_t len, cap;
    size_t node_count;
};

enum err forest_create(struct op *op, struct arena *arena, size_t features, size_t outputs, size_t trees,
                       struct forest **ret)
{
    if (!features || features > LIMIT_TREE_FEATURES)
        return op_fail(op, E_TOO_LARGE, "%zu features; a tree model may have 1 to %u", features, LIMIT_TREE_FEATURES);
    if (!outputs || outputs > LIMIT_TREE_OUTPUTS)
        return op_fail(op, E_TOO_LARGE, "%zu outputs; a tree model may have 1 to %d", outputs, LIMIT_TREE_OUTPUTS);
    if (trees > LIMIT_TREES)
        return op_fail(op, E_TOO_LARGE, "%zu trees; a model may have %d", trees, LIMIT_TREES);
    struct forest *f = arena_new(arena, struct forest);
    *f = (struct forest){.arena = arena, .features = features, .outputs = outputs, .cap = trees};
    f->trees = arena_array(arena, trees ? trees : 1, struct tree);
    if (!f->trees)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu trees", trees);
    *ret = f;
    return OK;
}

/* Where the builder is: file node `from` goes to slot `queue index` of the new order. */
struct build {
    struct node *nodes;
    uint32_t *order;         /* new slot -> node of the file */
    uint32_t *level;         /* new slot -> depth */
    uint8_t *seen;           /* node of the file is placed */
    uint32_t placed, room;   /* slots in use, slots there */
};

static enum err split_add(struct op *op, const struct forest *f, const struct forest_tree *t, struct build *b,
                          uint32_t slot, uint32_t from)
{
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
    if (t->feature[from] < 0 || (uint64_t)t->feature[from] >= f->features)
        return op_fail(op, E_INVALID, "node %u: feature %lld is outside 0..%zu", from, (long long)t->feature[from],
                       f->features - 1);
    b->nodes[slot].link = (uint32_t)t->feature[from] | (t->default_left[from] ? 1u << LINK_DEFAULT_SHIFT : 0) |
                          1u << LINK_SPLIT_SHIFT | (b->placed - slot) << LINK_CHILD_SHIFT;
    for (int i = 0; i < 2; i++) {
        b->order[b->placed] = (uint32_t)child[i];
        b->level[b->placed++] = b->level[slot] + 1;
    }
    return OK;
}

/* Breadth first. Each node is placed once and only from a placed parent, so a walk that ends with `nodes`
 * minus `deleted` placed nodes has proved that the links form one tree. */
static enum err tree_place(struct op *op, const struct forest *f, const struct forest_tree *t, struct build *b,
                           uint32_t *ret_depth)
{
    b->seen[0] = 1;
    b->order[0] = 0;
    b->level[0] = 0;
    b->placed = 1;
    for (uint32_t slot = 0; slot < b->placed; slot++) {
        uint32_t from = b->order[slot];
        if (!isfinite(t->value[from]))
            return op_fail(op, E_INVALID, "node %u: its threshold or value is not a finite number", from);
        b->nodes[slot].value = t->value[from];
        if (t->left[from] == -1 && t->right[from] == -1) {
            b->nodes[slot].link = 0;
            continue;
        }
        enum err e = split_add(op, f, t, b, slot, from);
        if (e)
            return e;
    }
    if (b->placed + t->deleted != t->nodes)
        return op_fail(op, E_INVALID, "%u of %zu nodes are reached from the root, %zu are marked deleted", b->placed,
                       t->nodes, t->deleted);
    *ret_depth = b->level[b->placed - 1];
    return OK;
}

enum err forest_add(struct op *op, struct forest *f, const struct forest_tree *t)
{
    assert(f->len < f->cap);
    if (!t->nodes || t->nodes > LIMIT_TREE_NODES)
        return op_fail(op, E_TOO_LARGE, "a tree of %zu nodes; 1 to %u are allowed", t->nodes, LIMIT_TREE_NODES);
    if (t->group >= f->outputs || t->deleted >= t->nodes)
        return op_fail(op, E_INVALID, "its output %zu or its %zu deleted nodes are out of range", t->group, t->deleted);
    struct build b = {
        .nodes = arena_array(f->arena, t->nodes - t->deleted, struct node),
        .order = arena_array(op->arena, t->nodes + 2, uint32_t),
        .level = arena_array(op->arena, t->nodes + 2, uint32_t),
        .seen = arena_array(op->arena, t->nodes, uint8_t),
        .room = (uint32_t)(t->nodes - t->deleted),
    };
    if (!b.nodes || !b.order || !b.level || !b.seen)
        return op_fail(op, E_TOO_LARGE, "no memory for a tree of %zu nodes", t->nodes);
    uint32_t depth = 0;
    enum err e = tree_place(op, f, t, &b, &depth);
    if (e)
        return e;
    f->trees[f->len++] = (struct tree){.root = b.nodes, .depth = depth, .group = (uint32_t)t->group};
    f->node_count += b.placed;
    return OK;
}

size_t forest_bytes(const struct forest *f)
{
    return sizeof(*f) + f->cap * sizeof(struct tree) + f->node_count * sizeof(struct node);
}

static inline const struct node *node_next(const struct node *n, const float *row)
{
    uint32_t link = n->link;
    float x = row[link & LINK_FEATURE_MASK];
    uint32_t less = x < n->value;
    uint32_t missing = (uint32_t)(x != x) & (link >> LINK_DEFAULT_SHIFT);
    uint32_t right = ~(less | missing) & (link >> LINK_SPLIT_SHIFT) & 1u;
    return n + (link >> LINK_CHILD_SHIFT) + right;
}

/* One row, eight trees at a time. */
static void row_sum(const struct forest *f, const float *row, float *out)
{
    size_t i = 0;
    for (; i + LANES <= f->len; i += LANES) {
        const struct tree *t = f->trees + i;
        const struct node *n0 = t[0].root, *n1 = t[1].root, *n2 = t[2].root, *n3 = t[3].root;
        const struct node *n4 = t[4].root, *n5 = t[5].root, *n6 = t[6].root, *n7 = t[7].root;
        uint32_t depth = 0;
        for (size_t k = 0; k < LANES; k++)
            depth = t[k].depth > depth ? t[k].depth : depth;
        for (; depth; depth--) {
            n0 = node_next(n0, row);
            n1 = node_next(n1, row);
            n2 = node_next(n2, row);
            n3 = node_next(n3, row);
            n4 = node_next(n4, row);
            n5 = node_next(n5, row);
            n6 = node_next(n6, row);
            n7 = node_next(n7, row);
        }
        const float leaf[LANES] = {n0->value, n1->value, n2->value, n3->value,
                                   n4->value, n5->value, n6->value, n7->value};
        for (size_t k = 0; k < LANES; k++)
            out[t[k].group] += leaf[k];
    }
    for (; i < f->len; i++) {
        const struct node *n = f->trees[i].root;
        for (uint32_t d = f->trees[i].depth; d; d--)
            n = node_next(n, row);
        out[f->trees[i].group] += n->value;
    }
}

/* Eight rows, one tree at a time. */
static void lanes_sum(const struct forest *f, const float *rows, float *out)
{
    const size_t w = f->features, o = f->outputs;
    const float *r0 = rows, *r1 = r0 + w, *r2 = r1 + w, *r3 = r2 + w;
    const float *r4 = r3 + w, *r5 = r4 + w, *r6 = r5 + w, *r7 = r6 + w;
    for (size_t i = 0; i < f->len; i++) {
        const struct tree *t = f->trees + i;
        const struct node *n0 = t->root, *n1 = n0, *n2 = n0, *n3 = n0, *n4 = n0, *n5 = n0, *n6 = n0, *n7 = n0;
        for (uint32_t d = t->depth; d; d--) {
            n0 = node_next(n0, r0);
            n1 = node_next(n1, r1);
            n2 = node_next(n2, r2);
            n3 = node_next(n3, r3);
            n4 = node_next(n4, r4);
            n5 = node_next(n5, r5);
            n6 = node_next(n6, r6);
            n7 = node_next(n7, r7);
        }
        float *sum = out + t->group;
        sum[0] += n0->value;
        sum[o] += n1->value;
        sum[2 * o] += n2->value;
        sum[3 * o] += n3->value;
        sum[4 * o] += n4->value;
        sum[5 * o] += n5->value;
        sum[6 * o] += n6->value;
        sum[7 * o] += n7->value;
    }
}

void forest_sum(const struct forest *f, const float *rows, size_t n, float *out)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        lanes_sum(f, rows + i * f->features, out + i * f->outputs);
    for (; i < n; i++)
        row_sum(f, rows + i * f->features, out + i * f->outputs);
}
