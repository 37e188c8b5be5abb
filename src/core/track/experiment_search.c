#include "core/track/experiment.h"

#include "base/limits.h"
#include "base/vec.h"
#include "core/track/order.h"
#include "core/track/page.h"
#include "core/track/store.h"
#include "sql_gen.h"

#include <inttypes.h>
#include <stdlib.h>

enum { ATTR_NAME, ATTR_ID, ATTR_CREATED, ATTR_UPDATED };
static const struct filter_attr search_attrs[] = {
    {"name", ATTR_NAME, false, false, false},
    {"experiment_id", ATTR_ID, false, true, false},
    {"creation_time", ATTR_CREATED, true, false, false},
    {"last_update_time", ATTR_UPDATED, true, false, false},
};
static const struct filter_rules search_rules = {
    1u << FILTER_ATTRIBUTE | 1u << FILTER_TAG, search_attrs, ARRAY_LEN(search_attrs), FILTER_EXPERIMENTS};
static const struct filter_rules order_rules = {1u << FILTER_ATTRIBUTE, search_attrs, ARRAY_LEN(search_attrs), FILTER_EXPERIMENTS};

struct search_arg {
    const struct experiment_query *q;
    struct filter filter;
    struct filter_order order[LIMIT_TRACK_ORDER_BY + 2];
    size_t order_count;
    int64_t offset;
    struct db_tx *tx;
    const struct experiment *row;
    struct arena *scratch; /* emptied for each row, so that a scan needs little */
    VEC(struct experiment) found;
    struct experiment_page page;
};

static enum err search_clause(struct op *op, void *arg, const struct filter_clause *c, bool *ret)
{
    struct search_arg *a = arg;
    const struct experiment *x = a->row;
    if (c->entity == FILTER_TAG) {
        bool found = false;
        struct str value = {0};
        enum err e = store_find_text(op, a->tx, &sql_track_experiment_tag_get, x->id, c->key, &found, &value);
        *ret = found ? filter_test_text(c, value) : c->op == FILTER_IS_NULL;
        return e;
    }
    switch (c->attr) {
    case ATTR_NAME:
        *ret = filter_test_text(c, x->name);
        break;
    case ATTR_ID:
        *ret = filter_test_text(c, str_from(op_printf(op, "%" PRId64, x->id)));
        break;
    default:
        *ret = filter_test_i64(c, c->attr == ATTR_CREATED ? x->created_ms : x->updated_ms);
    }
    return OK;
}

static struct order_key search_key(const struct filter_order *o, const struct experiment *x)
{
    switch (o->attr) {
    case ATTR_NAME:
        return order_text(x->name);
    case ATTR_ID:
        return order_whole(x->id);
    default:
        return order_whole(o->attr == ATTR_CREATED ? x->created_ms : x->updated_ms);
    }
}

static int search_cmp(const void *px, const void *py, void *arg)
{
    const struct search_arg *a = arg;
    for (size_t i = 0; i < a->order_count; i++) {
        struct order_key kx = search_key(&a->order[i], px), ky = search_key(&a->order[i], py);
        int c = order_compare(&a->order[i], 1, &kx, &ky);
        if (c)
            return c;
    }
    return 0;
}

static void row_view(struct db_tx *tx, struct db_rows *rows, struct experiment *x)
{
    *x = (struct experiment){
        .id = db_col_i64(tx, rows, 0),
        .name = db_col_str(tx, rows, 1),
        .artifact_location = db_col_str(tx, rows, 2),
        .deleted = db_col_i64(tx, rows, 3) != 0,
        .created_ms = db_col_i64(tx, rows, 4),
        .updated_ms = db_col_i64(tx, rows, 5),
    };
}

/* Looks at the row, whose texts die with the next one, and keeps a copy if it is wanted. */
static enum err search_row(struct op *op, struct search_arg *a, const struct experiment *x)
{
    bool hit = false;
    struct op scratch = *op;
    scratch.arena = a->scratch;
    a->row = x;
    enum err e = filter_match(&scratch, &a->filter, search_clause, a, &hit);
    if (e)
        e = op_fail(op, e, "%s", scratch.msg ? scratch.msg : "the filter could not be evaluated");
    arena_reset(a->scratch);
    if (e || !hit)
        return e;
    struct experiment *slot = store_room(op, 0) ? NULL : vec_push(&a->found, op->arena);
    if (!slot)
        return op_fail(op, E_TOO_LARGE, "the search finds more experiments than fit in memory: narrow the filter");
    *slot = *x;
    slot->name = str_dup(op->arena, x->name);
    slot->artifact_location = str_dup(op->arena, x->artifact_location);
    return OK;
}

static enum err search_collect(struct op *op, struct db_tx *tx, struct search_arg *a)
{
    struct db_rows *rows = NULL;
    int64_t lo = a->q->view == TRACK_VIEW_DELETED ? 1 : 0, hi = a->q->view == TRACK_VIEW_ACTIVE ? 0 : 1;
    enum err e = db_query(op, tx, &sql_track_experiment_scan, DB_ARGS(DB_I64(lo), DB_I64(hi)), &rows);
    if (e)
        return e;
    bool more = false;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        struct experiment x;
        row_view(tx, rows, &x);
        if ((e = search_row(op, a, &x)))
            break;
    }
    db_end(tx, rows);
    return e;
}

/* An id is a number that is written as a text, and has no order. */
static enum err check_ids(struct op *op, const struct filter *f)
{
    for (size_t i = 0; i < f->clause_count; i++) {
        const struct filter_clause *c = &f->clauses[i];
        if (c->entity != FILTER_ATTRIBUTE || c->attr != ATTR_ID)
            continue;
        if (c->op == FILTER_LIKE || c->op == FILTER_ILIKE)
            return op_fail_field(op, "filter", "Invalid comparator for experiment_id: %s", c->op == FILTER_LIKE ? "LIKE" : "ILIKE");
        bool list = c->op == FILTER_IN || c->op == FILTER_NOT_IN, none = c->op == FILTER_IS_NULL || c->op == FILTER_NOT_NULL;
        for (size_t k = 0; k < (none ? 0 : list ? c->list_len : 1); k++) {
            int64_t id = 0;
            enum err e = names_parse_experiment_id(op, list ? c->list[k] : c->text, &id);
            if (e)
                return e;
        }
    }
    return OK;
}

static enum err search_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct search_arg *a = arg;
    a->tx = tx;
    enum err e = search_collect(op, tx, a);
    if (e)
        return e;
    if (a->found.len > 1)
        qsort_r(a->found.p, a->found.len, sizeof *a->found.p, search_cmp, a);
    size_t from = (size_t)a->offset < a->found.len ? (size_t)a->offset : a->found.len;
    size_t n = a->found.len - from;
    if (n > (size_t)a->q->max_results) {
        n = (size_t)a->q->max_results;
        a->page.next_token = page_token(op, (int64_t)(from + n));
    }
    a->page.items = a->found.p ? a->found.p + from : NULL;
    a->page.len = n;
    for (size_t i = 0; i < n && !e; i++)
        e = store_kvs(op, tx, &sql_track_experiment_tags, a->page.items[i].id, &a->page.items[i].tags);
    return e;
}

static enum err search_order(struct op *op, struct search_arg *a)
{
    bool has_id = false;
    enum err e = order_parse(op, &order_rules, a->q->order_by, a->q->order_count, a->order);
    if (e)
        return e;
    a->order_count = a->q->order_count;
    for (size_t i = 0; i < a->order_count; i++)
        has_id = has_id || a->order[i].attr == ATTR_ID;
    if (a->order_count == 0) {
        a->order[a->order_count++] = (struct filter_order){.attr = ATTR_CREATED, .descending = true};
        a->order[a->order_count++] = (struct filter_order){.attr = ATTR_ID};
    } else if (!has_id) {
        a->order[a->order_count++] = (struct filter_order){.attr = ATTR_ID, .descending = true};
    }
    return OK;
}

enum err experiment_search(struct op *op, struct db *db, const struct experiment_query *q, struct experiment_page *ret)
{
    if (q->max_results < 1)
        return op_fail_field(op, "max_results", "Invalid value %" PRId64 " for parameter 'max_results' supplied. It must be a positive integer",
                             q->max_results);
    if (q->max_results > LIMIT_TRACK_SEARCH_EXPERIMENTS)
        return op_fail_field(op, "max_results", "Invalid value %" PRId64 " for parameter 'max_results' supplied. It must be at most %d",
                             q->max_results, LIMIT_TRACK_SEARCH_EXPERIMENTS);
    AUTO(arena) struct arena *scratch = arena_create(LIMIT_TRACK_SCRATCH);
    struct search_arg *a = op_new(op, struct search_arg);
    a->q = q;
    a->scratch = scratch;
    enum err e = page_offset(op, q->page_token, &a->offset);
    if (!e)
        e = filter_parse(op, &search_rules, q->filter, &a->filter);
    if (!e)
        e = check_ids(op, &a->filter);
    if (!e)
        e = search_order(op, a);
    if (!e)
        e = db_read(op, db, search_tx, a);
    if (!e)
        *ret = a->page;
    return e;
}
