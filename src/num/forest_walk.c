/* The walk, and why it is fast. One step down a narrow tree (forest_node.h) is
 *     right = !(x < t) and not (x missing and default left)
 *     node += distance + right
 * without a branch. A leaf has distance 0 and its split bit clears `right`, so it steps onto itself: trees of
 * different depth can then run in lockstep for as many steps as the deepest has. A step is a chain of two
 * dependent loads, so a single walk waits for memory most of its time; eight walks interleaved hide that.
 * One row asks eight consecutive trees at once. Many rows ask one tree eight rows at a time, and a block of rows one tree
 * after the other, which keeps tree and rows in L1. Trees that grow leaf by leaf have few deep paths, so every few steps it
 * is asked whether all eight have arrived.
 * In all of them the leaves are added in tree order, in float as XGBoost's CPU predictor does
 * (src/predictor/cpu_predictor.cc), which makes the sums equal to the last bit, or in double.
 * The idea of interleaved branch-free walks is from Asadi, Lin and de Vries, "Runtime optimizations for
 * tree-based machine learning models", IEEE TKDE 2014 (VPred).
 *
 * The functions marked INLINE are written once for both widths of nodes, both types of rows and all kinds of sums; the
 * constants that their callers give make one loop of each. */
#include <math.h>

#include "num/forest_node.h"

#define INLINE static inline __attribute__((always_inline))
enum { LANES = 8, BLOCK = 64, STEPS = 4 };

/* What a row is made of and where its leaves go. */
enum rows { ROWS_F32, ROWS_F64 };
enum sums { SUMS_F32, SUMS_F64, SUMS_VECTOR };
union node {
    const struct narrow *narrow;
    const struct wide *wide;
};

INLINE double value_get(const void *row, size_t i, enum rows rows)
{
    return rows == ROWS_F32 ? (double)((const float *)row)[i] : ((const double *)row)[i];
}

static bool set_has(const struct wide *n, const uint32_t *sets, double x)
{
    /* Also false for NaN. */
    if (!(x > -1.0 && x < (double)n->set.len * 32))
        return false;
    uint32_t c = (uint32_t)(int64_t)x;
    return c / 32 < n->set.len && sets[n->set.at + c / 32] >> c % 32 & 1u; /* the first: -0.5 and an empty set */
}

INLINE const struct wide *wide_next(const struct wide *n, const struct tree *t, const void *row, enum rows rows)
{
    uint32_t link = n->link;
    double x = value_get(row, link & WIDE_FEATURE_MASK, rows);
    uint32_t missing = x != x || (link & WIDE_ZERO && fabs(x) <= FOREST_ZERO);
    uint32_t less = link & WIDE_SET ? set_has(n, t->sets, x) : x < n->value;
    uint32_t left = (less & ~missing) | (missing & (link >> WIDE_DEFAULT_SHIFT));
    uint32_t right = ~left & (link >> WIDE_SPLIT_SHIFT) & 1u;
    return n + n->child + right;
}

INLINE const struct narrow *narrow_next(const struct narrow *n, const float *row)
{
    uint32_t link = n->link;
    float x = row[link & NARROW_FEATURE_MASK];
    uint32_t less = x < n->value;
    uint32_t missing = (uint32_t)(x != x) & (link >> NARROW_DEFAULT_SHIFT);
    uint32_t right = ~(less | missing) & (link >> NARROW_SPLIT_SHIFT) & 1u;
    return n + (link >> NARROW_CHILD_SHIFT) + right;
}

INLINE union node node_next(union node n, const struct tree *t, const void *row, bool wide, enum rows rows)
{
    return wide ? (union node){.wide = wide_next(n.wide, t, row, rows)} : (union node){.narrow = narrow_next(n.narrow, row)};
}

INLINE uint32_t node_link(union node n, bool wide)
{
    return wide ? n.wide->link : n.narrow->link;
}

/* Adds a leaf to the sums of one row. */
INLINE void leaf_add(union node n, const struct tree *t, void *sums, size_t outputs, bool wide, enum sums kind)
{
    if (kind == SUMS_F32) {
        ((float *)sums)[t->group] += wide ? (float)n.wide->value : n.narrow->value;
    } else if (kind == SUMS_F64) {
        ((double *)sums)[t->group] += wide ? n.wide->value : t->leaves[n.narrow->leaf];
    } else {
        const double *leaf = t->leaves + (wide ? n.wide->leaf : n.narrow->leaf) * outputs;
        for (size_t k = 0; k < outputs; k++)
            ((double *)sums)[k] += leaf[k];
    }
}

#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
_Static_assert(LANES == 8, "EACH names the lanes");

/* One row, eight trees at a time. */
INLINE void row_sum(const struct forest *f, const struct tree *trees, size_t len, const void *row, void *sums, bool wide,
                    enum rows rows, enum sums kind)
{
    size_t i = 0;
    for (; i + LANES <= len; i += LANES) {
        const struct tree *t = trees + i;
        uint32_t depth = 0;
        for (size_t k = 0; k < LANES; k++)
            depth = t[k].depth > depth ? t[k].depth : depth;
#define START(k) union node n##k = {.narrow = t[k].narrow};
#define STEP(k) n##k = node_next(n##k, &t[k], row, wide, rows);
#define LINK(k) | node_link(n##k, wide)
#define ADD(k) leaf_add(n##k, &t[k], sums, f->outputs, wide, kind);
        EACH(START)
        while (depth) {
            uint32_t stop = depth > STEPS * 2 ? depth - STEPS : 0;
            for (; depth > stop; depth--) {
                EACH(STEP)
            }
            if (depth && !(0 EACH(LINK)))
                break;
        }
        EACH(ADD)
#undef STEP
#undef ADD
#undef START
    }
    for (; i < len; i++) {
        union node n = {.narrow = trees[i].narrow};
        for (uint32_t d = trees[i].depth; d; d--)
            n = node_next(n, &trees[i], row, wide, rows);
        leaf_add(n, &trees[i], sums, f->outputs, wide, kind);
    }
}

/* Eight rows, one tree. `stride` is a row's bytes, `width` those of its sums. */
INLINE void lanes_sum(const struct forest *f, const struct tree *t, const char *row, size_t stride, char *sums, size_t width,
                      bool wide, enum rows rows, enum sums kind)
{
#define START(k)                                                                                                                           \
    union node n##k = {.narrow = t->narrow};                                                                                               \
    const char *r##k = row + k * stride;
#define STEP(k) n##k = node_next(n##k, t, r##k, wide, rows);
#define ADD(k) leaf_add(n##k, t, sums + k * width, f->outputs, wide, kind);
    EACH(START)
    uint32_t depth = t->depth;
    while (depth) {
        uint32_t stop = depth > STEPS * 2 ? depth - STEPS : 0;
        for (; depth > stop; depth--) {
            EACH(STEP)
        }
        if (depth && !(0 EACH(LINK)))
            break;
    }
    EACH(ADD)
#undef STEP
#undef ADD
#undef START
#undef LINK
}

/* All rows through a run of trees of one width. */
INLINE void run_sum(const struct forest *f, const struct tree *trees, size_t len, const char *row, size_t n, char *sums, bool wide,
                    enum rows rows, enum sums kind)
{
    const size_t stride = f->features * (rows == ROWS_F32 ? sizeof(float) : sizeof(double));
    const size_t width = f->outputs * (kind == SUMS_F32 ? sizeof(float) : sizeof(double));
    size_t done = 0;
    while (n - done >= LANES) {
        size_t block = n - done > BLOCK ? BLOCK : (n - done) / LANES * LANES;
        for (size_t i = 0; i < len; i++)
            for (size_t k = 0; k < block; k += LANES)
                lanes_sum(f, trees + i, row + (done + k) * stride, stride, sums + (done + k) * width, width, wide, rows, kind);
        done += block;
    }
    for (; done < n; done++)
        row_sum(f, trees, len, row + done * stride, sums + done * width, wide, rows, kind);
}

INLINE void all_sum(const struct forest *f, const struct tree *trees, const void *row, size_t n, void *sums, enum rows rows,
                    enum sums kind)
{
    for (size_t i = 0, len; i < f->len; i += len) {
        for (len = 1; i + len < f->len && trees[i + len].is_wide == trees[i].is_wide;)
            len++;
        if (trees[i].is_wide)
            run_sum(f, trees + i, len, row, n, sums, true, rows, kind);
        else if (rows == ROWS_F32)
            run_sum(f, trees + i, len, row, n, sums, false, ROWS_F32, kind);
    }
}

void forest_sum(const struct forest *f, const float *rows, size_t n, float *sums)
{
    all_sum(f, f->trees, rows, n, sums, ROWS_F32, SUMS_F32);
}

void forest_sum_rows(const struct forest *f, const float *rows, size_t n, double *sums)
{
    if (f->flags & FOREST_VECTORS)
        all_sum(f, f->trees, rows, n, sums, ROWS_F32, SUMS_VECTOR);
    else
        all_sum(f, f->trees, rows, n, sums, ROWS_F32, SUMS_F64);
}

void forest_sum_f64(const struct forest *f, const double *rows, size_t n, double *sums)
{
    if (f->flags & FOREST_VECTORS)
        all_sum(f, f->trees_f64, rows, n, sums, ROWS_F64, SUMS_VECTOR);
    else
        all_sum(f, f->trees_f64, rows, n, sums, ROWS_F64, SUMS_F64);
}
