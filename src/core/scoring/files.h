/* files.h - the data files of a batch scoring job: which ones a path means, and what tells that they are still the same.
 *
 * A path is a file, a folder (its data files, by name; hidden ones and those that begin with '_' are passed over) or a glob pattern
 * (its matches, by name). What is a data file says port/table.h: .parquet, .pq, .csv, .csv.gz, .tsv.
 * A file's identity is its name, size, time of change and a digest of its head and tail; of Parquet the tail is the whole footer,
 * which holds the places and statistics of everything else. Reading all of a large file again only to know it would cost as much as
 * scoring it. Results live in op's arena. Threads: any. */
#ifndef INGOT_CORE_SCORING_FILES_H
#define INGOT_CORE_SCORING_FILES_H

#include "base/op.h"

struct scoring_file {
    struct str path;
    bool parquet;          /* else text */
    uint64_t size_bytes;
    int64_t changed_us;    /* mtime */
    char sha256[65];       /* of head and tail */
    uint64_t rows;         /* 0 until somebody counted */
};
/* In the order of `paths`, and by name within each. E_NOT_FOUND: a path or pattern that names no file; E_INVALID: a file of an
 * unknown kind; E_TOO_LARGE: more than LIMIT_SCORING_FILES; E_IO. */
MUST_USE enum err scoring_files_find(struct op *op, const struct str *paths, size_t path_count, struct scoring_file **ret, size_t *ret_len);
/* The part behind the last '/'. */
struct str scoring_base_name(struct str path);

#endif
