/* upload.h - an artifact that comes in parts, each by a request of its own (MLflow's multipart upload through the proxy).
 * Each part is stored as a blob; completing streams them, in order, into the artifact's blob and gives it its name, in one step for
 * whoever looks. The id is 256 random bits: who has it may send parts, without any other credentials, because MLflow's client
 * sends parts without them. An upload to which nothing comes for LIMIT_TRACK_UPLOAD_S is forgotten. Thread-safe.
 * Errors: E_NOT_FOUND (no such upload: never begun, aborted or expired), E_INVALID, E_CONFLICT as artifact.h says. */
#ifndef INGOT_CORE_TRACK_UPLOAD_H
#define INGOT_CORE_TRACK_UPLOAD_H

#include "core/track/artifact.h"

struct upload_part {
    int64_t number;  /* from 1 */
    struct str etag; /* what upload_put_part() gave, with or without quotes; "": not checked */
};

/* Begins an upload of 1 to LIMIT_TRACK_UPLOAD_PARTS parts to the clean path of a file. Uploads that expired are forgotten on the way. */
MUST_USE enum err upload_create(struct op *op, struct db *db, struct str path, int64_t parts, struct str *ret_id);
/* Before a part's body is read: is the upload open, and the number one of its own? */
MUST_USE enum err upload_check_part(struct op *op, struct db *db, struct str id, int64_t number);
/* A part, stored already, in place of what had its number. *ret_etag: its SHA-256 as hex, in quotes. */
MUST_USE enum err upload_put_part(struct op *op, struct db *db, struct str id, int64_t number, const struct blob_id *blob, uint64_t size_bytes, struct str *ret_etag);
/* `parts` in rising order: all that the artifact consists of. A missing part, a wrong tag or another path is E_INVALID and ends nothing.
 * Doing it again, after an answer was lost, is OK. */
MUST_USE enum err upload_complete(struct op *op, struct db *db, struct blob_store *blobs, struct str id, struct str path, const struct upload_part *parts, size_t n);
/* Forgets the upload and its parts; of a completed one only that it was. */
MUST_USE enum err upload_abort(struct op *op, struct db *db, struct str id, struct str path);

#endif
