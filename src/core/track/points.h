/* points.h - how the points of a metric lie in the database: packed, the latest ones in the series' own row (its tail), the others in chunks of
 * up to LIMIT_TRACK_CHUNK_POINTS. The essay stands in points.c.
 * Points are in the order of the history (time, step, value, NaN behind 0), an exact duplicate is kept once, times are milliseconds.
 * All of it works inside the callback of db_write or db_read. E_CORRUPT: damaged bytes. An edit belongs to one transaction. */
#ifndef INGOT_CORE_TRACK_POINTS_H
#define INGOT_CORE_TRACK_POINTS_H

#include "core/track/page.h"
#include "port/db.h"

/* Some points, in order; the array is only there during the call. A failure ends the reading and is its result. */
typedef enum err (*points_fn)(struct op *op, void *arg, const struct page_point *p, size_t n);
/* The points of a series behind `after` (NULL: from the first one on), at most `max`. */
MUST_USE enum err points_read(struct op *op, struct db_tx *tx, int64_t series, const struct page_point *after, size_t max, points_fn fn, void *arg);

/* The parts, for heads.h. `ret` has room for POINTS_TAIL: the points of the row, without the one that repeats the last of the chunks,
 * which is *ret_anchor where *ret_anchored says that there are chunks. */
#define POINTS_TAIL 256
MUST_USE enum err points_tail_read(struct op *op, struct db_tx *tx, int64_t series, struct page_point *ret, size_t *ret_n, bool *ret_anchored, struct page_point *ret_anchor);
/* The chunk that begins with `key`, which is there; `ret` has room for LIMIT_TRACK_CHUNK_POINTS. */
MUST_USE enum err points_chunk_read(struct op *op, struct db_tx *tx, int64_t series, const struct page_point *key, struct page_point *ret, size_t *ret_n);

/* Adding points to one series after the other. Some 250 KiB, of which little is touched as a rule: not from the arena, which zeroes. */
struct points_edit;
MUST_USE enum err points_edit_create(struct op *op, struct points_edit **ret);
void points_edit_destroy(struct points_edit *e);
static inline void points_edit_auto(struct points_edit **e) { points_edit_destroy(*e); }
/* `series` 0: not made yet, `tail` empty. With more than POINTS_UNMADE of them to come the series must be there. */
#define POINTS_UNMADE 64
MUST_USE enum err points_edit_begin(struct op *op, struct points_edit *e, int64_t series, struct str tail);
/* `known_new`: the caller can tell that it is no duplicate, which saves looking. */
MUST_USE enum err points_edit_add(struct op *op, struct db_tx *tx, struct points_edit *e, const struct page_point *p, bool known_new, bool *ret_new);
/* The tail that the row holds from now on; a view until the next begin. An unmade series whose points do not fit into its row: *ret_fits
 * false, nothing is written; make the row, points_edit_made(), and end again. */
MUST_USE enum err points_edit_end(struct op *op, struct db_tx *tx, struct points_edit *e, struct str *ret_tail, bool *ret_fits);
void points_edit_made(struct points_edit *e, int64_t series);

/* Moves what a database of before holds as one row per point; at once where there is nothing to do. Ended early it goes on the next time. */
MUST_USE enum err points_upgrade(struct op *op, struct db *db);

#endif
