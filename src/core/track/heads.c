/* A chunk's row tells how many points it holds, its first point, its last step, and whether steps rise inside it (points.c). When they rise inside
 * all chunks, from each to the next one, and on into the tail, the order of steps is the order of the history: equal steps follow each other by
 * time, value and NaN, which is how the history goes on where the step stays. Then the point at a rank stands in
 * the chunk that the sums of the counts name, and one search in the steps of the heads and in one chunk finds where a range begins. Of a
 * million points a chart of 320 opens a third of the chunks and builds no arrays.
 *
 * Rows are small without their data: SQLite keeps the head of a row in the tree and the rest on pages of its own, PostgreSQL stores it apart. */
#include "core/track/heads.h"

#include "base/limits.h"
#include "core/track/points.h"
#include "core/track/store.h"
#include "sql_gen.h"

#include <math.h>
#include <stdlib.h>

#define CHUNK LIMIT_TRACK_CHUNK_POINTS

struct head {
    struct page_point key;
    int64_t last_step;
    size_t before, points; /* in the chunks in front, in this one */
};
struct heads {
    int64_t series;
    struct head *all;
    size_t len, cap;
    size_t in_chunks, open; /* points of all chunks; which chunk is in `chunk` */
    size_t tail_len, chunk_len;
    struct page_point tail[POINTS_TAIL], chunk[CHUNK];
};

static void heads_auto(struct heads **h)
{
    if (*h)
        free((*h)->all);
    free(*h);
}

static enum err no_memory(struct op *op)
{
    return op_fail(op, E_TOO_LARGE, "no memory to sample the points of a metric");
}

bool heads_pay(size_t points, size_t max)
{
    return points / CHUNK / 2 > max;
}

/* The next chunk; *ret_rise false: its steps do not go on from those before. */
static enum err head_add(struct op *op, struct db_tx *tx, struct db_rows *rows, struct heads *h, bool *ret_rise)
{
    struct head x = {.key = {db_col_i64(tx, rows, 0), db_col_i64(tx, rows, 1), db_col_i64(tx, rows, 2), db_col_i64(tx, rows, 3)},
                     .last_step = db_col_i64(tx, rows, 5), .before = h->in_chunks};
    int64_t n = db_col_i64(tx, rows, 4);
    if (n < 1 || n > CHUNK)
        return op_fail(op, E_CORRUPT, "the stored points of a metric do not fit to their number");
    x.points = (size_t)n;
    *ret_rise = db_col_i64(tx, rows, 6) && (!h->len || h->all[h->len - 1].last_step <= x.key.step);
    if (h->len == h->cap) {
        size_t cap = h->cap ? h->cap * 2 : 1024;
        struct head *all = realloc(h->all, cap * sizeof *all);
        if (!all)
            return no_memory(op);
        h->all = all;
        h->cap = cap;
    }
    h->all[h->len++] = x;
    h->in_chunks += x.points;
    return OK;
}

static enum err heads_read(struct op *op, struct db_tx *tx, struct heads *h, bool *ret_rise)
{
    struct db_rows *rows = NULL;
    bool more = false;
    *ret_rise = true;
    enum err e = db_query(op, tx, &sql_points_heads, DB_ARGS(DB_I64(h->series)), &rows);
    if (e)
        return e;
    while (*ret_rise && !(e = db_step(op, tx, rows, &more)) && more) {
        e = head_add(op, tx, rows, h, ret_rise);
        if (e)
            break;
    }
    db_end(tx, rows);
    return e;
}

/* The tail and the heads; *ret_rise as above. */
static enum err load(struct op *op, struct db_tx *tx, struct heads *h, bool *ret_rise)
{
    bool anchored = false;
    struct page_point anchor;
    *ret_rise = false;
    enum err e = points_tail_read(op, tx, h->series, h->tail, &h->tail_len, &anchored, &anchor);
    if (e || !anchored)
        return e;
    const struct page_point *last = &anchor;
    for (size_t i = 0; i < h->tail_len; last = &h->tail[i++]) {
        if (h->tail[i].step < last->step || page_point_compare(&h->tail[i], last) < 0)
            return OK;
    }
    e = heads_read(op, tx, h, ret_rise);
    if (!e && *ret_rise && (!h->len || h->all[h->len - 1].last_step != anchor.step))
        return op_fail(op, E_CORRUPT, "the stored points of a metric do not fit to its newest ones");
    return e;
}

static enum err chunk_open(struct op *op, struct db_tx *tx, struct heads *h, size_t i)
{
    if (h->open == i)
        return OK;
    h->open = SIZE_MAX;
    enum err e = points_chunk_read(op, tx, h->series, &h->all[i].key, h->chunk, &h->chunk_len);
    if (!e && h->chunk_len != h->all[i].points)
        e = op_fail(op, E_CORRUPT, "the stored points of a metric do not fit to their number");
    if (!e)
        h->open = i;
    return e;
}

static bool goes_before(int64_t at, int64_t step, bool behind)
{
    return at < step || (behind && at == step);
}

static size_t count_before(const struct page_point *p, size_t n, int64_t step, bool behind)
{
    size_t from = 0, to = n;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (goes_before(p[middle].step, step, behind))
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* The first rank whose step is >= step (or > step). */
static enum err rank_of(struct op *op, struct db_tx *tx, struct heads *h, int64_t step, bool behind, size_t *ret)
{
    size_t from = 0, to = h->len;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (goes_before(h->all[middle].key.step, step, behind))
            from = middle + 1;
        else
            to = middle;
    }
    if (from == 0) {
        *ret = 0;
        return OK;
    }
    const struct head *x = &h->all[from - 1];
    bool all = goes_before(x->last_step, step, behind);
    enum err e = all ? OK : chunk_open(op, tx, h, from - 1);
    if (e)
        return e;
    *ret = x->before + (all ? x->points : count_before(h->chunk, h->chunk_len, step, behind));
    if (*ret == h->in_chunks)
        *ret += count_before(h->tail, h->tail_len, step, behind);
    return OK;
}

/* `hint`: a chunk that does not lie behind the rank's. It is moved there. */
static enum err point_at(struct op *op, struct db_tx *tx, struct heads *h, size_t rank, size_t *hint, struct history_point *ret)
{
    const struct page_point *p = NULL;
    if (rank >= h->in_chunks) {
        p = &h->tail[rank - h->in_chunks];
    } else {
        while (h->all[*hint].before + h->all[*hint].points <= rank)
            ++*hint;
        enum err e = chunk_open(op, tx, h, *hint);
        if (e)
            return e;
        p = &h->chunk[rank - h->all[*hint].before];
    }
    *ret = (struct history_point){p->is_nan ? (double)NAN : store_to_f64(p->value), p->time_ms, p->step};
    return OK;
}

enum err heads_sample(struct op *op, struct db_tx *tx, int64_t series, struct sample_range range, size_t max, struct history_point *ret, size_t *ret_len, bool *ret_done)
{
    AUTO(heads) struct heads *h = malloc(sizeof *h);
    if (!h)
        return no_memory(op);
    h->series = series;
    h->all = NULL;
    h->len = h->cap = h->in_chunks = h->tail_len = h->chunk_len = 0;
    h->open = SIZE_MAX;
    bool rise = false;
    enum err e = load(op, tx, h, &rise);
    *ret_done = false;
    if (e || !rise)
        return e;
    size_t from = 0, to = h->in_chunks + h->tail_len, hint = 0;
    if (range.limited)
        e = rank_of(op, tx, h, range.first, false, &from);
    if (!e && range.limited)
        e = rank_of(op, tx, h, range.last, true, &to);
    size_t n = to > from ? to - from : 0, tiles = sample_tiles(n, max);
    for (size_t i = 0; !e && i < tiles; i++)
        e = point_at(op, tx, h, from + sample_place(n, tiles, i), &hint, &ret[i]);
    if (e)
        return e;
    *ret_len = tiles;
    *ret_done = true;
    return OK;
}
