/* dvc_file.h - dvc.yaml read into stages: closed schema, templates resolved, foreach and matrix expanded.
 * Everything lives in op's arena. E_INVALID names the place ("dvc.yaml: stages.train.outs[0]: ...");
 * E_NOT_FOUND: no dvc.yaml. Limits: LIMIT_PIPELINE_STAGES, LIMIT_PIPELINE_FILE_BYTES. */
#ifndef INGOT_CORE_PIPELINE_DVC_FILE_H
#define INGOT_CORE_PIPELINE_DVC_FILE_H

#include "base/json.h"
#include "core/pipeline/workspace.h"

struct dvc_path {
    struct str def; /* as written in dvc.yaml: relative to the stage's wdir */
    struct str abs;
};
struct dvc_out {
    struct dvc_path path;
    bool cache, persist;
    bool metric, plot;
};
struct dvc_params {
    struct dvc_path path;
    struct str *keys; /* sorted, unique; none: the whole file */
    size_t keys_len;
};
/* What stands under meta.ingot. */
struct dvc_policy {
    int64_t attempts;   /* runs in all, at least 1 */
    int64_t backoff_ms; /* before the second attempt; doubles each time */
    int64_t timeout_ms; /* per attempt and command; 0 = none */
    struct str *env;    /* "K=V" */
    size_t env_len;
};
struct dvc_stage {
    struct str name;
    struct json cmd;    /* a string or a list of strings, as dvc.lock keeps it */
    struct str wdir;    /* absolute */
    struct dvc_path *deps;
    struct dvc_params *params;
    struct dvc_out *outs; /* outs, metrics and plots */
    size_t deps_len, params_len, outs_len; /* each sorted as dvc.lock sorts them */
    bool frozen, always_changed;
    struct str desc;
    struct dvc_policy policy;
};
struct dvc_file {
    struct dvc_stage *stages; /* in the order of the file, generated ones in place */
    size_t len;
};

MUST_USE enum err dvc_file_load(struct op *op, const struct workspace *ws, struct dvc_file **ret);
/* The same from text (tests, fuzzing); files named in it are looked for in ws->dir. */
MUST_USE enum err dvc_file_parse(struct op *op, const struct workspace *ws, struct str text, struct dvc_file **ret);

#endif
