#include "core/track/order.h"

#include "base/limits.h"

#include <math.h>

struct order_key order_real(double v)
{
    if (isnan(v))
        return (struct order_key){.kind = ORDER_NAN};
    return (struct order_key){.kind = ORDER_REAL, .real = v};
}

static int rank(const struct order_key *k)
{
    return k->kind == ORDER_NAN ? 1 : k->kind == ORDER_ABSENT ? 2 : 0;
}

static int compare_values(const struct order_key *a, const struct order_key *b)
{
    switch (a->kind) {
    case ORDER_WHOLE:
        return (a->whole > b->whole) - (a->whole < b->whole);
    case ORDER_REAL:
        return (a->real > b->real) - (a->real < b->real);
    case ORDER_TEXT:
        return str_cmp(a->text, b->text);
    default:
        return 0;
    }
}

int order_compare(const struct filter_order *orders, size_t n, const struct order_key *a, const struct order_key *b)
{
    for (size_t i = 0; i < n; i++) {
        int c = rank(&a[i]) - rank(&b[i]);
        if (c)
            return c;
        c = compare_values(&a[i], &b[i]);
        if (c)
            return orders[i].descending ? -c : c;
    }
    return 0;
}

enum err order_parse(struct op *op, const struct filter_rules *rules, const struct str *texts, size_t n, struct filter_order *ret)
{
    if (n > LIMIT_TRACK_ORDER_BY)
        return op_fail_field(op, "order_by", "order_by has more than %d keys", LIMIT_TRACK_ORDER_BY);
    for (size_t i = 0; i < n; i++) {
        enum err e = filter_parse_order(op, rules, texts[i], &ret[i]);
        if (e)
            return e;
    }
    return OK;
}
