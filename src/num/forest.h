/* forest.h - decision trees in the form in which they are fastest to ask.
 * A forest is built once from checked trees, is immutable then, and any thread may ask it without allocation.
 *
 * A split sends a value left when `x < threshold`; a format that says `x <= t` gives the next number above t. NaN is missing
 * and takes the node's default direction. Rows are floats, or doubles where the forest was made for both. Sums are made in
 * tree order, in float (XGBoost's way, which makes answers equal to the last bit) or in double. */
#ifndef INGOT_NUM_FOREST_H
#define INGOT_NUM_FOREST_H

#include "base/op.h"

/* What a node asks, if not `x < threshold`. */
enum forest_test {
    FOREST_LESS,
    FOREST_LESS_ZERO,        /* the same, and |x| <= 1e-35 counts as missing too (LightGBM's zero_as_missing) */
    FOREST_SET,              /* whole numbers in a set go left; negative ones and those beyond the set right */
};
/* Categories of one node: bit c of the words is category c. A value is cut to a whole number as C does. */
struct forest_set {
    const uint32_t *words;
    size_t len;              /* words */
};
/* One tree as files describe it: parallel arrays of `nodes` items. A leaf has left == right == -1 and its
 * value in `value`; a split has its threshold there. Node 0 is the root. */
struct forest_tree {
    size_t nodes;
    const int64_t *left, *right, *feature;
    const double *value;
    const uint8_t *default_left;
    const uint8_t *test;     /* enum forest_test each; NULL: all FOREST_LESS */
    const struct forest_set *sets; /* of the nodes with FOREST_SET; NULL: no such node */
    const double *vectors;   /* of forests with vectors: `outputs` numbers for each node, used for leaves */
    size_t deleted;          /* nodes that no path reaches; exactly so many are allowed */
    size_t group;            /* the output that its leaves add to; 0 with vectors */
};
enum forest_flags {
    FOREST_F64_SUMS = 1 << 0,  /* leaves and sums are doubles; implied by vectors */
    FOREST_F64_ROWS = 1 << 1,  /* forest_sum_f64 will be called */
    FOREST_VECTORS = 1 << 2,   /* a leaf holds one number for each output */
};
struct forest;

/* Starts a forest for rows of `features` values and `outputs` sums. Everything lives in `arena` (borrowed, must
 * outlive the forest). E_TOO_LARGE: above LIMIT_TREE_FEATURES, LIMIT_TREE_OUTPUTS, LIMIT_TREES. */
MUST_USE enum err forest_create(struct op *op, struct arena *arena, size_t features, size_t outputs, size_t trees,
                                unsigned flags, struct forest **ret);
/* Checks that the links form one tree, that features are in range, thresholds numbers and leaves finite, and adds it. `scratch` is used up.
 * E_INVALID names the node; E_TOO_LARGE above LIMIT_TREE_NODES. At most `trees` of forest_create. */
MUST_USE enum err forest_add(struct op *op, struct forest *f, struct arena *scratch, const struct forest_tree *tree);
/* sums[row * outputs + group] += the leaves, for `n` rows of `features` values. The caller sets `sums` first. Cannot fail.
 * forest_sum: only without FOREST_F64_SUMS and FOREST_VECTORS; forest_sum_rows: only with one of them. */
void forest_sum(const struct forest *f, const float *rows, size_t n, float *sums);
void forest_sum_rows(const struct forest *f, const float *rows, size_t n, double *sums);
void forest_sum_f64(const struct forest *f, const double *rows, size_t n, double *sums);
size_t forest_bytes(const struct forest *f);

#endif
