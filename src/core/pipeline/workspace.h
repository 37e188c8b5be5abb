/* workspace.h - the folder in which a pipeline lives, and its DVC repository (reference: DVC 3).
 * The repository root is the nearest folder upwards with a `.dvc` folder; without one the workspace itself
 * becomes a repository that stock dvc accepts. Everything is in op's arena and lives as long as it.
 * Paths are absolute and lexically clean unless a comment says otherwise. One thread at a time. */
#ifndef INGOT_CORE_PIPELINE_WORKSPACE_H
#define INGOT_CORE_PIPELINE_WORKSPACE_H

#include "base/buf.h"
#include "base/op.h"

enum workspace_link { WORKSPACE_REFLINK, WORKSPACE_COPY, WORKSPACE_HARDLINK, WORKSPACE_SYMLINK };

struct workspace {
    struct str dir;        /* holds dvc.yaml and dvc.lock */
    struct str root;       /* holds .dvc */
    struct str cache_dir;  /* objects below files/md5, run cache below runs */
    struct str tmp_dir;    /* <root>/.dvc/tmp */
    enum workspace_link links[4]; /* how outputs are put in place, in order of preference */
    size_t links_len;
    bool scm;              /* cached outputs are added to .gitignore */
    bool list_append;      /* parsing.list = append */
    bool bool_optional;    /* parsing.bool = boolean_optional */
    int lock_fd, claim_fd; /* -1: not held */
};

/* E_NOT_FOUND: no such folder. E_INVALID: a bad .dvc/config. Makes `.dvc` when there is none, unless `probe`. */
MUST_USE enum err workspace_open(struct op *op, struct str dir, bool probe, struct workspace **ret);
/* flock on .dvc/tmp/lock, as stock dvc takes it. E_BUSY after wait_ms. */
MUST_USE enum err workspace_lock(struct op *op, struct workspace *ws, int64_t wait_ms);
void workspace_unlock(struct workspace *ws);
/* One run per dvc.yaml at a time: held until workspace_release, and inherited by every child that is started, so that
 * a stage which outlives a killed run still keeps the next one out. E_BUSY after wait_ms. */
MUST_USE enum err workspace_claim(struct op *op, struct workspace *ws, int64_t wait_ms);
void workspace_release(struct workspace *ws);
/* Adds `/name` to the .gitignore beside the output `path`; does nothing outside git. */
MUST_USE enum err workspace_ignore(struct op *op, struct workspace *ws, struct str path);
bool workspace_contains(const struct workspace *ws, struct str path);

#endif
