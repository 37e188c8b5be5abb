/* run.h - one batch scoring job from files to files: looks at the input, makes or takes up the plan, scores what is not done, and leaves
 * a folder of parts or one file.
 *
 * `out` that ends with .parquet or .csv is one file; the parts lie in "OUT.parts" until all are there. Anything else is a folder in which
 * the parts stay, with _SUCCESS beside them when all are there. Shards of one job write the same parts as a run without shards. With a
 * file as output and several shards somebody calls scoring_merge() when all have ended; everything else needs no second step.
 * An earlier run's parts are taken up when its manifest fits (manifest.h), whatever ended that run. Threads: one job per call. */
#ifndef INGOT_CORE_SCORING_RUN_H
#define INGOT_CORE_SCORING_RUN_H

#include "core/scoring/job.h"

enum scoring_resume { SCORING_RESUME_AUTO, SCORING_RESUME_MUST, SCORING_RESTART };
struct scoring_config {          /* all borrowed */
    struct table_engine *tables;
    struct serve_endpoint *endpoint;
    struct str model;            /* as the user named it */
    int64_t version;
    const char *model_sha256;
    const struct str *paths;     /* files.h */
    size_t path_count;
    struct str out;
    bool csv_parts;              /* of a folder; a file's parts are of its kind */
    struct scoring_wish wish;
    const struct str *nulls;
    size_t null_count;
    struct str output_name;
    uint32_t batch_rows;         /* 0: scoring_chunk_rows() */
    uint64_t limit;              /* 0: all rows */
    struct scoring_shard shard;
    int threads;
    enum scoring_resume resume;
    void (*progress)(void *arg, const struct scoring_progress *p);
    void *progress_arg;
};
struct scoring_result {
    struct scoring_progress progress; /* of the shard */
    uint64_t rows, parts;        /* of the whole job */
    uint64_t parts_there;        /* of the whole job, now */
    bool whole;                  /* the output is complete: _SUCCESS, or the file */
};
/* *ret is filled as far as it came, also with an error. E_INVALID, E_NOT_FOUND: input or settings; E_CONFLICT: an earlier run left parts of
 * another job (SCORING_RESTART forgets them), or another process works; E_EXISTS: the folder holds other things; E_CANCELLED. */
MUST_USE enum err scoring_run(struct op *op, const struct scoring_config *c, struct scoring_result *ret);
/* Joins the parts of a job with a file as output. E_CONFLICT: some are not there; E_NOT_FOUND: there is no such job. */
MUST_USE enum err scoring_merge(struct op *op, struct table_engine *t, struct str out, uint64_t *ret_parts);

#endif
