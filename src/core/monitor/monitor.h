/* monitor.h - watches what served models say: windows of predictions in event time, late labels joined by id, drift against
 * the training reference, quality, latency, errors, alerts, and the wish to retrain.
 *
 * One `struct monitor` per server. Life of a prediction: monitor_record() puts it into the open window of its event time;
 * monitor_labels() joins labels by id, and closes every window whose labels are due: it computes the window's figures,
 * writes the window row, the alert rows and their audit rows in one transaction, lets the rollout decide on the new labels
 * in the same transaction (core/rollout), and hands the window's rows to the sink (the prediction log).
 *
 * Ownership: monitor_create .. monitor_destroy; all inputs are copied. Errors: recording never fails; what finds no room is
 * counted and shown (dropped). Times are microseconds since 1970 UTC, event time, never the clock.
 * Memory: LIMIT_MONITOR_*; about 60 bytes plus 4 per feature for each prediction of an open window.
 * Threads: everything may be called from any thread. monitor_record takes one uncontended lock (~100 ns);
 * label calls of one endpoint run one after the other. */
#ifndef INGOT_CORE_MONITOR_MONITOR_H
#define INGOT_CORE_MONITOR_MONITOR_H

#include "core/monitor/config.h"
#include "core/monitor/figures.h"
#include "core/monitor/predbuf.h"
#include "core/monitor/reference.h"
#include "core/monitor/rules.h"
#include "core/rollout/rollout.h"
#include "port/db.h"

struct monitor;

/* ---- recording, from I/O threads ---- */
/* An unknown endpoint is taken up with the default configuration and no reference. */
void monitor_record(struct monitor *m, struct str endpoint, const struct prediction *p);
void monitor_record_many(struct monitor *m, struct str endpoint, const struct prediction *p, size_t n); /* one lock */

/* ---- configuration and reference of an endpoint ---- */
/* Sets or replaces; open windows keep their rows. E_TOO_LARGE: more than LIMIT_MONITOR_FEATURES features. Rows recorded with
 * another number of features lose their features (counted). Also restores alert states from the database the first time. */
MUST_USE enum err monitor_set_reference(struct op *op, struct monitor *m, struct str endpoint, const struct monitor_reference *ref);
MUST_USE enum err monitor_set_config(struct op *op, struct monitor *m, struct str endpoint, const struct monitor_config *config);
/* ---- the prediction log ---- */

/* May be called from any thread that calls monitor_labels or monitor_flush. When it fails the window stays open and is offered again;
 * it is also offered again when the window's database row cannot be written, so a sink replaces by endpoint, start and revision. */
struct prediction_sink {
    void *arg;
    enum err (*fn)(void *arg, struct op *op, const struct monitor_batch *batch);
};

/* ---- life ---- */

/* `sink` may be NULL. `db` must outlive the monitor. */
struct monitor *monitor_create(struct db *db, const struct prediction_sink *sink);
/* Frees; rows that were not flushed are gone, so flush first. NULL is ignored. */
void monitor_destroy(struct monitor *m);
/* Hands every open window's rows, labelled or not, to the sink and empties it. No window row is written. For shutdown. */
MUST_USE enum err monitor_flush(struct op *op, struct monitor *m);

/* ---- labels ---- */
struct monitor_report {
    uint64_t joined, duplicates, unmatched; /* labels */
    struct monitor_window *windows;   size_t window_count;
    struct monitor_alert *alerts;     size_t alert_count;   /* only what changed state */
    struct monitor_trigger *triggers; size_t trigger_count; /* retraining wanted; at most one per window */
    struct rollout_decision rollout;  /* verdict ROLLOUT_NO_ROLLOUT when none runs */
};
/* Joins `n` labels (0 or 1, else E_INVALID) known at label_us[i], then closes what is due at `watermark_us`: the caller says that every
 * label known up to this event time has been delivered. n may be 0. A label that was joined already is a duplicate (the first
 * stands). All or nothing: on an error nothing was joined or closed, and the call may be repeated. */
MUST_USE enum err monitor_labels(struct op *op, struct monitor *m, struct str endpoint, const int64_t *ids, const uint8_t *labels,
                                 const int64_t *label_us, size_t n, int64_t watermark_us, struct monitor_report **ret);
/* For a scheduler, every minute or so: labels are late or never come. Closes, unlabelled, the windows whose labels are overdue by
 * label_grace_us of event time (so that drift, latency and errors are judged, and memory is bounded), and lets the guardrails of a
 * running rollout look at the requests since the last call. E_NOT_FOUND: unknown endpoint. */
MUST_USE enum err monitor_tick(struct op *op, struct monitor *m, struct str endpoint, struct monitor_report **ret);
void monitor_report_json(struct json_out *w, const struct monitor_report *r);

/* ---- looking ---- */
struct monitor_stats {
    uint64_t recorded, dropped, late, bad_features; /* since start; late: after its window had closed */
    uint64_t open_rows, open_windows, labels_pending;
    uint64_t labels_joined, labels_duplicate, labels_unmatched;
    int64_t closed_until_us;  /* INT64_MIN: none yet */
    int64_t watermark_us;     /* of the last label call; INT64_MIN: none since start */
    int64_t latest_event_us;  /* the newest event time recorded: the endpoint's "now"; INT64_MIN: none since start */
    double latency_p50_us, latency_p95_us, latency_p99_us; /* over all since start */
    uint64_t errors;
};
bool monitor_stats(struct monitor *m, struct str endpoint, struct monitor_stats *ret); /* false: unknown endpoint */
/* JSON arrays from the database: window rows with end > from_us, oldest first; alerts by time. */
MUST_USE enum err monitor_windows_json(struct op *op, struct db *db, struct str endpoint, int64_t from_us, struct json_out *w);
MUST_USE enum err monitor_alerts_json(struct op *op, struct db *db, struct str endpoint, bool firing_only, struct json_out *w);

#endif
