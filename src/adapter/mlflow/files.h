/* files.h - artifact files of an MLflow server that lie on this machine: file: URIs, plain paths, and mlflow-artifacts:
 * URIs when the folder behind them is known. Only regular files below the location are read; links are not followed. */
#ifndef INGOT_ADAPTER_MLFLOW_FILES_H
#define INGOT_ADAPTER_MLFLOW_FILES_H

#include "port/origin.h"

struct mlflow_files {
    struct str artifact_folder; /* behind mlflow-artifacts:/, or empty */
    struct str working_folder;  /* where relative locations start */
};

/* The folder that an artifact URI means, in op's arena. E_UNSUPPORTED: not on this machine. */
MUST_USE enum err mlflow_files_folder(struct op *op, const struct mlflow_files *f, struct str uri, struct str *ret);
/* All files below it in one page (the second page is empty). */
MUST_USE enum err mlflow_files_list(struct op *op, const struct mlflow_files *f, struct str uri, struct str *cursor, struct origin_file **ret, size_t *ret_n);
/* The bytes of one of these, piece by piece. */
MUST_USE enum err mlflow_files_read(struct op *op, const struct mlflow_files *f, struct str uri, struct str path, origin_bytes_fn fn, void *arg);

#endif
