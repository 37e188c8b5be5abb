/* exec.h - runs a pipeline: what changed runs, what did not is skipped or restored, independent stages side by
 * side. Results live in op's arena. pipeline_run() returns OK also when stages failed (see the result); an error
 * means that nothing could be planned or the lock file could not be written. One thread per workspace. */
#ifndef INGOT_CORE_PIPELINE_EXEC_H
#define INGOT_CORE_PIPELINE_EXEC_H

#include <signal.h>

#include "base/json.h"
#include "port/runner.h"

struct dvc_graph;

enum pipeline_state {
    PIPELINE_WAITING,  /* not reached: not wanted, or the run was stopped before */
    PIPELINE_RUNNING,  /* only in events */
    PIPELINE_RETRYING, /* only in events */
    PIPELINE_SKIPPED,  /* unchanged */
    PIPELINE_RESTORED, /* outputs from the cache */
    PIPELINE_RAN,
    PIPELINE_WOULD_RUN, /* with `dry` */
    PIPELINE_FAILED,
    PIPELINE_BLOCKED,  /* something that it needs failed */
    PIPELINE_CANCELLED,
    PIPELINE_STATES,
};
struct pipeline_step {
    struct str name;
    enum pipeline_state state;
    const char *reason;    /* why it ran, failed or was blocked; "" when there is nothing to say */
    int64_t attempts, wall_us, cpu_us, max_rss_bytes; /* over all commands of the last attempt */
    int exit_code;         /* of the failed command; 128 + signal as shells count */
    struct str log_path;   /* "" when it did not run */
};
struct pipeline_result {
    struct pipeline_step *steps; /* wanted stages, in an order in which each follows what it needs */
    size_t len;
    size_t count[PIPELINE_STATES];
    int64_t wall_us;
    bool cancelled;
};
struct pipeline_options {
    struct str dir;              /* holds dvc.yaml */
    const struct str *targets;   /* none: everything */
    size_t targets_len;
    int jobs;                    /* stages at a time; 0: one per core */
    bool force, dry;
    struct str from;             /* this stage, or group, and all that follows from it runs though it did not change; "": none */
    const volatile sig_atomic_t *stop; /* non-zero: cancel the children and end; may be NULL */
    struct runner *runner;
    void (*event)(void *arg, const struct pipeline_step *step); /* each change of state; may be NULL */
    /* Once, before the first event: the steps in their order, `of[i]` the stage of graph->file that step i is. May be NULL. */
    void (*planned)(void *arg, const struct dvc_graph *graph, const struct pipeline_result *steps, const uint32_t *of);
    void *arg;
};

MUST_USE enum err pipeline_run(struct op *op, const struct pipeline_options *o, struct pipeline_result **ret);
const char *pipeline_state_name(enum pipeline_state s); /* "ran" */
/* The result as one JSON object. */
void pipeline_result_write(struct json_out *w, const struct pipeline_result *r);

#endif
