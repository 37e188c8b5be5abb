/* pack.h - the points of a metric as bytes, the form in which the database keeps them (points.h). Pure.
 * Every point comes back as it was; any order is kept, the history's takes the least room: some 11 bytes a point, one where clock,
 * step and value go on as before. The bytes are the same on every machine. */
#ifndef INGOT_CORE_TRACK_PACK_H
#define INGOT_CORE_TRACK_PACK_H

#include "core/track/page.h"

#define PACK_POINT_BYTES 29 /* at most, of one point */

/* Writes `n` points to `ret`, which has room for n * PACK_POINT_BYTES; how many bytes it took. `is_nan` means value 0. */
size_t pack_points(const struct page_point *p, size_t n, uint8_t *ret);
/* Reads all of `bytes` into `ret`, which has room for `max`. E_CORRUPT: bytes that no pack_points() wrote, or more points. */
MUST_USE enum err pack_read(struct op *op, struct str bytes, struct page_point *ret, size_t max, size_t *ret_n);

#endif
