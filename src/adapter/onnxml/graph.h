/* graph.h - an ONNX file as a list of nodes: what the protobuf says, checked for sizes and indices, nothing interpreted.
 * All is in op's arena or a view into the bytes. E_INVALID: not ONNX, or values that do not fit their shapes, or values in another
 * file; E_UNSUPPORTED: sound, but with parts that classical models do not have (graphs within nodes, functions, sparse tensors). */
#ifndef INGOT_ADAPTER_ONNXML_GRAPH_H
#define INGOT_ADAPTER_ONNXML_GRAPH_H

#include "port/tensor.h"

struct onnxml_attr {
    struct str name;
    int64_t i;
    float f;
    struct str s;
    const float *floats;
    const int64_t *ints;
    const struct str *strings;
    size_t float_count, int_count, string_count;
    struct tensor tensor;        /* type TENSOR_TYPE_COUNT: none */
};
struct onnxml_node {
    struct str type, domain, name;
    const struct str *inputs, *outputs; /* "" = left out */
    size_t input_count, output_count;
    const struct onnxml_attr *attrs;
    size_t attr_count;
};
/* Of an input or output of the model. */
struct onnxml_value {
    struct str name;
    bool is_tensor;              /* else a sequence or a map */
    bool has_shape;
    enum tensor_type type;
    uint32_t rank;
    int64_t shape[LIMIT_TENSOR_RANK]; /* -1: free */
};
struct onnxml_graph {
    int64_t opset, opset_ml;     /* 0: not imported */
    struct onnxml_node *nodes;
    struct tensor *constants;    /* initializers, with their names */
    struct onnxml_value *inputs, *outputs;
    size_t node_count, constant_count, input_count, output_count;
};

/* Does this look like an ONNX file? Its first field is the version of the format. */
bool onnxml_accepts(struct str bytes);
MUST_USE enum err onnxml_graph_read(struct op *op, struct str bytes, struct onnxml_graph *ret);

/* NULL: the node has no such attribute. */
const struct onnxml_attr *onnxml_attr(const struct onnxml_node *n, const char *name);
int64_t onnxml_attr_i64(const struct onnxml_node *n, const char *name, int64_t dflt);
float onnxml_attr_f32(const struct onnxml_node *n, const char *name, float dflt);
struct str onnxml_attr_str(const struct onnxml_node *n, const char *name, const char *dflt);
/* ONNX's element type; false: one that no tensor of ours can hold. */
bool onnxml_type(int64_t element, enum tensor_type *ret);

#endif
