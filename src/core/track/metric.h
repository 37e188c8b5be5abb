/* metric.h - what a run logs: batches of metrics, parameters and tags. Histories are read by history.h.
 * A batch is one unit: all of it is stored durably or nothing is. Parameters never change: the same value
 * again is fine, another one is E_INVALID. Exact duplicates of a point are ignored; the latest point is the
 * greatest (step, time, value), not the last one written. Every double comes back bit for bit; NaN compares
 * as 0, infinities are clamped to +-DBL_MAX. Thread-safe. */
#ifndef INGOT_CORE_TRACK_METRIC_H
#define INGOT_CORE_TRACK_METRIC_H

#include "core/track/run.h"

struct track_batch {
    struct str run_id;
    const struct track_metric *metrics;
    size_t metric_count;
    const struct track_kv *params;
    size_t param_count;
    const struct track_kv *tags;
    size_t tag_count;
    bool single; /* one thing alone: errors say "key", not "params[0].key" */
};

/* At most LIMIT_TRACK_BATCH_*. */
MUST_USE enum err metric_log_batch(struct op *op, struct db *db, const struct track_batch *batch);
/* The same without waiting, as db_write_start: done(done_arg, e) once the batch is durable or refused, and never if this returns
 * an error. The arrays and texts of `batch` must live as long as op's arena. */
MUST_USE enum err metric_log_batch_start(struct op *op, struct db *db, const struct track_batch *batch, db_done_fn done, void *done_arg);

/* Inside a transaction: points as they are, unchecked and in any number, for an import; `ret_added` counts those that were not there. */
MUST_USE enum err metric_add_points(struct op *op, struct db_tx *tx, int64_t run_row, const struct track_metric *points, size_t n, int64_t *ret_added);
/* Inside a transaction: the latest point of every metric of a run. */
MUST_USE enum err metric_load_latest(struct op *op, struct db_tx *tx, int64_t run_row, struct track_metric **ret, size_t *ret_len);
/* The latest value of one metric; *ret_found false when it was never logged. */
MUST_USE enum err metric_latest(struct op *op, struct db_tx *tx, int64_t run_row, struct str key, bool *ret_found, double *ret);

#endif
