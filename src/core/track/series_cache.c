/* Why the count of points is enough: points are only ever added (an exact duplicate is refused by points.c), and their
 * number stands in the series' row, changed in the transaction that adds them. So within one series equal counts mean equal
 * sets. A series that was deleted for good and one that got its number later differ in run or key, which are part of an
 * entry.
 *
 * New points mostly come at the end: reading behind the last known one and arriving at the row's count proves that nothing was
 * added in between. If the counts disagree, a stretch before the end is read again (workers whose clocks differ a little),
 * and then everything.
 *
 * Locks: `lock` guards the table and is held for moments. An entry's `busy` is held while its series is read from the database;
 * a thread that holds it is inside its own snapshot already, so waiting for it cannot wait for a connection. Appending
 * in place needs exactly one writer per block (series.h): the holder of `busy`. */
#include "core/track/series_cache.h"

#include "base/limits.h"
#include "core/track/points.h"
#include "sql_gen.h"

#include <stdlib.h>

#define BUCKETS 16384
#define LATE_POINTS 4096 /* read again before the end */

struct kept {
    struct sample_range range;
    size_t points, max, n; /* points: that the series had */
    struct history_point p[];
};
struct entry {
    struct entry *next;         /* in its bucket */
    struct entry *newer, *older;
    int64_t id;
    struct mutex busy;
    int pins;                   /* threads that use the entry; under the table's lock */
    struct series series;       /* all points of the block; under busy */
    size_t bytes;               /* counted in the table's sum; under the table's lock, as are the next two */
    bool held;                  /* `series` has points */
    struct kept *sample;        /* NULL: none */
    size_t run_len, name_len;
    char name[];                /* run and key, one behind the other */
};
struct series_cache {
    struct mutex lock;
    size_t max_bytes, bytes, count;
    struct entry *newest, *oldest;
    uint64_t hits, appends, loads;
    struct entry *buckets[BUCKETS];
};

struct series_cache *series_cache_create(size_t max_bytes)
{
    struct series_cache *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    mutex_init(&c->lock);
    c->max_bytes = max_bytes;
    return c;
}

static void entry_free(struct entry *x)
{
    series_release(&x->series);
    mutex_clear(&x->busy);
    free(x->sample);
    free(x);
}

void series_cache_destroy(struct series_cache *c)
{
    if (!c)
        return;
    for (struct entry *x = c->newest, *older; x; x = older) {
        older = x->older;
        entry_free(x);
    }
    mutex_clear(&c->lock);
    free(c);
}

void series_cache_stats(struct series_cache *c, struct series_cache_stats *ret)
{
    LOCK(&c->lock);
    *ret = (struct series_cache_stats){c->hits, c->appends, c->loads, c->bytes, c->count};
}

/* ---- the table; its lock is held ---- */

static struct entry **bucket_of(struct series_cache *c, int64_t id)
{
    return &c->buckets[(uint64_t)id % BUCKETS];
}

static void list_remove(struct series_cache *c, struct entry *x)
{
    *(x->newer ? &x->newer->older : &c->newest) = x->older;
    *(x->older ? &x->older->newer : &c->oldest) = x->newer;
}

static void list_push(struct series_cache *c, struct entry *x)
{
    x->newer = NULL;
    x->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = x;
    c->newest = x;
}

static void table_drop(struct series_cache *c, struct entry *x)
{
    struct entry **at = bucket_of(c, x->id);
    while (*at != x)
        at = &(*at)->next;
    *at = x->next;
    list_remove(c, x);
    c->bytes -= x->bytes;
    c->count--;
    entry_free(x);
}

static void table_shrink(struct series_cache *c)
{
    for (struct entry *x = c->oldest, *newer; x && c->bytes > c->max_bytes; x = newer) {
        newer = x->newer;
        if (x->pins == 0)
            table_drop(c, x);
    }
}

static bool entry_is(const struct entry *x, int64_t id, struct str run_id, struct str key)
{
    return x->id == id && x->run_len == run_id.len && x->name_len == run_id.len + key.len && memcmp(x->name, run_id.p, run_id.len) == 0 &&
           memcmp(x->name + run_id.len, key.p, key.len) == 0;
}

static struct entry *entry_create(int64_t id, struct str run_id, struct str key)
{
    struct entry *x = calloc(1, sizeof *x + run_id.len + key.len);
    if (!x)
        return NULL;
    mutex_init(&x->busy);
    x->id = id;
    x->series.by_step = true;
    x->run_len = run_id.len;
    x->name_len = run_id.len + key.len;
    memcpy(x->name, run_id.p, run_id.len);
    memcpy(x->name + run_id.len, key.p, key.len);
    return x;
}

static struct entry *table_find(struct series_cache *c, int64_t id, struct str run_id, struct str key)
{
    struct entry *x = *bucket_of(c, id);
    while (x && !entry_is(x, id, run_id, key))
        x = x->next;
    return x;
}

/* The entry of a series, made when there is none, as the newest; NULL: no memory. */
static struct entry *table_take(struct series_cache *c, int64_t id, struct str run_id, struct str key)
{
    struct entry *x = table_find(c, id, run_id, key);
    if (x) {
        list_remove(c, x);
    } else {
        x = entry_create(id, run_id, key);
        if (!x)
            return NULL;
        x->next = *bucket_of(c, id);
        *bucket_of(c, id) = x;
        x->bytes = sizeof *x + x->name_len;
        c->bytes += x->bytes;
        c->count++;
    }
    list_push(c, x);
    return x;
}

static struct entry *table_pin(struct series_cache *c, int64_t id, struct str run_id, struct str key)
{
    LOCK(&c->lock);
    struct entry *x = table_take(c, id, run_id, key);
    if (x)
        x->pins++;
    return x;
}

static size_t sample_bytes(const struct kept *s)
{
    return s ? sizeof *s + s->n * sizeof s->p[0] : 0;
}

/* `points_bytes`: what the entry's series takes now. */
static void table_unpin(struct series_cache *c, struct entry *x, size_t points_bytes, uint64_t *counter)
{
    LOCK(&c->lock);
    ++*counter;
    x->pins--;
    size_t bytes = sizeof *x + x->name_len + points_bytes + sample_bytes(x->sample);
    c->bytes = c->bytes - x->bytes + bytes;
    x->bytes = bytes;
    x->held = points_bytes > 0;
    if (x->pins == 0 && bytes > c->max_bytes / 2)
        table_drop(c, x); /* it would drive out all the others */
    table_shrink(c);
}

/* ---- samples ---- */

bool series_cache_holds(struct series_cache *c, const struct series_name *name)
{
    LOCK(&c->lock);
    struct entry *x = table_find(c, name->id, name->run_id, name->key);
    return x && x->held;
}

static bool same_range(struct sample_range a, struct sample_range b)
{
    return a.limited == b.limited && (!a.limited || (a.first == b.first && a.last == b.last));
}

bool series_cache_sample_find(struct series_cache *c, const struct series_name *name, struct sample_range range, size_t max, struct history_point *ret, size_t *ret_n)
{
    LOCK(&c->lock);
    struct entry *x = table_find(c, name->id, name->run_id, name->key);
    const struct kept *s = x ? x->sample : NULL;
    if (!s || s->points != name->points || s->max != max || !same_range(s->range, range))
        return false;
    list_remove(c, x);
    list_push(c, x);
    memcpy(ret, s->p, s->n * sizeof *ret);
    *ret_n = s->n;
    c->hits++;
    return true;
}

void series_cache_sample_keep(struct series_cache *c, const struct series_name *name, struct sample_range range, size_t max, const struct history_point *p, size_t n)
{
    struct kept *s = malloc(sizeof *s + n * sizeof *p);
    if (!s)
        return;
    *s = (struct kept){.range = range, .points = name->points, .max = max, .n = n};
    memcpy(s->p, p, n * sizeof *p);
    LOCK(&c->lock);
    struct entry *x = table_take(c, name->id, name->run_id, name->key);
    if (!x) {
        free(s);
        return;
    }
    size_t bytes = x->bytes - sample_bytes(x->sample) + sample_bytes(s);
    c->bytes = c->bytes - x->bytes + bytes;
    x->bytes = bytes;
    free(x->sample);
    x->sample = s;
    table_shrink(c);
}

/* ---- reading ---- */

static enum err too_many(struct op *op)
{
    return op_fail(op, E_TOO_LARGE, "the metric has more than %d points: read its history in pages", LIMIT_TRACK_SERIES_POINTS);
}

static enum err take_points(struct op *op, void *arg, const struct page_point *p, size_t n)
{
    struct series *s = arg;
    if (n > LIMIT_TRACK_SERIES_POINTS - s->len)
        return too_many(op);
    return series_add_all(op, s, p, n);
}

static enum err read_all(struct op *op, struct db_tx *tx, int64_t id, size_t points, struct series *ret)
{
    struct series s;
    enum err e = series_create(op, points, &s);
    if (e)
        return e;
    e = points_read(op, tx, id, NULL, SIZE_MAX, take_points, &s);
    if (e) {
        series_release(&s);
        return e;
    }
    *ret = s;
    return OK;
}

/* Makes x->series what the snapshot holds, by reading as little as the counts allow. */
static enum err entry_refresh(struct op *op, struct db_tx *tx, struct entry *x, size_t points, bool *ret_appended)
{
    size_t had = x->series.len;
    *ret_appended = false;
    for (int i = 0; i < 2 && had > 0 && points > had; i++) {
        size_t keep = i == 0 ? had : had > LATE_POINTS ? had - LATE_POINTS : 0;
        if (keep == 0)
            break;
        struct series s = {0};
        struct page_point last = series_point(&x->series, keep - 1);
        bool in_place = keep == x->series.len;
        enum err e = OK;
        if (in_place) {
            s = x->series;
            x->series = (struct series){.by_step = true};
        } else {
            e = series_copy(op, &x->series, keep, points, &s);
        }
        if (!e)
            e = points_read(op, tx, x->id, &last, SIZE_MAX, take_points, &s);
        if (e) {
            series_release(&s);
            return e;
        }
        series_release(&x->series);
        x->series = s;
        if (s.len == points) {
            *ret_appended = true;
            return OK;
        }
    }
    struct series s = {0};
    enum err e = read_all(op, tx, x->id, points, &s);
    if (e)
        return e;
    series_release(&x->series);
    x->series = s;
    return OK;
}

static enum err cached(struct op *op, struct series_cache *c, struct db_tx *tx, struct entry *x, size_t points, struct series *ret)
{
    enum err e = OK;
    bool appended = false, hit;
    size_t bytes;
    {
        LOCK(&x->busy);
        hit = x->series.len == points;
        if (!hit)
            e = entry_refresh(op, tx, x, points, &appended);
        if (e)
            series_release(&x->series);
        else
            *ret = series_ref(&x->series);
        bytes = series_bytes(&x->series);
    }
    table_unpin(c, x, bytes, hit ? &c->hits : appended ? &c->appends : &c->loads);
    return e;
}

enum err series_find(struct op *op, struct db_tx *tx, struct str run_id, struct str key, struct series_name *ret, bool *ret_found)
{
    struct db_val row[2];
    enum err e = db_query_one(op, tx, &sql_history_series, DB_ARGS(DB_TEXT(run_id), DB_TEXT(key)), row, ARRAY_LEN(row));
    *ret_found = !e;
    if (e == E_NOT_FOUND) {
        op_clear(op);
        return OK;
    }
    if (!e)
        *ret = (struct series_name){row[0].i, row[1].i > 0 ? (size_t)row[1].i : 0, run_id, key};
    return e;
}

enum err series_cache_load(struct op *op, struct series_cache *c, struct db_tx *tx, const struct series_name *name, struct series *ret)
{
    if (name->points > LIMIT_TRACK_SERIES_POINTS)
        return too_many(op);
    struct entry *x = c ? table_pin(c, name->id, name->run_id, name->key) : NULL;
    return x ? cached(op, c, tx, x, name->points, ret) : read_all(op, tx, name->id, name->points, ret);
}

enum err series_cache_get(struct op *op, struct series_cache *c, struct db_tx *tx, struct str run_id, struct str key, struct series *ret)
{
    struct series_name name;
    bool found = false;
    enum err e = series_find(op, tx, run_id, key, &name, &found);
    if (!e && !found)
        *ret = (struct series){.by_step = true};
    return e || !found ? e : series_cache_load(op, c, tx, &name, ret);
}
