/* predlog.h - the prediction log: every prediction of a closed monitoring window, with its features, version and label, as one
 * Parquet file in the blob store and one row that names it.
 *
 * Columns: id, event_time, the endpoint's features (float), score (float), version, arm, ok, latency_us, label (null when
 * none came), label_time. A window's rows are durable when the window closes; rows of open windows live in memory only.
 * Thread-safe. */
#ifndef INGOT_CORE_PREDLOG_PREDLOG_H
#define INGOT_CORE_PREDLOG_PREDLOG_H

#include "core/monitor/monitor.h"
#include "core/predlog/files.h"
#include "port/blob.h"
#include "port/table.h"

struct predlog;

/* Opens the table engine when the first window is written: the library costs memory that a server without endpoints never
 * needs. The same engine each time; called from any thread. */
struct predlog_tables {
    void *arg;
    enum err (*open)(void *arg, struct op *op, struct table_engine **ret);
};
/* All are borrowed and must outlive it; `tmp_dir` is where a file lies until it is a blob. */
struct predlog *predlog_create(struct db *db, struct blob_store *blobs, const struct predlog_tables *tables, struct str tmp_dir);
void predlog_destroy(struct predlog *p); /* NULL is ignored */
/* To be given to monitor_create; lives as long as `p`. */
struct prediction_sink predlog_sink(struct predlog *p);

/* Its files. */
extern const struct log_files predlog_files;

#endif
