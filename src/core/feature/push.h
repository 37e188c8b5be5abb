/* push.h - the stored form of one push: its events packed into bytes. Internal to core/feature.
 * Layout, little-endian: "IFP1"; uint32 n; uint8 key columns; uint8 with ids; int64 available_at x n; int64 id x n
 * if with ids; uint8 label x n; then for each key column n texts: uint16 length (0xffff = null) and bytes. */
#ifndef INGOT_CORE_FEATURE_PUSH_H
#define INGOT_CORE_FEATURE_PUSH_H

#include "base/buf.h"
#include "core/feature/online.h"

/* `out` fails (buf_failed) when it is too small; the events have been checked by the caller. */
void push_pack(const struct feature_view *view, const struct feature_events *events, struct buf *out);
/* Views into `bytes` and arrays in op's arena. E_CORRUPT for anything that push_pack does not write. */
MUST_USE enum err push_unpack(struct op *op, const struct feature_view *view, struct str bytes, struct feature_events *ret);

#endif
