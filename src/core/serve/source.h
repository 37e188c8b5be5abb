/* source.h - versions of the model registry as a serve_source: the version's folder is found in the artifact names, its
 * bytes in the blob store. The folder holds MLmodel, which names the model's file (flavor ingot or xgboost: "data"); without
 * MLmodel it is model.json. "reference.bin" beside it is the monitor's reference. A version may also point at one file. */
#ifndef INGOT_CORE_SERVE_SOURCE_H
#define INGOT_CORE_SERVE_SOURCE_H

#include "core/serve/serve.h"

/* Both are borrowed. */
struct serve_source serve_source_registry(struct db *db, struct blob_store *blobs);

#endif
