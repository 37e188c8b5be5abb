/* An order is the internal numbers of all runs that a search finds, 8 bytes each: 100 000 runs are 0.8 MB, and a window of it is a copy of a few hundred
 * numbers under a mutex. What belongs to what is decided by a key that spells out the search (experiments, view, filter, order) and by the number
 * of the newest change that the search saw. An order of an older number stays until room is needed, for the table that still scrolls over it. */
#include "core/track/run_window.h"

#include "base/buf.h"
#include "base/thread.h"
#include "core/track/change.h"
#include "core/track/index.h"
#include "core/track/run_rows.h"
#include "core/track/run_scan.h"

#include <stdlib.h>

#define ORDERS_MAX 64
#define SNAPSHOTS 3 /* taken while other searches change the index, before the search goes row by row */

struct order {
    char *key;
    size_t key_len;
    int64_t version, used;
    int64_t *rows;
    size_t len;
};
struct run_windows {
    struct mutex lock;
    struct order orders[ORDERS_MAX];
    size_t len, size, max;
    int64_t uses;
};

struct window {
    struct run_windows *windows;
    const struct run_window_query *q;
    struct run_plan plan;
    struct str key;
    struct run_hits hits; /* the window's rows */
    int64_t version;
    bool found;
    struct run_window out;
};

struct run_windows *run_windows_create(size_t max_bytes)
{
    struct run_windows *w = calloc(1, sizeof *w);
    if (!w)
        abort();
    mutex_init(&w->lock);
    w->max = max_bytes;
    return w;
}

static size_t order_size(const struct order *o)
{
    return sizeof *o + o->key_len + o->len * sizeof *o->rows;
}

static void order_clear(struct order *o)
{
    free(o->key);
    free(o->rows);
    *o = (struct order){0};
}

void run_windows_destroy(struct run_windows *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->len; i++)
        order_clear(&w->orders[i]);
    mutex_clear(&w->lock);
    free(w);
}

/* ---- kept orders ---- */

static void forget_oldest(struct run_windows *w)
{
    size_t oldest = 0;
    for (size_t i = 1; i < w->len; i++)
        if (w->orders[i].used < w->orders[oldest].used)
            oldest = i;
    w->size -= order_size(&w->orders[oldest]);
    order_clear(&w->orders[oldest]);
    w->orders[oldest] = w->orders[--w->len];
}

/* A copy on the heap; NULL for want of memory or of anything to copy. */
static void *heap_copy(const void *p, size_t bytes)
{
    void *out = p && bytes ? malloc(bytes) : NULL;
    if (out)
        memcpy(out, p, bytes);
    return out;
}

/* Keeps what was found, if it fits; otherwise the next window is searched for again. */
static void keep(struct run_windows *w, const struct window *s, const struct run_hits *all)
{
    struct order o = {.key_len = s->key.len, .version = s->version, .len = all->len};
    if (order_size(&o) > w->max)
        return;
    o.key = heap_copy(s->key.p, s->key.len);
    o.rows = heap_copy(all->rows, all->len * sizeof *all->rows);
    if (!o.key || (all->len && !o.rows)) {
        order_clear(&o);
        return;
    }
    LOCK(&w->lock);
    for (size_t i = 0; i < w->len; i++) { /* another request was faster */
        if (w->orders[i].version == o.version && str_eq((struct str){w->orders[i].key, w->orders[i].key_len}, s->key)) {
            order_clear(&o);
            return;
        }
    }
    while (w->len && (w->len == ORDERS_MAX || w->size + order_size(&o) > w->max))
        forget_oldest(w);
    o.used = ++w->uses;
    w->size += order_size(&o);
    w->orders[w->len++] = o;
}

/* Cuts the window from rows in order. */
static enum err cut(struct op *op, struct window *s, const int64_t *rows, size_t len)
{
    size_t offset = (size_t)s->q->offset, from = offset < len ? offset : len, n = len - from, limit = (size_t)s->q->search.max_results;
    if (n > limit)
        n = limit;
    s->hits.rows = arena_array(op->arena, n + 1, int64_t);
    if (!s->hits.rows)
        return op_fail(op, E_TOO_LARGE, "the window does not fit in memory: lower the limit");
    if (n)
        memcpy(s->hits.rows, rows + from, n * sizeof *rows);
    s->hits.len = n;
    s->hits.total = (int64_t)len;
    s->found = true;
    return OK;
}

/* From an order that is kept under `version`. */
static enum err recall(struct op *op, struct window *s, int64_t version)
{
    struct run_windows *w = s->windows;
    if (!w)
        return OK;
    LOCK(&w->lock);
    for (size_t i = 0; i < w->len; i++) {
        struct order *o = &w->orders[i];
        if (o->version != version || !str_eq((struct str){o->key, o->key_len}, s->key))
            continue;
        o->used = ++w->uses;
        s->version = version;
        return cut(op, s, o->rows, o->len);
    }
    return OK;
}

/* ---- a window ---- */

static void key_text(struct buf *b, struct str s)
{
    buf_addf(b, "%zu:", s.len);
    buf_add_str(b, s);
}

/* All that decides which runs are found, and in which order. */
static enum err key_make(struct op *op, struct window *s)
{
    const struct run_query *q = &s->q->search;
    AUTO(buf) struct buf text = {0};
    struct buf *b = &text;
    buf_init(b, LIMIT_MIB(4));
    buf_addf(b, "%d %d %zu %zu ", (int)q->view, q->all_experiments, q->all_experiments ? 0 : s->plan.experiment_count, q->order_count);
    for (size_t i = 0; !q->all_experiments && i < s->plan.experiment_count; i++)
        buf_addf(b, "%lld ", (long long)s->plan.experiments[i]);
    key_text(b, q->filter);
    for (size_t i = 0; i < q->order_count; i++)
        key_text(b, q->order_by[i]);
    if (b->failed)
        return op_fail(op, E_TOO_LARGE, "the search is too long");
    s->key = str_dup(op->arena, buf_str(b));
    return OK;
}

static enum err load(struct op *op, struct db_tx *tx, struct window *s)
{
    struct run_window *out = &s->out;
    *out = (struct run_window){.len = s->hits.len, .total = s->hits.total, .version = s->version};
    out->runs = arena_array(op->arena, out->len + 1, struct track_run);
    if (!out->runs)
        return op_fail(op, E_TOO_LARGE, "the window does not fit in memory: lower the limit");
    const struct run_columns *c = s->q->search.columns;
    if (c && !c->metrics && !c->params && !c->tags && !c->inputs && !c->outputs)
        return run_rows_load(op, tx, s->hits.rows, out->len, c, out->runs);
    for (size_t i = 0; i < out->len; i++) {
        bool there = false;
        out->runs[i] = (struct track_run){0};
        enum err e = run_load(op, tx, s->hits.rows[i], s->q->search.columns, &out->runs[i], &there);
        if (e)
            return e;
        if (!there)
            out->runs[i] = (struct track_run){0};
    }
    return OK;
}

/* All in order, from the index. */
static enum err select_all(struct op *op, struct db_tx *tx, struct window *s)
{
    struct run_hits all = {0};
    enum index_outcome outcome = INDEX_UNFIT;
    s->plan.offset = 0;
    s->plan.limit = SIZE_MAX;
    enum err e = run_index_select(op, s->q->search.index, tx, &s->plan, &all, &outcome);
    if (e || outcome != INDEX_DONE) /* ahead of this snapshot: its number is not known here */
        return e;
    if (s->windows)
        keep(s->windows, s, &all);
    return cut(op, s, all.rows, all.len);
}

static enum err window_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct window *s = arg;
    int64_t oldest = 0;
    enum err e = run_plan_experiments(op, tx, &s->q->search, &s->plan);
    if (!e)
        e = key_make(op, s);
    if (!e && s->q->version != RUN_WINDOW_NEWEST)
        e = recall(op, s, s->q->version);
    if (!e && !s->found)
        e = track_change_ends(op, tx, &oldest, &s->version);
    if (!e && !s->found)
        e = recall(op, s, s->version);
    if (!e && !s->found)
        e = select_all(op, tx, s);
    return e || !s->found ? e : load(op, tx, s);
}

static enum err scan_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct window *s = arg;
    int64_t oldest = 0;
    enum err e = run_plan_experiments(op, tx, &s->q->search, &s->plan);
    s->plan.offset = (size_t)s->q->offset;
    s->plan.limit = (size_t)s->q->search.max_results;
    s->plan.count = true;
    if (!e)
        e = track_change_ends(op, tx, &oldest, &s->version);
    if (!e)
        e = run_scan(op, tx, &s->plan, &s->hits);
    s->found = !e;
    return e ? e : load(op, tx, s);
}

enum err run_window_get(struct op *op, struct db *db, struct run_windows *windows, const struct run_window_query *q, struct run_window *ret)
{
    struct window *s = op_new(op, struct window);
    *s = (struct window){.windows = windows, .q = q};
    if (q->offset < 0 || q->offset > INT32_MAX)
        return op_fail_field(op, "offset", "'offset' must be a number from 0 to %d", INT32_MAX);
    if (q->search.max_results < 1 || q->search.max_results > LIMIT_TRACK_WINDOW_ROWS)
        return op_fail_field(op, "limit", "'limit' must be a number from 1 to %d", LIMIT_TRACK_WINDOW_ROWS);
    enum err e = run_plan_make(op, &q->search, &s->plan);
    for (int i = 0; !e && q->search.index && !s->found && i < SNAPSHOTS; i++)
        e = db_read(op, db, window_tx, s);
    if (!e && !s->found)
        e = db_read(op, db, scan_tx, s);
    if (!e)
        *ret = s->out;
    return e;
}

/* ---- extremes ---- */

struct tops {
    const struct run_query *q;
    struct run_plan plan;
    struct run_hits hits;
    bool done;
};

static enum err tops_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct tops *t = arg;
    enum index_outcome outcome = INDEX_UNFIT;
    enum err e = run_plan_experiments(op, tx, t->q, &t->plan);
    if (!e)
        e = run_index_select(op, t->q->index, tx, &t->plan, &t->hits, &outcome);
    t->done = outcome != INDEX_BUSY; /* of a newer snapshot is as good */
    return e;
}

enum err run_window_tops(struct op *op, struct db *db, const struct run_query *search, const struct str *metrics, size_t n, struct run_top **ret)
{
    struct run_query q = *search;
    struct tops *t = op_new(op, struct tops);
    if (n > LIMIT_TRACK_WINDOW_TOPS)
        return op_fail_field(op, "columns", "extremes are known of %d metrics at a time", LIMIT_TRACK_WINDOW_TOPS);
    q.order_count = 0;
    q.max_results = 1;
    t->q = &q;
    enum err e = run_plan_make(op, &q, &t->plan);
    t->plan.tops = metrics;
    t->plan.top_count = n;
    for (int i = 0; !e && n && q.index && !t->done && i < SNAPSHOTS; i++)
        e = db_read(op, db, tops_tx, t);
    if (!e)
        *ret = t->hits.tops;
    return e;
}
