/* close.h - joins labels and closes windows: the heart of monitor_labels. Internal to core/monitor.
 *
 * A label call either happens whole or not at all. Labels are set in the buffers and due windows are detached; figures are
 * computed and the sink is fed without any lock that recording needs; then one transaction writes windows, alerts, triggers,
 * audit rows, the rules' memory and the rollout's decision. If anything fails, the labels are taken off again and the windows
 * go back. */
#ifndef INGOT_CORE_MONITOR_CLOSE_H
#define INGOT_CORE_MONITOR_CLOSE_H

#include "core/monitor/watched.h"

struct label_batch {
    const int64_t *ids;
    const uint8_t *labels;
    const int64_t *label_us;
    size_t n;
    int64_t watermark_us;
    bool labels_came; /* false: a tick; the watermark of labels is not moved by it */
};

/* Reads what the database remembers of the endpoint, once. The caller holds e->labels. */
MUST_USE enum err close_load(struct op *op, struct db *db, struct watched *e);
/* The caller holds e->labels. `seed` keys the id index. */
MUST_USE enum err close_labels(struct op *op, struct db *db, struct watched *e, const struct prediction_sink *sink, uint64_t seed,
                               const struct label_batch *batch, struct monitor_report **ret);
/* Hands every open window to the sink and empties it. The caller holds e->labels. */
MUST_USE enum err close_flush(struct op *op, struct watched *e, const struct prediction_sink *sink);

#endif
