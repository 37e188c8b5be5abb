/* journal.h - what is known of the runs of pipelines, for people to look at: which stages there are, what each did, the end of what it printed. Whoever runs
 * a pipeline reports (`ingot run` with a server); the runs that the server itself starts (trigger.h) have rows of the same table and report their stages too.
 * A reported run whose reports stop for JOURNAL_SILENCE_US counts as lost until the next one comes. Texts are in op's arena. Times: microseconds since
 * 1970 UTC, 0: not yet. Thread-safe. Limits: LIMIT_JOURNAL_*. */
#ifndef INGOT_CORE_PIPELINE_JOURNAL_H
#define INGOT_CORE_PIPELINE_JOURNAL_H

#include "port/db.h"

#define JOURNAL_SILENCE_US 60000000

struct journal_stage {
    struct str name;
    struct str needs; /* a JSON array of names of stages */
    struct str facts; /* a JSON object: cmd, deps, outs, params */
    struct str state; /* as pipeline_state_name() has them */
    struct str reason;
    int64_t attempts, started_us, ended_us, cpu_us, max_rss_bytes, exit_code;
    struct str track_run; /* the tracked run it was, or "" */
    int64_t log_bytes;    /* of the whole output so far */
    int64_t usual_us;     /* median of when it ran before; 0: it did not. Only read */
};
struct journal_run {
    int64_t id;
    struct str pipeline, origin, endpoint, workspace, reason, argv, state, actor, host;
    int64_t time_us, started_us, ended_us, seen_us, cancel_us, exit_code, cpu_us, max_rss_bytes;
    struct str log_path, result;
};
struct journal_begin {
    struct str pipeline, workspace, argv /* a JSON array */, actor, host;
    int64_t run; /* not 0: a run of the server's, which takes the stages up */
    const struct journal_stage *stages; /* name, needs, facts */
    size_t len;
};
/* E_INVALID: a name or a text is too long; E_NOT_FOUND: `run` is none of the server's, or has ended. */
MUST_USE enum err journal_begin(struct op *op, struct db *db, const struct journal_begin *b, int64_t *ret_id);

struct journal_update {
    int64_t place;              /* which stage, as journal_begin() had them */
    struct journal_stage stage; /* all but name, needs, facts; state "": only the log */
    struct str log;             /* the end of what it printed; p NULL: as it was */
};
/* Also a sign of life, with n = 0. *ret_cancel: somebody wants it to end. E_NOT_FOUND; E_CONFLICT: it has ended. */
MUST_USE enum err journal_report(struct op *op, struct db *db, int64_t run, const struct journal_update *updates, size_t n, bool *ret_cancel);
/* Of a reported run: "succeeded", "failed" or "cancelled". Again: nothing changes. */
MUST_USE enum err journal_end(struct op *op, struct db *db, int64_t run, struct str state, int64_t exit_code, int64_t cpu_us, int64_t max_rss_bytes);
/* Asks a reported run to end: it is told with the answer to its next report. E_CONFLICT: it has ended. */
MUST_USE enum err journal_cancel(struct op *op, struct db *db, int64_t run);

/* Newest first; ids below `before` (0: all). */
MUST_USE enum err journal_list(struct op *op, struct db *db, struct str pipeline, int64_t before, size_t limit, struct journal_run **ret, size_t *ret_len);
MUST_USE enum err journal_get(struct op *op, struct db *db, int64_t run, struct journal_run *ret, struct journal_stage **ret_stages, size_t *ret_len);
/* The kept end of what a stage printed; *ret_bytes: how much there was in all. */
MUST_USE enum err journal_log(struct op *op, struct db *db, int64_t run, struct str stage, struct str *ret, int64_t *ret_bytes);

struct journal_pipeline {
    struct str name;
    int64_t runs;
    struct journal_run *newest; /* newest first, `len` of them */
    size_t len;
};
/* By name, behind `after`; each with its newest runs. */
MUST_USE enum err journal_pipelines(struct op *op, struct db *db, struct str after, size_t limit, size_t runs_each, struct journal_pipeline **ret, size_t *ret_len);

#endif
