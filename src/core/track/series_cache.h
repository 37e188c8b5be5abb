/* series_cache.h - the points of metrics that were asked for lately, kept in memory.
 *
 * It is a copy of what the database holds and never decides anything: each look-up happens inside a read snapshot, compares the
 * series' row (its number, and how many points it has) with what is kept, and reads what is missing. So any number of servers
 * may write the database. At most `max_bytes`; the least recently used go. Thread-safe; waits only for another thread
 * that loads the same series. */
#ifndef INGOT_CORE_TRACK_SERIES_CACHE_H
#define INGOT_CORE_TRACK_SERIES_CACHE_H

#include "core/track/series.h"
#include "port/db.h"

struct series_cache;
struct series_cache_stats {
    uint64_t hits, appends, loads; /* look-ups answered from memory, completed by new points, read whole */
    size_t bytes, entries;
};

struct series_cache *series_cache_create(size_t max_bytes);
/* NULL is ignored. Views that are still held stay valid. */
void series_cache_destroy(struct series_cache *c);

/* Inside a transaction: all points of a run's metric as of its snapshot, none for an unknown run or key. `c` may be NULL: nothing
 * is kept. Release the view. E_TOO_LARGE: more than LIMIT_TRACK_SERIES_POINTS. */
MUST_USE enum err series_cache_get(struct op *op, struct series_cache *c, struct db_tx *tx, struct str run_id, struct str key, struct series *ret);
void series_cache_stats(struct series_cache *c, struct series_cache_stats *ret);

#endif
