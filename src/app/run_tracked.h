/* run_tracked.h - a process that runs as a run of a tracking server: the run is made with the facts of where it comes from, the
 * process finds the server and its run in the environment, what it prints and uses is sent while it goes on, and the run ends as the
 * process did. Lives in op's arena; one thread, but for what run_capture.h says. */
#ifndef INGOT_APP_RUN_TRACKED_H
#define INGOT_APP_RUN_TRACKED_H

#include "app/remote.h"
#include "app/run_capture.h"
#include "app/run_log.h"
#include "app/run_watcher.h"
#include "port/runner.h"

struct tracked_config {
    struct str url, token, experiment;
    int64_t interval_ms;  /* between samples; 0: none */
    int64_t wait_ms;      /* how long a server that is away is waited for at the end */
    bool diff;            /* keep the difference to the commit */
    const struct str *variables; /* further environment variables that may be shown */
    size_t variable_count;
    bool spool_is_ours;          /* its folder too: both go when all is on the server */
    struct run_watcher *watcher; /* told of every run; NULL: none */
    void (*stage_started)(void *arg, struct str stage, struct str run_id); /* a stage became a run; may be NULL */
    void *stage_arg;
};
struct tracked_command {
    struct str name;      /* of the run; "" = the server makes one up */
    struct str parent;    /* run id, or "" */
    struct str dir;       /* where it runs */
    struct str stage;     /* of a pipeline, or "" */
    const struct str *words;
    size_t count;
};
struct tracked_result {
    const char *status;   /* "FINISHED", "FAILED", "KILLED" */
    bool kept;            /* everything is on the server */
    const char *problem;  /* what is not, and why; NULL when kept */
    struct run_capture_report report;
};
struct tracked;

/* Makes the run. `config` must live as long. */
MUST_USE enum err tracked_start(struct op *op, const struct tracked_config *config, const struct tracked_command *command, struct tracked **ret);
struct str tracked_run_id(const struct tracked *t);
struct str tracked_experiment(const struct tracked *t);
/* `env` with what leads MLflow's clients to the run. */
void tracked_env(struct op *op, const struct tracked *t, const struct str *env, size_t n, struct str **ret, size_t *ret_n);
/* The process is there and writes to `spool` from byte `from` on. */
MUST_USE enum err tracked_watch(struct op *op, struct tracked *t, const char *spool, int64_t from, int64_t process);
/* It ended, or never began (`status` NULL). `stopped`: because somebody wanted it. The run ends; `t` is dead. Never fails: see *ret. */
void tracked_finish(struct op *op, struct tracked *take_t, const struct runner_status *status, bool stopped, struct tracked_result *ret);
/* For somebody who finds that the one who watched is gone: sends the rest, ends the run as KILLED. */
void tracked_take_over(struct op *op, const struct tracked_config *config, struct str run_id, const char *spool, int64_t from);

/* The file and the folder made for it. */
void tracked_spool_remove(struct op *op, const char *spool);

/* Rows for a command's option table, and what they say. The server: --server, else $MLFLOW_TRACKING_URI, else as remote.h has it. */
#define RUN_TRACKED_OPTIONS                                                                                                                  \
    REMOTE_OPTIONS, {"experiment", OPTION_STRING, "NAME", "experiment of the run; made when it is not there", NULL, false},                  \
        {"interval", OPTION_REAL, "SECONDS", "between two samples of what the machine does; 0: none", "10", false},                          \
        {"diff", OPTION_FLAG, NULL, "keep the difference of the working tree to the commit (capture/diff.patch)", NULL, false},              \
        {"env", OPTION_MULTI, "NAME", "also keep this environment variable, or all that begin so (NAME*); secrets never are", NULL, false},  \
        {"wait", OPTION_INT, "SECONDS", "how long a server that is away is waited for at the end", "60", false}
MUST_USE enum err run_tracked_config(struct op *op, struct command_ctx *ctx, struct tracked_config *ret);

/* A runner whose jobs are runs, below `parent`: wraps `inner`, which must live as long; runner_close() closes both. */
struct runner tracked_runner(struct op *op, struct runner *inner, const struct tracked_config *config, struct str parent);

#endif
