#include "core/track/history.h"

#include "base/limits.h"
#include "core/track/heads.h"
#include "core/track/points.h"
#include "sql_gen.h"

struct page_arg {
    struct series_cache *cache;
    struct str run_id, key;
    int64_t limit; /* 0: all */
    bool from_point;
    struct page_point after;
    struct history_page page;
};

static enum err take_page(struct op *op, void *arg, const struct page_point *p, size_t n)
{
    return series_add_all(op, arg, p, n);
}

/* A page of a series that is too long for memory, in a block of its own. */
static enum err long_page(struct op *op, struct db_tx *tx, struct page_arg *a, int64_t id)
{
    int64_t limit = a->limit && a->limit < LIMIT_TRACK_HISTORY_PAGE ? a->limit : LIMIT_TRACK_HISTORY_PAGE;
    struct series *s = &a->page.series;
    enum err e = series_create(op, (size_t)limit + 1, s);
    if (!e)
        e = points_read(op, tx, id, a->from_point ? &a->after : NULL, (size_t)limit + 1, take_page, s);
    if (e) {
        series_release(s);
        return e;
    }
    bool more = s->len > (size_t)limit;
    a->page.len = more ? (size_t)limit : s->len;
    if (more) {
        struct page_point last = series_point(s, a->page.len - 1);
        a->page.next_token = page_point_token(op, &last);
    }
    return OK;
}

static enum err page_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct page_arg *a = arg;
    struct db_val row[2];
    enum err e = db_query_one(op, tx, &sql_history_series, DB_ARGS(DB_TEXT(a->run_id), DB_TEXT(a->key)), row, ARRAY_LEN(row));
    if (!e && row[1].i > LIMIT_TRACK_SERIES_POINTS)
        return long_page(op, tx, a, row[0].i);
    if (e == E_NOT_FOUND) {
        op_clear(op);
        return OK;
    }
    if (!e)
        e = series_cache_get(op, a->cache, tx, a->run_id, a->key, &a->page.series);
    if (e)
        return e;
    struct history_page *p = &a->page;
    p->from = a->from_point ? series_until(&p->series, &a->after) : 0;
    p->len = p->series.len - p->from;
    if (a->limit && p->len > (size_t)a->limit) {
        p->len = (size_t)a->limit;
        struct page_point last = series_point(&p->series, p->from + p->len - 1);
        p->next_token = page_point_token(op, &last);
    }
    return OK;
}

enum err history_page(struct op *op, struct db *db, struct series_cache *cache, struct str run_id, struct str key, int64_t max_results, struct str page_token, struct history_page *ret)
{
    if (max_results < 0)
        return op_fail_field(op, "max_results", "Invalid value %lld for parameter 'max_results' supplied. It must be a positive integer.",
                             (long long)max_results);
    struct page_arg a = {.cache = cache, .run_id = run_id, .key = key, .limit = max_results, .page.series.by_step = true};
    enum err e = OK;
    if (page_token.len > 0) {
        a.from_point = true;
        e = page_point_parse(op, page_token, &a.after);
    }
    if (!e)
        e = db_read(op, db, page_tx, &a);
    if (e)
        series_release(&a.page.series); /* a read may fail after its function */
    else
        *ret = a.page;
    return e;
}

struct some_arg {
    struct series_cache *cache;
    const struct str *run_ids;
    size_t n;
    struct str key;
    struct sample_range range;
    size_t max;              /* of each run, 0: not sampled */
    size_t left;             /* of all runs, if not sampled */
    struct history_points *ret;
};

/* Copies the points at the positions `at`, or the first `n`. */
static enum err take_points(struct op *op, const struct series *s, const size_t *at, size_t n, struct history_points *ret)
{
    struct history_point *p = arena_array(op->arena, n + 1, struct history_point);
    if (!p)
        return op_fail(op, E_TOO_LARGE, "the points do not fit in memory: ask for fewer runs or points");
    for (size_t i = 0; i < n; i++) {
        size_t k = at ? at[i] : i;
        p[i] = (struct history_point){series_value(s, k), series_time_ms(s, k), series_step(s, k)};
    }
    *ret = (struct history_points){p, n};
    return OK;
}

/* A long metric of which no points are in memory; *ret_done false: all of them have to be read. */
static enum err sample_long(struct op *op, struct db_tx *tx, struct some_arg *a, const struct series_name *name, struct history_points *ret, bool *ret_done)
{
    size_t n = 0;
    struct history_point *p = arena_array(op->arena, a->max, struct history_point);
    if (!p)
        return op_fail(op, E_TOO_LARGE, "the points do not fit in memory: ask for fewer runs or points");
    *ret_done = a->cache && series_cache_sample_find(a->cache, name, a->range, a->max, p, &n);
    if (!*ret_done) {
        enum err e = heads_sample(op, tx, name->id, a->range, a->max, p, &n, ret_done);
        if (e || !*ret_done)
            return e;
        if (a->cache)
            series_cache_sample_keep(a->cache, name, a->range, a->max, p, n);
    }
    *ret = (struct history_points){p, n};
    return OK;
}

static enum err some_of_series(struct op *op, struct db_tx *tx, struct some_arg *a, const struct series_name *name, size_t run, size_t *at)
{
    AUTO(series) struct series s = {.by_step = true};
    bool done = false;
    enum err e = OK;
    if (at && heads_pay(name->points, a->max) && !(a->cache && series_cache_holds(a->cache, name)))
        e = sample_long(op, tx, a, name, &a->ret[run], &done);
    if (e || done)
        return e;
    e = series_cache_load(op, a->cache, tx, name, &s);
    size_t n = s.len < a->left ? s.len : a->left;
    if (!e && at)
        e = sample_rows(op, &s, a->range, a->max, at, &n);
    if (!e)
        e = take_points(op, &s, at, n, &a->ret[run]);
    if (!e && !at)
        a->left -= n;
    return e;
}

static enum err some_of_run(struct op *op, struct db_tx *tx, struct some_arg *a, size_t run, size_t *at)
{
    struct series_name name;
    bool found = false;
    enum err e = series_find(op, tx, a->run_ids[run], a->key, &name, &found);
    if (!e && found)
        e = some_of_series(op, tx, a, &name, run, at);
    return e ? e : op_check_deadline(op);
}

static enum err some_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct some_arg *a = arg;
    size_t *at = a->max ? arena_array(op->arena, a->max, size_t) : NULL;
    if (a->max && !at)
        return op_fail(op, E_TOO_LARGE, "the points do not fit in memory: ask for fewer");
    for (size_t i = 0; i < a->n; i++) {
        a->ret[i] = (struct history_points){0};
        enum err e = a->max || a->left ? some_of_run(op, tx, a, i, at) : OK;
        if (e)
            return e;
    }
    return OK;
}

enum err history_sample(struct op *op, struct db *db, struct series_cache *cache, const struct str *run_ids, size_t n, struct str key, struct sample_range range, size_t max, struct history_points *ret)
{
    struct some_arg a = {.cache = cache, .run_ids = run_ids, .n = n, .key = key, .range = range, .max = max, .ret = ret};
    return db_read(op, db, some_tx, &a);
}

enum err history_first(struct op *op, struct db *db, struct series_cache *cache, const struct str *run_ids, size_t n, struct str key, size_t limit, struct history_points *ret)
{
    struct some_arg a = {.cache = cache, .run_ids = run_ids, .n = n, .key = key, .left = limit, .ret = ret};
    return db_read(op, db, some_tx, &a);
}
