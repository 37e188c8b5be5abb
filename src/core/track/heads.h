/* heads.h - a sample of a long metric, for which only the chunks are read that hold a point of it. Works inside the callback of db_read;
 * E_CORRUPT: damaged points. Memory: 56 bytes per chunk while it runs. */
#ifndef INGOT_CORE_TRACK_HEADS_H
#define INGOT_CORE_TRACK_HEADS_H

#include "core/track/sample.h"
#include "port/db.h"

/* Whether a sample of `max` leaves so many chunks unread that it is worth while. */
bool heads_pay(size_t points, size_t max);
/* What sample_rows() finds in the series' points, bit for bit; `ret` has room for `max` (> 0). *ret_done false: the steps do not rise along the
 * history, or points came late, and nothing is written: read all points. */
MUST_USE enum err heads_sample(struct op *op, struct db_tx *tx, int64_t series, struct sample_range range, size_t max, struct history_point *ret, size_t *ret_len, bool *ret_done);

#endif
