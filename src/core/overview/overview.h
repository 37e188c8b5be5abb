/* overview.h - what a person wants to see first: what runs, what waits for a decision, what changed. One snapshot over the tables of all
 * areas; reads only. Each list is cut at LIMIT_OVERVIEW_ROWS, newest first; counts are of all. Texts in op's arena. Thread-safe. */
#ifndef INGOT_CORE_OVERVIEW_OVERVIEW_H
#define INGOT_CORE_OVERVIEW_OVERVIEW_H

#include "core/track/run.h"
#include "port/db.h"

struct overview_run {
    struct str id, name, experiment_name, user;
    int64_t experiment;
    enum track_run_status status;
    int64_t start_ms, end_ms; /* end 0: not ended */
};
struct overview_approval {
    int64_t id, version;      /* version 0: the alias is to be removed */
    struct str model, kind, subject, old_value, requested_by, reason;
    int64_t requested_us, expires_us;
};
struct overview_endpoint_alert {
    struct str endpoint, rule, subject;
    double value, bound;      /* NaN: none */
    int64_t fired_us;         /* event time */
};
struct overview_run_alert {
    int64_t id;
    struct str rule, run_id, run_name, metric, reason;
    int64_t fired_us;
};
struct overview_rollout {
    int64_t id, control, candidate, started_us; /* event time */
    struct str endpoint, paused; /* paused "": it is not */
    struct str verdict, reason;  /* of the last decision; "": none was taken yet */
    int64_t permille, decided_us;
};
struct overview_pipeline {
    int64_t id;
    struct str endpoint, reason, state;
    int64_t started_us, ended_us; /* 0: not yet */
};
struct overview_change {     /* a row of the audit log, alerts left out */
    int64_t seq, time_us;
    struct str actor, verb, kind, object, detail; /* detail: a JSON object */
};
struct overview {
    int64_t running_count;
    struct overview_run *running, *newest;
    struct overview_approval *approvals;
    struct overview_endpoint_alert *endpoint_alerts; /* by endpoint */
    struct overview_run_alert *run_alerts;
    struct overview_rollout *rollouts;   /* those that run */
    struct overview_pipeline *pipelines;
    struct overview_change *changes;     /* of models, endpoints, views, pipelines, experiments: newest first */
    size_t running_len, newest_len, approvals_len, endpoint_alerts_len, run_alerts_len, rollouts_len, pipelines_len, changes_len;
};

/* E_IO. */
MUST_USE enum err overview_read(struct op *op, struct db *db, struct overview *ret);

#endif
