/* page.h - page tokens: opaque to clients, base64 of a small JSON object. Pure. */
#ifndef INGOT_CORE_TRACK_PAGE_H
#define INGOT_CORE_TRACK_PAGE_H

#include "base/op.h"

/* {"offset": n}. */
struct str page_token(struct op *op, int64_t offset);
/* The empty token is offset 0. E_INVALID for anything that page_token() did not make. */
MUST_USE enum err page_offset(struct op *op, struct str token, int64_t *ret_offset);

/* For tokens that hold more beside the offset: closes an object of at most 3/4 of LIMIT_TRACK_PAGE_TOKEN bytes; opens it, NULL for the empty token. */
struct json;
struct str page_token_close(struct op *op, struct str object);
MUST_USE enum err page_offset_and(struct op *op, struct str token, int64_t *ret_offset, struct json **ret);

/* A position in a metric's history: {"after": [time, step, value, nan]} with the value's integer form. */
struct page_point {
    int64_t time_ms, step, value, is_nan;
};
/* The order of histories: by time, step, value, NaN behind 0. Below, at, above 0 as for memcmp. */
static inline int page_point_compare(const struct page_point *a, const struct page_point *b)
{
    if (a->time_ms != b->time_ms)
        return a->time_ms < b->time_ms ? -1 : 1;
    if (a->step != b->step)
        return a->step < b->step ? -1 : 1;
    if (a->value != b->value)
        return a->value < b->value ? -1 : 1;
    return a->is_nan == b->is_nan ? 0 : a->is_nan < b->is_nan ? -1 : 1;
}
struct str page_point_token(struct op *op, const struct page_point *p);
MUST_USE enum err page_point_parse(struct op *op, struct str token, struct page_point *ret);

#endif
