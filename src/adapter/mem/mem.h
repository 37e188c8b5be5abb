/* mem.h - a blob store in memory (port/blob): for tests and short-lived servers.
 * All blobs together hold up to LIMIT_BLOB_MEM_BYTES. Thread-safe. */
#ifndef INGOT_ADAPTER_MEM_MEM_H
#define INGOT_ADAPTER_MEM_MEM_H

#include "port/blob.h"

/* blob_store_close() ends it; no reader or writer may be open then. */
struct blob_store *mem_blobs_create(void);

#endif
