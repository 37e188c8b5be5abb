/* job.h - scores the chunks of one shard: one scan after the other, several chunks in memory, a thread per chunk at work.
 *
 * The calling thread reads (the engine of port/table reads with threads of its own), `threads` workers ask the endpoint and write parts.
 * Memory is bounded by threads + 2 chunks. A part is on disk before it counts. Parts do not depend on threads or on interruptions: the
 * same chunk gives the same bytes. op_is_gone(op) ends the job: chunks that have begun are finished, E_CANCELLED.
 * The first error ends it, too; what is done stays. All is borrowed. */
#ifndef INGOT_CORE_SCORING_JOB_H
#define INGOT_CORE_SCORING_JOB_H

#include "core/scoring/part.h"

struct scoring_progress {
    uint64_t rows, total;    /* of the shard; rows include those that an earlier run did */
    uint64_t scored;         /* by this run */
    uint64_t parts;          /* by this run */
};
struct scoring_job {
    struct table_engine *tables;
    struct serve_endpoint *endpoint;
    const struct infer_signature *signature;
    const struct scoring_plan *plan;
    const struct scoring_binding *binding;
    const struct str *nulls;
    size_t null_count;
    struct scoring_output output;
    struct str folder;       /* where parts go; folder.h */
    uint64_t from, to;       /* chunks */
    const uint64_t *done;    /* bit i: chunk from + i is done */
    int threads;             /* 0: one per core */
    /* Called on the calling thread after every chunk and at least a few times a second; may be NULL. */
    void (*progress)(void *arg, const struct scoring_progress *p);
    void *progress_arg;
};
/* *ret_progress is filled in any case. E_CONFLICT: an input file changed meanwhile. */
MUST_USE enum err scoring_job_run(struct op *op, const struct scoring_job *job, struct scoring_progress *ret_progress);

#endif
