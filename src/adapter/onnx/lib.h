/* lib.h - ONNX Runtime's library, found by dlopen when the first ONNX model appears, and the one environment of the process:
 * its thread pool and the memory arena that all sessions share. Made once, never taken down: the library does not survive
 * an environment that ends before its sessions. Internal to adapter/onnx. Thread-safe. */
#ifndef INGOT_ADAPTER_ONNX_LIB_H
#define INGOT_ADAPTER_ONNX_LIB_H

#include "adapter/onnx/ort.h"
#include "base/op.h"

struct onnx_lib {
    struct ort ort;
    struct ort_env *env;
    struct ort_memory_info *memory;    /* plain CPU memory */
    struct ort_allocator *allocator;   /* the library's default one, for names and texts */
    char path[4096];                   /* where it was loaded from */
    char version[32];                  /* "1.30.0" */
    int threads;                       /* of the pool that large models share, the caller's included; 1: there is none */
};

/* How many threads the pool will have: before the first onnx_lib_get; 0 = one per core (the default). A process that hosts one
 * model gives its sessions threads of their own and sets 1. */
void onnx_lib_set_threads(int threads);
/* E_UNSUPPORTED: the library is not there, too old, or lacks the interface; the text says which, and what was tried. */
MUST_USE enum err onnx_lib_get(struct op *op, const struct onnx_lib **ret);
/* NULL: OK. Else records the library's text under our error, frees the status and returns the error: E_INVALID for what it calls an
 * invalid argument, E_UNSUPPORTED for what it has not, E_IO for what failed by itself. `what` goes before the text. */
MUST_USE enum err onnx_lib_check(struct op *op, const struct onnx_lib *lib, struct ort_status *take_status, const char *what);

#endif
