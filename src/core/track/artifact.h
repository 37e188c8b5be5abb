/* artifact.h - the names of artifacts. Users' paths live here, in SQL, and nowhere else: bytes are blobs named by
 * their SHA-256, so no path that a user wrote ever reaches the file system. A name is a relative path below the
 * artifact root, for example "0/<run>/artifacts/model/MLmodel"; a name is a file or a folder, never both.
 * Errors: E_INVALID "Invalid path" or a folder where a file is asked for, E_NOT_FOUND, E_CONFLICT (file where a folder is, or the reverse). */
#ifndef INGOT_CORE_TRACK_ARTIFACT_H
#define INGOT_CORE_TRACK_ARTIFACT_H

#include "port/blob.h"
#include "port/db.h"

struct artifact_info {
    struct str path; /* of a listing: the last segment only */
    bool is_dir;
    int64_t size_bytes;
};
struct artifact_list {
    struct artifact_info *items; /* sorted by path */
    size_t len;
};

/* Cleans a path from a request: refuses "..", absolute ones, backslashes, "#", control bytes, also when they
 * are percent-encoded any number of times; drops "." and empty segments. "" is the root. */
MUST_USE enum err artifact_path_clean(struct op *op, struct str raw, struct str *ret);
/* Percent escapes decoded until none is left, in op's arena; false when the text was escaped more than a few times over. No
 * client does that, and each round costs a walk over the text. Pure but for the memory. */
bool artifact_unescape(struct op *op, struct str raw, struct str *ret);
/* "a" and "b/c" make "a/b/c"; either may be empty. */
struct str artifact_path_join(struct op *op, struct str a, struct str b);
/* "mlflow-artifacts:/0/r/artifacts" (with or without host) as "0/r/artifacts". E_UNSUPPORTED: another store's URI. */
MUST_USE enum err artifact_root(struct op *op, struct str uri, struct str *ret);

/* Gives a committed blob a name, replacing what had it. */
MUST_USE enum err artifact_put(struct op *op, struct db *db, struct str path, const struct blob_id *blob, uint64_t size_bytes);
/* The same inside a transaction; and only its check, that no file would stand where a folder is or the reverse. */
MUST_USE enum err artifact_put_tx(struct op *op, struct db_tx *tx, struct str path, const struct blob_id *blob, uint64_t size_bytes);
MUST_USE enum err artifact_check_clash(struct op *op, struct db_tx *tx, struct str path);
MUST_USE enum err artifact_find(struct op *op, struct db *db, struct str path, struct blob_id *ret_blob, uint64_t *ret_size_bytes);
/* What lies directly in a folder; nothing for an unknown one. At most LIMIT_TRACK_ARTIFACT_LIST. */
MUST_USE enum err artifact_list(struct op *op, struct db *db, struct str folder, struct artifact_list *ret);
/* Removes the names of a file or a whole folder; the bytes stay in the blob store. E_NOT_FOUND: no such name. */
MUST_USE enum err artifact_delete(struct op *op, struct db *db, struct str path);

#endif
