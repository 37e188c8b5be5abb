/* The token is the JSON object of page.h with a second member:
 *
 *     {"offset": 200, "after": [order, start, id, key...]}
 *
 * `order` is a hash of the order_by list: a token that is sent with another list means its offset, as MLflow's tokens do. A key is a text; an integer, for
 * a whole number as it is and for a metric the bits of its double, so that every value comes back exactly; true for NaN; null for what is absent. */
#include "core/track/keyset.h"

#include "base/buf.h"
#include "base/hash.h"
#include "base/json.h"
#include "core/track/page.h"
#include "core/track/run_plan.h"

#include <string.h>

#define HEAD 3 /* of "after": before the keys */

int keyset_compare(const struct filter_order *orders, size_t n, const struct order_key *keys, int64_t start_ms, struct str run_id, const struct keyset *place)
{
    int c = order_compare(orders, n, keys, place->keys);
    if (c)
        return c;
    if (start_ms != place->start_ms)
        return start_ms < place->start_ms ? 1 : -1;
    return str_cmp(run_id, place->run_id);
}

static int64_t order_hash(const struct filter_order *orders, size_t n)
{
    uint64_t h = n;
    for (size_t i = 0; i < n; i++) {
        bool attr = orders[i].entity == FILTER_ATTRIBUTE;
        uint64_t parts[] = {orders[i].entity, attr ? (uint64_t)orders[i].attr : 0, orders[i].descending};
        h = hash64(parts, sizeof parts, h);
        if (!attr)
            h = hash64(orders[i].key.p, orders[i].key.len, h);
    }
    return (int64_t)(h >> 1);
}

static enum order_kind kind_of(const struct filter_order *o)
{
    if (o->entity != FILTER_ATTRIBUTE)
        return o->entity == FILTER_METRIC ? ORDER_REAL : ORDER_TEXT;
    return o->attr == RUN_ATTR_START || o->attr == RUN_ATTR_END ? ORDER_WHOLE : ORDER_TEXT;
}

static void write_key(struct json_out *w, const struct order_key *k)
{
    int64_t bits;
    switch (k->kind) {
    case ORDER_WHOLE:
        json_i64(w, k->whole);
        return;
    case ORDER_REAL:
        memcpy(&bits, &k->real, sizeof bits);
        json_i64(w, bits);
        return;
    case ORDER_TEXT:
        json_str(w, k->text);
        return;
    case ORDER_NAN:
        json_bool(w, true);
        return;
    case ORDER_ABSENT:
        json_null(w);
    }
}

struct str keyset_token(struct op *op, const struct filter_order *orders, size_t n, const struct keyset *place, int64_t offset)
{
    AUTO(buf) struct buf b;
    buf_init(&b, LIMIT_TRACK_PAGE_TOKEN);
    struct json_out w;
    json_out_init(&w, &b, 0);
    json_begin_object(&w);
    json_kv_i64(&w, "offset", offset);
    json_key(&w, "after");
    json_begin_array(&w);
    json_i64(&w, order_hash(orders, n));
    json_i64(&w, place->start_ms);
    json_str(&w, place->run_id);
    for (size_t i = 0; i < n; i++)
        write_key(&w, &place->keys[i]);
    json_end_array(&w);
    json_end_object(&w);
    if (b.failed || b.len > LIMIT_TRACK_PAGE_TOKEN / 4 * 3)
        return page_token(op, offset);
    return page_token_close(op, buf_str(&b));
}

static bool read_key(const struct json *j, enum order_kind kind, struct order_key *ret)
{
    if (j->type == JSON_NULL) {
        *ret = order_absent();
    } else if (j->type == JSON_BOOL && j->boolean && kind == ORDER_REAL) {
        ret->kind = ORDER_NAN;
    } else if (j->type == JSON_INT && kind == ORDER_REAL) {
        double v;
        memcpy(&v, &j->i, sizeof v);
        *ret = order_real(v);
    } else if (j->type == JSON_INT && kind == ORDER_WHOLE) {
        *ret = order_whole(j->i);
    } else if (j->type == JSON_STRING && kind == ORDER_TEXT) {
        *ret = order_text(j->s);
    } else {
        return false;
    }
    return true;
}

enum err keyset_parse(struct op *op, struct str token, const struct filter_order *orders, size_t n, struct keyset *ret, bool *ret_keyed, int64_t *ret_offset)
{
    struct json *j = NULL;
    enum err e = page_offset_and(op, token, ret_offset, &j);
    const struct json *after = j ? json_get(j, "after") : NULL;
    *ret_keyed = false;
    if (e || !after)
        return e;
    if (after->type != JSON_ARRAY || after->len < HEAD || after->items[0].type != JSON_INT || after->items[1].type != JSON_INT || after->items[2].type != JSON_STRING)
        return op_fail_field(op, "page_token", "Invalid page token, it does not hold a place");
    if (after->items[0].i != order_hash(orders, n))
        return OK;
    bool good = after->len == HEAD + n;
    struct keyset k = {.start_ms = after->items[1].i, .run_id = after->items[2].s};
    for (size_t i = 0; good && i < n; i++)
        good = read_key(&after->items[HEAD + i], kind_of(&orders[i]), &k.keys[i]);
    if (!good)
        return op_fail_field(op, "page_token", "Invalid page token, it does not hold a place");
    *ret = k;
    *ret_keyed = true;
    return OK;
}
