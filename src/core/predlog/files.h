/* files.h - a log that is kept as Parquet files: one blob each, named by a row with the times and the number of its rows. The prediction log
 * (predlog.h) and the payload log (core/payload) are such logs; each has a table and its statements. Blocking; any thread. */
#ifndef INGOT_CORE_PREDLOG_FILES_H
#define INGOT_CORE_PREDLOG_FILES_H

#include "port/blob.h"
#include "port/db.h"

struct log_file {
    int64_t seq, start_us, end_us, rows, expires_us; /* expires_us 0: never */
    uint64_t size_bytes;
    struct blob_id blob;
};
/* What a log is read by. Both statements give seq, start_us, end_us, row_count, size_bytes, blob, expires_us. */
struct log_files {
    const char *what;                /* "payload log", in errors */
    const struct sql *list;          /* parameters: endpoint, after, limit; ascending by seq */
    const struct sql *get;           /* endpoint, seq */
};
/* Files with seq > after, oldest first, at most `limit`, in op's arena. */
MUST_USE enum err log_files_list(struct op *op, struct db *db, const struct log_files *log, struct str endpoint, int64_t after, size_t limit,
                                 struct log_file **ret, size_t *ret_n);
MUST_USE enum err log_files_get(struct op *op, struct db *db, const struct log_files *log, struct str endpoint, int64_t seq, struct log_file *ret); /* E_NOT_FOUND */

#endif
