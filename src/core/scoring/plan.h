/* plan.h - how a batch scoring job is cut: chunks of rows, each of one file, numbered in the order of the input; and which of them a
 * shard does. Pure: the same files and settings give the same plan on every machine, so shards need not talk to each other.
 * An input without rows is one chunk of none, so that it has a result, too. */
#ifndef INGOT_CORE_SCORING_PLAN_H
#define INGOT_CORE_SCORING_PLAN_H

#include "core/scoring/files.h"

struct scoring_plan {
    const struct scoring_file *files; /* with their rows */
    size_t file_count;
    uint64_t *first_chunks;  /* of each file: the number of its first chunk; file_count + 1 of them */
    uint32_t chunk_rows;
    uint64_t rows;           /* of all files, or the first so many of them */
    uint64_t chunk_count;    /* at least 1 */
};
struct scoring_chunk {
    uint64_t number;
    size_t file;
    uint64_t first;          /* row of the file */
    uint32_t rows;
};
struct scoring_shard {
    uint32_t index, count;   /* index 0 .. count - 1 */
};

/* `limit` 0: all rows. E_TOO_LARGE: more than LIMIT_SCORING_CHUNKS. */
MUST_USE enum err scoring_plan_make(struct op *op, const struct scoring_file *files, size_t file_count, uint32_t chunk_rows, uint64_t limit,
                                    struct scoring_plan *ret);
/* `number` < chunk_count. */
struct scoring_chunk scoring_plan_chunk(const struct scoring_plan *p, uint64_t number);
/* Rows per chunk for `columns` columns: as many as can be scored in one call within a bounded memory. */
uint32_t scoring_chunk_rows(size_t columns);

/* "2/8": the second of eight. "auto": as a Slurm job array says (SLURM_ARRAY_TASK_ID, _MIN, _STEP, _COUNT). "auto/8": as a Kubernetes
 * indexed job says (JOB_COMPLETION_INDEX), or a Slurm array. `env` finds a variable, NULL when it is not set. E_INVALID. */
MUST_USE enum err scoring_shard_parse(struct op *op, struct str text, char *(*env)(const char *name), struct scoring_shard *ret);
/* The shard's chunks: *ret_from .. *ret_to - 1, neighbours, so that a shard reads one piece of the input. */
void scoring_shard_range(const struct scoring_plan *p, struct scoring_shard shard, uint64_t *ret_from, uint64_t *ret_to);

#endif
