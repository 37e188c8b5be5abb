/* dvc_cache.h - the content-addressed cache of DVC 3: <cache>/files/md5/ab/cdef..., read-only files.
 * Mode 0444 says "trusted"; an object of any other mode is hashed again and removed when it is not what its
 * name says. Hashes from outside (dvc.lock, run cache, .dir objects) are checked before they become a path.
 * Errors: E_CORRUPT (a hash that is none), E_NOT_FOUND (object absent), E_IO. */
#ifndef INGOT_CORE_PIPELINE_DVC_CACHE_H
#define INGOT_CORE_PIPELINE_DVC_CACHE_H

#include <sys/types.h>

#include "core/pipeline/dvc_digest.h"
#include "core/pipeline/workspace.h"

/* Whether the object, and for a .dir every file that it lists, is there. */
MUST_USE enum err dvc_cache_has(struct op *op, const struct workspace *ws, struct str md5, bool *ret);
/* `copy`, below: the workspace gets a file of its own whatever cache.type says (outputs that persist, metrics
 * that git tracks). */

/* Puts the file or folder at `path`, whose digest is `d`, into the cache. With cache.type hardlink or symlink
 * the workspace then holds links. Already cached content is not copied again. */
MUST_USE enum err dvc_cache_commit(struct op *op, const struct workspace *ws, struct str path, const struct dvc_digest *d,
                               bool copy);
/* Replaces what stands at `path` by the object's content; folders lose files that the object does not list. */
MUST_USE enum err dvc_cache_checkout(struct op *op, const struct workspace *ws, struct str md5, bool exec, struct str path,
                                 bool copy);
/* Copies bytes by reflink if the file system can, else by the kernel; `to` must not exist. */
MUST_USE enum err dvc_copy_file(struct op *op, struct str from, struct str to, mode_t mode, bool durable);

#endif
