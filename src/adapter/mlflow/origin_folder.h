/* origin_folder.h - a folder that `ingot export` wrote as an origin: MLflow's objects as lines of JSON, and the files by their content
 * (the format stands in app/export.h). Foreign bytes: every line is parsed and checked, and no name in it reaches the file system. */
#ifndef INGOT_ADAPTER_MLFLOW_ORIGIN_FOLDER_H
#define INGOT_ADAPTER_MLFLOW_ORIGIN_FOLDER_H

#include "port/origin.h"

/* E_NOT_FOUND: no such folder; E_INVALID: no whole export, or of another version. */
MUST_USE enum err mlflow_folder_origin(struct op *op, struct str dir, struct origin *ret);

#endif
