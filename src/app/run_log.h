/* run_log.h - logs one run to a tracking server over the MLflow REST API (ours or any other): the experiment is made
 * when it is not there, metrics are sent in batches, artifacts through the artifact proxy.
 * A NULL `struct run_log` is allowed everywhere and does nothing, so that commands work without a server. Lives in op's
 * arena and borrows the client. One thread. */
#ifndef INGOT_APP_RUN_LOG_H
#define INGOT_APP_RUN_LOG_H

#include "net/client.h"

struct run_log;

struct run_log_tag {
    const char *key;
    struct str value;        /* "" = not sent */
};
struct run_log_start {
    struct str experiment;   /* name */
    struct str run_name;     /* "" = the server makes one up */
    struct str source_name;  /* tag mlflow.source.name */
    struct str data_sha256;  /* tag ingot.data.sha256; "" = none */
    const struct run_log_tag *tags; /* further ones */
    size_t tag_count;
};
/* Creates the run with the tags of where it comes from: user, source, git commit ($INGOT_GIT_COMMIT, else the HEAD of the
 * repository around the working directory). */
MUST_USE enum err run_log_start(struct op *op, struct client *client, const struct run_log_start *start, struct run_log **ret);
struct str run_log_id(const struct run_log *l);          /* "" for NULL */
struct str run_log_experiment(const struct run_log *l);
MUST_USE enum err run_log_tag(struct op *op, struct run_log *l, const char *key, struct str value);
/* The leaves of a JSON object as parameters "prefix.key". */
MUST_USE enum err run_log_params(struct op *op, struct run_log *l, const char *prefix, const struct json *obj);
MUST_USE enum err run_log_param(struct op *op, struct run_log *l, const char *key, struct str value);
/* Kept until RUN_LOG_BATCH are there; NaN is not sent. */
MUST_USE enum err run_log_metric(struct op *op, struct run_log *l, const char *key, double value, int64_t step);
MUST_USE enum err run_log_flush(struct op *op, struct run_log *l);
MUST_USE enum err run_log_input(struct op *op, struct run_log *l, const char *context, struct str name, struct str sha256, struct str source);
/* `path` is relative to the run's artifacts: "model/model.json". */
MUST_USE enum err run_log_artifact(struct op *op, struct run_log *l, const char *path, struct str content_type, struct str bytes);
/* The same from a file, streamed. */
MUST_USE enum err run_log_artifact_file(struct op *op, struct run_log *l, const char *path, struct str content_type, const char *file);
/* FINISHED, or FAILED. After this the log is done. */
MUST_USE enum err run_log_end(struct op *op, struct run_log *l, bool ok);
/* The same with a status by name, "KILLED" for example. May be called again after a failure. */
MUST_USE enum err run_log_end_as(struct op *op, struct run_log *l, const char *status);
/* Takes up a run that is there already. */
MUST_USE enum err run_log_resume(struct op *op, struct client *client, struct str run_id, struct run_log **ret);

/* The commit of the repository around `dir`, 40 hex digits in op's arena, or "". */
struct str run_log_git_commit(struct op *op, const char *dir);

#endif
