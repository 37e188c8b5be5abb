/* trigger.h - retraining started by the server: a scheduler thread that runs `ingot run` in a supervised child
 * process, one at a time per endpoint, with a cool-down between them. Every run is a row in SQL; each change of its
 * state is written together with its audit row. Texts are copied. Times: microseconds since 1970 UTC.
 * Threads: all functions may be called from any thread but the database writer; `done` runs on the scheduler's
 * own thread. Limits: LIMIT_TRIGGERS open runs. */
#ifndef INGOT_CORE_PIPELINE_TRIGGER_H
#define INGOT_CORE_PIPELINE_TRIGGER_H

#include "port/db.h"
#include "port/runner.h"

struct scheduler;

struct trigger {
    struct str endpoint;     /* "": of a pipeline that belongs to none; one at a time per workspace then */
    struct str pipeline;     /* how people call it; "": as the endpoint */
    struct str reason;       /* a JSON object: what was seen */
    struct str workspace;    /* the folder that the command works in */
    const struct str *argv;  /* {"/usr/bin/ingot", "run", "--cwd", ...} */
    size_t argc;
    const struct str *env;   /* "K=V" put over the server's environment; INGOT_PIPELINE_RUN=ID is added */
    size_t env_len;
    struct str on_success;   /* a JSON file that the command leaves, absolute or in the workspace; "" = none */
    int64_t time_us;         /* when it was asked for, on the asker's clock (event time in a replay) */
    int64_t cooldown_us;     /* no new run of this endpoint until so long after the last one's time_us, unless that was lost */
};
/* A run ended. `ok`: exit code 0 and, if named, `on_success` was read into `registered_json` ("" otherwise).
 * `op` is the scheduler's, its arena is reset after the call. What `done` writes is its own transaction. */
typedef void (*trigger_done_fn)(void *arg, struct op *op, const struct trigger *t, bool ok, struct str registered_json);

struct scheduler_config {
    struct db *db;
    struct runner runner;
    struct str log_dir;      /* made when absent; one file per run */
    int64_t timeout_ms;      /* of a run; 0 = none */
    trigger_done_fn done;    /* may be NULL */
    void *arg;
};
/* Rows that a killed server left open become 'lost'. */
MUST_USE enum err scheduler_create(struct op *op, const struct scheduler_config *config, struct scheduler **ret);
/* Cancels what runs (SIGTERM, then SIGKILL), records it as 'cancelled', ends the thread. NULL is ignored. */
void scheduler_destroy(struct scheduler *s);

/* Records and queues a run. E_CONFLICT: one is open for this endpoint, or the cool-down has not passed (the text
 * says which); E_BUSY: LIMIT_TRIGGERS. On success the row and its audit row are durable. */
MUST_USE enum err scheduler_submit(struct op *op, struct scheduler *s, const struct trigger *t, int64_t *ret_id);
/* Ends a run of ours that is queued or runs (SIGTERM, then SIGKILL); it becomes 'cancelled'. E_NOT_FOUND: no such run is open here. */
MUST_USE enum err scheduler_cancel(struct op *op, struct scheduler *s, int64_t id);
/* Whether a run of the endpoint is queued or running, or its `done` has not returned yet. */
bool scheduler_pending(struct scheduler *s, struct str endpoint);

struct pipeline_run_row {
    int64_t id;
    struct str endpoint, workspace, reason, state;
    int64_t time_us, started_us, ended_us; /* 0: not yet */
    int64_t exit_code, cpu_us, max_rss_bytes;
    struct str log_path, result;           /* result: the on_success file, or "" */
};
/* Newest first, in op's arena; `endpoint` "" = all; only ids below `before` (0 = from the newest). */
MUST_USE enum err scheduler_list(struct op *op, struct scheduler *s, struct str endpoint, int64_t before, size_t limit,
                                 struct pipeline_run_row **ret, size_t *ret_len);

#endif
