/* lib.h - the functions of libxgboost that this folder uses, found by dlopen: only `ingot train` pays for loading the library
 * and its OpenMP runtime, and an OpenMP setting can be made before. Loaded once per process, never unloaded. Internal to
 * adapter/xgboost and its tests. Thread-safe. */
#ifndef INGOT_ADAPTER_XGBOOST_LIB_H
#define INGOT_ADAPTER_XGBOOST_LIB_H

#include <xgboost/c_api.h>

#include "base/op.h"

#define XGB_FUNCTIONS(X)                                                                           \
    X(XGBoostVersion)                                                                              \
    X(XGBGetLastError)                                                                             \
    X(XGBSetGlobalConfig)                                                                          \
    X(XGBoosterLoadModelFromBuffer)                                                                \
    X(XGBoosterGetNumFeature)                                                                      \
    X(XGDMatrixCreateFromMat_omp)                                                                  \
    X(XGDMatrixSetFloatInfo)                                                                       \
    X(XGDMatrixFree)                                                                               \
    X(XGBoosterCreate)                                                                             \
    X(XGBoosterFree)                                                                               \
    X(XGBoosterSetParam)                                                                           \
    X(XGBoosterUpdateOneIter)                                                                      \
    X(XGBoosterEvalOneIter)                                                                        \
    X(XGBoosterSlice)                                                                              \
    X(XGBoosterSetStrFeatureInfo)                                                                  \
    X(XGBoosterSaveModelToBuffer)                                                                  \
    X(XGBoosterPredictFromDMatrix)

struct xgb_lib {
#define X(name) __typeof__(&name) name;
    XGB_FUNCTIONS(X)
#undef X
};

/* E_UNSUPPORTED: the library is not there or lacks a function; the text says which. */
MUST_USE enum err xgb_lib_get(struct op *op, const struct xgb_lib **ret);
/* Fails with `e` and what the library said last on this thread: its first line, without its time and source position. */
enum err xgb_lib_fail(struct op *op, const struct xgb_lib *lib, enum err e, const char *what);

#endif
