/* outline.h - is this an ONNX file that may be given to ONNX Runtime? Reads the outline of the protobuf (github.com/onnx/onnx:
 * onnx.proto) without loading anything: the runtime trusts much of what it reads, and its errors come late or as a crash.
 * Checked: the wire format; every tensor's shape against its bytes; no values in other files; every name that a node reads is defined
 * once and no node waits for itself, across nested graphs and functions; functions neither call themselves nor grow beyond a limit
 * when they are put in place of their calls; operators are the public ones or functions of the file; LIMIT_ONNX_*.
 * Not checked: what operators mean, their types and shapes: the runtime's own work. Thread-safe. */
#ifndef INGOT_ADAPTER_ONNX_OUTLINE_H
#define INGOT_ADAPTER_ONNX_OUTLINE_H

#include "base/op.h"

struct onnx_outline {
    int64_t ir_version;
    int64_t opset;           /* of the default domain; 0: not imported */
    size_t nodes;            /* of all graphs and functions */
    size_t tensors;          /* initializers and constants */
    uint64_t tensor_bytes;   /* what their values take */
    size_t functions;
};

/* The first bytes of an ONNX file: a version of the intermediate representation and a second field that a model has. */
bool onnx_outline_accepts(struct str bytes);
/* E_INVALID: malformed; E_TOO_LARGE: beyond a limit; E_UNSUPPORTED: sound, but with values in other files or operators
 * that are not public. Only op's error text stays in op's arena. */
MUST_USE enum err onnx_outline_check(struct op *op, struct str bytes, struct onnx_outline *ret);

#endif
