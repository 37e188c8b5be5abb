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

#include "base/json.h"
#include "core/rollout/rollout.h"
#include "port/db.h"

struct monitor;

/* ---- recording, from I/O threads ---- */
struct prediction {
    int64_t id;            /* what labels refer to; text ids: the caller's hash64 of them */
    int64_t event_us;
    int64_t version;
    float score;           /* NaN when !ok */
    uint32_t latency_us;
    uint8_t arm;           /* enum rollout_arm */
    bool ok;               /* false: the request failed */
    const float *features; /* as many as the endpoint's reference names, NaN = missing; NULL: not kept for this row */
};
/* An unknown endpoint is taken up with the default configuration and no reference. */
void monitor_record(struct monitor *m, struct str endpoint, const struct prediction *p);
void monitor_record_many(struct monitor *m, struct str endpoint, const struct prediction *p, size_t n); /* one lock */

/* ---- configuration and reference of an endpoint ---- */
struct monitor_config {
    int64_t window_us;          /* length of a window, aligned to the epoch; 1 day */
    int64_t label_delay_us;     /* a window closes when its end + this <= watermark; 1 day */
    double threshold;           /* label 1 is predicted at score >= this, for accuracy; 0.5 */
    double p95_us;              /* alert above; 100000 */
    double error_rate;          /* alert above; 0.01 */
    double quality_drop;        /* relative fall of accuracy and AUC against the reference; 0.05 */
    double loss_rise;           /* relative rise of log-loss; 0.10 */
    double ece_max;             /* 0.10 */
    double ks_p, ks_min_d;      /* both must hold: p < 0.05 and D >= 0.1 */
    double psi_max;             /* 0.2 */
    double drift_share;         /* share of features that drift to call the data set drifted; 0.5 */
    int64_t min_rows, min_labels; /* windows with fewer say nothing about drift / quality; 200, 200 */
    int64_t cooldown_windows;   /* after a trigger no other for so many windows; 7 */
};
void monitor_config_default(struct monitor_config *ret);
/* Members as the fields above, absent ones keep the default; unknown or out of range: E_INVALID with the field. NULL: default. */
MUST_USE enum err monitor_config_parse(struct op *op, const struct json *obj, struct monitor_config *ret);

/* What the model saw in training and how good it was then. Values are any order, NaN allowed (counted as missing).
 * Of more than LIMIT_MONITOR_REFERENCE rows it keeps rows i * n / LIMIT (integer division), i = 0.., so anyone can repeat the choice. */
struct monitor_reference {
    int64_t version;
    size_t features;
    const struct str *names;        /* `features` of them */
    size_t rows;
    const float *const *columns;    /* `features` columns of `rows` */
    const float *scores;            /* `rows`, or NULL: score drift is not watched */
    double auc, accuracy, logloss, brier, ece; /* of the evaluation; NaN: that rule is off */
};
/* Sets or replaces; open windows keep their rows. E_TOO_LARGE: more than LIMIT_MONITOR_FEATURES features. Rows recorded with
 * another number of features lose their features (counted). Also restores alert states from the database the first time. */
MUST_USE enum err monitor_set_reference(struct op *op, struct monitor *m, struct str endpoint, const struct monitor_reference *ref);
MUST_USE enum err monitor_set_config(struct op *op, struct monitor *m, struct str endpoint, const struct monitor_config *config);
/* The reference as bytes for the model's artifacts and back; parse checks everything (E_INVALID) and the result borrows op's arena. */
MUST_USE enum err monitor_reference_format(struct op *op, const struct monitor_reference *ref, struct buf *ret);
MUST_USE enum err monitor_reference_parse(struct op *op, struct str bytes, struct monitor_reference *ret);

/* ---- the prediction log ---- */

/* All rows of one closed (or flushed) window, as columns; dead after the call. */
struct monitor_batch {
    struct str endpoint;
    int64_t start_us, end_us;
    size_t rows, features;
    const struct str *names;
    const int64_t *id, *event_us, *version;
    const float *score;
    const uint32_t *latency_us;
    const uint8_t *arm, *ok;
    const int8_t *label;      /* -1: none came */
    const int64_t *label_us;  /* INT64_MIN: none */
    const float *const *feature; /* `features` columns of `rows`; NaN where missing or not kept */
};
/* May be called from any thread that calls monitor_labels or monitor_flush. When it fails the window stays open and is offered again. */
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
struct monitor_feature_figures {
    struct str name;           /* the score is named "score" */
    double ks_d, ks_p, psi;    /* NaN: no reference or too few rows */
    uint64_t missing;
    bool drifted;              /* KS rule or PSI rule holds */
};
struct monitor_window {
    int64_t start_us, end_us;
    int64_t revision;          /* 0; later ones hold predictions that came after the window had closed */
    uint64_t predictions, labelled, errors;
    double auc, logloss, brier, ece, accuracy, base_rate, mean_score; /* NaN: undefined */
    double p50_us, p95_us, p99_us, error_rate;
    struct monitor_feature_figures score;
    struct monitor_feature_figures *features;
    size_t feature_count, drifted;
    struct { int64_t version; uint64_t n; } versions[8]; /* the most frequent ones */
    size_t version_count;
};
struct monitor_alert {
    const char *rule;          /* "p95_latency" ...; static */
    struct str subject;        /* feature name or "" */
    bool firing;               /* false: resolved */
    double value, limit;
    int64_t at_us;             /* end of the window that decided */
};
struct monitor_trigger {
    const char *rule;
    struct str subject;
    double value, limit;
    int64_t window_start_us, window_end_us;
};
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
void monitor_report_json(struct json_out *w, const struct monitor_report *r);

/* ---- looking ---- */
struct monitor_stats {
    uint64_t recorded, dropped, late, bad_features; /* since start; late: after its window had closed */
    uint64_t open_rows, open_windows, labels_pending;
    uint64_t labels_joined, labels_duplicate, labels_unmatched;
    int64_t closed_until_us;  /* INT64_MIN: none yet */
    double latency_p50_us, latency_p95_us, latency_p99_us; /* over all since start */
    uint64_t errors;
};
bool monitor_stats(struct monitor *m, struct str endpoint, struct monitor_stats *ret); /* false: unknown endpoint */
/* JSON arrays from the database: window rows with end > from_us, oldest first; alerts by time. */
MUST_USE enum err monitor_windows_json(struct op *op, struct db *db, struct str endpoint, int64_t from_us, struct json_out *w);
MUST_USE enum err monitor_alerts_json(struct op *op, struct db *db, struct str endpoint, bool firing_only, struct json_out *w);
/* The rules that are evaluated, as a JSON array, for documentation and the UI. */
void monitor_rules_json(struct json_out *w);

#endif
