/* summary.h - what monitors have to show besides their windows: the newest window of each endpoint, and how the columns of one window lie
 * beside their reference. Reads only; JSON goes straight from the database to the answer. Thread-safe. */
#ifndef INGOT_CORE_MONITOR_SUMMARY_H
#define INGOT_CORE_MONITOR_SUMMARY_H

#include "base/json.h"
#include "port/db.h"

/* An array of {"endpoint", "windows" (how many), "firing" (alerts), "last": the newest window's figures without its features, but with "feature_count"},
 * by name, of at most LIMIT_MONITOR_ENDPOINTS endpoints with at least one closed window. E_IO; E_CORRUPT: figures that are not ours. */
MUST_USE enum err monitor_summaries_json(struct op *op, struct db *db, struct json_out *w);

/* One window, every revision of it: an array of {"revision", "end_us", "figures", "shapes"} as figures.h describes them; shapes are null where the
 * window was closed before they were kept. E_NOT_FOUND: no such window. */
MUST_USE enum err monitor_shapes_json(struct op *op, struct db *db, struct str endpoint, int64_t start_us, struct json_out *w);

#endif
