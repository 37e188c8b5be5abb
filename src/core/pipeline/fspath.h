/* fspath.h - paths of a workspace: lexical joins, whole-file reads, durable writes, removal of trees.
 * Results live in op's arena. Errors: E_NOT_FOUND, E_TOO_LARGE (named limit), E_IO. Thread-safe. */
#ifndef INGOT_CORE_PIPELINE_FSPATH_H
#define INGOT_CORE_PIPELINE_FSPATH_H

#include <sys/stat.h>

#include "base/op.h"

/* Joins and cleans lexically ("/w" and "a/./b/../c" give "/w/a/c"); an absolute `rel` replaces `base`. */
struct str fspath_join(struct op *op, struct str base, struct str rel);
/* True when the paths are equal or one is a folder above the other. */
bool fspath_overlaps(struct str a, struct str b);
/* `path` is `dir` or lies below it. */
bool fspath_inside(struct str dir, struct str path);
struct str fspath_parent(struct str path); /* "/a/b" gives "/a"; "/a" gives "/"; "a" gives "." */
struct str fspath_name(struct str path);   /* "/a/b" gives "b" */
bool fspath_exists(struct op *op, struct str path);
/* Follows links. *ret_found false when nothing is there. */
MUST_USE enum err fspath_stat(struct op *op, struct str path, struct stat *ret, bool *ret_found);
/* mkdir -p; existing folders are fine. */
MUST_USE enum err fspath_make_dirs(struct op *op, struct str dir);
/* Removes a file, a link or a whole folder; absent is OK. Links are removed, not followed. */
MUST_USE enum err fspath_remove(struct op *op, struct str path);
MUST_USE enum err fspath_read(struct op *op, struct str path, size_t max, struct str *ret);
/* Under a temporary name, then renamed: readers see the old bytes or the new ones. `durable` adds the
 * fsync of file and folder. */
MUST_USE enum err fspath_write(struct op *op, struct str path, struct str bytes, bool durable);

#endif
