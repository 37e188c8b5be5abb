/* store.h - the files of the payload log: one Parquet blob each, named by a row. Blocking; any thread. */
#ifndef INGOT_CORE_PAYLOAD_STORE_H
#define INGOT_CORE_PAYLOAD_STORE_H

#include "core/predlog/files.h"

extern const struct log_files payload_files;
/* `file`'s seq is not used. */
MUST_USE enum err payload_insert(struct op *op, struct db *db, struct str endpoint, const struct log_file *file);
/* Forgets the files whose time is over; their bytes go with the sweep (core/retention). */
MUST_USE enum err payload_expire(struct op *op, struct db *db, int64_t *ret_files);

#endif
