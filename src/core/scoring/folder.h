/* folder.h - the folder in which the parts of a batch scoring job appear.
 *
 *     _ingot-predict.json      the manifest (manifest.h), there before the first part
 *     part-00000012.parquet    chunk 12 is done: the name appears when the file is whole and on disk
 *     part-...tmp-...          one that was being written when its process died; removed by whoever does that chunk next
 *     _shard-2-of-8.lock       held while a process works on the shard
 *     _SUCCESS                 empty; all parts are there. Of a job with a file as output: that file is there, and the parts go
 *     _whole...                all parts joined, before they become that file
 *
 * Shards share the folder and need nothing else from each other. What is not ours is never touched. Threads: any. */
#ifndef INGOT_CORE_SCORING_FOLDER_H
#define INGOT_CORE_SCORING_FOLDER_H

#include "core/scoring/plan.h"
#include "port/table.h"

/* The manifest's text; "" when there is none. E_EXISTS: there is none, but other things are in the folder. */
MUST_USE enum err scoring_folder_read(struct op *op, struct str folder, struct str *ret);
/* Makes the folder and puts the manifest there. E_EXISTS: another process was faster; read again. */
MUST_USE enum err scoring_folder_create(struct op *op, struct str folder, struct str manifest);
/* Removes parts, manifest and all that the head names, if there is a manifest; the folder itself, too, if `whole` and nothing else is in it. */
MUST_USE enum err scoring_folder_clear(struct op *op, struct str folder, bool whole);
/* E_CONFLICT: a process works on this shard. The caller calls scoring_folder_unlock. */
MUST_USE enum err scoring_folder_lock(struct op *op, struct str folder, struct scoring_shard shard, int *ret_fd);
void scoring_folder_unlock(struct op *op, struct str folder, struct scoring_shard shard, int fd); /* -1 is ignored */

/* Bit i of *ret_done (op's arena) tells whether part from + i is there. `tidy`: leftovers of parts in the range are removed. */
MUST_USE enum err scoring_folder_parts(struct op *op, struct str folder, bool csv, uint64_t from, uint64_t to, bool tidy, uint64_t **ret_done,
                                       uint64_t *ret_count);
static inline bool scoring_is_done(const uint64_t *done, uint64_t i) { return done[i / 64] >> (i % 64) & 1; }
struct str scoring_part_path(struct op *op, struct str folder, bool csv, uint64_t number);
/* Says so, by _SUCCESS. */
MUST_USE enum err scoring_folder_succeed(struct op *op, struct str folder);
bool scoring_folder_succeeded(struct op *op, struct str folder);
/* All parts, in their order, as one file, which appears whole. The folder must be on the same file system. */
MUST_USE enum err scoring_folder_merge(struct op *op, struct table_engine *t, struct str folder, bool csv, uint64_t parts, struct str out);

#endif
