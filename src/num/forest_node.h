/* forest_node.h - the nodes of a forest: what forest.c builds and forest_walk.c walks. Internal to the two.
 *
 * A narrow node is 8 bytes: a float (threshold of a split, value of a leaf) and a link word:
 *     bits  0..11  feature
 *     bit   12     default left: where a missing value goes
 *     bit   13     split (0: leaf)
 *     bits 14..31  distance from this node to its left child, in nodes; the right child lies behind it
 * A wide node is 16 bytes and holds what that cannot: a double, 24 bits of feature, 32 of distance, sets of categories.
 * A tree is narrow or wide as a whole. A forest that is asked with doubles too keeps a wide copy of its narrow trees.
 * A leaf holds its value, or, in narrow trees with double sums and in all trees with vectors, the place of its
 * value(s) in the tree's table of leaves. */
#ifndef INGOT_NUM_FOREST_NODE_H
#define INGOT_NUM_FOREST_NODE_H

#include "num/forest.h"
#include "base/limits.h"

#define NARROW_FEATURE_BITS 12
#define NARROW_FEATURE_MASK ((1u << NARROW_FEATURE_BITS) - 1)
#define NARROW_DEFAULT_SHIFT 12
#define NARROW_SPLIT_SHIFT 13
#define NARROW_CHILD_SHIFT 14
#define NARROW_CHILD_MAX ((1u << (32 - NARROW_CHILD_SHIFT)) - 1)
#define WIDE_FEATURE_MASK 0xffffffu
#define WIDE_DEFAULT_SHIFT 24
#define WIDE_SPLIT_SHIFT 25
#define WIDE_ZERO (1u << 26) /* FOREST_LESS_ZERO */
#define WIDE_SET (1u << 27)  /* FOREST_SET */
#define FOREST_ZERO ((double)1e-35f)
_Static_assert(LIMIT_TREE_FEATURES <= WIDE_FEATURE_MASK, "features are numbered in the link word");

struct narrow {
    union {
        float value;
        uint32_t leaf;       /* place in tree.leaves */
    };
    uint32_t link;
};
struct wide {
    union {
        double value;
        struct {
            uint32_t at, len; /* words in tree.sets */
        } set;
        uint64_t leaf;       /* place in tree.leaves */
    };
    uint32_t link, child;
};
struct tree {
    union {
        const struct narrow *narrow;
        const struct wide *wide;
    };
    const double *leaves;
    const uint32_t *sets;
    uint32_t depth;          /* steps from the root to the deepest leaf */
    uint32_t group;
    bool is_wide;
};
struct forest {
    struct arena *arena;
    size_t features, outputs;
    unsigned flags;
    struct tree *trees;      /* for rows of floats */
    struct tree *trees_f64;  /* all wide; NULL: not asked for */
    size_t len, cap;
    size_t bytes;            /* of all nodes and tables */
};
static inline bool forest_sums_f64(const struct forest *f)
{
    return (f->flags & (FOREST_F64_SUMS | FOREST_VECTORS)) != 0;
}

#endif
