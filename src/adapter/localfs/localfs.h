/* localfs.h - the content-addressed blob store in a local folder (port/blob).
 * A blob is DIR/blobs/ab/cdef...; what is being written is in DIR/tmp. The folder must be locked (datadir.h): opening
 * removes every temporary file. Reads in sequence are verified against the name; a read that jumps is not (the bytes are
 * checked when somebody reads the blob from front to end). Thread-safe. */
#ifndef INGOT_ADAPTER_LOCALFS_LOCALFS_H
#define INGOT_ADAPTER_LOCALFS_LOCALFS_H

#include "port/blob.h"

/* `dir` exists. E_IO. blob_store_close() ends it. */
MUST_USE enum err localfs_open(struct op *op, const char *dir, struct blob_store **ret);
/* DIR/tmp, made or emptied: for a data folder whose blobs lie elsewhere. E_IO. */
MUST_USE enum err localfs_clear_tmp(struct op *op, const char *dir);

#endif
