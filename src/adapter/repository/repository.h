/* repository.h - models that lie on disk and that no registry knows: single files, folders of them, and model repositories laid
 * out as Triton's or MLServer's. Nothing is kept of what was read: every call looks at the disk as it is.
 *
 * A path stands for
 *   - a file: one model, named by its stem ("churn.json": "churn"), version 1;
 *   - a folder with model-settings.json (MLServer): one model, its name, version and file as it says;
 *   - a folder with numbered folders or config.pbtxt (Triton): one model named as the folder, its versions the numbers;
 *   - any other folder: each of the former that lies directly in it.
 * A version's file is the one that MLServer's uri names, else the only file beside configuration and labels, else the one named
 * "model" (any ending). Hidden files are passed over. Of several versions the newest is served, as Triton's default has it.
 * What Triton's config.pbtxt says is not read yet: `note` says so. Links are followed: the operator chose the path. Threads: any. */
#ifndef INGOT_ADAPTER_REPOSITORY_REPOSITORY_H
#define INGOT_ADAPTER_REPOSITORY_REPOSITORY_H

#include "base/op.h"

struct repository_model {
    struct str name;
    struct str folder_or_file;  /* where it was found */
    struct str file;            /* of the newest version; "" with `problem` */
    int64_t version;            /* the newest; 0: there is none */
    struct str problem;         /* "": none. Why it cannot be served as it stands */
    struct str note;            /* "": none. What was passed over */
};

/* All models of the paths, in their order and by name within a folder, in op's arena. E_NOT_FOUND, E_IO for a path itself; what is
 * wrong with one model stands in its `problem`. E_CONFLICT: two of one name. E_TOO_LARGE: more than LIMIT_REPOSITORY_MODELS. */
MUST_USE enum err repository_scan(struct op *op, const struct str *paths, size_t path_count, struct repository_model **ret, size_t *ret_len);

#endif
