/* online.h - the online side of feature views: an index of events in memory, read "as of" an instant.
 *
 * A push is stored in SQL first and acknowledged after that; feature_online_open() replays what is stored, so
 * an acknowledged event survives SIGKILL. Events may come in any order and late. With an `id` field
 * a repeated id counts once, so a client may repeat a push whose answer it never saw.
 *
 * Memory: events stay for view->ttl_us + FEATURE_SLACK_US behind the newest available_at. A read older than
 * newest - FEATURE_SLACK_US is refused (E_INVALID), never answered from a window that has lost events.
 * A read at t sees all pushed events with available_at <= t and none after, whatever was pushed since.
 *
 * Threads: everything may be called from any thread. Reads take a shared lock for about a microsecond; a push
 * holds the lock alone in slices of FEATURE_PUSH_SLICE events. */
#ifndef INGOT_CORE_FEATURE_ONLINE_H
#define INGOT_CORE_FEATURE_ONLINE_H

#include "core/feature/view.h"
#include "port/db.h"

#define FEATURE_SLACK_US (2LL * 86400 * 1000000)
#define FEATURE_PUSH_SLICE 256

struct feature_online; /* one per server */
struct feature_table;  /* one view's index; lives as long as the feature_online */

struct feature_events {
    size_t n;
    const int64_t *ids;               /* NULL unless the view has an id field */
    const struct str *const *keys;    /* keys[k][i]: value of view->keys[k] in event i; p NULL = null */
    const int64_t *available_at_us;
    const uint8_t *labels;            /* 0 or 1 */
};
struct feature_push_result {
    size_t accepted;
    size_t duplicate; /* ids seen before */
    size_t expired;   /* too old to be retained; they count nowhere */
    int64_t newest_us;
};
struct feature_table_info {
    uint64_t events;       /* retained */
    uint64_t keys;         /* distinct entity keys over all entities */
    uint64_t memory_bytes;
    int64_t newest_us;     /* INT64_MIN before the first event */
    int64_t oldest_read_us; /* reads before this are refused */
};

/* Loads every stored view and replays its pushes. `db` is borrowed and must outlive it. E_CORRUPT names the row. */
MUST_USE enum err feature_online_open(struct op *op, struct db *db, struct feature_online **ret);
void feature_online_close(struct feature_online *f); /* NULL is ignored; no reader may be left */

/* Stores a definition and makes its table. The same text again is no change; another text under the same
 * name is E_CONFLICT (a changed view is a new name). `ret` may be NULL. */
MUST_USE enum err feature_online_apply(struct op *op, struct feature_online *f, struct str yaml, struct feature_table **ret);
/* NULL when there is none of that name. */
struct feature_table *feature_online_find(struct feature_online *f, struct str name);
/* The names, in order of creation, in op's arena. */
size_t feature_online_list(struct op *op, struct feature_online *f, struct feature_table *const **ret);
const struct feature_view *feature_table_view(const struct feature_table *t);
void feature_table_info_get(struct feature_table *t, struct feature_table_info *ret);

/* Durable when it returns OK. E_INVALID: nothing was stored (a label other than 0/1, an instant more than a day
 * ahead of the wall clock, a key longer than LIMIT_FEATURE_KEY_BYTES); E_TOO_LARGE: above LIMIT_FEATURE_PUSH_ROWS. */
MUST_USE enum err feature_online_push(struct op *op, struct feature_online *f, struct feature_table *t, const struct feature_events *events, struct feature_push_result *ret);
/* All features of `row` as of row->t_us; `out` has room for view->len floats. Fast and never blocks on I/O. */
MUST_USE enum err feature_online_get(struct op *op, struct feature_table *t, const struct feature_row *row, float *out);

#endif
