/* ort.h - the part of ONNX Runtime's C interface that this folder calls, declared by ourselves.
 * The library gives one table of function pointers. Its order is a promise ("never remove or rearrange", members are only
 * appended), so an entry is its position; tests/e2e/test_onnx.py compares positions and constants with the official header where it
 * can be had. Everything here exists since interface version 17 (ONNX Runtime 1.17), which is what we ask for: any newer
 * library serves. Names are the official ones. Types are opaque; a function that returns a status returns NULL when it went well. */
#ifndef INGOT_ADAPTER_ONNX_ORT_H
#define INGOT_ADAPTER_ONNX_ORT_H

#include "base/cc.h"

#define ORT_API_VERSION_WANTED 17u

struct ort_status;
struct ort_env;
struct ort_session;
struct ort_session_options;
struct ort_run_options;
struct ort_value;
struct ort_type_info;
struct ort_tensor_info;
struct ort_memory_info;
struct ort_allocator;
struct ort_threading_options;
struct ort_arena_cfg;
struct ort_metadata;

enum ort_element { /* ONNXTensorElementDataType */
    ORT_ELEMENT_UNDEFINED, ORT_ELEMENT_FLOAT, ORT_ELEMENT_UINT8, ORT_ELEMENT_INT8, ORT_ELEMENT_UINT16, ORT_ELEMENT_INT16,
    ORT_ELEMENT_INT32, ORT_ELEMENT_INT64, ORT_ELEMENT_STRING, ORT_ELEMENT_BOOL, ORT_ELEMENT_FLOAT16, ORT_ELEMENT_DOUBLE,
    ORT_ELEMENT_UINT32, ORT_ELEMENT_UINT64, ORT_ELEMENT_COMPLEX64, ORT_ELEMENT_COMPLEX128, ORT_ELEMENT_BFLOAT16,
};
enum ort_type { ORT_TYPE_UNKNOWN, ORT_TYPE_TENSOR, ORT_TYPE_SEQUENCE, ORT_TYPE_MAP }; /* ONNXType */
enum ort_code { /* OrtErrorCode */
    ORT_CODE_OK, ORT_CODE_FAIL, ORT_CODE_INVALID_ARGUMENT, ORT_CODE_NO_SUCHFILE, ORT_CODE_NO_MODEL, ORT_CODE_ENGINE_ERROR,
    ORT_CODE_RUNTIME_EXCEPTION, ORT_CODE_INVALID_PROTOBUF, ORT_CODE_MODEL_LOADED, ORT_CODE_NOT_IMPLEMENTED, ORT_CODE_INVALID_GRAPH,
};
enum { ORT_LOG_FATAL = 4, ORT_ARENA_ALLOCATOR = 1, ORT_MEM_DEFAULT = 0 };

/* X(position, name, result, parameters) */
#define ORT_FUNCTIONS(X)                                                                           \
    X(1, GetErrorCode, enum ort_code, (const struct ort_status *))                                 \
    X(2, GetErrorMessage, const char *, (const struct ort_status *))                               \
    X(8, CreateSessionFromArray, struct ort_status *,                                              \
      (const struct ort_env *, const void *, size_t, const struct ort_session_options *, struct ort_session **)) \
    X(9, Run, struct ort_status *,                                                                 \
      (struct ort_session *, const struct ort_run_options *, const char *const *, const struct ort_value *const *, size_t, \
       const char *const *, size_t, struct ort_value **))                                          \
    X(10, CreateSessionOptions, struct ort_status *, (struct ort_session_options **))              \
    X(24, SetIntraOpNumThreads, struct ort_status *, (struct ort_session_options *, int))          \
    X(25, SetInterOpNumThreads, struct ort_status *, (struct ort_session_options *, int))          \
    X(30, SessionGetInputCount, struct ort_status *, (const struct ort_session *, size_t *))       \
    X(31, SessionGetOutputCount, struct ort_status *, (const struct ort_session *, size_t *))      \
    X(33, SessionGetInputTypeInfo, struct ort_status *, (const struct ort_session *, size_t, struct ort_type_info **)) \
    X(34, SessionGetOutputTypeInfo, struct ort_status *, (const struct ort_session *, size_t, struct ort_type_info **)) \
    X(36, SessionGetInputName, struct ort_status *, (const struct ort_session *, size_t, struct ort_allocator *, char **)) \
    X(37, SessionGetOutputName, struct ort_status *, (const struct ort_session *, size_t, struct ort_allocator *, char **)) \
    X(39, CreateRunOptions, struct ort_status *, (struct ort_run_options **))                      \
    X(46, RunOptionsSetTerminate, struct ort_status *, (struct ort_run_options *))                 \
    X(48, CreateTensorAsOrtValue, struct ort_status *,                                             \
      (struct ort_allocator *, const int64_t *, size_t, enum ort_element, struct ort_value **))    \
    X(49, CreateTensorWithDataAsOrtValue, struct ort_status *,                                     \
      (const struct ort_memory_info *, void *, size_t, const int64_t *, size_t, enum ort_element, struct ort_value **)) \
    X(51, GetTensorMutableData, struct ort_status *, (struct ort_value *, void **))                \
    X(53, GetStringTensorDataLength, struct ort_status *, (const struct ort_value *, size_t *))    \
    X(54, GetStringTensorContent, struct ort_status *, (const struct ort_value *, void *, size_t, size_t *, size_t)) \
    X(55, CastTypeInfoToTensorInfo, struct ort_status *, (const struct ort_type_info *, const struct ort_tensor_info **)) \
    X(56, GetOnnxTypeFromTypeInfo, struct ort_status *, (const struct ort_type_info *, enum ort_type *)) \
    X(60, GetTensorElementType, struct ort_status *, (const struct ort_tensor_info *, enum ort_element *)) \
    X(61, GetDimensionsCount, struct ort_status *, (const struct ort_tensor_info *, size_t *))     \
    X(62, GetDimensions, struct ort_status *, (const struct ort_tensor_info *, int64_t *, size_t)) \
    X(63, GetSymbolicDimensions, struct ort_status *, (const struct ort_tensor_info *, const char **, size_t)) \
    X(65, GetTensorTypeAndShape, struct ort_status *, (const struct ort_value *, struct ort_tensor_info **)) \
    X(67, GetValueType, struct ort_status *, (const struct ort_value *, enum ort_type *))          \
    X(69, CreateCpuMemoryInfo, struct ort_status *, (int, int, struct ort_memory_info **))         \
    X(76, AllocatorFree, struct ort_status *, (struct ort_allocator *, void *))                    \
    X(78, GetAllocatorWithDefaultOptions, struct ort_status *, (struct ort_allocator **))          \
    X(93, ReleaseStatus, void, (struct ort_status *))                                              \
    X(94, ReleaseMemoryInfo, void, (struct ort_memory_info *))                                     \
    X(95, ReleaseSession, void, (struct ort_session *))                                            \
    X(96, ReleaseValue, void, (struct ort_value *))                                                \
    X(97, ReleaseRunOptions, void, (struct ort_run_options *))                                     \
    X(98, ReleaseTypeInfo, void, (struct ort_type_info *))                                         \
    X(99, ReleaseTensorTypeAndShapeInfo, void, (struct ort_tensor_info *))                         \
    X(100, ReleaseSessionOptions, void, (struct ort_session_options *))                            \
    X(111, SessionGetModelMetadata, struct ort_status *, (const struct ort_session *, struct ort_metadata **)) \
    X(116, ModelMetadataLookupCustomMetadataMap, struct ort_status *,                              \
      (const struct ort_metadata *, struct ort_allocator *, const char *, char **))                \
    X(118, ReleaseModelMetadata, void, (struct ort_metadata *))                                    \
    X(119, CreateEnvWithGlobalThreadPools, struct ort_status *,                                    \
      (int, const char *, const struct ort_threading_options *, struct ort_env **))                \
    X(120, DisablePerSessionThreads, struct ort_status *, (struct ort_session_options *))          \
    X(121, CreateThreadingOptions, struct ort_status *, (struct ort_threading_options **))         \
    X(122, ReleaseThreadingOptions, void, (struct ort_threading_options *))                        \
    X(123, ModelMetadataGetCustomMetadataMapKeys, struct ort_status *,                             \
      (const struct ort_metadata *, struct ort_allocator *, char ***, int64_t *))                  \
    X(130, AddSessionConfigEntry, struct ort_status *, (struct ort_session_options *, const char *, const char *)) \
    X(144, CreateAndRegisterAllocator, struct ort_status *,                                        \
      (struct ort_env *, const struct ort_memory_info *, const struct ort_arena_cfg *))            \
    X(147, SetGlobalIntraOpNumThreads, struct ort_status *, (struct ort_threading_options *, int)) \
    X(148, SetGlobalInterOpNumThreads, struct ort_status *, (struct ort_threading_options *, int)) \
    X(149, SetGlobalSpinControl, struct ort_status *, (struct ort_threading_options *, int))       \
    X(157, ReleaseArenaCfg, void, (struct ort_arena_cfg *))                                        \
    X(164, CreateArenaCfgV2, struct ort_status *, (const char *const *, const size_t *, size_t, struct ort_arena_cfg **)) \
    X(165, AddRunConfigEntry, struct ort_status *, (struct ort_run_options *, const char *, const char *)) \
    X(252, GetResizedStringTensorElementBuffer, struct ort_status *, (struct ort_value *, size_t, size_t, char **))

/* Our copy of the entries, by name. */
struct ort {
#define X(position, name, result, parameters) result(*name) parameters;
    ORT_FUNCTIONS(X)
#undef X
};
/* What the library's one exported symbol, OrtGetApiBase, returns. */
struct ort_base {
    const void *const *(*get_api)(uint32_t version); /* NULL: newer than the library */
    const char *(*version)(void);
};

#endif
