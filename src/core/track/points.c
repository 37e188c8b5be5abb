/* Where points lie, and why there.
 *
 * One row per point puts each of a batch's thousand points on a page of its own, because a batch usually brings one point to each of a
 * thousand series, and a database writes pages. But every series has a row that is written with each point anyhow (it holds
 * the latest value). So the newest points stand packed in that row, the tail: a batch then writes the pages of the series' rows, which lie
 * side by side, and nothing else. A tail that is full goes to a chunk. A short metric never has one.
 *
 * The tail is a flag byte and packed points (pack.h). With ANCHORED the first of them is the last point of all chunks, which tells
 * for nearly every new point that it is no duplicate and belongs behind the chunks, without looking there.
 *
 * Invariants: chunks of a series are in order, do not overlap, and each holds 1 to LIMIT_TRACK_CHUNK_POINTS points; a point is in the tail
 * or in one chunk; points of the tail may come late, i.e. lie before the anchor, until they are moved. track_series.points counts both.
 *
 * Moving: points behind the anchor are put behind those of the last chunk while they fit, and into new chunks otherwise; late ones are merged
 * into the chunk they belong to (the last one that does not begin behind them, else the first), which is split when it grows too large.
 * Series of one run are full at different lengths, so that a batch does not move all of them at once. */
#include "core/track/points.h"

#include "base/limits.h"
#include "base/log.h"
#include "core/track/pack.h"
#include "sql_gen.h"

#include <stdlib.h>

#define ANCHORED 1
#define TAIL_POINTS POINTS_TAIL
#define EDIT_POINTS 2048               /* gathered before they are moved */
#define CHUNK LIMIT_TRACK_CHUNK_POINTS
#define UPGRADE_POINTS 200000          /* of short series in one write */

struct points_edit {
    int64_t series;
    bool anchored, loaded;     /* loaded: `chunk` holds one of this series */
    struct page_point anchor;
    size_t n, chunk_n;
    struct page_point p[EDIT_POINTS], chunk[CHUNK];
    struct page_point merged[EDIT_POINTS + CHUNK];
    uint8_t bytes[(EDIT_POINTS + 1) * PACK_POINT_BYTES + 1];
};

static enum err no_memory(struct op *op)
{
    return op_fail(op, E_TOO_LARGE, "no memory to read the points of a metric");
}

static struct page_point row_point(struct db_tx *tx, struct db_rows *rows)
{
    return (struct page_point){db_col_i64(tx, rows, 0), db_col_i64(tx, rows, 1), db_col_i64(tx, rows, 2), db_col_i64(tx, rows, 3)};
}

#define KEY_ARGS(series, p) DB_ARGS(DB_I64(series), DB_I64((p)->time_ms), DB_I64((p)->step), DB_I64((p)->value), DB_I64((p)->is_nan))

/* How many of the sorted points are less than `p`. */
static size_t rank_of(const struct page_point *a, size_t n, const struct page_point *p)
{
    size_t from = 0, to = n;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (page_point_compare(&a[middle], p) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static bool holds(const struct page_point *a, size_t n, const struct page_point *p)
{
    size_t i = rank_of(a, n, p);
    return i < n && page_point_compare(&a[i], p) == 0;
}

static size_t merge(const struct page_point *a, size_t n, const struct page_point *b, size_t m, struct page_point *ret)
{
    size_t i = 0, j = 0, k = 0;
    while (i < n && j < m)
        ret[k++] = page_point_compare(&a[i], &b[j]) <= 0 ? a[i++] : b[j++];
    while (i < n)
        ret[k++] = a[i++];
    while (j < m)
        ret[k++] = b[j++];
    return k;
}

/* A tail's points without the anchor. `ret` has room for TAIL_POINTS. */
static enum err tail_read(struct op *op, struct str tail, struct page_point *ret, size_t *ret_n, bool *ret_anchored, struct page_point *ret_anchor)
{
    *ret_n = 0;
    *ret_anchored = false;
    if (!tail.len)
        return OK;
    enum err e = pack_read(op, (struct str){tail.p + 1, tail.len - 1}, ret, TAIL_POINTS, ret_n);
    bool anchored = tail.p[0] & ANCHORED;
    if (e || !anchored)
        return e;
    if (*ret_n == 0)
        return op_fail(op, E_CORRUPT, "the stored points of a metric are damaged");
    *ret_anchored = true;
    *ret_anchor = ret[0];
    memmove(ret, ret + 1, --*ret_n * sizeof *ret);
    return OK;
}

/* ---- chunks ---- */

static enum err chunk_row(struct op *op, struct db_tx *tx, struct db_rows *rows, struct page_point *ret, size_t *ret_n)
{
    enum err e = pack_read(op, db_col_str(tx, rows, 5), ret, CHUNK, ret_n);
    if (e)
        return e;
    struct page_point key = row_point(tx, rows);
    return *ret_n && db_col_i64(tx, rows, 4) == (int64_t)*ret_n && page_point_compare(&key, &ret[0]) == 0
               ? OK : op_fail(op, E_CORRUPT, "the stored points of a metric do not fit to their key");
}

/* Loads the first row of a statement into the edit's chunk; none: e->loaded false. */
static enum err chunk_load(struct op *op, struct db_tx *tx, struct points_edit *e, const struct sql *sql, const struct page_point *p)
{
    struct db_rows *rows = NULL;
    bool row = false;
    e->loaded = false;
    enum err err = p ? db_query(op, tx, sql, KEY_ARGS(e->series, p), &rows) : db_query(op, tx, sql, DB_ARGS(DB_I64(e->series)), &rows);
    if (err)
        return err;
    err = db_step(op, tx, rows, &row);
    if (!err && row)
        err = chunk_row(op, tx, rows, e->chunk, &e->chunk_n);
    e->loaded = !err && row;
    db_end(tx, rows);
    return err;
}

static enum err chunk_put(struct op *op, struct db_tx *tx, struct points_edit *e, const struct page_point *p, size_t n)
{
    bool by_step = true;
    for (size_t i = 1; i < n && by_step; i++)
        by_step = p[i].step >= p[i - 1].step;
    struct str data = {(const char *)e->bytes, pack_points(p, n, e->bytes)};
    return db_exec_later(op, tx, &sql_points_chunk_put,
                         DB_ARGS(DB_I64(e->series), DB_I64(p->time_ms), DB_I64(p->step), DB_I64(p->value), DB_I64(p->is_nan), DB_I64((int64_t)n),
                                 DB_I64(p[n - 1].step), DB_I64(by_step), DB_BLOB(data)), NULL);
}

/* Points that stand together, in as few chunks of equal size as hold them. */
static enum err chunks_put(struct op *op, struct db_tx *tx, struct points_edit *e, const struct page_point *p, size_t n)
{
    enum err err = OK;
    for (size_t left = (n + CHUNK - 1) / CHUNK; !err && left; left--) {
        size_t some = (n + left - 1) / left;
        err = chunk_put(op, tx, e, p, some);
        p += some;
        n -= some;
    }
    return err;
}

/* Where the chunk behind e->chunk begins. */
static enum err next_key(struct op *op, struct db_tx *tx, struct points_edit *e, bool *ret_any, struct page_point *ret)
{
    struct db_rows *rows = NULL;
    enum err err = db_query(op, tx, &sql_points_chunk_next, KEY_ARGS(e->series, &e->chunk[0]), &rows);
    if (err)
        return err;
    err = db_step(op, tx, rows, ret_any);
    if (!err && *ret_any)
        *ret = row_point(tx, rows);
    db_end(tx, rows);
    return err;
}

/* The first of `n` points, and those that belong to the same chunk; *ret_done of them are stored. */
static enum err move_late(struct op *op, struct db_tx *tx, struct points_edit *e, const struct page_point *p, size_t n, size_t *ret_done)
{
    enum err err = chunk_load(op, tx, e, &sql_points_chunk_of, p);
    if (!err && !e->loaded)
        err = chunk_load(op, tx, e, &sql_points_chunk_first, NULL);
    if (err)
        return err;
    if (!e->loaded)
        return op_fail(op, E_CORRUPT, "a metric lacks the stored points that it tells of");
    struct page_point first = e->chunk[0], next;
    bool any = false;
    err = next_key(op, tx, e, &any, &next);
    size_t group = any ? rank_of(p, n, &next) : n;
    size_t all = merge(e->chunk, e->chunk_n, p, group, e->merged);
    if (!err && page_point_compare(&e->merged[0], &first) != 0)
        err = db_exec_later(op, tx, &sql_points_chunk_delete, KEY_ARGS(e->series, &first), NULL);
    if (!err)
        err = chunks_put(op, tx, e, e->merged, all);
    *ret_done = group;
    return err;
}

/* Points behind all chunks. */
static enum err move_behind(struct op *op, struct db_tx *tx, struct points_edit *e, const struct page_point *p, size_t n)
{
    if (e->anchored && n < CHUNK) {
        enum err err = chunk_load(op, tx, e, &sql_points_chunk_of, &e->anchor);
        if (err)
            return err;
        if (e->loaded && (e->chunk_n + n <= CHUNK || e->chunk_n < CHUNK / 2))
            return chunks_put(op, tx, e, e->merged, merge(e->chunk, e->chunk_n, p, n, e->merged));
    }
    return chunks_put(op, tx, e, p, n);
}

/* Moves what the edit has gathered into chunks. */
static enum err move_all(struct op *op, struct db_tx *tx, struct points_edit *e)
{
    size_t at = 0;
    enum err err = OK;
    while (!err && at < e->n && e->anchored && page_point_compare(&e->p[at], &e->anchor) < 0) {
        size_t done = 0;
        err = move_late(op, tx, e, e->p + at, e->n - at, &done);
        at += done;
        if (!err)
            err = db_settle(op, tx); /* the next look must see it */
    }
    if (!err && at < e->n)
        err = move_behind(op, tx, e, e->p + at, e->n - at);
    if (!err)
        err = db_settle(op, tx);
    if (err || !e->n)
        return err;
    const struct page_point *last = &e->p[e->n - 1];
    if (!e->anchored || page_point_compare(last, &e->anchor) > 0)
        e->anchor = *last;
    e->anchored = true;
    e->loaded = false;
    e->n = 0;
    return OK;
}

/* ---- adding ---- */

enum err points_edit_create(struct op *op, struct points_edit **ret)
{
    struct points_edit *e = malloc(sizeof *e);
    if (!e)
        return op_fail(op, E_TOO_LARGE, "the batch needs too much memory");
    *ret = e;
    return OK;
}

void points_edit_destroy(struct points_edit *e)
{
    free(e);
}

enum err points_edit_begin(struct op *op, struct points_edit *e, int64_t series, struct str tail)
{
    e->series = series;
    e->loaded = false;
    return tail_read(op, tail, e->p, &e->n, &e->anchored, &e->anchor);
}

/* Whether a chunk holds the point, which does not lie behind the anchor. The chunk is kept for the next one. */
static enum err stored(struct op *op, struct db_tx *tx, struct points_edit *e, const struct page_point *p, bool *ret)
{
    bool inside = e->loaded && page_point_compare(p, &e->chunk[0]) >= 0 && page_point_compare(p, &e->chunk[e->chunk_n - 1]) <= 0;
    enum err err = inside ? OK : chunk_load(op, tx, e, &sql_points_chunk_of, p);
    *ret = !err && e->loaded && holds(e->chunk, e->chunk_n, p);
    return err;
}

enum err points_edit_add(struct op *op, struct db_tx *tx, struct points_edit *e, const struct page_point *p, bool known_new, bool *ret_new)
{
    enum err err = e->n == EDIT_POINTS ? move_all(op, tx, e) : OK;
    if (err)
        return err;
    size_t at = e->n && page_point_compare(p, &e->p[e->n - 1]) <= 0 ? rank_of(e->p, e->n, p) : e->n;
    bool there = at < e->n && page_point_compare(&e->p[at], p) == 0;
    if (!there && !known_new && e->anchored && page_point_compare(p, &e->anchor) <= 0)
        err = stored(op, tx, e, p, &there);
    if (err)
        return err;
    *ret_new = !there;
    if (there)
        return OK;
    memmove(e->p + at + 1, e->p + at, (e->n - at) * sizeof *p);
    e->p[at] = *p;
    e->n++;
    return OK;
}

void points_edit_made(struct points_edit *e, int64_t series)
{
    e->series = series;
}

/* The tail's bytes in e->bytes. */
static size_t tail_write(struct points_edit *e)
{
    size_t n = 0;
    if (e->anchored)
        e->merged[n++] = e->anchor;
    memcpy(e->merged + n, e->p, e->n * sizeof *e->p);
    e->bytes[0] = e->anchored ? ANCHORED : 0;
    return 1 + pack_points(e->merged, n + e->n, e->bytes + 1);
}

enum err points_edit_end(struct op *op, struct db_tx *tx, struct points_edit *e, struct str *ret_tail, bool *ret_fits)
{
    size_t most = LIMIT_TRACK_TAIL_BYTES - LIMIT_TRACK_TAIL_BYTES / 4 + (size_t)(e->series % 16) * (LIMIT_TRACK_TAIL_BYTES / 64);
    size_t points = TAIL_POINTS - 1 - (size_t)(e->series % 16) * 8;
    size_t len = e->n <= points ? tail_write(e) : SIZE_MAX;
    *ret_fits = len <= most || e->series;
    if (!*ret_fits)
        return OK;
    if (len > most) {
        enum err err = move_all(op, tx, e);
        if (err)
            return err;
        len = tail_write(e);
    }
    *ret_tail = (struct str){(const char *)e->bytes, len};
    return OK;
}

/* ---- reading ---- */

struct reading {
    struct page_point tail[TAIL_POINTS], chunk[CHUNK], merged[CHUNK + TAIL_POINTS];
    size_t tail_n, tail_at, chunk_n, left;
    const struct page_point *after;
    points_fn fn;
    void *arg;
};

static inline void reading_auto(struct reading **r) { free(*r); }

static enum err give(struct op *op, struct reading *r, const struct page_point *p, size_t n)
{
    if (r->after && n && page_point_compare(&p[0], r->after) <= 0) {
        size_t skip = rank_of(p, n, r->after);
        skip += skip < n && page_point_compare(&p[skip], r->after) == 0;
        p += skip;
        n -= skip;
    }
    n = n < r->left ? n : r->left;
    r->left -= n;
    return n ? r->fn(op, r->arg, p, n) : OK;
}

/* A chunk, and before its points those of the tail that are late. */
static enum err give_chunk(struct op *op, struct reading *r)
{
    const struct page_point *last = &r->chunk[r->chunk_n - 1];
    size_t late = rank_of(r->tail + r->tail_at, r->tail_n - r->tail_at, last);
    if (!late)
        return give(op, r, r->chunk, r->chunk_n);
    size_t n = merge(r->chunk, r->chunk_n, r->tail + r->tail_at, late, r->merged);
    r->tail_at += late;
    return give(op, r, r->merged, n);
}

static enum err read_chunks(struct op *op, struct db_tx *tx, struct reading *r, int64_t series)
{
    struct db_rows *rows = NULL;
    bool more = false;
    enum err e = r->after ? db_query(op, tx, &sql_points_chunks_from, KEY_ARGS(series, r->after), &rows)
                          : db_query(op, tx, &sql_points_chunks, DB_ARGS(DB_I64(series)), &rows);
    if (e)
        return e;
    while (r->left && !(e = db_step(op, tx, rows, &more)) && more) {
        e = chunk_row(op, tx, rows, r->chunk, &r->chunk_n);
        if (!e)
            e = give_chunk(op, r);
        if (e)
            break;
    }
    db_end(tx, rows);
    return e;
}

/* The chunk in which the points behind `after` begin: reading starts there. */
static enum err read_first(struct op *op, struct db_tx *tx, struct reading *r, int64_t series)
{
    struct db_rows *rows = NULL;
    bool row = false;
    enum err e = db_query(op, tx, &sql_points_chunk_of, KEY_ARGS(series, r->after), &rows);
    if (e)
        return e;
    e = db_step(op, tx, rows, &row);
    if (!e && row)
        e = chunk_row(op, tx, rows, r->chunk, &r->chunk_n);
    db_end(tx, rows);
    return e || !row ? e : give_chunk(op, r);
}

enum err points_tail_read(struct op *op, struct db_tx *tx, int64_t series, struct page_point *ret, size_t *ret_n, bool *ret_anchored, struct page_point *ret_anchor)
{
    struct db_val tail;
    enum err e = db_query_one(op, tx, &sql_points_tail, DB_ARGS(DB_I64(series)), &tail, 1);
    return e ? e : tail_read(op, tail.type == DB_TYPE_BLOB ? tail.s : (struct str){0}, ret, ret_n, ret_anchored, ret_anchor);
}

enum err points_chunk_read(struct op *op, struct db_tx *tx, int64_t series, const struct page_point *key, struct page_point *ret, size_t *ret_n)
{
    struct db_rows *rows = NULL;
    bool row = false;
    enum err e = db_query(op, tx, &sql_points_chunk_get, KEY_ARGS(series, key), &rows);
    if (e)
        return e;
    e = db_step(op, tx, rows, &row);
    if (!e)
        e = row ? chunk_row(op, tx, rows, ret, ret_n) : op_fail(op, E_CORRUPT, "a metric lacks the stored points that it tells of");
    db_end(tx, rows);
    return e;
}

enum err points_read(struct op *op, struct db_tx *tx, int64_t series, const struct page_point *after, size_t max, points_fn fn, void *arg)
{
    AUTO(reading) struct reading *r = malloc(sizeof *r);
    if (!r)
        return no_memory(op);
    r->tail_n = r->tail_at = r->chunk_n = 0;
    r->after = after;
    r->left = max;
    r->fn = fn;
    r->arg = arg;
    bool anchored = false;
    struct page_point anchor;
    enum err e = points_tail_read(op, tx, series, r->tail, &r->tail_n, &anchored, &anchor);
    if (!e && anchored && (!after || page_point_compare(after, &anchor) < 0)) {
        if (after)
            e = read_first(op, tx, r, series);
        if (!e)
            e = read_chunks(op, tx, r, series);
    }
    return e ? e : give(op, r, r->tail + r->tail_at, r->tail_n - r->tail_at);
}

/* ---- databases of before ---- */

struct upgrade {
    int64_t moved;
    bool done;
};

static enum err upgrade_series(struct op *op, struct db_tx *tx, struct points_edit *edit, const struct db_val *row, int64_t *moved)
{
    struct db_rows *rows = NULL;
    bool more = false, new = false, fits = false;
    struct str tail = row[1].type == DB_TYPE_BLOB ? row[1].s : (struct str){0};
    enum err e = points_edit_begin(op, edit, row[0].i, tail);
    if (!e)
        e = db_query(op, tx, &sql_points_old, DB_ARGS(row[0]), &rows);
    while (!e && !(e = db_step(op, tx, rows, &more)) && more) {
        struct page_point p = row_point(tx, rows);
        e = points_edit_add(op, tx, edit, &p, false, &new);
        ++*moved;
    }
    if (rows)
        db_end(tx, rows);
    if (!e)
        e = points_edit_end(op, tx, edit, &tail, &fits);
    if (!e)
        e = db_exec(op, tx, &sql_points_tail_set, DB_ARGS(row[0], DB_BLOB(tail)), NULL);
    return e ? e : db_exec(op, tx, &sql_points_old_delete, DB_ARGS(row[0]), NULL);
}

static enum err upgrade_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct upgrade *u = arg;
    AUTO(points_edit) struct points_edit *edit = NULL;
    enum err e = points_edit_create(op, &edit);
    u->moved = 0;
    while (!e && u->moved < UPGRADE_POINTS) {
        struct db_val row[2];
        e = db_query_one(op, tx, &sql_points_old_next, DB_NO_ARGS, row, ARRAY_LEN(row));
        if (e == E_NOT_FOUND) {
            op_clear(op);
            u->done = true;
            return OK;
        }
        if (!e)
            e = upgrade_series(op, tx, edit, row, &u->moved);
    }
    return e;
}

/* Looks first: opening a database of today must not cost a commit. */
static enum err old_there(struct op *op, struct db_tx *tx, void *arg)
{
    struct upgrade *u = arg;
    struct db_val row[2];
    enum err e = db_query_one(op, tx, &sql_points_old_next, DB_NO_ARGS, row, ARRAY_LEN(row));
    u->done = e == E_NOT_FOUND;
    if (!u->done)
        return e;
    op_clear(op);
    return OK;
}

enum err points_upgrade(struct op *op, struct db *db)
{
    struct upgrade u = {0};
    int64_t moved = 0;
    enum err seen = db_read(op, db, old_there, &u);
    if (seen)
        return seen;
    while (!u.done) {
        AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(64));
        struct op w;
        op_init(&w, arena);
        enum err e = db_write(&w, db, upgrade_tx, &u);
        if (e)
            return op_fail(op, e, "move the points of metrics to their new form: %s", w.msg ? w.msg : err_name(e));
        moved += u.moved;
    }
    if (moved)
        log_at(LOG_INFO, "points.moved", {"points", LOG_I(moved)});
    return OK;
}
