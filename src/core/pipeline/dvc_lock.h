/* dvc_lock.h - dvc.lock: what each stage was when it last ran. Stages that are in the file and not in
 * dvc.yaml stay, in their places; new ones come at the end. Lives in op's arena. E_INVALID: not schema 2.0. */
#ifndef INGOT_CORE_PIPELINE_DVC_LOCK_H
#define INGOT_CORE_PIPELINE_DVC_LOCK_H

#include "core/pipeline/dvc_digest.h"
#include "core/pipeline/dvc_file.h"

struct dvc_lock {
    struct str path;
    struct json doc;      /* {schema, ..., stages} */
    struct json *stages;  /* inside doc */
    size_t stages_cap;
    struct map index;     /* name -> position + 1 */
    struct map mine;      /* name -> entry set by us: kept when another process wrote the file in between */
    int64_t seen_mtime_ns;
    uint64_t seen_inode;  /* of the file as we read or wrote it last; 0: absent */
    bool dirty;
};

/* A missing file is an empty lock. */
MUST_USE enum err dvc_lock_load(struct op *op, struct str path, struct dvc_lock **ret);
/* NULL when the stage was never run. */
const struct json *dvc_lock_find(const struct dvc_lock *l, struct str stage);
MUST_USE enum err dvc_lock_set(struct op *op, struct dvc_lock *l, struct str stage, const struct json *entry);
/* Atomic and durable; nothing when nothing changed. If another process wrote the file since we read it (a stage
 * may call dvc), its entries are taken over and ours put on top. */
MUST_USE enum err dvc_lock_save(struct op *op, struct dvc_lock *l);

/* The entry of a stage: cmd, deps, params, outs in dvc's order. `deps` and `outs` run along stage->deps and
 * stage->outs, `params` (one object per file: dotted key -> value) along stage->params. */
struct json dvc_lock_entry(struct op *op, const struct dvc_stage *s, const struct dvc_digest *deps,
                           const struct json *params, const struct dvc_digest *outs);
/* The recorded md5 of `path` in the entry's list ("deps" or "outs"); NULL when absent. */
const struct json *dvc_lock_item(const struct json *entry, const char *list, struct str path);
bool dvc_lock_md5_is(const struct json *item, struct str md5);
/* Checks a lock entry of foreign origin (a run-cache file): cmd, and lists of maps with paths and md5. */
bool dvc_lock_entry_ok(const struct json *entry);

#endif
