/* s3.h - blobs (port/blob) in a bucket of Amazon S3 or what speaks its protocol (MinIO, Ceph, R2, versitygw).
 * A blob is PREFIX/blobs/ab/cdef...; what is being written in parts is PREFIX/tmp/<random>. Many servers may share a bucket and prefix.
 * A blob is durable when S3 says so. Reads are verified against the name when they run from front to end.
 *
 * Ages are S3's Last-Modified, in whole seconds. Equal bytes are not uploaded again, but a blob older than LIMIT_S3_RENEW_S is, which
 * makes it young: a sweep must leave alone what is younger than twice that. S3 has no "delete if old", so blob_remove_old()
 * looks and then deletes: with servers that share the bucket, whoever sweeps first marks what it will remove where all see it. */
#ifndef INGOT_ADAPTER_S3_S3_H
#define INGOT_ADAPTER_S3_S3_H

#include "adapter/s3/config.h"
#include "port/blob.h"

struct s3_tuning { /* 0: what limits.h says; tests make them small */
    size_t part_bytes, copy_bytes, read_bytes;
    int tries;
};

/* Asks for the bucket, so that a wrong name, key or region is told at the start, and removes what uploads left behind a day
 * ago. `tuning` may be NULL. Errors as s3_call() has them. blob_store_close() ends it. */
MUST_USE enum err s3_open(struct op *op, const struct s3_config *config, const struct s3_tuning *tuning, struct blob_store **ret);

#endif
