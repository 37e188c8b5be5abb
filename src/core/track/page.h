/* page.h - page tokens: opaque to clients, base64 of a small JSON object. Pure. */
#ifndef INGOT_CORE_TRACK_PAGE_H
#define INGOT_CORE_TRACK_PAGE_H

#include "base/op.h"

/* {"offset": n}. */
struct str page_token(struct op *op, int64_t offset);
/* The empty token is offset 0. E_INVALID for anything that page_token() did not make. */
MUST_USE enum err page_offset(struct op *op, struct str token, int64_t *ret_offset);

/* A position in a metric's history: {"after": [time, step, value, nan]} with the value's integer form. */
struct page_point {
    int64_t time_ms, step, value, is_nan;
};
struct str page_point_token(struct op *op, const struct page_point *p);
MUST_USE enum err page_point_parse(struct op *op, struct str token, struct page_point *ret);

#endif
