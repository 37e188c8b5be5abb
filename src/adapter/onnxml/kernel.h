/* kernel.h - the operators: how one is prepared when a model is loaded, and how it is run. Internal to adapter/onnxml.
 * A kernel checks the types and shapes that it is given, always: nothing before it has. What it makes lives in op's arena. Errors of
 * a run: E_INVALID, the values do not fit the model; E_UNSUPPORTED, types or shapes that this kernel does not know (found by the
 * trial run when the model is loaded); E_TOO_LARGE. */
#ifndef INGOT_ADAPTER_ONNXML_KERNEL_H
#define INGOT_ADAPTER_ONNXML_KERNEL_H

#include "adapter/onnxml/graph.h"

enum { ONNXML_INPUTS = 1024, ONNXML_OUTPUTS = 8 }; /* of one node */

struct onnxml_kernel;
/* A node that is ready to run. */
struct onnxml_step {
    const struct onnxml_kernel *kernel;
    void *state;                 /* what prepare made */
    uint32_t *in, *out;          /* places of the values; UINT32_MAX: left out */
    uint32_t in_count, out_count;
    uint64_t serves;             /* bit k: output k of the model needs it */
};
struct onnxml_call {
    struct op *op;
    const struct onnxml_step *step;
    const struct tensor *const *in; /* step->in_count; NULL: left out */
    struct tensor *const *out;   /* step->out_count; NULL: nobody reads it */
    bool trial;                  /* random values: unknown categories are no error */
};
struct onnxml_kernel {
    const char *type;
    bool ml;                     /* of the domain ai.onnx.ml */
    uint8_t in_min, in_max;      /* inputs; 255: any number */
    int variant;                 /* for kernels that share functions */
    /* Copies what it needs of the node into `arena`; *ret_state may stay NULL. NULL: nothing to prepare. */
    enum err (*prepare)(struct op *op, struct arena *arena, const struct onnxml_node *node, const struct onnxml_graph *g, void **ret_state);
    enum err (*run)(struct onnxml_call *c);
};
/* All of them, in NULL-ended tables. */
extern const struct onnxml_kernel onnxml_math_kernels[], onnxml_reduce_kernels[], onnxml_shape_kernels[], onnxml_ml_kernels[],
    onnxml_label_kernels[], onnxml_tree_kernels[], onnxml_svm_kernels[];

static inline const void *onnxml_state(const struct onnxml_call *c)
{
    return c->step->state;
}
static inline int onnxml_variant(const struct onnxml_call *c)
{
    return c->step->kernel->variant;
}

/* A fresh output: type, shape, zeroed values. */
MUST_USE enum err onnxml_out(struct onnxml_call *c, size_t at, enum tensor_type type, uint32_t rank, const int64_t *shape);
/* An output that is an input's values under another shape. */
MUST_USE enum err onnxml_alias(struct onnxml_call *c, size_t at, const struct tensor *of, uint32_t rank, const int64_t *shape);
static inline void *onnxml_data(const struct tensor *t)
{
    union { const void *from; void *to; } v = {t->data}; /* outputs are ours to write */
    return v.to;
}
static inline struct str *onnxml_texts(const struct tensor *t)
{
    union { const struct str *from; struct str *to; } v = {t->texts};
    return v.to;
}
/* One numeric value as a double, or back. Not for BYTES. */
double onnxml_get(const struct tensor *t, size_t i);
void onnxml_put(struct tensor *t, size_t i, double v);
/* Values [n, width] of a tensor of two axes, or [1, width] of one of one axis. E_UNSUPPORTED: another rank, no numbers. */
MUST_USE enum err onnxml_matrix(struct onnxml_call *c, const struct tensor *t, size_t *ret_rows, size_t *ret_width);
/* The numbers as floats: the tensor's own where they are, else a copy. */
MUST_USE enum err onnxml_floats(struct onnxml_call *c, const struct tensor *t, const float **ret);
/* An axis from -rank .. rank-1. */
MUST_USE enum err onnxml_axis(struct onnxml_call *c, int64_t axis, uint32_t rank, uint32_t *ret);
/* Whole numbers of an input tensor (INT64 or INT32): shapes, axes, indices. */
MUST_USE enum err onnxml_ints(struct onnxml_call *c, const struct tensor *t, const int64_t **ret);
MUST_USE enum err onnxml_unsupported(struct onnxml_call *c, const char *what);
/* Copies of an attribute's lists; NULL attribute: empty. */
MUST_USE enum err onnxml_keep_floats(struct op *op, struct arena *arena, const struct onnxml_attr *a, const float **ret, size_t *ret_count);
MUST_USE enum err onnxml_keep_ints(struct op *op, struct arena *arena, const struct onnxml_attr *a, const int64_t **ret, size_t *ret_count);
MUST_USE enum err onnxml_keep_strings(struct op *op, struct arena *arena, const struct onnxml_attr *a, const struct str **ret, size_t *ret_count);
/* The tensor and its values, copied. */
MUST_USE enum err onnxml_keep_tensor(struct op *op, struct arena *arena, const struct tensor *t, struct tensor *ret);

/* ---- class labels, shared by the classifiers ---- */
struct onnxml_labels {
    const int64_t *ints;
    const struct str *strings;   /* one of the two is NULL */
    size_t count;
};
MUST_USE enum err onnxml_labels_keep(struct op *op, struct arena *arena, const struct onnxml_node *node, const char *ints, const char *strings,
                                     struct onnxml_labels *ret);
MUST_USE enum err onnxml_labels_out(struct onnxml_call *c, size_t at, const struct onnxml_labels *l, size_t rows);
void onnxml_label_put(struct tensor *t, size_t row, const struct onnxml_labels *l, size_t class);
enum onnxml_transform { ONNXML_NONE, ONNXML_LOGISTIC, ONNXML_SOFTMAX, ONNXML_SOFTMAX_ZERO };
/* E_UNSUPPORTED: PROBIT. */
MUST_USE enum err onnxml_transform_read(struct op *op, const struct onnxml_node *node, enum onnxml_transform *ret);
void onnxml_transform_apply(enum onnxml_transform t, float *scores, size_t n);

#endif
