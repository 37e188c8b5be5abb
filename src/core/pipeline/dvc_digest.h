/* dvc_digest.h - md5 of files and folders as DVC 3 records them, with a cache by (path, mtime, size, inode).
 * A folder's digest is the md5 of its `.dir` object: the JSON list of md5 and relpath of every file in it.
 * Everything lives in op's arena. Errors: E_NOT_FOUND, E_INVALID (a name that is no UTF-8, a .dvcignore inside a
 * folder), E_TOO_LARGE (LIMIT_PIPELINE_DIR_FILES, _DIR_DEPTH), E_IO. One thread at a time. */
#ifndef INGOT_CORE_PIPELINE_DVC_DIGEST_H
#define INGOT_CORE_PIPELINE_DVC_DIGEST_H

#include "base/json.h"
#include "base/map.h"

struct dvc_entry {     /* one file of a folder */
    struct str rel;    /* '/'-separated, below the folder */
    struct str md5;
    uint64_t size;
    bool exec;
};
struct dvc_digest {
    struct str md5;    /* 32 hex digits, ".dir" behind them for a folder */
    bool dir, exec;
    uint64_t size;     /* of all files */
    uint64_t nfiles;   /* folders only */
    struct dvc_entry *entries; /* folders only, sorted by rel */
    struct str tree;   /* folders only: bytes of the .dir object */
};

/* Known hashes, kept in `<tmp_dir>/ingot-state` between runs. A lost or damaged file only costs time. */
struct dvc_state {
    struct map known;
    struct arena *arena;
    struct str path;
    bool dirty;
};
void dvc_state_load(struct op *op, struct str tmp_dir, struct dvc_state *ret);
void dvc_state_save(struct op *op, struct dvc_state *st); /* failures are ignored: it is a cache */

MUST_USE enum err dvc_digest(struct op *op, struct dvc_state *st, struct str path, struct dvc_digest *ret);
/* Bytes of a .dir object to entries (sizes unknown: 0). E_CORRUPT; a path that leaves the folder is refused. */
MUST_USE enum err dvc_tree_parse(struct op *op, struct str text, struct dvc_entry **ret, size_t *ret_len);
/* Hash of bytes on disk, the cache not asked. */
MUST_USE enum err dvc_hash_file(struct op *op, struct str path, struct str *ret_md5, uint64_t *ret_size);

#endif
