/* values.h - does a TensorProto hold what its shape says? Part of the outline's check; see outline.h. */
#ifndef INGOT_ADAPTER_ONNX_VALUES_H
#define INGOT_ADAPTER_ONNX_VALUES_H

#include "base/op.h"

struct onnx_values {
    struct str name;     /* a view into the file */
    uint64_t bytes;      /* that the values take in memory */
};
/* E_INVALID, E_TOO_LARGE, E_UNSUPPORTED (values in another file). */
MUST_USE enum err onnx_values_check(struct op *op, struct str tensor, struct onnx_values *ret);
/* The same for a SparseTensorProto: its values and indices. */
MUST_USE enum err onnx_values_check_sparse(struct op *op, struct str tensor, struct onnx_values *ret);

#endif
