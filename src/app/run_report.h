/* run_report.h - tells a server what the stages of a pipeline do while they do it (POST /api/ingot/v1/pipeline-runs and what follows), from a thread of its
 * own: the pipeline never waits for the server, and a server that is away or that does not know these addresses costs it nothing. The answer to a report may
 * say that somebody wants the pipeline to end; *stop becomes 1 then.
 * The calls are for the pipeline's thread. Limits: the first LIMIT_JOURNAL_STAGES stages; the last REPORT_LOG_BYTES of what a stage prints. */
#ifndef INGOT_APP_RUN_REPORT_H
#define INGOT_APP_RUN_REPORT_H

#include <signal.h>

#include "core/pipeline/dvc_graph.h"
#include "core/pipeline/exec.h"

struct run_report;
struct run_report_config {
    struct str url, token;
    struct str pipeline;  /* its name; "": the folder's */
    struct str workspace; /* holds dvc.yaml */
    int64_t run;          /* the server's number for it, where the server started it; else 0 */
    const struct str *argv;
    size_t argc;
    volatile sig_atomic_t *stop;
};

/* Texts are copied. Nothing is sent yet. */
struct run_report *run_report_create(struct op *op, const struct run_report_config *config);
/* As pipeline_options.planned and .event have them. */
void run_report_planned(struct run_report *r, const struct dvc_graph *graph, const struct pipeline_result *steps, const uint32_t *of);
void run_report_step(struct run_report *r, const struct pipeline_step *step);
/* The tracked run that a stage became; may be called from the pipeline's thread at any time. */
void run_report_tracked(struct run_report *r, struct str stage, struct str run_id);
/* Sends what is left, for a few seconds at most, and ends the thread. `state`: "succeeded", "failed" or "cancelled". NULL is ignored. */
void run_report_finish(struct run_report *take_r, const char *state, int exit_code);

#endif
