/* model.h - one loaded ONNX model, inside this folder: a session of ONNX Runtime and what it says of itself.
 * Immutable once loaded; a session may be asked by any number of threads. */
#ifndef INGOT_ADAPTER_ONNX_MODEL_H
#define INGOT_ADAPTER_ONNX_MODEL_H

#include "adapter/onnx/lib.h"
#include "port/engine.h"

struct onnx_dims {                       /* names of the free lengths; "" = none */
    struct str name[LIMIT_TENSOR_RANK];
};
struct onnx_model {
    struct arena *arena;                 /* holds this struct and what it points to */
    const struct onnx_lib *lib;
    struct ort_session *session;
    struct engine_info info;
    struct tensor_spec *inputs, *outputs; /* what info points to */
    const char **input_names, **output_names;
    struct onnx_dims *input_dims, *output_dims;
    int64_t row_ns;                      /* measured: one run of one row */
    int threads;                         /* that a run may use */
};

/* A session of ours over the file's bytes, which are not needed afterwards. One thread: the caller's. */
MUST_USE enum err onnx_session_make(struct op *op, const struct onnx_lib *lib, struct str bytes, int threads, struct ort_session **ret);
/* The names, types and shapes of m->session, its metadata. E_UNSUPPORTED: inputs or outputs that are no tensors. */
MUST_USE enum err onnx_signature_read(struct op *op, struct onnx_model *m);
/* engine_ops.run. */
MUST_USE enum err onnx_model_run(struct op *op, const struct onnx_model *m, const struct tensor *inputs, const bool *wanted, struct tensor *ret_outputs);
/* Asks the model with random values: fills row_ns and info.joins; completes outputs whose rank the file does not say. A model that
 * refuses every guess at its free lengths has row_ns 0 and is not joined. */
void onnx_probe(struct onnx_model *m);

/* ORT's element type as ours; false: one that no tensor of ours can hold. */
bool onnx_type_from(enum ort_element e, enum tensor_type *ret);
enum ort_element onnx_type_to(enum tensor_type t);

#endif
