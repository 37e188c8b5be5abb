/* repository.h - models that lie on disk and that no registry knows: single files, folders of them, and model repositories laid
 * out as Triton's or MLServer's. Nothing is kept of what was read: every call looks at the disk as it is.
 *
 * A path stands for
 *   - a file: one model, named by its stem ("churn.json": "churn"; of a graph "blend.graph.json": "blend"), version 1;
 *   - a folder with model-settings.json (MLServer): one model, its name, version and file as it says;
 *   - a folder with numbered folders or config.pbtxt (Triton): one model named as the folder, its versions the numbers;
 *   - any other folder: each of the former that lies directly in it.
 * A version's file is the one that MLServer's uri or Triton's default_model_filename names, else the only file beside configuration and
 * labels, else the one named "model" (any ending). Hidden files are passed over. Which of Triton's versions are served is what its
 * version_policy says, else the newest. config.pbtxt: triton_config.h. Links are followed: the operator chose the path. Threads: any. */
#ifndef INGOT_ADAPTER_REPOSITORY_REPOSITORY_H
#define INGOT_ADAPTER_REPOSITORY_REPOSITORY_H

#include "base/json.h"

struct repository_version {
    int64_t number;
    struct str file;
    struct str bytes;           /* p NULL: as the file holds; else of an upload */
};
struct repository_model {
    struct str name;
    struct str folder_or_file;  /* where it was found */
    const struct repository_version *versions; /* to be served, ascending */
    size_t version_count;       /* 0: none; `problem` says why */
    struct str problem;         /* "": none. Why it cannot be served as it stands */
    struct str note;            /* "": none. What was passed over */
    const struct json *config;  /* of the endpoint (core/serve/serve.h); NULL: none */
    const char *const *engines; /* names of those that may load it, NULL-ended; NULL: any */
    struct str declared;        /* for adapter/declared; "": nothing is declared */
    const struct json *ensemble; /* Triton's configuration of an ensemble, which has no files; NULL: it is none */
    uint64_t mark;              /* changes when a file of it, or a name in its folders, does */
};

/* What a client's load request said about one model, in place of what lies on disk. */
struct repository_upload {
    struct str path;            /* below the model's folder: "1/model.onnx" */
    struct str bytes;
};
struct repository_override {
    struct str name;
    const struct json *config;  /* Triton's names; NULL: {} */
    const struct repository_upload *files; /* the whole model, then; none: those on disk */
    size_t file_count;
};

/* All models of the paths, in their order and by name within a folder, in op's arena; those of overrides with files stand among them even
 * if nothing lies on disk. E_NOT_FOUND, E_IO for a path itself; what is wrong with one model stands in its `problem`. E_CONFLICT: two of one
 * name. E_TOO_LARGE: more than LIMIT_REPOSITORY_MODELS. `overrides` may be NULL. */
MUST_USE enum err repository_scan(struct op *op, const struct str *paths, size_t path_count, const struct repository_override *overrides,
                                  size_t override_count, struct repository_model **ret, size_t *ret_len);

#endif
