/* file.h - small files read and written whole, and the digest of large ones. Thread-safe. */
#ifndef INGOT_BASE_FILE_H
#define INGOT_BASE_FILE_H

#include <sys/types.h>

#include "base/op.h"

/* The bytes in op's arena, NUL behind the end. E_NOT_FOUND, E_IO, E_TOO_LARGE above `max_bytes`; a folder is
 * E_INVALID. */
MUST_USE enum err file_read(struct op *op, const char *path, size_t max_bytes, struct str *ret);
/* SHA-256 of the content as lower-case hex, NUL-terminated; `ret_bytes` may be NULL. */
MUST_USE enum err file_sha256(struct op *op, const char *path, char ret_hex[65], uint64_t *ret_bytes);
/* Writes `bytes` under a temporary name, syncs, renames to `path` and syncs the folder. On a failure the old file stands. */
MUST_USE enum err file_write(struct op *op, const char *path, struct str bytes);
/* The same without waiting for the disk, for what can be made again: readers see the old bytes or the new ones, but after a power
 * cut it may be neither. */
MUST_USE enum err file_write_unsynced(struct op *op, const char *path, struct str bytes);
/* mkdir -p: makes what is missing with `mode`; existing folders are fine, anything else in the way is E_IO. */
MUST_USE enum err file_make_dirs(struct op *op, const char *path, mode_t mode);

#endif
