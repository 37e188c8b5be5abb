/* keyset.h - a place in the order of a search: what its last run was ordered by. The next page goes on behind it, whatever came, changed or
 * went in between, and need not count what lies before. Tokens are page.h's; views point into op's arena or what they were made of. Pure. */
#ifndef INGOT_CORE_TRACK_KEYSET_H
#define INGOT_CORE_TRACK_KEYSET_H

#include "base/limits.h"
#include "core/track/order.h"

struct keyset {
    struct order_key keys[LIMIT_TRACK_ORDER_BY]; /* one per order; then as below */
    int64_t start_ms;                            /* newest first */
    struct str run_id;
};

/* The sign of a run's place minus `place`. */
int keyset_compare(const struct filter_order *orders, size_t n, const struct order_key *keys, int64_t start_ms, struct str run_id, const struct keyset *place);
/* A token for what comes behind `place`, up to which there were `offset` runs. Keys that make it longer than LIMIT_TRACK_PAGE_TOKEN are left out: the
 * token holds the number alone then. */
struct str keyset_token(struct op *op, const struct filter_order *orders, size_t n, const struct keyset *place, int64_t offset);
/* Reads a token of keyset_token() or page_token(); *ret_keyed false: only the number holds, because there is no place in it, or one of a search
 * with another order. The empty token is number 0. E_INVALID: anything else. */
MUST_USE enum err keyset_parse(struct op *op, struct str token, const struct filter_order *orders, size_t n, struct keyset *ret, bool *ret_keyed, int64_t *ret_offset);

#endif
