/* source.h - versions of the model registry as a serve_source: the version's folder is found in the artifact names, its
 * bytes in the blob store. The folder holds MLmodel, which names the model's file (flavor ingot or xgboost: "data"); without
 * MLmodel it is model.json. "reference.bin" beside it is the monitor's reference,
 * "transform.json" and "calibrator.json" are what was fitted with it; the signature is MLmodel's. A version may also point at one file. */
#ifndef INGOT_CORE_SERVE_SOURCE_H
#define INGOT_CORE_SERVE_SOURCE_H

#include "core/serve/serve.h"

/* Both are borrowed. */
struct serve_source serve_source_registry(struct db *db, struct blob_store *blobs);
/* The model's file as the text of MLmodel names it; "model.json" when it names none. E_INVALID. */
MUST_USE enum err serve_source_model_file(struct op *op, struct str mlmodel, struct str *ret);

#endif
