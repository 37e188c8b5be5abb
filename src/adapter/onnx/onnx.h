/* onnx.h - the engine (port/engine.h) over ONNX Runtime, for models that no engine of ours knows. Tensor models.
 * The file is checked first (outline.h). The library is loaded by dlopen with the first model; E_UNSUPPORTED when it is not there.
 * A loaded model has been asked with random values: it is warm, its cost is known, and info.joins is what was observed. */
#ifndef INGOT_ADAPTER_ONNX_ONNX_H
#define INGOT_ADAPTER_ONNX_ONNX_H

#include "port/engine.h"

extern const struct engine_ops onnx_engine;

/* Threads of the pool that dear models share, before the first model: 0 = one per core; 1 = no pool, each has threads of its own,
 * which is right for a process that hosts one model. */
void onnx_set_threads(int threads);
/* Can the library be used here? For `ingot doctor`; *ret_text says which it is. E_UNSUPPORTED. Loads it. */
MUST_USE enum err onnx_check(struct op *op, const char **ret_text);

#endif
