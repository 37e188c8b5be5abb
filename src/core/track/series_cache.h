/* series_cache.h - the points of metrics that were asked for lately, kept in memory.
 *
 * It is a copy of what the database holds and never decides anything: each look-up happens inside a read snapshot, compares the
 * series' row (its number, and how many points it has) with what is kept, and reads what is missing. So any number of servers
 * may write the database. At most `max_bytes`; the least recently used go. Thread-safe; waits only for another thread
 * that loads the same series. */
#ifndef INGOT_CORE_TRACK_SERIES_CACHE_H
#define INGOT_CORE_TRACK_SERIES_CACHE_H

#include "core/track/sample.h"
#include "port/db.h"

struct series_cache;
struct series_cache_stats {
    uint64_t hits, appends, loads; /* look-ups answered from memory, completed by new points, read whole */
    size_t bytes, entries;
};

struct series_cache *series_cache_create(size_t max_bytes);
/* NULL is ignored. Views that are still held stay valid. */
void series_cache_destroy(struct series_cache *c);

/* A metric of a run, by the number of its row and how many points it has, as the snapshot says. */
struct series_name {
    int64_t id;
    size_t points;
    struct str run_id, key;
};
/* Inside a transaction; *ret_found false: an unknown run or key. */
MUST_USE enum err series_find(struct op *op, struct db_tx *tx, struct str run_id, struct str key, struct series_name *ret, bool *ret_found);
/* Inside the same transaction: all its points. As below. */
MUST_USE enum err series_cache_load(struct op *op, struct series_cache *c, struct db_tx *tx, const struct series_name *name, struct series *ret);
/* Inside a transaction: all points of a run's metric as of its snapshot, none for an unknown run or key. `c` may be NULL: nothing
 * is kept. Release the view. E_TOO_LARGE: more than LIMIT_TRACK_SERIES_POINTS. */
MUST_USE enum err series_cache_get(struct op *op, struct series_cache *c, struct db_tx *tx, struct str run_id, struct str key, struct series *ret);
/* Of a metric whose points are not kept, the sample that was taken last is (heads.h), so that a chart that asks again is answered at once. */
/* Whether the points themselves are kept, maybe not the newest: then series_cache_get() is the shorter way. */
bool series_cache_holds(struct series_cache *c, const struct series_name *name);
/* True when the same sample was kept; `ret` has room for `max`. */
bool series_cache_sample_find(struct series_cache *c, const struct series_name *name, struct sample_range range, size_t max, struct history_point *ret, size_t *ret_n);
/* Keeps it, as far as there is memory. */
void series_cache_sample_keep(struct series_cache *c, const struct series_name *name, struct sample_range range, size_t max, const struct history_point *p, size_t n);
void series_cache_stats(struct series_cache *c, struct series_cache_stats *ret);

#endif
