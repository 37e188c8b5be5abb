/* order.h - sorting what a search found by the keys of its order_by list: values, then NaN, then what is absent, in
 * both directions. Pure. */
#ifndef INGOT_CORE_TRACK_ORDER_H
#define INGOT_CORE_TRACK_ORDER_H

#include "core/track/filter.h"

enum order_kind { ORDER_WHOLE, ORDER_REAL, ORDER_TEXT, ORDER_NAN, ORDER_ABSENT };
struct order_key {
    enum order_kind kind;
    union {
        int64_t whole;
        double real; /* never NaN: order_real() */
        struct str text;
    };
};

struct order_key order_real(double v);
static inline struct order_key order_whole(int64_t v) { return (struct order_key){.kind = ORDER_WHOLE, .whole = v}; }
static inline struct order_key order_text(struct str s) { return (struct order_key){.kind = ORDER_TEXT, .text = s}; }
static inline struct order_key order_absent(void) { return (struct order_key){.kind = ORDER_ABSENT}; }
/* The sign of a - b under `n` keys; 0 when all are equal. Keys of one column are of one kind, NaN or absent. */
int order_compare(const struct filter_order *orders, size_t n, const struct order_key *a, const struct order_key *b);

/* Parses a list of order_by texts into at most LIMIT_TRACK_ORDER_BY orders. */
MUST_USE enum err order_parse(struct op *op, const struct filter_rules *rules, const struct str *texts, size_t n, struct filter_order *ret);

#endif
