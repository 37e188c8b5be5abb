/* store.h - the files of the payload log: one Parquet blob each, named by a row. Blocking; any thread. */
#ifndef INGOT_CORE_PAYLOAD_STORE_H
#define INGOT_CORE_PAYLOAD_STORE_H

#include "port/blob.h"
#include "port/db.h"

struct payload_entry {
    int64_t seq, start_us, end_us, rows, expires_us; /* expires_us 0: never */
    uint64_t size_bytes;
    struct blob_id blob;
};
MUST_USE enum err payload_insert(struct op *op, struct db *db, struct str endpoint, const struct payload_entry *entry);
/* Entries with seq > after, oldest first, at most `limit`, in op's arena. */
MUST_USE enum err payload_list(struct op *op, struct db *db, struct str endpoint, int64_t after, size_t limit, struct payload_entry **ret, size_t *ret_n);
MUST_USE enum err payload_get(struct op *op, struct db *db, struct str endpoint, int64_t seq, struct payload_entry *ret); /* E_NOT_FOUND */
/* Forgets the files whose time is over; their bytes go with the sweep (core/retention). */
MUST_USE enum err payload_expire(struct op *op, struct db *db, int64_t *ret_files);

#endif
