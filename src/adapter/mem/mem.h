/* mem.h - a blob store in memory (port/blob): for tests and short-lived servers.
 * Thread-safe. */
#ifndef INGOT_ADAPTER_MEM_MEM_H
#define INGOT_ADAPTER_MEM_MEM_H

#include "port/blob.h"

/* All blobs together hold up to `max_bytes` (E_TOO_LARGE); 0: LIMIT_BLOB_MEM_BYTES. blob_store_close() ends it; no
 * reader or writer may be open then. */
struct blob_store *mem_blobs_create(size_t max_bytes);

#endif
