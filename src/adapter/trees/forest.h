/* forest.h - decision trees in the form in which they are fastest to ask.
 * A forest is built once from checked trees, is immutable then, and any thread may ask it without
 * allocation. NaN = missing: it takes the node's default direction. Inputs are float32, the compare is
 * `x < threshold` goes left (XGBoost's rule); the sums are float32 in tree order, so answers equal
 * XGBoost's own to the last bit. */
#ifndef INGOT_ADAPTER_TREES_FOREST_H
#define INGOT_ADAPTER_TREES_FOREST_H

#include "base/op.h"

/* One tree as files describe it: parallel arrays of `nodes` items. A leaf has left == right == -1 and its
 * value in `value`; a split has its threshold there. Node 0 is the root. */
struct forest_tree {
    size_t nodes;
    const int64_t *left, *right, *feature;
    const float *value;
    const uint8_t *default_left;
    size_t deleted;          /* nodes that no path reaches; exactly so many are allowed */
    size_t group;            /* the output that its leaves add to */
};
struct forest;

/* Starts a forest for rows of `features` floats and `outputs` sums. Everything lives in `arena` (borrowed, must
 * outlive the forest). E_TOO_LARGE: above LIMIT_TREE_FEATURES, LIMIT_TREE_OUTPUTS, LIMIT_TREES. */
MUST_USE enum err forest_create(struct op *op, struct arena *arena, size_t features, size_t outputs, size_t trees,
                                struct forest **ret);
/* Checks that the links form one tree, that features are in range and values finite, and adds it.
 * E_INVALID names the node; E_TOO_LARGE above LIMIT_TREE_NODES. At most `trees` of forest_create. */
MUST_USE enum err forest_add(struct op *op, struct forest *f, const struct forest_tree *tree);
/* out[row * outputs + group] += the leaves, for `n` rows of `features` floats. The caller sets `out` first
 * (the base score). Cannot fail. */
void forest_sum(const struct forest *f, const float *rows, size_t n, float *out);
size_t forest_bytes(const struct forest *f);

#endif
