/* sweep.h - takes away bytes that no row names any more.
 * A blob younger than the grace time stays in any case: bytes are stored before the row that names them. Storing equal bytes
 * again makes a blob young again, so an upload that meets the sweep keeps its blob (port/blob.h, remove_old). Safe beside a
 * running server; several servers on one store must share the database. */
#ifndef INGOT_CORE_RETENTION_SWEEP_H
#define INGOT_CORE_RETENTION_SWEEP_H

#include "port/blob.h"
#include "port/db.h"

struct sweep_report {
    int64_t blobs, bytes;          /* in the store before */
    int64_t swept, swept_bytes;    /* taken away, or, of a dry run, that would be */
    int64_t names, logical_bytes;  /* artifacts, and the sum of their sizes: more than `bytes` where contents repeat */
};

MUST_USE enum err sweep_run(struct op *op, struct db *db, struct blob_store *blobs, int64_t grace_us, bool dry_run, struct sweep_report *ret);

/* "table.column" of every column that names a blob, NULL at the end: what the sweep asks. */
extern const char *const sweep_columns[];

#endif
