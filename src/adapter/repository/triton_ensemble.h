/* triton_ensemble.h - Triton's ensemble_scheduling as the file of a graph of models (core/serve/graph.h). */
#ifndef INGOT_ADAPTER_REPOSITORY_TRITON_ENSEMBLE_H
#define INGOT_ADAPTER_REPOSITORY_TRITON_ENSEMBLE_H

#include "base/json.h"

/* The file's text in op's arena. `doc`: a checked configuration in Triton's names. E_INVALID: a step or a tensor lacks its name. */
MUST_USE enum err triton_ensemble(struct op *op, const struct json *doc, struct str *ret);

#endif
