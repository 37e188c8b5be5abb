/* onnxml.h - the engine for classical models in ONNX, without ONNX Runtime: what scikit-learn's pipelines become (trees, linear
 * models, scalers, encoders, imputers, the arithmetic between them). A tensor model (port/engine.h): inputs and outputs have the
 * names of the file; a ZipMap's list of maps is given as the matrix of its scores, with the classes as labels.
 * E_UNSUPPORTED for every other graph, found before the first request: by the operators, then by a run with trial values. */
#ifndef INGOT_ADAPTER_ONNXML_ONNXML_H
#define INGOT_ADAPTER_ONNXML_ONNXML_H

#include "port/engine.h"

extern const struct engine_ops onnxml_engine;

#endif
